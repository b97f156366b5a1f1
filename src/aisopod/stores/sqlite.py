"""State in one SQLite file, shared by the processes of a machine.

https://www.sqlite.org/wal.html: in WAL mode readers never wait for writers, nor writers for them.
https://www.sqlite.org/pragma.html#pragma_data_version: whether another connection has written.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from aisopod.policy.health import Health
from aisopod.stores.store import (
    KEPT_SECONDS,
    Events,
    Snapshot,
    StoreBusyError,
    StoreError,
    decoded,
    encoded,
    folded,
)

__all__ = ["SqliteStore"]

log = logging.getLogger("aisopod.state")

WRITE_WAIT_SECONDS = 5.0
"""Writers queue; only the thread that writes waits."""

QUICK_WRITES = 500
"""Every so many writes one goes to the thread, which also moves the log into the file."""

MOST_SEEN = 10_000
"""Records that are kept in memory beside the file."""

MOST_VARIABLES = 900
"""What one statement may have in any build of SQLite is 999."""

# The place of a statement is the version that it leads to.
MIGRATIONS: tuple[str, ...] = (
    "CREATE TABLE health (key TEXT PRIMARY KEY, record BLOB NOT NULL, touched REAL NOT NULL)",
)

# Results that say that the file is no database (any more), not that it is busy.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_EMPTY = Health()
_T = TypeVar("_T")


class SqliteStore:
    """One file.

    Args:
        path: the file; it and its folder are made when missing, for their owner only.
    """

    remote = False

    def __init__(self, path: Path) -> None:
        self.name = f"sqlite:{path}"
        self._path = path
        self._lock = threading.Lock()
        self._pid = 0
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._quick_writes = 0
        # What was read at a version of the file; only others' writes change that version.
        self._version = 0
        self._seen: dict[str, Health | None] = {}

    def read(self, keys: Iterable[str]) -> Snapshot:
        """The records of these keys."""
        wanted = list(keys)
        records = self._guarded(lambda: self._read(wanted))
        return Snapshot(time.time(), records)

    def _read(self, wanted: Sequence[str]) -> dict[str, Health]:
        connection = self._reading()
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version != self._version or len(self._seen) > MOST_SEEN:
            self._version, self._seen = version, {}
        seen = self._seen
        missing = [key for key in wanted if key not in seen]
        if missing:
            seen.update(dict.fromkeys(missing))
            rows = self._selected(connection, missing)
            seen.update((key, decoded(record)) for key, record in rows)
        return {key: record for key in wanted if (record := seen[key]) is not None}

    @staticmethod
    def _selected(connection: sqlite3.Connection, wanted: Sequence[str]) -> list[tuple[str, bytes]]:
        rows: list[tuple[str, bytes]] = []
        for start in range(0, len(wanted), MOST_VARIABLES):
            part = wanted[start : start + MOST_VARIABLES]
            marks = ",".join("?" * len(part))
            statement = f"SELECT key, record FROM health WHERE key IN ({marks})"  # noqa: S608 - marks only
            rows += connection.execute(statement, part).fetchall()
        return rows

    def apply(self, events: Events, *, wait: bool = True) -> dict[str, Health]:
        """Apply events in one transaction; gives the records that they led to."""
        if not wait:
            return self._applied_at_once(events)
        with self._lock:
            return self._guarded(lambda: self._applied(self._writing(), events))

    def _applied_at_once(self, events: Events) -> dict[str, Health]:
        """Without a thread's cost, where nobody else is writing, and nothing costs more than that."""
        self._quick_writes += 1
        if self._writer is None or self._quick_writes % QUICK_WRITES == 0:
            raise StoreBusyError(f"{self.name}: this is for the thread that writes")
        try:
            changed = self._applied(self._reading(), events)
        except sqlite3.Error as error:
            # What it is beside busy, the thread that writes finds out, and mends.
            raise StoreBusyError(f"{self.name}: {error}") from error
        self._seen.update(changed)
        return changed

    @staticmethod
    def _applied(connection: sqlite3.Connection, events: Events) -> dict[str, Health]:
        now = time.time()
        changed: dict[str, Health] = {}
        rows: list[tuple[str, bytes, float]] = []
        connection.execute("BEGIN IMMEDIATE")
        try:
            for key, happened in events.items():
                row = connection.execute(
                    "SELECT record FROM health WHERE key = ?", (key,)
                ).fetchone()
                changed[key] = folded(_EMPTY if row is None else decoded(row[0]), happened)
                rows.append((key, encoded(changed[key], row and row[0]), now))
            connection.executemany(
                "INSERT INTO health VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE"
                " SET record = excluded.record, touched = excluded.touched",
                rows,
            )
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return changed

    def scan(self) -> Snapshot:
        """All records."""
        rows = self._guarded(
            lambda: self._reading().execute("SELECT key, record FROM health").fetchall()
        )
        return Snapshot(time.time(), {key: decoded(record) for key, record in rows})

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            for connection in (self._reader, self._writer):
                if connection is not None and self._pid == os.getpid():
                    connection.close()
            self._forget()

    def _reading(self) -> sqlite3.Connection:
        self._forget_parents()
        if self._reader is None:
            with self._lock:
                self._writing()
            self._reader = self._connected(0.0)
            # Moving the log into the file is for the thread that writes.
            self._reader.execute("PRAGMA wal_autocheckpoint = 0")
        return self._reader

    def _writing(self) -> sqlite3.Connection:
        self._forget_parents()
        if self._writer is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made before SQLite does, whose other files take their mode from it.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = self._connected(WRITE_WAIT_SECONDS)
            try:
                _migrate(connection)
            except BaseException:
                connection.close()
                raise
            self._writer = connection
        return self._writer

    def _connected(self, wait: float) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=wait, isolation_level=None, check_same_thread=False
        )
        # A lost last moment after a power cut costs a cooldown, not a chat: no fsync per commit.
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    def _forget_parents(self) -> None:
        """A connection must not be used on both sides of a fork."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._forget()

    def _forget(self) -> None:
        self._reader = self._writer = None
        self._version, self._seen = 0, {}

    def _guarded(self, act: Callable[[], _T]) -> _T:
        """Run it; a damaged file is set aside and begun anew, anything else is a StoreError."""
        try:
            try:
                return act()
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
                    raise
                self._set_aside(error)
                return act()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self.name}: {error}") from error

    def _set_aside(self, error: sqlite3.Error) -> None:
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        self._forget()
        aside = self._path.with_name(f"{self._path.name}.damaged-{time.time_ns()}")
        self._path.replace(aside)
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        log.warning("the state file is damaged (%s): it was set aside as %s", error, aside)


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to this version, one process at a time."""
    connection.execute("PRAGMA journal_mode = WAL")
    if _version(connection) == len(MIGRATIONS):
        connection.execute("DELETE FROM health WHERE touched < ?", (time.time() - KEPT_SECONDS,))
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited for its turn.
        for statement in MIGRATIONS[_version(connection) :]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    """The file's version; one that a newer aisopod made is left as it is."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the state file is of version {version}, newer than this aisopod's "
            f"{len(MIGRATIONS)}: upgrade aisopod, or name another file"
        )
    return version
