"""Cases that need no model: the instruction names one element, and only one.

Precision is what counts here: on all labelled data at hand it is measured by `bench/rules.py`. Each
rule also fails on purpose where another element comes near, so that the model decides.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal

from groundling.elements import RawElement
from groundling.ranking.features import role_group
from groundling.ranking.query import parse_query
from groundling.ranking.words import likeness, words

RULE_PRECISION = 0.99
"""Confidence of an answer by rule: what the rules reached at least on all labelled data."""

Rule = Literal[
    "exact name", "quoted name", "same link", "part of a name", "misspelt name",
    "only field of its type", "only one of its role",
]  # fmt: skip

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
_ALONE = {
    "button": "button", "link": "link", "tab": "tab", "switch": "switch", "slider": "slider",
    "checkbox": "checkbox", "check box": "checkbox", "list": "select", "dropdown": "select",
    "drop-down": "select", "field": "field", "text field": "field", "textbox": "field",
    "text box": "field", "input": "field", "input field": "field",
}  # fmt: skip
"""Instructions that name a group of roles and nothing else."""
_TASK_GROUPS = {
    "find_input": {"field", "select", "slider"},
    "find_button": {"button"},
    "find_link": {"link"},
}
_PUNCTUATION = re.compile(r"[\s\"'“”‘’.,:;!?…*]+")
_TYPES = {
    "search": ("search",),
    "searchbox": ("search",),
    "password": ("password",),
    "email": ("email",),
    "e-mail": ("email",),
    "email address": ("email",),
    "e-mail address": ("email",),
    "phone": ("tel",),
    "phone number": ("tel",),
    "telephone number": ("tel",),
}
"""Wishes that a field's type fulfils by itself."""
_ROLE_TYPES = {"searchbox": "search"}
_SHORTEST = 4
"""Letters of a name given in part or misspelt, at least."""
_LETTERS_OFF = 4
"""A misspelt name is at most so much longer or shorter."""
_SPELT = 0.75
"""Words at least so alike are one word misspelt; `tests/test_certain.py` shows some."""
_NEAR = 0.55
"""Another name whose words are so alike may be meant instead."""


def certain_match(
    elements: Sequence[RawElement], instruction: str, task_type: str
) -> RawElement | None:
    """Return the one element that the instruction names in full, or None if it is not certain."""
    found = certain_case(elements, instruction, task_type)
    return found[0] if found else None


def certain_case(
    elements: Sequence[RawElement], instruction: str, task_type: str
) -> tuple[RawElement, Rule] | None:
    """Return the element that the instruction names beyond doubt, and the rule that found it.

    A name is the whole instruction, or is in quotes, or is all that is left of the instruction once
    the verb, the article and a closing role word are taken off. No other element may bear it, in
    any field, or begin or end with it.

    Args:
        elements: Those on offer.
        instruction: What to find.
        task_type: One of `TASK_TYPES`.
    """
    for found, rule in _cases(elements, instruction, task_type):
        if found.is_visible and not found.occluded:
            return found, rule
    return None


def _cases(
    elements: Sequence[RawElement], instruction: str, task_type: str
) -> Iterator[tuple[RawElement, Rule]]:
    names = [(e, _names(e)) for e in elements]
    task_groups = _TASK_GROUPS.get(task_type)
    whole = _squeeze(" ".join(instruction.lower().split()))
    found, rule = _bearer(names, whole, None)
    if found is not None:
        yield found, rule
    # "Open" is a verb here, and no state.
    query = parse_query(_LEAD.sub("", " ".join(instruction.lower().split())))
    if query.ordinal is not None or query.unwanted or query.states - {"required"}:
        return
    alone = _only_of_role(elements, instruction)
    if alone is not None:
        yield alone, "only one of its role"
    wanted, groups = _wanted(instruction, query.quoted)
    if len(wanted) < 2:
        return
    groups = groups or task_groups
    found, rule = _bearer(names, wanted, groups)
    if found is not None:
        yield found, "quoted name" if query.quoted and rule == "exact name" else rule
    typed = _only_of_type(elements, wanted, task_type)
    if typed is not None:
        yield typed, "only field of its type"
    part = _phrase_bearer(names, wanted, groups)
    if part is not None:
        yield part, "part of a name"
    misspelt = _misspelt(names, wanted, groups)
    if misspelt is not None:
        yield misspelt, "misspelt name"


def _only_of_role(elements: Sequence[RawElement], instruction: str) -> RawElement | None:
    """Return the page's one button where "the button" is asked for."""
    said = _LEAD.sub("", _squeeze(" ".join(instruction.lower().split()))).strip()
    if said not in _ALONE:
        return None
    bearers = [e for e in elements if e.is_visible and role_group(e) == _ALONE[said]]
    return bearers[0] if len(bearers) == 1 else None


Named = tuple[RawElement, tuple[str, ...]]


def _bearer(
    names: Sequence[Named], wanted: str, groups: set[str] | None
) -> tuple[RawElement | None, Rule]:
    """Return the element that bears a name and has a role that was asked for."""
    bearers = [(e, own) for e, own in names if wanted in own]
    if not bearers or len(wanted) < 2 or not all(own[0] for _, own in bearers):
        return None, "exact name"
    rule: Rule = "exact name"
    found = bearers[0][0]
    if len(bearers) > 1:
        if not found.href or any(e.href != found.href or e.role != found.role for e, _ in bearers):
            return None, rule
        rule = "same link"
    if groups is not None and role_group(found) not in groups:
        return None, rule
    # A longer name that begins with the wanted one may be what was meant.
    held = {e.id for e, _ in bearers}
    rivals = (
        own for e, own in names if e.id not in held and (groups is None or role_group(e) in groups)
    )
    if any(n.startswith(wanted) or n.endswith(wanted) for own in rivals for n in own):
        return None, rule
    return found, rule


def _only_of_type(elements: Sequence[RawElement], wanted: str, task_type: str) -> RawElement | None:
    types = _TYPES.get(wanted)
    if types is None or task_type not in ("find_input", "find_any"):
        return None
    of_type = [e for e in elements if (e.input_type or _ROLE_TYPES.get(e.role or "")) in types]
    return of_type[0] if len(of_type) == 1 else None


def _phrase_bearer(
    names: Sequence[Named], wanted: str, groups: set[str] | None
) -> RawElement | None:
    """Return the only element of the page in whose name the wanted words stand in this order."""
    phrase = _spaced(wanted)
    if len(phrase) < _SHORTEST + 2:
        return None
    bearers = [e for e, own in names if any(phrase in _spaced(n) for n in own)]
    if len(bearers) != 1 or (groups is not None and role_group(bearers[0]) not in groups):
        return None
    return bearers[0]


def _misspelt(names: Sequence[Named], wanted: str, groups: set[str] | None) -> RawElement | None:
    """Return the only element whose name is the wanted one, but for letters wrong in some words."""
    said = wanted.split()
    # What the page spells like this is no mistake, even where the rules above were not sure of it.
    if len(wanted) < _SHORTEST or any(wanted in n for _, own in names for n in own):
        return None
    near: dict[int, tuple[float, RawElement]] = {}
    for e, own in names:
        for n in own:
            own_words = n.split() if abs(len(n) - len(wanted)) <= _LETTERS_OFF else []
            if len(own_words) == len(said):
                alike = _alike(said, own_words)
                if alike >= _NEAR:
                    near[e.id] = max(near.get(e.id, (0.0, e)), (alike, e), key=lambda x: x[0])
    if len(near) != 1:
        return None
    ((alike, found),) = near.values()
    fits = groups is None or role_group(found) in groups
    return found if fits and alike >= _SPELT else None


def _alike(a: Sequence[str], b: Sequence[str]) -> float:
    """Return how alike the least alike pair of words is; both have equally many."""
    pairs = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
    # "Partner" is no misspelt "partners", nor "unschedule" a misspelt "schedule".
    if any(x.startswith(y) or y.startswith(x) or x.endswith(y) or y.endswith(x) for x, y in pairs):
        return _NEAR
    return min((likeness(x, y) for x, y in pairs), default=1.0)


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
    own = [n for n in (e.text, e.label, e.placeholder, e.value) if n]
    return tuple([_squeeze(n.lower()) for n in own]) or ("",)


@lru_cache(maxsize=16384)
def _spaced(text: str) -> str:
    return f" {' '.join(words(text))} "


# Names of a page come again with every instruction on it.
@lru_cache(maxsize=16384)
def _squeeze(text: str) -> str:
    return _PUNCTUATION.sub(" ", text).strip()
