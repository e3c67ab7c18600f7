"""Which of a page's series an ordinal counts in: "the third result" of which list?

A series is a run of elements that belong together: the items of a list, fields of a form, links
under a heading, links of one address pattern, elements of one class, column or row. An ordinal
picks one member of each; small boosted trees weigh whether the series is the one that was meant.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from groundling.elements import RawElement
from groundling.ranking.columns import COLUMN, SERIES, hand_scores, ranks_of
from groundling.ranking.index import Floats, Ints, PageIndex
from groundling.ranking.query import Query
from groundling.ranking.trees import Trees, shipped_trees
from groundling.ranking.words import stems

_KINDS = (
    "item", "item of a list around", "item of a list around that", "same item", "form", "fieldset",
    "heading", "heading, any role", "landmark", "same name", "page", "page, any role", "address",
    "address in place", "class", "title", "column", "row",
)  # fmt: skip
_KIND = {name: j for j, name in enumerate(_KINDS)}
WEIGHED = (
    "in_name", "in_label", "in_context", "in_heading", "in_list", "in_landmark", "in_link",
    "in_hints", "head_in_name", "head_in_heading", "head_in_list", "scope_in_heading",
    "scope_in_list", "scope_in_landmark", "anywhere", "name_or_label", "near_name", "near_all",
    "near_head", "near_scope", "near_soft", "task_fit", "role_said", "state_agrees",
    "place_agrees", "ordinal_list_named", "in_viewport", "header", "footer", "navigation",
    "first_of_item", "native",
)  # fmt: skip
"""Features of elements that a series is told by: their mean, their most, and the nth member's."""
_WEIGHED = [COLUMN[name] for name in WEIGHED]
_FIXED = ("kind", "size", "distinct", "named", "one column", "one row", "y", "x", "order")
_ASKED = ("ordinal", "at", "lead", "best rank", "y of nth", "said", "said of name")
SERIES_COLUMNS = (
    *_FIXED,
    *_ASKED,
    *(f"{part} {name}" for part in ("mean", "most", "nth") for name in ("hand", "rank", *WEIGHED)),
)
"""What tells a series, in the order of the columns."""
_OTHER_TASK, _OTHER_ROLE = 2.0, 1.0
"""Against a member whose role does not fit the task type, or what the instruction names."""
_SECOND = 0.15
"""How much a further series that an element is the nth of adds."""


@dataclass(frozen=True, slots=True)
class PageSeries:
    """All series of a page; the same for every instruction."""

    members: tuple[Ints, ...]
    """Positions in the index, in the order that is counted."""
    names: tuple[frozenset[str], ...]
    """Stems of what each series is called."""
    fixed: Floats
    """What is known without an instruction, shape (series, columns)."""


def page_series(index: PageIndex) -> PageSeries:
    """Return the series of two elements and more, found once per page."""
    found: PageSeries | None = index.extra.get("series")
    if found is None:
        found = index.extra["series"] = _found(index.elements)
    return found


def _found(elements: tuple[RawElement, ...]) -> PageSeries:
    groups: dict[tuple[str, Any], list[int]] = defaultdict(list)
    names: dict[tuple[str, Any], str] = {}
    items: set[tuple[tuple[str, Any], int]] = set()
    titles = {e.heading.strip().lower() for e in elements if e.heading}
    for i, e in enumerate(elements):
        for level, place in enumerate(e.places[:3]):
            # Of an item with several links the first counts.
            key = _KINDS[level], (place.list_id, e.role)
            names[key] = place.name
            if (key, place.index) not in items:
                items.add((key, place.index))
                groups[key].append(i)
        for key in _keys(e, titles):
            groups[key].append(i)
    kept = []
    for key, members in groups.items():
        if len(members) > 1:
            kept.append((key, members))
            once = _once(elements, members) if key[0] in _BY_ADDRESS else members
            if 1 < len(once) < len(members):
                kept.append((key, once))
    told = {key: frozenset(stems(name)) for key, name in names.items()}
    return PageSeries(
        tuple(np.array(members) for _, members in kept),
        tuple(told.get(key, frozenset()) for key, _ in kept),
        np.array([_fixed(elements, key[0], m) for key, m in kept], np.float32).reshape(
            -1, len(_FIXED)
        ),
    )


_BY_ADDRESS = ("address", "address in place", "class", "title")


def _keys(e: RawElement, titles: set[str]) -> list[tuple[str, Any]]:
    """Return what an element shares with others of the same series."""
    keys: list[tuple[str, Any]] = [
        ("same name", (e.role, e.text)),
        ("page", e.role),
        ("column", (e.role, round(e.bbox.x / 6), e.landmark)),
        ("row", (e.role, round(e.bbox.center[1] / 6))),
    ]
    if e.places:
        keys.append(("same item", (e.places[0].list_id, e.role, e.text)))
    for kind, where in (("form", e.form), ("fieldset", e.fieldset), ("landmark", e.landmark)):
        if where:
            keys.append((kind, (where, e.role)))
    if e.heading:
        keys.append(("heading", (e.heading, e.role)))
        if e.text.strip():
            keys.append(("heading, any role", e.heading))
    address = _address(e.href)
    if address:
        keys.append(("address", address))
        keys.append(("address in place", (address, e.landmark, e.heading)))
    styled = str(e.attributes.get("class") or "")
    if styled:
        keys.append(("class", (e.role, styled)))
    if e.text.strip().lower() in titles:
        keys.append(("title", e.role))
    return keys


def _address(href: str) -> tuple[str, str, int, str] | None:
    """Return the pattern of an address: host, first folder, depth, first parameter's name."""
    if not href:
        return None
    try:
        url = urlsplit(href)
    except ValueError:
        return None
    parts = [p for p in url.path.split("/") if p]
    return url.netloc, parts[0] if len(parts) > 1 else "", len(parts), url.query.split("=")[0]


def _once(elements: Sequence[RawElement], members: list[int]) -> list[int]:
    """Return the members without further links to the same place: picture and title of a card."""
    seen = dict[str | int, int]()
    for i in members:
        seen.setdefault(elements[i].href or i, i)
    return list(seen.values())


def _fixed(elements: Sequence[RawElement], kind: str, members: list[int]) -> list[float]:
    shown = [elements[i] for i in members]
    n = len(shown)
    return [
        _KIND[kind],
        n,
        len({e.text for e in shown}) / n,
        sum(bool(e.text) for e in shown) / n,
        float(len({round(e.bbox.x / 8) for e in shown}) == 1),
        float(len({round(e.bbox.y / 8) for e in shown}) == 1),
        shown[0].bbox.y / 1000,
        shown[0].bbox.x / 1000,
        members[0] / len(elements),
    ]


def nth(size: int, ordinal: int) -> int | None:
    """Return the place of the member that an ordinal means, from 0; None if there is none."""
    if ordinal == 0:
        return size // 2 if size > 2 and size % 2 else None
    at = ordinal - 1 if ordinal > 0 else size + ordinal
    return at if 0 <= at < size else None


def series_rows(index: PageIndex, query: Query, matrix: Floats) -> tuple[Floats, Ints]:
    """Return what tells each series that has an nth member, and the positions of these members.

    Args:
        index: The page.
        query: With an ordinal.
        matrix: The elements' plain features, shape (elements, len(FEATURES)).

    Returns:
        Rows of shape (series, len(SERIES_COLUMNS)), and positions of shape (series).
    """
    page = page_series(index)
    ordinal = query.ordinal or 0
    places = [nth(len(m), ordinal) for m in page.members]
    kept = [s for s, at in enumerate(places) if at is not None]
    if not kept:
        return np.zeros((0, len(SERIES_COLUMNS)), np.float32), np.zeros(0, np.intp)
    members = [page.members[s] for s in kept]
    at = np.array([places[s] for s in kept], np.intp)
    targets = np.array([m[a] for m, a in zip(members, at, strict=True)])
    by_hand = hand_scores(matrix)
    ranks = np.empty(len(by_hand), np.float32)
    ranks[np.argsort(-by_hand, kind="stable")] = np.log1p(np.arange(len(by_hand)))
    grid = np.concatenate([by_hand[:, None], ranks[:, None], matrix[:, _WEIGHED]], 1)
    sizes = np.array([len(m) for m in members])
    starts = np.cumsum(sizes) - sizes
    rows = grid[np.concatenate(members)]
    mean = np.add.reduceat(rows, starts, 0) / sizes[:, None]
    most = np.maximum.reduceat(rows, starts, 0)
    wanted = set(query.wanted)
    asked = np.stack(
        [
            np.full(len(kept), ordinal),
            at,
            by_hand.max() - most[:, 0],
            np.minimum.reduceat(rows[:, 1], starts),
            [index.elements[i].bbox.y / 1000 for i in targets],
            [len(page.names[s] & wanted) / max(1, len(wanted)) for s in kept],
            [len(page.names[s] & wanted) / max(1, len(page.names[s])) for s in kept],
        ],
        1,
    )
    out = [page.fixed[kept], asked, mean, most, grid[targets]]
    return np.concatenate(out, 1, dtype=np.float32, casting="same_kind"), targets


def _misfit(rows: Floats) -> Floats:
    """Return how much speaks against members of the wrong role, on the scale of the trees.

    The tasks that the trees learnt from hold few "About this result" buttons beside the result.
    """
    unlike = 1 - rows[:, COLUMN["task_fit"]]
    said = rows[:, COLUMN["role_said"]]
    misfit: Floats = _OTHER_TASK * unlike + _OTHER_ROLE * (said < said.max())
    return misfit


def add_series(matrix: Floats, index: PageIndex, query: Query, trees: Trees | None = None) -> None:
    """Fill the columns `SERIES` of plain features in place; `trees` are the package's if None."""
    rows, targets = series_rows(index, query, matrix)
    if not len(targets):
        return
    raw = (trees or shipped_trees("series.npz", SERIES_COLUMNS)).scores(rows)
    raw = raw - _misfit(matrix[targets])
    likely = 2 / (1 + np.exp(np.minimum(raw.max() - raw, 30)))
    found = np.zeros(len(matrix), np.float32)
    for i, value in zip(targets.tolist(), likely.tolist(), strict=True):
        # Several series that lead to one element speak for it.
        found[i] = max(found[i], value) + _SECOND * min(found[i], value)
    matrix[:, COLUMN[SERIES[0]]] = found
    matrix[:, COLUMN[SERIES[1]]] = ranks_of(found)
