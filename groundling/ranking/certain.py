"""Cases that need no model: the instruction names one element, and only one.

Precision is what counts here: on all labelled data at hand it is measured by `bench/rules.py`.
"""

import re
from collections.abc import Sequence

from groundling.elements import RawElement
from groundling.ranking.features import role_group
from groundling.ranking.query import parse_query

RULE_PRECISION = 0.99
"""Confidence of an answer by rule: what the rules reached at least on all labelled data."""

_LEAD = re.compile(
    r"^(?:please )?(?:click|press|tap|hit|push|open|choose|select|follow|activate|find|go to|use)?"
    r"(?: on)? ?(?:the |a |an )?"
)
_TAIL = re.compile(
    r"(?: (?:button|link|tab|field|box|input|checkbox|radio button|option|menu item|dropdown|"
    r"switch|text ?box|search ?box))?$"
)
_TAIL_GROUPS = {
    "button": {"button"},
    "link": {"link"},
    "tab": {"tab"},
    "field": {"field", "select"},
    "box": {"field", "select", "checkbox"},
    "input": {"field", "select"},
    "textbox": {"field"},
    "checkbox": {"checkbox"},
    "option": {"menuitem", "radio"},
    "item": {"menuitem", "link"},
    "dropdown": {"select"},
    "switch": {"switch"},
}
_TASK_GROUPS = {
    "find_input": {"field", "select", "slider"},
    "find_button": {"button"},
    "find_link": {"link"},
}
_PUNCTUATION = re.compile(r"[\s\"'“”‘’.,:;!?…*]+")


def certain_match(
    elements: Sequence[RawElement], instruction: str, task_type: str
) -> RawElement | None:
    """Return the one element that the instruction names in full, or None if it is not certain.

    A name is in quotes, or is all that is left of the instruction once the verb, the article and a
    closing role word are taken off. No other element may bear it, in any field.
    """
    query = parse_query(instruction)
    if query.ordinal is not None or query.unwanted or query.states - {"required"}:
        return None
    wanted, groups = _wanted(instruction, query.quoted)
    if len(wanted) < 2:
        return None
    groups = groups or _TASK_GROUPS.get(task_type)
    bearers = [e for e in elements if wanted in _names(e)]
    if len(bearers) != 1 or not _names(bearers[0])[0]:
        return None
    found = bearers[0]
    if groups is not None and role_group(found) not in groups:
        return None
    # A longer name that begins with the wanted one may be what was meant.
    rivals = (e for e in elements if e is not found and (groups is None or role_group(e) in groups))
    if any(n.startswith(wanted) or n.endswith(wanted) for e in rivals for n in _names(e)):
        return None
    return found if found.is_visible and not found.occluded else None


def _wanted(instruction: str, quoted: tuple[str, ...]) -> tuple[str, set[str] | None]:
    low = " ".join(instruction.lower().split()).rstrip(".!")
    if len(quoted) > 1:
        return "", None
    core = _LEAD.sub("", low)
    tail = _TAIL.search(core)
    said = tail.group().split()[-1] if tail and tail.group() else ""
    core = core[: tail.start()] if said and tail else core
    groups = _TAIL_GROUPS.get(said)
    if quoted:
        rest = _squeeze(core.replace(quoted[0], " "))
        # Words beside the quotation say more than the name does.
        return (_squeeze(quoted[0]), groups) if not rest else ("", None)
    return _squeeze(core), groups


def _names(e: RawElement) -> tuple[str, ...]:
    own = (e.text, e.label, e.placeholder, e.value or "")
    return tuple(_squeeze(n.lower()) for n in own if n) or ("",)


def _squeeze(text: str) -> str:
    return _PUNCTUATION.sub(" ", text).strip()
