"""Recall of the ranking before any model, and its time at 300 elements.

    python bench/ranking.py dev=dev.jsonl --out bench/results/ranking.json

Each file holds labelled pages as `python -m groundling.bench.labelled` writes them. Recall counts
the tasks whose element exists; one that the reader did not list is a miss. Intervals: Wilson, and
whole sites drawn again. For the time, elements of all pages are joined into pages of 300, each seen
for the first time; milliseconds are the thread's own processor time, so other programs on the
machine do not count, and wall time beside it. The last line printed is JSON.
"""

import argparse
import json
import os
import platform
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from groundling.bench.labelled import LabelledPage, read_lines
from groundling.bench.metrics import bootstrap, quantile, share
from groundling.elements import RawElement
from groundling.filtering import ElementFilter
from groundling.ranking import PageIndex, rank

AT = (1, 5, 10, 15, 20, 25, 40)
N_ELEMENTS = 300
INSTRUCTIONS = 6
"""On each joined page: the first pays for the page's words, the others do not."""


def places(path: Path) -> list[tuple[str, str, int | None]]:
    """Return site, kind and place of the right element, from 1, of each task that has one."""
    out = []
    for page in read_lines(path):
        offered, _ = ElementFilter.offer(page.snapshot.elements)
        index = PageIndex.build(offered)
        for task in page.tasks:
            if not task.expect_none:
                ranked = rank(index, task.instruction, task.task_type)
                found = (i for i, c in enumerate(ranked, 1) if c.element.id in task.accept_ids)
                out.append((page.site, task.kind, next(found, None)))
    return out


def recall(found: list[tuple[str, str, int | None]]) -> dict[str, Any]:
    """Return recall at each length, with both intervals, and recall@15 by kind."""
    out: dict[str, Any] = {"n": len(found), "n_sites": len({site for site, _, _ in found})}
    for k in AT:
        hits = [p is not None and p <= k for _, _, p in found]
        s = share(hits)
        out[f"recall_at_{k}"] = {
            "value": round(s.value, 4),
            "interval": [round(s.low, 4), round(s.high, 4)],
            "interval_by_site": [
                round(x, 4) for x in bootstrap([*map(float, hits)], [site for site, _, _ in found])
            ],
        }
    kinds: dict[str, list[bool]] = defaultdict(list)
    for _, kind, place in found:
        kinds[kind].append(place is not None and place <= 15)
    out["recall_at_15_by_kind"] = {
        kind: [sum(hits), len(hits)] for kind, hits in sorted(kinds.items())
    }
    return out


def joined(pages: list[LabelledPage]) -> Iterator[tuple[list[RawElement], list[tuple[str, str]]]]:
    """Yield pages of `N_ELEMENTS` with instructions from the pages that they are made of."""
    elements: list[RawElement] = []
    asked: list[tuple[str, str]] = []
    for page in pages:
        offered, _ = ElementFilter.offer(page.snapshot.elements)
        elements += offered
        asked += [(t.instruction, t.task_type) for t in page.tasks]
        if len(elements) >= N_ELEMENTS:
            step = max(1, len(asked) // INSTRUCTIONS)
            kept = elements[:N_ELEMENTS]
            yield [replace(e, id=i) for i, e in enumerate(kept, 1)], asked[::step][:INSTRUCTIONS]
            elements, asked = [], []


def times(pages: list[LabelledPage]) -> dict[str, Any]:
    """Return milliseconds of the first and of later instructions on a page of 300 elements."""
    rank([RawElement(id=1, tag="a", text="warm up")], "warm up")
    spent: dict[str, list[float]] = defaultdict(list)
    n_pages = 0
    for elements, asked in joined(pages):
        n_pages += 1
        index: PageIndex | None = None
        for instruction, task_type in asked:
            name = "first" if index is None else "later"
            wall, own = time.perf_counter(), time.thread_time()
            index = PageIndex.build(elements) if index is None else index
            rank(index, instruction, task_type)
            spent[f"{name}_ms"].append(1000 * (time.thread_time() - own))
            spent[f"{name}_wall_ms"].append(1000 * (time.perf_counter() - wall))
    return {
        "n_elements": N_ELEMENTS,
        "n_pages": n_pages,
        **{
            name: {"n": len(ms), **{f"p{q}": round(quantile(ms, q / 100), 2) for q in (50, 95)}}
            for name, ms in spent.items()
        },
    }


def main() -> None:
    """Measure each file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    named = [(n, Path(p)) for n, p in (f.split("=", 1) for f in given.files)]
    result = {
        "recall": {name: recall(places(path)) for name, path in named},
        "time": {name: times(list(read_lines(path))) for name, path in named},
        "bars": {"recall_at_15 on dev": 0.96, "ms at 300 elements": 8},
        "command": "python bench/ranking.py " + " ".join(f"{n}={p.name}" for n, p in named),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}",
        "load": round(os.getloadavg()[0], 1),
    }
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
