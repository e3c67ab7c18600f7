import threading

import pytest
from fixed_models import DOWN, FixedLLM, question

from groundling import EnsembleLLM
from groundling.errors import ModelAnswerError, ModelError, ModelFilesError

SAVE_OR_CANCEL = question("Save", "Cancel")  # labels A, B, and C for none


def test_probabilities_are_averaged():
    # A: (0.6 + 0.1) / 2, B: (0.2 + 0.8) / 2, C: (0.2 + 0.1) / 2.
    choice = EnsembleLLM([FixedLLM("A", 0.6), FixedLLM("B", 0.8)]).choose(SAVE_OR_CANCEL)
    assert choice.probabilities == pytest.approx((0.35, 0.5, 0.15))
    assert choice.best == "B"
    assert choice.confidence == pytest.approx(0.5)


def test_weights_count():
    # A: (3 x 0.6 + 0.1) / 4 = 0.475, B: (3 x 0.2 + 0.8) / 4 = 0.35.
    llm = EnsembleLLM([FixedLLM("A", 0.6), FixedLLM("B", 0.8)], weights=[3, 1])
    assert llm.choose(SAVE_OR_CANCEL).probabilities == pytest.approx((0.475, 0.35, 0.175))


def test_members_without_probabilities_vote():
    voters = [FixedLLM("B", None), FixedLLM("A", None), FixedLLM("B", None)]
    choice = EnsembleLLM(voters).choose(SAVE_OR_CANCEL)
    assert choice.best == "B"
    assert choice.probabilities is None
    assert EnsembleLLM(voters, weights=[1, 3, 1]).choose(SAVE_OR_CANCEL).best == "A"


def test_a_voter_among_members_with_probabilities_counts_as_sure():
    # A: (0.6 + 0) / 2, B: (0.2 + 1) / 2.
    choice = EnsembleLLM([FixedLLM("A", 0.6), FixedLLM("B", None)]).choose(SAVE_OR_CANCEL)
    assert choice.probabilities == pytest.approx((0.3, 0.6, 0.1))


@pytest.mark.parametrize("p", [0.6, None])
def test_a_tie_goes_to_the_first_member(p):
    one, other = FixedLLM("A", p), FixedLLM("B", p)
    assert EnsembleLLM([one, other]).choose(SAVE_OR_CANCEL).best == "A"
    assert EnsembleLLM([other, one]).choose(SAVE_OR_CANCEL).best == "B"


def test_one_failing_member_does_not_stop_the_vote(caplog):
    llm = EnsembleLLM([FixedLLM(name="cloud", fails=DOWN), FixedLLM("B", 0.8)])
    assert llm.choose(SAVE_OR_CANCEL).probabilities == pytest.approx((0.1, 0.8, 0.1))
    assert "cloud is left out: the server is down" in caplog.text


def test_a_member_that_breaks_in_its_own_way_is_left_out_too():
    llm = EnsembleLLM([FixedLLM(fails=RuntimeError("CUDA error")), FixedLLM("B")])
    assert llm.choose(SAVE_OR_CANCEL).best == "B"
    assert llm.generate("Which?").content == "yes"
    assert [c.best for c in llm.choose_many([SAVE_OR_CANCEL])] == ["B"]


def test_all_failing_raises_with_each_reason():
    broken = ModelFilesError("no weights")
    llm = EnsembleLLM([FixedLLM(name="a", fails=DOWN), FixedLLM(name="b", fails=broken)])
    with pytest.raises(
        ModelError, match=r"all 2 members .*a: the server is down; b: no weights"
    ) as e:
        llm.choose(SAVE_OR_CANCEL)
    assert isinstance(e.value, ModelAnswerError)
    assert e.value.retryable


def test_failures_that_stay_are_not_retried():
    llm = EnsembleLLM([FixedLLM(fails=ModelFilesError("no weights"))])
    with pytest.raises(ModelError) as e:
        llm.choose_many([SAVE_OR_CANCEL])
    assert not e.value.retryable


def test_members_run_side_by_side():
    # Each waits for the other: one after the other would never end.
    meet = threading.Barrier(2, timeout=20)

    class Waits(FixedLLM):
        def choose(self, prompt, labels=None):
            meet.wait()
            return super().choose(prompt, labels)

    assert EnsembleLLM([Waits("A"), Waits("A")]).choose(SAVE_OR_CANCEL).best == "A"


def test_a_batch_gives_what_single_questions_give():
    llm = EnsembleLLM([FixedLLM("A", 0.6), FixedLLM("B", 0.8)])
    other = question("Open", "Close", "Print")
    one_by_one = [llm.choose(p).probabilities for p in (SAVE_OR_CANCEL, other)]
    assert [c.probabilities for c in llm.choose_many([SAVE_OR_CANCEL, other])] == one_by_one
    assert llm.choose_many([]) == []


def test_only_allowed_labels_are_answered():
    choice = EnsembleLLM([FixedLLM("A", 0.6), FixedLLM("A", 0.8)]).choose(
        SAVE_OR_CANCEL, ["A", "C"]
    )
    assert choice.labels == ("A", "C")
    assert choice.probabilities == pytest.approx((0.7, 0.3))


def test_texts_are_voted_on():
    llm = EnsembleLLM([FixedLLM(text="no"), FixedLLM(text="yes"), FixedLLM(text=" yes ")])
    response = llm.generate("Is it?")
    assert response.content == "yes"
    assert response.confidence == pytest.approx(2 / 3)
    assert (response.prompt_tokens, response.tokens_used) == (6000, 3000)


def test_json_answers_that_differ_in_their_reasoning_agree():
    texts = (
        '{"id": 4, "reasoning": "it is red"}',
        '{"id": 7, "reasoning": "it says so"}',
        '```json\n{"reasoning": "the name fits", "id": 7}\n```',
    )
    response = EnsembleLLM([FixedLLM(text=t) for t in texts]).generate("Which?")
    assert response.content == texts[1]


def test_a_tie_of_texts_goes_to_the_first_member():
    llm = EnsembleLLM(models=[FixedLLM(text="no"), FixedLLM(text="yes")])
    assert llm.generate("Is it?").content == "no"


def test_the_prompt_must_fit_every_member():
    llm = EnsembleLLM(
        [FixedLLM(window=512), FixedLLM(window=8192, bytes_per_token=1, json_mode=False)]
    )
    assert llm.context_window == 512
    assert llm.count_tokens("abcd") == 4
    assert not llm.supports_json_mode()
    assert llm.is_local


def test_one_member_elsewhere_makes_it_not_local():
    assert not EnsembleLLM([FixedLLM(), FixedLLM(local=False)]).is_local


def test_its_name_and_identity_tell_the_members():
    members = [FixedLLM("A"), FixedLLM("B")]
    llm = EnsembleLLM(members)
    assert llm.name == "ensemble(fixed-A, fixed-B)"
    assert llm.identity != EnsembleLLM(members, weights=[2, 1]).identity
    assert llm.choose(SAVE_OR_CANCEL).model == llm.name


def test_an_empty_ensemble_is_refused():
    with pytest.raises(ValueError, match="`models` is empty"):
        EnsembleLLM([])


@pytest.mark.parametrize("weights", [[1], [1, 0], [1, -2], [1, float("nan")]])
def test_weights_that_make_no_sense_are_refused(weights):
    with pytest.raises(ValueError, match=r"one number above 0 for each of 2 models"):
        EnsembleLLM([FixedLLM(), FixedLLM()], weights=weights)
