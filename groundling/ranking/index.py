"""The words of a page's elements, field by field, ready to be matched with instructions."""

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from groundling.elements import RawElement
from groundling.ranking.words import likeness, stem, stems, trigrams, words

Floats = npt.NDArray[np.float32]
_ByStart = dict[str, list[str]]
_ByLength = dict[int, list[tuple[str, frozenset[str]]]]

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
_NAME, _LABEL = 0, 1
_ATTRIBUTES = ("id", "name", "class", "title", "alt", "data-testid", "data-test", "aria-label")
_URL_NOISE = re.compile(r"^(?:https?://)?(?:www\.)?|\.(?:html?|php|aspx?|jsp)\b")
_HREF_WORDS = 8
_LIKE_ENOUGH = 0.62
"""Below this, two words are two words and no typo."""


def field_texts(element: RawElement) -> tuple[str, ...]:
    """Return the text of each of `FIELDS`."""
    e = element
    options = " ".join(o.text for o in e.options[:40])
    attributes = " ".join(str(e.attributes[a]) for a in _ATTRIBUTES if e.attributes.get(a))
    return (
        e.text.lstrip("~"),
        f"{e.label} {e.placeholder} {e.description} {e.before if not e.text else ''}",
        f"{e.value or ''} {options}",
        f"{e.context} {e.row_header} {e.column_header} {e.before} {e.after}",
        f"{' '.join(e.heading_path)} {e.heading} {e.dialog} {e.form} {e.fieldset}",
        " ".join(p.name for p in e.places),
        e.landmark,
        " ".join(words(_URL_NOISE.sub("", e.href))[-_HREF_WORDS:]),
        f"{attributes} {' '.join(e.icons)}",
        f"{e.role or ''} {e.input_type or ''} {e.tag}",
    )


@dataclass(slots=True)
class PageIndex:
    """Words of all elements of one snapshot; built once, used for every instruction on it."""

    elements: tuple[RawElement, ...]
    postings: dict[str, list[int]] = field(default_factory=dict)
    """stem -> flat positions element * len(FIELDS) + field."""
    name_words: list[tuple[str, ...]] = field(default_factory=list)
    """Words of each element's name and label, as written."""
    texts: list[tuple[str, ...]] = field(default_factory=list)
    lengths: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    """Number of distinct stems in each name."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What other parts computed from the same elements."""

    @classmethod
    def build(cls, elements: Sequence[RawElement]) -> "PageIndex":
        """Index the words of `elements`."""
        index = cls(tuple(elements))
        width = len(FIELDS)
        lengths = np.zeros(len(index.elements), np.float32)
        for i, element in enumerate(index.elements):
            texts = field_texts(element)
            index.texts.append(texts)
            for j, text in enumerate(texts):
                found = set(stems(text))
                if j == _NAME:
                    lengths[i] = len(found)
                for s in found:
                    index.postings.setdefault(s, []).append(i * width + j)
            index.name_words.append(words(texts[_NAME]) + words(texts[_LABEL]))
        index.lengths = lengths
        return index

    def idf(self, word: str) -> float:
        """Return how rare a stem is among the elements, from 0.2 (everywhere) to about 6."""
        n_elements = len(self.elements)
        holders = len({p // len(FIELDS) for p in self.postings.get(word, ())})
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
            for other, others_marks in by_length.get(n, ()):
                if other in out or (other[0] != wanted[0] and marks.isdisjoint(others_marks)):
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
                    by_length[len(s)].append((s, trigrams(s)))
            self.extra["stems"] = by_start, by_length
        found: tuple[_ByStart, _ByLength] = self.extra["stems"]
        return found

    def matches(self, wanted: Sequence[str]) -> Floats:
        """Return how well each wanted stem is found: shape (stems, elements, fields), in [0, 1]."""
        width = len(FIELDS)
        out = np.zeros((len(wanted), len(self.elements) * width), np.float32)
        for row, word in enumerate(wanted):
            for spelling, weight in sorted(self.spellings(word).items(), key=lambda kv: kv[1]):
                out[row, self.postings[spelling]] = weight
        return out.reshape(len(wanted), len(self.elements), width)

    def found(self, word: str) -> bool:
        """Whether a word, or one with the same stem, is on the page."""
        return stem(word) in self.postings
