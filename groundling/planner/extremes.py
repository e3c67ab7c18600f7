"""Superlatives: "the cheapest ticket", "the longest duration", "the highest rated one".

What is compared stands in the item of each element: a price, a length of time, a date, a number. An
answer needs one series of like elements, a value in each item, and one value beyond all others.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from groundling.elements import RawElement
from groundling.ranking import role_group

Measure = Literal["money", "duration", "date", "number"]

_WORDS: Mapping[str, tuple[Measure, int]] = {
    **dict.fromkeys(("cheapest", "least expensive", "least costly"), ("money", -1)),
    **dict.fromkeys(("most expensive", "priciest", "dearest", "costliest"), ("money", 1)),
    **dict.fromkeys(("shortest", "fastest", "quickest"), ("duration", -1)),
    **dict.fromkeys(("longest", "slowest"), ("duration", 1)),
    **dict.fromkeys(("earliest", "soonest", "oldest"), ("date", -1)),
    **dict.fromkeys(("latest", "newest", "most recent"), ("date", 1)),
    **dict.fromkeys(("lowest", "smallest", "fewest", "least"), ("number", -1)),
    **dict.fromkeys(("highest", "largest", "biggest", "greatest", "most"), ("number", 1)),
}
_SAID = re.compile(rf"\b({'|'.join(sorted(_WORDS, key=len, reverse=True))})\b", re.IGNORECASE)
_NOUNS: Sequence[tuple[re.Pattern[str], Measure]] = (
    (re.compile(r"\b(?:price|prices|cost|costs|fare|fee|amount|total)\b", re.I), "money"),
    (re.compile(r"\b(?:duration|time of travel|travel time|running time|flight time)\b", re.I),
     "duration"),
    (re.compile(r"\b(?:date|day|year)\b", re.I), "date"),
)  # fmt: skip
"""Nouns that say what is compared, whatever the superlative says."""

_MONEY = re.compile(
    r"(?:[$€£¥₹]|\b(?:USD|EUR|GBP|CHF)\b)\s?(\d[\d,.\u202f ]*\d|\d)|"
    r"(\d[\d,.]*\d|\d)\s?(?:[€£¥₹]|\b(?:USD|EUR|GBP|CHF|dollars|euros)\b)"
)
_DURATION = re.compile(
    r"(?:\b(?P<d>\d+)\s?d(?:ays?)?\b[ ,]*)?(?:\b(?P<h>\d+(?:\.\d+)?)\s?h(?:(?:ou)?rs?)?\b[ ,]*)?"
    r"(?:\b(?P<m>\d+)\s?m(?:in(?:ute)?s?)?\b)?",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w])")
_DATE = re.compile(
    r"\b(?:\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}/\d{4}|\d{1,2}\.\d{1,2}\.\d{4}|"
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? \d{1,2},? \d{4}|"
    r"\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{4})\b"
)
_FORMS = ("%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%B %d %Y", "%b %d %Y", "%d %B %Y", "%d %b %Y")


@dataclass(frozen=True, slots=True)
class Extreme:
    """What an instruction compares."""

    measure: Measure
    sign: int
    """1 for the most, -1 for the least."""


def superlative(instruction: str) -> Extreme | None:
    """Return what the instruction compares, or None if it holds no superlative."""
    found = _SAID.search(instruction)
    if not found:
        return None
    measure, sign = _WORDS[found.group(1).lower()]
    named = next((m for pattern, m in _NOUNS if pattern.search(instruction)), measure)
    return Extreme(named, sign)


def extreme(elements: Sequence[RawElement], instruction: str) -> RawElement | None:
    """Return the button or link whose item is beyond all others of its series, None if unclear.

    Only for instructions that take one of several things ("buy the cheapest ticket"): "the cheapest
    first" asks for another order, and on labelled pages most superlatives are of that kind.

    Args:
        elements: Those on offer.
        instruction: With a superlative.
    """
    asked = superlative(instruction)
    if asked is None:
        return None
    found = []
    for series in _series(elements):
        values = [_value(e, asked.measure) for e in series]
        known = [v for v in values if v is not None]
        if len(known) != len(values):
            continue
        best = max(v * asked.sign for v in known)
        if sum(v * asked.sign == best for v in known) == 1:
            found.append(series[[v * asked.sign for v in known].index(best)])
    buttons = [e for e in found if role_group(e) == "button"]
    found = buttons or [e for e in found if role_group(e) == "link"]
    return found[0] if len(found) == 1 else None


def _series(elements: Sequence[RawElement]) -> list[list[RawElement]]:
    """Return groups of two or more visible elements alike in role and, numbers aside, in name."""
    groups: dict[tuple[str | None, str], list[RawElement]] = defaultdict(list)
    for e in elements:
        if e.is_visible and not e.disabled:
            groups[e.role, re.sub(r"[\d.,]+", "#", e.text)].append(e)
    in_items: dict[tuple[str | None, int], dict[int, RawElement]] = defaultdict(dict)
    for e in elements:
        if e.is_visible and e.places and role_group(e) == "link":
            in_items[e.role, e.places[0].list_id].setdefault(e.places[0].index, e)
    found = [g for g in groups.values() if len(g) > 1]
    seen = {e.id for g in found for e in g}
    lists = [list(g.values()) for g in in_items.values() if len(g) > 1]
    return found + [g for g in lists if not seen & {e.id for e in g}]


def _value(e: RawElement, measure: Measure) -> float | None:
    """Return what is measured of an element: in its name, else in its item; None if unclear."""
    for text in (e.text, f"{e.context} {e.before} {e.after}"):
        values = set(_MEASURES[measure](text))
        if len(values) == 1:
            return values.pop()
    return None


def _money(text: str) -> list[float]:
    return [_amount(a or b) for a, b in _MONEY.findall(text)]


def _amount(text: str) -> float:
    text = re.sub(r"[\s\u202f]", "", text)
    if re.search(r",\d\d$", text):  # a comma before the cents, as on the continent
        text = text.replace(".", "").replace(",", ".")
    return float(re.sub(r"[^\d.]", "", text.replace(",", "")).strip(".") or 0)


def _durations(text: str) -> list[float]:
    """Return lengths of time in minutes."""
    found = []
    for match in _DURATION.finditer(text):
        days, hours, minutes = (float(match.group(g) or 0) for g in "dhm")
        if match.group().strip():
            found.append(1440 * days + 60 * hours + minutes)
    return found


def _dates(text: str) -> list[float]:
    found = []
    for said in _DATE.findall(text):
        for form in _FORMS:
            try:
                found.append(float(datetime.strptime(said.replace(",", ""), form).toordinal()))
                break
            except ValueError:
                continue
    return found


def _numbers(text: str) -> list[float]:
    return [float(n.replace(",", "")) for n in _NUMBER.findall(text)]


_MEASURES: Mapping[Measure, Callable[[str], list[float]]] = {
    "money": _money, "duration": _durations, "date": _dates, "number": _numbers,
}  # fmt: skip
