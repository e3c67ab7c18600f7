"""Cases that need no model, and the near cases that do."""

import pytest
from fixed_models import FixedLLM, button, page_of

from groundling.decision import decide_now
from groundling.elements import RawElement
from groundling.ranking.certain import certain_case


def link(element_id, text, href=""):
    return RawElement(id=element_id, tag="a", role="link", text=text, href=href)


def field(element_id, label, input_type="text"):
    return RawElement(
        id=element_id, tag="input", role="textbox", label=label, text=label, input_type=input_type
    )


PAGE = [
    button(1, "Save"), button(2, "Cancel order"), link(3, "Terms of delivery", "/terms"),
    link(4, "Contact", "/contact"), link(5, "Contact", "/contact"), field(6, "Postcode"),
    field(7, "Secret word", "password"), button(8, "First page"), link(9, "Newsletters"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("instruction", "task_type", "element_id", "rule"),
    [
        ("Save", "find_any", 1, "exact name"),
        ("please click the Save button", "find_button", 1, "exact name"),
        ('press "Save"', "find_button", 1, "quoted name"),
        ("First page", "find_any", 8, "exact name"),
        ("open contact", "find_link", 4, "same link"),
        ("the password", "find_input", 7, "only field of its type"),
        ("delivery", "find_link", 3, "part of a name"),
        ("terms of delivrey", "find_link", 3, "misspelt name"),
        ("the Pstocode field", "find_input", 6, "misspelt name"),
    ],
)
def test_one_element_is_named_beyond_doubt(instruction, task_type, element_id, rule):
    found, by = certain_case(PAGE, instruction, task_type)
    assert (found.id, by) == (element_id, rule)


@pytest.mark.parametrize(
    ("instruction", "task_type"),
    [
        ("the third Save", "find_any"),
        ("anything but Save", "find_any"),
        # The wrong kind of element.
        ("the Save link", "find_link"),
        # One letter is missing at the end: a plural, and no misspelling.
        ("newsletter", "find_link"),
        ("unsave", "find_button"),
        ("go", "find_any"),
        ("the place I live in", "find_input"),
    ],
)
def test_everything_else_is_left_to_the_model(instruction, task_type):
    assert certain_case(PAGE, instruction, task_type) is None


def test_a_second_bearer_makes_it_uncertain():
    assert certain_case([*PAGE, button(10, "Save")], "Save", "find_any") is None
    assert certain_case([*PAGE, button(10, "Save as draft")], "Save", "find_button") is None
    assert certain_case([*PAGE, link(10, "Contact", "/us")], "Contact", "find_link") is None
    assert certain_case([*PAGE, link(10, "Fast delivery")], "delivery", "find_link") is None
    assert certain_case([*PAGE, field(10, "PIN", "password")], "password", "find_input") is None
    assert (
        certain_case([*PAGE, link(10, "Terms of deliver")], "terms of delivrey", "find_link")
        is None
    )


def test_what_cannot_be_seen_is_not_certain():
    page = [button(1, "Save", is_visible=False), button(2, "Stop", occluded=True)]
    assert certain_case(page, "Save", "find_any") is None
    assert certain_case(page, "Stop", "find_any") is None


def test_a_decision_tells_which_rule_made_it():
    decision = decide_now(page_of(*PAGE), "press Save", "find_button", FixedLLM())
    assert (decision.rule, decision.selection.method) == ("exact name", "rule")
    assert "by rule (exact name)" in decision.explain()
    assert decision.to_json()["rule"] == "exact name"
    assert decision.stages_ms.keys() == {"filter", "rules"}


def test_the_one_button_of_a_page_is_the_button():
    page = [button(1, "Click Me!"), link(2, "Help")]
    assert certain_case(page, "click the button", "find_any")[0].id == 1
    assert certain_case(page, "the link", "find_link")[0].id == 2
    assert certain_case(page, "the list", "select_from_list") is None
    assert certain_case([*page, button(3, "Other")], "the button", "find_any") is None


def test_an_element_without_any_name_is_no_misspelling():
    nameless = RawElement(id=1, tag="button", role="button", text="")
    assert certain_case([nameless, button(2, "Cancel")], "Save", "find_any") is None
