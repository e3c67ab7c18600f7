"""Runs of many steps on small pages in a real browser."""

import pytest

from groundling.agent import LocalLLMWebAgent
from groundling.llm.scripted import ScriptedLLM

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


@pytest.mark.browser
def test_a_form_is_filled_and_sent(page, serve):
    page.goto(serve(FORM))
    agent = LocalLLMWebAgent(ScriptedLLM())
    result = agent.run(page, GOAL)
    assert result, result
    assert [p.result.action.verb for p in result.history] == [
        *("fill", "fill", "check", "check", "select_option", "click"),
    ]
    assert result.evidence == ("click: the page shows 'Sent ann'",)
    assert page.locator("[type=password]").input_value() == "x1y2"
    assert "x1y2" not in str(result) + "".join(map(str, result.steps))
