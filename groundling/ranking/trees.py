"""Gradient-boosted trees as arrays: evaluated with numpy alone, all elements and trees at once."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from groundling.errors import ModelFilesError
from groundling.ranking.features import FEATURES
from groundling.ranking.index import Floats

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Trees:
    """All trees one after the other; a leaf points to itself."""

    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    value: Floats
    roots: Ints
    depth: int

    def scores(self, matrix: Floats) -> Floats:
        """Return the sum of the trees' leaves for each row, shape (rows,)."""
        flat, n_columns = np.ascontiguousarray(matrix).ravel(), matrix.shape[1]
        first = (np.arange(len(matrix), dtype=np.int32) * n_columns)[:, None]
        at = np.broadcast_to(self.roots, (len(matrix), len(self.roots)))
        for _ in range(self.depth):
            goes_left = flat.take(first + self.feature.take(at)) <= self.threshold.take(at)
            at = np.where(goes_left, self.left.take(at), self.right.take(at))
        total: Floats = self.value.take(at).sum(1)
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
        arrays = {k: data[k] for k in ("feature", "threshold", "left", "right", "value", "roots")}
        return Trees(**arrays, depth=int(data["depth"]))
