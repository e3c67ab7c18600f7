"""How near in meaning an element's words are to those of the instruction, by small word vectors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from groundling.ranking import vectors
from groundling.ranking.index import FIELDS, Floats, Ints, Numbers, PageIndex
from groundling.ranking.query import Query
from groundling.ranking.words import stem, words

_ALL_WORDS = 2000
"""As many as `words` reads letters: no text has more words than that."""
_CONTEXT = FIELDS.index("context")
_CONTEXT_LETTERS = 300
_NAME = ((("name", "label"), _ALL_WORDS),)
_AROUND = ("context", "heading", "list", "landmark")
_PARTS: dict[str, tuple[tuple[tuple[str, ...], int], ...]] = {
    "name": _NAME,
    "value": ((("value",), 40),),
    "around": ((_AROUND, 4 * _ALL_WORDS),),
    "all": (*_NAME, (("value",), 12), (_AROUND, 40), (("link", "hints"), 16)),
}
"""Fields that make up each part of an element, in groups, and how many words of a group count."""


@dataclass(frozen=True, slots=True)
class _PageWords:
    """Words of a page's distinct texts, written one after the other."""

    vectors: Floats
    """One for each distinct word, shape (words, vectors.size())."""
    units: Floats
    """The same, scaled to length 1."""
    rows: Ints
    """Rows of `vectors`: the words of the first text, then of the second, and so on."""
    starts: Ints
    """Where each element's text begins in `rows`, shape (elements, fields)."""
    lengths: Ints
    """Words of each text, shape (elements, fields)."""

    def part(self, name: str) -> tuple[Ints, Ints]:
        """Return the rows of a part, element by element, and how many belong to each."""
        starts, taken = [], []
        for fields, limit in _PARTS[name]:
            columns = [FIELDS.index(f) for f in fields]
            lengths = self.lengths[:, columns]
            left = limit - (lengths.cumsum(1) - lengths)
            starts.append(self.starts[:, columns])
            taken.append(np.clip(left, 0, lengths))
        first, many = np.concatenate(starts, 1), np.concatenate(taken, 1)
        flat = many.ravel()
        shift = first.ravel() - (flat.cumsum() - flat)
        return self.rows.take(np.arange(flat.sum()) + np.repeat(shift, flat)), many.sum(1)


def meaning_columns(index: PageIndex, query: Query) -> dict[str, Floats | float]:
    """Return the columns `near_...`, each of shape (elements,)."""
    said = words(query.text.lower())
    table, stemmed = vectors.word_matrix(said), list(map(stem, said))

    def kept(stems: Sequence[str]) -> list[int]:
        return [i for i, s in enumerate(stemmed) if s in stems]

    wanted = kept(query.wanted)
    towards, name = _mean(table[wanted]), _mean_of(index, "name")
    around = _mean_of(index, "around") @ _mean(table[kept(query.scope)]) if query.scope else 0.0
    return {
        "near_name": name @ towards,
        "near_all": _mean_of(index, "all") @ towards,
        "near_value": _mean_of(index, "value") @ towards,
        "near_head": name @ _mean(table[kept(query.head)]),
        "near_scope": around,
        "near_soft": _soft_matches(index, [stemmed[i] for i in wanted], table[wanted]),
    }


def _mean(rows: Floats) -> Floats:
    return vectors.unit(rows.mean(0) if len(rows) else np.zeros(vectors.size(), np.float32))


def _page_words(index: PageIndex) -> _PageWords:
    if "words" not in index.extra:
        index.extra["words"] = _read(index)
    found: _PageWords = index.extra["words"]
    return found


def _read(index: PageIndex) -> _PageWords:
    held = index.held.copy()
    cut: list[tuple[str, ...]] = []
    seen = Numbers()
    seen.of(list(index.words))
    for e, text in enumerate(index.texts):
        if len(text[_CONTEXT]) > _CONTEXT_LETTERS:
            held[e, _CONTEXT] = len(index.n_words) + len(cut)
            cut.append(words(text[_CONTEXT][:_CONTEXT_LETTERS]))
    rows = [index.rows, *map(seen.of, cut)]
    n_words = np.concatenate([index.n_words, np.array(list(map(len, cut)), np.intp)])
    table = vectors.word_matrix(list(seen))
    return _PageWords(
        vectors=table,
        units=vectors.unit(table),
        rows=np.concatenate(rows),
        starts=(n_words.cumsum() - n_words)[held],
        lengths=n_words[held],
    )


def _mean_of(index: PageIndex, part: str) -> Floats:
    """Return the mean vector of a part of each element, scaled to length 1; zeros without words."""
    key = f"mean of {part}"
    if key not in index.extra:
        page = _page_words(index)
        rows, lengths = page.part(part)
        out = np.zeros((len(lengths), vectors.size()), np.float32)
        filled = lengths > 0
        if filled.any():
            starts = (lengths.cumsum() - lengths)[filled]
            sums = np.add.reduceat(page.vectors.take(rows, 0), starts, axis=0)
            out[filled] = sums / lengths[filled, None]
        index.extra[key] = vectors.unit(out)
    found: Floats = index.extra[key]
    return found


def _soft_matches(index: PageIndex, wanted: Sequence[str], table: Floats) -> Floats:
    """Return, for each name, how near its nearest word is to each wanted word, weighted by idf.

    Args:
        index: The page.
        wanted: Stems of the instruction's words.
        table: Their vectors, shape (len(wanted), vectors.size()).
    """
    page = _page_words(index)
    rows, lengths = page.part("name")
    filled = lengths > 0
    if not wanted or not filled.any():
        return np.zeros(len(lengths), np.float32)
    near = page.units @ vectors.unit(table).T
    best = np.zeros((len(lengths), len(wanted)), np.float32)
    starts = (lengths.cumsum() - lengths)[filled]
    best[filled] = np.maximum.reduceat(near.take(rows, 0), starts, axis=0)
    weights = np.array(list(map(index.idf, wanted)), np.float32)
    soft: Floats = best @ weights / weights.sum()
    return soft
