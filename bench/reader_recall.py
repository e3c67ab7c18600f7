"""Share of labelled tasks whose accepted element is in the snapshot; ranking is not measured.

    python bench/reader_recall.py --data ../shared/data/grounding/dev --json out.json

`--data` is a folder with `tasks.jsonl` and `pages/` in the format of the labelled grounding data.
A task counts as found if the snapshot lists an element that the judge accepts; `exact` counts only
the very node labelled. The last line printed is JSON.
"""

import argparse
import json
import platform
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from groundling.browser import SnapshotOptions
from groundling.browser.judge import accepted_ids, node_ids
from groundling.browser.launch import launch_sync
from groundling.browser.playwright import PlaywrightAdapter
from groundling.driver import run_sync
from groundling.errors import GroundlingError


def read_page(browser: Any, path: Path, tasks: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: ANN401
    """Open a page, read it, and judge its tasks."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    try:
        page.goto(path.resolve().as_uri())
        adapter = PlaywrightAdapter(page, is_async=False)
        run_sync(adapter.snapshot(SnapshotOptions()))
        snapshot = run_sync(adapter.snapshot(SnapshotOptions()))
        ids = run_sync(accepted_ids(adapter, snapshot, [t["accept"] for t in tasks]))
        keys = [[(a.get("frame", 0), a["css"]) for a in t["accept"]] for t in tasks]
        exact = [any(run_sync(node_ids(adapter, snapshot, k))) for k in keys]
        missed = [t["id"] for t, i in zip(tasks, ids, strict=True) if not i]
        return {
            "page": path.stem,
            "elements": len(snapshot),
            "nodes": snapshot.n_nodes,
            "ms": round(snapshot.read_ms, 1),
            "truncated": snapshot.truncated,
            "missed": missed,
            "exact": sum(exact),
            "accepted": [len(i) for i in ids],
        }
    finally:
        page.close()


def main() -> None:
    """Judge every page of the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pages", help="only pages whose name starts with this")
    parser.add_argument("--json", type=Path, help="write the result, too")
    args = parser.parse_args()
    by_page: dict[str, list[dict[str, Any]]] = defaultdict(list)
    text = (args.data / "tasks.jsonl").read_text(encoding="utf-8")
    instructions = {}
    for line in text.splitlines():
        task = json.loads(line)
        instructions[task["id"]] = task["instruction"], task["accept"]
        if not task["expect_none"] and task["page"].startswith(args.pages or ""):
            by_page[task["page"]].append(task)
    rows, failed, started = [], [], time.perf_counter()
    with launch_sync() as browser:
        for name, tasks in by_page.items():
            try:
                row = read_page(browser, args.data / "pages" / f"{name}.html", tasks)
            except GroundlingError as error:
                print("failed", name, error)
                failed.append(name)
                continue
            rows.append(row)
            for task_id in row["missed"]:
                print("missed", task_id, instructions[task_id])
            if row["truncated"]:
                print("truncated", name, row["truncated"])
    n = sum(len(t) for t in by_page.values())
    missed = [m for r in rows for m in r["missed"]]
    missed += [t["id"] for name in failed for t in by_page[name]]
    result = {
        "bench": "reader_recall",
        "data": args.data.name,
        "pages": len(rows),
        "failed_pages": failed,
        "tasks": n,
        "found": n - len(missed),
        "exact": sum(r["exact"] for r in rows),
        "share": round(1 - len(missed) / n, 5),
        "missed": missed,
        "read_ms_p50": statistics.median(r["ms"] for r in rows),
        "read_ms_max": max(r["ms"] for r in rows),
        "elements_p50": statistics.median(r["elements"] for r in rows),
        "wall_s": round(time.perf_counter() - started, 1),
        "machine": f"{platform.machine()}, {platform.system()}",
    }
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
