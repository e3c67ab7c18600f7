"""`groundling train collect`: steps that were verified become labelled examples.

A trace holds what that needs only where it was asked to: `Trace(path, pages=True)`. Labelled
folders, and pages read before, can be added to the same file; the trainers read it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import orjson

from groundling.bench.labelled import capture, read_lines, write_lines
from groundling.elements import ElementSnapshot, RawElement
from groundling.errors import DataError
from groundling.prompts import element_lines
from groundling.trace import read_trace, scrubbed

Page = dict[str, Any]
"""A line of the labelled format, see `groundling.bench.labelled`."""
Ask = Callable[["Found"], bool]
_COLUMNS, _ROWS = 60, 14
_NOT_IN_CONTENT = ("timestamp", "scroll", "read_ms", "n_nodes", "url")


@dataclass(frozen=True, slots=True)
class Found:
    """A step of a trace that can become an example."""

    id: str
    """The same whenever the same choice is made on the same page."""
    instruction: str
    task_type: str
    snapshot: dict[str, Any]
    element_id: int | None
    """What was acted on; None if the model said that nothing fits."""
    url: str
    evidence: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        """Name of the page: its site and a hash of its content."""
        return f"{self.site}-{_content(self.snapshot)}"

    @property
    def site(self) -> str:
        """Host of the address, `local` for files."""
        return urlsplit(self.url).hostname or "local"

    def elements(self) -> tuple[RawElement, ...]:
        """Return the elements of the page."""
        return ElementSnapshot.from_json(self.snapshot).elements


@dataclass(slots=True)
class Counts:
    """What became of the steps."""

    kept: int = 0
    known: int = 0
    """In the file already."""
    refused: int = 0
    """By the reviewer."""
    not_verified: int = 0
    without_page: int = 0
    """Verified, but the trace kept no page."""
    imported: int = 0
    """Tasks of labelled pages."""

    def __str__(self) -> str:
        return (
            f"{self.kept} steps and {self.imported} labelled tasks added, {self.known} known "
            f"already, {self.refused} refused, {self.not_verified} not verified, "
            f"{self.without_page} without their page"
        )


def found_steps(steps: Iterable[dict[str, Any]], counts: Counts, *, none: bool) -> Iterator[Found]:
    """Yield the steps of one trace that were verified and can be learnt from.

    Args:
        steps: As `read_trace` returns them.
        counts: Counts the others.
        none: Also yield those where the model found nothing, for a person to confirm.
    """
    typed: set[str] = set()
    for step in steps:
        if text := step["action"].get("text"):
            typed.add(str(text))
        element, asked = step.get("element"), step.get("instruction", "").strip()
        nothing = element is None and step.get("method") == "model"
        wanted = step["status"] == "verified" and element is not None
        if not asked or not (wanted or (none and nothing)):
            counts.not_verified += bool(asked)
            continue
        if "page" not in step:
            counts.without_page += 1
            continue
        yield _found(scrubbed(step, typed), element)


def _found(step: dict[str, Any], element: dict[str, Any] | None) -> Found:
    chosen = None if element is None else int(element["id"])
    if chosen is not None and all(e["id"] != chosen for e in step["page"]["elements"]):
        raise DataError(f"a step acts on element {chosen}, which its page lacks: record it anew")
    said = [step["instruction"], step["task_type"], _content(step["page"]), chosen]
    return Found(
        id="step-" + hashlib.sha256(repr(said).encode()).hexdigest()[:12],
        instruction=step["instruction"],
        task_type=step["task_type"],
        snapshot=step["page"],
        element_id=chosen,
        url=step["url"],
        evidence=tuple(step["evidence"]),
    )


def _content(snapshot: dict[str, Any]) -> str:
    kept = {k: v for k, v in snapshot.items() if k not in _NOT_IN_CONTENT}
    return hashlib.sha256(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


class Collected:
    """The labelled pages of one file, what it held before and what is added."""

    def __init__(self, out: Path) -> None:
        """Read what `out` holds, if it is there.

        Raises:
            DataError: If it is something else.
        """
        self.out = out
        self.pages: dict[str, Page] = {}
        if out.exists():
            self._add_lines(out)

    @property
    def task_ids(self) -> set[str]:
        """Ids of all tasks."""
        return {task["id"] for page in self.pages.values() for task in page["tasks"]}

    def add_step(self, step: Found) -> None:
        """Add a step as a task of its page."""
        page = self.pages.setdefault(
            step.page,
            {"page": step.page, "site": step.site, "snapshot": step.snapshot, "tasks": []},
        )
        page["tasks"].append(
            {
                "id": step.id,
                "instruction": step.instruction,
                "task_type": step.task_type,
                "kind": "collected",
                "expect_none": step.element_id is None,
                "accept_ids": [] if step.element_id is None else [step.element_id],
            }
        )

    def add_labelled(self, source: Path) -> int:
        """Add a labelled folder (read in a browser), or a file of pages; returns its new tasks.

        Raises:
            DataError: If it is not what it should be, or another page has the name of one of its.
            PageError: If a page of the folder cannot be read.
        """
        before = len(self.task_ids)
        if source.is_dir():
            for line in capture(source):
                self._add(orjson.loads(line), source)
        else:
            self._add_lines(source)
        return len(self.task_ids) - before

    def _add_lines(self, path: Path) -> None:
        for _ in read_lines(path):  # refuses what is no labelled page, with its line
            pass
        for line in path.read_bytes().splitlines():
            self._add(orjson.loads(line), path)

    def _add(self, page: Page, source: Path) -> None:
        known = self.pages.setdefault(page["page"], {**page, "tasks": []})
        if _content(known["snapshot"]) != _content(page["snapshot"]):
            raise DataError(
                f"{source}: another page is named {page['page']!r}, too: rename one of the two"
            )
        ids = {task["id"] for task in known["tasks"]}
        known["tasks"] += [task for task in page["tasks"] if task["id"] not in ids]

    def save(self) -> None:
        """Write the file; what was there before stays until it is whole.

        Raises:
            DataError: If it cannot be written.
        """
        try:
            write_lines((orjson.dumps(page) for page in self.pages.values()), self.out)
        except OSError as error:
            self.out.with_name(self.out.name + ".part").unlink(missing_ok=True)
            raise DataError(f"cannot write {self.out} ({error}): it is as it was before") from error


def collect(sources: Sequence[Path], collected: Collected, ask: Ask | None = None) -> Counts:
    """Add what `sources` hold to `collected`.

    Args:
        sources: Traces, labelled folders, and files of labelled pages.
        collected: Not saved.
        ask: Confirms each step, the answer "nothing fits" included, which is only then learnt from.
            Raises `StopIteration` to end the review.

    Raises:
        DataError: If a source is none of these, or nothing in them can be learnt from.
    """
    counts = Counts()
    for source in sources:
        if source.is_dir() or _is_labelled(source):
            counts.imported += collected.add_labelled(source)
            continue
        for step in found_steps(read_trace(source), counts, none=ask is not None):
            if step.id in collected.task_ids:
                counts.known += 1
                continue
            try:
                agreed = ask is None or ask(step)
            except StopIteration:
                return counts
            counts.kept += agreed
            counts.refused += not agreed
            if agreed:
                collected.add_step(step)
    if not (counts.kept or counts.imported or counts.known or counts.refused):
        remedy = (
            "record with `Trace(path, pages=True)`" if counts.without_page else "run more steps"
        )
        raise DataError(f"nothing to learn from ({counts}): {remedy}")
    return counts


def _is_labelled(path: Path) -> bool:
    """Return whether a file holds labelled pages and no trace."""
    try:
        with path.open("rb") as file:
            first = orjson.loads(file.readline() or b"{}")
    except (OSError, ValueError):
        return False  # the trace's reader says what is wrong
    return isinstance(first, dict) and {"snapshot", "tasks"} <= first.keys()


def shown(step: Found) -> str:
    """Return what a reviewer sees: a sketch of the page, the instruction and the choice."""
    elements = step.elements()
    lines = dict(zip((e.id for e in elements), element_lines(elements), strict=True))
    chosen = "nothing on this page fits"
    if step.element_id is not None:
        chosen = lines[step.element_id]
    return "\n".join(
        [
            _sketch(elements, step.element_id),
            f"page         {step.url}",
            f"instruction  {step.instruction}",
            f"choice       {chosen}",
            *(f"seen         {text}" for text in step.evidence[:2]),
        ]
    )


def _sketch(elements: Sequence[RawElement], chosen: int | None) -> str:
    """Draw where the elements are, `#` the chosen one, `.` the others."""
    grid = [[" "] * _COLUMNS for _ in range(_ROWS)]
    width = max((e.bbox.x + e.bbox.width for e in elements), default=1.0) or 1.0
    height = max((e.bbox.y + e.bbox.height for e in elements), default=1.0) or 1.0
    for e in sorted(elements, key=lambda e: e.id == chosen):
        box = e.bbox
        top, left = int(_ROWS * box.y / height), int(_COLUMNS * box.x / width)
        bottom = int(_ROWS * (box.y + box.height / 2) / height)
        right = int(_COLUMNS * (box.x + box.width) / width)
        for row in range(max(0, top), min(_ROWS, max(top, bottom) + 1)):
            for column in range(max(0, left), min(_COLUMNS, max(right, left + 1))):
                grid[row][column] = "#" if e.id == chosen else "."
    edge = "+" + "-" * _COLUMNS + "+"
    return "\n".join([edge, *(f"|{''.join(row)}|" for row in grid), edge])


def _review(step: Found) -> bool:
    click.echo(shown(step), err=True)
    said = click.prompt("right?", type=click.Choice(["y", "n", "q"]), show_choices=True, err=True)
    if said == "q":
        raise StopIteration
    return bool(said == "y")


@click.command("collect")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="JSON lines, one for each page; what it holds already stays.",
)  # fmt: skip
@click.option("--review", is_flag=True, help="Show each step and ask whether it was right.")
def command(sources: tuple[Path, ...], out: Path, review: bool) -> None:
    """Turn the verified steps of traces, and labelled pages, into one file to train on.

    SOURCES are traces that kept their pages (`Trace(path, pages=True)`), folders of labelled pages,
    and files of pages read before. Fields are empty in it and typed texts are taken out; what else
    a page says is in the file. The last line printed is JSON.
    """
    collected = Collected(out)
    counts = collect(sources, collected, _review if review else None)
    collected.save()
    click.echo(str(counts), err=True)
    told = {
        "out": str(out),
        "pages": len(collected.pages),
        "tasks": len(collected.task_ids),
        "sites": len({page["site"] for page in collected.pages.values()}),
        "added": counts.kept + counts.imported,
    }
    click.echo(json.dumps(told))
