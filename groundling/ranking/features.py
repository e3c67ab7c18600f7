"""How well each element fits an instruction, as numbers that a small model can weigh.

Every feature is comparable between pages: shares in [0, 1], ranks, counts on a log scale.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from groundling.elements import RawElement
from groundling.prompts import TASK_TYPES
from groundling.ranking.columns import FEATURES, ROLE_GROUPS, SERIES, ranks_of
from groundling.ranking.index import FIELDS, Floats, Ints, PageIndex
from groundling.ranking.meaning import meaning_columns
from groundling.ranking.places import page_features
from groundling.ranking.query import Query
from groundling.ranking.series import add_series
from groundling.ranking.trees import Trees
from groundling.ranking.words import STOP

_FITS = {
    "find_input": {"field": 1.0, "select": 0.6, "slider": 0.3},
    "find_button": {"button": 1.0, "link": 0.5, "tab": 0.4, "menuitem": 0.4, "switch": 0.4},
    "find_link": {"link": 1.0, "button": 0.5, "tab": 0.5, "menuitem": 0.6},
    "select_from_list": {"select": 1.0, "menuitem": 0.7, "radio": 0.5, "link": 0.4, "button": 0.4},
}
_ROLE_GROUP_OF = {role: group for group, roles in ROLE_GROUPS.items() for role in roles}
_GROUPS = (*ROLE_GROUPS, "other")
_GROUP_NUMBER = {name: k for k, name in enumerate(_GROUPS)}

_NO_LETTERS = re.compile(r"[\W_]+")


def features(index: PageIndex, query: Query, task_type: str, series: Trees | None = None) -> Floats:
    """Return the features of each indexed element, shape (elements, len(FEATURES)).

    Args:
        index: The page.
        query: The instruction, taken apart.
        task_type: One of `prompts.TASK_TYPES`.
        series: What weighs series, see `ranking.series`; the trees of the package if None.

    Raises:
        ModelFilesError: If those are missing or made for other features.
    """
    out = plain_features(index, query, task_type)
    if query.ordinal is not None:
        add_series(out, index, query, series)
    return out


def plain_features(index: PageIndex, query: Query, task_type: str) -> Floats:
    """Return the features with nothing said of series."""
    columns: dict[str, Any] = {}
    weights = np.array([_weight(index, w) for w in query.wanted], np.float32)
    matched = index.matches(query.wanted)
    _overlaps(columns, query, weights, matched, index)
    _whole_names(columns, index, query)
    _negations(columns, index, query)
    columns.update(meaning_columns(index, query))
    columns["near_rank"] = ranks_of(columns["near_name"] + columns["near_all"])
    _roles(columns, index, query, task_type)
    page_features(columns, index, query)
    columns.update(dict.fromkeys(SERIES, 0.0))
    columns["found_share"] = (
        float(weights @ matched.max((1, 2))) / max(1e-6, float(weights.sum()))
        if len(weights)
        else 0.0
    )
    n = len(index.elements)
    out = np.zeros((n, len(FEATURES)), np.float32)
    for j, name in enumerate(FEATURES):
        out[:, j] = columns[name]
    return out


def _weight(index: PageIndex, word: str) -> float:
    # Words for kinds of elements ("button") are rarely part of a name; numbers of the instruction
    # that are nowhere on the page should not hide what matches.
    return index.idf(word) if word not in STOP else 0.2


def _overlaps(
    columns: dict[str, Any], query: Query, weights: Floats, matched: Floats, index: PageIndex
) -> None:
    n_head = len(query.head)
    total = max(1e-6, float(weights.sum()))
    by_field = (
        np.tensordot(weights, matched, 1) / total if len(weights) else np.zeros(matched.shape[1:])
    )
    for j, name in enumerate(FIELDS):
        columns[f"in_{name}"] = by_field[:, j]
    for part, rows in (("head", slice(0, n_head)), ("scope", slice(n_head, None))):
        w = weights[rows]
        share = (
            np.tensordot(w, matched[rows], 1) / max(1e-6, float(w.sum()))
            if len(w)
            else 0 * by_field
        )
        for j, name in enumerate(FIELDS[:8]):
            columns[f"{part}_in_{name}"] = share[:, j]
    columns["anywhere"] = (
        _share(weights, matched.max(2)) if len(weights) else np.zeros(len(by_field))
    )
    columns["name_or_label"] = (
        _share(weights, matched[:, :, :3].max(2)) if len(weights) else np.zeros(len(by_field))
    )
    hits = (matched[:, :, 0] > 0.5).sum(0) if len(weights) else np.zeros(len(by_field))
    columns["name_explained"] = np.minimum(1.0, hits / np.maximum(index.lengths, 1))
    for name, source in (("name_best", "name_or_label"), ("anywhere_best", "anywhere")):
        best = max(1e-6, float(np.max(columns[source], initial=0)))
        columns[name] = columns[source] / best
    columns["name_rank"] = ranks_of(columns["name_or_label"])
    columns["anywhere_rank"] = ranks_of(columns["anywhere"])
    columns["n_wanted"] = min(len(query.wanted), 12)
    columns["asks_scope"] = float(bool(query.scope))


def _share(weights: Floats, matched: Floats) -> Floats:
    share: Floats = weights @ matched / max(1e-6, float(weights.sum()))
    return share


def _whole_names(columns: dict[str, Any], index: PageIndex, query: Query) -> None:
    wish = " ".join(w for w in _plain(query.text).split())
    n = len(index.elements)
    exact, inside, around, quoted, quoted_any = (np.zeros(n, np.float32) for _ in range(5))
    spaced_wish = f" {wish} "
    for i, name in enumerate(_plain_names(index)):
        if name:
            if name == wish:
                exact[i] = 1.0
            if len(name) > 1 and f" {name} " in spaced_wish:
                inside[i] = len(name) / len(wish)
            elif len(wish) > 2 and wish in name:
                around[i] = len(wish) / len(name)
        if query.quoted:
            held = " ".join(index.texts[i]).lower()
            quoted[i] = any(_plain(q) == name for q in query.quoted)
            quoted_any[i] = any(q in held for q in query.quoted)
    columns.update(
        exact_name=exact, name_in_instruction=inside, instruction_in_name=around,
        quoted_name=quoted, quoted_anywhere=quoted_any,
    )  # fmt: skip


def _plain_names(index: PageIndex) -> list[str]:
    if "plain names" not in index.extra:
        index.extra["plain names"] = [
            _plain(e.text) or _plain(e.label) or _plain(e.placeholder) for e in index.elements
        ]
    found: list[str] = index.extra["plain names"]
    return found


@lru_cache(maxsize=16384)
def _plain(text: str) -> str:
    return _NO_LETTERS.sub(" ", text.lower()).strip()


def _negations(columns: dict[str, Any], index: PageIndex, query: Query) -> None:
    unwanted = [w for w in query.unwanted if w not in query.wanted]
    columns["asks_not"] = float(bool(query.unwanted))
    if not unwanted:
        columns["unwanted_in_name"] = columns["unwanted_near"] = 0.0
        return
    matched = index.matches(unwanted)
    weights = np.array([index.idf(w) for w in unwanted], np.float32)
    columns["unwanted_in_name"] = _share(weights, matched[:, :, :2].max(2))
    columns["unwanted_near"] = _share(weights, matched[:, :, 3:7].max(2))


def role_group(element: RawElement) -> str:
    """Return the group of an element's role, `other` if it is in none."""
    return _ROLE_GROUP_OF.get(element.role or "", "other")


def _roles(columns: dict[str, Any], index: PageIndex, query: Query, task_type: str) -> None:
    numbers, is_group = _role_groups(index)
    columns.update(is_group)
    fits = _FITS.get(task_type)
    columns["task_fit"] = (
        np.array([fits.get(g, 0.1) for g in _GROUPS], np.float32)[numbers] if fits else 0.5
    )
    said = np.array([g in query.roles for g in _GROUPS], np.float32)[numbers]
    columns["role_said"] = said
    columns["role_denied"] = 1.0 - said if query.roles else 0.0
    for name, task in zip(("input", "button", "link", "list"), TASK_TYPES[:4], strict=True):
        columns[f"task_{name}"] = float(task_type == task)
    asked = query.states & set(_STATE_TESTS)
    columns["state_asked"] = float(bool(asked))
    columns["state_agrees"] = (
        [max(_STATE_TESTS[s](e) for s in asked) for e in index.elements] if asked else 0.0
    )


def _role_groups(index: PageIndex) -> tuple[Ints, dict[str, Floats]]:
    """Return each element's group as a number, and the columns `is_...`."""
    if "role groups" not in index.extra:
        numbers = np.array([_GROUP_NUMBER[role_group(e)] for e in index.elements], np.intp)
        is_group = {f"is_{g}": (numbers == k).astype(np.float32) for k, g in enumerate(_GROUPS)}
        index.extra["role groups"] = numbers, is_group
    found: tuple[Ints, dict[str, Floats]] = index.extra["role groups"]
    return found


def _truth(value: bool | None) -> float:
    return 0.0 if value is None else 1.0 if value else -1.0


def _on(e: RawElement) -> bool | None:
    for state in (e.checked, e.pressed):
        if state is not None:
            return state in ("true", "mixed")
    return e.selected


_STATE_TESTS: dict[str, Callable[[RawElement], float]] = {
    "checked": lambda e: _truth(_on(e)),
    "unchecked": lambda e: -_truth(_on(e)),
    "disabled": lambda e: _truth(e.disabled),
    "expanded": lambda e: _truth(e.expanded),
    "collapsed": lambda e: -_truth(e.expanded),
    "current": lambda e: 1.0 if e.current or e.selected or e.pressed == "true" else -0.2,
    "required": lambda e: _truth(e.required),
    "filled": lambda e: _truth(bool(e.value)),
    "empty": lambda e: _truth(not e.value) if role_group(e) in ("field", "select") else -1.0,
    "invalid": lambda e: _truth(e.invalid),
}
