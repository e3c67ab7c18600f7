"""Verified steps of traces become labelled examples, without what was typed."""

import json

import labelled_pages
import pytest
from click.testing import CliRunner

from groundling.actions import Click, Fill
from groundling.agent import LocalLLMWebAgent
from groundling.bench.labelled import read_lines
from groundling.cli.main import cli
from groundling.elements import BBox, ElementSnapshot, RawElement
from groundling.llm import load_llm
from groundling.trace import StepResult, Trace, scrubbed
from groundling.verify import Outcome

BOX = RawElement(
    id=1, tag="input", role="textbox", text="E-mail", input_type="email", value="old@home.test",
    bbox=BBox(0, 0, 200, 20),
)  # fmt: skip
GO = RawElement(id=2, tag="button", role="button", text="Go on", bbox=BBox(0, 100, 100, 20))
BACK = RawElement(
    id=3, tag="a", role="link", text="Not ada@home.test?", href="/back?who=ada%40home.test"
)


def step(action, element, instruction, *, status="verified", elements=(BOX, GO, BACK), **changes):
    snapshot = ElementSnapshot(
        url="https://shop.test/in?token=abc", viewport={"width": 800, "height": 600},
        elements=elements, texts=("Welcome",),
    )  # fmt: skip
    values = {
        "action": action, "element": element, "instruction": instruction,
        "outcome": Outcome(status, ("the field changed",)), "snapshot": snapshot,
        "url": snapshot.url,
    }  # fmt: skip
    return StepResult(**{**values, **changes})


@pytest.fixture
def recorded(tmp_path):
    """A trace of three steps: a text typed, a button pressed, a click without effect."""
    trace = Trace(tmp_path / "t.jsonl", pages=True)
    trace.write(step(Fill("ada@home.test"), BOX, "put ada@home.test into the mail field"))
    trace.write(step(Click(), GO, "continue"))
    trace.write(step(Click(), BACK, "go back", status="unverified"))
    return trace.path


def invoke(*arguments, **options):
    return CliRunner().invoke(cli, ["train", "collect", *map(str, arguments)], **options)


def test_verified_steps_become_tasks_of_their_page(recorded, tmp_path):
    done = invoke(recorded, "--out", tmp_path / "c.jsonl")
    assert done.exit_code == 0, done.output
    (page,) = read_lines(tmp_path / "c.jsonl")
    assert page.site == "shop.test"
    assert [(t.instruction, set(t.accept_ids)) for t in page.tasks] == [
        ("put [typed] into the mail field", {1}),
        ("continue", {2}),
    ]
    told = json.loads(done.stdout)
    assert (told["pages"], told["tasks"], told["added"]) == (1, 2, 2)
    assert "1 not verified" in done.stderr


def test_nothing_typed_and_no_field_reaches_the_file(recorded, tmp_path):
    invoke(recorded, "--out", tmp_path / "c.jsonl")
    text = (tmp_path / "c.jsonl").read_text()
    for secret in ("ada", "home.test", "token", "Welcome"):
        assert secret not in text
    (page,) = read_lines(tmp_path / "c.jsonl")
    assert [e.text for e in page.snapshot] == ["E-mail", "Go on", "Not [typed]?"]


def test_a_secret_that_a_later_page_shows_again_is_not_in_the_trace(tmp_path):
    trace = Trace(tmp_path / "t.jsonl", pages=True)
    trace.write(step(Fill("hunter22", secret="password"), BOX, "the password"))
    echo = RawElement(id=4, tag="button", role="button", text="Use hunter22 again")
    trace.write(step(Click(), echo, "use it again", elements=(echo,)))
    assert "hunter22" not in trace.path.read_text()


def test_a_trace_keeps_no_page_unless_asked_to_and_says_how(tmp_path):
    trace = Trace(tmp_path / "t.jsonl")
    trace.write(step(Click(), GO, "continue"))
    assert "page" not in json.loads(trace.path.read_text())
    refused = invoke(trace.path, "--out", tmp_path / "c.jsonl")
    assert refused.exit_code == 1
    assert "pages=True" in refused.output
    assert not (tmp_path / "c.jsonl").exists()


def test_collecting_again_adds_nothing_twice(recorded, tmp_path):
    out = tmp_path / "c.jsonl"
    invoke(recorded, "--out", out)
    before = out.read_bytes()
    again = invoke(recorded, "--out", out)
    assert "2 known already" in again.stderr
    assert out.read_bytes() == before


def test_a_reviewer_sees_page_instruction_and_choice_and_decides(recorded, tmp_path):
    done = invoke(recorded, "--out", tmp_path / "c.jsonl", "--review", input="n\ny\n")
    assert done.exit_code == 0, done.output
    assert "instruction  continue" in done.stderr
    assert "choice       button Go on" in done.stderr
    assert "#" in done.stderr
    (page,) = read_lines(tmp_path / "c.jsonl")
    assert [t.instruction for t in page.tasks] == ["continue"]
    assert "1 refused" in done.stderr


def test_a_review_that_is_ended_keeps_what_was_confirmed(recorded, tmp_path):
    done = invoke(recorded, "--out", tmp_path / "c.jsonl", "--review", input="y\nq\n")
    assert done.exit_code == 0, done.output
    (page,) = read_lines(tmp_path / "c.jsonl")
    assert len(page.tasks) == 1


def test_that_nothing_fits_is_learnt_only_when_a_person_confirms_it(tmp_path):
    trace = Trace(tmp_path / "t.jsonl", pages=True)
    trace.write(step(Click(), GO, "continue"))
    line = json.loads(trace.path.read_text())
    line |= {"element": None, "method": "model", "status": "failed", "instruction": "log out"}
    trace.path.write_text(trace.path.read_text() + json.dumps(line) + "\n")
    invoke(trace.path, "--out", tmp_path / "alone.jsonl")
    (page,) = read_lines(tmp_path / "alone.jsonl")
    assert [t.instruction for t in page.tasks] == ["continue"]
    invoke(trace.path, "--out", tmp_path / "seen.jsonl", "--review", input="y\ny\n")
    (page,) = read_lines(tmp_path / "seen.jsonl")
    assert [(t.instruction, t.expect_none) for t in page.tasks] == [
        ("continue", False),
        ("log out", True),
    ]


def test_labelled_pages_join_the_file_and_a_clash_of_names_is_refused(recorded, tmp_path):
    labelled_pages.write(tmp_path / "mine.jsonl", [labelled_pages.page("a")])
    out = tmp_path / "c.jsonl"
    done = invoke(recorded, tmp_path / "mine.jsonl", "--out", out)
    told = json.loads(done.stdout)
    assert (told["pages"], told["sites"], told["tasks"]) == (2, 2, 8)
    other = {**labelled_pages.page("b"), "page": "a-home"}
    labelled_pages.write(tmp_path / "clash.jsonl", [other])
    before = out.read_bytes()
    refused = invoke(tmp_path / "clash.jsonl", "--out", out)
    assert "'a-home'" in refused.output
    assert out.read_bytes() == before


def test_a_file_of_something_else_is_refused_by_line(tmp_path):
    (tmp_path / "x.jsonl").write_text("hello\n")
    refused = invoke(tmp_path / "x.jsonl", "--out", tmp_path / "c.jsonl")
    assert refused.exit_code == 1
    assert "line 1 is no step of a trace" in refused.output


def test_scrubbing_takes_the_longest_text_first_and_leaves_short_ones():
    told = {"a": ["Find red shoes size 9", "q=red+shoes", "q=red%20shoes", 9], "b": "Red"}
    assert scrubbed(told, {"red shoes", "red", "9"}) == {
        "a": ["Find [typed] size 9", "q=[typed]", "q=[typed]", 9],
        "b": "[typed]",
    }


@pytest.mark.browser
def test_a_real_run_becomes_examples(page, serve, tmp_path):
    page.goto(
        serve(
            "<title>Shop</title><label>Name <input></label>"
            "<button onclick=\"document.body.append('All saved')\">Save</button>"
        )
    )
    trace = Trace(tmp_path / "t.jsonl", pages=True)
    agent = LocalLLMWebAgent(load_llm("embedded"), trace=trace)
    assert agent.act(page, Fill("Ada Lovelace"), "Name").verified
    assert agent.act(page, Click(), "Save").verified
    done = invoke(trace.path, "--out", tmp_path / "c.jsonl")
    assert done.exit_code == 0, done.output
    assert "Lovelace" not in (tmp_path / "c.jsonl").read_text()
    chosen = [
        (t.instruction, found.snapshot.get(min(t.accept_ids)).text)
        for found in read_lines(tmp_path / "c.jsonl")
        for t in found.tasks
    ]
    assert chosen == [("Name", "Name"), ("Save", "Save")]
