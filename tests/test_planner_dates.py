"""Dates of a goal: as native fields take them, and click by click through a calendar."""

from datetime import date

import pytest

from groundling.agent.goal import PlanStep, RunView
from groundling.elements import BBox, ElementSnapshot, RawElement
from groundling.planner.clauses import clauses
from groundling.planner.copied import of_label
from groundling.planner.dates import as_field_takes, calendar_step, date_of
from groundling.planner.fit import Part, fitted


def element(id_, role, text, **more):
    more = {"tag": "div", "is_visible": True, "is_clickable": True, **more}
    return RawElement(id=id_, role=role, text=text, bbox=BBox(0, 0, 10, 10), **more)


FIELD = element(1, "textbox", "Date", readonly=True, input_type="text")
BACK = element(2, "clickable", "Prev")
ON = element(3, "clickable", "Next")
CELL = element(4, "cell", "5")
DAY = element(5, "link", "5")
LEAF = (FIELD, BACK, ON, CELL, DAY)


def seen(*elements, texts=(), goal="g"):
    snapshot = ElementSnapshot(
        elements=elements,
        url="http://x/",
        title="",
        viewport={"width": 500, "height": 400},
        texts=texts,
    )
    return RunView(goal=goal, snapshot=snapshot)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("03/05/2016", (2016, 3, 5)), ("25.12.2019", (2019, 12, 25)), ("May 2, 2020", (2020, 5, 2))],
)
def test_dates_are_read_in_the_forms_people_write(text, expected):
    assert date_of(text) == date(*expected)


def test_what_is_no_date_stays_as_it_is():
    assert date_of("13/13/2016") is None
    assert as_field_takes("tomorrow", "date") == "tomorrow"
    assert as_field_takes("8:04 PM", "text") == "8:04 PM"


def test_native_fields_get_their_own_form():
    assert as_field_takes("10/11/2011", "date") == "2011-10-11"
    assert as_field_takes("8:04 PM", "time") == "20:04"
    assert as_field_takes("12:30 AM", "time") == "00:30"


@pytest.mark.parametrize(
    ("texts", "clicked", "covers"),
    [
        ((), FIELD, ()),
        (("April 2016",), BACK, ()),
        (("December 2015",), ON, ()),
        (("March 2016",), DAY, ("0.0.0",)),
    ],
)
def test_a_calendar_is_opened_turned_and_clicked(texts, clicked, covers):
    step = calendar_step(FIELD, "03/05/2016", "0.0.0", seen(*LEAF, texts=texts))
    assert isinstance(step, PlanStep)
    assert (step.element, step.covers) == (clicked, covers)


def test_a_field_that_can_be_typed_into_needs_no_calendar():
    typed = element(1, "textbox", "Date", input_type="text")
    assert calendar_step(typed, "03/05/2016", "k", seen(typed, texts=("March 2016",))) is None


def test_a_name_is_followed_by_its_value_not_by_the_next_name():
    fields = (element(1, "textbox", "", label="Color:"),)
    texts = ("Color:", "Submit", "Age", "41", "Color", "orange")
    view = seen(*fields, element(2, "button", "Submit"), texts=texts)
    assert of_label(view, "Color:") == "orange"
    assert of_label(view, "Size") == ""


def planned(goal, *elements, texts=()):
    clause = clauses(goal)[0]
    part = Part("0.0.0", clause.targets[0] if clause.targets else "")
    return fitted(clause, [part], seen(*elements, texts=texts, goal=goal))


def test_a_button_of_a_quoted_name_is_known_without_a_model():
    ok, cancel = element(1, "button", "OK"), element(2, "button", "Cancel")
    step = planned('Click the button in the dialog box labeled "Cancel".', ok, cancel)
    assert step.element == cancel


def test_a_kind_beside_a_name_is_not_part_of_the_name():
    one, link = element(1, "button", "ONE"), element(2, "link", "ONE")
    assert planned("Click button ONE.", one, link).element == one
    assert planned("Click the ONE link.", one, link).element == link
    assert planned("Click button TWO.", one, link).element is None


def test_an_x_that_nothing_is_called_is_the_close_button():
    step = planned('Close the window by clicking the "x".', element(1, "button", "Close"))
    assert (step.element, step.instruction) == (None, "close button")


def test_both_fields_get_the_same_text_one_after_the_other():
    fields = [element(n, "textbox", f"f{n}", input_type="password") for n in (1, 2)]
    step = planned('Enter the password "fU" into both text fields.', *fields)
    assert (step.element, step.action.text) == (fields[0], "fU")
    assert step.covers != ("0.0.0",)


def test_words_on_how_to_look_and_when_are_no_steps_of_their_own():
    said = clauses('Navigate through the tree. Click on "Ann" and press Submit when done.')
    assert [(c.verb, c.targets) for c in said] == [("click", ('"Ann"',)), ("click", ("Submit",))]
