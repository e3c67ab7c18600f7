"""Numbered boxes over a screenshot, so that a person sees what the reader saw."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from groundling.elements import ElementSnapshot, RawElement
from groundling.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

_FAMILIES = {
    "field": (
        "#0f7b4b",
        {"textbox", "searchbox", "combobox", "listbox", "spinbutton", "slider", "option"},
    ),
    "button": ("#1d4ed8", {"button", "tab", "menuitem"}),
    "toggle": ("#b45309", {"checkbox", "radio", "switch", "menuitemcheckbox", "menuitemradio"}),
    "link": ("#7c3aed", {"link"}),
}
_OTHER = "#0e7490"
_COVERED = "#64748b"
_CHOSEN = "#dc2626"
_Box = tuple[float, float, float, float]


def draw(
    png: bytes,
    snapshot: ElementSnapshot,
    chosen_id: int | None = None,
    *,
    ids: Sequence[int] | None = None,
    full_page: bool = False,
) -> bytes:
    """Draw the snapshot's boxes over a screenshot of the same moment.

    Args:
        png: The screenshot, of the viewport or of the full page.
        snapshot: What was read.
        chosen_id: Drawn last, in red; everything outside it is dimmed.
        ids: Only these elements, e.g. the candidates; None draws all.
        full_page: Whether the picture shows the whole page instead of the viewport.

    Returns:
        A PNG of the same size.

    Raises:
        DataError: If `png` is no picture.
    """
    picture = _open(png)
    scale = picture.width / max(1, snapshot.viewport["width"])
    shift = snapshot.scroll if full_page else (0.0, 0.0)
    wanted = None if ids is None else {*ids, *([chosen_id] if chosen_id is not None else [])}
    shown = [
        (e, _box(e, scale, shift))
        for e in snapshot
        if (wanted is None or e.id in wanted) and (full_page or e.in_viewport)
    ]
    # Large boxes first, so that small ones inside them stay visible.
    shown.sort(key=lambda pair: -(pair[0].bbox.width * pair[0].bbox.height))
    canvas = _Canvas(picture, scale)
    for element, box in shown:
        if element.id != chosen_id:
            canvas.frame(box, _colour(element), dashed=element.occluded)
    chosen = next((pair for pair in shown if pair[0].id == chosen_id), None)
    if chosen:
        canvas.spotlight(chosen[1])
    # Numbers last and top to bottom: each moves aside for those before it.
    for element, box in sorted(shown, key=lambda p: (p[0].id != chosen_id, p[1][1], p[1][0])):
        colour = _CHOSEN if element.id == chosen_id else _colour(element)
        canvas.number(box, str(element.id), colour)
    return canvas.png()


def _open(png: bytes) -> "Image":
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(io.BytesIO(png)).convert("RGBA")
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"this is no picture ({error}): give the bytes of a PNG") from error


def _box(e: RawElement, scale: float, shift: tuple[float, float]) -> _Box:
    x, y = (e.bbox.x + shift[0]) * scale, (e.bbox.y + shift[1]) * scale
    return x, y, x + e.bbox.width * scale, y + e.bbox.height * scale


def _colour(e: RawElement) -> str:
    if e.occluded:
        return _COVERED
    return next((colour for colour, roles in _FAMILIES.values() if e.role in roles), _OTHER)


def _ink(picture: "Image") -> "NDArray[np.int64]":
    """Return how many pixels above and left of each differ from their neighbour: text, mostly."""
    import numpy as np

    grey = np.asarray(picture.convert("L"), dtype=np.int16)
    edges = np.zeros((grey.shape[0] + 1, grey.shape[1] + 1), dtype=np.int64)
    edges[1:, 2:] = np.abs(np.diff(grey, axis=1)) > 40
    return edges.cumsum(axis=0).cumsum(axis=1)


def _shared(a: _Box, b: _Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)


class _Canvas:
    """A picture and a layer over it; keeps the places that numbers took."""

    def __init__(self, picture: "Image", scale: float) -> None:
        from PIL import Image, ImageDraw, ImageFont

        self.picture = picture
        self.layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
        self.pen: Any = ImageDraw.Draw(self.layer)
        self.scale = scale
        self.font = ImageFont.load_default(11 * scale)
        self.taken: list[_Box] = []
        self.boxes: list[_Box] = []
        self.ink = _ink(picture)

    def frame(self, box: _Box, colour: str, *, dashed: bool) -> None:
        x0, y0, x1, y1 = box
        if x1 - x0 < 1 or y1 - y0 < 1:
            return
        self.boxes.append(box)
        box = (x0 - 1, y0 - 1, x1 + 1, y1 + 1)
        width = max(1, round(1.5 * self.scale))
        outline, fill = colour + ("88" if dashed else "d0"), colour + ("0c" if dashed else "16")
        self.pen.rounded_rectangle(box, 3 * self.scale, fill=fill, outline=outline, width=width)

    def spotlight(self, box: _Box) -> None:
        x0, y0, x1, y1 = box
        pad = 3 * self.scale
        around = (x0 - pad, y0 - pad, x1 + pad, y1 + pad)
        from PIL import Image, ImageDraw

        shade = Image.new("RGBA", self.picture.size, (15, 23, 42, 84))
        ImageDraw.Draw(shade).rounded_rectangle(around, 5 * self.scale, fill=(0, 0, 0, 0))
        self.picture.alpha_composite(shade)
        width = max(2, round(3 * self.scale))
        self.pen.rounded_rectangle(around, 5 * self.scale, outline=_CHOSEN, width=width)

    def number(self, box: _Box, text: str, colour: str) -> None:
        left, top, right, bottom = self.pen.textbbox((0, 0), text, font=self.font)
        pad = 2.5 * self.scale
        size = (right - left + 2 * pad, bottom - top + 2 * pad)
        place = self._free_place(box, size)
        self.taken.append(place)
        x, y = place[0], place[1]
        self.pen.rounded_rectangle(place, 3 * self.scale, fill=colour, outline="#ffffff", width=1)
        self.pen.text((x + pad - left, y + pad - top), text, font=self.font, fill="#ffffff")

    def _free_place(self, box: _Box, size: tuple[float, float]) -> _Box:
        x0, y0, x1, y1 = box
        w, h = size
        middle = (y0 + y1 - h) / 2
        corners = [
            (x0 - w - 1, middle if y1 - y0 < 3 * h else y0),
            (x0 - 2, y0 - h + 2),
            (x1 - w + 2, y0 - h + 2),
            (x1 + 1, middle if y1 - y0 < 3 * h else y0),
            (x0 - 2, y1 - 2),
            (x1 - w + 2, y1 - 2),
        ]
        places = [self._inside(x, y, w, h) for x, y in corners]
        return min(places, key=lambda p: self._crowding(p, box))

    def _inside(self, x: float, y: float, w: float, h: float) -> _Box:
        x = min(max(x, 0), self.picture.width - w - 1)
        y = min(max(y, 0), self.picture.height - h - 1)
        return x, y, x + w, y + h

    def _crowding(self, place: _Box, own: _Box) -> float:
        """Area shared with numbers that stand already, which count most, with boxes and text."""
        numbers = sum(_shared(place, other) for other in self.taken)
        boxes = sum(_shared(place, other) for other in self.boxes if other != own)
        return 6 * numbers + boxes + 0.7 * _shared(place, own) + 3 * self._ink_under(place)

    def _ink_under(self, place: _Box) -> float:
        ink, (height, width) = self.ink, self.ink.shape
        x0, x1 = (min(max(0, round(x)), width - 1) for x in (place[0], place[2]))
        y0, y1 = (min(max(0, round(y)), height - 1) for y in (place[1], place[3]))
        return float(ink[y1, x1] - ink[y0, x1] - ink[y1, x0] + ink[y0, x0])

    def png(self) -> bytes:
        self.picture.alpha_composite(self.layer)
        out = io.BytesIO()
        self.picture.convert("RGB").save(out, "PNG", optimize=True)
        return out.getvalue()
