"""Time of one snapshot: paired with Playwright's aria snapshot, by page size, and parsing alone.

    python bench/reader_speed.py --pages DIR --json bench/results/reader_speed.json

Pages come from `--pages` (HTML files, every nth by name). Calls of both are interleaved, after one
warm-up each; wall times are minima and medians over the rounds. `hooked` pages had our script from
the start; others were open before, so that each call asks the developer tools, too. The synthetic
page is a table, one of five nodes interactive. Load on the machine shows in the wall times: trust
the ratios. `--sdk-pages` also pairs with the Sentience SDK on that many of the pages, in a browser
with its extension: its default snapshot, and the extension asked directly, without its wait for
stability. The last line printed is JSON.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

import groundling
from groundling.browser import SnapshotOptions, adapt, script
from groundling.browser.assemble import arguments
from groundling.browser.launch import launch_arguments, launch_sync
from groundling.browser.parse import build_elements
from groundling.driver import run_sync

SIZES = (1000, 5000, 20000, 50000)


def wall_ms(call: Callable[[], Any]) -> float:
    """Time one call."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def paired(browser: Any, paths: list[Path], rounds: int) -> list[dict[str, Any]]:  # noqa: ANN401
    """Measure our snapshot and the aria snapshot on each page, interleaved."""
    rows = []
    for path in paths:
        hooked = browser.new_page(viewport={"width": 1280, "height": 800})
        run_sync(adapt(hooked).install())
        late = browser.new_page(viewport={"width": 1280, "height": 800})
        for page in (hooked, late):
            page.goto(path.resolve().as_uri())
        calls: dict[str, Callable[[], Any]] = {
            "ours": lambda p=hooked: groundling.snapshot(p),
            "ours_late": lambda p=late: groundling.snapshot(p),
            "aria": lambda p=hooked: p.aria_snapshot(mode="ai", boxes=True),
            "floor": lambda p=hooked: p.evaluate("() => 1"),
        }
        times: dict[str, list[float]] = {name: [] for name in calls}
        for call in calls.values():
            call()
        for _ in range(rounds):
            for name, call in calls.items():
                times[name].append(wall_ms(call))
        snapshot = groundling.snapshot(hooked)
        row: dict[str, Any] = {"page": path.stem, "nodes": snapshot.n_nodes}
        row |= {name: round(min(values), 2) for name, values in times.items()}
        row |= {f"{name}_p50": round(statistics.median(v), 2) for name, v in times.items()}
        row["ratio"] = round(statistics.median(times["aria"]) / statistics.median(times["ours"]), 2)
        rows.append(row)
        hooked.close()
        late.close()
    return rows


def synthetic(nodes: int) -> str:
    """Return a table page with about this many nodes, one of five interactive."""
    row = "<tr><td>Row {0}</td><td><a href=#{0}>Open {0}</a></td><td><b>x</b></td>"
    rows = "".join(
        row.format(i) + "<td><span>y</span></td><td><button>Edit</button></td></tr>"
        for i in range(nodes // 10)
    )
    return f"<table>{rows}</table>"


def growth(browser: Any, rounds: int) -> list[dict[str, Any]]:  # noqa: ANN401
    """Measure pages of growing size, whole and near the viewport."""
    rows = []
    for nodes in SIZES:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        run_sync(adapt(page).install())
        page.goto("about:blank")
        page.set_content(synthetic(nodes))
        whole = SnapshotOptions(limit=20000)
        near = SnapshotOptions(near_viewport_px=720)
        row: dict[str, Any] = {}
        for name, options in (("whole", whole), ("near", near)):
            steps = adapt(page).snapshot
            times = [wall_ms(lambda o=options, s=steps: run_sync(s(o))) for _ in range(rounds)]
            text = page.evaluate(script.call("json"), arguments(options))
            data = orjson.loads(text)
            row |= {
                "nodes": data["visited"],
                f"{name}_elements": len(data["elements"]),
                f"{name}_ms": round(min(times[1:]), 1),
                f"{name}_p50_ms": round(statistics.median(times[1:]), 1),
                f"{name}_in_page_ms": round(data["ms"], 1),
                f"{name}_kb": round(len(text.encode()) / 1024, 1),
            }
        rows.append(row)
        page.close()
    return rows


def parsing(browser: Any) -> dict[str, float]:  # noqa: ANN401
    """Measure the Python side alone for 1,000 elements."""
    page = browser.new_page()
    page.set_content(synthetic(5000))
    groundling.snapshot(page)
    text = page.evaluate(script.call("json"), arguments(SnapshotOptions(limit=1000)))
    page.close()

    def parse() -> None:
        build_elements(orjson.loads(text), 0, (0.0, 0.0), int)

    times = [wall_ms(parse) for _ in range(50)]
    return {"min_ms": round(min(times), 2), "p50_ms": round(statistics.median(times), 2)}


_ASK_EXTENSION = "o => window.sentience.snapshot(o)"
_UNPATCHED = {"limit": 50, "waitForStability": False}


def against_sdk(paths: list[Path], rounds: int) -> list[dict[str, Any]]:
    """Measure our snapshot and the SDK's on each page, interleaved, with its extension there."""
    from playwright.sync_api import sync_playwright
    from predicate import SentienceBrowser
    from predicate._extension_loader import find_extension_path
    from predicate.models import SnapshotOptions as SdkOptions
    from predicate.snapshot import snapshot as sdk_snapshot

    folder = find_extension_path()
    base = launch_arguments(headed=True)  # extensions need the new headless mode
    flags = [f"--disable-extensions-except={folder}", f"--load-extension={folder}"]
    arguments_ = {**base, "args": [*base["args"], *flags, "--headless=new"]}
    rows = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(profile, **arguments_)
        browser = SentienceBrowser.from_existing(context)
        page = browser.page
        run_sync(adapt(page).install())
        calls: dict[str, Callable[[], Any]] = {
            "ours": lambda: groundling.snapshot(page),
            "sdk": lambda: sdk_snapshot(browser, SdkOptions(use_api=False)),
            "sdk_without_wait": lambda: page.evaluate(_ASK_EXTENSION, _UNPATCHED),
        }
        with serve(paths[0].parent) as url:
            for path in paths:
                page.goto(f"{url}/{path.name}")
                page.wait_for_function("() => window.sentience && window.sentience.snapshot")
                times = [{n: wall_ms(c) for n, c in calls.items()} for _ in range(rounds)]
                p50 = {n: round(statistics.median(t[n] for t in times), 1) for n in calls}
                rows.append({"page": path.stem, **p50})
        context.close()
    return rows


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on 127.0.0.1: the extension does not run on file addresses."""
    handler = partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Say nothing."""


def main() -> None:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=Path, required=True)
    parser.add_argument("--n-pages", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sdk-pages", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    every = sorted(args.pages.glob("*.html"))
    paths = every[:: max(1, len(every) // args.n_pages)][: args.n_pages]
    with launch_sync() as browser:
        pages = paired(browser, paths, args.rounds)
        result = {
            "bench": "reader_speed",
            "n_pages": len(pages),
            "rounds": args.rounds,
            "ratio_to_aria_p50": statistics.median(r["ratio"] for r in pages),
            "ours_p50_ms": statistics.median(r["ours_p50"] for r in pages),
            "ours_late_p50_ms": statistics.median(r["ours_late_p50"] for r in pages),
            "aria_p50_ms": statistics.median(r["aria_p50"] for r in pages),
            "floor_p50_ms": statistics.median(r["floor_p50"] for r in pages),
            "growth": growth(browser, args.rounds),
            "parse_1000": parsing(browser),
            "pages": pages,
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "load": os.getloadavg()[0],
        }
    if args.sdk_pages:
        rows = against_sdk(paths[:: max(1, len(paths) // args.sdk_pages)][: args.sdk_pages], 3)
        result["sentience"] = {
            "n_pages": len(rows),
            "rounds": 3,
            "ours_p50_ms": statistics.median(r["ours"] for r in rows),
            "sdk_p50_ms": statistics.median(r["sdk"] for r in rows),
            "sdk_without_wait_p50_ms": statistics.median(r["sdk_without_wait"] for r in rows),
            "pages": rows,
        }
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
