"""One step on a page: find, check, act, watch, judge."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from groundling.actions import Action, Drag
from groundling.agent.expect import expected
from groundling.browser.base import PageAdapter, SnapshotOptions
from groundling.browser.observe import DialogAnswer, Seen, Waits, Watch
from groundling.browser.perform import perform
from groundling.decision import Decision, DecisionConfig, decide
from groundling.driver import PageCall, Steps
from groundling.elements import ElementSnapshot, RawElement
from groundling.errors import (
    ActionError,
    EmptyPageError,
    ModelAnswerError,
    NavigationError,
    PageTimeoutError,
    SnapshotError,
    StaleElementError,
)
from groundling.llm.base import BaseLLM
from groundling.policy import Policy
from groundling.trace import StepResult, without_secret
from groundling.verify import Expectation, Outcome, decided, judge

FAILURES = (
    ActionError,
    EmptyPageError,
    ModelAnswerError,
    NavigationError,
    PageTimeoutError,
    SnapshotError,
    StaleElementError,
)
"""Causes that end a step as failed; all others, such as a closed page, end the run."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a step is asked to do."""

    action: Action
    instruction: str = ""
    task_type: str = "find_any"
    element: RawElement | None = None
    """Found already; then nothing is decided."""
    expect: Expectation | None = None


def read(adapter: PageAdapter, setup: Setup) -> Steps[ElementSnapshot]:
    """Return a fresh snapshot; the page is prepared on first use."""
    setup.policy.check_host(adapter.page.url)
    yield from adapter.install()
    return (yield from adapter.snapshot(setup.reading))


def run_step(adapter: PageAdapter, setup: Setup, wanted: Wanted) -> Steps[StepResult]:
    """Do one step and return what came of it.

    Raises:
        PageClosedError: If the page is gone before the action.
        PolicyError: If the policy forbids the step.
        ModelError: If the model cannot work; an answer that cannot be used fails the step instead.
        ValueError: If the instruction is empty, or the task type unknown.
    """
    draft = _Draft(adapter, setup, wanted)
    try:
        yield from draft.find()
        yield from draft.act()
    except FAILURES as error:
        draft.error = str(error)
    return draft.result()


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

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - started) * 1000
            self.stages[name] = self.stages.get(name, 0.0) + spent

    def find(self) -> Steps[None]:
        """Decide on the element, and on the one to drag to, unless given or not needed."""
        asked, action = self.wanted.instruction, self.action
        if self.element is None and asked:
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
        setup, kind = self.setup, self.wanted.task_type
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
        """Check, act, watch, judge."""
        adapter, setup, element = self.adapter, self.setup, self.element
        self.action.validate(element)
        setup.policy.check(self.action, element, adapter.page.url)
        handle = target = None
        with self.stage("resolve"):
            if element is not None:
                handle = yield from adapter.resolve(element)
            if isinstance(self.action, Drag) and isinstance(self.action.to, RawElement):
                target = yield from adapter.resolve(self.action.to)
        watch = Watch(adapter.page, setup.dialogs)
        try:
            with self.stage("act"):
                yield from watch.start(handle)
                yield from watch.act()
                yield from perform(adapter.page, self.action, element, handle, target)
            with self.stage("verify"):
                action = self.action
                seen = yield from watch.settle(lambda s: decided(action, s), setup.waits)
                yield from self.judge(seen)
        finally:
            self.new_pages = tuple(watch.new_pages)
            yield from watch.stop()

    def judge(self, seen: Seen) -> Steps[None]:
        self.outcome = judge(self.action, seen)
        if self.wanted.expect is not None:
            page = self.adapter.page
            self.outcome = yield from expected(page, self.wanted.expect, self.outcome)

    def result(self) -> StepResult:
        page, wanted = self.adapter.page, self.wanted
        size = {} if page.is_closed() else page.viewport_size or {}
        outcome = self.outcome
        if self.error:
            outcome = Outcome("failed", (self.error,), self.action.has_effect)
        return StepResult(
            action=without_secret(self.action, self.element),
            outcome=outcome,
            instruction=wanted.instruction,
            task_type=wanted.task_type,
            element=self.element,
            decision=self.decision,
            error=self.error,
            snapshot=self.seen,
            url=self.url,
            url_after=page.url,
            new_pages=self.new_pages,
            stages_ms=self.stages,
            screenshot=self.screenshot,
            viewport=(size.get("width", 0), size.get("height", 0)),
            model=self.setup.llm.name,
        )
