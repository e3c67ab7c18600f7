"""One decision: rules, filter, rank, prompt, choose, abstain, and ask again when it is unclear."""

from dataclasses import replace

from groundling.decision.judging import least_confidence, select
from groundling.decision.questions import Clock, Question, ask, not_offered
from groundling.decision.values import Attempt, Decision, DecisionConfig, Selection
from groundling.driver import ModelCall, Steps, run_sync
from groundling.elements import ElementSnapshot, RawElement
from groundling.errors import EmptyPageError
from groundling.filtering import Dropped, ElementFilter
from groundling.llm.base import BaseLLM
from groundling.prompts import TASK_TYPES, ChoicePrompt
from groundling.ranking import rank
from groundling.ranking.certain import RULE_PRECISION, certain_case

__all__ = [
    "Attempt",
    "Decision",
    "DecisionConfig",
    "Selection",
    "decide",
    "decide_now",
    "first_question",
]


def decide(
    snapshot: ElementSnapshot,
    instruction: str,
    task_type: str,
    llm: BaseLLM,
    config: DecisionConfig | None = None,
    *,
    stronger: BaseLLM | None = None,
) -> Steps[Decision]:
    """Find the element that `instruction` means.

    Args:
        snapshot: The page.
        instruction: What to find, in plain words.
        task_type: One of `TASK_TYPES`.
        llm: Who chooses.
        config: How.
        stronger: Asked on the retry of that name.

    Raises:
        ValueError: If the instruction is empty or the task type unknown.
        EmptyPageError: If the page holds nothing that could be acted on.
        PromptTooLongError: If not even one candidate fits the context window.
        DataError: If a precision is wanted that a model was not calibrated for.
        ModelError: If the model fails.
    """
    config = config or DecisionConfig()
    _check(instruction, task_type)
    # Asked for before anything is paid for.
    asked_again = stronger is not None and "stronger" in config.retries
    least = least_confidence(config, llm)
    least_again = least_confidence(config, stronger) if stronger and asked_again else least
    clock = Clock()
    offered, dropped = _offered(snapshot)
    clock.stage("filter")
    found, rule = _by_rule(offered, instruction, task_type, config)
    clock.stage("rules")
    told = Decision(
        selection=Selection(element=found, confidence=RULE_PRECISION, margin=1.0, method="rule"),
        instruction=instruction,
        task_type=task_type,
        rule=rule,
        dropped=dropped,
        n_elements=len(snapshot),
        stages_ms=clock.stages,
    )
    if found is not None:
        return told
    ranked = yield ModelCall(lambda: rank(offered, instruction, task_type))
    clock.stage("rank")
    question = Question.of(offered, ranked, instruction, task_type, config)
    attempts = yield from ask(question, llm, stronger, clock)
    last = attempts[-1]
    return replace(
        told,
        selection=select(attempts, config, least_again if last.how == "stronger" else least),
        attempts=tuple(attempts),
        dropped=(*dropped, *not_offered(ranked, last.prompt)),
    )


def decide_now(
    snapshot: ElementSnapshot,
    instruction: str,
    task_type: str,
    llm: BaseLLM,
    config: DecisionConfig | None = None,
) -> Decision:
    """Run `decide` on the spot, for benches and for pages read before."""
    return run_sync(decide(snapshot, instruction, task_type, llm, config))


def first_question(
    snapshot: ElementSnapshot,
    instruction: str,
    task_type: str,
    llm: BaseLLM,
    config: DecisionConfig | None = None,
) -> ChoicePrompt:
    """Return the question that `decide` would ask first, e.g. to calibrate a model.

    Raises:
        ValueError, EmptyPageError, PromptTooLongError: As `decide`.
    """
    config = config or DecisionConfig()
    _check(instruction, task_type)
    offered, _ = _offered(snapshot)
    ranked = rank(offered, instruction, task_type)
    question = Question.of(offered, ranked, instruction, task_type, config)
    return question.prompt(llm, config.max_elements)


def _by_rule(
    offered: tuple[RawElement, ...], instruction: str, task_type: str, config: DecisionConfig
) -> tuple[RawElement | None, str]:
    if not config.rules:
        return None, ""
    return certain_case(offered, instruction, task_type) or (None, "")


def _check(instruction: str, task_type: str) -> None:
    if task_type not in TASK_TYPES:
        raise ValueError(f"unknown task type {task_type!r}: known are {', '.join(TASK_TYPES)}")
    if not instruction.strip():
        raise ValueError("the instruction is empty: say what to find")


def _offered(snapshot: ElementSnapshot) -> tuple[tuple[RawElement, ...], tuple[Dropped, ...]]:
    offered, dropped = ElementFilter.offer(snapshot.elements)
    if not offered:
        raise EmptyPageError(
            f"{snapshot.url} holds {len(snapshot)} elements and none can be acted on: wait until "
            "it has loaded, or check the address"
        )
    return offered, dropped
