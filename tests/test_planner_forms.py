"""Goals that need more than one look: forms, suggestions, leaves, calendars. No browser."""

from dataclasses import replace

import pytest

from groundling.actions import Click, Done, Fill
from groundling.agent.goal import Past, RunView
from groundling.driver import run_sync
from groundling.elements import ElementSnapshot, ListPlace, RawElement
from groundling.planner import RulesPlanner
from groundling.planner.extremes import extreme
from groundling.planner.slots import slots
from groundling.trace import StepResult
from groundling.verify import Outcome


def page(*elements):
    return ElementSnapshot(url="u", viewport={}, elements=elements)


def button(name, id):  # noqa: A002
    return RawElement(id=id, role="button", text=name)


def first(goal, snapshot, **more):
    view = RunView(goal=goal, snapshot=snapshot, **more)
    return run_sync(RulesPlanner().next(view))


def past(step, status, **more):
    outcome = Outcome(status, ("seen",))
    return Past(step, StepResult(action=step.action, outcome=outcome, **more))


GENRE, DIRECTOR = (
    RawElement(id=1, role="textbox", label="Genre"),
    RawElement(id=2, role="textbox", label="Director Name"),
)
YEAR = RawElement(id=3, role="textbox", label="Released")


@pytest.mark.parametrize(
    ("sentence", "fields", "wanted"),
    [
        (
            "crime films directed by Curry from year 1995",
            (YEAR, DIRECTOR, GENRE),
            {1: "crime", 2: "Curry", 3: "1995"},
        ),
        (
            "a flight from: Bonn, Germany to: Rome on 10/16/2026",
            (
                RawElement(id=1, role="textbox", text="From"),
                RawElement(id=2, role="textbox", placeholder="To"),
                RawElement(id=3, role="textbox", label="Departure date"),
            ),
            {1: "Bonn, Germany", 2: "Rome", 3: "10/16/2026"},
        ),
        # One field that is named is no form, and neither are words that no field takes.
        ("films directed by Curry", (DIRECTOR, YEAR), {}),
        ("the Lord of the Rings", (GENRE, DIRECTOR, YEAR), {}),
        ("shoes", (RawElement(id=1, role="searchbox", text="Search"),), {}),
    ],
)
def test_a_sentence_fills_a_form_where_it_names_the_fields(sentence, fields, wanted):
    assert dict(slots(sentence, fields)) == wanted


def tickets(*rows):
    return [
        RawElement(id=i, role="button", text=f"Book for {price}", context=f"Duration: {time}")
        for i, (price, time) in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("said", "rows", "wanted"),
    [
        ("Buy the cheapest ticket", [("$390", "5h 2m"), ("$1,255", "1h"), ("$89.50", "9h")], 2),
        ("Buy the ticket with the highest cost", [("$390", "5h"), ("$1,255", "1h")], 1),
        ("Buy the fastest one", [("$1", "5h 2m"), ("$2", "4h 58m"), ("$3", "1 day 1 h")], 1),
        ("Book the longest duration", [("$1", "59 min"), ("$2", "1 hr")], 1),
        ("Buy the cheapest ticket", [("$5", "1h"), ("$5", "2h")], None),  # a tie
        ("Buy the cheapest ticket", [("$5", "1h"), ("nothing", "2h")], None),  # one says no price
        ("Buy a ticket", [("$5", "1h"), ("$6", "2h")], None),
    ],
)
def test_the_one_beyond_all_others_is_taken(said, rows, wanted):
    found = extreme(tickets(*rows), said)
    assert (None if found is None else found.id) == wanted


def test_a_superlative_that_asks_for_another_order_is_no_choice():
    step = first("Click the cheapest first", page(*tickets(("$5", "1h"), ("$6", "2h"))))
    assert step.element is None


def test_a_suggestion_is_picked_that_begins_and_ends_as_the_goal_says():
    goal = 'Enter an item that starts with "Gua" and ends with "la"'
    field = RawElement(id=9, role="textbox", text="Tags", value="")
    before = page(field)
    typed = first(goal, before)
    assert (typed.action, typed.element) == (Fill("Gua"), field)
    done = replace(past(typed, "verified", element=field), snapshot=before)
    names = ("Guadeloupe", "Guam", "Guatemala")
    offered = [RawElement(id=i, role="listitem", text=n) for i, n in enumerate(names)]
    picked = first(goal, page(field, *offered), history=(done,))
    assert (picked.action, picked.element, picked.covers) == (Click(), offered[2], ())
    # What stood there before the typing is no suggestion.
    old = replace(done, snapshot=page(field, *offered))
    assert isinstance(first(goal, page(field, *offered), history=(old,)), Done)


def test_what_a_failed_step_brought_up_is_sent_away():
    name = RawElement(id=9, role="textbox", text="Name")
    before = page(name)
    step = first('Enter "ann" as the name', before)
    failed = replace(past(step, "failed", element=name, touched=True), snapshot=before)
    over = [button("OK", id=20), button("Cancel", id=21)]
    way = first('Enter "ann" as the name', page(name, *over), history=(failed,))
    assert (way.action, way.element, way.covers) == (Click(), over[1], ())
    # Two ways out, or a window that was there before: not ours to close.
    two = [button("Close", id=20), button("Cancel", id=21)]
    other = first('Enter "ann" as the name', page(name, *two), history=(failed,))
    assert other.element not in two


def results(first_id, *names):
    return [
        RawElement(id=first_id + i, role="link", text=n, places=(ListPlace(1, i + 1, len(names)),))
        for i, n in enumerate(names)
    ]


def test_the_fifth_result_is_counted_over_several_leaves():
    goal = "Click the 5th search result"
    pager = [
        RawElement(id=90 + i, role="link", text=t, places=(ListPlace(2, i + 1, 4),))
        for i, t in enumerate(("1", "2", "3", ">"))
    ]
    before = page(*results(1, "a", "b", "c"), *pager)
    turn = first(goal, before)
    assert (turn.element, turn.covers) == (pager[1], ())
    turned = replace(past(turn, "verified", element=pager[1]), snapshot=before)
    step = first(goal, page(*results(11, "d", "e", "f"), *pager), history=(turned,))
    assert (step.element.text, step.covers != ()) == ("e", True)
    # What the leaf holds is not counted anew.
    assert first("Click the 2nd search result", before).element is None


def test_a_form_is_sent_off_unsaid_only_when_asked_for():
    name = RawElement(id=9, role="textbox", text="Name", value="ann")
    shown = page(name, button("Submit", id=20))
    step = first('Enter "ann" as the name', shown)
    done = replace(past(step, "verified", element=name), snapshot=shown)
    view = RunView(goal='Enter "ann" as the name', snapshot=shown, history=(done,))
    assert run_sync(RulesPlanner().next(view)) == Done()
    sent = run_sync(RulesPlanner(finish_forms=True).next(view))
    assert sent.element.text == "Submit"
    twice = replace(view, history=(done, past(sent, "unverified")))
    assert run_sync(RulesPlanner(finish_forms=True).next(twice)) == Done()


def test_a_calendar_is_turned_over_many_months_at_one_go():
    field = RawElement(id=1, role="textbox", label="Date", readonly=True)
    back = RawElement(id=2, role="link", text="Prev")
    shown = replace(page(field, back), texts=("December 2026",))
    step = first("Select 03/05/2026 as the date", shown)
    assert (step.action, step.element, step.covers) == (Click(count=9), back, ())
