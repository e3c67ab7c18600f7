"""Ask: the prompt that fits the window, and the retries while an answer is unclear."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from groundling.decision.values import Attempt, DecisionConfig
from groundling.driver import ModelCall, Steps
from groundling.elements import RawElement
from groundling.errors import PromptTooLongError
from groundling.filtering import Dropped
from groundling.llm.base import BaseLLM
from groundling.prompts import Candidate, ChoicePrompt, PromptBuilder

_ANSWER_TOKENS = 8
_WIDEST = 40


@dataclass(slots=True)
class Clock:
    """Wall time by stage, in milliseconds."""

    stages: dict[str, float] = field(default_factory=dict)
    last: float = field(default_factory=time.perf_counter)

    def stage(self, name: str) -> None:
        """Book the time since the last call under `name`."""
        now = time.perf_counter()
        self.stages[name] = self.stages.get(name, 0.0) + (now - self.last) * 1000
        self.last = now


@dataclass(slots=True)
class Question:
    """A task on one page, its elements ranked."""

    ranked: tuple[Candidate, ...]
    instruction: str
    task_type: str
    config: DecisionConfig
    order: dict[int, int]
    """Place of each element on the page, by id."""

    @classmethod
    def of(
        cls,
        offered: Sequence[RawElement],
        ranked: tuple[Candidate, ...],
        instruction: str,
        task_type: str,
        config: DecisionConfig,
    ) -> "Question":
        """Return a question about `ranked`, which are listed in the order of `offered`."""
        order = {e.id: i for i, e in enumerate(offered)}
        return cls(ranked, instruction, task_type, config, order)

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
            # Fixed parts make this an overestimate at times; then the loop goes on.
            k = max(1, min(k - 1, k * limit // n_tokens))


def ask(
    question: Question, llm: BaseLLM, stronger: BaseLLM | None, clock: Clock
) -> Steps[list[Attempt]]:
    """Ask until an answer is clear or the retries are used up.

    Raises:
        PromptTooLongError: If not even one candidate fits the context window.
        ModelError: If the model fails.
    """
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


def not_offered(ranked: Sequence[Candidate], prompt: ChoicePrompt) -> Iterator[Dropped]:
    """Yield the candidates that the question left out."""
    kept = {c.element.id for c in prompt.candidates}
    for place, candidate in enumerate(ranked, start=1):
        if candidate.element.id not in kept:
            yield Dropped(candidate.element, f"rank {place} is not among the best {len(kept)}")
