"""Does the action cache find an element again on a page that has changed, and refuse a lost one?

    python bench/cache_drift.py --out bench/results/cache_drift.json
    python bench/cache_drift.py --pages DIR        # labelled pages instead (HTML, tasks.jsonl)
    python bench/cache_drift.py --fit              # weights from the dev half, printed

Twenty pages of ours (bench/pages_drift) hold about 170 marked elements. Each is remembered on the
page as it is. Then a fresh copy is changed by a script (bench/drift.js), and the cache is asked for
the element: 16 kinds of change that keep it, 8 that take it away. Right is the very same node;
while it is there, another node counts as wrong, none as missed; once it is gone any node is wrong.
Weights and thresholds were chosen on the ten pages of the dev half; the test half is reported.
Seeds are fixed, so that runs repeat. Times are of the whole lookup: SQLite, comparison, decision.
The last line printed is JSON.
"""

import argparse
import json
import math
import os
import platform
import sys
import tempfile
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jinja2

from groundling.bench.metrics import bootstrap, quantile, wilson
from groundling.browser import SnapshotOptions, adapt
from groundling.browser.judge import node_ids
from groundling.browser.launch import launch_sync
from groundling.cache import ActionCache
from groundling.cache.fingerprint import Fingerprint, Known, fingerprint, known
from groundling.cache.match import compared, find_again, fitting_elements, is_only
from groundling.driver import run_sync
from groundling.elements import ElementSnapshot, RawElement

HERE = Path(__file__).parent
ON_PAGE = (
    "classes", "ids", "wrappers", "order", "page_text", "more_items", "tags", "landmarks",
    "banners", "links", "redesign",
)  # fmt: skip
"""Changes of the whole page: one reading serves all of its elements."""
ON_TARGET = ("columns", "text_edit", "renamed", "duplicate", "redesign_text")
GONE = (
    "removed", "item_removed", "section_removed", "hidden", "replaced", "removed_redesign",
    "removed_more_items", "other_page",
)  # fmt: skip
HOST = "http://drift.test"
# A busy machine must not cut a reading short.
READING = SnapshotOptions(timeout_s=120, budget_ms=60_000, frame_timeout_s=60)


@dataclass(frozen=True, slots=True)
class Case:
    """One remembered element on one changed page."""

    page: str
    goal: str
    kind: str
    snapshot: ElementSnapshot
    target: int | None
    """Id of the element in the snapshot, None when it is gone."""


@dataclass(frozen=True, slots=True)
class Original:
    """A page before it changed, and its marked elements."""

    page: str
    snapshot: ElementSnapshot
    targets: Mapping[str, RawElement]


class Pages:
    """Opens pages in a browser and applies changes."""

    def __init__(self, page: Any, sources: Mapping[str, str], marks: Mapping[str, Any]) -> None:  # noqa: ANN401
        self.page, self.sources, self.marks = page, sources, marks
        self.adapter = adapt(page)
        run_sync(self.adapter.install())
        page.route("**/*", self._answer)

    def _answer(self, route: Any) -> None:  # noqa: ANN401
        name = route.request.url.removeprefix(HOST + "/").split("/")[0]
        if name in self.sources and route.request.is_navigation_request():
            route.fulfill(body=self.sources[name], content_type="text/html; charset=utf-8")
        else:
            route.fulfill(body="", content_type="text/plain")

    def open(self, name: str, kind: str = "", goal: str | None = None) -> None:
        """Show a fresh copy of a page, changed."""
        url = f"{HOST}/{name}/view"
        if self.page.url != url:
            self.page.goto(url, wait_until="domcontentloaded")
            if name in self.marks:
                self.page.evaluate(_MARK, self.marks[name])
            self.page.evaluate((HERE / "drift.js").read_text(encoding="utf-8"))
        seed = zlib.crc32(f"{name} {kind} {goal}".encode())
        self.page.evaluate("o => window.__drift.run(o)", [kind, goal, seed])

    def read(self, goals: Sequence[str]) -> tuple[ElementSnapshot, dict[str, int]]:
        """Return the page and the ids of the marked elements that it lists."""
        snapshot = run_sync(self.adapter.snapshot(READING))
        paths = [(0, f'[data-goal="{g}"]') for g in goals]
        found = run_sync(node_ids(self.adapter, snapshot, paths))
        return snapshot, {g: i for g, i in zip(goals, found, strict=True) if i is not None}

    def original(self, name: str) -> Original:
        """Return a page as it is before any change."""
        self.open(name)
        goals = self.page.evaluate(_GOALS)
        snapshot, ids = self.read(goals)
        by_id = {e.id: e for e in snapshot.elements}
        return Original(name, snapshot, {g: by_id[i] for g, i in ids.items()})

    def cases(self, original: Original, others: Sequence[Original]) -> Iterator[Case]:
        """Yield every change of a page for every marked element."""
        goals = list(original.targets)
        name = original.page
        for kind in ON_PAGE:
            self.open(name, kind)
            snapshot, ids = self.read(goals)
            for goal in goals:
                yield Case(name, goal, kind, snapshot, ids.get(goal))
        for kind in (*ON_TARGET, *GONE[:-1]):
            for goal in goals:
                if kind in ("text_edit", "renamed") and not self.has_new_name(name):
                    continue
                self.open(name, kind, goal)
                snapshot, ids = self.read([goal])
                yield Case(name, goal, kind, snapshot, None if kind in GONE else ids.get(goal))
        for goal in goals:
            for other in others:
                moved = replace(other.snapshot, url=original.snapshot.url)
                yield Case(name, goal, "other_page", moved, None)

    def has_new_name(self, name: str) -> bool:
        """Whether the page says what its elements are called later."""
        return name not in self.marks


_GOALS = "() => [...document.querySelectorAll('[data-goal]')].map(e => e.dataset.goal)"
_MARK = """marks => { for (const [css, goal] of marks) {
  const e = document.querySelector(css);
  if (e && !e.dataset.goal) { e.dataset.goal = goal; e.dataset.new = goal; } } }"""


def own_pages() -> dict[str, str]:
    """Return the HTML of our pages by name."""
    load = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "pages_drift"), autoescape=False
    )
    return {
        n.removesuffix(".html"): load.get_template(n).render()
        for n in sorted(load.list_templates())
    }


def halves(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split by name order: every second page is dev, the others are test."""
    ordered = sorted(names)
    return ordered[0::2], ordered[1::2]


def collect(
    pages: Pages, names: Sequence[str], todo: Sequence[str] = ()
) -> Iterator[tuple[Original, list[Case]]]:
    """Yield each page with its cases; the other pages serve as what is shown instead."""
    originals = [pages.original(n) for n in names]
    for i, original in enumerate(originals):
        if todo and original.page not in todo:
            continue
        others = [originals[(i + k) % len(originals)] for k in (1, 2, 3)]
        others = [o for o in others if o is not original]
        yield original, list(pages.cases(original, others))
        print(f"{original.page}: {len(original.targets)} elements", file=sys.stderr)


def judged(original: Original, cases: Sequence[Case], folder: Path) -> list[dict[str, Any]]:
    """Ask a fresh cache about every case; the first lookup of each page is a warm-up."""
    cache = ActionCache(folder / f"{original.page}.db")
    kept = {
        goal: cache.keep(original.snapshot, goal, "find_any", e)
        for goal, e in original.targets.items()
    }
    rows = []
    for case in cases:
        started, busy = time.perf_counter(), time.thread_time()
        found = cache.find(case.snapshot, case.goal, "find_any")
        cpu_ms = (time.thread_time() - busy) * 1000
        ms = (time.perf_counter() - started) * 1000
        got = found.element.id if found.element else None
        verdict = "right" if got == case.target else "wrong" if got is not None else "missed"
        if case.target is None and case.kind not in GONE:
            verdict = "unread"
        rows.append(
            {
                "page": case.page, "goal": case.goal, "kind": case.kind, "verdict": verdict,
                "ms": ms,
                "cpu_ms": cpu_ms, "n": len(case.snapshot), "why": found.reason,
                "kept": kept[case.goal],
                "hit": got is not None,
                "got": str(found.element.text if found.element else ""),
                "confidence": found.confidence,
            }
        )  # fmt: skip
    cache.close()
    return rows


def told(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the shares with 95 % intervals (Wilson's, and whole pages drawn again)."""
    rows = [r for r in rows if r["verdict"] != "unread"]
    present = [r for r in rows if r["kind"] not in GONE]
    gone = [r for r in rows if r["kind"] in GONE]
    return {
        "present": _share(present, "right"),
        "present_wrong": sum(r["verdict"] == "wrong" for r in present),
        "gone_refused": _share(gone, "right"),
        "by_kind": {
            kind: _short([r for r in rows if r["kind"] == kind])
            for kind in (*ON_PAGE, *ON_TARGET, *GONE)
            if any(r["kind"] == kind for r in rows)
        },
        "hit_ms": _times([r["ms"] for r in rows if r["hit"]]),
        "hit_cpu_ms": _times([r["cpu_ms"] for r in rows if r["hit"]]),
        "elements_per_page": round(sum(r["n"] for r in rows) / max(1, len(rows)), 1),
    }  # fmt: skip


def _times(ms: Sequence[float]) -> dict[str, float]:
    cuts = {"p50": quantile(ms, 0.5), "p95": quantile(ms, 0.95), "max": max(ms, default=0.0)}
    return {"n": len(ms), **{name: round(value, 2) for name, value in cuts.items()}}


def _share(rows: Sequence[Mapping[str, Any]], verdict: str) -> dict[str, Any]:
    right = [r["verdict"] == verdict for r in rows]
    low, high = wilson(sum(right), len(right))
    lower, upper = bootstrap([float(x) for x in right], [r["page"] for r in rows])
    return {
        "n": len(right), "right": sum(right), "share": round(sum(right) / max(1, len(right)), 4),
        "interval": [round(low, 4), round(high, 4)],
        "interval_by_page": [round(lower, 4), round(upper, 4)],
    }  # fmt: skip


def _short(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    counted = Counter(r["verdict"] for r in rows)
    return {"n": len(rows), **{v: counted[v] for v in ("right", "missed", "wrong")}}


def fit(collected: Sequence[tuple[Original, list[Case]]]) -> dict[str, float]:
    """Return the weight of every comparison.

    It is the logarithm of its share among pairs of one element over its share among pairs of two
    elements of like roles, Laplace-smoothed.
    """
    same: dict[str, Counter[str]] = defaultdict(Counter)
    other: dict[str, Counter[str]] = defaultdict(Counter)
    for original, cases in collected:
        remembered = memory(original)
        for case in cases:
            saved, _ = remembered[case.goal]
            fitting = fitting_elements(saved, case.snapshot)
            only = is_only(saved, fitting)
            for e in fitting:
                into = same if e.id == case.target else other
                for signal, level in compared(saved, e, only=only).items():
                    into[signal][level] += 1
    weights = {}
    for signal in sorted({*same, *other}):
        levels = {*same[signal], *other[signal]}
        n, m = sum(same[signal].values()), sum(other[signal].values())
        for level in sorted(levels):
            p = (same[signal][level] + 1) / (n + len(levels))
            q = (other[signal][level] + 1) / (m + len(levels))
            most = 1.5 * LIMIT if level == "only" else LIMIT
            weights[f"{signal}:{level}"] = round(max(-0.5 * LIMIT, min(most, math.log(p / q))), 2)
    return weights


LIMIT = 4.0
"""No single signal may decide alone, so that weights are cut at this many nats; a name that is the
only one of its kind may weigh half as much again."""


def memory(original: Original) -> dict[str, tuple[Fingerprint, Known]]:
    """Return what the cache would remember of every marked element."""
    return {
        g: (fingerprint(e, original.snapshot), known(e, original.snapshot))
        for g, e in original.targets.items()
    }


def scores(collected: Sequence[tuple[Original, list[Case]]], weights: Mapping[str, float]) -> None:
    """Print what thresholds would do, and the wrong answers with the highest sums."""
    found = [
        (case, find_again(*remembered[case.goal], case.snapshot, weights, accept=-99.0))
        for original, cases in collected
        for remembered in [memory(original)]
        for case in cases
        if case.target is not None or case.kind in GONE
    ]
    there = sum(case.target is not None for case, _ in found)
    hits = [(case, m, m.element.id == case.target) for case, m in found if m.element]
    for accept in (-8, -6, -4, -3, -2, -1, 0, 1, 2, 4, 8):
        taken = [is_right for _, m, is_right in hits if m.score >= accept]
        wrong = len(taken) - sum(taken)
        print(f"accept {accept}: right {sum(taken) / there:.4f}, wrong {wrong}")
    for case, m, is_right in sorted(hits, key=lambda h: -h[1].score):
        if not is_right:
            print(f"  wrong, {m.score:.1f}: {case.page} {case.kind} {case.goal!r}")


@contextmanager
def opened(sources: Mapping[str, str], marks: Mapping[str, Any]) -> Iterator[Pages]:
    """Open a browser."""
    with launch_sync() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(180_000)
        yield Pages(page, sources, marks)


def run(
    sources: Mapping[str, str],
    marks: Mapping[str, Any],
    names: Sequence[str],
    only: Sequence[str],
    kept: Path | None,
) -> list[dict[str, Any]]:
    """Return a row for each case; pages that `kept` holds already are taken from there."""
    text = kept.read_text(encoding="utf-8") if kept and kept.is_file() else ""
    rows = [r for r in map(json.loads, text.splitlines()) if r["page"] in names]
    todo = [n for n in only if n in names and n not in {r["page"] for r in rows}]
    if not todo:
        return rows
    with opened(sources, marks) as pages, tempfile.TemporaryDirectory() as folder:
        for original, cases in collect(pages, names, todo):
            found = judged(original, cases, Path(folder))
            rows += found
            if kept:
                with kept.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(r) + "\n" for r in found)
    return rows


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--pages", type=Path, help="folder of labelled pages, never fitted to")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--rows", type=Path, help="JSON lines, one a case; pages in it are not run")
    parser.add_argument("--only", default="", help="names of pages, by commas")
    parser.add_argument("--half", choices=("dev", "test"), default="test")
    args = parser.parse_args()
    sources, marks = labelled_pages(args.pages) if args.pages else (own_pages(), {})
    dev, test = halves(list(sources))
    names = list(sources) if args.pages else dev if args.fit or args.half == "dev" else test
    if args.fit:
        with opened(sources, marks) as pages:
            collected = list(collect(pages, names))
        weights = fit(collected)
        print(json.dumps(weights, indent=1))
        scores(collected, weights)
        return
    only = args.only.split(",") if args.only else names
    rows = run(sources, marks, names, only, args.rows)
    result = {
        "pages": names, "n_targets": len({(r["page"], r["goal"]) for r in rows}),
        "kinds_present": len({r["kind"] for r in rows} - set(GONE)),
        **told(rows), "chosen_on": [] if args.pages else dev,
        "command": " ".join(["python", *sys.argv]), "machine": machine(),
    }  # fmt: skip
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


def labelled_pages(folder: Path) -> tuple[dict[str, str], dict[str, list[tuple[str, str]]]]:
    """Return pages and marks (CSS path, instruction) of a folder with `tasks.jsonl`."""
    sources: dict[str, str] = {}
    marks: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for line in (folder / "tasks.jsonl").read_text(encoding="utf-8").splitlines():
        task = json.loads(line)
        if (
            task["accept"]
            and not task["accept"][0].get("frame")
            and ">>" not in task["accept"][0]["css"]
        ):
            name = task["page"].removesuffix(".html")
            marks[name].append(
                (task["accept"][0]["css"], f"the element of task {task['id']}".replace('"', ""))
            )
    for name in marks:
        sources[name] = (folder / "pages" / f"{name}.html").read_text(encoding="utf-8")
    return sources, dict(marks)


def machine() -> str:
    """Return processor and system."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.platform()}"


if __name__ == "__main__":
    main()
