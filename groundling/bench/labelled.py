"""Labelled pages, read in a browser with our own reader: one JSON line for each page.

    python -m groundling.bench.labelled --data DIR --out pages.jsonl

DIR holds `tasks.jsonl` (id, page, site, instruction, task_type, kind, accept, expect_none) and
`pages/NAME.html`. A line holds `page`, `site`, `snapshot` (`ElementSnapshot.to_json`) and `tasks`:
id, instruction, task_type, kind, expect_none and accept_ids, the ids of the elements that count as
right by the rules of `groundling.browser.judge`.
"""

import json
import logging
import multiprocessing
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import orjson

from groundling.elements import ElementSnapshot
from groundling.errors import DataError, NavigationError

log = logging.getLogger(__name__)

VIEWPORT = {"width": 1280, "height": 800}
_FIELDS = ("id", "page", "instruction", "task_type", "accept", "expect_none")
_FIND_JS = """paths => paths.map(css => {
  let root = document, node = null;
  for (const part of css.split(' >> ')) {
    try { node = root.querySelector(part); } catch (error) { return false; }
    if (!node) return false;
    root = node.shadowRoot || node;
  }
  return true;
})"""


@dataclass(frozen=True, slots=True)
class LabelledTask:
    """An instruction on a page, and the elements that fulfil it."""

    id: str
    instruction: str
    task_type: str
    """One of `prompts.TASK_TYPES`."""
    kind: str
    accept_ids: frozenset[int]
    """Empty when nothing on the page fits, or when the reader did not list what does."""
    expect_none: bool


@dataclass(frozen=True, slots=True)
class LabelledPage:
    """A page as it was read, with its tasks."""

    page: str
    site: str
    snapshot: ElementSnapshot
    tasks: tuple[LabelledTask, ...]


def load_tasks(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the raw tasks of a labelled folder by page, in the order of the file.

    Raises:
        DataError: If there are none, or a line is not what it should be, or a page is missing.
    """
    path, pages = folder / "tasks.jsonl", {}  # type: Path, dict[str, list[dict[str, Any]]]
    if not path.is_file():
        raise DataError(f"{folder} holds no tasks.jsonl: name a folder of labelled pages")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        task = _checked(line, f"{path}, line {number}")
        pages.setdefault(task["page"], []).append(task)
    if not pages:
        raise DataError(f"{path} is empty: write one task a line")
    missing = [name for name in pages if not (folder / "pages" / f"{name}.html").is_file()]
    if missing:
        raise DataError(f"{folder}/pages lacks {len(missing)} pages, first {missing[0]}.html")
    return pages


def _checked(line: str, where: str) -> dict[str, Any]:
    try:
        task: dict[str, Any] = json.loads(line)
        lacking = [name for name in _FIELDS if name not in task]
    except (ValueError, TypeError) as error:
        raise DataError(f"{where} is no JSON object: {error}") from error
    if lacking:
        raise DataError(f"{where} lacks {', '.join(lacking)}")
    if bool(task["accept"]) == bool(task["expect_none"]):
        raise DataError(f"{where}: exactly one of `accept` and `expect_none` must be set")
    return task


def read_page(browser: Any, path: Path, tasks: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: ANN401
    """Open a page, read it and judge its tasks; returns a line as the module describes.

    Args:
        browser: Of `playwright.sync_api`.
        path: The page.
        tasks: Its raw tasks.

    Raises:
        DataError: If a label names no node of the page.
        PageError: If the page cannot be opened or read.
    """
    from groundling.browser import SnapshotOptions
    from groundling.browser.judge import accepted_ids
    from groundling.browser.playwright import PlaywrightAdapter
    from groundling.driver import run_sync

    page = browser.new_page(viewport=VIEWPORT)
    try:
        adapter = PlaywrightAdapter(page, is_async=False)
        run_sync(adapter.install())
        _open(page, path)
        snapshot = run_sync(adapter.snapshot(SnapshotOptions()))
        accepted = run_sync(accepted_ids(adapter, snapshot, [t["accept"] for t in tasks]))
        _refuse_dead_labels(
            page, path, [t for t, ids in zip(tasks, accepted, strict=True) if not ids]
        )
    finally:
        page.close()
    if snapshot.truncated:
        log.warning("%s was not read in full: %s", path, snapshot.truncated)
    return {
        "page": path.stem,
        "site": tasks[0].get("site", path.stem),
        "snapshot": snapshot.to_json(),
        "tasks": [
            {
                "id": t["id"],
                "instruction": t["instruction"],
                "task_type": t["task_type"],
                "kind": t.get("kind", ""),
                "expect_none": bool(t["expect_none"]),
                "accept_ids": ids,
            }
            for t, ids in zip(tasks, accepted, strict=True)
        ],
    }


def _open(page: Any, path: Path) -> None:  # noqa: ANN401
    from playwright.sync_api import Error

    try:
        page.goto(path.resolve().as_uri())
    except Error as error:
        first = str(error).splitlines()[0]
        raise NavigationError(f"{path} could not be opened ({first}): open it by hand") from error


def _refuse_dead_labels(page: Any, path: Path, tasks: Sequence[dict[str, Any]]) -> None:  # noqa: ANN401
    """Refuse labels that match no node; a node that the reader does not list is a miss of ours."""
    frames = [f for f in page.frames if f is page.main_frame or f.url]
    for task in tasks:
        by_frame = [(a.get("frame", 0), a["css"]) for a in task["accept"]]
        found = [i < len(frames) and frames[i].evaluate(_FIND_JS, [css])[0] for i, css in by_frame]
        if by_frame and not any(found):
            raise DataError(
                f"task {task['id']} names {by_frame[0][1]!r}, which is nothing in {path.name}: "
                "correct or remove the label"
            )


def capture(
    folder: Path, *, processes: int = 1, only: str = "", tasks: Collection[str] | None = None
) -> Iterator[bytes]:
    """Read the pages of a labelled folder; yields one JSON line each, in the order of the file.

    Args:
        folder: As the module describes.
        processes: Browsers at a time.
        only: Pages whose name starts with this.
        tasks: Ids of the tasks wanted; pages without one are not read. None takes all.

    Raises:
        DataError: If the folder is not what it should be, or a label names no node.
        PageError: If a page cannot be read.
    """
    every = {k: v for k, v in load_tasks(folder).items() if k.startswith(only)}
    chosen = ((k, [t for t in v if tasks is None or t["id"] in tasks]) for k, v in every.items())
    pages = {name: wanted for name, wanted in chosen if wanted}
    if not every:
        raise DataError(f"{folder} holds no page whose name starts with {only!r}")
    names, n = list(pages), 8
    chunks = [
        [(folder / "pages" / f"{name}.html", pages[name]) for name in names[i : i + n]]
        for i in range(0, len(names), n)
    ]
    if processes <= 1:
        for chunk in chunks:
            yield from _read_chunk(chunk)
        return
    # A fork of a process that runs threads (torch's, a test runner's) may never start.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for lines in pool.map(_read_chunk, chunks):
            yield from lines


def _read_chunk(chunk: Sequence[tuple[Path, list[dict[str, Any]]]]) -> list[bytes]:
    from groundling.browser.launch import launch_sync

    with launch_sync() as browser:
        return [orjson.dumps(read_page(browser, path, tasks)) for path, tasks in chunk]


def write_lines(lines: Iterable[bytes], out: Path) -> int:
    """Write lines to a file, which appears only once it is complete; returns their number."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part, n = out.with_name(out.name + ".part"), 0
    with part.open("wb") as file:
        for line in lines:
            file.write(line + b"\n")
            n += 1
    part.replace(out)
    return n


def read_lines(path: Path) -> Iterator[LabelledPage]:
    """Yield the pages of a file that `write_lines` wrote.

    Raises:
        DataError: If a line is not what it should be.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield page_of(orjson.loads(line))
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"{path}, line {number} is no labelled page: {error!r}") from error


def read_labelled(
    folder: Path, *, processes: int = 1, only: str = "", tasks: Collection[str] | None = None
) -> Iterator[LabelledPage]:
    """Read the pages of a labelled folder in a browser; see `capture`."""
    for line in capture(folder, processes=processes, only=only, tasks=tasks):
        yield page_of(orjson.loads(line))


def page_of(data: dict[str, Any]) -> LabelledPage:
    """Return a page from a line as the module describes."""
    tasks = tuple(
        LabelledTask(
            id=t["id"],
            instruction=t["instruction"],
            task_type="find_any" if t["task_type"] == "other" else t["task_type"],
            kind=t.get("kind", ""),
            accept_ids=frozenset(t["accept_ids"]),
            expect_none=bool(t["expect_none"]),
        )
        for t in data["tasks"]
    )
    snapshot = ElementSnapshot.from_json(data["snapshot"])
    return LabelledPage(data["page"], data["site"], snapshot, tasks)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Labelled folder.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="JSON lines.")
@click.option("--only", default="", help="Only pages whose name starts with this.")
@click.option("--processes", default=2, show_default=True, help="Browsers at a time.")
def main(data: Path, out: Path, only: str, processes: int) -> None:
    """Read labelled pages in a browser and write them as JSON lines."""
    n = write_lines(capture(data, processes=processes, only=only), out)
    click.echo(f"{out}: {n} pages, {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
