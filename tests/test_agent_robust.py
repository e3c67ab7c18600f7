"""Attempts that each change something, the selector they end in, and the truth when all fail."""

import pytest

from groundling.agent import RobustLocalLLMAgent
from groundling.browser.observe import Waits
from groundling.llm.scripted import ScriptedLLM
from groundling.policy import Policy

pytestmark = pytest.mark.browser

SHORT = Waits(effect_s=0.3)
SAVE = "<button onclick=\"n = (window.n || 0) + 1; out.textContent = 'Saved ' + n\">Save</button>"
OUT = "<p id=out></p>"


def robust(*answers, **options):
    return RobustLocalLLMAgent(ScriptedLLM(answers), **{"waits": SHORT, **options})


def changes(result):
    return [r.change for r in (*result.attempts, result)]


def test_attempts_end_in_a_failure_that_lists_them_all(page, serve):
    page.goto(serve(SAVE + OUT + "<a href=/>Home</a>"))
    result = robust(*[None] * 9).click(page, "the purple elephant in the corner")
    assert not result
    told = changes(result)
    assert len(told) == len(set(told)) >= 4
    assert told[:3] == ["", "read anew once the network was quiet", "30 candidates, shuffled"]
    assert result.error.startswith(f"{len(told)} attempts failed: 1. nothing to click")
    assert all(f"{n}. " in result.error for n in range(1, len(told) + 1))
    assert page.evaluate("window.n") is None


def test_an_element_that_comes_late_is_found_by_a_later_attempt(page, serve):
    page.goto(serve(f"<a href=/>Home</a><div id=d></div>{OUT}"))

    def none_yet(prompt):
        page.evaluate("html => { d.innerHTML = html }", SAVE)
        return prompt.none_label

    result = robust(none_yet, "Save").click(page, "Save")
    assert result.verified
    assert changes(result) == ["", "read anew once the network was quiet"]
    assert "nothing to click" in result.attempts[0].error


def test_a_field_that_takes_keys_only_gets_keys(page, serve):
    page.goto(
        serve(
            "<label>Name <input id=a onkeydown='keyed = 1'"
            " oninput=\"if (!window.keyed) this.value = ''\"></label>"
        )
    )
    result = robust().fill(page, "Name", "Ada")
    assert result.verified
    assert page.input_value("#a") == "Ada"
    assert len(result.attempts) == 1


def test_the_stronger_model_is_asked_when_the_first_finds_nothing(page, serve):
    page.goto(serve(SAVE + OUT))
    strong = ScriptedLLM(["Save", "Save"])
    strong.name = "strong"
    result = robust(*[None] * 9, stronger=strong).click(page, "keep my work")
    assert result.verified
    assert result.change == "asked strong"


def test_the_callers_selector_comes_last(page, serve):
    page.goto(serve(SAVE + OUT + "<button id=x>Other</button>"))
    result = robust(*[None] * 9).click(page, "keep my work", fallback="button:not(#x)")
    assert result.verified
    assert (result.change, result.healed_by) == ("by the fallback", "selector")


def test_a_selector_that_matches_several_is_not_followed(page, serve):
    page.goto(serve(SAVE + OUT + "<button id=x>Other</button>"))
    result = robust(*[None] * 9, max_retries=1).click(page, "keep my work", fallback="button")
    assert not result
    assert "selector 'button' matches 2 visible elements" in result.error


def test_a_selector_is_made_of_the_words_of_the_instruction(page, serve):
    page.goto(serve(SAVE.replace("<button", "<button data-testid=keep-document") + OUT))
    llm = [None] * 9
    result = robust(*llm, max_retries=1).click(page, "keep document", task_type="find_button")
    assert result.verified
    assert result.change == "by a selector made of its words"


def test_a_click_that_may_have_worked_is_never_done_twice(page, serve):
    page.goto(serve("<button onclick='n = (window.n || 0) + 1'>Order</button>"))
    result = robust().click(page, "Order")
    assert (result.outcome.status, result.attempts) == ("unverified", ())
    assert page.evaluate("n") == 1


BANNER = """<div id=cookies style="position:fixed;inset:0;background:#fffc">
<p>We use cookies</p><button onclick="cookies.remove(); all = 1">Accept all</button>
<button onclick="cookies.remove()">Reject all</button></div>"""


def test_a_banner_is_closed_only_where_the_policy_allows_it(page, serve):
    page.goto(serve(SAVE + OUT + BANNER))
    left = robust("Save", max_retries=1).click(page, "Save")
    assert "is covered by" in left.error
    assert page.locator("#cookies").count() == 1
    result = robust("Save", policy=Policy(dismiss_overlays=True)).click(page, "Save")
    assert result.verified
    assert "closed what lay over it: clicked 'Reject all'" in result.outcome.evidence
    assert page.evaluate("[window.n, window.all]") == [1, None]


def test_the_same_step_on_an_unchanged_page_is_stopped(page, serve):
    page.goto(serve("<button onclick='n = (window.n || 0) + 1'>More</button>"))
    a = robust(loop_limit=2, max_retries=1)
    results = [a.click(page, "More") for _ in range(3)]
    assert page.evaluate("n") == 2
    assert "the same was done 2 times on this page" in results[2].error


def test_the_same_step_on_a_page_that_changes_goes_on(page, serve):
    page.goto(serve(SAVE + OUT))
    a = robust(loop_limit=1)
    assert [a.click(page, "Save").verified for _ in range(3)] == [True] * 3


@pytest.mark.parametrize("name", ["max_retries", "loop_limit"])
def test_limits_below_one_are_refused(name):
    with pytest.raises(ValueError, match=f"`{name}` is 0: it must be at least 1"):
        robust(**{name: 0})
