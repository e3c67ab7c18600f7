"""Action cache: what a verified step acted on, found again on later visits without a model.

    agent = LocalLLMWebAgent(llm, cache="actions.db")

An entry is filed under the instruction, the task type and the template of the page (host, path
shape, structure) and holds a fingerprint of the element. A lookup returns an element only if it is
surely the remembered one; otherwise the model decides as if there were no cache. Nothing that was
typed or is held by a field is kept.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from groundling.cache.fingerprint import Fingerprint, Known, alike, fingerprint, known, structure
from groundling.cache.intent import mentions, normalised, page_of, relative_word
from groundling.cache.match import changes, find_again
from groundling.cache.store import Entry, Key, Store, packed
from groundling.elements import ElementSnapshot, RawElement
from groundling.errors import DataError

__all__ = ["ActionCache", "Entry", "Fingerprint", "Key", "Recall", "default_path"]

log = logging.getLogger(__name__)

_MAX_ENTRIES = 20_000
_MAX_STRUCTURES = 8
"""Entries of one key: views of one address that are built differently."""
_SAME_TEMPLATE = 0.3
"""Share of the kinds of elements that two states of one template have in common at least."""
_FAILURES = 2
"""Failed steps in a row that remove an entry; the first one only suspends it."""
_MAX_TYPED = 1000
_TYPED_ROLES = ("textbox", "searchbox", "combobox", "spinbutton")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """What a lookup found; truthy when an element may be used."""

    element: RawElement | None
    entry: Entry | None = None
    """The entry that was tried, also where its element was refused."""
    confidence: float = 0.0
    """Probability that the element is the remembered one, in [0, 1]."""
    margin: float = 0.0
    """Distance to the second best, in nats."""
    changed: tuple[str, ...] = ()
    """What is not as remembered, e.g. `name 'Save' is now 'Save all'`."""
    reason: str = ""
    """Why no element is returned."""

    def __bool__(self) -> bool:
        return self.element is not None


class ActionCache:
    """Remembered elements in a SQLite file; safe to share among threads and processes."""

    def __init__(self, path: Path | str | None = None, *, max_entries: int = _MAX_ENTRIES) -> None:
        """Open or make the file.

        Args:
            path: The file; by default `groundling/actions.db` in the user's cache folder. It must
                lie on a disk of this machine: SQLite's WAL mode does not work on network shares.
            max_entries: The least recently used entries beyond it are removed.

        Raises:
            DataError: If the file cannot be used.
        """
        if max_entries < 1:
            raise ValueError(f"`max_entries` is {max_entries}: it must be at least 1")
        self.path = Path(path) if path is not None else default_path()
        self.max_entries = max_entries
        self._store = Store(self.path)
        self._typed: dict[str, None] = {}
        self._lock = threading.Lock()

    def find(self, snapshot: ElementSnapshot, instruction: str, task_type: str) -> Recall:
        """Return the element that served this instruction before, if it is surely on the page.

        A file that cannot be read is a miss, with a warning.
        """
        key = _key(snapshot, instruction, task_type)
        try:
            with self._store.reading() as db:
                entries = self._store.of_key(db, key)
        except sqlite3.Error as error:
            log.warning("%s cannot be read (%s): the model decides", self.path, error)
            return Recall(element=None, reason=f"the cache cannot be read: {error}")
        entry, share = _closest(entries, snapshot)
        if entry is None:
            return Recall(element=None, reason="nothing is remembered")
        if share < _SAME_TEMPLATE:
            reason = f"the page is built differently: {share:.0%} of its kinds of elements agree"
            return Recall(element=None, reason=reason)
        if entry.failures:
            return Recall(element=None, entry=entry, reason="it failed the last time it was used")
        match = find_again(entry.element, entry.page, snapshot)
        return Recall(
            element=match.element,
            entry=entry,
            confidence=match.confidence,
            margin=match.margin,
            changed=match.changed,
            reason=match.reason,
        )

    def keep(
        self,
        snapshot: ElementSnapshot,
        instruction: str,
        task_type: str,
        element: RawElement,
        *,
        private: Iterable[str] = (),
    ) -> bool:
        """Write or renew the entry of a step that was verified; return whether it was kept.

        Args:
            snapshot: The page before the step.
            instruction: What was asked for.
            task_type: One of `TASK_TYPES`.
            element: What the step acted on.
            private: Texts that must not be written, in addition to those typed so far and those
                that fields of the page hold.
        """
        key = _key(snapshot, instruction, task_type)
        hidden = {*private, *self._typed, *_held(snapshot)}
        why = _unfit(key, instruction, element, hidden)
        if why:
            log.info("not remembered: %s", why)
            return False
        saved = fingerprint(element, snapshot).without(hidden)
        try:
            self._write(key, saved, known(element, snapshot), element)
        except sqlite3.Error as error:
            # The step itself is done; only the next one will be slower.
            log.warning("%s cannot be written (%s): not remembered", self.path, error)
            return False
        return True

    def _write(self, key: Key, saved: Fingerprint, page: Known, element: RawElement) -> None:
        now = time.time()
        with self._store.writing() as db:
            entries = self._store.of_key(db, key)
            old, share = _nearest(entries, page.structure)
            if old is not None and share >= _SAME_TEMPLATE:
                healed = bool(changes(old.element, element))
                db.execute(
                    "UPDATE entries SET element = ?, page = ?, version = version + 1, "
                    "hits = hits + 1, healed = healed + ?, failures = 0, updated = ?, used = ? "
                    "WHERE id = ?",
                    (packed(saved), page.to_bytes(), healed, now, now, old.id),
                )
                return
            db.execute(
                "INSERT INTO entries (intent, task_type, host, path, element, page, version, "
                "hits, healed, failures, created, updated, used) "
                "VALUES (?, ?, ?, ?, ?, ?, 1, 1, 0, 0, ?, ?, ?)",
                (*_args(key), packed(saved), page.to_bytes(), now, now, now),
            )
            self._make_room(db, key)

    def _make_room(self, db: sqlite3.Connection, key: Key) -> None:
        db.execute(
            "DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE intent = ? AND "
            "task_type = ? AND host = ? AND path = ? ORDER BY used DESC LIMIT -1 OFFSET ?)",
            (*_args(key), _MAX_STRUCTURES),
        )
        n = db.execute("SELECT COUNT(*) FROM entries").fetchone()[0]
        if n > self.max_entries:
            db.execute(
                "DELETE FROM entries WHERE id IN (SELECT id FROM entries ORDER BY used LIMIT ?)",
                (n - self.max_entries,),
            )

    def fail(self, entry: Entry) -> None:
        """Note that a step failed with, or instead of, this entry: suspend it, then remove it.

        Without effect if it was written anew meanwhile.
        """
        args = (entry.id, entry.version)
        try:
            with self._store.writing() as db:
                db.execute(
                    "UPDATE entries SET failures = failures + 1 WHERE id = ? AND version = ?", args
                )
                db.execute(
                    "DELETE FROM entries WHERE id = ? AND version = ? AND failures >= ?",
                    (*args, _FAILURES),
                )
        except sqlite3.Error as error:
            log.warning("%s cannot be written (%s): the entry stays", self.path, error)

    def typed(self, *texts: str) -> None:
        """Note texts that were typed, so that no entry of this process holds them."""
        with self._lock:
            self._typed |= dict.fromkeys(t for t in texts if t.strip())
            while len(self._typed) > _MAX_TYPED:
                del self._typed[next(iter(self._typed))]

    def entries(self, host: str = "") -> list[Entry]:
        """Return all entries, or those of one host, the oldest first.

        Raises:
            DataError: If the file cannot be read.
        """
        where, args = ("host = ?", (host,)) if host else ("1", ())
        with self._named_errors(), self._store.reading() as db:
            return self._store.select(db, where, args)

    def get(self, entry_id: int) -> Entry | None:
        """Return one entry, or None.

        Raises:
            DataError: If the file cannot be read.
        """
        with self._named_errors(), self._store.reading() as db:
            found = self._store.select(db, "id = ?", (entry_id,))
        return found[0] if found else None

    def clear(self, ids: Iterable[int] | None = None, *, host: str = "") -> int:
        """Remove entries by id, those of a host, or all; return how many.

        Raises:
            DataError: If the file cannot be written.
        """
        with self._named_errors(), self._store.writing() as db:
            if ids is not None:
                removed = [db.execute("DELETE FROM entries WHERE id = ?", (i,)) for i in ids]
                return sum(r.rowcount for r in removed)
            if host:
                return db.execute("DELETE FROM entries WHERE host = ?", (host,)).rowcount
            return db.execute("DELETE FROM entries").rowcount

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def _named_errors(self) -> "_Named":
        return _Named(self.path)


class _Named:
    """Turns SQLite's errors into ours."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise DataError(f"{self.path} cannot be used ({error}): delete it") from error


def default_path() -> Path:
    """Return where actions are kept unless told otherwise."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "groundling" / "actions.db"


def _key(snapshot: ElementSnapshot, instruction: str, task_type: str) -> Key:
    return Key(normalised(instruction), task_type, *page_of(snapshot.url))


def _args(key: Key) -> tuple[str, str, str, str]:
    return key.intent, key.task_type, key.host, key.path


def _closest(entries: list[Entry], snapshot: ElementSnapshot) -> tuple[Entry | None, float]:
    return _nearest(entries, structure(snapshot)) if entries else (None, 0.0)


def _nearest(entries: list[Entry], now: frozenset[int]) -> tuple[Entry | None, float]:
    shares = [(alike(e.page.structure, now), -e.failures, e.updated, e) for e in entries]
    best = max(shares, key=lambda s: s[:3], default=None)
    return (best[3], best[0]) if best else (None, 0.0)


def _held(snapshot: ElementSnapshot) -> set[str]:
    """Return what the fields of a page hold."""
    return {
        e.value
        for e in snapshot.elements
        if e.value and (e.role in _TYPED_ROLES or e.tag == "textarea") and not e.options
    }


def _unfit(key: Key, instruction: str, element: RawElement, hidden: set[str]) -> str:
    """Return why a step is not remembered, or ""."""
    if not key.intent:
        return "there was no instruction"
    word = relative_word(instruction, element)
    if word:
        return f"{word!r} depends on what the page shows at the time"
    for what, text in (("the instruction", instruction), ("the address", key.path)):
        if mentions(text, hidden):
            return f"{what} holds a text that was typed"
    if mentions(element.text, hidden):
        return "the element's name holds a text that was typed"
    return ""
