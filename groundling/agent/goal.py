"""The words of a run of many steps: what a planner is told, what it answers, what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict

from groundling.actions import Action, Done
from groundling.driver import Steps
from groundling.elements import ElementSnapshot, RawElement
from groundling.trace import StepResult
from groundling.verify import Expectation

MAX_STEPS = 30
TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """One step that a planner asks for."""

    action: Action
    instruction: str = ""
    """Which element is meant, in plain words; empty where the action needs none."""
    task_type: str = "find_any"
    element: RawElement | None = None
    """The element, where the planner knows it: then nothing is decided."""
    covers: tuple[str, ...] = ()
    """Parts of the goal that this step fulfils, in the planner's own names; none for a step that
    only looks for something, such as opening a section."""
    value: str = ""
    """Name of the caller's value that is typed; empty where the goal or the page holds the text."""

    def __str__(self) -> str:
        # What is typed may be a password: who reads this line cannot know.
        what = self.action.verb if hasattr(self.action, "text") else self.action.describe()
        return f"{what}: {self.instruction}" if self.instruction else what


@dataclass(frozen=True, slots=True)
class Past:
    """A step as planned, and what came of it."""

    planned: PlanStep
    result: StepResult
    snapshot: ElementSnapshot | None = field(default=None, repr=False)
    """The page that the step was planned on."""

    @property
    def is_settled(self) -> bool:
        """Whether it is done, as far as going on is concerned; the end of a run asks for more."""
        unseen = not self.result.error and self.result.outcome.status == "unverified"
        return bool(self.result) or unseen


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """What a planner knows when it plans the next step."""

    goal: str
    snapshot: ElementSnapshot
    """The page now."""
    history: tuple[Past, ...] = ()
    """The run so far, oldest first."""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Texts that may be typed, by name."""
    secrets: frozenset[str] = frozenset()
    """Names of the policy's secrets, which may be typed by name."""

    @property
    def settled(self) -> set[str]:
        """Parts of the goal whose steps are settled."""
        return {key for p in self.history if p.is_settled for key in p.planned.covers}

    @property
    def met(self) -> set[str]:
        """Parts of the goal whose steps succeeded."""
        return {key for p in self.history if p.result for key in p.planned.covers}


class Planner(Protocol):
    """Splits a goal into steps, one at a time."""

    name: str

    def next(self, view: RunView) -> Steps[PlanStep | Done]:
        """Return the next step, or `Done` when there is none left or none can help.

        `Done(success=False)` carries the reason in `answer`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What came of a run; truthy only when every step was proved and the goal is met."""

    goal: str
    done: Done
    """How the run ended; the reason of a failure is in `answer`."""
    history: tuple[Past, ...] = ()
    evidence: tuple[str, ...] = ()
    """What shows that the goal is met; empty when it is not."""
    planner: str = ""
    page: Any = field(default=None, repr=False)
    """The Playwright page that the run ended on; a step may have opened it."""
    total_ms: float = 0.0
    """Wall time of the run, in milliseconds."""

    def __bool__(self) -> bool:
        return self.done.success

    @property
    def reason(self) -> str:
        """Why the run failed; empty when it did not."""
        return "" if self.done.success else self.done.answer

    @property
    def steps(self) -> tuple[StepResult, ...]:
        """The steps done, oldest first."""
        return tuple(p.result for p in self.history)

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens read and written by the model that chose the elements."""
        read, written = (
            zip(*(s.tokens for s in self.steps), strict=True) if self.steps else ((), ())
        )
        return sum(read), sum(written)

    def __str__(self) -> str:
        n = len(self.history)
        took = f"{n} step{'' if n == 1 else 's'}, {self.total_ms / 1000:.1f} s"
        end = "; ".join(self.evidence[:2]) if self else self.reason
        return f"{'done' if self else 'not done'}: {took}: {end}"


class RunOptions(TypedDict, total=False):
    """What a run may be given beside its goal."""

    values: Mapping[str, str] | None
    """Texts to type, by name, e.g. `{"user name": "ann"}`. A goal names them in braces, or by a
    field without a text: "enter the user name". They stay out of prompts."""
    max_steps: int
    """Steps in all, those included that failed."""
    timeout_s: float | None
    """Wall time of the run; None for no limit."""
    planner: Planner | None
    """`RulesPlanner()` by default."""
    expect: Expectation | None
    """The caller's own proof that the goal is met, see `groundling.verify.Expectation`."""
    on_step: Callable[[Past], None] | None
    """Called after each step."""
