"""Another way to do a step that failed, or an honest end."""

import re
from collections.abc import Sequence
from dataclasses import replace

from groundling.actions import Action, Check, Click, Done, Fill, SelectOption
from groundling.agent.goal import PlanStep
from groundling.elements import RawElement
from groundling.planner.fit import setting
from groundling.trace import StepResult

_WAYS = 3
"""Times that one part of a goal is tried."""


def other_way(step: PlanStep, failed: Sequence[StepResult]) -> PlanStep | Done:
    """Return the step done otherwise, or `Done` with the reason when no way is left.

    Args:
        step: As it would be planned without its past.
        failed: What came of it so far, oldest first; at least one.
    """
    last = failed[-1]
    end = Done(success=False, answer=f"{step}: {last.error or last.outcome}")
    if len(failed) >= _WAYS or (last.touched and not _harmless(last.action)):
        return end
    fit = _fitting(last.element, last.action)
    if fit is not None and all(fit.verb != f.action.verb for f in failed):
        return replace(step, action=fit, element=last.element)
    if not last.touched and step.element is not None and len(failed) == 1:
        # The planner's own guess may be what is wrong: the model finds it by its words.
        return replace(step, element=None)
    again = last.touched and isinstance(last.action, Fill)
    if len(failed) == 1 and (again or (not last.touched and last.element is None)):
        # The page may have been on its way, or something came up over a field that had been empty:
        # once more, and then the truth.
        return replace(step, instruction=reworded(step.instruction))
    return end


_SPELLINGS = (
    ("login", "log in"),
    ("logout", "log out"),
    ("logon", "log on"),
    ("signin", "sign in"),
    ("signup", "sign up"),
    ("signout", "sign out"),
    ("username", "user name"),
    ("email", "e-mail"),
    ("checkout", "check out"),
    ("checkbox", "check box"),
)
"""Words that pages write in one or in two."""


def reworded(instruction: str) -> str:
    """Return the instruction with such words spelt the other way, the first that it holds."""
    for joined, parted in _SPELLINGS:
        for here, there in ((parted, joined), (parted.replace(" ", "-"), parted), (joined, parted)):
            found = re.sub(rf"\b{here}\b", there, instruction, flags=re.IGNORECASE)
            if found != instruction:
                return found
    return instruction


def _harmless(action: Action) -> bool:
    return isinstance(action, (Fill, Check, SelectOption))


def _fitting(element: RawElement | None, action: Action) -> Action | None:
    """Return the action that this element takes instead of one that it does not."""
    if element is None:
        return None
    text = getattr(action, "text", "") or next(iter(getattr(action, "options", ())), "")
    ways: list[Action] = [Click()] if not isinstance(action, Fill) else []
    if isinstance(action, Click) and element.options == () and element.checked is not None:
        ways = [Check()]
    if text:
        ways = [setting(element, text), *ways]
    for way in ways:
        if way.verb == action.verb:
            continue
        try:
            way.validate(element)
        except Exception:  # noqa: BLE001 - whatever it says, the element does not take it
            continue
        return way
    return None
