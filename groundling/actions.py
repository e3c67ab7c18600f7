"""Actions as values, in Playwright's words, and what each one needs of its element.

An action says what to do; the element it is done to stands beside it in a step. Values to type come
from the caller, never from a model.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from groundling.elements import RawElement
from groundling.errors import ActionError, DataError

Button = Literal["left", "right", "middle"]
Modifier = Literal["Alt", "Control", "ControlOrMeta", "Meta", "Shift"]
ScrollTo = Literal["down", "up", "left", "right", "top", "bottom", "into_view"]

_TEXT_ROLES = {"textbox", "searchbox", "combobox", "spinbutton"}
_TEXT_TYPES = {
    *("text", "search", "email", "url", "tel", "password", "number", "contenteditable"),
    *("date", "time", "datetime-local", "month", "week", "color", "range"),
}
_CHECK_ROLES = {"checkbox", "radio", "switch", "menuitemcheckbox", "menuitemradio"}
_INSTEAD = {
    **dict.fromkeys(("checkbox", "switch", "menuitemcheckbox"), "use check or uncheck"),
    **dict.fromkeys(("radio", "menuitemradio"), "use check"),
    **dict.fromkeys(("button", "link", "tab", "menuitem", "option"), "use click"),
    **dict.fromkeys(("listbox", "combobox"), "use select_option"),
    "slider": "use drag with a value",
}


@dataclass(frozen=True, slots=True)
class Action:
    """Base of all actions."""

    verb: ClassVar[str] = ""
    needs_element: ClassVar[bool] = True
    has_effect: ClassVar[bool] = True
    """Whether a success must show on the page; hovering, say, need not."""

    def validate(self, element: RawElement | None) -> None:
        """Check that `element` can take this action.

        Raises:
            ActionError: If not; the message says what the element is.
        """
        if not self.needs_element:
            return
        if element is None:
            raise ActionError(f"{self.verb} needs an element: none was given")
        self._check(element)

    def _check(self, element: RawElement) -> None:
        if element.disabled:
            raise ActionError(f"{said(element)} is disabled: it cannot take {self.verb}")

    def describe(self) -> str:
        """Return the action in a few words, secrets by name."""
        return self.verb

    def to_json(self) -> dict[str, Any]:
        """Return the action as a plain dict; the text of a secret is left out."""
        out: dict[str, Any] = {"do": self.verb}
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if value != f.default:
                out[f.name] = list(value) if isinstance(value, tuple) else value
        if out.get("secret"):
            out.pop("text", None)
        return out


@dataclass(frozen=True, slots=True)
class Click(Action):
    """Press a mouse button on the element."""

    verb = "click"
    button: Button = "left"
    count: int = 1
    """Clicks in a row, at least 1: 2 is a double click."""
    modifiers: tuple[Modifier, ...] = ()

    def _check(self, element: RawElement) -> None:
        if element.disabled:
            raise ActionError(f"{said(element)} is disabled: a click would do nothing")
        if element.role == "option" and element.tag == "option":
            raise ActionError(f"{said(element)} belongs to a select: use select_option on that")

    def describe(self) -> str:
        """Say what is done, for traces and messages."""
        words = [*self.modifiers, *([self.button] if self.button != "left" else [])]
        often = f" {self.count} times" if self.count > 2 else ""
        return " ".join([*words, "double click" if self.count == 2 else "click"]) + often


@dataclass(frozen=True, slots=True)
class _Text(Action):
    text: str = field(default="", repr=False)
    secret: str = ""
    """Name of the secret that `text` is; then `text` is kept out of traces and messages."""

    def _check(self, element: RawElement) -> None:
        Action._check(self, element)
        check_takes_text(element, self.verb)

    def describe(self) -> str:
        """Say what is done, for traces and messages."""
        return f"{self.verb} {self.shown()}"

    def shown(self) -> str:
        """Return the text quoted, or the secret's name in braces."""
        return "{" + self.secret + "}" if self.secret else repr(self.text)


@dataclass(frozen=True, slots=True)
class Fill(_Text):
    """Replace what a field holds."""

    verb = "fill"
    by_keys: bool = False
    """Type key by key, for fields that take nothing else."""


@dataclass(frozen=True, slots=True)
class Type(_Text):
    """Type key by key at the end of what a field holds."""

    verb = "type"


@dataclass(frozen=True, slots=True)
class Clear(Action):
    """Empty a field."""

    verb = "clear"

    def _check(self, element: RawElement) -> None:
        Action._check(self, element)
        check_takes_text(element, self.verb)


@dataclass(frozen=True, slots=True)
class SelectOption(Action):
    """Select options of a native or custom list by their text or value."""

    verb = "select_option"
    options: tuple[str, ...] = ()

    def _check(self, element: RawElement) -> None:
        Action._check(self, element)
        if not self.options:
            raise ActionError("select_option needs at least one option: none was given")
        if element.tag == "select" and element.options:
            for wanted in self.options:
                check_option(element, wanted)
        elif element.role in ("checkbox", "radio", "switch", "slider", "link"):
            raise ActionError(f"{said(element)} is no list: {_instead(element)}")

    def describe(self) -> str:
        """Say what is done, for traces and messages."""
        return f"select {', '.join(map(repr, self.options))}"


@dataclass(frozen=True, slots=True)
class _Checking(Action):
    def _check(self, element: RawElement) -> None:
        Action._check(self, element)
        known = element.role in _CHECK_ROLES or element.input_type in ("checkbox", "radio")
        known = known or element.checked is not None or element.pressed is not None
        known = known or (element.role == "option" and element.selected is not None)
        if not known:
            raise ActionError(f"{said(element)} cannot be checked: {_instead(element)}")


@dataclass(frozen=True, slots=True)
class Check(_Checking):
    """Tick a checkbox, choose a radio button, turn a switch on."""

    verb = "check"


@dataclass(frozen=True, slots=True)
class Uncheck(_Checking):
    """Untick a checkbox, turn a switch off."""

    verb = "uncheck"

    def _check(self, element: RawElement) -> None:
        _Checking._check(self, element)
        if element.role in ("radio", "menuitemradio"):
            raise ActionError(
                f"{said(element)} cannot be unchecked: check another one of its group"
            )


@dataclass(frozen=True, slots=True)
class Press(Action):
    """Press a key or a chord such as `Control+A`, on the element or where the focus is."""

    verb = "press"
    needs_element = False
    has_effect = False
    key: str = "Enter"

    def describe(self) -> str:
        """Say what is done, for traces and messages."""
        return f"press {self.key}"


@dataclass(frozen=True, slots=True)
class Hover(Action):
    """Move the mouse over the element."""

    verb = "hover"
    has_effect = False

    def _check(self, element: RawElement) -> None:
        """Everything can be hovered, disabled or not."""


@dataclass(frozen=True, slots=True)
class Scroll(Action):
    """Scroll the page, or the box that the element is in."""

    verb = "scroll"
    needs_element = False
    has_effect = False
    direction: ScrollTo = "down"
    amount_px: int = 0
    """Distance in CSS pixels; 0 means most of a screen."""
    until: str = ""
    """Go on until this text shows in the viewport, or the end is reached."""

    def describe(self) -> str:
        """Say what is done, for traces and messages."""
        until = f" until {self.until!r} shows" if self.until else ""
        return f"scroll {self.direction.replace('_', ' ')}{until}"


@dataclass(frozen=True, slots=True)
class Drag(Action):
    """Drag the element onto another one, by a distance, or a slider to a value."""

    verb = "drag"
    to: RawElement | str | None = None
    """The element to drag to; as text, the instruction that an agent finds it by."""
    by: tuple[float, float] | None = None
    """Distance in CSS pixels."""
    value: float | None = None
    """For sliders and spinners: the value to set."""
    place: Literal["onto", "before", "after"] = "onto"
    """Where on `to` the mouse is let go: its middle, or its near or far edge."""

    def _check(self, element: RawElement) -> None:
        Action._check(self, element)
        given = [g for g in (self.to, self.by, self.value) if g is not None]
        if len(given) != 1:
            raise ActionError(f"drag needs one of `to`, `by` and `value`: got {len(given)}")
        if isinstance(self.to, str):
            raise ActionError(f"drag needs an element to go to: {self.to!r} was not looked for")

    def describe(self) -> str:
        """Say what is done, for traces and messages."""
        if self.to is not None:
            to = self.to if isinstance(self.to, str) else said(self.to)
            return f"drag {self.place} {to}"
        return f"drag by {self.by}" if self.by else f"drag to value {self.value:g}"

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict."""
        out: dict[str, Any] = {"do": self.verb}
        if isinstance(self.to, str):
            out.update(to=self.to, place=self.place)
        elif self.to is not None:
            out.update(to={"role": self.to.role, "name": self.to.text}, place=self.place)
        if self.by is not None:
            out["by"] = list(self.by)
        if self.value is not None:
            out["value"] = self.value
        return out


@dataclass(frozen=True, slots=True)
class SelectText(Action):
    """Select a stretch of the element's text; all of it by default."""

    verb = "select_text"
    has_effect = True
    text: str = ""

    def describe(self) -> str:
        """Say what is done, for traces and messages."""
        return f"select the text {self.text!r}" if self.text else "select all its text"


@dataclass(frozen=True, slots=True)
class Upload(Action):
    """Give files to a file field, or to the chooser that a button opens."""

    verb = "upload"
    paths: tuple[str, ...] = ()

    def _check(self, element: RawElement) -> None:
        Action._check(self, element)
        if not self.paths:
            raise ActionError("upload needs at least one file: none was given")
        if element.input_type not in (None, "file", "button", "submit"):
            raise ActionError(f"{said(element)} takes no file: {_instead(element)}")

    def describe(self) -> str:
        """Say what is done, for traces and messages."""
        return f"upload {', '.join(self.paths)}"


@dataclass(frozen=True, slots=True)
class Goto(Action):
    """Open a page."""

    verb = "goto"
    needs_element = False
    url: str = ""

    def describe(self) -> str:
        """Say what is done, for traces and messages."""
        return f"go to {self.url}"


@dataclass(frozen=True, slots=True)
class Back(Action):
    """Go back in the history."""

    verb = "back"
    needs_element = False


@dataclass(frozen=True, slots=True)
class WaitFor(Action):
    """Wait until a text shows, is gone, or the address matches."""

    verb = "wait_for"
    needs_element = False
    text: str = ""
    gone: bool = False
    """Wait until `text` does not show any more."""
    url: str = ""
    """A pattern with `*` for any characters."""
    timeout_s: float = 30.0

    def describe(self) -> str:
        """Say what is done, for traces and messages."""
        what = f"{self.text!r}{' to go' if self.gone else ''}" if self.text else self.url
        return f"wait for {what}"


@dataclass(frozen=True, slots=True)
class Done(Action):
    """End a run."""

    verb = "done"
    needs_element = False
    has_effect = False
    success: bool = True
    answer: str = ""


def with_secret(action: Action, secret: Callable[[str], str]) -> Action:
    """Return the action with the text of the secret it names, if it names one and has no text."""
    if isinstance(action, _Text) and action.secret and not action.text:
        return dataclasses.replace(action, text=secret(action.secret))
    return action


def said(element: RawElement) -> str:
    """Return what an element is in a few words: `button 'Save'`."""
    name = element.text or element.label or element.placeholder
    return f"{element.role or element.tag} {name[:60]!r}"


def check_takes_text(element: RawElement, verb: str) -> None:
    """Raise unless text can be typed into `element`.

    Raises:
        ActionError: If not; the message says what it is and what to use instead.
    """
    editable = element.role in _TEXT_ROLES or element.input_type in _TEXT_TYPES
    if element.tag == "select" or not editable:
        raise ActionError(f"{said(element)} takes no text, so no {verb}: {_instead(element)}")
    if element.readonly:
        raise ActionError(f"{said(element)} is read-only: it cannot take {verb}")


def check_option(element: RawElement, wanted: str) -> None:
    """Raise unless a native select offers the option.

    Raises:
        ActionError: If it does not, or the option is disabled; the message lists what is there.
    """
    found = [o for o in element.options if folded(wanted) in (folded(o.text), folded(o.value))]
    if not found:
        # The reader keeps only the first options of a long list: those are judged on the page.
        if int(element.attributes.get("option-count", 0)) > len(element.options):
            return
        offered = ", ".join(repr(o.text) for o in element.options[:12])
        raise ActionError(f"{said(element)} has no option {wanted!r}: it offers {offered}")
    if all(o.disabled for o in found):
        raise ActionError(f"option {wanted!r} of {said(element)} is disabled")


def folded(text: str) -> str:
    """Return a text as it is compared: case folded, white space collapsed."""
    return " ".join(text.split()).casefold()


def _instead(element: RawElement) -> str:
    role = element.role or ""
    if element.input_type == "file":
        return "it is a file field, use upload"
    if element.tag == "select":
        return "it is a list, use select_option"
    return f"it is a {role or element.tag}, {_INSTEAD.get(role, 'choose another element')}"


ACTIONS: Mapping[str, type[Action]] = {
    a.verb: a
    for a in (
        *(Click, Fill, Type, Clear, SelectOption, Check, Uncheck, Press, Hover, Scroll),
        *(Drag, SelectText, Upload, Goto, Back, WaitFor, Done),
    )
}
"""The closed set of actions, by name."""


def action_from_json(data: Mapping[str, Any]) -> Action:
    """Rebuild an action written by `Action.to_json`; a drag's target must be found anew.

    Raises:
        DataError: If there is no such action, or it has no such field.
    """
    kind = ACTIONS.get(str(data.get("do")))
    if kind is None:
        raise DataError(f"unknown action {data.get('do')!r}: known are {', '.join(ACTIONS)}")
    known = {f.name for f in dataclasses.fields(kind)}
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != "do"}
    if not isinstance(values.get("to"), str):
        values.pop("to", None)
    if unknown := set(values) - known:
        raise DataError(f"{kind.verb} has no {', '.join(sorted(unknown))}: known are {known}")
    return kind(**values)
