"""Dates and times of a goal: as fields take them, and by way of a calendar that a field opens."""

import re
from datetime import date, datetime
from typing import Literal

from groundling.actions import Click
from groundling.agent.goal import PlanStep, RunView
from groundling.elements import RawElement
from groundling.ranking import role_group

_DATES = ("%m/%d/%Y", "%Y-%m-%d", "%d.%m.%Y", "%B %d, %Y", "%B %d %Y", "%d %B %Y", "%b %d, %Y")
_TIMES = ("%I:%M %p", "%I:%M%p", "%I %p", "%I%p", "%H:%M", "%H:%M:%S")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August",
           "September", "October", "November", "December")  # fmt: skip
_SHOWN = re.compile(rf"\b({'|'.join(_MONTHS)})\s+(\d{{4}})\b", re.IGNORECASE)
_TURNS = 24
_BACK = frozenset(("prev", "previous", "previous month", "prev month", "<", "‹", "«", "←"))
_ON = frozenset(("next", "next month", ">", "›", "»", "→"))


def date_of(text: str) -> date | None:
    """Return the date that a text is; month before day where both are numbers with slashes."""
    for form in _DATES:
        try:
            return datetime.strptime(text.strip(), form).date()
        except ValueError:
            continue
    return None


def as_field_takes(text: str, input_type: str | None) -> str:
    """Return a date or time in the one form that a native field of that type accepts."""
    if input_type == "date" and (day := date_of(text)):
        return day.isoformat()
    for form in _TIMES if input_type == "time" else ():
        try:
            return datetime.strptime(text.strip(), form).strftime("%H:%M")
        except ValueError:
            continue
    return text


def calendar_step(field: RawElement | None, text: str, key: str, view: RunView) -> PlanStep | None:
    """Return the next click on the way to a date, where its field only takes it from a calendar.

    Args:
        field: What the goal calls the date; must be read-only.
        text: The date as the goal gives it.
        key: The part of the goal that the last click fulfils.
        view: The page and the run so far.

    Returns:
        A click that opens the calendar, turns its leaf or picks the day; None where there is no
        date, no such field, or a field that was clicked and opened nothing.
    """
    wanted = date_of(text)
    if wanted is None or field is None or not field.readonly:
        return None
    found = next(filter(None, map(_SHOWN.search, view.snapshot.texts)), None)
    if found is None:
        tried = bool(view.history) and view.history[-1].planned.element == field
        return None if tried else PlanStep(action=Click(), instruction="date field", element=field)
    covers: tuple[str, ...] = ()
    shown = int(found.group(2)), _MONTHS.index(found.group(1).capitalize()) + 1
    target = wanted.year, wanted.month
    if shown == target:
        element = _day(view, wanted.day)
        said, covers = str(wanted.day), (key,)
    else:
        element = _turn(view, "back" if target < shown else "on")
        said = "previous month" if target < shown else "next month"
    if element is None:
        return None
    # Leaves are turned at one go; where the page loses a click, the next look counts anew.
    n = 1 if covers else abs(12 * (target[0] - shown[0]) + target[1] - shown[1])
    return PlanStep(
        action=Click(count=min(n, _TURNS)), instruction=said, element=element, covers=covers
    )


def _day(view: RunView, day: int) -> RawElement | None:
    found = [e for e in view.snapshot.elements if e.text.strip() == str(day) and _usable(e)]
    # The link inside a cell takes the click; a cell without one does itself.
    found.sort(key=lambda e: role_group(e) not in ("link", "button"))
    return found[0] if found else None


def _turn(view: RunView, way: Literal["back", "on"]) -> RawElement | None:
    names = _BACK if way == "back" else _ON
    for e in view.snapshot.elements:
        if _usable(e) and {e.text.strip().lower(), e.label.strip().lower()} & names:
            return e
    return None


def _usable(e: RawElement) -> bool:
    return e.is_visible and not e.disabled
