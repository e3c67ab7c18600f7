"""What comes up over a form while it is filled, and is sent away before the step is done anew."""

import re

from groundling.actions import Click
from groundling.agent.goal import PlanStep, RunView
from groundling.ranking import role_group

_AWAY = re.compile(
    r"^(?:cancel|close|dismiss|not now|no,? thanks?|no|skip|stay(?: here)?|maybe later|later|"
    r"keep (?:editing|going)|continue (?:editing|here)|[x×✕✖])$",
    re.IGNORECASE,
)


def away_step(view: RunView) -> PlanStep | None:
    """Return the click that sends away what the last step, which failed, brought up.

    Only what was not there before that step counts, and only one button that says no more than that
    nothing shall be done: what else such a window asks is not the goal's.
    """
    last = view.history[-1] if view.history else None
    if last is None or last.result or last.snapshot is None or not last.result.touched:
        return None
    before = {e.id for e in last.snapshot.elements}
    new = [
        e for e in view.snapshot.elements
        if e.id not in before and e.is_visible and not e.disabled
        and role_group(e) in ("button", "link")
    ]  # fmt: skip
    ways = [e for e in new if _AWAY.match((e.text or e.label).strip().lstrip("~"))]
    if len(ways) != 1 or len(new) > 4:
        return None
    return PlanStep(action=Click(), instruction=ways[0].text or "close", element=ways[0])
