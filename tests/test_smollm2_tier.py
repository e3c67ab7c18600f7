"""The tuned SmolLM2 of the package, real weights."""

import pytest

from groundling.elements import RawElement
from groundling.errors import ModelAnswerError
from groundling.llm import load_llm, tuned
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
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def llm(cache):
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


TWELVE = [
    "the Contact link", "log out", "look for a product", "back to the start page", "open the cart",
    "the third link", "sort the list", "save my letter", "buy it", "write to the shop",
    "a field to type in", "the newsletter",
]  # fmt: skip


def test_from_the_copy_it_says_what_the_unpacked_file_says(llm, monkeypatch, cache):
    (copy,) = (cache / "groundling" / "models").iterdir()
    copied = load_llm("smollm2")
    monkeypatch.setattr(tuned, "converted", lambda source, load: None)
    unpacked = load_llm("smollm2")
    for instruction in TWELVE:
        shown = sorted(rank(PAGE, instruction), key=lambda c: c.element.id)
        for n in (2, 5):
            prompt = PromptBuilder.build_choice(instruction, "find_any", shown[:n])
            expected, told = unpacked.choose(prompt), copied.choose(prompt)
            assert (told.best, told.prompt_tokens) == (expected.best, expected.prompt_tokens)
            assert told.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    assert copied.second.model.name_or_path == str(copy)
    assert unpacked.second.model.name_or_path != str(copy)
