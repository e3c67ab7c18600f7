"""The actions as methods: each builds its action and hands it to `act_steps`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, TypedDict, Unpack

from groundling.actions import (
    Action,
    Back,
    Button,
    Check,
    Clear,
    Click,
    Drag,
    Fill,
    Goto,
    Hover,
    Modifier,
    Press,
    Scroll,
    ScrollTo,
    SelectOption,
    SelectText,
    Type,
    Uncheck,
    Upload,
    WaitFor,
)
from groundling.agent.twins import awaitable, blocking
from groundling.browser.base import PageAdapter
from groundling.driver import Steps
from groundling.elements import RawElement
from groundling.trace import StepResult
from groundling.verify import Expectation


class StepOptions(TypedDict, total=False):
    """What every step takes beside its action."""

    task_type: str
    """One of `TASK_TYPES`."""
    element: RawElement | None
    """The element, where it is known already; then nothing is decided."""
    expect: Expectation | None
    """The caller's own proof, see `groundling.verify.Expectation`."""
    fallback: str
    """CSS selector that `RobustLocalLLMAgent` falls back to when all its attempts have failed."""


class Verbs(ABC):
    """Every action as a method, sync and async (prefix `a`).

    `page` is anything that `groundling.browser.adapt` takes, `instruction` says in plain words
    which element is meant. Each returns a `StepResult`, which is truthy only on success, and
    raises what `LocalLLMWebAgent.act` raises.
    """

    @abstractmethod
    def act_steps(
        self,
        page: PageAdapter,
        action: Action,
        instruction: str = "",
        **options: Unpack[StepOptions],
    ) -> Steps[StepResult]:
        """Do one action; see `LocalLLMWebAgent.act`."""

    def click_steps(
        self,
        page: PageAdapter,
        instruction: str = "",
        *,
        button: Button = "left",
        count: int = 1,
        modifiers: Sequence[Modifier] = (),
        **options: Unpack[StepOptions],
    ) -> Steps[StepResult]:
        """Click; `count=2` double-clicks, `button="right"` opens a context menu."""
        action = Click(button, count, tuple(modifiers))
        return self.act_steps(page, action, instruction, **options)

    def fill_steps(
        self,
        page: PageAdapter,
        instruction: str = "",
        text: str = "",
        *,
        secret: str = "",
        **options: Unpack[StepOptions],
    ) -> Steps[StepResult]:
        """Replace what a field holds with `text`, or with the policy's secret of that name."""
        options.setdefault("task_type", "find_input")
        return self.act_steps(page, Fill(text, secret), instruction, **options)

    def type_steps(
        self,
        page: PageAdapter,
        instruction: str = "",
        text: str = "",
        *,
        secret: str = "",
        **options: Unpack[StepOptions],
    ) -> Steps[StepResult]:
        """Type key by key at the end of what a field holds."""
        options.setdefault("task_type", "find_input")
        return self.act_steps(page, Type(text, secret), instruction, **options)

    def clear_steps(
        self, page: PageAdapter, instruction: str = "", **options: Unpack[StepOptions]
    ) -> Steps[StepResult]:
        """Empty a field."""
        options.setdefault("task_type", "find_input")
        return self.act_steps(page, Clear(), instruction, **options)

    def select_steps(
        self,
        page: PageAdapter,
        instruction: str,
        *choices: str,
        **options: Unpack[StepOptions],
    ) -> Steps[StepResult]:
        """Select options of a list or combobox, native or custom, by text or value."""
        return self.act_steps(page, SelectOption(choices), instruction, **options)

    def check_steps(
        self, page: PageAdapter, instruction: str = "", **options: Unpack[StepOptions]
    ) -> Steps[StepResult]:
        """Tick a checkbox, choose a radio button, turn a switch on."""
        return self.act_steps(page, Check(), instruction, **options)

    def uncheck_steps(
        self, page: PageAdapter, instruction: str = "", **options: Unpack[StepOptions]
    ) -> Steps[StepResult]:
        """Untick a checkbox, turn a switch off."""
        return self.act_steps(page, Uncheck(), instruction, **options)

    def press_steps(
        self,
        page: PageAdapter,
        key: str,
        instruction: str = "",
        **options: Unpack[StepOptions],
    ) -> Steps[StepResult]:
        """Press a key or chord such as `Control+A`; without an instruction where the focus is."""
        return self.act_steps(page, Press(key), instruction, **options)

    def hover_steps(
        self, page: PageAdapter, instruction: str = "", **options: Unpack[StepOptions]
    ) -> Steps[StepResult]:
        """Move the mouse over the element."""
        return self.act_steps(page, Hover(), instruction, **options)

    def scroll_steps(
        self,
        page: PageAdapter,
        direction: ScrollTo = "down",
        instruction: str = "",
        *,
        amount_px: int = 0,
        until: str = "",
        **options: Unpack[StepOptions],
    ) -> Steps[StepResult]:
        """Scroll the page, or the box that the element named is in, `until` a text shows."""
        action = Scroll(direction, amount_px, until)
        return self.act_steps(page, action, instruction, **options)

    def drag_steps(
        self,
        page: PageAdapter,
        instruction: str,
        *,
        to: str = "",
        by: tuple[float, float] | None = None,
        value: float | None = None,
        place: Literal["onto", "before", "after"] = "onto",
        **options: Unpack[StepOptions],
    ) -> Steps[StepResult]:
        """Drag onto the element that `to` names, by pixels, or a slider to a value."""
        action = Drag(to=to or None, by=by, value=value, place=place)
        return self.act_steps(page, action, instruction, **options)

    def select_text_steps(
        self,
        page: PageAdapter,
        instruction: str = "",
        text: str = "",
        **options: Unpack[StepOptions],
    ) -> Steps[StepResult]:
        """Select a stretch of the element's text; all of it by default."""
        return self.act_steps(page, SelectText(text), instruction, **options)

    def upload_steps(
        self, page: PageAdapter, instruction: str, *paths: str, **options: Unpack[StepOptions]
    ) -> Steps[StepResult]:
        """Give files to a file field, or to the chooser that a button opens."""
        return self.act_steps(page, Upload(paths), instruction, **options)

    def goto_steps(
        self, page: PageAdapter, url: str, **options: Unpack[StepOptions]
    ) -> Steps[StepResult]:
        """Open a page."""
        return self.act_steps(page, Goto(url), "", **options)

    def back_steps(self, page: PageAdapter, **options: Unpack[StepOptions]) -> Steps[StepResult]:
        """Go back in the history."""
        return self.act_steps(page, Back(), "", **options)

    def wait_for_steps(
        self,
        page: PageAdapter,
        *,
        text: str = "",
        gone: str = "",
        url: str = "",
        timeout_s: float = 30.0,
        **options: Unpack[StepOptions],
    ) -> Steps[StepResult]:
        """Wait until `text` shows, `gone` does not show any more, or the address matches `url`."""
        action = WaitFor(text or gone, bool(gone) and not text, url, timeout_s)
        return self.act_steps(page, action, "", **options)

    click, aclick = blocking(click_steps), awaitable(click_steps)
    fill, afill = blocking(fill_steps), awaitable(fill_steps)
    type, atype = blocking(type_steps), awaitable(type_steps)
    clear, aclear = blocking(clear_steps), awaitable(clear_steps)
    select, aselect = blocking(select_steps), awaitable(select_steps)
    check, acheck = blocking(check_steps), awaitable(check_steps)
    uncheck, auncheck = blocking(uncheck_steps), awaitable(uncheck_steps)
    press, apress = blocking(press_steps), awaitable(press_steps)
    hover, ahover = blocking(hover_steps), awaitable(hover_steps)
    scroll, ascroll = blocking(scroll_steps), awaitable(scroll_steps)
    drag, adrag = blocking(drag_steps), awaitable(drag_steps)
    select_text, aselect_text = blocking(select_text_steps), awaitable(select_text_steps)
    upload, aupload = blocking(upload_steps), awaitable(upload_steps)
    goto, agoto = blocking(goto_steps), awaitable(goto_steps)
    back, aback = blocking(back_steps), awaitable(back_steps)
    wait_for, await_for = blocking(wait_for_steps), awaitable(wait_for_steps)
