"""One step on a page: find, check, act, watch, judge."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

from groundling.actions import Action, Drag
from groundling.agent.expect import expected
from groundling.agent.guard import LoopGuard, step_key
from groundling.agent.memory import Memory
from groundling.agent.overlay import uncover
from groundling.agent.selector import by_selector
from groundling.browser.base import PageAdapter, SnapshotOptions
from groundling.browser.observe import DialogAnswer, Seen, Waits, Watch
from groundling.browser.perform import perform
from groundling.cache import ActionCache
from groundling.decision import Decision, DecisionConfig, decide
from groundling.driver import PageCall, Steps
from groundling.elements import ElementSnapshot, RawElement
from groundling.errors import (
    ActionError,
    CoveredError,
    EmptyPageError,
    ModelAnswerError,
    NavigationError,
    PageClosedError,
    PageTimeoutError,
    SnapshotError,
    StaleElementError,
)
from groundling.llm.base import BaseLLM
from groundling.policy import Policy
from groundling.trace import StepResult, without_secret
from groundling.verify import Expectation, Outcome, decided, judge

log = logging.getLogger(__name__)

_REPLACED = 3
"""Times that an element replaced under the hand, or covered, is tried."""
_TURNS: "WeakKeyDictionary[Any, asyncio.Lock]" = WeakKeyDictionary()
"""Whose turn it is on a page of the async library: one mouse, and one cause of what is seen."""
FAILURES = (
    ActionError,
    EmptyPageError,
    ModelAnswerError,
    NavigationError,
    PageClosedError,
    PageTimeoutError,
    SnapshotError,
    StaleElementError,
)
"""Causes that end a step as failed; all others end the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the steps of one agent have in common."""

    llm: BaseLLM
    config: DecisionConfig
    stronger: BaseLLM | None = None
    policy: Policy = field(default_factory=Policy)
    dialogs: DialogAnswer | None = field(default_factory=DialogAnswer)
    waits: Waits = field(default_factory=Waits)
    reading: SnapshotOptions = field(default_factory=SnapshotOptions)
    screenshots: bool = False
    guard: LoopGuard | None = None
    cache: ActionCache | None = None
    interrupted: Callable[[StepResult], None] | None = None
    """Gets the step that Ctrl-C or a cancelled task ended, which returns nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a step is asked to do."""

    action: Action
    instruction: str = ""
    task_type: str = "find_any"
    element: RawElement | None = None
    """Found already; then nothing is decided."""
    expect: Expectation | None = None
    selector: str = ""
    """Finds the element instead of a decision; must match one."""
    avoid: frozenset[int] = frozenset()
    """Ids of elements that are out of the question."""
    fallback: str = ""
    """The caller's selector, for an agent that makes several attempts."""
    max_attempts: int | None = None
    """For such an agent; None leaves it its own number."""


def read(adapter: PageAdapter, setup: Setup) -> Steps[ElementSnapshot]:
    """Return a fresh snapshot; the page is prepared on first use."""
    setup.policy.check_host(adapter.page.url)
    yield from adapter.install()
    return setup.policy.hide_in((yield from adapter.snapshot(setup.reading)))


def run_step(adapter: PageAdapter, setup: Setup, wanted: Wanted) -> Steps[StepResult]:
    """Do one step and return what came of it.

    Raises:
        PageClosedError: If the page is gone before the action.
        PolicyError: If the policy forbids the step.
        ModelError: If the model cannot work; an answer that cannot be used fails the step instead.
        ValueError: If the instruction is empty, or the task type unknown.
    """
    if adapter.page.is_closed():
        raise PageClosedError("the page is closed: open a new one")
    draft = _Draft(adapter, setup, wanted)
    try:
        yield from draft.find()
        yield from draft.act()
    except FAILURES as error:
        draft.error = setup.policy.hide(str(error))
    except GeneratorExit:
        draft.error = "interrupted"
        if setup.interrupted is not None:
            setup.interrupted(draft.result())
        raise
    result = draft.result()
    if setup.cache is not None:
        with draft.stage("remember"):
            yield from draft.memory.learn(result, draft.action)
    return result


class _Draft:
    """A step while it is done."""

    def __init__(self, adapter: PageAdapter, setup: Setup, wanted: Wanted) -> None:
        self.adapter, self.setup, self.wanted = adapter, setup, wanted
        self.action = wanted.action
        self.element, self.decision = wanted.element, None  # type: RawElement | None, Decision | None
        self.outcome = Outcome("failed", (), wanted.action.has_effect)
        self.error, self.url = "", adapter.page.url
        self.stages: dict[str, float] = {}
        self.screenshot: bytes | None = None
        self.new_pages: tuple[Any, ...] = ()
        self.seen: ElementSnapshot | None = None
        self.healed_by = ""
        self.touched = False
        self.notes: tuple[str, ...] = ()
        self.memory = Memory(setup.cache, setup.config, setup.policy.secrets.values())

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - started) * 1000
            self.stages[name] = self.stages.get(name, 0.0) + spent

    def find(self) -> Steps[None]:
        """Find the element, and the one to drag to, unless given or not needed."""
        asked, action = self.wanted.instruction, self.action
        if self.element is None and self.wanted.selector:
            snapshot = yield from self.snapshot()
            self.element = yield from by_selector(self.adapter, snapshot, self.wanted.selector)
            self.healed_by = "selector"
        elif self.element is None and asked:
            snapshot = yield from self.snapshot()
            self.decision = yield from self.choose(snapshot, asked)
            self.element = self.decision.selection.element
            if self.element is None:
                raise ActionError(f"nothing to {action.verb}: {self.decision.selection.reason}")
        if isinstance(action, Drag) and isinstance(action.to, str):
            snapshot = self.seen or (yield from self.snapshot())
            second = yield from self.choose(snapshot, action.to)
            if second.selection.element is None:
                raise ActionError(f"nothing to drag to: {second.selection.reason}")
            self.action = replace(action, to=second.selection.element)

    def choose(self, snapshot: ElementSnapshot, instruction: str) -> Steps[Decision]:
        setup, kind, avoid = self.setup, self.wanted.task_type, self.wanted.avoid
        if avoid:
            kept = tuple(e for e in snapshot.elements if e.id not in avoid)
            snapshot = replace(snapshot, elements=kept)
        found = yield from self.memory.recall(snapshot, instruction, kind)
        if found is None:
            found = yield from decide(
                snapshot, instruction, kind, setup.llm, setup.config, stronger=setup.stronger
            )
        self.add(found.stages_ms)
        return found

    def snapshot(self) -> Steps[ElementSnapshot]:
        with self.stage("snapshot"):
            found = self.seen = yield from read(self.adapter, self.setup)
        if self.setup.screenshots:
            with self.stage("screenshot"):
                page = self.adapter.page
                self.screenshot = yield PageCall(lambda: page.screenshot(type="png"))
        return found

    def add(self, stages: Mapping[str, float]) -> None:
        for name, ms in stages.items():
            self.stages[name] = self.stages.get(name, 0.0) + ms

    def act(self) -> Steps[None]:
        """Check that the action may be done, and do it."""
        self.action.validate(self.element)
        page = self.adapter.page
        self.setup.policy.check(self.action, self.element, page.url)
        guard = self.setup.guard
        if guard is None or self.seen is None:
            yield from self.act_again()
            return
        step = step_key(self.seen, self.action, self.element)
        guard.check(page, step)
        yield from self.act_again()
        guard.count(page, step)

    def act_again(self) -> Steps[None]:
        """Act, watch, judge; a node replaced under the hand is looked for again."""
        handle, target = yield from self.resolve()
        if handle is not None and self.element is not None and self.element.occluded:
            yield from self.uncover(handle)
        for turn in range(_REPLACED):
            try:
                yield from self.perform(handle, target)
                return
            except CoveredError:
                if not (yield from self.uncover(handle)):
                    raise
            except StaleElementError as error:
                if turn == _REPLACED - 1:
                    raise
                log.info("%s: looked for once more", error)
                handle, target = yield from self.resolve()
        yield from self.perform(handle, target)

    def resolve(self) -> Steps[tuple[Any, Any]]:
        handle = target = None
        shown = self.setup.policy.shown
        with self.stage("resolve"):
            if self.element is not None:
                handle = yield from self.adapter.resolve(shown(self.element))
            if isinstance(self.action, Drag) and isinstance(self.action.to, RawElement):
                target = yield from self.adapter.resolve(shown(self.action.to))
        return handle, target

    def uncover(self, handle: Any) -> Steps[bool]:  # noqa: ANN401
        if not self.setup.policy.dismiss_overlays or not self.action.needs_element:
            return False
        with self.stage("uncover"):
            done = yield from uncover(self.adapter.page, handle)
        self.notes += (done,) if done else ()
        return bool(done)

    def perform(self, handle: Any | None, target: Any | None) -> Steps[None]:  # noqa: ANN401
        """Act, watch and judge; steps of other agents on the page wait until this one is over."""
        turn = _TURNS.setdefault(self.adapter.page, asyncio.Lock())
        if self.adapter.is_async:
            yield PageCall(turn.acquire)
        try:
            yield from self.perform_alone(handle, target)
        finally:
            if turn.locked():
                turn.release()

    def perform_alone(self, handle: Any | None, target: Any | None) -> Steps[None]:  # noqa: ANN401
        adapter, action = self.adapter, self.action
        watch = Watch(adapter.page, self.setup.dialogs)
        interrupted = False
        try:
            with self.stage("act"):
                yield from self.begin(watch, handle)
                yield from self.touch(handle, target)
                self.touched = True
            with self.stage("verify"):
                seen = yield from watch.settle(lambda s: decided(action, s), self.setup.waits)
                yield from self.judge(seen)
        except GeneratorExit:
            interrupted = True
            raise
        finally:
            self.new_pages = tuple(watch.new_pages)
            if interrupted:
                watch.unlisten()
            else:
                yield from watch.stop()

    def begin(self, watch: Watch, handle: Any | None) -> Steps[None]:  # noqa: ANN401
        """Begin to watch; while the step waited for its turn the page may have gone elsewhere."""
        page, verb = self.adapter.page, self.action.verb
        try:
            yield from watch.start(handle)
            yield from watch.act()
        except TimeoutError as error:
            raise PageTimeoutError(f"the page did not answer before {verb}: wait") from error
        except Exception as error:
            if page.is_closed() or "crashed" in str(error):
                raise PageClosedError(f"the page went away before {verb}") from error
            raise StaleElementError(f"the page changed before {verb}: read it anew") from error

    def touch(self, handle: Any | None, target: Any | None) -> Steps[None]:  # noqa: ANN401
        page = self.adapter.page
        try:
            yield from perform(page, self.action, self.element, handle, target)
        except PageClosedError:
            # A button may close its own window; whether that was the aim is not ours to say.
            self.touched = True
            if not page.is_closed():
                raise
        except (NavigationError, PageTimeoutError):
            self.touched = True
            raise

    def judge(self, seen: Seen) -> Steps[None]:
        self.outcome = judge(self.action, seen)
        if self.wanted.expect is not None:
            page = self.adapter.page
            self.outcome = yield from expected(page, self.wanted.expect, self.outcome)

    def result(self) -> StepResult:
        page, wanted, hide = self.adapter.page, self.wanted, self.setup.policy.hide
        size = {} if page.is_closed() else page.viewport_size or {}
        outcome, error = self.outcome, hide(self.error)
        if error:
            outcome = Outcome("failed", (error,), self.action.has_effect)
        else:
            told = (*map(hide, outcome.evidence), *self.notes, *map(hide, self.memory.notes))
            outcome = replace(outcome, evidence=told)
        return StepResult(
            action=without_secret(self.action, self.element),
            outcome=outcome,
            instruction=wanted.instruction,
            task_type=wanted.task_type,
            element=self.element,
            decision=self.decision,
            error=error,
            touched=self.touched,
            snapshot=self.seen,
            url=hide(self.url),
            url_after=hide(page.url),
            new_pages=self.new_pages,
            stages_ms=self.stages,
            screenshot=self.screenshot,
            viewport=(size.get("width", 0), size.get("height", 0)),
            model=self.setup.llm.name,
            healed_by=self.healed_by,
        )
