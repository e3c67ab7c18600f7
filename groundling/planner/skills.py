"""Skills that need a look at the whole page; each says by None that a clause is not for it."""

from collections.abc import Callable

from groundling.actions import Done
from groundling.agent.goal import PlanStep, RunView
from groundling.planner.clause import Clause
from groundling.planner.colours import colour_step
from groundling.planner.editing import has_style, style_step
from groundling.planner.moves import in_place, move_step
from groundling.planner.sliders import slider_step

Skill = Callable[[Clause, str, str, RunView], PlanStep | Done | None]

_SKILLS: tuple[Skill, ...] = (slider_step, move_step, style_step, colour_step)


def skilled(clause: Clause, target: str, key: str, view: RunView) -> PlanStep | Done | None:
    """Return the step of the first skill that the clause is for, or None.

    Args:
        clause: As the goal says it.
        target: The part of it that is next, in the goal's words.
        key: Name of that part; a step that fulfils it covers it.
        view: The page and the run so far.
    """
    found = (skill(clause, target, key, view) for skill in _SKILLS)
    return next((step for step in found if step is not None), None)


def held(clause: Clause, target: str, key: str, view: RunView) -> bool | None:
    """Return whether the page shows that a part is done, or is not; None if it does not tell."""
    if clause.verb == "style":
        return has_style(clause, target, key, view)
    return in_place(clause, target, key, view)
