"""The words of a page's elements, field by field, ready to be matched with instructions."""

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from groundling.elements import RawElement
from groundling.ranking.words import likeness, stem, stem_set, trigrams, words

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
_ByStart = dict[str, list[str]]
_ByLength = dict[int, list[str]]

FIELDS = (
    "name",
    "label",
    "value",
    "context",
    "heading",
    "list",
    "landmark",
    "link",
    "hints",
    "role",
)
"""What an element's words are grouped by."""
_NAME = 0
_ATTRIBUTES = ("id", "name", "class", "title", "alt", "data-testid", "data-test", "aria-label")
_URL_NOISE = re.compile(r"^(?:https?://)?(?:www\.)?|\.(?:html?|php|aspx?|jsp)\b")
_HREF_WORDS = 8
_LIKE_ENOUGH = 0.62
"""Below this, two words are two words and no typo."""


def field_texts(element: RawElement) -> tuple[str, ...]:
    """Return the text of each of `FIELDS`."""
    e, given = element, element.attributes
    options = " ".join([o.text for o in e.options[:40]])
    attributes = " ".join([str(given[a]) for a in _ATTRIBUTES if given.get(a)])
    return (
        e.text.lstrip("~"),
        f"{e.label} {e.placeholder} {e.description} {e.before if not e.text else ''}",
        f"{e.value or ''} {options}",
        f"{e.context} {e.row_header} {e.column_header} {e.before} {e.after}",
        f"{' '.join(e.heading_path)} {e.heading} {e.dialog} {e.form} {e.fieldset}",
        " ".join([p.name for p in e.places]),
        e.landmark,
        _link_words(e.href),
        f"{attributes} {' '.join(e.icons)}",
        f"{e.role or ''} {e.input_type or ''} {e.tag}",
    )


@lru_cache(maxsize=16384)
def _link_words(href: str) -> str:
    return " ".join(words(_URL_NOISE.sub("", href))[-_HREF_WORDS:])


@dataclass(slots=True)
class PageIndex:
    """Words of all elements of one snapshot; built once, used for every instruction on it.

    The same names, contexts and headings come again and again on a page, so each distinct text is
    read once, and elements hold the numbers of their texts.
    """

    elements: tuple[RawElement, ...]
    texts: list[tuple[str, ...]] = field(default_factory=list)
    """Of each element, the text of each of `FIELDS`."""
    distinct: list[str] = field(default_factory=list)
    """All texts, each once."""
    held: Ints = field(default_factory=lambda: np.zeros((0, len(FIELDS)), np.intp))
    """Place of each text in `distinct`, shape (elements, fields)."""
    postings: dict[str, list[int]] = field(default_factory=dict)
    """stem -> places in `distinct` of the texts that hold it."""
    lengths: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    """Number of distinct stems in each name."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What other parts computed from the same elements."""

    @classmethod
    def build(cls, elements: Sequence[RawElement]) -> "PageIndex":
        """Index the words of `elements`."""
        texts = [field_texts(e) for e in elements]
        places: dict[str, int] = {}
        held = [places.setdefault(t, len(places)) for ts in texts for t in ts]
        postings: dict[str, list[int]] = defaultdict(list)
        counts = []
        for place, text in enumerate(places):
            found = stem_set(text)
            counts.append(len(found))
            for s in found:
                postings[s].append(place)
        shaped = np.array(held, np.intp).reshape(len(texts), len(FIELDS))
        lengths = np.array(counts, np.float32)[shaped[:, _NAME]]
        return cls(tuple(elements), texts, list(places), shaped, dict(postings), lengths)

    def idf(self, word: str) -> float:
        """Return how rare a stem is among the elements, from 0.2 (everywhere) to about 6."""
        n_elements = len(self.elements)
        holds = np.zeros(len(self.distinct), bool)
        holds[self.postings.get(word, [])] = True
        holders = int(holds[self.held].any(1).sum())
        return max(0.2, math.log((n_elements + 1) / (holders + 0.5)))

    def spellings(self, wanted: str) -> dict[str, float]:
        """Return the page's stems that `wanted` may stand for, each with its weight in (0, 1]."""
        out: dict[str, float] = {}
        if wanted in self.postings:
            out[wanted] = 1.0
        if len(wanted) < 4 or not wanted.isalpha():
            return out
        typo = not out
        by_start, by_length = self._stems()
        for other in by_start.get(wanted[:3], ()):
            if other != wanted and (
                other.startswith(wanted) or (len(other) >= 4 and wanted.startswith(other))
            ):
                out[other] = 0.5 + 0.5 * min(len(other), len(wanted)) / max(len(other), len(wanted))
        if not typo:
            return out
        marks = trigrams(wanted)
        for n in range(max(3, len(wanted) - 2), len(wanted) + 3):
            for other in by_length.get(n, ()):
                if other in out or (other[0] != wanted[0] and marks.isdisjoint(trigrams(other))):
                    continue
                alike = likeness(wanted, other)
                if alike >= _LIKE_ENOUGH:
                    out[other] = alike
        return out

    def _stems(self) -> tuple[_ByStart, _ByLength]:
        """Return the page's stems of three letters and more, by their first three and by length."""
        if "stems" not in self.extra:
            by_start: _ByStart = defaultdict(list)
            by_length: _ByLength = defaultdict(list)
            for s in self.postings:
                if len(s) >= 3:
                    by_start[s[:3]].append(s)
                    by_length[len(s)].append(s)
            self.extra["stems"] = by_start, by_length
        found: tuple[_ByStart, _ByLength] = self.extra["stems"]
        return found

    def matches(self, wanted: Sequence[str]) -> Floats:
        """Return how well each wanted stem is found: shape (stems, elements, fields), in [0, 1]."""
        by_text = np.zeros((len(wanted), len(self.distinct)), np.float32)
        for row, word in enumerate(wanted):
            for spelling, weight in sorted(self.spellings(word).items(), key=lambda kv: kv[1]):
                by_text[row, self.postings[spelling]] = weight
        return by_text.take(self.held, axis=1)

    def found(self, word: str) -> bool:
        """Whether a word, or one with the same stem, is on the page."""
        return stem(word) in self.postings
