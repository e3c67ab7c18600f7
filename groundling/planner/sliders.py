"""Sliders: which one is meant, and the number it shall show.

A slider has the role, or is a handle that only its class names (`ui-slider-handle`, `noUi-handle`,
`thumb`); `Drag(value=...)` moves either. Several numbers go to as many sliders, in page order.
"""

import re
from collections.abc import Sequence

from groundling.actions import Drag
from groundling.agent.goal import PlanStep, RunView
from groundling.elements import RawElement
from groundling.planner.clause import Clause
from groundling.ranking import parse_query, role_group
from groundling.ranking.words import STOP, words

_WORD = re.compile(r"\b(?:range\s+)?(?:sliders?|knobs?|handles?|dials?)\b", re.IGNORECASE)
_HANDLE = re.compile(
    r"(?:^|[\s_-])(?:slider|range|nouislider|noui)[\w-]*[-_](?:handle|thumb|knob)(?:$|[\s_-])|"
    r"(?:^|\s)(?:handle|thumb|knob)(?:$|\s)",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"(?<![\w.])[+-]?\d+(?:\.\d+)?(?![\w])")
_NO_NAME = frozenset(("slider", "sliders", "knob", "handle", "dial", "range", "value", "position"))


def sliders(elements: Sequence[RawElement]) -> list[RawElement]:
    """Return the sliders that can be moved, in page order."""
    usable = [e for e in elements if e.is_visible and not e.disabled]
    return [e for e in usable if role_group(e) == "slider" or _is_handle(e)]


def _is_handle(e: RawElement) -> bool:
    typed = role_group(e) in ("field", "select") or e.tag == "input"
    return not typed and bool(_HANDLE.search(str(e.attributes.get("class", ""))))


def slider_step(clause: Clause, target: str, key: str, view: RunView) -> PlanStep | None:
    """Return the step that moves the next slider, or None where the clause is about none."""
    said = clause.within if clause.verb == "choose" else target
    told = target if clause.verb == "choose" else clause.value
    if clause.name or clause.source or not _WORD.search(said):
        return None
    values = [float(n) for n in _NUMBERS.findall(told)]
    found = sliders(view.snapshot.elements)
    if not values or not found:
        return None
    if len(values) > 1:
        return _next_of_several(values, found, key, view) if len(values) == len(found) else None
    return PlanStep(
        action=Drag(value=values[0]),
        instruction=said,
        task_type="find_input",
        element=_meant(found, said),
        covers=(key,),
    )


def _next_of_several(
    values: Sequence[float], found: Sequence[RawElement], key: str, view: RunView
) -> PlanStep:
    met = view.met
    n = next(i for i in range(len(values)) if f"{key}.{i}" not in met)
    last = n == len(values) - 1
    return PlanStep(
        action=Drag(value=values[n]),
        instruction=f"slider {n + 1}",
        element=found[n],
        covers=(f"{key}.{n}", key) if last else (f"{key}.{n}",),
    )


def _meant(found: Sequence[RawElement], said: str) -> RawElement | None:
    """Return the only slider, the one counted, or the only one that bears the words."""
    if len(found) == 1:
        return found[0]
    n = parse_query(said).ordinal
    if n and abs(n) <= len(found):
        return found[n - 1 if n > 0 else n]
    wanted = {w for w in words(said.lower()) if w not in STOP} - _NO_NAME
    fit = [e for e in found if wanted and wanted <= _words_of(e)]
    return fit[0] if len(fit) == 1 else None


def _words_of(e: RawElement) -> set[str]:
    told = (e.text, e.label, e.before, e.fieldset, *map(str, e.attributes.values()))
    return {w for text in told for w in words(text.lower())}
