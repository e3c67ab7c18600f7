"""From the reader's JSON, frame by frame, to one `ElementSnapshot`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
    return [
        _element(e, strings, names, _Where(frame, offset, viewport), ids) for e in data["elements"]
    ]


@dataclass(frozen=True, slots=True)
class _Where:
    frame: int
    offset: tuple[float, float]
    viewport: tuple[int, int] | None


_PLAIN = {
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
}
_FLAGS = {
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
_INTERNED = {
    "bg": "background_color",
    "fg": "text_color",
    "L": "landmark",
    "g": "dialog",
    "F": "form",
    "S": "fieldset",
    "rh": "row_header",
    "ch": "column_header",
}


def _element(
    e: Json,
    strings: Sequence[str],
    lists: Mapping[int, str],
    where: _Where,
    ids: Callable[[int], int],
) -> RawElement:
    out: Json = {}
    for key, value in e.items():
        if key in _PLAIN:
            out[_PLAIN[key]] = value
        elif key in _FLAGS:
            out[_FLAGS[key]] = value == 1
        elif key in _INTERNED:
            out[_INTERNED[key]] = strings[value]
    path = tuple(strings[i] for i in e.get("H", ()))
    box = _box(e["b"], where.offset)
    return RawElement(
        id=ids(e["i"]),
        node=e["i"],
        frame=where.frame,
        bbox=box,
        in_viewport="v" not in e and _meets(box, where.viewport),
        attributes=_attributes(e),
        heading=path[-1] if path else "",
        heading_path=path,
        places=tuple(ListPlace(p[0], p[1], p[2], lists.get(p[0], "")) for p in e.get("pl", ())),
        options=tuple(_option(o) for o in e.get("op", ())),
        icons=tuple(e.get("ic", ())),
        is_clickable=not out.get("disabled", False),
        **out,
    )


def _box(b: Sequence[float], offset: tuple[float, float]) -> BBox:
    return BBox(b[0] + offset[0], b[1] + offset[1], b[2], b[3])


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
