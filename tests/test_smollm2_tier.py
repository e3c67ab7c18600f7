"""The tuned SmolLM2 of the package, real weights."""

import pytest

from groundling.elements import RawElement
from groundling.errors import ModelAnswerError
from groundling.llm import load_llm
from groundling.prompts import PromptBuilder
from groundling.ranking import rank

pytestmark = pytest.mark.runtimes

PAGE = [
    RawElement(id=i, role=role, tag=tag, text=name)
    for i, (role, tag, name) in enumerate(
        [
            ("link", "a", "Home"), ("link", "a", "Your basket"), ("button", "button", "Sign out"),
            ("textbox", "input", "Search products"), ("link", "a", "Contact"),
        ]
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def llm():
    pytest.importorskip("torch", reason="needs torch")
    pytest.importorskip("gguf", reason="needs gguf")
    return load_llm("smollm2")


def asked(instruction, order=1):
    shown = sorted(rank(PAGE, instruction), key=lambda c: order * c.element.id)
    return PromptBuilder.build_choice(instruction, "find_any", shown)


def named(llm, prompt):
    shown = {
        label: c.element.text for label, c in zip(prompt.labels, prompt.candidates, strict=False)
    }
    return shown.get(llm.choose(prompt).best)


@pytest.mark.parametrize(
    ("instruction", "name"),
    [
        ("the Contact link", "Contact"),
        ("log out", "Sign out"),
        ("look for a product", "Search products"),
        ("back to the start page", "Home"),
    ],
)
def test_it_chooses_by_sense_in_either_order(llm, instruction, name):
    assert [named(llm, asked(instruction, order)) for order in (1, -1)] == [name, name]


def test_it_says_the_same_twice_with_odds_that_sum_to_one(llm):
    first, second = (llm.choose(asked("open the cart")).probabilities for _ in range(2))
    assert first == second
    assert sum(first) == pytest.approx(1)


def test_it_writes_no_text(llm):
    with pytest.raises(ModelAnswerError, match="smollm2:base"):
        llm.generate("hello")
