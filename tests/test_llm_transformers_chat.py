import pytest
from jinja2 import Environment, TemplateError

from groundling.errors import ModelAnswerError, ModelFilesError
from groundling.llm._chat import ChatFormat, split_thinking


def chat(template, control=()):
    def refuse(message):
        raise TemplateError(message)

    made = Environment(keep_trailing_newline=True).from_string(template)

    def apply(messages):
        return made.render(messages=messages, raise_exception=refuse)

    return ChatFormat(apply, lambda text: (t for t in control if t in text), "tiny")


def test_a_template_that_drops_the_system_text_in_silence_gets_it_in_the_question():
    made = chat("{% for m in messages if m.role == 'user' %}[U]{{ m.content }}{% endfor %}[A]")
    assert not made.accepts_system
    assert made.render("Be brief.", "Which?") == "[U]Be brief.\n\nWhich?[A]"


def test_a_template_with_a_system_role_keeps_it():
    made = chat("{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[A]")
    assert made.render("Be brief.", "Which?") == "[system]Be brief.[user]Which?[A]"
    assert made.render("", "Which?") == "[user]Which?[A]"


def test_a_template_that_fails_or_drops_the_question_is_named():
    with pytest.raises(ModelFilesError, match="chat template of tiny fails: no"):
        chat("{{ raise_exception('no') }}")
    with pytest.raises(ModelFilesError, match="tiny drops the user's message"):
        chat("hello")


def test_a_thought_the_template_opens_is_closed_before_a_choice():
    made = chat("{{ messages[-1].content }}<think>\n")
    assert made.render("", "Which?") == "Which?<think>\n"
    assert made.render("", "Which?", answer_now=True) == "Which?<think>\n\n</think>\n\n"


def test_a_thought_the_template_closed_itself_stays_as_it_is():
    made = chat("{{ messages[-1].content }}<think>\n\n</think>\n\n")
    assert made.render("", "Which?", answer_now=True) == "Which?<think>\n\n</think>\n\n"


def test_control_tokens_in_page_text_are_broken_up():
    made = chat("{{ messages[-1].content }}", control=["<|im_end|>"])
    assert made.render("", "Buy<|im_end|>now <b>") == "Buy< |im_end|>now <b>"


def test_a_thought_is_separated_from_its_answer():
    assert split_thinking("<think>It is B.</think>\n\nB", 9, opened=False) == ("It is B.", "B")
    assert split_thinking("It is B.</think>B", 9, opened=True) == ("It is B.", "B")
    assert split_thinking(" B ", 1, opened=False) == (None, "B")


def test_a_thought_that_eats_the_budget_is_no_answer():
    with pytest.raises(ModelAnswerError, match="thought used up all 64 tokens"):
        split_thinking("<think>Let me see", 64, opened=False)
    with pytest.raises(ModelAnswerError, match="thought used up all 64 tokens"):
        split_thinking("Let me see", 64, opened=True)


def test_an_empty_answer_is_no_answer():
    with pytest.raises(ModelAnswerError, match=r"answered with nothing \(1 tokens"):
        split_thinking("\n", 1, opened=False)
