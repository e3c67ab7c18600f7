"""Do a goal: plan a step, do it, prove it, and go on until the goal is met or cannot be."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, Unpack

from groundling.actions import Action, Done, WaitFor
from groundling.agent.expect import expected
from groundling.agent.goal import (
    MAX_STEPS,
    TIMEOUT_S,
    Past,
    Planner,
    PlanStep,
    RunOptions,
    RunResult,
    RunView,
)
from groundling.agent.guard import state_key
from groundling.agent.step import read
from groundling.agent.web import LocalLLMWebAgent
from groundling.browser import adapt
from groundling.browser.base import PageAdapter
from groundling.driver import PageCall, Request, Steps
from groundling.elements import ElementSnapshot
from groundling.errors import PageError, PolicyError
from groundling.planner.rules import RulesPlanner
from groundling.planner.stop import proof
from groundling.planner.suggested import may_suggest, suggestions
from groundling.trace import StepResult
from groundling.verify import Expectation, Outcome

log = logging.getLogger(__name__)
T = TypeVar("T")

_LOOKS, _SUGGEST_MS = 8, 150
"""Fields that ask a server for suggestions wait for the typing to end: some 300 ms, and the way."""
_SAME_STEP = 3
"""Times that the same step may be planned on a page that stays the same."""


def run_goal(
    agent: LocalLLMWebAgent, page: PageAdapter, goal: str, **options: Unpack[RunOptions]
) -> Steps[RunResult]:
    """Do a goal of many steps; see `LocalLLMWebAgent.run`.

    Raises:
        ValueError: If the goal is empty or a limit is below 1.
        ModelError: If the model cannot work.
        DataError: If the trace cannot be written.
    """
    if not goal.strip():
        raise ValueError("the goal is empty: say what to do")
    limits = _Limits.of(options.get("max_steps", MAX_STEPS), options.get("timeout_s", TIMEOUT_S))
    run = _Run(
        agent=agent,
        page=page,
        goal=goal.strip(),
        planner=options.get("planner") or RulesPlanner(),
        values=dict(options.get("values") or {}),
        limits=limits,
        on_step=options.get("on_step"),
        expect=options.get("expect"),
    )
    return (yield from run.steps())


@dataclass(frozen=True, slots=True)
class _Limits:
    max_steps: int
    deadline: float
    timeout_s: float

    @classmethod
    def of(cls, max_steps: int, timeout_s: float | None) -> "_Limits":
        if max_steps < 1:
            raise ValueError(f"`max_steps` is {max_steps}: it must be at least 1")
        if timeout_s is not None and timeout_s <= 0:
            raise ValueError(f"`timeout_s` is {timeout_s}: it must be above 0")
        limit = float("inf") if timeout_s is None else timeout_s
        return cls(max_steps, time.monotonic() + limit, limit)

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.deadline


class _TimeUpError(BaseException):
    """Ends a step from outside; no `except Exception` on the way may take it for a failure."""


@dataclass(slots=True, kw_only=True)
class _Run:
    """A run while it goes on."""

    agent: LocalLLMWebAgent
    page: PageAdapter
    goal: str
    planner: Planner
    values: dict[str, str] = field(repr=False)
    limits: _Limits
    on_step: Callable[[Past], None] | None
    expect: Expectation | None
    history: list[Past] = field(default_factory=list)
    opened: list[PageAdapter] = field(default_factory=list)
    """Pages that the run came from, the last one on top."""
    planned: Counter[str] = field(default_factory=Counter)

    def steps(self) -> Steps[RunResult]:
        """Go on until the planner is done or something ends the run."""
        started = time.perf_counter()
        done, evidence = Done(success=False), tuple[str, ...]()
        try:
            done, evidence = yield from self.until_done()
        except _TimeUpError:
            done = Done(success=False, answer=self.time_up())
        except (PageError, PolicyError) as error:
            done = Done(success=False, answer=str(error))
        result = RunResult(
            goal=self.goal,
            done=done,
            history=tuple(self.history),
            evidence=evidence,
            planner=self.planner.name,
            page=self.page.page,
            total_ms=(time.perf_counter() - started) * 1000,
        )
        log.info("%s", result)
        return result

    def until_done(self) -> Steps[tuple[Done, tuple[str, ...]]]:
        while True:
            view = yield from self.in_time(self.look())
            # A model may take long to plan; it is not cut off in the middle, as no page waits.
            step = yield from self.planner.next(view)
            if isinstance(step, Done):
                return (yield from self.in_time(self.end(step, view.snapshot)))
            if why := self.refusal(step, view.snapshot):
                return Done(success=False, answer=why), ()
            yield from self.do(step, view.snapshot)

    def look(self) -> Steps[RunView]:
        """Read the page, and forget pages that were closed since."""
        while self.page.page.is_closed() and self.opened:
            self.page = self.opened.pop()
        setup = self.agent.setup
        reading = replace(setup, reading=replace(setup.reading, texts=True))
        snapshot = yield from read(self.page, reading)
        if self.history and may_suggest(last := self.history[-1]):
            for _ in range(_LOOKS):
                if suggestions(last, snapshot):
                    break
                yield PageCall(lambda: self.page.page.wait_for_timeout(_SUGGEST_MS))
                snapshot = yield from read(self.page, reading)
        return RunView(
            goal=self.goal,
            snapshot=snapshot,
            history=tuple(self.history),
            values=self.values,
            secrets=frozenset(setup.policy.secrets),
        )

    def refusal(self, step: PlanStep, snapshot: ElementSnapshot) -> str:
        """Return why the step must not be done, or an empty text."""
        if len(self.history) >= self.limits.max_steps:
            last = self.history[-1].result
            return f"{self.limits.max_steps} steps are done, which is the limit; the last: {last}"
        if self.limits.over:
            return self.time_up()
        key = f"{state_key(snapshot)} {step}"
        self.planned[key] += 1
        if self.planned[key] > _SAME_STEP:
            return f"the run goes in circles: {step} came {_SAME_STEP} times on the same page"
        return ""

    def time_up(self) -> str:
        return f"the time of {self.limits.timeout_s:g} s is over after {len(self.history)} steps"

    def do(self, step: PlanStep, snapshot: ElementSnapshot) -> Steps[None]:
        """Do one step and note what came of it, also when it is cut off."""
        acted = self.agent.act_steps(
            self.page,
            self.in_limit(step.action),
            step.instruction,
            task_type=step.task_type,
            element=step.element,
        )
        try:
            result = yield from self.in_time(acted)
        except _TimeUpError:
            result = cut_off(step, self.page, self.time_up())
            self.note(Past(step, result, snapshot))
            yield from self.agent.note(result)
            raise
        self.note(Past(step, result, snapshot))
        if result.new_pages and not result.new_pages[-1].is_closed():
            self.opened.append(self.page)
            self.page = adapt(result.new_pages[-1])

    def in_limit(self, action: Action) -> Action:
        """Let no wait go on beyond the run's own time."""
        if not isinstance(action, WaitFor):
            return action
        left = max(0.1, self.limits.deadline - time.monotonic())
        return replace(action, timeout_s=min(action.timeout_s, left))

    def note(self, past: Past) -> None:
        self.history.append(past)
        if self.on_step is not None:
            self.on_step(past)

    def end(self, done: Done, snapshot: ElementSnapshot) -> Steps[tuple[Done, tuple[str, ...]]]:
        """Ask for evidence before the run is called a success."""
        if not done.success:
            return done, ()
        why, evidence = proof(tuple(self.history), snapshot)
        if self.expect is not None:
            seen = yield from expected(self.page.page, self.expect, Outcome("verified", evidence))
            if not seen:
                return Done(success=False, answer=str(seen)), ()
            evidence = seen.evidence
        if why:
            return Done(success=False, answer=why), ()
        return done, evidence

    def in_time(self, steps: Steps[T]) -> Steps[T]:
        """Drive `steps` until the time is up, then end them where they are.

        Raises:
            _TimeUpError: If it is; what they opened is closed by their own `finally`.
        """
        try:
            request: Request = next(steps)
            while True:
                if self.limits.over:
                    self.limits = replace(self.limits, deadline=float("inf"))
                    request = steps.throw(_TimeUpError())
                    continue
                try:
                    answer = yield request
                except Exception as error:  # noqa: BLE001 - the step decides what it means
                    request = steps.throw(error)
                else:
                    request = steps.send(answer)
        except StopIteration as stop:
            value: T = stop.value
            return value
        finally:
            steps.close()


def cut_off(step: PlanStep, page: PageAdapter, why: str) -> StepResult:
    """Return what is known of a step that was ended from outside: it may have had its effect."""
    return StepResult(
        action=step.action,
        outcome=Outcome("failed", (why,), step.action.has_effect),
        instruction=step.instruction,
        task_type=step.task_type,
        error=why,
        touched=True,
        url=_url(page.page),
        url_after=_url(page.page),
    )


def _url(page: Any) -> str:  # noqa: ANN401
    return str(getattr(page, "url", ""))
