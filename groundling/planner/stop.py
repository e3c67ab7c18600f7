"""Is the goal met? Asked when the planner has no step left; answered by evidence alone."""

from collections.abc import Sequence
from itertools import takewhile

from groundling.actions import Check, Fill, Uncheck
from groundling.agent.goal import Past
from groundling.elements import ElementSnapshot, RawElement

_LASTING = (Fill, Check, Uncheck)
"""What these did must still show at the end, unless a later step sent it off."""


def proof(history: Sequence[Past], snapshot: ElementSnapshot) -> tuple[str, tuple[str, ...]]:
    """Return why the goal is not proved to be met (empty if it is), and the evidence.

    Every part of the goal needs a step that succeeded, and the last one must be verified. What was
    filled and ticked last must still be so.
    """
    done = [p for p in history if p.planned.covers and p.result]
    met = {key for p in done for key in p.planned.covers}
    for p in history:
        if set(p.planned.covers) - met:
            return f"not proved: {p.planned}: {p.result.error or p.result.outcome}", ()
    if not done:
        return "nothing was done, so nothing shows that the goal is met", ()
    last = done[-1].result
    if not last.verified:
        return f"nothing shows that the last step had its effect: {last}", ()
    for past in takewhile(lambda p: isinstance(p.result.action, _LASTING), reversed(done)):
        if why := _taken_back(past, snapshot):
            return why, ()
    return "", tuple(f"{last.action.describe()}: {e}" for e in last.outcome.evidence)


def _taken_back(past: Past, snapshot: ElementSnapshot) -> str:
    was = past.result.element
    now = snapshot.get(was.id) if was is not None else None
    if was is None or now is None or past.result.url_after != snapshot.url or not _same(was, now):
        return ""
    action, name = past.result.action, was.text or was.label
    if isinstance(action, Fill) and (action.text or action.secret) and not now.value:
        return f"the text is gone from {name!r}"
    if isinstance(action, Check) and now.checked == "false":
        return f"{name!r} is not checked any more"
    if isinstance(action, Uncheck) and now.checked == "true":
        return f"{name!r} is checked again"
    return ""


def _same(a: RawElement, b: RawElement) -> bool:
    return (a.role, a.text) == (b.role, b.text)
