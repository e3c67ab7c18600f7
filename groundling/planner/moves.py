"""Moves within a list ("to the 3rd position", "up by one"), by a direction, and by size; sorting.

Each move is one drag; then the page is read anew, and the place that the item has then decides
whether the move is done. A list is sorted by as many moves as it takes, one at a time.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from groundling.actions import Done, Drag, folded
from groundling.agent.goal import PlanStep, RunView
from groundling.elements import ElementSnapshot, RawElement
from groundling.planner.clause import Clause, quoted_in, without_article
from groundling.ranking import parse_query, role_group

_TRIES = 3
"""Drags of one item that may end at another place before the move is given up."""
_FAR_PX = 100.0
"""Length of a drag for which only the direction is said."""
_EDGE_PX = 8.0
_PLACES = r"(?:positions?|places?|spots?|slots?|steps?|rows?|items?|lines?)"
_ENDS = {"top": 1, "start": 1, "beginning": 1, "front": 1, "bottom": -1, "end": -1, "back": -1}
_TO_PLACE = re.compile(
    r"(?P<what>.+?)\s+(?:in)?to\s+(?:the\s+)?(?:very\s+)?(?:(?P<end>top|start|beginning|front|bottom|end|back)|"
    r"(?P<nth>\w+)\s+(?:position|place|spot|slot)|(?:position|place|spot|slot)\s+(?:number\s+)?(?P<n>\d+))"
    r"(?:\s+(?:of|in)\s+(?P<where>.+))?$",
    re.IGNORECASE,
)
_BY_PLACES = re.compile(
    rf"(?P<what>.+?)\s+(?:by\s+(?P<n1>\w+)\s+{_PLACES}\s+)?(?P<way>up|down)(?:wards?)?"
    rf"(?:\s+(?:by\s+)?(?P<n2>\w+)\s+{_PLACES}|\s+(?:by\s+)?(?P<n3>one|two|three|four|five|\d+))?$",
    re.IGNORECASE,
)
_BY_WAY = re.compile(
    r"(?P<what>.+?)\s+(?:(?:all the way\s+)?to\s+the\s+)?(?P<way>left|right|up|down)(?:wards?)?"
    r"(?:\s+(?:by\s+)?(?P<px>\d+)\s*(?:px|pixels?))?$",
    re.IGNORECASE,
)
_COUNTS = {"one": 1, "a": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}
_WAYS: Mapping[str, tuple[int, int]] = {
    "left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1),
}  # fmt: skip
_ORDER = re.compile(
    r"\b(?:(?P<up>increasing|ascending|alphabetical)|decreasing|descending)\b", re.I
)
_SMALL = re.compile(r"\b(?:smaller|smallest)\b", re.IGNORECASE)
_LARGE = re.compile(r"\b(?:larger|largest|bigger|biggest)\b", re.IGNORECASE)
_ANYTHING = re.compile(
    r"^(?:(?:the|this|only)\s+)*(?:item|shape|object|element|thing|figure|it)$", re.I
)


def read_move(rest: str) -> Clause | None:
    """Read "Ann to the 3rd position", "the card up by one place", "the shape left", else None."""
    if found := _TO_PLACE.match(rest):
        nth = parse_query(f"{found['nth']} item").ordinal if found["nth"] else None
        n = _ENDS[found["end"].lower()] if found["end"] else int(found["n"] or nth or 0)
        if not n or (found["where"] and not re.search(r"\blist\b", found["where"], re.I)):
            return None
        there = rest[found.end("what") :].strip().partition(" ")[2]
        return _move(found["what"], f"to {n}", without_article(there))
    if found := _BY_PLACES.match(rest):
        said = (found["n1"] or found["n2"] or found["n3"] or "").lower()
        n = int(said) if said.isdigit() else _COUNTS.get(said, 0)
        if n:
            return _move(found["what"], f"by {-n if found['way'].lower() == 'up' else n}")
    if found := _BY_WAY.match(rest):
        return _move(found["what"], f"{found['way'].lower()} {found['px'] or ''}".strip())
    return None


def _move(what: str, value: str, within: str = "") -> Clause:
    return Clause(verb="move", targets=(without_article(what),), value=value, within=within)


def read_sort(part: str) -> Clause | None:
    """Read "sort the numbers in increasing order"; "sort by price" is a control of the page's."""
    if not (found := _ORDER.search(part)) or re.search(r"\bby\b", part):
        return None
    return Clause(verb="sort", targets=(part,), value="up" if found["up"] else "down")


def move_step(clause: Clause, target: str, key: str, view: RunView) -> PlanStep | Done | None:
    """Return the drag that a move, a sorting or a size asks for, or None."""
    if clause.verb == "sort":
        return _sort_step(clause, target, key, view)
    if clause.verb == "drag":
        return _sized_step(clause, target, key, view)
    if clause.verb != "move":
        return None
    listed, want = _list_with(view.snapshot, target), _wanted(clause, target, key, view)
    if listed is None or want is None:
        return _way_step(clause, target, key, view)
    n = _index(listed, target)
    if len(_own_steps(key, view)) >= _TRIES:
        return Done(success=False, answer=f"{target} is at place {n}, not at {want}")
    if n == want:
        return None
    other = listed[want - 1]
    return PlanStep(
        action=Drag(to=other, place="before" if want < n else "after"),
        instruction=_bare(target),
        element=listed[n - 1],
        covers=(key,),
    )


def in_place(clause: Clause, target: str, key: str, view: RunView) -> bool | None:
    """Return whether a move or a sorting is done as far as the page shows; None if it tells not.

    Once a later part of the goal is begun, the page is not asked any more.
    """
    own = _own_steps(key, view)
    if own and not (_begins(view.history[-1].planned.covers, key)):
        return None
    if clause.verb == "sort":
        listed = _sortable(view.snapshot)
        return None if listed is None else _texts(listed) == _texts(_sorted(listed, clause))
    if clause.verb != "move":
        return None
    listed, want = _list_with(view.snapshot, target), _wanted(clause, target, key, view)
    return None if listed is None or want is None else _index(listed, target) == want


def _begins(covers: Sequence[str], key: str) -> bool:
    return any(c == key or c.startswith(f"{key}.") for c in covers)


def _own_steps(key: str, view: RunView) -> list[ElementSnapshot | None]:
    """Return the pages on which steps for this part were planned."""
    return [p.snapshot for p in view.history if _begins(p.planned.covers, key)]


def _bare(target: str) -> str:
    return quoted_in(target) or target


def _lists(snapshot: ElementSnapshot) -> list[list[RawElement]]:
    """Return the lists whose items are elements themselves, complete and in order."""
    groups: dict[tuple[int, str], dict[int, RawElement]] = {}
    for e in snapshot.elements:
        if e.is_visible and e.places and e.kind in ("item", "draggable", "listener", "tabindex"):
            place = e.places[0]
            groups.setdefault((place.list_id, e.tag), {}).setdefault(place.index, e)
    return [
        [held[n] for n in sorted(held)]
        for held in groups.values()
        if len(held) > 1 and len(held) == next(iter(held.values())).places[0].size
    ]


def _list_with(snapshot: ElementSnapshot, target: str) -> list[RawElement] | None:
    """Return the one list in which one item bears the name."""
    wanted = folded(_bare(target))
    found = [g for g in _lists(snapshot) if sum(folded(e.text) == wanted for e in g) == 1]
    return found[0] if len(found) == 1 else None


def _index(listed: Sequence[RawElement], target: str) -> int:
    return [folded(e.text) for e in listed].index(folded(_bare(target))) + 1


def _wanted(clause: Clause, target: str, key: str, view: RunView) -> int | None:
    """Return the place, from 1, at which the item shall be; counted from where it was at first."""
    pages = _own_steps(key, view)
    first = (pages[0] if pages else None) or view.snapshot
    listed = _list_with(first, target)
    how, _, said = clause.value.partition(" ")
    if listed is None or how in ("left", "right") or (how in ("up", "down") and said):
        return None
    n = _index(listed, target)
    if how == "to":
        want = int(said) if int(said) > 0 else len(listed) + 1 + int(said)
    else:
        want = n + (int(said) if how == "by" else {"up": -1, "down": 1}[how])
    return want if 1 <= want <= len(listed) else None


def _way_step(clause: Clause, target: str, key: str, view: RunView) -> PlanStep | Done | None:
    """Return a drag in the direction that is said, by its pixels or by `_FAR_PX`."""
    how, _, said = clause.value.partition(" ")
    if how not in _WAYS:
        return None
    (x, y), shapes = _WAYS[how], _movable(view.snapshot)
    element = _sized(shapes, target)
    if element is None and _ANYTHING.match(target) and len(shapes) == 1:
        element = shapes[0]
    far = float(said) if said else _FAR_PX
    if element is not None and not said:
        far = min(far, _room(element, how, view.snapshot))
    step = PlanStep(action=Drag(by=(x * far, y * far)), instruction=target, covers=(key,))
    return replace(step, element=element)


def _room(e: RawElement, how: str, snapshot: ElementSnapshot) -> float:
    """Return the distance to the edge of the viewport, at least a few pixels."""
    x, y = e.bbox.center
    room = {"left": x, "up": y, "right": snapshot.viewport["width"] - x,
            "down": snapshot.viewport["height"] - y}[how]  # fmt: skip
    return max(_EDGE_PX, room - _EDGE_PX)


def _movable(snapshot: ElementSnapshot) -> list[RawElement]:
    """Return what may be there to be dragged: reacts to the pointer, and is no control."""
    return [
        e
        for e in snapshot.elements
        if e.is_visible and e.kind in ("listener", "draggable", "item", "pointer")
        and (e.role in ("clickable", "listitem", "generic", None) or role_group(e) == "other")
    ]  # fmt: skip


def _sized_step(clause: Clause, target: str, key: str, view: RunView) -> PlanStep | None:
    """Return the drag of "the smaller box" into "the larger box"."""
    shapes = _movable(view.snapshot)
    element, to = _sized(shapes, target), _sized(shapes, clause.within)
    if element is None or to is None or element.id == to.id:
        return None
    action = Drag(to=to, place=clause.place)
    return PlanStep(action=action, instruction=target, element=element, covers=(key,))


def _sized(shapes: Sequence[RawElement], said: str) -> RawElement | None:
    """Return the smallest or the largest, where the words ask for it and one is."""
    small, large = _SMALL.search(said), _LARGE.search(said)
    if bool(small) == bool(large) or len(shapes) < 2:
        return None
    ordered = sorted(shapes, key=lambda e: e.bbox.width * e.bbox.height)
    first, second = (ordered[0], ordered[1]) if small else (ordered[-1], ordered[-2])
    same = first.bbox.width * first.bbox.height == second.bbox.width * second.bbox.height
    return None if same else first


def _sort_step(clause: Clause, target: str, key: str, view: RunView) -> PlanStep | None:
    """Return the move of the item that belongs to the first wrong place, before what is there."""
    listed = _sortable(view.snapshot)
    if listed is None:
        return None
    order = _sorted(listed, clause)
    if _texts(listed) == _texts(order):
        return None
    n = next(i for i, (a, b) in enumerate(zip(listed, order, strict=True)) if a.text != b.text)
    left = [e for e in listed if e.id != order[n].id]
    last = _texts([*left[:n], order[n], *left[n:]]) == _texts(order)
    part = f"{key}.{len(_own_steps(key, view))}"
    return PlanStep(
        action=Drag(to=listed[n], place="before"),
        instruction=order[n].text,
        element=order[n],
        covers=(part, key) if last else (part,),
    )


def _sortable(snapshot: ElementSnapshot) -> list[RawElement] | None:
    """Return the one list of plain items; of several, the one that holds numbers alone."""
    found = _lists(snapshot)
    if len(found) > 1:
        found = [g for g in found if all(_number(e.text) is not None for e in g)]
    return found[0] if len(found) == 1 else None


def _sorted(listed: Sequence[RawElement], clause: Clause) -> list[RawElement]:
    numbers = [_number(e.text) for e in listed]
    down = clause.value == "down"
    if all(n is not None for n in numbers):
        return sorted(listed, key=lambda e: _number(e.text) or 0.0, reverse=down)
    return sorted(listed, key=lambda e: folded(e.text), reverse=down)


def _texts(listed: Sequence[RawElement]) -> list[str]:
    return [e.text for e in listed]


def _number(text: str) -> float | None:
    found = re.fullmatch(
        r"\s*([+-]?\d+(?:\.\d+)?)\s*", text.replace("\u2212", "-").replace(",", "")
    )
    return float(found.group()) if found else None
