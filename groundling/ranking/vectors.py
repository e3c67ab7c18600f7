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


@lru_cache(maxsize=16384)
def _mean_of_pieces(word: str) -> bytes:
    table, rows = _table()[0], _pieces(word)
    total = table.take(rows, 0).sum(0, dtype=np.float32) if rows else np.zeros(size(), np.float32)
    mean: bytes = (total / np.float32(max(1, len(rows)))).tobytes()
    return mean


def size() -> int:
    """Return the number of dimensions."""
    return int(_table()[0].shape[1])


def word_matrix(words: Sequence[str]) -> Floats:
    """Return one vector for each word, shape (words, size); zeros for one without known pieces."""
    table, entries = _table()
    rows = list(map(entries.get, words))
    out = table.take([row or 0 for row in rows], 0).astype(np.float32)
    others = [i for i, row in enumerate(rows) if row is None]
    joined = b"".join([_mean_of_pieces(words[i]) for i in others])
    out[others] = np.frombuffer(joined, np.float32).reshape(len(others), size())
    return out


def unit(rows: Floats) -> Floats:
    """Return the rows scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    scaled: Floats = rows / np.maximum(lengths, 1e-6)
    return scaled
