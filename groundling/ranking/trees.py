"""Gradient-boosted trees as arrays: evaluated with numpy alone, all elements and trees at once."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from groundling.errors import ModelFilesError
from groundling.ranking.index import Floats

Ints = npt.NDArray[np.int32]
_ARRAYS = ("feature", "threshold", "left", "right", "value", "roots")


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

    @classmethod
    def none(cls) -> "Trees":
        """Return no trees: all rows score zero."""
        whole, real = np.zeros(0, np.int32), np.zeros(0, np.float32)
        return cls(whole, real, whole, whole, real, whole, 0)

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
            arrays = {k: data[k] for k in _ARRAYS}
            depth = int(data["depth"])
    except FileNotFoundError as error:
        raise ModelFilesError(f"ranking/{name} is missing: reinstall groundling") from error
    if known != features:
        raise ModelFilesError(
            f"ranking/{name} knows {len(known)} features, this version computes {len(features)}: "
            "run `python -m groundling.train.ranker`, or reinstall groundling"
        )
    return Trees(**arrays, depth=depth)
