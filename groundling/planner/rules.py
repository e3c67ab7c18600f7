"""`RulesPlanner`: the goal's clauses, one after the other, fitted to what the page holds.

No model plans. Where a clause fits several actions ("select A" may tick a box, choose an option or
follow a link), what bears the name on the page decides. A name that the page does not show is
looked for in closed sections, other tabs and on further pages of a list, before the model is asked.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from groundling.actions import Action, Click, Done
from groundling.agent.goal import PlanStep, RunView
from groundling.driver import Steps
from groundling.elements import RawElement
from groundling.planner.clause import Clause
from groundling.planner.clauses import clauses
from groundling.planner.fit import Part, fitted, shows
from groundling.planner.forms import ask, finishing_step, send
from groundling.planner.obstacles import away_step
from groundling.planner.pages import counted_step
from groundling.planner.retry import other_way
from groundling.planner.skills import held
from groundling.planner.suggested import pick
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

    def __init__(self, *, finish_forms: bool = False) -> None:
        """Make a planner.

        Args:
            finish_forms: Whether a form that the goal only says how to fill is sent off at the end,
                by its one button that does so. Off, as nobody asked for it.
        """
        self.finish_forms = finish_forms

    def next(self, view: RunView) -> Steps[PlanStep | Done]:
        """Return the next step; see `Planner.next`."""
        yield from ()
        said = _clauses(view.goal)
        met = view.settled
        if way := _on_the_way(said, view):
            return way
        step: PlanStep | Done | None
        for n, clause in enumerate(said):
            parts = [p for p in _parts_of(n, clause) if not _is_done(clause, p, met, view)]
            if not parts:
                continue
            step = _FORM[clause.verb](clause, parts[0], view) if clause.verb in _FORM else None
            if step is None and not clause.if_form:
                step = _step(clause, parts, view)
            if step is not None:
                return step
        return self._end(view)

    def _end(self, view: RunView) -> PlanStep | Done:
        if self.finish_forms and (step := finishing_step(view)):
            return step
        return Done()


_FORM = {"ask": ask, "send": send}


def _on_the_way(said: Sequence[Clause], view: RunView) -> PlanStep | None:
    """Return a step that the goal does not name and the page asks for after the last one."""
    if step := away_step(view):
        return step
    past = view.history[-1] if view.history else None
    if past is None or not past.planned.covers:
        return None
    n = past.planned.covers[-1].split(".")[0]
    if not n.isdigit() or int(n) >= len(said):
        return None
    clause, *later = said[int(n) :]
    # A form that is filled from one sentence goes on, and suggestions belong to it.
    after = later[0] if later and clause.verb != "ask" else None
    return pick(past, view.snapshot, clause, after)


@lru_cache(maxsize=64)
def _clauses(goal: str) -> tuple[Clause, ...]:
    return clauses(goal)


def _is_done(clause: Clause, part: Part, met: set[str], view: RunView) -> bool:
    """Whether a part needs no step: the page shows it, or a step for it was settled."""
    shown = held(clause, part.target, part.key, view)
    return part.key in met if shown is None else shown


def _parts_of(n: int, clause: Clause) -> Iterator[Part]:
    """Yield what a clause asks for, one by one, each under a name of its own."""
    for turn in range(clause.again):
        for i, target in enumerate(clause.targets or ("",)):
            yield Part(f"{n}.{i}.{turn}", target)


def _step(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    failed = [
        p.result for p in view.history if parts[0].key in p.planned.covers and not p.is_settled
    ]
    step = fitted(clause, parts, view)
    if isinstance(step, Done):
        return step
    if looked := _look(step, parts[0], view):
        return looked
    if clause.verb == "click" and (counted := counted_step(parts[0].target, parts[0].key, view)):
        return counted
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
