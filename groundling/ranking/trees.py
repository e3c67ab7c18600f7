"""Gradient-boosted trees as arrays: evaluated with numpy alone, all elements and trees at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from groundling.errors import ModelFilesError
from groundling.ranking.index import Floats, Ints

_SORTED_OUT_EVERY = 4
"""Steps after which walks that reached a leaf are left out: more than half after six of twelve."""


@dataclass(frozen=True, slots=True)
class Trees:
    """All trees one after the other; a leaf points to itself."""

    feature: Ints
    threshold: Floats
    children: Ints
    """Of node n: the right one at 2n, the left one, for values up to the threshold, at 2n + 1."""
    value: Floats
    roots: Ints
    depth: int

    @classmethod
    def of(cls, arrays: Mapping[str, Any]) -> "Trees":
        """Return trees from arrays named as in the files of `groundling.train.trees`."""
        return cls(
            # numpy takes by whole machine words; of any other size it makes a copy first.
            feature=arrays["feature"].astype(np.intp),
            threshold=arrays["threshold"],
            children=np.stack([arrays["right"], arrays["left"]], 1).ravel().astype(np.intp),
            value=arrays["value"],
            roots=arrays["roots"].astype(np.intp),
            depth=int(arrays["depth"]),
        )

    @classmethod
    def none(cls) -> "Trees":
        """Return no trees: all rows score zero."""
        whole, real = np.zeros(0, np.intp), np.zeros(0, np.float32)
        return cls(whole, real, whole, real, whole, 0)

    def scores(self, matrix: Floats) -> Floats:
        """Return the sum of the trees' leaves for each row, shape (rows,)."""
        flat, n_columns = np.ascontiguousarray(matrix).ravel(), matrix.shape[1]
        first = np.repeat(np.arange(len(matrix)) * n_columns, len(self.roots))
        at = np.tile(self.roots, len(matrix))
        leaves = at.copy()
        walking = np.arange(len(at))
        for step in range(1, self.depth + 1):
            goes_left = flat.take(first + self.feature.take(at)) <= self.threshold.take(at)
            below = self.children.take(2 * at + goes_left)
            if step % _SORTED_OUT_EVERY == 0 or step == self.depth:
                leaves[walking] = below
                on = np.flatnonzero(below != at)
                walking, first, below = walking[on], first[on], below[on]
            at = below
        total: Floats = self.value.take(leaves).reshape(len(matrix), -1).sum(1)
        return total


@cache
def shipped_trees(name: str, features: tuple[str, ...]) -> Trees:
    """Return trees that come with the package.

    Args:
        name: The file, `trees.npz` or `series.npz`.
        features: The columns that this version computes.

    Raises:
        ModelFilesError: If they are missing, or were trained on other features.
    """
    try:
        with (files(__package__) / name).open("rb") as file, np.load(file) as data:
            known = tuple(str(data["features"]).split("\n"))
            trees = Trees.of(data)
    except FileNotFoundError as error:
        raise ModelFilesError(f"ranking/{name} is missing: reinstall groundling") from error
    if known != features:
        raise ModelFilesError(
            f"ranking/{name} knows {len(known)} features, this version computes {len(features)}: "
            "run `python -m groundling.train.ranker`, or reinstall groundling"
        )
    return trees
