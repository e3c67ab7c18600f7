"""Small vectors for words: how near in meaning two texts are, by look-up, no model run."""

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@cache
def _table() -> tuple[npt.NDArray[np.int8], dict[str, int]]:
    with (files(__package__) / "vectors.npz").open("rb") as file, np.load(file) as data:
        vectors = data["vectors"]
        entries = str(data["entries"]).split("\n")
    return vectors, {entry: row for row, entry in enumerate(entries)}


@lru_cache(maxsize=65536)
def _pieces(word: str) -> tuple[int, ...]:
    """Split a word as WordPiece does: the longest known piece first, unknown letters skipped."""
    table = _table()[1]
    rows, at = [], 0
    while at < len(word):
        for end in range(len(word), at, -1):
            row = table.get(word[at:end] if at == 0 else f"##{word[at:end]}")
            if row is not None:
                rows.append(row)
                at = end
                break
        else:
            at += 1
    return tuple(rows)


def size() -> int:
    """Return the number of dimensions."""
    return int(_table()[0].shape[1])


def word_matrix(words: Sequence[str]) -> Floats:
    """Return one vector for each word, shape (words, size); zeros for one without known pieces."""
    table, pieces = _table()[0], list(map(_pieces, words))
    many = np.array(list(map(len, pieces)), np.intp)
    out = table.take([rows[0] if rows else 0 for rows in pieces], 0).astype(np.float32)
    out[many == 0] = 0
    for k in range(1, many.max(initial=1)):
        longer = np.flatnonzero(many > k)
        out[longer] += table.take([pieces[i][k] for i in longer.tolist()], 0)
    out /= np.maximum(many, 1).astype(np.float32)[:, None]
    return out


def unit(rows: Floats) -> Floats:
    """Return the rows scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    scaled: Floats = rows / np.maximum(lengths, 1e-6)
    return scaled
