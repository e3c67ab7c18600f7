"""Goals taken apart by rules, clauses fitted to pages, and a model's plans checked. No browser."""

import json

import pytest

from groundling.actions import Check, Click, Done, Fill, Press, SelectOption
from groundling.agent.goal import Past, PlanStep, RunView
from groundling.driver import run_sync
from groundling.elements import ElementSnapshot, Option, RawElement
from groundling.llm.scripted import ScriptedLLM
from groundling.planner import LLMPlanner, RulesPlanner
from groundling.planner.clauses import clauses
from groundling.planner.copied import copied
from groundling.planner.llm import HISTORY_TOKENS, history_lines
from groundling.planner.retry import reworded
from groundling.trace import StepResult
from groundling.verify import Outcome


def said(goal):
    """Return the clauses of a goal in short: `verb targets @ within = value`."""
    return "; ".join(map(_short, clauses(goal)))


def _short(c):
    parts = [c.verb, " + ".join(c.targets)]
    parts += [f"@ {c.within}"] if c.within else []
    parts += [f"= {c.value}"] if c.value else []
    parts += [f"= {{{c.name}}}"] if c.name else []
    parts += [f"< {c.source}"] if c.source else []
    parts += [f"x{c.again}"] if c.again > 1 else []
    parts += [f"({c.count} {c.button} {c.place})"] if (c.count, c.button, c.place) != (
        1, "left", "onto") else []  # fmt: skip
    return " ".join(p for p in parts if p)


SPLITS = [
    ("Click the Save button", "click Save button"),
    ('Click on the "Ok" button.', 'click "Ok" button'),
    ("Please click Save", "click Save"),
    ("Click button ONE, then click button TWO.", "click button ONE; click button TWO"),
    ('Select "A", "B" and click Submit', 'choose "A" + "B"; click Submit'),
    ("Select DKkQH and click Submit.", "choose DKkQH; click Submit"),
    ("Select fzzqo, NYYyS82 and click Submit.", "choose fzzqo + NYYyS82; click Submit"),
    ("Select nothing and click Submit.", "click Submit"),
    (
        "Select words similar to brave, red and click Submit.",
        "choose words similar to brave + words similar to red; click Submit",
    ),
    (
        'Select the options "Red" and "Green" from the colour list',
        'choose "Red" + "Green" @ colour list',
    ),
    ("Choose United States from the country list", "choose United States @ country list"),
    ("Select 03/05/2016 as the date and hit submit.", "choose 03/05/2016 @ date; click submit"),
    (
        'Enter "x" into the text field and press Submit',
        "fill text field = x; click Submit",
    ),
    (
        'Enter the username "a" and the password "b" and press login',
        "fill username = a; fill password = b; click login",
    ),
    (
        'Enter the username "a" and the password "b" into the text fields and press login.',
        "fill username = a; fill password = b; click login",
    ),
    (
        "Fill in the name with 'Ann' and the e-mail with 'a@b.c', then submit the form",
        "fill name = Ann; fill e-mail = a@b.c; click submit button",
    ),
    ("Type “naïve” in the word box", "fill word box = naïve"),
    ("Type 'it's' in the field", "fill field = it's"),
    ('Type "Hello. Then press Enter" in the note', "fill note = Hello. Then press Enter"),
    ("Enter 05/23/2014 as the date and hit submit.", "fill date = 05/23/2014; click submit"),
    ("Enter 8:04 PM as the time and press submit.", "fill time = 8:04 PM; click submit"),
    ("Enter {email} and press Enter", "fill email = {email}; press = Enter"),
    (
        "Enter the user name and the password",
        "fill user name = {user name}; fill password = {password}",
    ),
    ("Set the volume to 5 and press Submit", "fill volume = 5; click Submit"),
    ('Change the city to "Rome"', "fill city = Rome"),
    ('Type "ANN" in all lower case letters in the name input', "fill name input = ann"),
    ("Type 'ann' in upper case and press Enter", "fill = ANN; press = Enter"),
    ('Enter the password "b" into both text fields', "fill both text fields = b"),
    ('In the shipping form, enter "Rome" as the city', "fill city @ shipping form = Rome"),
    (
        "Type the order number shown above into the order field",
        "fill order field < order number shown above",
    ),
    (
        "Copy the text from the first text area and paste it into the input, then press Submit",
        "fill input < text from the first text area; click Submit",
    ),
    ("Check the box then click on the link 'y'", 'check box; click "y"'),
    ("Tick the terms before clicking Save", "check terms; click Save"),
    ("Before clicking Save, tick the terms", "check terms; click Save"),
    ("After ticking the terms, click Save", "check terms; click Save"),
    ("Uncheck all boxes and click Save", "uncheck all boxes; click Save"),
    ('Check "A" and "B"', 'check "A" + "B"'),
    ("Submit the form by clicking 'Send'", 'click "Send"'),
    (
        'Use the textbox to enter "Alan" and press "Search", then find and click the 3rd result.',
        'fill @ textbox = Alan; click "Search"; click 3rd result',
    ),
    ('Expand the sections below, to find and click on the link "foo".', 'click "foo"'),
    ('Switch between the tabs to find and click on the link "foo".', 'click "foo"'),
    ('Search for "cats"', "fill search box = cats; press search box = Enter"),
    (
        'Log in as "ann" with the password "x"',
        "fill user name = ann; fill password = x; click log in button",
    ),
    ("Go back and open Help", "back; click Help"),
    ("Go to https://example.org/a", "goto = https://example.org/a"),
    ("Go to the settings page and open 'Privacy'", 'click settings page; click "Privacy"'),
    ("Press Enter", "press = Enter"),
    ("Press the Escape key", "press = Escape"),
    ("Press ctrl+a in the editor", "press editor = Control+A"),
    ("Press the Delete button", "click Delete button"),
    ("Scroll down", "scroll = down"),
    ("Scroll to the bottom of the page", "scroll = bottom"),
    ('Scroll down until "Contact" shows', 'scroll = down < "Contact"'),
    ('Drag "A" onto "B"', 'drag "A" @ "B"'),
    ("Drag the first card above the third card", "drag first card @ third card (1 left before)"),
    ("Drag the price slider to 40", "drag price slider = 40"),
    ("Double-click the file 'a.txt'", 'click file "a.txt" (2 left onto)'),
    ("Right click the row", "click row (1 right onto)"),
    ('Click on "+" 3 times', 'click "+" x3'),
    ("Hover over the menu", "hover menu"),
    ("Delete the first message", "click Delete the first message"),
    ("Clear the search field; then press Tab", "clear search field; press = Tab"),
    ("Find the row of Ann and click it", "click row of Ann"),
    ("Wait until 'Ready' appears", "wait = Ready"),
]


@pytest.mark.parametrize(("goal", "expected"), SPLITS, ids=[g for g, _ in SPLITS])
def test_a_goal_is_split(goal, expected):
    assert said(goal) == expected


def page(*elements, texts=()):
    numbered = [RawElement(id=n, **e) for n, e in enumerate(elements, start=1)]
    return ElementSnapshot(url="u", viewport={}, elements=tuple(numbered), texts=tuple(texts))


def field(name, **more):
    return {"tag": "input", "role": "textbox", "text": name, "input_type": "text", **more}


def box(name, **more):
    return {"tag": "input", "role": "checkbox", "text": name, "checked": "false", **more}


def button(name, **more):
    return {"tag": "button", "role": "button", "text": name, **more}


def first(goal, snapshot, **more):
    view = RunView(goal=goal, snapshot=snapshot, **more)
    return run_sync(RulesPlanner().next(view))


def past(step, status="verified", **more):
    outcome = Outcome(status, ("seen",))
    return Past(step, StepResult(action=step.action, outcome=outcome, **more))


def test_select_ticks_a_box_chooses_an_option_or_clicks():
    colours = {"tag": "select", "role": "combobox", "text": "Colour"}
    listed = {**colours, "options": (Option("Red"), Option("Blue"))}
    assert first("Select Red", page(box("Red"), box("Blue"))).action == Check()
    assert first("Select Red", page(listed)).action == SelectOption(("Red",))
    assert first("Select Red", page(button("Red"))).action == Click()


def test_options_of_one_list_for_many_are_chosen_at_once():
    many = {"tag": "select", "role": "listbox", "text": "Colour"}
    listed = {**many, "options": (Option("Red"), Option("Blue"), Option("Green"))}
    step = first("Select Red, Green and click Submit", page(listed, button("Submit")))
    assert step.action == SelectOption(("Red", "Green"))
    assert len(step.covers) == 2


def test_a_list_takes_the_value_that_a_field_would():
    listed = {"tag": "select", "role": "combobox", "text": "City", "options": (Option("Rome"),)}
    assert first('Set the city to "Rome"', page(listed)).action == SelectOption(("Rome",))


def test_steps_follow_each_other_and_end():
    snapshot, goal = page(field("Name"), button("Save")), 'Enter "Ann" as the name and press Save'
    one = first(goal, snapshot)
    two = first(goal, snapshot, history=(past(one),))
    assert (one.action, two.action) == (Fill("Ann"), Click())
    assert first(goal, snapshot, history=(past(one), past(two))) == Done()


def test_values_of_the_caller_fill_fields_that_are_named():
    snapshot = page(field("User name"), field("Password", input_type="password"))
    goal = "Enter the user name and the password"
    step = first(goal, snapshot, values={"username": "ann"})
    assert (step.action, step.value) == (Fill("ann"), "user name")
    secret = first(goal, snapshot, values={"username": "ann"}, history=(past(step),))
    assert secret == Done(success=False, answer=secret.answer)
    assert "no value for 'password'" in secret.answer
    named = first(goal, snapshot, secrets=frozenset({"password"}), history=(past(step),))
    assert named.action == Fill("", "password")


def test_what_is_typed_does_not_show_in_a_planned_step():
    step = first('Enter the password "hunter2"', page(field("Password")))
    assert step.action.text == "hunter2"
    assert "hunter2" not in str(step)


def test_a_name_that_does_not_show_is_looked_for_in_closed_places():
    shut = {"role": "button", "tag": "button", "text": "Details", "expanded": False}
    tab = {"role": "tab", "tag": "div", "text": "Second", "selected": False}
    snapshot = page(shut, tab, button("Other"))
    one = first('Click on the link "Deep"', snapshot)
    assert (one.action, one.element.text, one.covers) == (Click(), "Details", ())
    two = first('Click on the link "Deep"', snapshot, history=(past(one),))
    assert two.element.text == "Second"
    # Nothing is left to open: the model is asked.
    three = first('Click on the link "Deep"', snapshot, history=(past(one), past(two)))
    assert (three.instruction, three.covers) == ("Deep", ("0.0.0",))


def test_a_name_that_shows_is_not_looked_for():
    shut = {"role": "button", "tag": "button", "text": "Details", "expanded": False}
    step = first('Click on "Deep"', page(shut, button("Deep")))
    assert step.instruction == "Deep"


def test_another_way_is_tried_where_the_element_does_not_take_the_action():
    listed = RawElement(id=1, tag="div", role="combobox", text="City")
    step = PlanStep(action=Fill("Rome"), instruction="city", covers=("0.0.0",))
    failed = past(step, "failed", error="takes no text", element=listed)
    again = first('Enter "Rome" as the city', page(field("City")), history=(failed,))
    assert again.action == SelectOption(("Rome",))
    assert again.element is listed


def test_words_in_one_or_two_are_spelt_the_other_way_in_a_second_look():
    step = first("Press login", page(button("Anmelden"), button("Log in")))
    failed = past(step, "failed", error="nothing on the page fits")
    both = page(button("Anmelden"), button("Log in"))
    again = first("Press login", both, history=(failed,))
    assert (step.instruction, again.instruction) == ("login", "log in")
    assert reworded("the sign-in button") == "the sign in button"
    assert reworded("E-mail field") == "email field"
    assert reworded("Save") == "Save"


def test_a_click_that_may_have_had_its_effect_is_not_done_again():
    step = first("Click Buy", page(button("Buy")))
    failed = past(step, "failed", error="the server answered 500", touched=True)
    end = first("Click Buy", page(button("Buy")), history=(failed,))
    assert not end.success
    assert "the server answered 500" in end.answer


def test_every_box_is_unticked_where_all_are_meant():
    boxes = page(box("A", checked="true"), box("B"), box("C", checked="true"))
    step = first("Uncheck all boxes", boxes)
    assert (step.element.text, step.covers) == ("A", ("0.0.0.1",))
    last = first("Uncheck all boxes", page(box("A"), box("B"), box("C", checked="true")))
    assert (last.element.text, last.covers) == ("C", ("0.0.0",))


def test_a_value_is_copied_from_the_page():
    snapshot = page(field("Source", value="abc 1"), texts=("Order number: 4711", "Total", "9.50 €"))
    view = RunView(goal="g", snapshot=snapshot)
    assert copied(view, "order number shown above") == "4711"
    assert copied(view, "total shown above") == "9.50 €"
    assert copied(view, "text from the source field") == "abc 1"
    assert copied(view, "invoice code shown above") == ""


def test_nothing_to_copy_ends_the_run():
    end = first("Type the invoice code shown above into the field", page(field("Code")))
    assert not end.success
    assert "the page shows nothing to copy" in end.answer


def ask(llm, goal, snapshot, **more):
    return run_sync(LLMPlanner(llm).next(RunView(goal=goal, snapshot=snapshot, **more)))


def answer(action, on="", text=""):
    return json.dumps({"action": action, "on": on, "text": text})


def test_a_model_plans_one_step_ahead():
    llm = ScriptedLLM(texts=[answer("fill", "the name field", "Ann")])
    step = ask(llm, 'Enter "Ann" as the name', page(field("Name"), button("Save")))
    assert (step.action, step.instruction) == (Fill("Ann"), "the name field")
    assert "Goal: Enter" in llm.requests[0]
    assert "button Save" in llm.requests[0]


def test_a_text_that_the_model_invents_is_refused():
    llm = ScriptedLLM(texts=[answer("fill", "name", "Bob"), answer("fill", "name", "Eve")])
    end = ask(llm, 'Enter "Ann" as the name', page(field("Name")))
    assert not end.success
    assert "stands neither in the goal nor in a value" in end.answer
    assert len(llm.requests) == 2


def test_the_model_names_values_and_never_reads_them():
    llm = ScriptedLLM(texts=[answer("fill", "name", "{name}"), answer("fill", "code", "{pin}")])
    values, secrets = {"name": "Annabel Lee"}, frozenset({"pin"})
    for expected in (Fill("Annabel Lee"), Fill("", "pin")):
        step = ask(llm, "Log in", page(field("Name")), values=values, secrets=secrets)
        assert step.action == expected
    assert "Annabel" not in "".join(llm.requests)


def test_text_of_the_page_may_be_typed_only_where_the_goal_says_so():
    snapshot = page(field("Code"), texts=("Your code: 4711",))
    plan = [answer("fill", "code", "4711")] * 2
    assert ask(ScriptedLLM(texts=plan), "Type the code shown", snapshot).action == Fill("4711")
    assert not ask(ScriptedLLM(texts=plan), "Log in", snapshot).success


def test_an_answer_that_is_no_step_is_asked_for_once_more():
    llm = ScriptedLLM(texts=["click save", answer("press", "", "Tab")])
    assert ask(llm, "Press Tab", page(button("Save"))).action == Press("Tab")
    assert "no JSON object" in llm.requests[1]


def test_the_model_ends_the_run_and_three_failures_do():
    assert ask(ScriptedLLM(texts=[answer("done")]), "g", page()) == Done()
    fail = ask(ScriptedLLM(texts=[answer("fail", "", "no such page")]), "g", page())
    assert fail == Done(success=False, answer="no such page")
    failed = past(PlanStep(action=Click(), instruction="x"), "failed", error="gone")
    assert not ask(ScriptedLLM(), "g", page(), history=(failed,) * 3).success


def test_the_history_keeps_to_its_tokens_and_says_what_it_leaves_out():
    step = PlanStep(action=Click(), instruction="the button that adds one more item to the list")
    llm = ScriptedLLM()
    lines = history_lines((past(step),) * 100, llm.count_tokens)
    assert llm.count_tokens("\n".join(lines)) <= HISTORY_TOKENS
    assert lines[0] == f"({100 - len(lines) + 1} earlier steps)"
    assert lines[-1].startswith("100. click: the button that adds")
