import threading

import pytest
from fixed_models import DOWN, FixedLLM, question

from groundling import HybridLLM
from groundling.errors import PolicyError, ServerError
from groundling.llm.hybrid import Budget, TierReport

SAVE_OR_CANCEL = question("Save", "Cancel")


def pair(p=0.9, **cloud):
    """A local model that says A with confidence `p`, and one elsewhere that says B."""
    return FixedLLM("A", p, name="small"), FixedLLM("B", 0.95, name="big", local=False, **cloud)


class AsTold(HybridLLM):
    """Takes the instruction itself for its complexity."""

    def complexity_of(self, prompt):
        return prompt.instruction


def counts(llm):
    r = llm.report
    return {
        k: getattr(r, k) for k in ("local", "cloud", "kept_private", "over_budget") if getattr(r, k)
    }


def test_a_sure_answer_stays_local():
    local, cloud = pair(0.9)
    llm = HybridLLM(local, cloud, min_confidence=0.8)
    choice = llm.choose(SAVE_OR_CANCEL)
    assert (choice.best, choice.model) == ("A", "small")
    assert cloud.n_calls == 0
    assert counts(llm) == {"local": 1}


@pytest.mark.parametrize("p", [0.79, None])
def test_an_unsure_answer_goes_to_the_second_tier(p):
    local, cloud = pair(p)
    llm = HybridLLM(local, cloud, min_confidence=0.8)
    choice = llm.choose(SAVE_OR_CANCEL)
    assert (choice.best, choice.model) == ("B", "big")
    assert counts(llm) == {"cloud": 1}


def test_the_guides_call_routes_texts_by_complexity():
    local, cloud = FixedLLM(text="local"), FixedLLM(text="cloud")
    llm = HybridLLM(local=local, cloud=cloud)
    assert llm.generate("Which?").content == "local"
    assert llm.generate("Which?", complexity="simple").content == "local"
    assert llm.generate("Which?", complexity="complex").content == "cloud"
    assert counts(llm) == {"local": 2, "cloud": 1}


def test_a_text_of_low_confidence_goes_to_the_second_tier():
    local, cloud = FixedLLM(text="local", text_confidence=0.3), FixedLLM(text="cloud")
    assert HybridLLM(local, cloud).generate("Which?").content == "cloud"
    assert HybridLLM(local, cloud, route="complexity").generate("Which?").content == "local"


def test_questions_are_routed_by_complexity_where_asked():
    local, cloud = pair(0.1)
    llm = AsTold(local, cloud, route="complexity")
    assert llm.choose(question("Save", instruction="simple")).best == "A"
    assert llm.choose(question("Save", "Cancel", instruction="hard")).best == "B"
    assert local.n_calls == 1


def test_both_routes_together():
    local, cloud = pair(0.1)
    llm = AsTold(local, cloud, route="both")
    assert llm.choose(question("Save", "Cancel", instruction="simple")).best == "B"
    assert llm.choose(question("Save", "Cancel", instruction="hard")).best == "B"
    assert (local.n_calls, cloud.n_calls) == (1, 2)


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("press save", "simple"),
        ("the second result", "simple"),
        ("the first result, not an ad", "complex"),
        ("the second button in Alice's row", "complex"),
        (" ".join(["word"] * 20), "complex"),
    ],
)
def test_what_is_complex(instruction, expected):
    llm = HybridLLM(FixedLLM(), FixedLLM())
    assert llm.complexity_of(question("Save", instruction=instruction)) == expected


def test_private_never_sends_a_page_away():
    local, cloud = pair(0.1)
    llm = AsTold(local, cloud, private=True, route="both")
    assert llm.choose(SAVE_OR_CANCEL).best == "A"
    assert [c.best for c in llm.choose_many([SAVE_OR_CANCEL] * 2)] == ["A", "A"]
    assert llm.generate("Page: ...", complexity="complex").content == "yes"
    assert cloud.n_calls == 0
    assert llm.is_local
    assert llm.report == TierReport(local=4, kept_private=4)


def test_private_may_ask_a_second_model_on_this_machine():
    llm = HybridLLM(FixedLLM("A", 0.1), FixedLLM("B", 0.9), private=True)
    assert llm.choose(SAVE_OR_CANCEL).best == "B"


def test_private_with_a_first_tier_elsewhere_is_refused():
    with pytest.raises(PolicyError, match="the first tier, far, is not local"):
        HybridLLM(FixedLLM(name="far", local=False), FixedLLM(), private=True)


def test_a_private_failure_is_not_sent_away():
    local, cloud = FixedLLM(fails=DOWN), FixedLLM(local=False)
    with pytest.raises(ServerError, match="down"):
        HybridLLM(local, cloud, private=True).choose(SAVE_OR_CANCEL)
    assert cloud.n_calls == 0


def test_the_budget_in_money_is_never_exceeded():
    # Each text reads 2,000 and writes 1,000 tokens: 2,000 x 1 + 1,000 x 4 dollars a million.
    local, cloud = FixedLLM(text="local"), FixedLLM(text="cloud")
    budget = Budget(usd=0.015, usd_per_million=(1.0, 4.0))
    llm = HybridLLM(local, cloud, budget=budget)
    asked = [llm.generate("?", complexity="hard", max_new_tokens=1000).content for _ in range(4)]
    # 0.006 each: after two, 0.012 is spent and another 0.004 at least is more than is left.
    assert asked == ["cloud", "cloud", "local", "local"]
    assert llm.report.cost_usd == pytest.approx(0.012)
    assert counts(llm) == {"local": 2, "cloud": 2, "over_budget": 2}


def test_calls_at_the_same_time_share_the_budget():
    class Waits(FixedLLM):
        def generate(self, prompt, system_prompt="", **kwargs):
            entered.set()
            assert leave.wait(20)
            return super().generate(prompt, system_prompt, **kwargs)

    entered, leave = threading.Event(), threading.Event()
    budget = Budget(usd=0.007, usd_per_million=(1.0, 4.0))
    llm = HybridLLM(FixedLLM(text="local"), Waits(text="cloud"), budget=budget)
    first = threading.Thread(
        target=lambda: llm.generate("?", complexity="hard", max_new_tokens=1000)
    )
    first.start()
    assert entered.wait(20)
    # The first call is under way and holds 0.004 of 0.007 dollars back.
    assert llm.generate("?", complexity="hard", max_new_tokens=1000).content == "local"
    leave.set()
    first.join()
    assert counts(llm) == {"local": 1, "cloud": 1, "over_budget": 1}


def test_the_budget_in_time_ends_the_second_tier():
    local, cloud = pair(0.1, delay_s=0.02)
    llm = HybridLLM(local, cloud, budget=Budget(seconds=0.01))
    assert [llm.choose(SAVE_OR_CANCEL).best for _ in range(2)] == ["B", "A"]
    assert llm.report.cloud_s >= 0.02


def test_money_without_prices_is_refused():
    with pytest.raises(ValueError, match="needs `usd_per_million`"):
        Budget(usd=1.0)


def test_a_failing_second_tier_leaves_the_local_answer(caplog):
    local, cloud = pair(0.1, fails=DOWN)
    llm = HybridLLM(local, cloud)
    assert llm.choose(SAVE_OR_CANCEL).best == "A"
    assert local.n_calls == 1
    assert (llm.report.local, llm.report.cloud_failed) == (1, 1)
    assert "big failed (the server is down): small answers" in caplog.text


def test_a_failing_first_tier_is_replaced():
    llm = HybridLLM(FixedLLM(fails=DOWN), FixedLLM("B"))
    assert llm.choose(SAVE_OR_CANCEL).best == "B"
    assert (llm.report.cloud, llm.report.local_failed) == (1, 1)


def test_both_failing_raises():
    with pytest.raises(ServerError, match="down"):
        HybridLLM(FixedLLM(fails=DOWN), FixedLLM(fails=DOWN)).choose(SAVE_OR_CANCEL)


def test_a_batch_is_routed_question_by_question():
    class Sure(FixedLLM):
        def choose(self, prompt, labels=None):
            self.p = 0.9 if prompt.instruction == "easy" else 0.4
            return super().choose(prompt, labels)

    local, cloud = Sure("A"), FixedLLM("B")
    llm = HybridLLM(local, cloud)
    prompts = [question("Save", "Cancel", instruction=i) for i in ("easy", "hard", "easy")]
    assert [c.best for c in llm.choose_many(prompts)] == ["A", "B", "A"]
    assert (local.n_calls, cloud.n_calls) == (3, 1)
    assert counts(llm) == {"local": 2, "cloud": 1}


def test_the_prompt_must_fit_both_tiers_that_may_be_asked():
    local = FixedLLM(window=8192, bytes_per_token=4)
    cloud = FixedLLM(window=512, bytes_per_token=1, local=False, json_mode=False)
    open_, private = HybridLLM(local, cloud), HybridLLM(local, cloud, private=True)
    assert (open_.context_window, open_.count_tokens("abcd")) == (512, 4)
    assert (private.context_window, private.count_tokens("abcd")) == (8192, 1)
    assert (open_.supports_json_mode(), private.supports_json_mode()) == (False, True)
    assert (open_.is_local, private.is_local) == (False, True)


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="unknown route 'mood'"):
        HybridLLM(FixedLLM(), FixedLLM(), route="mood")
    with pytest.raises(ValueError, match="`min_confidence` is 80"):
        HybridLLM(FixedLLM(), FixedLLM(), min_confidence=80)
