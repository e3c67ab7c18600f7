"""Results on disk: JSON lines, a header first, then one row a task; a run can be taken up again."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from groundling.bench.cases import Row
from groundling.errors import DataError


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

    def add(self, row: Row) -> None:
        """Append a row."""
        self._file.write(json.dumps(row.to_json(), ensure_ascii=False) + "\n")
        self._file.flush()


def read_results(path: Path) -> Results:
    """Read a results file; a last line cut short by an interruption is left out.

    Raises:
        DataError: If the file is missing or holds something else.
    """
    results, _ = _read(path)
    return results


@contextmanager
def open_results(
    path: Path, header: Mapping[str, Any], *, resume: bool
) -> Iterator[tuple[ResultsWriter, tuple[Row, ...]]]:
    """Open a results file for writing; yield the writer and the rows it already holds.

    Args:
        path: The file; its folder is made.
        header: What is run.
        resume: Go on with the file if it is there.

    Raises:
        DataError: If the file exists and `resume` is not set, was written by another run, or the
            place cannot be written.
    """
    rows: tuple[Row, ...] = ()
    fresh = True
    begun = path.is_file() and b"\n" in path.read_bytes()
    if begun and resume:
        rows, fresh = _taken_up(path, header), False
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


def _taken_up(path: Path, header: Mapping[str, Any]) -> tuple[Row, ...]:
    """Return the rows of a file to go on with, and cut off a line that was not finished."""
    results, end = _read(path)
    wanted = json.loads(json.dumps(dict(header)))
    different = sorted(
        k for k in {*wanted, *results.header} if wanted.get(k) != results.header.get(k)
    )
    if different:
        told = ", ".join(f"{k} {results.header.get(k)!r}, now {wanted.get(k)!r}" for k in different)
        raise DataError(f"{path} is of another run ({told}): choose another file")
    with path.open("r+b") as file:
        file.truncate(end)
    return results.rows


def _read(path: Path) -> tuple[Results, int]:
    """Return the results and the number of bytes in whole lines."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read results {path} ({error.strerror})") from error
    end = data.rfind(b"\n") + 1
    lines = data[:end].splitlines()
    try:
        header = json.loads(lines[0])["header"]
        rows = tuple(Row.from_json(json.loads(line)) for line in lines[1:])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} holds no results of `groundling bench`: {error!r}") from error
    return Results(header, rows), end
