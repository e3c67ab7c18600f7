"""Small vectors for words: how near in meaning two texts are, by look-up, no model run."""

from functools import cache, lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@cache
def _table() -> tuple[Floats, dict[str, int]]:
    with (files(__package__) / "vectors.npz").open("rb") as file, np.load(file) as data:
        vectors = data["vectors"].astype(np.float32)
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


@lru_cache(maxsize=16384)
def _word_bytes(word: str) -> bytes:
    rows = _pieces(word)
    vectors = _table()[0]
    if not rows:
        return bytes(4 * vectors.shape[1])
    # Row by row: `mean` costs ten times as much for the two or three pieces of a word.
    mean = vectors[rows[0]]
    for row in rows[1:]:
        mean = mean + vectors[row]
    joined: bytes = (mean / np.float32(len(rows))).tobytes()
    return joined


def size() -> int:
    """Return the number of dimensions."""
    return int(_table()[0].shape[1])


def word_matrix(words: list[str]) -> Floats:
    """Return one vector for each word, shape (words, size); zeros for one without known pieces."""
    joined = b"".join(_word_bytes(w) for w in words)
    return np.frombuffer(joined, np.float32).reshape(len(words), size())


def unit(rows: Floats) -> Floats:
    """Return the rows scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    scaled: Floats = rows / np.maximum(lengths, 1e-6)
    return scaled
