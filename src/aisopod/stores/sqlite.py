"""The state of profiles and models in an SQLite file.

https://www.sqlite.org/pragma.html#pragma_data_version: whether another connection has written.
"""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from aisopod.policy.health import Health
from aisopod.stores.sqlite_file import SqliteFile
from aisopod.stores.store import (
    KEPT_SECONDS,
    Events,
    Snapshot,
    StoreBusyError,
    decoded,
    encoded,
    folded,
)

__all__ = ["SqliteStore"]

QUICK_WRITES = 500
"""Every so many writes one goes to the thread, which also moves the log into the file."""

MOST_SEEN = 10_000
"""Records that are kept in memory beside the file."""

MOST_VARIABLES = 900
"""What one statement may have in any build of SQLite is 999."""

_EMPTY = Health()


class SqliteStore(SqliteFile):
    """One file.

    Args:
        path: the file; it and its folder are made when missing, for their owner only.
    """

    migrations: tuple[str, ...] = (
        "CREATE TABLE health (key TEXT PRIMARY KEY, record BLOB NOT NULL, touched REAL NOT NULL)",
    )

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._quick_writes = 0

    def _begin(self) -> None:
        super()._begin()
        # What was read at a version of the file; only others' writes change that version.
        self._version = 0
        self._seen: dict[str, Health | None] = {}

    def read(self, keys: Iterable[str]) -> Snapshot:
        """The records of these keys."""
        wanted = list(keys)
        with self._turn("read"):
            return self._guarded(lambda: self._read(wanted))

    def _read(self, wanted: Sequence[str]) -> Snapshot:
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
        records = {key: record for key in wanted if (record := seen[key]) is not None}
        return Snapshot(time.time(), records, is_old=not missing)

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
        with self._turn("write"):
            return self._guarded(lambda: self._applied(self._writing(), events))

    def _applied_at_once(self, events: Events) -> dict[str, Health]:
        """Without a thread's cost, where nobody else is writing, and nothing costs more than that."""
        self._quick_writes += 1
        # Not the first: what a process that ends soon has to tell is told at once.
        due = self._quick_writes % QUICK_WRITES == 2
        if due or self._is_removed():
            raise StoreBusyError(f"{self.name}: this is for the thread that writes")
        try:
            with self._turn("read"):
                changed = self._applied(self._reading(), events)
        except (sqlite3.Error, OSError) as error:
            # What it is beside busy, the thread that writes finds out, and mends.
            raise StoreBusyError(f"{self.name}: {error}") from error
        self._seen.update((key, record) for key, record in changed.items() if key in self._seen)
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
        with self._turn("read"):
            rows = self._guarded(
                lambda: self._reading().execute("SELECT key, record FROM health").fetchall()
            )
        return Snapshot(time.time(), {key: decoded(record) for key, record in rows})

    def _opened(self, connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM health WHERE touched < ?", (time.time() - KEPT_SECONDS,))

    def _close_reader(self) -> None:
        super()._close_reader()
        self._version, self._seen = 0, {}
