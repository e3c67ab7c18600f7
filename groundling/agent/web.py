"""`LocalLLMWebAgent`: finds elements with a language model, acts on them, and proves the effect."""

import logging
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, TypedDict, Unpack

from groundling.actions import Action, Click, with_secret
from groundling.agent.goal import RunOptions, RunResult
from groundling.agent.memory import Memory, opened
from groundling.agent.step import Setup, Wanted, read, run_step
from groundling.agent.twins import awaitable, blocking
from groundling.agent.verbs import StepOptions, Verbs
from groundling.browser.base import PageAdapter, SnapshotOptions
from groundling.browser.observe import DialogAnswer, Waits
from groundling.cache import ActionCache
from groundling.decision import Decision, DecisionConfig, Selection, decide
from groundling.driver import ModelCall, Steps
from groundling.elements import ElementSnapshot
from groundling.llm.base import BaseLLM
from groundling.policy import Policy
from groundling.trace import StepResult, Trace

log = logging.getLogger(__name__)

_MAX_ELEMENTS = 15
_UNSAID = {
    "find_input": "the main input field of this page",
    "find_button": "the main button of this page",
    "find_link": "the main link of this page",
    "select_from_list": "the first item of the main list",
    "find_any": "the main control of this page",
}
"""What a step is asked for when the caller gives a task type alone."""


class AgentOptions(TypedDict, total=False):
    """What an agent may be given beside its model; None stands for the default."""

    config: DecisionConfig | None
    """How decisions are made."""
    stronger: BaseLLM | None
    """Asked where `DecisionConfig.retries` says so, and by `RobustLocalLLMAgent`."""
    policy: Policy | None
    dialogs: DialogAnswer | None
    waits: Waits | None
    reading: SnapshotOptions | None
    """What is read of a page, and the limits."""
    screenshots: bool
    """Whether each step keeps a picture of the page before the action, for the report."""
    trace: Trace | Path | str | None
    """File that each step is appended to."""
    cache: ActionCache | Path | str | bool | None
    """Remembers what verified steps acted on, so that the next visit needs no model: an open cache,
    its file, or True for the default file."""


class LocalLLMWebAgent(Verbs):
    """Acts on web pages with a language model, local or not.

    Every method takes a page of any supported library; those of asynchronous libraries take the
    method's twin whose name starts with `a`. One agent may serve many pages, one step at a time on
    each.
    """

    def __init__(
        self,
        llm: BaseLLM,
        max_elements: int | None = None,
        verbose: bool = False,
        **options: Unpack[AgentOptions],
    ) -> None:
        """Prepare an agent; nothing is loaded or opened.

        Args:
            llm: Who chooses.
            max_elements: Candidates shown to the model; 15, or the config's, by default.
            verbose: Log one line for each step, on stderr unless logging is set up.
            **options: See `AgentOptions`.
        """
        given: dict[str, Any] = {k: v for k, v in options.items() if v is not None}
        config = given.pop("config", None) or DecisionConfig(max_elements=_MAX_ELEMENTS)
        if max_elements is not None:
            config = replace(config, max_elements=max_elements)
        trace = given.pop("trace", None)
        self.trace = trace if isinstance(trace, Trace) or trace is None else Trace(trace)
        interrupted = self.trace.write if self.trace is not None else None
        cache = opened(given.pop("cache", None))
        self.setup = Setup(llm=llm, config=config, interrupted=interrupted, cache=cache, **given)
        self.verbose = verbose
        if verbose:
            _show_log()

    @property
    def llm(self) -> BaseLLM:
        """Who chooses."""
        return self.setup.llm

    @property
    def max_elements(self) -> int:
        """Candidates shown to the model."""
        return self.setup.config.max_elements

    def decide_steps(
        self, page: PageAdapter, instruction: str, *, task_type: str = "find_any"
    ) -> Steps[Decision]:
        """Find the element that `instruction` means, and return all that led to it.

        The action cache is not asked.

        Raises:
            ValueError: If the instruction is empty or the task type unknown.
            PageError: If the page is closed, empty or cannot be read.
            ModelError: If the model fails.
            PolicyError: If the page's host is not allowed.
        """
        snapshot = yield from read(page, self.setup)
        return (yield from self._decided(snapshot, instruction, task_type))

    def _decided(
        self, snapshot: ElementSnapshot, instruction: str, task_type: str
    ) -> Steps[Decision]:
        s = self.setup
        return (
            yield from decide(
                snapshot, instruction, task_type, s.llm, s.config, stronger=s.stronger
            )
        )

    def find_steps(
        self, page: PageAdapter, instruction: str, *, task_type: str = "find_any"
    ) -> Steps[Selection]:
        """Find the element that `instruction` means, without acting; raises as `decide`.

        What the action cache remembers of a verified step is used; nothing is written to it.
        """
        snapshot = yield from read(page, self.setup)
        memory = Memory(self.setup.cache, self.setup.config)
        found = yield from memory.recall(snapshot, instruction, task_type)
        if found is None:
            found = yield from self._decided(snapshot, instruction, task_type)
        return found.selection

    def find_and_click_element_steps(
        self,
        page: PageAdapter,
        task_type: str = "find_any",
        context: str = "",
        max_retries: int | None = None,
        *,
        fallback: str = "",
    ) -> Steps[StepResult]:
        """Find an element and click it; the design guide's call, its `bool` now a `StepResult`.

        Args:
            page: The page, or a browser of the Sentience SDK.
            task_type: One of `TASK_TYPES`.
            context: What to find: a button's text, a link's description, ...
            max_retries: Attempts in all; only `RobustLocalLLMAgent` makes more than one.
            fallback: As in `StepOptions`.
        """
        instruction = context.strip() or _UNSAID.get(task_type, "element")
        wanted = Wanted(
            action=Click(),
            instruction=instruction,
            task_type=task_type,
            fallback=fallback,
            max_attempts=max_retries,
        )
        result = yield from self.step(page, wanted)
        yield from self.note(result)
        return result

    def act_steps(
        self,
        page: PageAdapter,
        action: Action,
        instruction: str = "",
        **options: Unpack[StepOptions],
    ) -> Steps[StepResult]:
        """Find the element, check that it takes the action, act, and prove the effect.

        Args:
            page: The page.
            action: What to do.
            instruction: Which element is meant, in plain words.
            **options: See `StepOptions`.

        Returns:
            A result that is truthy only on success. What the page or an unusable answer of the
            model prevents is told in its `error`.

        Raises:
            ValueError: If the action needs an element, and neither instruction nor element is
                given; or the task type is unknown.
            PageClosedError: If the page is closed already.
            PolicyError: If the policy forbids the step.
            ModelError: If the model cannot work.
        """
        if action.needs_element and not instruction.strip() and options.get("element") is None:
            raise ValueError(f"{action.verb} needs an instruction or an element: none was given")
        action = with_secret(action, self.setup.policy.secret)
        wanted = Wanted(action=action, instruction=instruction, **options)
        result = yield from self.step(page, wanted)
        yield from self.note(result)
        return result

    def step(self, page: PageAdapter, wanted: Wanted) -> Steps[StepResult]:
        """Do one step; agents with more patience override it."""
        return run_step(page, self.setup, wanted)

    def note(self, result: StepResult) -> Steps[None]:
        """Log a step and write it to the trace."""
        log.info("%s", result)
        if self.trace is not None:
            trace = self.trace
            yield ModelCall(lambda: trace.write(result))

    def run_steps(
        self, page: PageAdapter, goal: str, **options: Unpack[RunOptions]
    ) -> Steps[RunResult]:
        """Do a goal of many steps: plan one, do it, prove it, and go on until the goal is met.

        Args:
            page: The page to start on.
            goal: What to do, in plain words, e.g. `Enter "ann" as the user name and press Submit`.
            **options: See `RunOptions`.

        Returns:
            A result that is truthy only when every step was proved and the goal is met; else its
            `reason` says what is missing. What the page or the policy prevents ends the run and is
            told there, too.

        Raises:
            ValueError: If the goal is empty or a limit is out of range.
            ModelError: If the model cannot work.
        """
        # The planners stand on this agent, so they are bound by name, when they are first needed.
        planner = import_module("groundling.planner")
        result: RunResult = yield from planner.run_goal(self, page, goal, **options)
        return result

    decide, adecide = blocking(decide_steps), awaitable(decide_steps)
    find, afind = blocking(find_steps), awaitable(find_steps)
    act, aact = blocking(act_steps), awaitable(act_steps)
    run, arun = blocking(run_steps), awaitable(run_steps)
    find_and_click_element = blocking(find_and_click_element_steps)
    afind_and_click_element = awaitable(find_and_click_element_steps)


def _show_log() -> None:
    """Let the steps' lines out, on stderr where the program has set up no logging."""
    if not log.isEnabledFor(logging.INFO):
        log.setLevel(logging.INFO)
    if not log.hasHandlers():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)
