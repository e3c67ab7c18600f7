"""How often an outcome is right on scripted pages: failures told as success, true effects missed.

    python bench/verification.py --driver async --out bench/results/verification.json

The last line is JSON; the file holds one result for each driver, and the one that ran is written
anew. The drivers are Playwright's libraries (async, sync) and browsers that the Sentience SDK
starts (sdk-async, sdk-sync). The pages and their labels are in `tests/behaviours.toml`; elements
are found by a double, so no model is measured. `--only TEXT` runs the behaviours whose name holds
it.
"""

import argparse
import json
import math
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

import behaviours  # noqa: E402 - it lies beside the tests


def interval(k: int, n: int) -> list[float]:
    """Return Wilson's 95 % interval of k in n."""
    z, p = 1.96, k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return [round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)]


def figures(ran: list[behaviours.Ran], seconds: float, driver: str, n_pages: int) -> dict[str, Any]:
    """Return the counts, with what went wrong by name."""
    works = [r for r in ran if r.behaviour.works]
    fails = [r for r in ran if not r.behaviour.works]
    false = [r.behaviour.name for r in fails if r.verified]
    missed = [r.behaviour.name for r in works if not r.verified]
    labels = [r.behaviour.name for r in ran if wrong_label(r)]
    return {
        "n": len(ran),
        "n_true_effects": len(works),
        "n_failures": len(fails),
        "failures_told_as_success": false,
        "failures_told_as_success_95": interval(len(false), len(fails)) if fails else None,
        "true_effects_missed": missed,
        "true_effects_missed_share": round(len(missed) / len(works), 4) if works else None,
        "true_effects_missed_95": interval(len(missed), len(works)) if works else None,
        "labels_that_do_not_hold": labels,
        "step_ms_p50_verified": round(statistics.median(r.ms for r in works)) if works else None,
        "seconds": round(seconds, 1),
        "pages_at_a_time": n_pages,
        "load_1min": round(os.getloadavg()[0], 1),
        "machine": f"{platform.platform()}, {os.cpu_count()} cores",
        "command": f"python bench/verification.py --driver {driver}",
    }


def wrong_label(ran: behaviours.Ran) -> bool:
    """Whether the page or the server saw something else than the table says."""
    works = ran.behaviour.works
    return bool(ran.true) if not works else ran.verified and ran.true is False


def write(path: Path, driver: str, result: dict[str, Any]) -> None:
    """Write one driver's result beside those of the others."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**kept, driver: result}, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Run the behaviours and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of the behaviours' names")
    parser.add_argument("--driver", choices=tuple(behaviours.DRIVERS), default="async")
    parser.add_argument("--out", type=Path, help="file of all drivers' results")
    given = parser.parse_args()
    picked = [b for b in behaviours.ALL if given.only in b.name]
    n_pages = behaviours.n_pages_now(given.driver)
    started = time.perf_counter()
    ran = behaviours.run_in_browser(picked, given.driver, n_pages)
    out = figures(ran, time.perf_counter() - started, given.driver, n_pages)
    for r in ran:
        if r.verified != r.behaviour.works:
            kind = "missed" if r.behaviour.works else "told as success"
            print(f"{kind}: {r.behaviour.name}: {r.said}", file=sys.stderr)
    if given.out:
        write(given.out, given.driver, out)
    print(json.dumps({"driver": given.driver, **out}, ensure_ascii=False))


if __name__ == "__main__":
    main()
