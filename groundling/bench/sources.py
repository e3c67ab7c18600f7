"""The data of a grounding bench: a labelled folder, pages read before, or the shipped ones."""

import hashlib
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from groundling.bench.labelled import LabelledPage, load_tasks, read_labelled, read_lines
from groundling.errors import DataError

SHIPPED = "shipped"
"""Name of the data in the package; see bench/data/README.md for what it is."""
_ARCHIVE = "pages.zip"


@dataclass(frozen=True, slots=True)
class Source:
    """Labelled data, not yet read by the page reader."""

    name: str
    path: Path
    digest: str
    """Hash of ids and instructions; two runs with the same one were asked the same."""
    kinds: dict[str, str]
    """Kind of each task by its id, in the order of the data."""

    def ids(self, kinds: Collection[str] = (), limit: int | None = None) -> tuple[str, ...]:
        """Return the ids of the tasks of some kinds, all by default.

        Args:
            kinds: As the data names them.
            limit: At most so many, spread evenly: neighbours ask about the same page.

        Raises:
            DataError: If the data knows no such kind.
        """
        unknown = sorted(set(kinds) - set(self.kinds.values()))
        if unknown:
            known = ", ".join(sorted(set(self.kinds.values()) - {""})) or "none"
            raise DataError(f"{self.name} has no tasks of kind {unknown[0]!r}: known are {known}")
        chosen = tuple(i for i, kind in self.kinds.items() if not kinds or kind in kinds)
        return spread(chosen, len(chosen) if limit is None else limit)

    def pages(self, ids: Collection[str]) -> Iterator[LabelledPage]:
        """Read the pages of these tasks, each with these tasks alone.

        Raises:
            DataError: If the data is not what it should be.
            PageError: If a page cannot be read.
        """
        wanted = frozenset(ids)
        if not wanted:
            return
        if self.path.is_dir():
            yield from read_labelled(self.path, tasks=wanted)
            return
        for page in read_lines(self.path):
            kept = tuple(t for t in page.tasks if t.id in wanted)
            if kept:
                yield replace(page, tasks=kept)


def spread(items: Sequence[str], n: int) -> tuple[str, ...]:
    """Return `n` items at even distances, or all if there are not so many."""
    if n >= len(items):
        return tuple(items)
    return tuple(items[i * len(items) // n] for i in range(n))


@contextmanager
def open_source(path: Path | None) -> Iterator[Source]:
    """Open labelled data.

    Args:
        path: A labelled folder, or JSON lines that `python -m groundling.bench.labelled` wrote;
            None takes the data that ships with the package.

    Raises:
        DataError: If it is neither.
    """
    if path is not None:
        yield _source(path, path.resolve().name)
        return
    with tempfile.TemporaryDirectory(prefix="groundling-bench-") as folder:
        with (
            (files("groundling.bench") / "data" / _ARCHIVE).open("rb") as file,
            zipfile.ZipFile(file) as archive,
        ):
            archive.extractall(folder)
        yield _source(Path(folder), SHIPPED)


def _source(path: Path, name: str) -> Source:
    tasks = _raw_tasks(path)
    kinds = {t["id"]: str(t.get("kind", "")) for t in tasks}
    if len(tasks) != len(kinds):
        raise DataError(
            f"{path} has {len(tasks)} tasks and {len(kinds)} ids: give each task an id of its own"
        )
    digest = hashlib.sha1(usedforsecurity=False)
    for t in tasks:
        digest.update(orjson.dumps([t["id"], t["instruction"], bool(t["expect_none"])]))
    return Source(name, path, digest.hexdigest(), kinds)


def _raw_tasks(path: Path) -> list[dict[str, Any]]:
    if path.is_dir():
        return [t for page in load_tasks(path).values() for t in page]
    try:
        with path.open("rb") as file:
            tasks = [t for line in file for t in orjson.loads(line)["tasks"]]
        for t in tasks:
            _ = t["id"], t["instruction"], t["expect_none"]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is no labelled data ({error!r}): give a folder with tasks.jsonl and pages/, "
            "or what `python -m groundling.bench.labelled` wrote"
        ) from error
    return tasks
