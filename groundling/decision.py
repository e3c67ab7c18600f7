"""One decision: rules, filter, rank, prompt, choose, abstain, and ask again when it is unclear."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from groundling.driver import ModelCall, Steps, run_sync
from groundling.elements import ElementSnapshot, RawElement
from groundling.errors import EmptyPageError, PromptTooLongError
from groundling.filtering import Dropped, ElementFilter
from groundling.llm.base import BaseLLM, Choice
from groundling.prompts import TASK_TYPES, Candidate, ChoicePrompt, Layout, PromptBuilder
from groundling.ranking import rank
from groundling.ranking.certain import certain_match

Method = Literal["rule", "model", "escalated", "cache"]
Retry = Literal["shuffle", "widen", "stronger"]

_ANSWER_TOKENS = 8
_WIDEST = 40
_SAME = 0.9
"""Twins count as equally good when the second is this close to the first, as a ratio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionConfig:
    """How a decision is made, and when it is not.

    A choice that stays below `min_confidence` or `min_margin` after all retries selects nothing.
    """

    max_elements: int = 15
    """Candidates in the prompt."""
    min_confidence: float = 0.0
    """In [0, 1]; needs a model that knows its confidence."""
    min_margin: float = 0.0
    """In [0, 1]: distance to the runner-up."""
    rules: bool = True
    """Resolve a unique exact name without the model."""
    retries: tuple[Retry, ...] = ()
    """What to try, in order, while a choice is unclear: the same candidates in another order, twice
    as many of them, or the `stronger` model."""
    retry_below: float = 0.5
    """A choice below this confidence is unclear."""
    layout: Layout = "task_first"
    max_prompt_tokens: int | None = None
    """None leaves the model's whole context window."""
    seed: int = 0
    """For `shuffle`."""

    def __post_init__(self) -> None:
        """Refuse limits outside their ranges."""
        if self.max_elements < 1:
            raise ValueError(f"`max_elements` is {self.max_elements}: it must be at least 1")
        for name in ("min_confidence", "min_margin", "retry_below"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"`{name}` is {value}: it must be in [0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The element meant, or none and why; truthy when there is one."""

    element: RawElement | None
    confidence: float | None = None
    """Probability that the answer is right, in [0, 1]; None if the model knows only its answer."""
    margin: float | None = None
    """Distance to the runner-up, in [0, 1]."""
    alternatives: tuple[tuple[RawElement, float], ...] = ()
    """The other candidates with their probability, the likeliest first."""
    none_probability: float | None = None
    """Probability that no candidate fits, in [0, 1]."""
    method: Method = "model"
    reason: str = ""
    """Why nothing was selected."""

    def __bool__(self) -> bool:
        return self.element is not None

    @property
    def id(self) -> int | None:
        """Id of the element in its snapshot."""
        return self.element.id if self.element else None

    def __str__(self) -> str:
        sure = "" if self.confidence is None else f" ({self.confidence:.0%})"
        if self.element is None:
            return f"nothing{sure}: {self.reason}"
        name = self.element.text or self.element.label or self.element.placeholder
        return f"{self.element.role or self.element.tag} {name!r}{sure}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One question to one model."""

    how: str
    """first, shuffle, widen or stronger."""
    prompt: ChoicePrompt
    choice: Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A selection with everything that led to it; truthy when something was selected."""

    selection: Selection
    instruction: str
    task_type: str
    attempts: tuple[Attempt, ...] = ()
    """Questions asked, the one that counted last; empty when a rule decided."""
    dropped: tuple[Dropped, ...] = ()
    """Elements not offered, with the reason."""
    n_elements: int = 0
    stages_ms: dict[str, float] = field(default_factory=dict)
    """Wall time of each stage, in milliseconds."""

    def __bool__(self) -> bool:
        return bool(self.selection)

    @property
    def prompt(self) -> ChoicePrompt | None:
        """The question that counted."""
        return self.attempts[-1].prompt if self.attempts else None

    @property
    def choice(self) -> Choice | None:
        """The answer that counted."""
        return self.attempts[-1].choice if self.attempts else None

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Candidates of the question that counted."""
        return self.prompt.candidates if self.prompt else ()

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens read and written, all questions together."""
        choices = [a.choice for a in self.attempts]
        return sum(c.prompt_tokens for c in choices), sum(c.completion_tokens for c in choices)

    def explain(self) -> str:
        """Return a table for people: candidates with probability, what was dropped, times."""
        return "\n".join(_explained(self))


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
        ModelError: If the model fails.
    """
    config = config or DecisionConfig()
    if task_type not in TASK_TYPES:
        raise ValueError(f"unknown task type {task_type!r}: known are {', '.join(TASK_TYPES)}")
    if not instruction.strip():
        raise ValueError("the instruction is empty: say what to find")
    clock = _Clock()
    offered, dropped = ElementFilter.offer(snapshot.elements)
    if not offered:
        raise EmptyPageError(
            f"{snapshot.url} holds {len(snapshot)} elements and none can be acted on: wait until "
            "it has loaded, or check the address"
        )
    found = certain_match(offered, instruction, task_type) if config.rules else None
    clock.stage("filter")
    base = {"instruction": instruction, "task_type": task_type, "n_elements": len(snapshot)}
    if found is not None:
        selection = Selection(element=found, confidence=1.0, margin=1.0, method="rule")
        return Decision(selection=selection, dropped=dropped, stages_ms=clock.stages, **base)  # type: ignore[arg-type]
    ranked = yield ModelCall(lambda: rank(offered, instruction, task_type))
    clock.stage("rank")
    question = _Question(
        ranked, instruction, task_type, config, {e.id: i for i, e in enumerate(offered)}
    )
    attempts = yield from _ask(question, llm, stronger, clock)
    selection = _selection(attempts, config)
    cut = tuple(_not_offered(ranked, attempts[-1].prompt))
    return Decision(
        selection=selection,
        attempts=tuple(attempts),
        dropped=(*dropped, *cut),
        stages_ms=clock.stages,
        **base,  # type: ignore[arg-type]
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


@dataclass(slots=True)
class _Clock:
    stages: dict[str, float] = field(default_factory=dict)
    last: float = field(default_factory=time.perf_counter)

    def stage(self, name: str) -> None:
        now = time.perf_counter()
        self.stages[name] = self.stages.get(name, 0.0) + (now - self.last) * 1000
        self.last = now


@dataclass(slots=True)
class _Question:
    ranked: tuple[Candidate, ...]
    instruction: str
    task_type: str
    config: DecisionConfig
    order: dict[int, int]
    """Place of each element on the page, by id."""

    def prompt(self, llm: BaseLLM, k: int, shuffle_seed: int | None = None) -> ChoicePrompt:
        """Return the prompt with the best `k` candidates that fit, in page order."""
        limit = min(self.config.max_prompt_tokens or llm.context_window, llm.context_window)
        k = min(k, len(self.ranked))
        while True:
            kept = sorted(self.ranked[:k], key=lambda c: self.order[c.element.id])
            if shuffle_seed is not None:
                random.Random(shuffle_seed).shuffle(kept)
            prompt = PromptBuilder.build_choice(
                self.instruction, self.task_type, kept, layout=self.config.layout
            )
            n_tokens = llm.count_tokens(prompt.system + prompt.text) + _ANSWER_TOKENS
            if n_tokens <= limit:
                return prompt
            if k == 1:
                raise PromptTooLongError(
                    f"the prompt is {n_tokens} tokens with a single candidate, the limit is "
                    f"{limit}: shorten the instruction or take a model with a larger context"
                )
            k = max(1, k * limit // n_tokens - 1) if n_tokens > limit else k


def _ask(
    question: _Question, llm: BaseLLM, stronger: BaseLLM | None, clock: _Clock
) -> Steps[list[Attempt]]:
    config, k = question.config, question.config.max_elements
    attempts: list[Attempt] = []
    for how in ("first", *config.retries):
        if attempts and not _unclear(attempts[-1], config):
            break
        if how == "stronger" and stronger is None:
            continue
        asked = stronger if how == "stronger" and stronger is not None else llm
        k = min(2 * k, max(_WIDEST, k)) if how == "widen" else k
        seed = config.seed + len(attempts) if how == "shuffle" else None
        prompt = question.prompt(asked, k, seed)
        clock.stage("prompt")
        choice = yield ModelCall(lambda a=asked, p=prompt: a.choose(p))  # type: ignore[misc]
        clock.stage("model")
        attempts.append(Attempt(how=how, prompt=prompt, choice=choice))
    return attempts


def _unclear(attempt: Attempt, config: DecisionConfig) -> bool:
    choice = attempt.choice
    if choice.best == attempt.prompt.none_label:
        return True
    below = max(config.retry_below, config.min_confidence)
    return choice.confidence is not None and choice.confidence < below


def _selection(attempts: Sequence[Attempt], config: DecisionConfig) -> Selection:
    """Return what the answers say: one prompt's answer, or the mean where one was shuffled."""
    last = attempts[-1]
    prompt, choice = last.prompt, last.choice
    method: Method = "escalated" if last.how == "stronger" else "model"
    if choice.probabilities is None:
        chosen = _element(prompt, choice.best)
        reason = "" if chosen else "the model says that nothing on the page fits"
        return Selection(element=chosen, method=method, reason=reason)
    scored = _averaged(attempts)
    none = scored.pop(None)
    by_id = {c.element.id: c.element for c in prompt.candidates}
    ordered = sorted(scored.items(), key=lambda pair: -pair[1])
    others = tuple((by_id[i], p) for i, p in ordered[1:] if i is not None)
    best_id, best_p = ordered[0] if ordered else (None, 0.0)
    second = max([none, *(p for _, p in others[:1])])
    found = by_id[best_id] if best_id is not None else None
    if found is None or none >= best_p:
        every = tuple((by_id[i], p) for i, p in ordered if i is not None)
        return Selection(
            element=None,
            confidence=none,
            margin=none - best_p,
            alternatives=every,
            none_probability=none,
            method=method,
            reason="nothing on the page fits",
        )
    chosen = Selection(
        element=found,
        confidence=best_p,
        margin=best_p - second,
        alternatives=others,
        none_probability=none,
        method=method,
    )
    why = _doubt(chosen, config)
    if not why:
        return chosen
    return replace(chosen, element=None, reason=why, alternatives=((found, best_p), *others))


def _averaged(attempts: Sequence[Attempt]) -> dict[int | None, float]:
    """Return each candidate's probability, "none" under None; shuffles count as one question."""
    last = attempts[-1]
    ids = [c.element.id for c in last.prompt.candidates]
    same = [
        a
        for a in attempts
        if a.how in ("first", "shuffle")
        and last.how in ("first", "shuffle")
        and a.choice.probabilities is not None
    ] or [last]
    out: dict[int | None, float] = dict.fromkeys([*ids, None], 0.0)
    for a in same:
        keys = [*(c.element.id for c in a.prompt.candidates), None]
        for key, p in zip(keys, a.choice.probabilities or (), strict=True):
            out[key] = out.get(key, 0.0) + p / len(same)
    return out


def _doubt(selection: Selection, config: DecisionConfig) -> str:
    element, p = selection.element, selection.confidence or 0.0
    assert element is not None
    said = f"the likeliest is {element.role or element.tag} {element.text[:60]!r}"
    if p < config.min_confidence:
        return f"{said} with {p:.2f}, below `min_confidence` {config.min_confidence:g}"
    if (selection.margin or 0.0) < config.min_margin:
        return f"{said} by {selection.margin:.2f}, below `min_margin` {config.min_margin:g}"
    rivals = selection.alternatives[:1]
    if rivals and rivals[0][1] >= _SAME * p and _cannot_be_told_apart(element, rivals[0][0]):
        return (
            f"two elements fit equally well, {said}: say which one, e.g. the first, or what "
            "stands beside it"
        )
    return ""


def _cannot_be_told_apart(a: RawElement, b: RawElement) -> bool:
    if a.href and a.href == b.href:
        # Two ways to the same page: either is right.
        return False
    told = ("role", "text", "label", "context", "heading", "row_header", "landmark", "dialog")
    return all(getattr(a, name) == getattr(b, name) for name in told)


def _element(prompt: ChoicePrompt, label: str) -> RawElement | None:
    if label == prompt.none_label:
        return None
    return prompt.candidates[prompt.labels.index(label)].element


def _not_offered(ranked: Sequence[Candidate], prompt: ChoicePrompt) -> Iterator[Dropped]:
    kept = {c.element.id for c in prompt.candidates}
    for place, candidate in enumerate(ranked, start=1):
        if candidate.element.id not in kept:
            yield Dropped(candidate.element, f"rank {place} is not among the best {len(kept)}")


def _explained(decision: Decision) -> Iterator[str]:
    yield f"{decision.task_type}: {decision.instruction}"
    yield f"  selected {decision.selection}, by {decision.selection.method}"
    for attempt in decision.attempts:
        choice = attempt.choice
        yield f"  {attempt.how}: {choice.model} answered {choice.best} by {choice.method}"
        p = choice.probabilities or (None,) * len(choice.labels)
        lines = attempt.prompt.text.splitlines()
        for label, chance in zip(choice.labels, p, strict=True):
            said: Any = next((ln for ln in lines if ln.startswith(f"{label} ")), label)
            yield f"    {'' if chance is None else f'{chance:6.3f}'}  {said}"
    for dropped in decision.dropped[:10]:
        yield f"  not offered: {dropped.element.role} {dropped.element.text[:40]!r}: {dropped.reason}"
    if len(decision.dropped) > 10:
        yield f"  and {len(decision.dropped) - 10} more not offered"
    spent = ", ".join(f"{name} {ms:.1f} ms" for name, ms in decision.stages_ms.items())
    yield f"  {spent}; tokens read {decision.tokens[0]}, written {decision.tokens[1]}"
