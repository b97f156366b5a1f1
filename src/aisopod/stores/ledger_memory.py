"""A ledger that lives as long as its client."""

import threading
import time
from collections.abc import Sequence

from aisopod.stores.entries import Group, LedgerEntry, grouped

__all__ = ["MemoryLedger"]

MOST_ROWS = 100_000
"""The oldest give way: memory is not where years are kept."""


class MemoryLedger:
    """A dict.

    Args:
        keep_seconds: for how long a row is kept.
    """

    name = "memory"
    journaled = False

    def __init__(self, keep_seconds: float) -> None:
        self._keep = keep_seconds
        self._rows: dict[str, LedgerEntry] = {}
        # Sums are made in a thread while the event loop adds rows.
        self._lock = threading.Lock()

    def add(self, entries: Sequence[LedgerEntry]) -> None:
        """Keep these rows; one whose id is known already is left as it is."""
        with self._lock:
            for entry in entries:
                self._rows.setdefault(entry.id, entry)
            while len(self._rows) > MOST_ROWS:
                del self._rows[next(iter(self._rows))]

    def aggregate(self, by: Sequence[str], since: float, until: float) -> list[Group]:
        """Sums of the rows with `since` <= at < `until`."""
        oldest = time.time() - self._keep
        with self._lock:
            for key in [key for key, entry in self._rows.items() if entry.at < oldest]:
                del self._rows[key]
            rows = list(self._rows.values())
        return grouped(rows, by, since, until)

    def close(self) -> None:
        """Nothing to give back."""
