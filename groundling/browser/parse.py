"""From the reader's JSON, frame by frame, to one `ElementSnapshot`."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import repeat
from operator import call
from typing import Any

import orjson

from groundling.elements import BBox, ListPlace, Option, RawElement
from groundling.errors import SnapshotError

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FrameReading:
    """What one frame answered."""

    key: str
    """Changes with the document."""
    data: Json


def parse_frame(text: str) -> FrameReading:
    """Read a frame's answer.

    Raises:
        SnapshotError: If it is no JSON of ours, e.g. because the page replaced `JSON.stringify`.
    """
    try:
        data = orjson.loads(text)
        return FrameReading(str(data["key"]), data)
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise SnapshotError(f"the page's answer cannot be read ({error}): {text[:80]!r}") from error


def build_elements(
    data: Mapping[str, Any],
    frame: int,
    offset: tuple[float, float],
    ids: Callable[[int], int],
    viewport: tuple[int, int] | None = None,
) -> list[RawElement]:
    """Return the frame's elements with boxes in the main frame's viewport.

    Args:
        data: The frame's answer.
        frame: Its index in the snapshot.
        offset: Where its viewport lies in the main frame's, in CSS pixels.
        ids: From the node's number in its document to the snapshot-wide id.
        viewport: Size of the main frame's viewport; given for frames inside it, whose own viewport
            may lie outside.
    """
    strings: list[str] = data["strings"]
    names = dict(data["lists"])
    where = _Where(frame, offset, viewport)
    return [_element(e, strings, names, where, ids) for e in data["elements"]]


@dataclass(frozen=True, slots=True)
class _Where:
    frame: int
    offset: tuple[float, float]
    viewport: tuple[int, int] | None


# Setting slots directly, in a loop without bytecode, takes half the time of the frozen class's
# `__init__` (3.4 us a call on a busy machine; 4.5 with a loop in Python).
_NAMES = [f.name for f in fields(RawElement)]
_SET = tuple(getattr(RawElement, name).__set__ for name in _NAMES)
_NOTHING = RawElement(id=0)
_DEFAULTS = [getattr(_NOTHING, name) for name in _NAMES]


def _slots(keys: Mapping[str, str]) -> dict[str, int]:
    return {key: _NAMES.index(name) for key, name in keys.items()}


_PLAIN = _slots(
    {
        "n": "text",
        "r": "role",
        "t": "tag",
        "k": "kind",
        "d": "description",
        "V": "value",
        "c": "checked",
        "P": "pressed",
        "cu": "current",
        "y": "input_type",
        "ph": "placeholder",
        "u": "href",
        "l": "label",
        "C": "context",
        "B": "before",
        "A": "after",
        "i": "node",
    }
)
_INTERNED = _slots(
    {
        "bg": "background_color",
        "fg": "text_color",
        "L": "landmark",
        "g": "dialog",
        "F": "form",
        "S": "fieldset",
        "rh": "row_header",
        "ch": "column_header",
    }
)
_FLAGS = _slots(
    {
        "p": "is_primary",
        "o": "occluded",
        "s": "selected",
        "x": "expanded",
        "D": "disabled",
        "R": "required",
        "O": "readonly",
        "I": "invalid",
        "f": "focused",
    }
)
# One look-up per key: where its value goes, and how it is read.
_PLAINLY, _BY_NUMBER, _AS_FLAG = range(3)
_KEYS = {
    key: (slot, how)
    for how, group in ((_PLAINLY, _PLAIN), (_BY_NUMBER, _INTERNED), (_AS_FLAG, _FLAGS))
    for key, slot in group.items()
}
_ID, _BBOX, _FRAME, _ATTRIBUTES = map(_NAMES.index, ("id", "bbox", "frame", "attributes"))
_IN_VIEWPORT, _CLICKABLE = map(_NAMES.index, ("in_viewport", "is_clickable"))
_HEADING, _PATH = map(_NAMES.index, ("heading", "heading_path"))
_PLACES, _OPTIONS, _ICONS = map(_NAMES.index, ("places", "options", "icons"))


def _element(
    e: Json,
    strings: Sequence[str],
    lists: Mapping[int, str],
    where: _Where,
    ids: Callable[[int], int],
) -> RawElement:
    values = _DEFAULTS.copy()
    for key, value in e.items():
        if (found := _KEYS.get(key)) is not None:
            slot, how = found
            if how == _PLAINLY:
                values[slot] = value
            else:
                values[slot] = strings[value] if how == _BY_NUMBER else value == 1
    box = _box(e["b"], where.offset)
    values[_ID], values[_FRAME], values[_BBOX] = ids(e["i"]), where.frame, box
    values[_ATTRIBUTES] = _attributes(e)
    values[_IN_VIEWPORT] = "v" not in e and _meets(box, where.viewport)
    values[_CLICKABLE] = "D" not in e
    _sequences(e, values, strings, lists)
    element = object.__new__(RawElement)
    deque(map(call, _SET, repeat(element), values), maxlen=0)
    return element


_SET_X, _SET_Y, _SET_WIDTH, _SET_HEIGHT = (
    getattr(BBox, name).__set__ for name in ("x", "y", "width", "height")
)


def _box(sides: Sequence[float], offset: tuple[float, float]) -> BBox:
    box = object.__new__(BBox)
    _SET_X(box, sides[0] + offset[0])
    _SET_Y(box, sides[1] + offset[1])
    _SET_WIDTH(box, sides[2])
    _SET_HEIGHT(box, sides[3])
    return box


def _sequences(
    e: Json, values: list[Any], strings: Sequence[str], lists: Mapping[int, str]
) -> None:
    if "H" in e:
        values[_PATH] = tuple([strings[i] for i in e["H"]])
        values[_HEADING] = values[_PATH][-1]
    if "pl" in e:
        values[_PLACES] = tuple([_place(a, b, c, lists.get(a, "")) for a, b, c in e["pl"]])
    if "op" in e:
        values[_OPTIONS] = tuple([_option(o) for o in e["op"]])
    if "ic" in e:
        values[_ICONS] = tuple(e["ic"])


@lru_cache(maxsize=512)
def _place(list_id: int, index: int, size: int, name: str) -> ListPlace:
    """Return the place; the elements of one item share it."""
    return ListPlace(list_id, index, size, name)


def _meets(box: BBox, viewport: tuple[int, int] | None) -> bool:
    if viewport is None:
        return True
    return (
        box.x < viewport[0]
        and box.y < viewport[1]
        and box.x + box.width > 0
        and box.y + box.height > 0
    )


def _attributes(e: Json) -> dict[str, Any]:
    attributes: dict[str, Any] = e.get("a", {})
    if e.get("mu"):
        attributes["multiple"] = "true"
    if "on" in e:
        # The page has more options than are listed: never cut in silence.
        attributes["option-count"] = e["on"]
    return attributes


def _option(o: Sequence[Any]) -> Option:
    if len(o) == 1:
        return Option(o[0], o[0])
    return Option(o[0], o[1], bool(o[2] & 1), bool(o[2] & 2))
