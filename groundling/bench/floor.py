"""The floor that every model must beat: the element that shares most words with the instruction."""

import re
from collections.abc import Sequence

from groundling.elements import RawElement

_WORD = re.compile(r"[^\W_]+")
_STOP = frozenset(
    """the a an of to in on at for and or my me i is it this that with by from not one where which
    who what do does want show open go click press select choose put type button link box field page
    """.split()
)
_LINE_PX = 12


def word_overlap(elements: Sequence[RawElement], instruction: str) -> RawElement | None:
    """Return the element whose name and role share most words with the instruction.

    Ties go to the shorter name, then to reading order; None if no word is shared. It knows no
    stems, no typos, no labels and no context.
    """
    wanted = set(_words(instruction)) - _STOP
    best: tuple[tuple[int, int], RawElement] | None = None
    for element in sorted(elements, key=_reading_order):
        said = _words(f"{element.text} {element.role or ''}")
        shared = len(wanted & set(said))
        key = (-shared, len(said))
        if shared and (best is None or key < best[0]):
            best = key, element
    return best[1] if best else None


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _reading_order(e: RawElement) -> tuple[float, float]:
    # Elements a few pixels apart stand on one line.
    return e.bbox.y // _LINE_PX, e.bbox.x
