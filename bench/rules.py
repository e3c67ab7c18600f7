"""Precision and coverage of the rules that decide without a model; no model runs.

    python bench/rules.py dev=dev.jsonl train=train.jsonl --out bench/results/rules.json

Each file holds labelled pages as `python -m groundling.bench.labelled` writes them. A rule is right
when the element it names is accepted; on a task that expects none every answer is wrong. Intervals
are Wilson's, 95 %. The last line printed is JSON.
"""

import argparse
import json
import platform
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from groundling.bench.labelled import read_lines
from groundling.bench.metrics import wilson
from groundling.filtering import ElementFilter
from groundling.ranking.certain import certain_case


def measure(path: Path, show: int) -> dict[str, Any]:
    """Return the figures of one file; prints up to `show` wrong answers."""
    n, by_rule, right_by_rule, wrong_none, took = 0, Counter[str](), Counter[str](), 0, 0.0
    for page in read_lines(path):
        offered, _ = ElementFilter.offer(page.snapshot.elements)
        for task in page.tasks:
            n += 1
            started = time.perf_counter()
            found = certain_case(offered, task.instruction, task.task_type)
            took += time.perf_counter() - started
            if found is None:
                continue
            element, rule = found
            right = element.id in task.accept_ids
            by_rule[rule] += 1
            right_by_rule[rule] += right
            wrong_none += not right and task.expect_none
            if not right and show > 0:
                show -= 1
                accepted = [e.text for e in page.snapshot if e.id in task.accept_ids]
                print(f"{rule}: {task.id} {task.instruction!r} -> {element.text!r}, not {accepted}")
    answered, right_all = sum(by_rule.values()), sum(right_by_rule.values())
    return {
        "n": n,
        "answered": answered,
        "coverage": round(answered / n, 4),
        "precision": round(right_all / answered, 4) if answered else None,
        "precision_interval": [round(x, 4) for x in wilson(right_all, answered)],
        "wrong_where_none_is_right": wrong_none,
        "by_rule": {r: [right_by_rule[r], c] for r, c in by_rule.most_common()},
        "ms_per_task": round(1000 * took / n, 4),
    }


def main() -> None:
    """Measure each file and all of them together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=int, default=0, help="wrong answers to print, each file")
    given = parser.parse_args()
    sets = {
        name: measure(Path(path), given.show)
        for name, path in (f.split("=", 1) for f in given.files)
    }
    n = sum(s["n"] for s in sets.values())
    answered = sum(s["answered"] for s in sets.values())
    right = sum(r for s in sets.values() for r, _ in s["by_rule"].values())
    result = {
        "all": {
            "n": n,
            "answered": answered,
            "coverage": round(answered / n, 4),
            "precision": round(right / answered, 4),
            "precision_interval": [round(x, 4) for x in wilson(right, answered)],
        },
        "sets": sets,
        "command": "python bench/rules.py " + " ".join(f.split("=")[0] for f in given.files),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    json.dump(result, sys.stdout)
    print()


if __name__ == "__main__":
    main()
