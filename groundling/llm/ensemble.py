"""Several models, one answer: probabilities averaged where there are any, votes where not."""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import orjson

from groundling.errors import ModelAnswerError, ModelError
from groundling.llm.base import BaseLLM, Choice, LLMResponse
from groundling.parsing import ResponseParser
from groundling.prompts import ChoicePrompt

log = logging.getLogger(__name__)
T = TypeVar("T")

_TALK = ("reasoning", "reason", "explanation", "thought", "confidence", "match_quality")
"""Keys of a JSON answer that do not change what is answered."""


class EnsembleLLM(BaseLLM):
    """Asks all its members at once, each in a thread of its own.

    A member that fails is left out of that answer, and a warning says so. The order of the members
    decides between labels with the same sum: the first member's favourite wins.
    """

    def __init__(self, models: Sequence[BaseLLM], weights: Sequence[float] | None = None) -> None:
        """Combine models.

        Args:
            models: At least one.
            weights: How much each counts, above 0; the same by default.

        Raises:
            ValueError: If there is no model, or the weights are not one positive number for each.
        """
        self.models = tuple(models)
        self.weights = tuple(weights) if weights is not None else (1.0,) * len(self.models)
        if not self.models:
            raise ValueError("`models` is empty: an ensemble needs at least one model")
        if len(self.weights) != len(self.models) or not all(0 < w < 1e9 for w in self.weights):
            raise ValueError(
                f"`weights` is {self.weights}: it must hold one number above 0 for each of "
                f"{len(self.models)} models"
            )
        self.name = f"ensemble({', '.join(m.name for m in self.models)})"
        self.reads_elements = any(m.reads_elements for m in self.models)

    @property
    def identity(self) -> str:
        """Those of all members, with their weights."""
        return f"ensemble {self.weights} {[m.identity for m in self.models]}"

    def generate(self, prompt: str, system_prompt: str = "", **kwargs: Any) -> LLMResponse:  # noqa: ANN401
        """Answer with the text that most members gave, by weight.

        JSON answers are the same if they agree in all but their reasoning. `confidence` is the
        share of the weight behind the answer.

        Raises:
            ModelError: If all members fail.
        """
        answers = self._all(lambda m: m.generate(prompt, system_prompt, **kwargs))
        shares: dict[bytes, float] = defaultdict(float)
        for i, answer in answers.items():
            shares[_said(answer.content)] += self.weights[i]
        # `max` keeps the first of equals, and members come in order.
        winner = max(shares, key=lambda said: shares[said])
        first = next(a for a in answers.values() if _said(a.content) == winner)
        return LLMResponse(
            content=first.content,
            reasoning=first.reasoning,
            confidence=shares[winner] / sum(shares.values()),
            tokens_used=sum(a.tokens_used or 0 for a in answers.values()),
            prompt_tokens=sum(a.prompt_tokens or 0 for a in answers.values()),
            latency_ms=max(a.latency_ms or 0.0 for a in answers.values()),
        )

    def choose(self, prompt: ChoicePrompt, labels: Sequence[str] | None = None) -> Choice:
        """Pick the label with the highest mean probability.

        A member that knows only its answer counts as sure of it; if none knows more, the answer is
        a vote and has no probabilities.

        Raises:
            ModelError: If all members fail.
        """
        allowed = tuple(labels or prompt.labels)
        return self._combined(allowed, self._all(lambda m: m.choose(prompt, labels)))

    def choose_many(self, prompts: Sequence[ChoicePrompt]) -> list[Choice]:
        """Pick one label for each prompt; a member that fails is left out of the whole batch."""
        if not prompts:
            return []
        answers = self._all(lambda m: m.choose_many(prompts))
        return [
            self._combined(p.labels, {i: choices[j] for i, choices in answers.items()})
            for j, p in enumerate(prompts)
        ]

    def count_tokens(self, text: str) -> int:
        """Return the highest count of all members, because the text must fit each of them."""
        return max(m.count_tokens(text) for m in self.models)

    def supports_json_mode(self) -> bool:
        """Return whether all members do."""
        return all(m.supports_json_mode() for m in self.models)

    @property
    def context_window(self) -> int:
        """The smallest of all members, in tokens."""
        return min(m.context_window for m in self.models)

    @property
    def is_local(self) -> bool:
        """Whether all members are local."""
        return all(m.is_local for m in self.models)

    def close(self) -> None:
        """Free what the members hold."""
        for model in self.models:
            model.close()

    def _all(self, ask: Callable[[BaseLLM], T]) -> dict[int, T]:
        """Return the answers by place of the member; those that failed are missing."""
        answers: dict[int, T] = {}
        errors: dict[int, Exception] = {}
        with ThreadPoolExecutor(len(self.models), "ensemble") as threads:
            waiting = [threads.submit(ask, m) for m in self.models]
            for i, future in enumerate(waiting):
                try:
                    answers[i] = future.result()
                except Exception as error:  # noqa: BLE001 - whatever breaks one must not stop the rest
                    log.warning("%s is left out: %s", self.models[i].name, error)
                    errors[i] = error
        if not answers:
            raise _all_failed([(self.models[i].name, e) for i, e in errors.items()])
        return answers

    def _combined(self, labels: tuple[str, ...], answers: dict[int, Choice]) -> Choice:
        total = sum(self.weights[i] for i in answers)
        sums = dict.fromkeys(labels, 0.0)
        for i, choice in answers.items():
            odds = choice.probabilities
            for label, p in zip(choice.labels, odds or (), strict=odds is not None):
                sums[label] += self.weights[i] * p / total
            if odds is None:
                sums[choice.best] += self.weights[i] / total
        known = any(c.probabilities is not None for c in answers.values())
        return Choice(
            labels=labels,
            probabilities=tuple(sums.values()) if known else None,
            best=_best(sums, answers),
            method=next(iter(answers.values())).method,
            model=self.name,
            prompt_tokens=sum(c.prompt_tokens for c in answers.values()),
            completion_tokens=sum(c.completion_tokens for c in answers.values()),
            latency_ms=max(c.latency_ms for c in answers.values()),
        )


def _best(sums: dict[str, float], answers: dict[int, Choice]) -> str:
    most = max(sums.values())
    # Sums of the same shares in another order differ in their last digits.
    tied = [label for label, p in sums.items() if p >= most - 1e-9]
    favourites = (c.best for c in answers.values() if c.best in tied)
    return next(favourites, tied[0])


def _said(content: str) -> bytes:
    parsed = ResponseParser.extract_json(content)
    if parsed is None:
        return " ".join(content.split()).encode("utf-8", "surrogatepass")
    kept = {k: v for k, v in parsed.items() if k.lower() not in _TALK}
    try:
        return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return repr(sorted(kept.items(), key=str)).encode("utf-8", "surrogatepass")


def _all_failed(errors: Sequence[tuple[str, Exception]]) -> ModelError:
    told = "; ".join(f"{name}: {error}" for name, error in errors)
    retryable = any(getattr(error, "retryable", False) for _, error in errors)
    kind = ModelAnswerError if retryable else ModelError
    failed = kind(f"all {len(errors)} members of the ensemble failed ({told})")
    failed.__cause__ = errors[0][1]
    return failed
