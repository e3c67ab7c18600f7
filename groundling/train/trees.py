"""LightGBM's trees as flat arrays, which numpy evaluates (`groundling.ranking.trees`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


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
