"""Replay a script without a model; where a step no longer fits, the agent heals it."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict, Unpack

from groundling.actions import Action, Done, Drag
from groundling.agent.goal import Past, PlanStep, RunResult
from groundling.agent.step import read
from groundling.agent.web import LocalLLMWebAgent
from groundling.browser import adapt
from groundling.browser.base import PageAdapter
from groundling.cache.match import Match, find_again
from groundling.driver import PageCall, Steps, run_async, run_sync
from groundling.elements import ElementSnapshot
from groundling.errors import DataError, PageError, PolicyError
from groundling.planner.script import Script, ScriptStep, Target
from groundling.trace import StepResult
from groundling.verify import Outcome

log = logging.getLogger(__name__)

WAIT_S = 5.0
_PAUSE_MS = 150.0


class ReplayOptions(TypedDict, total=False):
    """How a script is replayed."""

    values: Mapping[str, str] | None
    """Texts by name, for the steps that name one."""
    heal: bool
    """Let the agent's model look for an element that is not surely the remembered one; True."""
    wait_s: float
    """How long an element may take to appear."""
    on_step: Callable[[Past], None] | None
    """Called after each step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of a replay; truthy only when every step was proved again."""

    run: RunResult
    script: Script
    """The script, its healed steps brought up to date."""
    healed: tuple[int, ...] = ()
    """Steps that no longer fitted and were found anew, from 1."""

    def __bool__(self) -> bool:
        return bool(self.run)

    def __str__(self) -> str:
        n = len(self.healed)
        return f"{self.run}{f'; {n} healed' if n else ''}"


def replay(
    agent: LocalLLMWebAgent,
    page: Any,  # noqa: ANN401
    script: Script,
    **options: Unpack[ReplayOptions],
) -> Replayed:
    """Replay on a page of a synchronous library; see `replay_steps`."""
    return run_sync(replay_steps(agent, adapt(page), script, **options))


async def areplay(
    agent: LocalLLMWebAgent,
    page: Any,  # noqa: ANN401
    script: Script,
    **options: Unpack[ReplayOptions],
) -> Replayed:
    """Replay on a page of an asynchronous library; see `replay_steps`."""
    return await run_async(replay_steps(agent, adapt(page), script, **options))


def replay_steps(
    agent: LocalLLMWebAgent,
    page: PageAdapter,
    script: Script,
    **options: Unpack[ReplayOptions],
) -> Steps[Replayed]:
    """Do the steps of a script on a page that shows its first address already.

    Args:
        agent: Acts, verifies, and heals.
        page: The page.
        script: What to do.
        **options: See `ReplayOptions`.

    Raises:
        DataError: If a value is missing.
        ModelError: If the model is needed and cannot work.
    """
    values = options.get("values") or {}
    again = _Replay(
        agent=agent,
        page=page,
        heal=options.get("heal", True),
        wait_s=options.get("wait_s", WAIT_S),
        on_step=options.get("on_step"),
    )
    filled = [_with_value(step, values) for step in script.steps]
    started = time.perf_counter()
    done, evidence = Done(), tuple[str, ...]()
    try:
        for step, action in zip(script.steps, filled, strict=True):
            result = yield from again.do(step, action)
            if not result:
                why = f"step {len(again.history)}: {result.error or result.outcome}"
                done = Done(success=False, answer=why)
                break
            evidence = result.outcome.evidence
    except (PageError, PolicyError) as error:
        done = Done(success=False, answer=f"step {len(again.history) + 1}: {error}")
    run = RunResult(
        goal=script.goal,
        done=done,
        history=tuple(again.history),
        evidence=evidence if done.success else (),
        planner="script",
        page=again.page.page,
        total_ms=(time.perf_counter() - started) * 1000,
    )
    steps = tuple(again.steps) + script.steps[len(again.steps) :]
    return Replayed(run=run, script=replace(script, steps=steps), healed=tuple(again.healed))


def _with_value(step: ScriptStep, values: Mapping[str, str]) -> Action:
    if not step.value:
        return step.action
    if step.value not in values:
        known = ", ".join(map(repr, values)) or "none"
        raise DataError(f"the script needs the value {step.value!r}: given are {known}")
    return replace(step.action, text=values[step.value])  # type: ignore[call-arg]


@dataclass(slots=True, kw_only=True)
class _Replay:
    agent: LocalLLMWebAgent
    page: PageAdapter
    heal: bool
    wait_s: float
    on_step: Callable[[Past], None] | None
    history: list[Past] = field(default_factory=list)
    steps: list[ScriptStep] = field(default_factory=list)
    """The steps done, as they should be next time."""
    healed: list[int] = field(default_factory=list)

    def do(self, step: ScriptStep, action: Action) -> Steps[StepResult]:
        snapshot, found, why = None, None, ""
        if step.target is not None:
            snapshot, found = yield from self.find(step.target)
            why = found.reason
        if isinstance(action, Drag) and step.to is not None and snapshot is not None:
            to = find_again(step.to.element, step.to.page, snapshot)
            why = why or to.reason
            # By its words, where it is not surely there.
            action = replace(action, to=to.element or step.to.element.name)
        if why and not self.heal:
            result = _lost(step, action, why, snapshot)
        else:
            element = found.element if found is not None else None
            instruction = step.instruction or _words(step.target)
            result = yield from self.agent.act_steps(
                self.page, action, instruction, task_type=step.task_type, element=element
            )
        yield from self.after(step, result, snapshot, healed=bool(why))
        return result

    def find(self, target: Target) -> Steps[tuple[ElementSnapshot, Match]]:
        """Look for an element until it is there or the time is up."""
        until = time.monotonic() + self.wait_s
        while True:
            snapshot = yield from read(self.page, self.agent.setup)
            found = find_again(target.element, target.page, snapshot)
            if found or time.monotonic() >= until:
                return snapshot, found
            yield PageCall(lambda: self.page.page.wait_for_timeout(_PAUSE_MS))

    def after(
        self,
        step: ScriptStep,
        result: StepResult,
        snapshot: ElementSnapshot | None,
        *,
        healed: bool,
    ) -> Steps[None]:
        yield from ()
        seen = result.snapshot or snapshot
        planned = PlanStep(action=result.action, instruction=step.instruction, value=step.value)
        past = Past(planned, result, seen)
        self.history.append(past)
        if healed and result and result.element is not None and seen is not None:
            self.healed.append(len(self.history))
            log.info("step %d was healed: %s", len(self.history), result)
            step = replace(step, target=Target.of(result.element, seen))
        self.steps.append(step)
        if self.on_step is not None:
            self.on_step(past)
        if result.new_pages and not result.new_pages[-1].is_closed():
            self.page = adapt(result.new_pages[-1])


def _words(target: Target | None) -> str:
    if target is None:
        return ""
    e = target.element
    return f"{e.name or e.label or e.placeholder} {e.role}".strip()


def _lost(
    step: ScriptStep, action: Action, why: str, snapshot: ElementSnapshot | None
) -> StepResult:
    return StepResult(
        action=action,
        outcome=Outcome("failed", (why,), action.has_effect),
        instruction=step.instruction,
        task_type=step.task_type,
        error=why,
        snapshot=snapshot,
    )
