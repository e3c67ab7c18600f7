"""The words of a page's elements, field by field, ready to be matched with instructions."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, count
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from groundling.elements import RawElement
from groundling.ranking.words import likeness, stem, trigrams, words

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]

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


class Numbers(defaultdict[str, int]):
    """Texts or words, numbered from 0 as they come."""

    def __init__(self) -> None:
        super().__init__(count().__next__)

    def of(self, texts: Sequence[str]) -> Ints:
        """Return the number of each text; new ones get the next numbers."""
        return np.fromiter(map(self.__getitem__, texts), np.intp, len(texts))


@dataclass(slots=True)
class PageIndex:
    """Words of all elements of one snapshot; built once, used for every instruction on it.

    The same names, contexts and headings come again and again on a page, so each distinct text is
    read once, and elements hold the numbers of their texts.
    """

    elements: tuple[RawElement, ...]
    texts: list[tuple[str, ...]]
    """Of each element, the text of each of `FIELDS`."""
    held: Ints
    """The numbers of these texts, shape (elements, fields)."""
    words: Numbers
    """All distinct words of the page."""
    rows: Ints
    """The words of text 0, one after the other, then those of text 1, ...: numbers of `words`."""
    n_words: Ints
    """How many of `rows` belong to each text."""
    stems: Numbers
    """All distinct stems of the words."""
    holders: Ints
    """Numbers of the texts that hold stem 0, then of those that hold stem 1, ..."""
    ends: Ints
    """Where the texts of each stem end in `holders`."""
    lengths: Floats
    """Number of distinct stems in each name."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What other parts computed from the same elements."""

    @classmethod
    def build(cls, elements: Sequence[RawElement]) -> "PageIndex":
        """Index the words of `elements`."""
        texts = [field_texts(e) for e in elements]
        distinct, seen, stems = Numbers(), Numbers(), Numbers()
        held = distinct.of(list(chain.from_iterable(texts))).reshape(len(texts), len(FIELDS))
        split = list(map(words, distinct))
        rows = seen.of(list(chain.from_iterable(split)))
        n_words = np.fromiter(map(len, split), np.intp, len(split))
        stem_of = stems.of(list(map(stem, seen)))
        # Stem and text as one number: sorted, the texts of each stem stand side by side.
        n_texts = max(1, len(split))
        pairs = np.sort(stem_of[rows] * n_texts + np.repeat(np.arange(len(split)), n_words))
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        holders = pairs % n_texts
        return cls(
            elements=tuple(elements),
            texts=texts,
            held=held,
            words=seen,
            rows=rows,
            n_words=n_words,
            stems=stems,
            holders=holders,
            ends=np.bincount(pairs // n_texts, minlength=len(stems)).cumsum(),
            lengths=np.bincount(holders, minlength=n_texts)[held[:, _NAME]].astype(np.float32),
        )

    def holding(self, word: str) -> Ints:
        """Return the numbers of the texts that hold a stem."""
        number = self.stems.get(word)
        if number is None:
            return self.holders[:0]
        return self.holders[self.ends[number - 1] if number else 0 : self.ends[number]]

    def idf(self, word: str) -> float:
        """Return how rare a stem is among the elements, from 0.2 (everywhere) to about 6."""
        n_elements = len(self.elements)
        holds = np.zeros(len(self.n_words), bool)
        holds[self.holding(word)] = True
        holders = int(holds[self.held].any(1).sum())
        return max(0.2, math.log((n_elements + 1) / (holders + 0.5)))

    def spellings(self, wanted: str) -> dict[str, float]:
        """Return the page's stems that `wanted` may stand for, each with its weight in (0, 1]."""
        out: dict[str, float] = {}
        if wanted in self.stems:
            out[wanted] = 1.0
        if len(wanted) < 4 or not wanted.isalpha():
            return out
        typo = not out
        for other in self._by("start", itemgetter(slice(3))).get(wanted[:3], ()):
            if other != wanted and (
                other.startswith(wanted) or (len(other) >= 4 and wanted.startswith(other))
            ):
                out[other] = 0.5 + 0.5 * min(len(other), len(wanted)) / max(len(other), len(wanted))
        if not typo:
            return out
        marks, by_length = trigrams(wanted), self._by("length", len)
        for n in range(max(3, len(wanted) - 2), len(wanted) + 3):
            for other in by_length.get(n, ()):
                if other in out or (other[0] != wanted[0] and marks.isdisjoint(trigrams(other))):
                    continue
                alike = likeness(wanted, other)
                if alike >= _LIKE_ENOUGH:
                    out[other] = alike
        return out

    def _by(self, how: str, key: Callable[[str], Any]) -> dict[Any, list[str]]:
        """Return the page's stems of three letters and more, grouped by `key`."""
        if how not in self.extra:
            groups: dict[Any, list[str]] = defaultdict(list)
            for s in self.stems:
                if len(s) >= 3:
                    groups[key(s)].append(s)
            self.extra[how] = groups
        found: dict[Any, list[str]] = self.extra[how]
        return found

    def matches(self, wanted: Sequence[str]) -> Floats:
        """Return how well each wanted stem is found: shape (stems, elements, fields), in [0, 1]."""
        by_text = np.zeros((len(wanted), len(self.n_words)), np.float32)
        for row, word in enumerate(wanted):
            for spelling, weight in sorted(self.spellings(word).items(), key=lambda kv: kv[1]):
                by_text[row, self.holding(spelling)] = weight
        return by_text.take(self.held, axis=1)

    def found(self, word: str) -> bool:
        """Whether a word, or one with the same stem, is on the page."""
        return stem(word) in self.stems
