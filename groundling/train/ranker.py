"""Train the ranker's weights: LambdaMART trees (Burges, 2010), exported for numpy.

    python -m groundling.train.ranker --captured train.jsonl --out groundling/ranking

Candidate lists are the first 64 elements by hand-set weights, and the right ones. The trees that
weigh series (`groundling.train.series`) are trained first. `--folds` also writes out-of-fold scores
by site, which the embedded model learns from.
"""

import json
import logging
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from groundling.bench.labelled import LabelledPage, read_lines
from groundling.ranking import FEATURES, LISTED, PageIndex, features, hand_scores, parse_query
from groundling.ranking.series import SERIES_COLUMNS
from groundling.ranking.trees import Trees
from groundling.train.series import Counted, all_counted, series_by_site, train_series
from groundling.train.sites import same_site
from groundling.train.trees import SEED, export_trees, grow

log = logging.getLogger(__name__)

N_TREES = 300
FOLDS = 5
"""Of the sites, for scores by trees that never saw a site."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One task's candidate list."""

    task_id: str
    page: str
    site: str
    kind: str
    ids: npt.NDArray[np.int64]
    rows: npt.NDArray[np.float32]
    right: npt.NDArray[np.bool_]


def listed_candidates(page: LabelledPage, series: Trees) -> list[Listed]:
    """Return the candidate list of each task of a page; `series` never saw its site."""
    elements = [e for e in page.snapshot.elements if e.is_visible]
    if not elements:
        return []
    index = PageIndex.build(elements)
    ids = np.array([e.id for e in elements], np.int64)
    out = []
    for task in page.tasks:
        matrix = features(index, parse_query(task.instruction), task.task_type, series)
        right = np.isin(ids, list(task.accept_ids))
        first = np.argsort(-hand_scores(matrix), kind="stable")[:LISTED]
        kept = np.union1d(first, np.flatnonzero(right))
        out.append(
            Listed(task.id, page.page, page.site, task.kind, ids[kept], matrix[kept], right[kept])
        )
    return out


def train(lists: Sequence[Listed]) -> Any:  # noqa: ANN401
    """Return a LightGBM booster trained on the lists that hold a right element."""
    return grow(
        [item for item in lists if item.right.any()],
        N_TREES,
        learning_rate=0.07,
        min_data_in_leaf=60,
        feature_fraction=0.5,
        lambdarank_truncation_level=15,
    )


def folds_by_site(lists: Sequence[Listed | LabelledPage], n_folds: int) -> list[set[str]]:
    """Split the sites at random into `n_folds` sets."""
    sites = sorted({item.site for item in lists})
    np.random.default_rng(SEED).shuffle(sites)
    return [set(sites[k::n_folds]) for k in range(n_folds)]


def _report(name: str, lists: Sequence[Listed], scores: Sequence[npt.NDArray[np.float64]]) -> None:
    first = recalled = n = 0
    for item, score in zip(lists, scores, strict=True):
        if item.right.any():
            order = np.argsort(-score, kind="stable")
            n += 1
            first += bool(item.right[order[0]])
            recalled += bool(item.right[order[:15]].any())
    click.echo(f"{name}: n={n} top-1 {first / n:.3f} recall@15 {recalled / n:.3f}")


def read_all(
    captured: Path, more: Path | None, held_out: Path | None
) -> tuple[list[LabelledPage], list[LabelledPage]]:
    """Return the pages of `captured` but those that `held_out` names, and the pages of `more`.

    A site has one name in both, so that it is left out as a whole.
    """
    kept_out = set(held_out.read_text().split()) if held_out else set()
    pages = [p for p in read_lines(captured) if p.page not in kept_out]
    sites = sorted({p.site for p in pages})
    further = []
    for page in read_lines(more) if more is not None else ():
        known = next((s for s in sites if same_site(s, page.site)), page.site)
        further.append(replace(page, page=f"more/{page.page}", site=known))
    return pages, further


def ranked_lists(
    pages: Sequence[LabelledPage], tasks: Sequence[Counted] | None = None
) -> list[Listed]:
    """Return the candidate lists of all tasks of all pages, two pages at a time.

    What is said of series in them comes from trees that never saw the page's site.

    Args:
        pages: With their tasks.
        tasks: What `all_counted` says of these pages, where that is known already.
    """
    tasks = all_counted(pages) if tasks is None else tasks
    series = series_by_site(tasks, folds_by_site(pages, FOLDS))
    with ProcessPoolExecutor(2) as pool:
        trees = [series[page.site] for page in pages]
        found = pool.map(listed_candidates, pages, trees, chunksize=4)
        return [item for part in found for item in part]


def out_of_fold(lists: Sequence[Listed], n_folds: int = FOLDS) -> list[npt.NDArray[np.float64]]:
    """Return each list's scores by trees that never saw its site."""
    scores: list[npt.NDArray[np.float64]] = [np.zeros(0)] * len(lists)
    for fold in folds_by_site(lists, n_folds):
        booster = train([item for item in lists if item.site not in fold])
        for k, item in enumerate(lists):
            if item.site in fold:
                scores[k] = booster.predict(item.rows)
    return scores


@click.command()
@click.option("--captured", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--more", type=click.Path(exists=True, path_type=Path), help="Further such pages.")
@click.option("--held-out", type=click.Path(exists=True, path_type=Path), default=None)
@click.option("--out", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--folds", default=0, help="Also score each site by trees that never saw it.")
@click.option("--folds-out", type=click.Path(path_type=Path), default=None)
def main(
    captured: Path,
    more: Path | None,
    held_out: Path | None,
    out: Path,
    folds: int,
    folds_out: Path | None,
) -> None:
    """Train the trees that `groundling.ranking` ships."""
    read, further = read_all(captured, more, held_out)
    pages = [*read, *further]
    counted = all_counted(pages)
    lists = ranked_lists(pages, counted)
    if folds:
        scores = out_of_fold(lists, folds)
        _report("left-out sites", lists, scores)
        if folds_out:
            with folds_out.open("w") as file:
                for item, score in zip(lists, scores, strict=True):
                    pairs = [[int(i), float(s)] for i, s in zip(item.ids, score, strict=True)]
                    file.write(json.dumps({"id": item.task_id, "scores": pairs}) + "\n")
    export_trees(train(lists), out / "trees.npz", FEATURES)
    export_trees(train_series(counted), out / "series.npz", SERIES_COLUMNS)
    for name in ("trees.npz", "series.npz"):
        click.echo(f"{out / name}: {(out / name).stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
