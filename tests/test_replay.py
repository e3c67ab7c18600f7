"""Scripts of finished runs: saved, replayed without a model, healed, exported as a plain test."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from groundling.agent import LocalLLMWebAgent
from groundling.browser.launch import find_browser
from groundling.cli import cli
from groundling.errors import DataError, ModelAnswerError
from groundling.llm.scripted import ScriptedLLM
from groundling.planner import Script, areplay, exported, replay

pytestmark = pytest.mark.browser
FORM = """<title>Form</title>
<form onsubmit="event.preventDefault(); out.textContent = 'Sent ' + user.value">
<label>User name <input id=user></label><label>Password <input type=password></label>
<label><input type=checkbox> Red</label>
<label>Country <select><option>France<option>Spain</select></label>
<button>Log in</button></form><p id=out></p>"""
DRIFTED = """<title>Form</title><header><a href=/help>Help</a></header>
<div class=new><form onsubmit="event.preventDefault(); out.textContent = 'Sent ' + u7.value">
<div><button class=primary>Log in</button></div>
<label>Country <select><option>Italy<option>Spain<option>France</select></label>
<label><input type=checkbox> Blue</label><label><input type=checkbox> Red</label>
<label>Password <input type=password></label><label>User name <input id=u7></label>
</form><p id=out></p></div>"""
RENAMED = FORM.replace("Log in", "Continue")
GOAL = (
    'Enter {account} as the user name and the password "x1y2", select Red, '
    "choose Spain from the country list, then press Log in"
)
VALUES = {"account": "ann", "password": "x1y2"}


def agent(*answers, **options):
    return LocalLLMWebAgent(ScriptedLLM(answers), **options)


@pytest.fixture(scope="module")
def saved(chromium, tmp_path_factory):
    """A script of a run on the form; one run serves all tests."""
    page = chromium.new_page()
    page.set_content(FORM)
    result = agent().run(page, GOAL, values={"account": "ann"})
    page.close()
    assert result, str(result)
    path = tmp_path_factory.mktemp("script") / "login.json"
    Script.of(result).save(path)
    return path


@pytest.fixture
def script(saved):
    return Script.load(saved)


@pytest.fixture
def secretive():
    from groundling.policy import Policy

    return {"policy": Policy(secrets={"password": "x1y2"})}


def test_a_script_is_readable_and_holds_no_value_and_no_password(script, saved):
    text = saved.read_text()
    told = json.loads(text)
    assert "x1y2" not in text
    assert '"ann"' not in text
    assert told["steps"][0]["action"] == {"do": "fill"}
    assert told["steps"][0]["value"] == "account"
    assert told["steps"][1]["action"] == {"do": "fill", "secret": "password"}
    assert told["steps"][4]["element"]["name"] == "Log in"
    assert [s.action.verb for s in script.steps] == [
        *("fill", "fill", "check", "select_option", "click"),
    ]


def test_it_is_replayed_without_a_model(page, serve, script, secretive):
    page.goto(serve(FORM))
    again = replay(agent(**secretive), page, script, values=VALUES)
    assert again, str(again)
    assert again.healed == ()
    assert page.locator("#out").inner_text() == "Sent ann"
    assert all(s.decision is None for s in again.run.steps)


def test_it_is_replayed_on_an_asynchronous_page(with_async_page, serve, script, secretive):
    url = serve(FORM)

    async def body(page):
        await page.goto(url)
        return await areplay(agent(**secretive), page, script, values={"account": "bob"})

    assert with_async_page(body)


def test_a_page_that_was_rebuilt_needs_no_model_either(page, serve, script, secretive):
    page.goto(serve(DRIFTED))
    again = replay(agent(**secretive), page, script, values=VALUES)
    assert again, str(again)
    assert page.locator("#out").inner_text() == "Sent ann"
    assert page.get_by_role("checkbox", name="Blue").is_checked() is False
    assert all(s.decision is None for s in again.run.steps)


def test_a_renamed_button_is_healed_and_the_script_brought_up_to_date(
    page, serve, script, secretive
):
    page.goto(serve(RENAMED))
    healed = replay(agent("Continue", **secretive), page, script, values=VALUES, wait_s=0)
    assert healed, str(healed)
    assert healed.healed == (5,)
    assert healed.script.steps[4].target.element.name == "Continue"
    page.reload()
    assert replay(agent(**secretive), page, healed.script, values=VALUES).healed == ()


def test_without_healing_an_element_that_is_gone_ends_the_replay(page, serve, script, secretive):
    page.goto(serve(RENAMED))
    again = replay(agent(**secretive), page, script, values=VALUES, wait_s=0, heal=False)
    assert not again
    assert again.run.reason.startswith("step 5: ")
    assert page.locator("#out").inner_text() == ""


def test_a_model_that_finds_nothing_ends_the_replay(page, serve, script, secretive):
    page.goto(serve(RENAMED))
    again = replay(agent(None, **secretive), page, script, values=VALUES, wait_s=0)
    assert not again
    assert "nothing on the page fits" in again.run.reason


def test_an_element_that_comes_late_is_waited_for(page, serve, script, secretive):
    late = "<title>Form</title><script>setTimeout(() => document.body.innerHTML = %s, 700)</script>"
    page.goto(serve(late % json.dumps(FORM)))
    again = replay(agent(**secretive), page, script, values=VALUES)
    assert [s.action.verb for s in again.run.steps][:1] == ["fill"]
    assert again, str(again)


def test_a_missing_value_is_named_before_anything_is_done(page, serve, script):
    page.goto(serve(FORM))
    with pytest.raises(DataError, match="needs the value 'account'"):
        replay(agent(), page, script)
    assert page.locator("#user").input_value() == ""


def test_a_run_that_failed_makes_no_script(page, serve):
    page.goto(serve("<button>Dead</button>"))
    result = agent().run(page, "Click Dead")
    with pytest.raises(DataError, match="cannot be saved"):
        Script.of(result)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"groundling_script": 99}', "\x00"])
def test_a_file_that_is_no_script_is_refused(tmp_path, text):
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(DataError, match="is no script"):
        Script.load(path)


def test_the_exported_test_runs(serve, script, tmp_path):
    text = exported(script)
    assert 'page.get_by_role("textbox", name="User name", exact=True).fill(' in text
    assert "x1y2" not in text
    path = tmp_path / "test_login.py"
    path.write_text(text)
    env = {
        **os.environ,
        "BROWSER_PATH": str(find_browser()),
        "TEST_URL": serve(FORM),
        "ACCOUNT": "ann",
        "PASSWORD": "x1y2",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_command_line_runs_saves_replays_and_exports(serve, tmp_path, in_thread):
    url, saved, out = serve(FORM), tmp_path / "s.json", tmp_path / "test_s.py"
    trace, report = tmp_path / "t.jsonl", tmp_path / "r.html"

    def call(*args):
        return in_thread(lambda: CliRunner().invoke(cli, list(map(str, args))))

    goal = 'Enter "ann" as the user name and press Log in'
    run = ("run", goal, "--url", url, "--trace", trace, "--save", saved, "--report", report)
    ran = call(*run, "--model", "scripted:")
    assert ran.exit_code == 0, ran.output
    assert "done: 2 steps" in ran.output
    assert len(trace.read_text().splitlines()) == 2
    assert "Sent ann" in report.read_text()
    again = call("replay", saved, "--no-heal")
    assert again.exit_code == 0, again.output
    exports = call("replay", saved, "--export", out)
    assert exports.exit_code == 0
    compile(out.read_text(), str(out), "exec")


def test_the_command_line_says_what_is_not_done(serve, in_thread):
    url = serve("<button>Dead</button>")
    ran = in_thread(
        lambda: CliRunner().invoke(cli, ["run", "Click Dead", "--url", url, "--model", "scripted:"])
    )
    assert ran.exit_code == 1
    assert "not done: 1 step" in ran.output
    bad = CliRunner().invoke(cli, ["run", "Click", "--url", url, "--value", "x"])
    assert bad.exit_code == 2


def test_a_healing_model_without_an_answer_says_so(page, serve, script, secretive):
    page.goto(serve(RENAMED))
    again = replay(agent(**secretive), page, script, values=VALUES, wait_s=0)
    assert not again
    assert "the script has no answer" in again.run.reason
    assert ModelAnswerError.retryable
