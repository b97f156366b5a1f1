"""One SQLite file, shared by the processes of a machine.

https://www.sqlite.org/wal.html: in WAL mode readers never wait for writers, nor writers for them.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

from aisopod.stores.store import StoreError

__all__ = ["SqliteFile"]

log = logging.getLogger("aisopod.state")

WRITE_WAIT_SECONDS = 5.0
"""Writers queue; only the thread that writes waits."""
OPEN_WAIT_SECONDS = 0.25
"""For those who open the file at the same moment."""

# Results that say that the file is no database (any more), not that it is busy.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_T = TypeVar("_T")


class SqliteFile:
    """Its connections, its versions, and what to do when it is damaged.

    Args:
        path: the file; it and its folder are made when missing, for their owner only.

    Attributes:
        migrations: statements; the place of each is the version that it leads to.
    """

    remote = False
    migrations: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.name = f"sqlite:{path}"
        self._path = path
        self._pid = os.getpid()
        self._begin()

    def _begin(self) -> None:
        """Nothing is open. A connection is used, and closed, by one thread at a time."""
        self._read_lock, self._write_lock = threading.Lock(), threading.Lock()
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        # Counts the files that stood at the path; what is open of an older one is of no use.
        self._file_lock = threading.Lock()
        self._file = self._reader_file = self._writer_file = 0

    def close(self) -> None:
        """Close the file."""
        with self._turn("write"):
            self._close_writer()
        with self._turn("read"):
            self._close_reader()

    def _reading(self) -> sqlite3.Connection:
        if self._reader_file != self._file:
            self._close_reader()
        if self._reader is None:
            self._reader_file = self._file
            self._reader = self._connected_reader()
        return self._reader

    def _connected_reader(self) -> sqlite3.Connection:
        if not self._path.exists():
            self._make()
        reader = self._connected(OPEN_WAIT_SECONDS)
        try:
            # Whoever finds the file as it should be waits for nobody who writes.
            if _version(reader, self.migrations) < len(self.migrations):
                self._make()
            # Moving the log into the file is for the thread that writes.
            reader.execute("PRAGMA wal_autocheckpoint = 0")
            # From now on nobody is waited for.
            reader.execute("PRAGMA busy_timeout = 0")
        except BaseException:
            reader.close()
            raise
        return reader

    def _make(self) -> None:
        with self._turn("write"):
            self._writing()

    def _writing(self) -> sqlite3.Connection:
        if self._is_removed():
            self._renew(self._file)
        if self._writer_file != self._file:
            self._close_writer()
        if self._writer is None:
            self._writer_file = self._file
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made before SQLite does, whose other files take their mode from it.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = self._connected(WRITE_WAIT_SECONDS)
            try:
                _migrate(connection, self.migrations)
                self._opened(connection)
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

    def _is_removed(self) -> bool:
        """Whether what is open is a file that nobody else will ever find."""
        return bool(self._reader or self._writer) and not self._path.exists()

    def _turn(self, kind: Literal["read", "write"]) -> threading.Lock:
        """What is held by whoever uses that connection."""
        if self._pid != os.getpid():
            # A connection must not be used on both sides of a fork, and the thread that may hold
            # a lock is not on this side.
            self._pid = os.getpid()
            self._begin()
        return self._read_lock if kind == "read" else self._write_lock

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def _opened(self, connection: sqlite3.Connection) -> None:
        """The file is open for writing, and of this version."""

    def _guarded(self, act: Callable[[], _T]) -> _T:
        """Run it; a damaged file is set aside and begun anew, anything else is a StoreError."""
        file = self._file
        try:
            try:
                return act()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
            # Another process may have begun it anew, while this one has the old file open.
            self._renew(file)
            file = self._file
            try:
                return act()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._set_aside(file, error)
                return act()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self.name}: {error}") from error

    def _renew(self, file: int) -> None:
        """Both connections are opened again when they are next used; once for each file."""
        with self._file_lock:
            if self._file == file:
                self._file += 1

    def _set_aside(self, file: int, error: sqlite3.Error) -> None:
        with self._file_lock:
            if self._file != file:
                return  # the other thread was faster
            aside = self._path.with_name(f"{self._path.name}.damaged-{time.time_ns()}")
            self._path.replace(aside)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._file += 1
        log.warning("the state file is damaged (%s): it was set aside as %s", error, aside)


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def _migrate(connection: sqlite3.Connection, migrations: tuple[str, ...]) -> None:
    """Bring the file to this version, one process at a time."""
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        connection.execute("PRAGMA journal_mode = WAL")
    if _version(connection, migrations) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited for its turn.
        for statement in migrations[_version(connection, migrations) :]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, migrations: tuple[str, ...]) -> int:
    """The file's version; one that a newer aisopod made is left as it is."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(migrations):
        raise StoreError(
            f"the file is of version {version}, newer than this aisopod's "
            f"{len(migrations)}: upgrade aisopod, or name another file"
        )
    return version
