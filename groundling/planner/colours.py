"""Colours by name: the field that takes one, and the swatch that is nearest to it."""

import re
from collections.abc import Mapping, Sequence

from groundling.actions import Fill
from groundling.agent.goal import PlanStep, RunView
from groundling.elements import RawElement
from groundling.planner.clause import Clause

Rgb = tuple[int, int, int]

# The colours of CSS 2.1, and those of CSS Color 4 whose names people use.
_HEX: Mapping[str, str] = {
    "black": "000000", "white": "ffffff", "red": "ff0000", "green": "008000", "blue": "0000ff",
    "yellow": "ffff00", "orange": "ffa500", "purple": "800080", "gray": "808080", "grey": "808080",
    "silver": "c0c0c0", "maroon": "800000", "fuchsia": "ff00ff", "magenta": "ff00ff",
    "lime": "00ff00", "olive": "808000", "navy": "000080", "teal": "008080", "aqua": "00ffff",
    "cyan": "00ffff", "pink": "ffc0cb", "brown": "a52a2a", "gold": "ffd700", "violet": "ee82ee",
    "indigo": "4b0082", "turquoise": "40e0d0", "beige": "f5f5dc", "coral": "ff7f50",
    "crimson": "dc143c", "khaki": "f0e68c", "lavender": "e6e6fa", "orchid": "da70d6",
    "plum": "dda0dd", "salmon": "fa8072", "tan": "d2b48c", "tomato": "ff6347",
    "chocolate": "d2691e", "ivory": "fffff0",
}  # fmt: skip
NAMES = "|".join(sorted(_HEX, key=len, reverse=True))
_FIELD = re.compile(r"\bcolou?r\b", re.IGNORECASE)
_HELD = re.compile(r"^(#?)(?:[0-9a-f]{6}|[0-9a-f]{3})$", re.IGNORECASE)
_RGB = re.compile(r"rgba?\((\d+)[, ]+(\d+)[, ]+(\d+)")
_NEAR = 180.0
"""Distance in RGB, from 0 to 442, beyond which a swatch is another colour."""


def rgb_of(text: str) -> Rgb | None:
    """Return the red, green and blue, 0 to 255, of a name, `#rrggbb` or `rgb(...)`, or None."""
    text = text.strip().lower()
    if found := _RGB.match(text):
        return int(found[1]), int(found[2]), int(found[3])
    digits = _HEX.get(text, text.removeprefix("#"))
    if not re.fullmatch(r"[0-9a-f]{6}", digits):
        return None
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def colour_step(clause: Clause, target: str, key: str, view: RunView) -> PlanStep | None:
    """Return the fill of a field that holds a colour by its digits, or None.

    Such a field is of the type `color`, or its value is six hexadecimal digits.
    """
    said = clause.within if clause.verb == "choose" else target
    told = target if clause.verb == "choose" else clause.value
    digits = _HEX.get(told.strip(' "').lower())
    if clause.verb not in ("choose", "fill") or digits is None or not _FIELD.search(said):
        return None
    fields = [
        e for e in view.snapshot.elements
        if e.is_visible and not e.disabled and e.tag == "input" and _HELD.match(e.value or "")
    ]  # fmt: skip
    if len(fields) != 1:
        return None
    sign = "#" if (fields[0].value or "").startswith("#") else ""
    return PlanStep(
        action=Fill(f"{sign}{digits}"), instruction=said, element=fields[0], covers=(key,)
    )


def swatch(elements: Sequence[RawElement], name: str) -> RawElement | None:
    """Return the element that bears the colour's name, else the one whose colour is nearest."""
    named = [e for e in elements if name in (e.text.lower(), e.description.lower())]
    wanted = rgb_of(name)
    if named or wanted is None:
        return named[0] if named else None
    shown = [(rgb_of(e.background_color or ""), e) for e in elements]
    found = [(_distance(rgb, wanted), e) for rgb, e in shown if rgb is not None]
    far, best = min(found, key=lambda f: f[0], default=(_NEAR, None))
    return best if far < _NEAR else None


def _distance(a: Rgb, b: Rgb) -> float:
    return float(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5)
