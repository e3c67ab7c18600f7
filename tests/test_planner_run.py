"""Runs of many steps on small pages in a real browser, sync and async, and how they end."""

import json
import time

import pytest

from groundling.agent import LocalLLMWebAgent, RobustLocalLLMAgent
from groundling.llm import load_llm
from groundling.llm.scripted import ScriptedLLM
from groundling.planner import LLMPlanner
from groundling.trace import read_trace

pytestmark = pytest.mark.browser
FORM = """<title>Form</title>
<form onsubmit="event.preventDefault(); out.textContent = 'Sent ' + user.value">
<label>User name <input id=user></label><label>Password <input type=password></label>
<label><input type=checkbox> Red</label><label><input type=checkbox> Green</label>
<label>Country <select><option>France<option>Spain</select></label>
<button>Log in</button></form><p id=out></p>"""
GOAL = (
    'Enter the user name "ann" and the password "x1y2", select Red, Green, '
    "choose Spain from the country list, then press Log in"
)
VERBS = ["fill", "fill", "check", "check", "select_option", "click"]
DEAD = "<button>Save</button><button>Other</button>"
SECTIONS = """<title>Sections</title>
<button aria-expanded=false onclick="this.ariaExpanded=true; a.hidden=false">One</button>
<div id=a hidden><a href="#x">Apple</a></div>
<button aria-expanded=false onclick="this.ariaExpanded=true; b.hidden=false">Two</button>
<div id=b hidden><a href="#y">Pear</a></div>"""


def agent(*answers, **options):
    return LocalLLMWebAgent(ScriptedLLM(answers), **options)


def test_a_form_is_filled_and_sent(page, serve):
    page.goto(serve(FORM))
    result = agent().run(page, GOAL)
    assert result, str(result)
    assert [s.action.verb for s in result.steps] == VERBS
    assert result.evidence == ("click: the page shows 'Sent ann'",)
    assert page.locator("[type=password]").input_value() == "x1y2"
    assert "x1y2" not in str(result) + "".join(map(str, result.steps))


def test_the_same_with_an_asynchronous_page(with_async_page, serve):
    url = serve(FORM)

    async def body(page):
        await page.goto(url)
        return await agent().arun(page, GOAL)

    result = with_async_page(body)
    assert result, str(result)
    assert [s.action.verb for s in result.steps] == VERBS


def test_the_embedded_model_finds_what_the_goal_says_in_other_words(page, serve):
    page.goto(serve(FORM))
    goal = "Enter {login} into the username box, tick the red checkbox and click the login button"
    result = LocalLLMWebAgent(load_llm("embedded")).run(page, goal, values={"login": "bob"})
    assert result, str(result)
    assert page.locator("#out").inner_text() == "Sent bob"


def test_a_model_plans_and_another_one_chooses(page, serve):
    page.goto(serve(FORM))
    plan = [
        {"action": "fill", "on": "User name", "text": "ann"},
        {"action": "check", "on": "Red", "text": ""},
        {"action": "click", "on": "Log in", "text": ""},
        {"action": "done", "on": "", "text": ""},
    ]
    planner = LLMPlanner(ScriptedLLM(texts=map(json.dumps, plan)))
    result = agent().run(page, 'Log in as "ann" with red', planner=planner)
    assert result, str(result)
    assert [s.action.verb for s in result.steps] == ["fill", "check", "click"]


def test_a_model_that_says_done_without_having_done_anything_is_not_believed(page, serve):
    page.goto(serve(FORM))
    done = json.dumps({"action": "done", "on": "", "text": ""})
    result = agent().run(page, "Log in", planner=LLMPlanner(ScriptedLLM(texts=[done])))
    assert not result
    assert "nothing was done" in result.reason


def test_closed_sections_are_opened_to_find_a_name(page, serve):
    page.goto(serve(SECTIONS))
    result = agent().run(page, 'Expand the sections to find and click on the link "Pear"')
    assert result, str(result)
    assert [s.element.text for s in result.steps] == ["One", "Two", "Pear"]
    assert page.url.endswith("#y")


def test_a_value_is_copied_from_the_page(page, serve):
    page.goto(serve("<p>Order number: A-4711<p><label>Order <input></label><button>Go</button>"))
    assert agent().run(page, "Type the order number shown above into the order field")
    assert page.locator("input").input_value() == "A-4711"


def test_a_step_without_effect_makes_the_run_fail_and_says_which(page, serve):
    page.goto(serve(DEAD))
    result = agent().run(page, "Click Save")
    assert not result
    assert not result.done.success
    assert result.reason.startswith("not proved: click: Save")


def test_the_run_ends_at_a_step_that_fails(page, serve):
    page.goto(serve({"/": "<button onclick=\"fetch('/x', {method: 'POST'})\">Buy</button>Total"}))
    result = agent().run(page, "Click Buy and click Total")
    assert not result
    assert len(result.steps) == 1
    assert "the server answered 501 to POST /x" in result.reason


def test_the_callers_expectation_decides(page, serve):
    page.goto(serve(FORM))
    goal = 'Enter "ann" as the user name and press Log in'
    assert agent().run(page, goal, expect="Sent ann")
    page.reload()
    result = agent().run(page, goal, expect=lambda page: "Welcome" in page.title())
    assert not result
    assert "not as expected" in result.reason


def test_max_steps_ends_the_run(page, serve):
    page.goto(serve(FORM))
    result = agent().run(page, GOAL, max_steps=2)
    assert not result
    assert len(result.steps) == 2
    assert "2 steps are done, which is the limit" in result.reason


def test_the_time_limit_ends_a_step_in_its_middle(page, serve, tmp_path):
    page.goto(serve(DEAD))
    started = time.monotonic()
    # Looking for an effect takes three seconds.
    result = agent(trace=tmp_path / "t.jsonl").run(page, "Click Save", timeout_s=0.5)
    assert not result
    assert "the time of 0.5 s is over" in result.reason
    assert time.monotonic() - started < 30
    # On a slow machine the time is over before the step begins.
    for step in read_trace(tmp_path / "t.jsonl") if result.steps else ():
        assert "the time of 0.5 s is over" in step["error"]


def test_a_wait_does_not_outlast_the_run(page, serve):
    page.goto(serve(DEAD))
    started = time.monotonic()
    result = agent().run(page, 'Wait until "Ready" appears', timeout_s=2.0)
    assert not result
    assert time.monotonic() - started < 25


def test_limits_out_of_range_are_refused(page):
    with pytest.raises(ValueError, match="max_steps"):
        agent().run(page, "Click A", max_steps=0)
    with pytest.raises(ValueError, match="the goal is empty"):
        agent().run(page, " ")


def test_a_closed_page_ends_the_run(page, serve):
    page.goto(serve(FORM))
    page.close()
    result = agent().run(page, GOAL)
    assert not result
    assert "closed" in result.reason


def test_a_page_that_closes_in_the_middle_ends_the_run_and_keeps_its_steps(page, serve):
    page.goto(serve(FORM))
    result = agent().run(page, GOAL, on_step=lambda past: page.close())
    assert not result
    assert len(result.steps) == 1
    assert "closed" in result.reason


def test_a_step_that_opens_a_tab_goes_on_there(page, serve):
    url = serve({"/": "<a href=/b target=_blank>Help</a>", "/b": "<a href='#top'>Contents</a>"})
    page.goto(url)
    result = agent().run(page, "Click Help and click Contents")
    assert result, str(result)
    assert result.page.url == f"{url}/b#top"


def test_ctrl_c_keeps_the_trace(page, serve, tmp_path):
    page.goto(serve(FORM))

    def stop(past):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        agent(trace=tmp_path / "t.jsonl").run(page, GOAL, on_step=stop)
    assert [s["action"]["do"] for s in read_trace(tmp_path / "t.jsonl")] == ["fill"]


def test_a_name_that_nothing_bears_ends_the_run_after_two_looks(page, serve):
    page.goto(serve(DEAD))
    result = agent(None, None).run(page, "Click the thing that is not there")
    assert not result
    assert len(result.steps) == 2
    assert "nothing to click: nothing on the page fits" in result.reason


def test_the_robust_agent_runs_goals_too(page, serve):
    page.goto(serve(FORM))
    robust = RobustLocalLLMAgent(ScriptedLLM())
    assert robust.run(page, 'Enter "ann" as the user name and press Log in')
