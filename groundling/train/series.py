"""Train the trees that say which series an ordinal counts in: LambdaMART (Burges, 2010).

A task is a list of series, see `groundling.ranking.series`; right are those whose nth member is an
accepted element. `groundling.train.ranker` calls this, once for each set of sites that is left out.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from groundling.bench.labelled import LabelledPage
from groundling.ranking import PageIndex, parse_query
from groundling.ranking.features import plain_features
from groundling.ranking.series import series_rows
from groundling.ranking.trees import Trees
from groundling.train.trees import flat_trees, grow

N_TREES = 200


@dataclass(frozen=True, slots=True)
class Counted:
    """The series of one task, shape (series, len(SERIES_COLUMNS)), and which are right."""

    task_id: str
    site: str
    kind: str
    rows: npt.NDArray[np.float32]
    right: npt.NDArray[np.bool_]


def counted(page: LabelledPage) -> list[Counted]:
    """Return the series of each task with an ordinal of which at least one leads to an answer."""
    elements = [e for e in page.snapshot.elements if e.is_visible]
    if not elements:
        return []
    index = PageIndex.build(elements)
    ids = np.array([e.id for e in elements], np.int64)
    out = []
    for task in page.tasks:
        query = parse_query(task.instruction)
        if query.ordinal is None or not task.accept_ids:
            continue
        rows, targets = series_rows(index, query, plain_features(index, query, task.task_type))
        right = np.isin(ids[targets], list(task.accept_ids))
        if right.any():
            out.append(Counted(task.id, page.site, task.kind, rows, right))
    return out


def all_counted(pages: Sequence[LabelledPage]) -> list[Counted]:
    """Return the series of all tasks of all pages, two pages at a time."""
    with ProcessPoolExecutor(2) as pool:
        return [item for part in pool.map(counted, pages, chunksize=4) for item in part]


def train_series(tasks: Sequence[Counted]) -> Any:  # noqa: ANN401
    """Return a LightGBM booster."""
    return grow(
        tasks,
        N_TREES,
        learning_rate=0.05,
        min_data_in_leaf=30,
        feature_fraction=0.4,
        lambdarank_truncation_level=10,
    )


def series_by_site(tasks: Sequence[Counted], folds: Sequence[set[str]]) -> dict[str, Trees]:
    """Return for each site trees that never saw it."""
    out: dict[str, Trees] = {}
    for fold in folds:
        rest = [t for t in tasks if t.site not in fold]
        # Without a task to learn from, all series are alike.
        trees = Trees.of(flat_trees(train_series(rest))) if rest else Trees.none()
        out.update(dict.fromkeys(fold, trees))
    return out
