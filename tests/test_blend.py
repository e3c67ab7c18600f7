"""Two choosers added up: by hand, fitted, and read from the package."""

import json
import math

import pytest

from groundling.elements import RawElement
from groundling.errors import ModelAnswerError, ModelFilesError, UnknownModelError
from groundling.llm import load_llm
from groundling.llm.base import BaseLLM, Choice
from groundling.llm.calibration import Profile
from groundling.llm.smollm2 import Blend, BlendLLM
from groundling.prompts import Candidate, PromptBuilder
from groundling.train.blend import Asked, fit_blend, judged_elsewhere


class Fixed(BaseLLM):
    """Says the same probabilities to everything."""

    name, context_window, is_local = "fixed", 4096, True

    def __init__(self, *p):
        self.p = p

    def choose(self, prompt, labels=None):
        return Choice(
            labels=prompt.labels,
            probabilities=self.p or None,
            best=prompt.labels[0],
            method="logits",
            prompt_tokens=7,
        )

    def read(self, prompt):
        return tuple(map(math.log, self.p)), 11

    def generate(self, prompt, system_prompt="", **kwargs):
        raise NotImplementedError

    def count_tokens(self, text):
        return len(text.split())

    def supports_json_mode(self):
        return False


def asked(n=2):
    shown = [Candidate(RawElement(id=i, role="link", text=f"link {i}"), 0.0) for i in range(n)]
    return PromptBuilder.build_choice("link 1", "find_any", shown)


def blended(first, second, **more):
    blend = Blend(weights=more.pop("weights", (1.0, 1.0)), profile=Profile(**more))
    return BlendLLM("both", first, second, blend)


def test_log_probabilities_are_added_by_weight():
    choice = blended(Fixed(0.6, 0.3, 0.1), Fixed(0.2, 0.7, 0.1), weights=(1.0, 2.0)).choose(asked())
    raw = [0.6 * 0.2**2, 0.3 * 0.7**2, 0.1 * 0.1**2]
    assert choice.probabilities == pytest.approx([r / sum(raw) for r in raw])
    assert (choice.best, choice.labels) == (choice.labels[1], asked().labels)


def test_only_the_labels_allowed_are_weighed():
    prompt = asked()
    choice = blended(Fixed(0.6, 0.3, 0.1), Fixed(0.6, 0.3, 0.1)).choose(prompt, prompt.labels[1:])
    assert choice.probabilities == pytest.approx([0.09 / 0.1, 0.01 / 0.1])


def test_the_tokens_are_those_that_each_model_read():
    some, none = Fixed(0.6, 0.3, 0.1), Fixed(1.0)
    assert blended(some, some).choose(asked()).prompt_tokens == 7 + 11
    assert blended(none, none).choose(asked(0)).prompt_tokens == 7


def test_the_bias_of_none_and_the_temperature_are_the_sum_s():
    llm = blended(Fixed(0.5, 0.25, 0.25), Fixed(0.5, 0.25, 0.25), temperature=2.0, none_bias=9.0)
    choice = llm.choose(asked())
    # Halved log-scores are what they were, and nine halves more are said for "none".
    raw = [0.5, 0.25, 0.25 * math.exp(4.5)]
    assert choice.probabilities == pytest.approx([r / sum(raw) for r in raw])


def test_a_model_without_probabilities_cannot_be_blended():
    with pytest.raises(ModelAnswerError, match="gave no probabilities"):
        blended(Fixed(), Fixed(0.5, 0.4, 0.1)).choose(asked())


def test_on_a_page_without_elements_only_none_is_left():
    prompt = asked(0)
    assert blended(Fixed(), Fixed()).choose(prompt).probabilities == (1.0,)


def test_what_is_no_blend_is_refused(tmp_path):
    for text in ("{", json.dumps({"weights": [1.0], "profile": {}})):
        (tmp_path / "blend.json").write_text(text)
        with pytest.raises(ModelFilesError, match="says not how to blend"):
            Blend.load(tmp_path / "blend.json")


def test_a_blend_is_kept_as_it_was(tmp_path):
    blend = Blend(weights=(1.0, 0.7), profile=Profile(temperature=1.2, thresholds={"0.95": 0.8}))
    blend.save(tmp_path / "blend.json")
    assert Blend.load(tmp_path / "blend.json") == blend


def test_another_name_is_refused():
    with pytest.raises(UnknownModelError, match="known are `smollm2` and `smollm2:base`"):
        load_llm("smollm2:huge")


def tasks(first_is_right, second_is_right, n=60):
    """Return tasks in which each model names the right one of three labels that often."""

    def says(right, share, i):
        best = right if (i * 7) % 10 < 10 * share else (right + 1) % 3
        return tuple(math.log(0.8 if j == best else 0.1) for j in range(3))

    return [
        Asked(
            site=f"s{i % 5}", kind="exact", labels=("A", "B", "C"), none_label="C",
            first=says(i % 2, first_is_right, i), second=says(i % 2, second_is_right, i + 3),
            right=frozenset("AB"[i % 2]), answerable=True,
        )
        for i in range(n)
    ]  # fmt: skip


def test_the_model_that_is_right_more_often_weighs_more():
    weak, strong = fit_blend(tasks(0.8, 0.4)), fit_blend(tasks(0.5, 0.9))
    assert weak.weights[1] < 0.5 < strong.weights[1]


def test_each_site_is_judged_by_a_fit_to_the_others():
    told = judged_elsewhere(tasks(0.8, 0.8))
    assert (told["n"], told["embedded"], told["tuned"]) == (60, 0.8, 0.8)
    assert told["blend"] >= 0.8
