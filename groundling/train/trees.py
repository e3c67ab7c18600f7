"""LambdaMART trees by LightGBM, and as flat arrays that numpy evaluates (`ranking.trees`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

SEED = 1


class Question(Protocol):
    """Rows of which some are right, shape (n, columns) and (n)."""

    @property
    def rows(self) -> npt.NDArray[np.float32]:
        """What is told of each."""

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Which are right."""


def grow(questions: Sequence[Question], n_trees: int, **given: float) -> Any:  # noqa: ANN401
    """Return a LightGBM booster that ranks the rows of each question, the right ones first.

    Args:
        questions: At least one.
        n_trees: How many trees.
        given: LightGBM's parameters that differ between rankings.
    """
    import lightgbm

    rows = np.concatenate([q.rows for q in questions])
    right = np.concatenate([q.right for q in questions]).astype(int)
    data = lightgbm.Dataset(rows, right, group=[len(q.rows) for q in questions])
    return lightgbm.train({**_PARAMETERS, **given}, data, n_trees)


_PARAMETERS = {
    "objective": "lambdarank",
    "num_leaves": 15,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "label_gain": [0, 1],
    "verbose": -1,
    "seed": SEED,
    "deterministic": True,
    "num_threads": 2,
}


def flat_trees(booster: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the fields of `Trees`."""
    columns: dict[str, list[Any]] = {
        k: [] for k in ("feature", "threshold", "left", "right", "value")
    }
    roots, depth = [], 0

    def add(node: dict[str, Any], level: int) -> int:
        nonlocal depth
        depth = max(depth, level)
        at = len(columns["feature"])
        leaf = "leaf_value" in node
        columns["feature"].append(0 if leaf else node["split_feature"])
        columns["threshold"].append(0.0 if leaf else node["threshold"])
        columns["value"].append(node["leaf_value"] if leaf else 0.0)
        columns["left"].append(at)
        columns["right"].append(at)
        if not leaf:
            columns["left"][at] = add(node["left_child"], level + 1)
            columns["right"][at] = add(node["right_child"], level + 1)
        return at

    for tree in booster.dump_model()["tree_info"]:
        roots.append(add(tree["tree_structure"], 0))
    kinds = {"threshold": np.float32, "value": np.float32}
    arrays: dict[str, Any] = {k: np.array(v, kinds.get(k, np.int32)) for k, v in columns.items()}
    return {**arrays, "roots": np.array(roots, np.int32), "depth": depth}


def export_trees(booster: Any, out: Path, features: Sequence[str]) -> None:  # noqa: ANN401
    """Write the trees with the names of the columns that they were trained on."""
    np.savez_compressed(out, **flat_trees(booster), features=np.array("\n".join(features)))
