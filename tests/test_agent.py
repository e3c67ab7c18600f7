"""The agent on pages that go wrong in every way, its expectations, its policy, its twins."""

import asyncio
import socket
import tempfile

import pytest
from fixed_models import FixedLLM

from groundling.actions import Fill, Goto
from groundling.agent import LocalLLMWebAgent
from groundling.browser import perform
from groundling.browser.base import SnapshotOptions
from groundling.browser.launch import launch_arguments
from groundling.browser.observe import Waits
from groundling.decision import DecisionConfig
from groundling.errors import PageClosedError, PolicyError, PromptTooLongError
from groundling.llm.scripted import ScriptedLLM
from groundling.policy import Policy
from groundling.trace import read_trace

pytestmark = pytest.mark.browser

SHOP = """<title>Shop</title><main>
<label>Name <input id=name></label>
<label><input type=checkbox id=agree>Agree</label>
<button id=b onclick="n = (window.n || 0) + 1; out.textContent = 'Ordered ' + n">Order</button>
<p id=out></p></main>"""
SHORT = Waits(effect_s=0.3)
ASK = DecisionConfig(rules=False)
"""Leaves every decision to the model, where a test waits to interfere."""


def agent(*answers, **options):
    return LocalLLMWebAgent(ScriptedLLM(answers), **options)


def then(do, name="Order"):
    """An answer that does something to the page first, as time may while a model thinks."""

    def answer(prompt):
        do()
        return prompt.labels[[c.element.text for c in prompt.candidates].index(name)]

    return answer


@pytest.fixture
def shop(page, serve):
    page.goto(serve({"/": SHOP, "/other": "<title>Other</title><a href=/>Home</a>"}))
    return page


# -- sync, async, attached


def test_sync_and_async_drivers_say_and_do_the_same(serve, page, with_async_page):
    url = serve(SHOP)

    def told(result):
        return result.action.describe(), result.element.text, str(result.outcome), bool(result)

    page.goto(url)
    a = agent()
    steps = [a.fill(page, "Name", "Ada"), a.check(page, "Agree"), a.click(page, "Order")]

    async def body(page):
        await page.goto(url)
        a = agent()
        steps = [await a.afill(page, "Name", "Ada"), await a.acheck(page, "Agree")]
        return [told(s) for s in [*steps, await a.aclick(page, "Order")]]

    assert with_async_page(body) == [told(s) for s in steps]
    assert [s.outcome.status for s in steps] == ["verified"] * 3


def test_a_page_that_a_person_drives_can_be_taken_over_and_left(serve, in_thread):
    """One browser with a profile; a second client attaches to the page that is open in it."""
    url = serve(SHOP)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def body():
        from playwright.sync_api import sync_playwright

        arguments = launch_arguments()
        arguments["args"].append(f"--remote-debugging-port={port}")
        with sync_playwright() as p, tempfile.TemporaryDirectory() as profile:
            context = p.chromium.launch_persistent_context(profile, **arguments)
            mine = context.pages[0]
            mine.goto(url)
            mine.get_by_label("Name").press_sequentially("Ada")
            own = agent().check(mine, "Agree")
            attached = p.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
            theirs = next(t for t in attached.contexts[0].pages if t.url.startswith(url))
            typed = agent().type(theirs, "Name", " Lovelace")
            clicked = agent().click(theirs, "Order")
            attached.close()
            held = mine.get_by_label("Name").input_value(), mine.inner_text("#out")
            context.close()
            return [r.outcome.status for r in (own, typed, clicked)], held

    statuses, held = in_thread(body)
    assert statuses == ["verified"] * 3
    assert held == ("Ada Lovelace", "Ordered 1")


def test_two_agents_on_one_page_do_each_thing_once(serve, with_async_page):
    url = serve(
        '<section><button onclick="a.textContent = +a.textContent + 1">Left</button>'
        '<p id=a>0</p></section><section><button onclick="b.textContent = +b.textContent + 1">'
        "Right</button><p id=b>0</p></section>"
    )

    async def body(page):
        await page.goto(url)
        steps = agent().aclick(page, "Left"), agent().aclick(page, "Right")
        results = await asyncio.gather(*steps)
        return [bool(r) for r in results], await page.inner_text("body")

    worked, text = with_async_page(body)
    assert worked == [True, True]
    assert text.split() == ["Left", "1", "Right", "1"]


# -- faults of the page


def test_an_element_that_goes_while_the_model_thinks_is_not_clicked(shop):
    result = agent(then(lambda: shop.evaluate("b.remove()")), config=ASK).click(shop, "order")
    assert not result
    assert not result.touched
    assert "cannot be found again" in result.error


def test_an_element_drawn_anew_while_the_model_thinks_is_found_again(shop):
    redraw = then(lambda: shop.evaluate("b.replaceWith(b.cloneNode(true))"))
    result = agent(redraw, config=ASK).click(shop, "order")
    assert result.verified
    assert shop.evaluate("n") == 1


def test_a_closed_page_is_an_error_and_one_that_closes_meanwhile_a_failure(shop):
    result = agent(then(shop.close), config=ASK).click(shop, "order")
    assert (bool(result), result.touched) == (False, False)
    assert "closed" in result.error
    with pytest.raises(PageClosedError, match="the page is closed: open a new one"):
        agent("Order").click(shop, "order")


def test_a_pop_up_that_closes_itself_has_done_its_work(page, serve):
    page.goto(serve({"/": SHOP, "/pop": "<button onclick='window.close()'>Done</button>"}))
    with page.expect_popup() as opened:
        page.evaluate("() => { window.open('/pop') }")
    result = agent().click(opened.value, "Done")
    assert result.verified
    assert "the page closed itself" in result.outcome.evidence


def test_a_crashed_page_fails_in_words(shop):
    def crash():
        try:
            shop.goto("chrome://crash", timeout=5_000)
        except Exception:  # noqa: BLE001 - the crash is the point
            return

    crash()
    result = agent("Order").click(shop, "order")
    assert not result
    assert "crashed" in result.error


def test_an_empty_page_fails_in_words(page, serve):
    page.goto(serve("<p>Nothing here</p>"))
    result = agent().click(page, "order")
    assert "holds 0 elements and none can be acted on" in result.error


def test_a_page_that_never_loads_fails_in_time(page, monkeypatch):
    monkeypatch.setattr(perform, "_LOAD_MS", 300.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        result = agent().goto(page, url)
    assert not result
    assert f"{url} could not be opened" in result.error


def test_a_page_whose_scripts_are_busy_fails_in_time(shop):
    agent().find(shop, "Order")
    shop.evaluate(
        "() => { setTimeout(() => { const t = Date.now(); while (Date.now() - t < 3000); }, 0) }"
    )
    result = agent(reading=SnapshotOptions(timeout_s=0.4)).click(shop, "Order")
    assert not result
    assert "did not answer within 0.4 s" in result.error


def test_a_page_that_goes_elsewhere_while_the_model_thinks_is_not_clicked(shop):
    away = then(lambda: shop.goto(shop.url + "other"))
    result = agent(away, config=ASK).click(shop, "order")
    assert (bool(result), result.touched) == (False, False)
    assert result.url_after.endswith("/other")


def test_a_download_in_place_of_a_page_and_a_broken_page_are_told(page, serve):
    file = ("a,b", {"Content-Disposition": "attachment; filename=list.csv"})
    url = serve({"/": SHOP, "/file": file})
    page.goto(url)
    got = agent().act(page, Goto(url + "/file"))
    assert not got
    assert "download" in str(got)
    assert agent().click(page, "Order").verified
    missing = agent().act(page, Goto(url + "/missing"))
    assert "was answered with an error status and no page" in missing.error


# -- faults of the decision


def test_of_two_that_fit_equally_well_neither_is_clicked(page, serve):
    page.goto(serve("<button>Save</button><button>Save</button>"))
    twins = LocalLLMWebAgent(FixedLLM("A", p=0.35))
    result = twins.click(page, "save")
    assert not result.touched
    assert "two elements fit equally well" in result.error


def test_an_answer_that_cannot_be_used_fails_the_step_alone(shop):
    result = agent("Nonsense", config=ASK).click(shop, "order")
    assert not result
    assert "'Nonsense' is in 0 of the names" in result.error
    assert agent().click(shop, "Order").verified


def test_none_of_these_clicks_nothing(shop):
    result = agent(None, config=ASK).click(shop, "delete my account")
    assert "nothing to click" in result.error
    assert shop.evaluate("window.n") is None


def test_a_prompt_that_does_not_fit_is_an_error_with_the_numbers(shop):
    small = LocalLLMWebAgent(ScriptedLLM(["Order"], context_window=20), config=ASK)
    with pytest.raises(PromptTooLongError, match="the limit is 20"):
        small.click(shop, "order")


def test_what_an_element_cannot_take_is_told_before_it_is_touched(shop):
    result = agent().fill(shop, "Agree", "yes", task_type="find_any")
    assert result.error == (
        "checkbox 'Agree' takes no text, so no fill: it is a checkbox, use check or uncheck"
    )
    assert not result.touched
    with pytest.raises(ValueError, match="click needs an instruction or an element"):
        agent().click(shop)


# -- the caller's own proof


def test_an_expectation_decides(page, serve):
    page.goto(serve({"/": f"{SHOP}<a href='/ok?a=1'>On</a>", "/ok": "<h1>Well done</h1>"}))
    a = agent()
    assert a.click(page, "Order", expect="ordered 1").verified
    assert a.click(page, "Order", expect=lambda p: p.evaluate("n") == 2).verified
    assert a.click(page, "On", expect="/ok?a=*").outcome.evidence[0] == "as expected: /ok?a=*"


def test_an_expectation_may_be_playwrights_own(shop):
    from playwright.sync_api import expect

    a = agent()
    met = a.click(
        shop, "Order", expect=lambda p: expect(p.locator("#out")).to_have_text("Ordered 1")
    )
    assert met.verified
    unmet = a.click(shop, "Order", expect="Thank you")
    assert not unmet
    assert unmet.outcome.evidence[0] == "not as expected: Thank you"


# -- policy, secrets, traces


def test_a_page_of_another_host_is_not_acted_on(shop):
    far = agent(policy=Policy(allowed_hosts=("*.example.org",)))
    with pytest.raises(PolicyError, match=r"host '127.0.0.1' is not allowed: allowed are"):
        far.click(shop, "Order")
    near = agent(policy=Policy(allowed_hosts=("127.0.0.1",)))
    assert near.click(shop, "Order").verified
    with pytest.raises(PolicyError, match=r"host 'example.com' is not allowed"):
        near.goto(shop, "https://example.com/")


def test_a_guarded_action_needs_a_yes(shop):
    with pytest.raises(PolicyError, match="click on 'Order' needs a confirmation"):
        agent(policy=Policy(guarded="order|pay")).click(shop, "Order")
    assert shop.evaluate("window.n") is None
    asked = []

    def confirm(action, element):
        asked.append((action.verb, element.text))
        return True

    assert agent(policy=Policy(guarded="order", confirm=confirm)).click(shop, "Order").verified
    assert asked == [("click", "Order")]


def test_a_secret_is_typed_and_written_nowhere(page, serve, tmp_path):
    page.goto(
        serve(
            "<label>Token <input id=t></label><p id=out></p>"
            "<button onclick=\"out.textContent = 'It is ' + t.value; document.title = t.value\">"
            "Show</button><button>Show more</button>"
        )
    )
    policy, path = Policy(secrets={"token": "open-sesame-17"}), tmp_path / "trace.jsonl"
    llm = ScriptedLLM(["Token", "Show more", "Token"])
    a = LocalLLMWebAgent(llm, config=ASK, policy=policy, trace=path, waits=SHORT)
    filled = a.fill(page, "the token", secret="token")
    shown = a.act(page, Fill(secret="token"), element=filled.element)
    clicked = LocalLLMWebAgent(ScriptedLLM(["Show"]), policy=policy, trace=path).click(page, "Show")
    a.click(page, "more")
    assert page.input_value("#t") == "open-sesame-17"
    assert filled.verified
    assert shown.verified
    assert "the page shows 'It is {token}'" in clicked.outcome.evidence
    told = [path.read_text(encoding="utf-8"), *(p.text for p in llm.prompts), str(filled)]
    assert "{token}" in llm.prompts[-1].text
    assert not [t for t in told if "open-sesame" in t]
    with pytest.raises(PolicyError, match="there is no secret named 'pin': known are token"):
        a.fill(page, "the token", secret="pin")


def test_an_element_under_a_heading_that_shows_a_secret_is_found_again(page, serve):
    page.goto(
        serve(
            """<h2>Token open-sesame-17</h2><button onclick="out.textContent='Saved'">Save</button>
            <p id=out></p><h2>Other</h2><button>Save</button>"""
        )
    )
    first = [lambda prompt: prompt.labels[0]]
    policy = Policy(secrets={"token": "open-sesame-17"})
    a = agent(*first, policy=policy, config=ASK)
    clicked = a.click(page, "save the token")
    assert clicked, clicked
    assert "open-sesame" not in repr(clicked)


def test_what_goes_into_a_password_field_is_a_secret(page, serve, tmp_path):
    page.goto(serve("<label>Password <input type=password></label>"))
    path = tmp_path / "trace.jsonl"
    assert agent(trace=path).fill(page, "Password", "hunter2").verified
    assert "hunter2" not in path.read_text(encoding="utf-8")


def test_an_interrupt_keeps_the_trace_and_leaves_the_page_as_it_is(shop, tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    path = tmp_path / "trace.jsonl"
    a = agent(trace=path)
    a.click(shop, "Order")
    with pytest.raises(KeyboardInterrupt):
        a.click(shop, "Order", expect=interrupt)
    first, second = read_trace(path)
    assert (first["status"], second["status"]) == ("verified", "failed")
    assert second["error"] == "interrupted"
    assert shop.inner_text("#out") == "Ordered 2"
    assert a.click(shop, "Order").verified


def test_a_cancelled_task_keeps_the_trace(serve, with_async_page, tmp_path):
    url, path = serve("<button onclick='n = 1'>Save</button>"), tmp_path / "trace.jsonl"

    async def body(page):
        await page.goto(url)
        task = asyncio.create_task(agent(trace=path).aclick(page, "Save"))
        await page.wait_for_function("window.n === 1")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with_async_page(body)
    (step,) = read_trace(path)
    assert (step["error"], step["status"]) == ("interrupted", "failed")
