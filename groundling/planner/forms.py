"""Fill a form from one sentence ("book a flight from A to B on D"), and send it off."""

import re
from collections.abc import Iterator

from groundling.actions import Check, Click, Done, Drag, Fill, SelectOption, Uncheck
from groundling.agent.goal import Past, PlanStep, RunView
from groundling.elements import RawElement
from groundling.planner.clause import Clause
from groundling.planner.dates import calendar_step
from groundling.planner.fit import Part, fitted, setting
from groundling.planner.slots import slots
from groundling.ranking import role_group

_SEND = re.compile(
    r"^(?:search|go|find|submit|ok|send|show|apply|continue|next|book|look up)\b.{0,20}$", re.I
)
_WHERE = re.compile(r"\s+(?:in|on|using|with)\s+(?:the\s+)?\S.*$", re.IGNORECASE)
_TRIES = 2
_FILLING = (Fill, Check, Uncheck, SelectOption, Drag)


def ask(clause: Clause, part: Part, view: RunView) -> PlanStep | Done | None:
    """Return the next step on the way to a filled form; None if the clause needs a form in vain.

    Args:
        clause: With the sentence as its value.
        part: What the last field fulfils.
        view: The page and the run so far.
    """
    fields = [e for e in view.snapshot.elements if e.is_visible and _is_field(e)]
    found = slots(clause.value, fields)
    if not found:
        if clause.if_form:
            return None
        said = Clause(verb="fill", targets=clause.targets, value=_WHERE.sub("", clause.value))
        return fitted(said, [part], view)
    settled = view.settled
    left = [e for e in fields if e.id in found and f"{part.key}.{e.id}" not in settled]
    if not left:
        return Done(success=False, answer=f"the form changed while it was filled: {clause.value!r}")
    field = left[0]
    key = part.key if len(left) == 1 else f"{part.key}.{field.id}"
    tried = [p for p in view.history if key in p.planned.covers]
    if len(tried) >= _TRIES:
        last = tried[-1].result
        return Done(success=False, answer=f"{clause}: {last.error or last.outcome}")
    text = found[field.id]
    if step := calendar_step(field, text, key, view):
        return step
    name = field.text or field.label or field.placeholder
    return PlanStep(
        action=setting(field, text),
        instruction=name.lstrip("~"),
        task_type="find_input",
        element=field,
        covers=(key,),
    )


def send(clause: Clause, part: Part, view: RunView) -> PlanStep | Done | None:
    """Return the step that sends off what `ask`, the clause before, has filled."""
    n = int(part.key.split(".")[0]) - 1
    last = next(_last_of_form(n, view), None)
    if last is None:
        if clause.if_form:
            return None
        return fitted(Clause(verb="press", value="Enter", targets=(part.target,)), [part], view)
    ways = _sending(view, ("button", "other", "link", "clickable"))
    same = [e for e in ways if e.form == last.form] or ways
    element = same[0] if len(same) == 1 else None
    return PlanStep(
        action=Click(),
        instruction=element.text if element else "search button",
        task_type="find_any",
        element=element,
        covers=(part.key,),
    )


def finishing_step(view: RunView) -> PlanStep | None:
    """Return the click that sends off what the run filled in, if only one button can mean it."""
    last = next((p for p in reversed(view.history) if p.planned.covers), None)
    # Without any step, everything was as the goal says from the start.
    if last and not (isinstance(last.planned.action, _FILLING) or _styled(last, view)):
        return None
    ways = _sending(view, ("button",))
    if len(ways) != 1:
        return None
    return PlanStep(action=Click(), instruction=ways[0].text, element=ways[0], covers=("end.0.0",))


def _sending(view: RunView, groups: tuple[str, ...]) -> list[RawElement]:
    """Return what sends a form by its name, of some groups of roles."""
    usable = [e for e in view.snapshot.elements if e.is_visible and not e.disabled]
    return [e for e in usable if _SEND.match(e.text.strip()) and role_group(e) in groups]


def _styled(last: Past, view: RunView) -> bool:
    """Whether the step was for text that was selected before: an editor was filled in."""
    text = f"{last.planned.covers[-1]}.text"
    return any(text in p.planned.covers for p in view.history)


def _last_of_form(n: int, view: RunView) -> Iterator[RawElement]:
    """Yield the fields that clause `n` filled one by one, the last one first."""
    for past in reversed(view.history):
        for key in past.planned.covers:
            if key.startswith(f"{n}.") and key.count(".") == 3 and past.planned.element is not None:
                yield past.planned.element


def _is_field(e: RawElement) -> bool:
    known = e.role in ("textbox", "searchbox", "combobox", "spinbutton") or e.tag == "select"
    return known and not e.disabled
