import math

import pytest
from fixed_models import FixedLLM, question

from groundling.errors import DataError
from groundling.llm.calibrated import CalibratedLLM
from groundling.llm.calibration import Profile
from groundling.llm.fitting import (
    Answer,
    Judged,
    answer,
    calibration_error,
    fit,
    log_scores,
    thresholds,
)


def row(scores, right, *, answerable=True):
    labels = tuple("ABCDEFG"[: len(scores)])
    return Judged(labels, tuple(scores), labels[-1], frozenset(right), answerable)


def test_confidence_is_fitted_to_accuracy():
    # A is said with 4 nats over the rest each time, and is right in three of four.
    rows = [row((4.0, 0.0, -40.0), right) for right in "AAAB"] * 10
    fitted = fit(Profile(), rows)
    assert fitted.temperature == pytest.approx(4.0 / math.log(3), rel=0.02)
    assert answer(fitted, rows[0]).confidence == pytest.approx(0.75, abs=0.01)


def test_none_is_made_as_likely_as_it_is_right():
    # "None" is right in half of the questions but gets 3 nats too little.
    rows = [row((3.0, 0.0), "A"), row((3.0, 0.0), "B", answerable=False)] * 20
    fitted = fit(Profile(), rows)
    odds = fitted.probabilities(("A", "B"), (3.0, 0.0), none_label="B")
    assert odds == pytest.approx((0.5, 0.5), abs=0.02)


def test_the_labels_prior_is_kept_and_applied_first():
    prior = Profile(log_prior={"A": 2.0})
    rows = [row((2.0, 0.0, -40.0), right) for right in "AB"] * 20
    fitted = fit(prior, rows)
    assert fitted.log_prior == {"A": 2.0}
    assert answer(fitted, rows[0]).confidence == pytest.approx(0.5, abs=0.01)


def test_several_labels_may_be_right():
    rows = [row((1.0, 1.0, -40.0), "AB")] * 20
    # Half of the odds each, and both are right: nothing to correct.
    assert fit(Profile(), rows).temperature == pytest.approx(1.0, abs=0.3)


def test_questions_without_none_leave_its_bias_alone():
    rows = [Judged(("A", "B"), (1.0, 0.0), "Z", frozenset("A"))] * 20
    assert fit(Profile(), rows).none_bias == pytest.approx(0.0, abs=1e-2)


def test_nothing_to_fit_is_an_error():
    with pytest.raises(DataError, match="no labelled questions"):
        fit(Profile(), [])


def sure(p, right):
    """A question answered with A at confidence p."""
    return row((math.log(p), math.log(1 - p)), "A" if right else "Q")


def test_a_threshold_is_the_least_confidence_that_reaches_the_precision():
    # 30 right at 0.9; ten at 0.7 of which five are wrong: 35 of 40 is 0.875, of 41 0.854.
    rows = [sure(0.9, True)] * 30 + [sure(0.7, i % 2 == 0) for i in range(10)]
    found = thresholds(Profile(), rows)
    assert found == pytest.approx({"0.8": 0.7, "0.9": 0.9, "0.95": 0.9})


def test_a_short_streak_sets_no_threshold():
    # 19 are too few; 30 of 30 count as 30 of 31, which is 0.968.
    assert thresholds(Profile(), [sure(0.9, True)] * 19) == {}
    assert set(thresholds(Profile(), [sure(0.9, True)] * 30)) == {"0.8", "0.9", "0.95"}


def test_equal_confidences_are_not_split():
    rows = [sure(0.9, True)] * 30 + [sure(0.9, False)] * 30
    assert thresholds(Profile(), rows) == {}


def test_none_is_right_only_where_the_page_lacks_it():
    lost_by_the_ranking = row((0.0, 2.0), "B", answerable=True)
    absent = row((0.0, 2.0), "B", answerable=False)
    assert not answer(Profile(), lost_by_the_ranking).is_right
    assert answer(Profile(), absent).is_right
    assert not answer(Profile(), absent).selects


def test_calibration_error_is_the_mean_gap_of_the_bins():
    # Bin of 0.9: 0.95 said, half right, gap 0.45 x 2; bin of 0.2: 0.25 said, none right, 0.25 x 2.
    answers = [Answer(0.95, True, True), Answer(0.95, False, True)] + [
        Answer(0.25, False, True)
    ] * 2
    assert calibration_error(answers) == pytest.approx((0.45 * 2 + 0.25 * 2) / 4)
    assert calibration_error([]) == 0.0


def test_log_scores_come_from_the_model_or_from_its_probabilities():
    prompt = question("Save", "Cancel")
    (found,) = log_scores(FixedLLM("B", 0.8), [prompt])
    assert found == pytest.approx((math.log(0.1), math.log(0.8), math.log(0.1)))

    class Raw(FixedLLM):
        def log_scores(self, prompts):
            return [(1.0, 2.0, 3.0) for _ in prompts]

    assert log_scores(Raw(), [prompt]) == [(1.0, 2.0, 3.0)]


def test_a_model_without_probabilities_cannot_be_calibrated():
    with pytest.raises(DataError, match="fixed-A gives answers without probabilities"):
        log_scores(FixedLLM("A", None), [question("Save")])


def test_a_profile_around_a_model_corrects_its_odds():
    # A 0.8, B and none 0.1 each; none gets ln 8 more: 0.8 : 0.1 : 0.8.
    llm = CalibratedLLM(FixedLLM("A", 0.8), Profile(none_bias=math.log(8)))
    choice = llm.choose(question("Save", "Cancel"))
    assert choice.probabilities == pytest.approx((8 / 17, 1 / 17, 8 / 17))
    # Temperature 2 takes the square root of each ratio: 1 : 0.125^0.5.
    hot = CalibratedLLM(FixedLLM("A", 0.8), Profile(temperature=2.0))
    ratio = 1 / math.sqrt(8)
    (many,) = hot.choose_many([question("Save", "Cancel")])
    assert many.probabilities == pytest.approx([x / (1 + 2 * ratio) for x in (1, ratio, ratio)])


def test_the_answer_may_change_with_the_correction():
    llm = CalibratedLLM(FixedLLM("A", 0.5), Profile(log_prior={"A": 3.0}))
    assert llm.choose(question("Save", "Cancel")).best != "A"


def test_answers_without_odds_pass_unchanged():
    llm = CalibratedLLM(FixedLLM("B", None), Profile(temperature=3.0))
    assert llm.choose(question("Save", "Cancel")).best == "B"


def test_a_profile_is_read_from_its_file_and_part_of_the_identity(tmp_path):
    path = tmp_path / "profile.json"
    profile = Profile(temperature=2.0, none_bias=0.5, thresholds={"0.95": 0.8})
    profile.save(path)
    llm = CalibratedLLM(FixedLLM(), path)
    assert llm.profile == profile
    assert llm.identity != CalibratedLLM(FixedLLM(), Profile()).identity
