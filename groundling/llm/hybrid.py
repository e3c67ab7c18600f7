"""A small model first, a stronger one where it is worth it: by confidence, complexity or both."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from groundling.errors import ModelError, PolicyError
from groundling.llm.base import BaseLLM, Choice, LLMResponse
from groundling.prompts import ChoicePrompt
from groundling.ranking import parse_query

log = logging.getLogger(__name__)

Route = Literal["confidence", "complexity", "both"]

_MANY_WORDS = 20
_ANSWER_TOKENS = 512
"""Tokens that a generated answer is expected to take where the caller sets no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What the second tier may cost, all calls together; None is no limit."""

    usd: float | None = None
    """Needs `usd_per_million`."""
    seconds: float | None = None
    """Wall time inside the second tier."""
    usd_per_million: tuple[float, float] = (0.0, 0.0)
    """Price of a million tokens read, and of a million written."""

    def __post_init__(self) -> None:
        """Refuse a limit in money without prices."""
        if self.usd is not None and not any(self.usd_per_million):
            raise ValueError("a budget in `usd` needs `usd_per_million`: what tokens cost")

    def price(self, n_read: int, n_written: int) -> float:
        """Return what that many tokens cost, in dollars."""
        return (n_read * self.usd_per_million[0] + n_written * self.usd_per_million[1]) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class TierReport:
    """How many answers each tier gave, and why the second was not asked."""

    local: int = 0
    """Answers of the first tier that counted."""
    cloud: int = 0
    """Answers of the second tier that counted."""
    kept_private: int = 0
    """Local answers that the second tier would have been asked about, were it not for `private`."""
    over_budget: int = 0
    """The same, were it not for the budget."""
    cloud_failed: int = 0
    """The same, because the second tier failed."""
    local_failed: int = 0
    """Answers of the second tier because the first one failed."""
    cost_usd: float = 0.0
    cloud_s: float = 0.0


class HybridLLM(BaseLLM):
    """Routes between a local model and a stronger one."""

    def __init__(
        self,
        local: BaseLLM,
        cloud: BaseLLM,
        *,
        route: Route = "confidence",
        min_confidence: float = 0.8,
        private: bool = False,
        budget: Budget | None = None,
    ) -> None:
        """Combine two models.

        Args:
            local: Asked first.
            cloud: The stronger one; it may be local, too.
            route: `confidence` asks the second model where the first one's confidence is low or
                unknown, `complexity` asks it first where `complexity_of` says so, `both` does both.
            min_confidence: In [0, 1].
            private: Never let a page leave the machine: a second tier that is not local is not
                asked, whatever the route says.
            budget: Limits of the second tier.

        Raises:
            ValueError: If a limit is out of its range or the route unknown.
            PolicyError: If `private` is set and the first tier is not local.
        """
        if route not in ("confidence", "complexity", "both"):
            raise ValueError(f"unknown route {route!r}: known are confidence, complexity, both")
        if not 0 <= min_confidence <= 1:
            raise ValueError(f"`min_confidence` is {min_confidence}: it must be in [0, 1]")
        if private and not local.is_local:
            raise PolicyError(
                f"`private` is set and the first tier, {local.name}, is not local: give a local one"
            )
        self.local, self.cloud, self.private = local, cloud, private
        self.route, self.min_confidence, self.budget = route, min_confidence, budget or Budget()
        self.name = f"hybrid({local.name}, {cloud.name})"
        self.reads_elements = any(m.reads_elements for m in self._tiers())
        self._report = TierReport()
        self._reserved_usd = 0.0
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        """Those of both tiers and how they are combined."""
        told = (self.route, self.min_confidence, self.private)
        return f"hybrid {told} {[m.identity for m in self._tiers()]}"

    @property
    def report(self) -> TierReport:
        """How many answers each tier has given so far."""
        return self._report

    def generate(self, prompt: str, system_prompt: str = "", **kwargs: Any) -> LLMResponse:  # noqa: ANN401
        """Answer `prompt` with text.

        Args:
            prompt: The question.
            system_prompt: Instructions.
            kwargs: `complexity` (`simple` by default; anything else goes to the second tier), the
                rest is passed on.

        Raises:
            ModelError: If every tier that may be asked fails.
        """
        simple = kwargs.pop("complexity", "simple") == "simple"
        n_written = int(kwargs.get("max_new_tokens", _ANSWER_TOKENS))
        cost = self._price([prompt + system_prompt], n_written)
        answer: LLMResponse = self._routed(
            _Asked(
                first=lambda: self.local.generate(prompt, system_prompt, **kwargs),
                second=lambda: self.cloud.generate(prompt, system_prompt, **kwargs),
                simple=simple,
                # Text rarely comes with a confidence: without one the caller's word decides.
                unsure=lambda a: a.confidence is not None and self._is_low(a.confidence),
                cost=cost,
            )
        )
        return answer

    def choose(self, prompt: ChoicePrompt, labels: Sequence[str] | None = None) -> Choice:
        """Pick one label.

        Raises:
            ModelError: If every tier that may be asked fails.
        """
        return self._choice(prompt, labels, lambda: self.local.choose(prompt, labels))

    def choose_many(self, prompts: Sequence[ChoicePrompt]) -> list[Choice]:
        """Pick one label for each prompt: the first tier in one batch, the unsure ones one by one.

        One by one because each of them may be the last that the budget allows.
        """
        ahead = [i for i, p in enumerate(prompts) if self._is_simple(p)]
        try:
            known = dict(
                zip(ahead, self.local.choose_many([prompts[i] for i in ahead]), strict=True)
            )
        except ModelError as error:
            log.warning("%s failed on a batch (%s): asking one by one", self.local.name, error)
            known = {}
        return [
            self._choice(p, None, lambda c=known[i]: c) if i in known else self.choose(p)  # type: ignore[misc]
            for i, p in enumerate(prompts)
        ]

    def complexity_of(self, prompt: ChoicePrompt) -> str:
        """Return `simple` for a question that the first tier should answer; override to taste.

        Here one with an exception ("not the ad"), with an ordinal within something ("second in
        Ann's row") or of 20 words and more is `complex`.
        """
        query = parse_query(prompt.instruction)
        nested = query.ordinal is not None and bool(query.scope)
        long = len(prompt.instruction.split()) >= _MANY_WORDS
        return "complex" if query.unwanted or nested or long else "simple"

    def count_tokens(self, text: str) -> int:
        """Return the higher count, because the text must fit either tier."""
        return max(m.count_tokens(text) for m in self._tiers())

    def supports_json_mode(self) -> bool:
        """Return whether every tier that may be asked does."""
        return all(m.supports_json_mode() for m in self._tiers())

    @property
    def context_window(self) -> int:
        """The smallest of the tiers that may be asked, in tokens."""
        return min(m.context_window for m in self._tiers())

    @property
    def is_local(self) -> bool:
        """Whether no page can leave the machine."""
        return all(m.is_local for m in self._tiers())

    def close(self) -> None:
        """Free what both tiers hold."""
        self.local.close()
        self.cloud.close()

    def _choice(
        self, prompt: ChoicePrompt, labels: Sequence[str] | None, first: Callable[[], Choice]
    ) -> Choice:
        choice: Choice = self._routed(
            _Asked(
                first=first,
                second=lambda: self.cloud.choose(prompt, labels),
                simple=self._is_simple(prompt),
                unsure=lambda c: self._is_low(c.confidence),
                cost=self._price([prompt.system + prompt.text], 1),
            )
        )
        return choice

    def _tiers(self) -> tuple[BaseLLM, ...]:
        """Return the tiers that may be asked at all."""
        return (self.local, self.cloud) if self._may_leave() else (self.local,)

    def _may_leave(self) -> bool:
        return not self.private or self.cloud.is_local

    def _is_simple(self, prompt: ChoicePrompt) -> bool:
        return self.route == "confidence" or self.complexity_of(prompt) == "simple"

    def _is_low(self, confidence: float | None) -> bool:
        return self.route != "complexity" and (confidence or 0.0) < self.min_confidence

    def _price(self, texts: Sequence[str], n_written: int) -> float:
        if self.budget.usd is None:
            return 0.0
        return self.budget.price(sum(map(self.cloud.count_tokens, texts)), n_written)

    def _routed(self, asked: "_Asked") -> Any:  # noqa: ANN401 - what `asked` returns
        """Ask the first tier, and the second one where the route says so."""
        if not asked.simple:
            return self._second(asked, None, None)
        answer, failure = _tried(asked.first)
        if failure is not None:
            log.warning("%s failed: %s", self.local.name, failure)
        elif not asked.unsure(answer):
            self._count(local=1)
            return answer
        return self._second(asked, answer, failure)

    def _second(self, asked: "_Asked", answer: Any, failure: ModelError | None) -> Any:  # noqa: ANN401
        """Ask the second tier if it may be asked; where it cannot answer the first one does."""
        barred = self._reserve(asked.cost)
        if barred and failure is not None:
            raise failure
        if not barred:
            better, broken = self._spend(asked)
            if broken is None:
                self._count(cloud=1, local_failed=int(failure is not None))
                return better
            if failure is not None:
                raise broken from failure
            log.warning("%s failed (%s): %s answers", self.cloud.name, broken, self.local.name)
            barred = "cloud_failed"
        answer = answer if answer is not None else asked.first()
        self._count(local=1, **{barred: 1})
        return answer

    def _reserve(self, cost: float) -> str:
        """Hold `cost` back, or return why not: a field of the report."""
        if not self._may_leave():
            return "kept_private"
        limit = self.budget
        with self._lock:
            spent = self._report
            usd = spent.cost_usd + self._reserved_usd + cost
            if limit.usd is not None and usd > limit.usd:
                return "over_budget"
            if limit.seconds is not None and spent.cloud_s >= limit.seconds:
                return "over_budget"
            self._reserved_usd += cost
        return ""

    def _spend(self, asked: "_Asked") -> tuple[Any, ModelError | None]:
        """Ask the second tier and book what it took instead of what was held back."""
        started, usd = time.perf_counter(), 0.0
        try:
            answer, broken = _tried(asked.second)
            if broken is None:
                usd = self.budget.price(answer.prompt_tokens or 0, _written(answer))
        finally:
            with self._lock:
                self._reserved_usd -= asked.cost
            self._count(cost_usd=usd, cloud_s=time.perf_counter() - started)
        return answer, broken

    def _count(self, **more: float) -> None:
        with self._lock:
            now = {name: getattr(self._report, name) + n for name, n in more.items()}
            self._report = replace(self._report, **now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One question to either tier."""

    first: Callable[[], Any]
    second: Callable[[], Any]
    simple: bool
    unsure: Callable[[Any], bool]
    """Whether an answer of the first tier should go to the second one."""
    cost: float
    """What the second tier is expected to cost, in dollars."""


def _written(answer: Choice | LLMResponse) -> int:
    return answer.completion_tokens if isinstance(answer, Choice) else answer.tokens_used or 0


def _tried(ask: Callable[[], Any]) -> tuple[Any, ModelError | None]:
    try:
        return ask(), None
    except ModelError as error:
        return None, error
