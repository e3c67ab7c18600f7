import math

import pytest
from tiny_models import prompt

from groundling.errors import DataError, LabelError
from groundling.llm import _labels
from groundling.llm.calibration import (
    Profile,
    average_rotations,
    calibrate,
    estimate_prior,
    fit_temperature,
    rotations,
)
from groundling.prompts import ChoicePrompt


def rebuild(question, candidates):
    fields = {name: getattr(question, name) for name in ChoicePrompt.__slots__}
    return ChoicePrompt(**{**fields, "candidates": tuple(candidates)})


class Biased:
    """Likes the right candidate by `taste`, and every label by its own bias."""

    def __init__(self, bias, taste):
        self.bias, self.taste = bias, taste

    def log_scores(self, prompts):
        return [self.row(p) for p in prompts]

    def row(self, p):
        likes = [self.taste.get(c.element.id, 0.0) for c in p.candidates] + [0.0]
        return tuple(self.bias.get(lb, 0.0) + x for lb, x in zip(p.labels, likes, strict=True))


def test_rotations_put_every_candidate_under_every_label():
    asked = rotations(prompt(n=3), 3, rebuild)
    assert [[c.element.id for c in p.candidates] for p in asked] == [
        [0, 1, 2],
        [1, 2, 0],
        [2, 0, 1],
    ]


def test_fewer_rotations_are_evenly_spaced():
    asked = rotations(prompt(n=6), 2, rebuild)
    assert [p.candidates[0].element.id for p in asked] == [0, 3]


def test_the_prior_is_what_stays_when_the_options_move():
    llm = Biased({"A": 2.0, "B": -1.0, "C": -1.0}, {0: 5.0, 1: 0.3})
    profile = estimate_prior(llm, [prompt(n=3)], rebuild, k=3)
    assert profile.log_prior == pytest.approx({"A": 2.0, "B": -1.0, "C": -1.0})
    assert profile.n_prompts == 3


def test_taking_the_prior_out_changes_the_answer():
    # Biased towards A by 2, but the candidate under B is liked more by 1.
    profile = Profile(log_prior={"A": 2.0})
    plain = Profile().probabilities(("A", "B"), (2.0, 1.0))
    corrected = profile.probabilities(("A", "B"), (2.0, 1.0))
    assert plain[0] > plain[1]
    assert corrected == pytest.approx((1 / (1 + math.e), math.e / (1 + math.e)))


def test_averaging_rotations_follows_each_candidate():
    asked = rotations(prompt(n=2), 2, rebuild)
    # Candidate 0 is A, then B; the label A gets 0.6 each time.
    average = average_rotations(asked, [(0.6, 0.3, 0.1), (0.6, 0.3, 0.1)])
    assert average == pytest.approx((0.45, 0.45, 0.1))


def test_the_temperature_makes_confidence_match_accuracy():
    # Says 2 nats for A each time and is right in three of four: the honest odds are 3 to 1.
    rows = [(("A", "B"), (2.0, 0.0), answer) for answer in ("A", "A", "A", "B")]
    fitted = fit_temperature(Profile(), rows)
    assert fitted.temperature == pytest.approx(2.0 / math.log(3), rel=1e-2)
    assert fitted.probabilities(("A", "B"), (2.0, 0.0))[0] == pytest.approx(0.75, abs=1e-2)


def test_calibration_finds_bias_and_overconfidence_together():
    bias = {"A": 2.0, "B": -1.0, "C": -1.0}
    llm = Biased(bias, {0: 4.0})
    # The model likes element 0 by 4 nats; it is right in half of the cases, and "none" else.
    profile = calibrate(llm, [prompt(n=3)] * 4, ["A", "A", "D", "D"], rebuild, k=3)
    assert profile.log_prior == pytest.approx(bias)
    corrected = profile.probabilities(("A", "D"), (6.0, 0.0))
    assert profile.temperature > 2
    assert corrected[0] < 0.9


def test_a_profile_survives_its_file(tmp_path):
    path = tmp_path / "profiles" / "tiny.json"
    profile = Profile(temperature=1.5, log_prior={"A": 0.25}, n_prompts=40)
    profile.save(path)
    assert Profile.load(path) == profile


def test_a_broken_profile_is_named(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text('{"heat": 1}')
    with pytest.raises(DataError, match=r"broken\.json is no profile .*calibrate"):
        Profile.load(path)


def test_a_label_that_begins_another_one_ends_with_the_stop_token():
    assert _labels.closed([(1,), (1, 2), (3,)], end=9) == [(1, 9), (1, 2), (3,)]
    assert _labels.branches([(1,), (1, 2), (3,)], end=9) == {(): (1, 3), (1,): (9, 2)}


def test_a_tree_multiplies_the_shares_along_its_path():
    scores = {(): {1: 0.0, 3: math.log(3)}, (1,): {9: 0.0, 2: 0.0}}
    got = _labels.log_probabilities([(1,), (1, 2), (3,)], 9, scores)
    assert [math.exp(x) for x in got] == pytest.approx([0.125, 0.125, 0.75])


def test_a_label_that_melts_into_the_prompt_is_looked_up_on_its_own():
    # Byte 1 begins every text; `:A` is one token, 7, so `A` alone is 65.
    def encode(text):
        return [1, *text.replace(":A", "\x07").encode()]

    assert _labels.LabelTokens(encode, "x:", "tiny").sequences(["A", "B"]) == ((65,), (66,))


def test_labels_of_the_same_tokens_are_refused():
    def encode(text):
        return list(text.lower().encode())

    with pytest.raises(LabelError, match=r"labels \['A', 'a'\] are the same tokens in uncased"):
        _labels.LabelTokens(encode, "x", "uncased").sequences(["A", "B", "a"])


def test_softmax_does_not_overflow():
    assert _labels.softmax([1000.0, 1000.0]) == pytest.approx((0.5, 0.5))
