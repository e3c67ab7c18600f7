"""Gradient-boosted trees as arrays: evaluated with numpy alone, all elements and trees at once."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from groundling.errors import ModelFilesError
from groundling.ranking.features import FEATURES
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
def shipped_trees() -> Trees:
    """Return the ranker that comes with the package.

    Raises:
        ModelFilesError: If it was trained on other features than this version computes.
    """
    with (files(__package__) / "trees.npz").open("rb") as file, np.load(file) as data:
        names = str(data["features"]).split("\n")
        if names != list(FEATURES):
            raise ModelFilesError(
                f"ranking/trees.npz knows {len(names)} features, this version computes "
                f"{len(FEATURES)}: run `python -m groundling.train.ranker`, or reinstall groundling"
            )
        return Trees(
            # numpy takes by whole machine words; of any other size it makes a copy first.
            feature=data["feature"].astype(np.intp),
            threshold=data["threshold"],
            children=np.stack([data["right"], data["left"]], 1).ravel().astype(np.intp),
            value=data["value"],
            roots=data["roots"].astype(np.intp),
            depth=int(data["depth"]),
        )
