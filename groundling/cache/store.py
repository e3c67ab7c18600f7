"""The file: SQLite in WAL mode, shared by any number of threads and processes.

Every write is one transaction that takes the write lock first, so that a process killed in the
middle leaves the file as it was before. A connection belongs to one process: after a fork the
child opens its own.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from groundling.cache.fingerprint import Fingerprint, Known
from groundling.errors import DataError

_VERSION = 1
_LOCKED_S = 10.0
_INHERITED: list[sqlite3.Connection] = []
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY,
    intent TEXT NOT NULL, task_type TEXT NOT NULL, host TEXT NOT NULL, path TEXT NOT NULL,
    element BLOB NOT NULL, page BLOB NOT NULL, version INTEGER NOT NULL,
    hits INTEGER NOT NULL, healed INTEGER NOT NULL, failures INTEGER NOT NULL,
    created REAL NOT NULL, updated REAL NOT NULL, used REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS by_key ON entries (intent, task_type, host, path);
CREATE INDEX IF NOT EXISTS by_use ON entries (used);
"""


@dataclass(frozen=True, slots=True)
class Key:
    """What an entry is filed under, but for the structure of its page."""

    intent: str
    task_type: str
    host: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A remembered element."""

    id: int
    key: Key
    element: Fingerprint
    page: Known = field(repr=False)
    version: int
    """Counts the writes; a verdict about an older version is void."""
    hits: int
    """Verified steps that it served."""
    healed: int
    """Times that it was rewritten because the page had changed."""
    failures: int
    """Failed steps since the last verified one; above 0 it is not used."""
    created: float
    """Seconds since the epoch, like `updated` and `used`."""
    updated: float
    used: float

    def to_json(self) -> dict[str, Any]:
        """Return the entry as plain JSON, the checksums of its page left out."""
        return {
            "id": self.id,
            "intent": self.key.intent,
            "task_type": self.key.task_type,
            "host": self.key.host,
            "path": self.key.path,
            "hits": self.hits,
            "healed": self.healed,
            "failures": self.failures,
            "created": round(self.created, 3),
            "updated": round(self.updated, 3),
            "used": round(self.used, 3),
            "element": self.element.to_json(),
        }


class Store:
    """Entries in a SQLite file."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            DataError: If it cannot be opened, is no cache, or is one of another version.
        """
        self.path = path
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._pid = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Names of pages and buttons may be nobody else's business.
            path.touch(mode=0o600)
            with self.writing() as db:
                _prepare(db, path)
        except (sqlite3.Error, OSError) as error:
            raise DataError(
                f"{path} cannot be used as an action cache ({error}): give another file, or delete "
                "this one"
            ) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection of this process."""
        with self._lock:
            yield self._connection()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection inside a transaction that holds the file's write lock."""
        with self._lock:
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def _connection(self) -> sqlite3.Connection:
        if self._db is None or self._pid != os.getpid():
            if self._db is not None:
                # SQLite forbids to use, or even to close, a connection that came through a fork.
                _INHERITED.append(self._db)
            self._db, self._pid = self._open(), os.getpid()
        return self._db

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self.path, timeout=_LOCKED_S, isolation_level=None, check_same_thread=False
        )
        # Two processes that switch a new file to WAL at once do not wait for each other.
        until = time.monotonic() + _LOCKED_S
        while True:
            try:
                db.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
        # Safe against a killed process; a power failure may lose the last writes, not the file.
        db.execute("PRAGMA synchronous = NORMAL")
        return db

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None and self._pid == os.getpid():
                self._db.close()
            self._db = None

    def of_key(self, db: sqlite3.Connection, key: Key) -> list[Entry]:
        """Return the entries of a key, one for each structure of its page."""
        where = "intent = ? AND task_type = ? AND host = ? AND path = ?"
        args = (key.intent, key.task_type, key.host, key.path)
        return self.select(db, where, args)

    def select(
        self, db: sqlite3.Connection, where: str = "1", args: tuple[Any, ...] = ()
    ) -> list[Entry]:
        """Return the entries that a condition of ours holds for; unreadable ones are left out."""
        rows = db.execute(f"SELECT {_COLUMNS} FROM entries WHERE {where} ORDER BY id", args)
        return [e for e in map(_entry, rows) if e is not None]


_COLUMNS = (
    "id, intent, task_type, host, path, element, page, version, hits, healed, failures, created, "
    "updated, used"
)


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    found = db.execute("PRAGMA user_version").fetchone()[0]
    foreign = found == 0 and db.execute("SELECT 1 FROM sqlite_master").fetchone()
    if foreign or found not in (0, _VERSION):
        what = "holds other tables" if foreign else f"has version {found}, this is {_VERSION}"
        raise DataError(f"{path} {what}: give another file, or delete this one")
    if found == 0:
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {_VERSION}")


def _entry(row: tuple[Any, ...]) -> Entry | None:
    try:
        element = Fingerprint.from_json(orjson.loads(row[5]))
        page = Known.from_bytes(row[6])
    except (ValueError, TypeError, AttributeError):
        return None
    return Entry(
        id=row[0],
        key=Key(*row[1:5]),
        element=element,
        page=page,
        version=row[7],
        hits=row[8],
        healed=row[9],
        failures=row[10],
        created=row[11],
        updated=row[12],
        used=row[13],
    )


def packed(element: Fingerprint) -> bytes:
    """Return an element as the file holds it."""
    return orjson.dumps(element.to_json())
