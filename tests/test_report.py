"""The HTML report: what it shows, and that a hostile page cannot take part in it."""

import base64
import io
import re

import pytest
from PIL import Image

from groundling.elements import BBox
from groundling.errors import DataError
from groundling.report import (
    Report,
    ReportCandidate,
    ReportStep,
    render_report,
    write_report,
)

HOSTILE = "</style><script>document.title='taken'</script><img src=x onerror=alert(1)>"


def png(width=200, height=100):
    file = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(file, "PNG")
    return file.getvalue()


def a_step(**changes):
    values = {
        "instruction": "the search box",
        "action": "click",
        "url": "http://127.0.0.1/",
        "outcome": "verified",
        "evidence": ("the search box has the focus",),
        "candidates": (
            ReportCandidate(
                label="A",
                role="combobox",
                name="Search",
                bbox=BBox(10, 10, 50, 20),
                probability=0.9,
            ),
            ReportCandidate(
                label="B", role="link", name="Images", bbox=BBox(10, 400, 50, 20), probability=0.06
            ),
        ),
        "chosen": "A",
        "confidence": 0.9,
        "none_probability": 0.04,
        "method": "model",
        "prompt": "Which one?",
        "dropped": (("link Maps", "role does not fit"),),
        "stages_ms": (("snapshot", 12.5), ("model", 30.0)),
        "prompt_tokens": 90,
        "completion_tokens": 1,
        "screenshot": png(),
        "viewport": (200, 100),
    }
    return ReportStep(**{**values, **changes})


def a_report(*steps):
    return Report(title="A run", model="scripted", steps=steps)


def test_totals_are_sums_over_the_steps():
    report = a_report(a_step(), a_step(outcome="failed", stages_ms=(("model", 7.5),)))
    assert (report.n_verified, report.total_ms, report.n_tokens) == (1, 50.0, 182)
    assert "1 of 2" in render_report(report)


def test_a_candidate_outside_the_picture_is_listed_but_not_drawn():
    assert [c.label for c, _ in a_step().drawn()] == ["A"]
    html = render_report(a_report(a_step()))
    assert "1 of 2 candidates are in the picture" in html
    assert "Images" in html


def test_the_chosen_box_is_drawn_last_so_that_nothing_covers_it():
    boxes = [ReportCandidate(label=n, role="b", name="", bbox=BBox(0, 0, 9, 9)) for n in "ABC"]
    drawn = a_step(candidates=tuple(boxes), chosen="A").drawn()
    assert [c.label for c, _ in drawn] == ["B", "C", "A"]


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(1.0, "100.0 %"), (0.9996, "&gt;99.9 %"), (0.5, "50.0 %"), (None, "unknown")],
)
def test_a_probability_is_shown_honestly(probability, shown):
    candidate = ReportCandidate(label="A", role="link", name="x", probability=probability)
    html = render_report(a_report(a_step(candidates=(candidate,), none_probability=None)))
    assert f'<span class="p">{shown}</span>' in html


def test_reasons_prompt_evidence_and_picture_are_in_the_file():
    html = render_report(a_report(a_step()))
    for text in ("role does not fit", "Which one?", "has the focus", "12.5 ms"):
        assert text in html
    inside = re.search(r'src="data:image/png;base64,([^"]+)"', html)
    assert base64.b64decode(inside[1]) == png()


def test_text_of_a_hostile_page_stays_text():
    hostile = ReportCandidate(label="A", role=HOSTILE, name=HOSTILE, context=HOSTILE)
    step = a_step(
        instruction=HOSTILE,
        action=HOSTILE,
        url=HOSTILE,
        evidence=(HOSTILE,),
        candidates=(hostile,),
        prompt=HOSTILE,
        method=HOSTILE,
        dropped=((HOSTILE, HOSTILE),),
        stages_ms=((HOSTILE, 1.0),),
    )
    html = render_report(Report(title=HOSTILE, model=HOSTILE, steps=(step,)))
    assert "<script" not in html
    assert "<img src=x" not in html
    assert html.count("</style>") == 1


def test_a_lone_surrogate_does_not_lose_the_report(tmp_path):
    write_report(a_report(a_step(instruction="bad \ud800 text")), tmp_path / "r.html")
    assert "bad ? text" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_choice_that_was_not_offered_is_refused():
    with pytest.raises(DataError, match=r"'Z' is none of \['A', 'B'\]"):
        a_step(chosen="Z")


def test_a_picture_that_is_no_png_is_refused():
    with pytest.raises(DataError, match="PNG signature"):
        a_step(screenshot=b"GIF89a")


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="choose another path"):
        write_report(a_report(a_step()), tmp_path / "file" / "r.html")


@pytest.mark.browser
def test_a_browser_shows_the_report_without_fetching_anything(tmp_path, chromium):
    path = tmp_path / "report.html"
    write_report(a_report(a_step(instruction=HOSTILE)), path)
    with chromium.new_page(viewport={"width": 390, "height": 800}) as page:
        asked, complaints = [], []
        page.on("request", lambda request: asked.append(request.url.partition(":")[0]))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(path.as_uri())
        assert set(asked) <= {"file", "data"}
        assert complaints == []
        assert page.title() == "A run - groundling report"
        assert page.locator(".shot img").evaluate("i => i.naturalWidth") == 200
        # Readable on a phone: nothing reaches beyond the screen.
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
