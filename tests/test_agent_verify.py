"""Outcomes judged from what was seen, by hand-made observations; no browser."""

import pytest

from groundling.actions import Click, Fill, Hover, Press, Scroll
from groundling.browser.observe import Answer, Dialog, Seen
from groundling.elements import ElementSnapshot, Option, RawElement
from groundling.policy import Policy
from groundling.verify import decided, judge

STATE = {
    "connected": True,
    "shown": True,
    "tag": "button",
    "type": "",
    "role": "",
    "value": None,
    "text": "Save",
    "checked": None,
    "selected": None,
    "picked": [],
    "pressed": None,
    "expanded": None,
    "disabled": False,
    "invalid": False,
    "message": "",
    "focused": False,
    "box": [0, 0, 80, 30],
    "scroll": [0, 0],
    "index": 0,
    "password": False,
}
CALM = {
    "state": STATE,
    "focus": "",
    "focusMoved": False,
    "scroll": [0, 0],
    "pressed": True,
    "added": [],
    "added_n": 0,
    "removed": [],
    "removed_n": 0,
    "removedNear": False,
    "removedMs": 1e9,
    "reordered": False,
    "moved": [],
    "attributes": [],
    "classes": [],
    "look": [],
    "styled": [],
    "alerts": [],
    "fields": [],
    "wrong": [],
    "clicks": [],
    "invalid": [],
    "busy": False,
    "quiet_ms": 500,
}
PAGE = "http://shop.test/"


def seen(*, was=None, more=None, **after):
    before = {"state": {**STATE, **(was or {})}, "focus": "", "scroll": [0, 0], "password": False}
    urls = {"url_before": PAGE, "url_after": PAGE, "elapsed_ms": 500.0}
    return Seen(before=before, after={**CALM, **after}, **{**urls, **(more or {})})


def lines(*texts, near=True, ms=20):
    added = [{"text": t, "near": near, "ms": ms} for t in texts]
    return {"added": added, "added_n": len(added)}


def test_without_any_change_nothing_is_claimed():
    outcome = judge(Click(), seen())
    assert (outcome.status, bool(outcome)) == ("unverified", False)
    assert outcome.evidence == ("nothing changed on the page",)


def test_an_action_that_need_not_show_is_true_when_unverified():
    assert judge(Hover(), seen())
    assert judge(Press("F9"), seen())
    assert judge(Scroll(), seen()).status == "unverified"


@pytest.mark.parametrize(
    ("near", "ms", "status"),
    [(True, 2000, "verified"), (False, 150, "verified"), (False, 600, "unverified")],
)
def test_a_change_far_away_counts_only_when_it_is_prompt(near, ms, status):
    assert judge(Click(), seen(**lines("Cart (1)", near=near, ms=ms))).status == status


def test_a_change_far_away_is_watched_for_a_while_before_it_counts():
    far = lines("Cart (1)", near=False, ms=20)
    assert not decided(Click(), seen(**far))
    assert decided(Click(), seen(**far, more={"elapsed_ms": 1300.0}))
    assert decided(Click(), seen(**lines("Saved")))


@pytest.mark.parametrize(
    ("dialog", "status"),
    [
        (Dialog("alert", "Saved", True), "verified"),
        (Dialog("alert", "Invalid code", True), "failed"),
        (Dialog("confirm", "Delete it?", False), "failed"),
        (Dialog("confirm", "Delete it?", True), "unverified"),
        (Dialog("prompt", "Name?", False), "failed"),
    ],
)
def test_a_dialog_is_proof_only_of_what_it_says(dialog, status):
    assert judge(Click(), seen(more={"dialogs": (dialog,)})).status == status


def test_a_busy_page_is_not_done():
    done = {**lines("Sending it"), "busy": True}
    assert judge(Click(), seen(**done)).status == "unverified"
    assert not decided(Click(), seen(**done))


def test_a_request_without_an_answer_is_not_done():
    assert judge(Click(), seen(**lines("Sent"), more={"n_unanswered": 1})).status == "unverified"


def test_a_server_that_refuses_fails_the_step():
    for status, result in ((200, "verified"), (409, "failed"), (500, "failed"), (0, "failed")):
        answer = Answer("POST", PAGE + "save", status, "fetch")
        assert judge(Click(), seen(more={"answers": (answer,)})).status == result


def test_polling_that_finds_nothing_is_no_failure_of_the_step():
    answer = Answer("GET", PAGE + "news", 404, "fetch")
    assert judge(Click(), seen(**lines("Saved"), more={"answers": (answer,)})).status == "verified"


def test_the_same_sent_twice_is_no_success():
    answer = Answer("POST", PAGE + "order", 200, "fetch", same=2)
    outcome = judge(Click(), seen(**lines("Thank you"), more={"answers": (answer,)}))
    assert outcome.status == "unverified"
    assert outcome.evidence[0] == "the page sent the same 2 times: POST /order"


def test_words_of_error_among_many_lines_are_content():
    titles = [f"Result {i}" for i in range(9)]
    assert judge(Click(), seen(**lines("Errors in tea making", *titles))).status == "verified"
    assert judge(Click(), seen(**lines("Name is required"))).status == "failed"
    missing = [f"Line {i} is required" for i in range(9)]
    assert judge(Click(), seen(**lines(*missing))).status == "failed"


def arrived(title="Shop", headings=(), alerts=(), password=False):
    page = {"title": title, "headings": list(headings), "alerts": list(alerts)}
    return {"arrival": {**page, "password": password}, "url_after": PAGE + "new"}


@pytest.mark.parametrize(
    ("page", "status"),
    [
        (arrived(), "verified"),
        (arrived(headings=["Page not found"]), "failed"),
        (arrived(title="404"), "failed"),
        (arrived(headings=["Lost and found"]), "verified"),
        (arrived(alerts=[["Payment declined", "alert"]]), "failed"),
        (arrived(password=True), "unverified"),
    ],
)
def test_where_a_link_leads_is_looked_at(page, status):
    assert judge(Click(), seen(more=page)).status == status


def test_a_login_that_was_asked_for_is_a_success():
    asked = seen(was={"text": "Sign in"}, more=arrived(password=True))
    assert judge(Click(), asked).status == "verified"


def field(value, **more):
    return {**STATE, "tag": "input", "type": "text", "text": "", "value": value, **more}


@pytest.mark.parametrize(
    ("typed", "held", "status"),
    [
        ("Ada", "Ada", "verified"),
        ("5551234567", "(555) 123-4567", "verified"),
        ("1234.5", "1,234.50", "verified"),
        ("Ada Lovelace", "Ada L", "failed"),
        ("Ada", "", "failed"),
        ("12", "21", "failed"),
    ],
)
def test_a_field_must_hold_the_same_content(typed, held, status):
    assert judge(Fill(typed), seen(state=field(held))).status == status


def test_a_field_that_calls_its_text_invalid_fails():
    state = field("ada", invalid=True, message="Enter an address")
    assert judge(Fill("ada"), seen(state=state)).status == "failed"


def test_evidence_never_holds_a_secret_or_a_password():
    for fill, state in (
        (Fill("hunter2", secret="pw"), field("hunter2")),
        (Fill("hunter2"), field("hunter2", password=True)),
        (Fill("hunter2", secret="pw"), field("hunter2x")),
    ):
        assert "hunter2" not in str(judge(fill, seen(state=state)))


def test_a_snapshot_for_a_prompt_holds_no_secret_wherever_the_page_shows_it():
    shown = RawElement(
        id=1,
        text="Copy sesame",
        value="sesame",
        heading_path=("Token sesame",),
        options=(Option("sesame", "sesame"),),
        attributes={"title": "sesame"},
    )
    page = ElementSnapshot(
        url="http://x/?t=sesame", viewport={}, title="sesame", elements=(shown,), texts=("sesame",)
    )
    hidden = Policy(secrets={"token": "sesame", "pin": "1"}).hide_in(page)
    assert "sesame" not in repr(hidden)
    assert hidden.elements[0].value == "{token}"
    assert hidden.elements[0].id == 1
    assert Policy().hide_in(page) is page
