"""What a process writes of its requests before they are in the store, and what it finds of others.

A line is a row of the ledger as JSON; a later line of the same id replaces an earlier one, and a
row without an outcome is a request that has only begun. Each process has a file of its own, so
nobody waits for anybody, and a lock beside it, which the system releases when the process dies.
One write on an O_APPEND descriptor is one line: whatever kills the process after it, the line is
there (the machine's own death may take the last seconds: nothing is synced).
"""

import logging
import os
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from aisopod.stores.entries import LedgerEntry
from aisopod.stores.held import hold
from aisopod.types.json_text import UNREADABLE

__all__ = ["DeadJournal", "Journal", "batches", "dead_journals", "decoded", "encoded"]

log = logging.getLogger("aisopod.state")

ROTATE_BYTES = 256 * 1024
"""From this size on what is stored is taken out of the file."""
READ_BYTES = 1024 * 1024
STALE_LOCK_SECONDS = 86400.0

_decode = msgspec.json.Decoder(LedgerEntry).decode


class Journal:
    """This process's own journal.

    Args:
        folder: where the journals of all processes are; made for its owner only.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        self._path = folder / f"{name}.jsonl"
        # Held before the journal is there, so that nobody takes it for a dead one.
        self._held = hold(_lock_path(self._path))
        self._descriptor = _opened(self._path)
        # Still there when somebody clears the folder.
        self._reader = self._path.open("rb", buffering=0)
        # Between those who write and the one who takes out what is stored.
        self._lock = threading.Lock()
        self._size = 0
        self._read = 0
        self._begun: dict[str, bytes] = {}
        self._torn = False

    def begin(self, key: str, line: bytes) -> None:
        """Write down that a request begins.

        Raises:
            OSError: it cannot be written.
        """
        with self._lock:
            self._begun[key] = line
            self._write(line)

    def end(self, key: str, line: bytes) -> None:
        """Write down how a request ended.

        Raises:
            OSError: it cannot be written.
        """
        with self._lock:
            self._begun.pop(key, None)
            self._write(line)

    def _write(self, line: bytes) -> None:
        if self._torn:
            # What stands there is half a line, on a disk that was full.
            line = b"\n" + line
        try:
            written = os.write(self._descriptor, line)
        except OSError:
            # Nothing, or a part of it: either way the next line begins on its own.
            self._torn = True
            raise
        self._size += written
        self._torn = written < len(line)
        if self._torn:
            raise OSError(f"only {written} of {len(line)} bytes could be written")

    def ended(self) -> tuple[list[LedgerEntry], int]:
        """Rows that ended since what is taken, in one reading, and the place up to which it went.

        Raises:
            OSError: the file cannot be read.
        """
        self._reader.seek(self._read)
        data = self._reader.read(READ_BYTES)
        data = data[: data.rfind(b"\n") + 1]
        rows, damaged = _rows(data)
        if damaged:
            log.warning("%d lines of the journal %s cannot be read", damaged, self._path)
        return [row for row in rows if row.outcome != "unknown"], self._read + len(data)

    def take(self, place: int) -> None:
        """What stands before `place` is stored: it is read no more."""
        self._read = place
        if self._size <= ROTATE_BYTES:
            return
        with self._lock:
            if self._read == self._size:
                try:
                    self._rotate()
                except OSError as error:
                    log.debug("the journal %s stays as long as it is: %s", self._path, error)

    def _rotate(self) -> None:
        """Begin the file anew with what has only begun; in one step, so that no kill loses it."""
        fresh = self._path.with_suffix(".new")
        data = b"".join(self._begun.values())
        descriptor = _opened(fresh)
        try:
            written = os.write(descriptor, data)
            reader = fresh.open("rb", buffering=0)
            if written == len(data):
                fresh.replace(self._path)
        except OSError:
            os.close(descriptor)
            raise
        if written < len(data):  # the disk is full
            os.close(descriptor)
            reader.close()
            return
        os.close(self._descriptor)
        self._reader.close()
        self._descriptor, self._reader = descriptor, reader
        self._size = self._read = len(data)

    def close(self) -> None:
        """Give the journal up; it is removed when all of it is stored, else others adopt it."""
        with self._lock:
            self._close_files()
            if self._read == self._size and not self._begun:
                self._path.unlink(missing_ok=True)
                _lock_path(self._path).unlink(missing_ok=True)
            self.abandon()

    def abandon(self) -> None:
        """Close it and leave it where it is; in a forked child it stays the parent's."""
        self._close_files()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _close_files(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._reader.close()
            self._descriptor = -1


class DeadJournal:
    """The journal of a process that has ended, held so that nobody else takes it.

    Attributes:
        ended: rows of requests that ended.
        begun: rows of those that had only begun, with the outcome `unknown`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        rows, damaged = _rows(path.read_bytes())
        if damaged:
            log.warning("%d lines of the journal %s cannot be read", damaged, path)
        last = {row.id: row for row in rows}
        self.ended = [row for row in last.values() if row.outcome != "unknown"]
        self.begun = [row for row in last.values() if row.outcome == "unknown"]

    def remove(self) -> None:
        """All of it is stored.

        Raises:
            OSError: the folder cannot be written.
        """
        self._path.with_suffix(".new").unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)
        _lock_path(self._path).unlink(missing_ok=True)


def dead_journals(folder: Path) -> Iterator[DeadJournal]:
    """The journals that nobody holds, each held while it is looked at.

    Raises:
        OSError: the folder cannot be read or written.
    """
    for path in sorted(folder.glob("*.jsonl")):
        held = hold(_lock_path(path))
        if held is None:
            continue
        try:
            # Somebody may have adopted and removed it before the lock was free.
            if path.exists():
                yield DeadJournal(path)
            else:
                _lock_path(path).unlink(missing_ok=True)
        finally:
            os.close(held)
    _drop_stale_locks(folder)


def _drop_stale_locks(folder: Path) -> None:
    """A kill between a lock and its journal leaves the lock; a young one may be about to be used."""
    before = time.time() - STALE_LOCK_SECONDS
    for path in folder.glob("*.lock"):
        if not path.with_suffix(".jsonl").exists() and path.stat().st_mtime < before:
            path.unlink(missing_ok=True)


def _rows(data: bytes) -> tuple[list[LedgerEntry], int]:
    """The rows of these lines, and how many lines are none; a torn last line is no damage."""
    lines = data.split(b"\n")
    rows, damaged = [], 0
    for line in lines:
        if not line:
            continue
        try:
            rows.append(_decode(line))
        except UNREADABLE:
            damaged += line is not lines[-1]
    return rows, damaged


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def encoded(entry: LedgerEntry) -> bytes:
    """A row as a line; half a character, which no UTF-8 holds, as the escape that it is written by.

    Raises:
        TypeError: a field has another type than it should.
    """
    try:
        return msgspec.json.encode(entry) + b"\n"
    except UnicodeEncodeError:
        told = msgspec.structs.asdict(entry)
        texts = {name: _whole(told[name]) for name in told if isinstance(told[name], str)}
        tags = {_whole(name): _whole(value) for name, value in entry.tags.items()}
        return msgspec.json.encode(msgspec.structs.replace(entry, **texts, tags=tags)) + b"\n"


def decoded(line: bytes) -> LedgerEntry:
    """The row of a line that `encoded` made."""
    return _decode(line)


def _whole(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def batches(rows: Sequence[LedgerEntry], size: int) -> Iterator[Sequence[LedgerEntry]]:
    """Parts of at most `size` rows."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
