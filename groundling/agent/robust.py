"""`RobustLocalLLMAgent`: attempts that each change something, then a selector, then the truth."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Unpack

from groundling.actions import (
    Check,
    Clear,
    Fill,
    Hover,
    Scroll,
    SelectOption,
    Uncheck,
)
from groundling.agent.guard import LoopGuard
from groundling.agent.selector import generated_selector
from groundling.agent.step import Setup, Wanted, run_step
from groundling.agent.web import AgentOptions, LocalLLMWebAgent
from groundling.browser.base import PageAdapter, SnapshotOptions
from groundling.driver import PageCall, Steps
from groundling.errors import PageClosedError
from groundling.llm.base import BaseLLM
from groundling.trace import StepResult

_ATTEMPTS = 4
_IDLE_MS = 3_000.0
_WIDEST = 40
_IDEMPOTENT = (Fill, Clear, Check, Uncheck, SelectOption, Hover, Scroll)
"""Doing these twice is the same as doing them once."""
_SCROLL = "() => scrollBy({ top: innerHeight * 0.85, behavior: 'instant' })"


class RobustLocalLLMAgent(LocalLLMWebAgent):
    """Agent with retries and fallbacks.

    Every attempt differs from the one before: the page is read again once its network is quiet,
    more candidates are shown in another order, the page is scrolled, the stronger model is asked.
    Then the element is looked for by a selector. A step that may have had its effect is never done
    twice. The result lists all attempts.
    """

    def __init__(
        self,
        llm: BaseLLM,
        max_elements: int | None = None,
        verbose: bool = False,
        *,
        max_retries: int = _ATTEMPTS,
        loop_limit: int = 3,
        **options: Unpack[AgentOptions],
    ) -> None:
        """Prepare an agent.

        Args:
            llm: Who chooses.
            max_elements: Candidates in the first attempt.
            verbose: As for `LocalLLMWebAgent`.
            max_retries: Attempts in all, the first one included, as in the design guide.
            loop_limit: Times that a step may be done on an unchanged page.
            **options: See `AgentOptions`.

        Raises:
            ValueError: If `max_retries` or `loop_limit` is below 1.
        """
        for name, value in (("max_retries", max_retries), ("loop_limit", loop_limit)):
            if value < 1:
                raise ValueError(f"`{name}` is {value}: it must be at least 1")
        # The texts of a page tell its states apart, which the loop guard needs.
        options.setdefault("reading", SnapshotOptions(texts=True))
        super().__init__(llm, max_elements, verbose, **options)
        self.max_retries = max_retries
        self.setup = replace(self.setup, guard=LoopGuard(loop_limit))

    def step(self, page: PageAdapter, wanted: Wanted) -> Steps[StepResult]:
        """Try until a step succeeds, must not be repeated, or nothing is left to change."""
        past: list[StepResult] = []
        changes = _Changes(page, self.setup, wanted, wanted.max_attempts or self.max_retries)
        while True:
            change = yield from changes.next(past)
            if change is None:
                return _summed(past)
            said, setup, asked = change
            try:
                result = yield from run_step(page, setup, asked)
            except PageClosedError:
                if not past:
                    raise
                return _summed(past)
            past.append(replace(result, change=said))
            if result or not may_repeat(result):
                return _summed(past)


class _Changes:
    """What each attempt does otherwise than the one before."""

    def __init__(self, page: PageAdapter, setup: Setup, wanted: Wanted, n_attempts: int) -> None:
        self.page, self.setup, self.wanted = page.page, setup, wanted
        self.left = n_attempts
        self.plan = self._plan()

    def next(self, past: list[StepResult]) -> Steps[tuple[str, Setup, Wanted] | None]:
        """Make the next change and return it, or None when there is none left."""
        for said, setup, wanted, script in self.plan:
            if self.left == 0 and not wanted.selector:
                continue
            self.left -= not wanted.selector
            if past:
                yield from self._quiet()
            if script:
                yield PageCall(lambda code=script: self.page.evaluate(code))  # type: ignore[misc]
            return said, setup, _avoiding(wanted, past)
        return None

    def _plan(self) -> Iterator[tuple[str, Setup, Wanted, str]]:
        setup, wanted, config = self.setup, self.wanted, self.setup.config
        yield "", setup, wanted, ""
        # What was given may be what is wrong: it is looked for where there are words for it.
        anew = replace(wanted, element=None) if wanted.instruction else wanted
        yield "read anew once the network was quiet", setup, _by_keys(anew), ""
        wide = min(2 * config.max_elements, max(_WIDEST, config.max_elements))
        wider = replace(config, max_elements=wide, rules=False, retries=("shuffle",), retry_below=1)
        yield f"{wide} candidates, shuffled", replace(setup, config=wider), anew, ""
        if setup.stronger is not None:
            asked = replace(setup, config=wider, llm=setup.stronger)
            yield f"asked {setup.stronger.name}", asked, anew, ""
        yield "scrolled", replace(setup, config=wider), anew, _SCROLL
        made = generated_selector(wanted.instruction, wanted.task_type)
        if wanted.fallback:
            yield "by the fallback", setup, replace(anew, selector=wanted.fallback), ""
        elif made and wanted.element is None:
            yield "by a selector made of its words", setup, replace(anew, selector=made), ""

    def _quiet(self) -> Steps[None]:
        if self.page.is_closed():
            return
        wait = self.page.wait_for_load_state
        try:
            yield PageCall(lambda: wait("networkidle", timeout=_IDLE_MS))
        except Exception:  # noqa: BLE001 - a page that never rests is read as it is
            return


def _by_keys(wanted: Wanted) -> Wanted:
    """A field that does not take its text at once may take it key by key."""
    if isinstance(wanted.action, Fill):
        return replace(wanted, action=replace(wanted.action, by_keys=True))
    return wanted


def _avoiding(wanted: Wanted, past: list[StepResult]) -> Wanted:
    """Leave out the elements that did not take the action; ids hold while the document does."""
    refused = [r.element.id for r in past if r.error and r.element is not None and _unfit(r)]
    if not refused or wanted.element is not None or past[-1].url != past[-1].url_after:
        return wanted
    return replace(wanted, avoid=frozenset(refused))


def _unfit(result: StepResult) -> bool:
    try:
        result.action.validate(result.element)
    except Exception:  # noqa: BLE001 - whatever it says, it does not take the action
        return True
    return False


def may_repeat(result: StepResult) -> bool:
    """Whether doing the step again cannot do it twice: nothing was done, or it is idempotent."""
    if result.error:
        return not result.touched or isinstance(result.action, _IDEMPOTENT)
    return isinstance(result.action, _IDEMPOTENT) and not result


def _summed(past: list[StepResult]) -> StepResult:
    last = past[-1]
    if last or len(past) == 1:
        return replace(last, attempts=tuple(past[:-1]))
    told = "; ".join(
        f"{n}. {f'{r.change}: ' if r.change else ''}{r.error or r.outcome}"
        for n, r in enumerate(past, start=1)
    )
    error = f"{len(past)} attempts failed: {told}"
    return replace(last, error=error, attempts=tuple(past[:-1]))
