"""Pages that go wrong in the middle of a step or a run: crashes, moves, errors, other agents."""

import asyncio

import pytest

from groundling.actions import Goto
from groundling.agent import LocalLLMWebAgent
from groundling.browser.observe import Waits
from groundling.decision import DecisionConfig
from groundling.llm.scripted import ScriptedLLM

pytestmark = pytest.mark.browser

ASK = DecisionConfig(rules=False)
FORM = """<title>Form</title><label>Name <input></label>
<section><button onclick="out.textContent = 'Saved.'">Save</button><p id=out></p></section>"""


def agent(*answers, **options):
    return LocalLLMWebAgent(ScriptedLLM(answers), **options)


def crash(page):
    """End the page's renderer, as a lack of memory does."""
    try:
        page.goto("chrome://crash", timeout=1_500)
    except Exception:  # noqa: BLE001 - the crash is the point
        return


def test_a_page_that_crashes_while_the_model_thinks_is_not_touched(page, serve):
    page.goto(serve(FORM))

    def answer(prompt):
        crash(page)
        return prompt.labels[0]

    result = agent(answer, config=ASK).click(page, "save")
    assert (bool(result), result.touched) == (False, False)
    assert result.error


def test_a_page_that_crashes_ends_the_run_and_keeps_its_steps(page, serve):
    page.goto(serve(FORM))
    result = agent().run(
        page, 'Enter "ann" as the name and click Save', on_step=lambda _: crash(page)
    )
    assert not result
    assert result.steps[0].verified
    assert "crashed" in result.reason


def test_where_a_field_takes_the_page_is_said(page, serve):
    away = "<label>Name <input onfocus=\"location = '/other'\"></label>"
    url = serve({"/": away, "/other": "<h1>Something else</h1>"})
    page.goto(url)
    result = agent().fill(page, "name", "ann")
    assert result.touched
    assert result.url_after == f"{url}/other"
    assert f"the address is now {url}/other" in str(result)


def test_after_a_page_of_an_error_another_one_opens(page, serve):
    url = serve(FORM)
    page.goto(url)
    missing = agent().act(page, Goto(f"{url}/missing"))
    assert not missing
    assert "error status" in str(missing)
    assert agent().act(page, Goto(url)).verified
    assert agent().click(page, "save").verified


def test_a_spinner_without_end_fails_the_run_at_its_step(page, serve):
    spins = """<section><button onclick="s.hidden = false">Save</button></section>
    <div id=s role=progressbar aria-label=Saving hidden>*</div>"""
    page.goto(serve(spins))
    waits = Waits(effect_s=0.3, busy_s=1.5)
    result = agent(waits=waits).run(page, "Click Save")
    assert not result
    assert not any(step.verified for step in result.steps)
    assert "Save" in result.reason


def test_a_field_that_cuts_its_text_is_named_and_one_that_formats_it_is_right(page, serve):
    page.goto(
        serve("""<label>Phone <input oninput="
          const d = value.replace(/\\D/g, ''); if (d.length === 10)
          value = `(${d.slice(0, 3)}) ${d.slice(3, 6)}-${d.slice(6)}`"></label>
        <label>Code <input oninput="value = value.slice(0, 3)"></label>""")
    )
    assert agent().fill(page, "phone", "5551234567").verified
    cut = agent().fill(page, "code", "abcdef")
    assert not cut
    assert "abc" in str(cut)


def test_two_agents_one_of_which_leaves_the_page(serve, with_async_page):
    asked = []
    url = serve(
        {
            "/": '<a href=/other>Leave</a><section><button onclick="n = (window.n || 0) + 1;'
            "out.textContent = 'Pressed ' + n\">Press</button><p id=out></p></section>",
            "/other": "<title>Other</title><h1>Other</h1>",
        }
    )

    async def body(page):
        page.on("framenavigated", lambda frame: asked.append(frame.url))
        await page.goto(url)
        steps = agent().aclick(page, "Leave"), agent().aclick(page, "Press")
        return await asyncio.gather(*steps)

    left, pressed = with_async_page(body)
    assert left.verified
    assert asked.count(f"{url}/other") == 1
    # Whoever came first had the page; the other one's button is gone, and was not looked for there.
    assert pressed.verified or (pressed.error and not pressed.touched)
