"""The words of a decision: how it is made, and what it says. Values, no behaviour."""

from dataclasses import dataclass, field
from typing import Any, Literal

from groundling.decision import explain
from groundling.elements import RawElement
from groundling.filtering import Dropped
from groundling.llm.base import Choice
from groundling.prompts import Candidate, ChoicePrompt, Layout

Method = Literal["rule", "model", "escalated", "cache"]
Retry = Literal["shuffle", "widen", "stronger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionConfig:
    """How a decision is made, and when it is not.

    A choice that stays below `min_confidence` or `min_margin` after all retries selects nothing.
    """

    max_elements: int = 15
    """Candidates in the prompt."""
    min_confidence: float = 0.0
    """In [0, 1]; needs a model that knows its confidence."""
    target_precision: float | None = None
    """Select only at the confidence that reached this precision when the model was calibrated, e.g.
    0.95; needs a model whose profile holds thresholds."""
    min_margin: float = 0.0
    """In [0, 1]: distance to the runner-up."""
    rules: bool = True
    """Resolve certain cases without the model, e.g. a unique exact name."""
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
        if self.target_precision is not None and not 0 < self.target_precision <= 1:
            raise ValueError(
                f"`target_precision` is {self.target_precision}: it must be above 0 and at most 1"
            )


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
    rule: str = ""
    """Which rule decided, e.g. "exact name"; empty when a model was asked."""
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
        return "\n".join(explain.lines(self))

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain dicts and lists: selection, prompts, odds, drops, times."""
        return explain.to_json(self)
