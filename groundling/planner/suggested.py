"""Suggestions that a field opens while text is typed into it: which one is meant.

Many fields take only what their list offers: the text alone is not enough, and a person picks.
"""

import re
from collections.abc import Sequence

from groundling.actions import Click, Fill, Type
from groundling.agent.goal import Past, PlanStep
from groundling.elements import ElementSnapshot, RawElement
from groundling.planner.clause import Clause

_ROLES = frozenset(("option", "menuitem", "listitem", "treeitem", "row", "gridcell", "clickable"))
_HINT = re.compile(r"auto-?complet|typeahead|suggest", re.IGNORECASE)


def may_suggest(past: Past) -> bool:
    """Return whether the step typed into a field that says that it will offer suggestions."""
    e = past.result.element
    if e is None or not past.result or not isinstance(past.planned.action, (Fill, Type)):
        return False
    said = " ".join(str(e.attributes.get(a, "")) for a in ("class", "id", "data-testid"))
    return e.tag != "select" and (e.role == "combobox" or bool(_HINT.search(said)))


def suggestions(past: Past, snapshot: ElementSnapshot) -> list[RawElement]:
    """Return what came up since the text was typed and holds it, best first.

    Args:
        past: A step that typed a text which is no secret.
        snapshot: The page now.
    """
    action = past.planned.action
    if not isinstance(action, (Fill, Type)) or action.secret or past.snapshot is None:
        return []
    typed, before = action.text.strip(), {e.id for e in past.snapshot.elements}
    new = [
        e for e in snapshot.elements
        if e.id not in before and e.is_visible and not e.disabled and e.role in _ROLES
    ]  # fmt: skip
    ranked = [(_alike(typed, e.text), e) for e in new if typed]
    return [e for score, e in sorted(ranked, key=lambda r: -r[0]) if score]


def _alike(typed: str, offered: str) -> int:
    low, own = typed.casefold(), offered.casefold().strip()
    if low == own:
        return 4
    if re.search(rf"(?<!\w){re.escape(typed)}(?!\w)", offered):
        return 3
    if own.startswith(low):
        return 2
    return 1 if low in own else 0


def pick(
    past: Past, snapshot: ElementSnapshot, clause: Clause, after: Clause | None
) -> PlanStep | None:
    """Return the click on the suggestion that the last step asked for, None where there is none.

    Args:
        past: The last step.
        snapshot: The page now.
        clause: What the last step was planned for.
        after: What comes next; where that is a key, the text itself is what is wanted.
    """
    if not past.result or (after is not None and after.verb in ("press", "send")):
        return None
    found = matching(suggestions(past, snapshot), clause)
    if not found:
        return None
    return PlanStep(action=Click(), instruction=found[0].text, element=found[0])


def matching(found: Sequence[RawElement], clause: Clause) -> list[RawElement]:
    """Keep those that begin and end as the goal says, where it says so."""
    if not clause.ending:
        return list(found)
    start, end = clause.value.casefold(), clause.ending.casefold()
    return [
        e for e in found
        if e.text.casefold().startswith(start) and e.text.casefold().rstrip().endswith(end)
    ]  # fmt: skip
