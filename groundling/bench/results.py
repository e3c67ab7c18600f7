"""Results on disk: JSON lines, a header first, then one row a task; a run can be taken up again."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from groundling.bench.cases import Row
from groundling.errors import DataError

R = TypeVar("R", bound="Writable")


class Writable(Protocol):
    """A row of any bench."""

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict."""
        ...


@dataclass(frozen=True, slots=True)
class Results:
    """What a results file holds."""

    header: Mapping[str, Any]
    """What was run: bench, data, model, settings; two runs with the same one can be joined."""
    rows: tuple[Row, ...]


class ResultsWriter:
    """An open results file; every row is on disk before the next task starts."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def add(self, row: Writable) -> None:
        """Append a row."""
        self._file.write(json.dumps(row.to_json(), ensure_ascii=False) + "\n")
        self._file.flush()


def read_results(path: Path) -> Results:
    """Read a results file; a last line cut short by an interruption is left out.

    Raises:
        DataError: If the file is missing or holds something else.
    """
    header, rows, _ = _read(path, Row.from_json)
    return Results(header, rows)


@contextmanager
def kept_rows(
    path: Path | None,
    header: Mapping[str, Any],
    row_of: Callable[[Mapping[str, Any]], R],
    *,
    resume: bool,
) -> Iterator[tuple[Callable[[R], None], tuple[R, ...]]]:
    """Yield what keeps a row, and the rows kept before; see `open_rows`. No path keeps none."""
    if path is None:
        yield (lambda _: None), ()
        return
    with open_rows(path, header, row_of, resume=resume) as (writer, before):
        yield writer.add, before


@contextmanager
def open_rows(
    path: Path,
    header: Mapping[str, Any],
    row_of: Callable[[Mapping[str, Any]], R],
    *,
    resume: bool,
) -> Iterator[tuple[ResultsWriter, tuple[R, ...]]]:
    """Open a results file for writing; yield the writer and the rows it already holds.

    Args:
        path: The file; its folder is made.
        header: What is run.
        row_of: Rebuilds a row from what its `to_json` returned.
        resume: Go on with the file if it is there.

    Raises:
        DataError: If the file exists and `resume` is not set, was written by another run, or the
            place cannot be written.
    """
    rows: tuple[R, ...] = ()
    fresh = True
    begun = path.is_file() and b"\n" in path.read_bytes()
    if begun and resume:
        rows, fresh = _taken_up(path, header, row_of), False
    elif begun:
        raise DataError(f"{path} exists: add --resume to go on with it, or choose another file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w" if fresh else "a", encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write {path} ({error.strerror}): choose another file") from error
    with file:
        if fresh:
            file.write(json.dumps({"header": dict(header)}) + "\n")
            file.flush()
        yield ResultsWriter(file), rows


def _taken_up(
    path: Path, header: Mapping[str, Any], row_of: Callable[[Mapping[str, Any]], R]
) -> tuple[R, ...]:
    """Return the rows of a file to go on with, and cut off a line that was not finished."""
    before, rows, end = _read(path, row_of)
    wanted = json.loads(json.dumps(dict(header)))
    different = sorted(k for k in {*wanted, *before} if wanted.get(k) != before.get(k))
    if different:
        told = ", ".join(f"{k} {before.get(k)!r}, now {wanted.get(k)!r}" for k in different)
        raise DataError(f"{path} is of another run ({told}): choose another file")
    with path.open("r+b") as file:
        file.truncate(end)
    return rows


def _read(
    path: Path, row_of: Callable[[Mapping[str, Any]], R]
) -> tuple[Mapping[str, Any], tuple[R, ...], int]:
    """Return the header, the rows and the number of bytes in whole lines."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read results {path} ({error.strerror})") from error
    end = data.rfind(b"\n") + 1
    lines = data[:end].splitlines()
    try:
        header = json.loads(lines[0])["header"]
        rows = tuple(row_of(json.loads(line)) for line in lines[1:])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} holds no results of `groundling bench`: {error!r}") from error
    return header, rows, end
