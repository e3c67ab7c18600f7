"""Where an element stands: in lists, among its like, on the page; and whether it is an ad."""

import math
import re
from collections import defaultdict
from collections.abc import Hashable, Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np

from groundling.elements import RawElement
from groundling.ranking.index import Floats, PageIndex
from groundling.ranking.query import Query
from groundling.ranking.words import stems

_AD = re.compile(
    r"\b(?:sponsored|advertisement|promoted|ad|ads|anzeige|gesponsert|реклама)\b", re.I
)


def page_features(columns: dict[str, Any], index: PageIndex, query: Query) -> None:
    """Add the columns that need no words of the instruction but its ordinal and places."""
    elements = index.elements
    columns.update(_static(index))
    columns["asks_ordinal"] = float(query.ordinal is not None)
    columns["no_ad"] = columns["is_ad"] * (-1.0 if query.no_ads else 0.0)
    columns.update(_ordinals(index, query, columns["name_or_label"]))
    columns["place_agrees"] = (
        [_place_agrees(e, query, index) for e in elements] if query.places else 0.0
    )


def _static(index: PageIndex) -> dict[str, Any]:
    """Columns that are the same for every instruction on the page."""
    found: dict[str, Any] | None = index.extra.get("static")
    if found is not None:
        return found
    elements = index.elements
    n = len(elements)
    boxes = np.array([(b.x, b.y, b.width, b.height) for b in (e.bbox for e in elements)])
    x, y, width, height = boxes.reshape(n, 4).T
    tall = float((y + height).max()) if n else 1.0
    importance = np.array([e.importance_score for e in elements], np.float32)
    spread = float(np.ptp(importance)) if n else 0.0
    twins, twin_rank = _twins(elements)
    out: dict[str, Any] = {
        "y": np.maximum(0.0, y) / (tall or 1.0),
        "x": np.minimum(1.0, np.maximum(0.0, x) / 1280),
        "order": np.arange(n) / max(1, n - 1),
        "in_viewport": [float(e.in_viewport) for e in elements],
        "area": np.log1p(np.maximum(0.0, width * height)) / 12,
        "occluded": [float(e.occluded) for e in elements],
        "disabled": [float(e.disabled) for e in elements],
        "primary": [float(e.is_primary) for e in elements],
        "in_dialog": [float(bool(e.dialog)) for e in elements],
        "dialog_open": float(any(e.dialog for e in elements)),
        "nameless": [float(not e.text or e.text.startswith("~")) for e in elements],
        "name_words": np.log1p(index.lengths),
        "twins": twins,
        "twin_rank": twin_rank,
        # A constant importance (the free SDK's 0) says nothing.
        "importance": (importance - importance.min(initial=0)) / spread if spread else 0.0,
        "has_value": [float(bool(e.value)) for e in elements],
        "native": [float(e.kind in ("native", "role", "editable", "")) for e in elements],
        "header": [float("banner" in e.landmark) for e in elements],
        "footer": [float("contentinfo" in e.landmark) for e in elements],
        "navigation": [float("navigation" in e.landmark) for e in elements],
        "n_elements": math.log1p(n),
        "is_ad": _ads(elements),
        "place_index": [math.log1p(e.places[0].index) if e.places else 0.0 for e in elements],
        "place_size": [math.log1p(e.places[0].size) if e.places else 0.0 for e in elements],
        "first_of_item": _first_of_item(elements),
    }
    out = {name: np.asarray(column, np.float32) for name, column in out.items()}
    index.extra["static"] = out
    return out


def _twins(elements: tuple[RawElement, ...]) -> tuple[list[float], list[float]]:
    groups: dict[tuple[str | None, str], list[int]] = defaultdict(list)
    for i, e in enumerate(elements):
        groups[e.role, e.text].append(i)
    twins, rank = [0.0] * len(elements), [0.0] * len(elements)
    for members in groups.values():
        if len(members) > 1:
            for before, i in enumerate(members):
                twins[i], rank[i] = math.log(len(members)), math.log1p(before)
    return twins, rank


def _ads(elements: tuple[RawElement, ...]) -> list[float]:
    # The mark stands in the item's own text or over the group; "Add" and "Download" are no marks.
    around = [(e.context, e.heading, e.landmark, *[p.name for p in e.places]) for e in elements]
    marked = set(filter(_marks_ad, set(chain.from_iterable(around))))
    return [
        float(not marked.isdisjoint(held) or _AD.fullmatch(e.text.strip()) is not None)
        for e, held in zip(elements, around, strict=True)
    ]


@lru_cache(maxsize=16384)
def _marks_ad(text: str) -> bool:
    return _AD.search(text) is not None


def _first_of_item(elements: tuple[RawElement, ...]) -> list[float]:
    """Mark the first element of its role in its list item: the title link of a result, say."""
    seen: set[tuple[int, int, str | None]] = set()
    out = []
    for e in elements:
        key = (e.places[0].list_id, e.places[0].index, e.role) if e.places else None
        out.append(float(key is not None and key not in seen))
        if key:
            seen.add(key)
    return out


def _ordinals(index: PageIndex, query: Query, fit: Floats) -> dict[str, Any]:
    names = (
        "ordinal_item", "ordinal_any", "ordinal_role_form", "ordinal_role_heading",
        "ordinal_role_landmark", "ordinal_role_page", "ordinal_match", "ordinal_list_named",
    )  # fmt: skip
    elements, n = index.elements, query.ordinal
    if n is None or not elements:
        return dict.fromkeys(names, 0.0)
    in_list = [[_is_nth(p.index, p.size, n) for p in e.places] for e in elements]
    wanted = set(query.wanted)
    named = [
        max(
            (h * _named_share(p.name, wanted) for h, p in zip(hits, e.places, strict=True)),
            default=0.0,
        )
        for hits, e in zip(in_list, elements, strict=True)
    ]
    top = float(np.max(fit))
    like = [float(top > 0 and f >= 0.8 * top) for f in fit]
    return {
        "ordinal_item": [hits[0] if hits else 0.0 for hits in in_list],
        "ordinal_any": [max(hits, default=0.0) for hits in in_list],
        "ordinal_role_form": _nth_among(
            elements, ((e.role, e.form or e.fieldset) for e in elements), n
        ),
        "ordinal_role_heading": _nth_among(elements, ((e.role, e.heading) for e in elements), n),
        "ordinal_role_landmark": _nth_among(elements, ((e.role, e.landmark) for e in elements), n),
        "ordinal_role_page": _nth_among(elements, (e.role for e in elements), n),
        "ordinal_match": _nth_among(elements, (x or None for x in like), n),
        "ordinal_list_named": named,
    }


def _is_nth(index: int, size: int, n: int) -> float:
    if n == 0:
        return float(size > 2 and index == (size + 1) // 2)
    return float(size > 1 and index == (n if n > 0 else size + 1 + n))


def _named_share(name: str, wanted: set[str]) -> float:
    held = set(stems(name))
    return len(held & wanted) / len(held) if held else 0.0


def _nth_among(elements: tuple[RawElement, ...], keys: Iterable[Hashable], n: int) -> list[float]:
    """Mark the nth element of each group; elements whose key is None belong to none."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for i, key in enumerate(keys):
        if key is not None:
            groups[key].append(i)
    out = [0.0] * len(elements)
    for members in groups.values():
        place = n - 1 if n > 0 else len(members) + n if n < 0 else len(members) // 2
        if len(members) > 1 and 0 <= place < len(members):
            out[members[place]] = 1.0
    return out


def _place_agrees(e: RawElement, query: Query, index: PageIndex) -> float:
    tall = index.extra.get("tall") or max(1.0, *(x.bbox.y + x.bbox.height for x in index.elements))
    index.extra["tall"] = tall
    x, y = e.bbox.center
    tests = {
        "top": "banner" in e.landmark or y < 150,
        "bottom": "contentinfo" in e.landmark or y > 0.85 * tall,
        "left": x < 320,
        "right": x > 900,
        "nav": "navigation" in e.landmark,
        "main": "main" in e.landmark or "article" in e.landmark,
        "dialog": bool(e.dialog),
        "table": bool(e.row_header or e.column_header),
    }
    agree = [tests[p] for p in query.places]
    return sum(1.0 if a else -1.0 for a in agree) / len(agree)
