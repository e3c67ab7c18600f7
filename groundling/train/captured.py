"""Labelled pages as the trainers read them: one JSON line for each page.

A line holds `page`, `site`, `snapshot` (`ElementSnapshot.to_json`) and `tasks`: id, instruction,
task_type, kind, expect_none and accept_ids, the ids of the elements that count as right.
`groundling.bench.labelled` writes such lines from saved pages.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from groundling.elements import ElementSnapshot
from groundling.errors import DataError


@dataclass(frozen=True, slots=True)
class LabelledTask:
    """An instruction on a page, and the elements that fulfil it."""

    id: str
    instruction: str
    task_type: str
    kind: str
    accept_ids: frozenset[int]
    """Empty when nothing on the page fits."""


@dataclass(frozen=True, slots=True)
class LabelledPage:
    """A page as it was read, with its tasks."""

    page: str
    site: str
    snapshot: ElementSnapshot
    tasks: tuple[LabelledTask, ...]


def read_pages(path: Path) -> Iterator[LabelledPage]:
    """Yield the pages of a file.

    Raises:
        DataError: If a line is not what it should be.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield _page(json.loads(line))
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"{path}, line {number} is no labelled page: {error!r}") from error


def _page(data: dict) -> LabelledPage:  # type: ignore[type-arg]
    tasks = tuple(
        LabelledTask(
            id=t["id"],
            instruction=t["instruction"],
            task_type="find_any" if t["task_type"] == "other" else t["task_type"],
            kind=t.get("kind", ""),
            accept_ids=frozenset(t["accept_ids"]),
        )
        for t in data["tasks"]
        if t["expect_none"] or t["accept_ids"]
    )
    snapshot = ElementSnapshot.from_json(data["snapshot"])
    return LabelledPage(data["page"], data["site"], snapshot, tasks)
