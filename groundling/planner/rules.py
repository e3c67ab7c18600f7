"""`RulesPlanner`: the goal's clauses, one after the other, fitted to what the page holds.

No model plans. Where a clause fits several actions ("select A" may tick a box, choose an option or
follow a link), what bears the name on the page decides. A name that the page does not show is
looked for in closed sections, other tabs and on further pages of a list, before the model is asked.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from groundling.actions import Action, Click, Done
from groundling.agent.goal import Past, PlanStep, RunView
from groundling.driver import Steps
from groundling.elements import RawElement
from groundling.planner.clause import Clause
from groundling.planner.clauses import clauses
from groundling.planner.fit import Part, fitted, shows
from groundling.planner.retry import other_way
from groundling.ranking import role_group

_LOOKS = 8
"""Closed places that are opened for one name, at most."""
_ONWARD = frozenset(
    (
        "next",
        "next page",
        ">",
        "›",
        "»",
        "more",
        "show more",
        "load more",
        "see more",
        "more results",
    )
)


class RulesPlanner:
    """Splits goals by rules; see `groundling.planner.clauses` for what it understands."""

    name = "rules"

    def next(self, view: RunView) -> Steps[PlanStep | Done]:
        """Return the next step; see `Planner.next`."""
        yield from ()
        said = _clauses(view.goal)
        met = {key for p in view.history if _settled(p) for key in p.planned.covers}
        for n, clause in enumerate(said):
            parts = [p for p in _parts_of(n, clause) if p.key not in met]
            if parts:
                return _step(clause, parts, view)
        return Done()


@lru_cache(maxsize=64)
def _clauses(goal: str) -> tuple[Clause, ...]:
    return clauses(goal)


def _settled(past: Past) -> bool:
    """Whether a part is done, as far as going on is concerned; the end asks for more."""
    return bool(past.result) or (
        not past.result.error and past.result.outcome.status == "unverified"
    )


def _parts_of(n: int, clause: Clause) -> Iterator[Part]:
    """Yield what a clause asks for, one by one, each under a name of its own."""
    for turn in range(clause.again):
        for i, target in enumerate(clause.targets or ("",)):
            yield Part(f"{n}.{i}.{turn}", target)


def _step(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    failed = [
        p.result for p in view.history if parts[0].key in p.planned.covers and not _settled(p)
    ]
    step = fitted(clause, parts, view)
    if isinstance(step, Done):
        return step
    if looked := _look(step, parts[0], view):
        return looked
    if failed:
        return other_way(step, failed)
    return step


def _look(step: PlanStep, part: Part, view: RunView) -> PlanStep | None:
    """Return a step that may bring a name to light which the page does not show yet."""
    if step.element is not None or not step.instruction or not part.quoted:
        return None
    if shows(view.snapshot.elements, part.name):
        return None
    opened = [p for p in view.history if not p.planned.covers]
    if len(opened) >= _LOOKS:
        return None
    tried = {p.planned.element.id for p in opened if p.planned.element is not None}
    for e in _closed(view.snapshot.elements, tried):
        return PlanStep(action=_opening(e), instruction=e.text or e.label, element=e)
    return None


def _closed(elements: Sequence[RawElement], tried: set[int]) -> Iterator[RawElement]:
    usable = [e for e in elements if e.is_visible and not e.disabled]
    for e in usable:
        closed = e.expanded is False and role_group(e) not in ("field", "select")
        other_tab = e.role == "tab" and e.selected is not True
        if (closed or other_tab) and e.id not in tried:
            yield e
    for e in usable:
        # The same button leads on again and again.
        if " ".join(e.text.lower().split()) in _ONWARD and role_group(e) in ("link", "button"):
            yield e


def _opening(e: RawElement) -> Action:
    return Click()
