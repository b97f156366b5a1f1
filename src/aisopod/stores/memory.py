"""State that lives as long as its client; also what a process knows of a shared store."""

import time
from collections.abc import Iterable

from aisopod.policy.health import Health
from aisopod.stores.store import Events, Snapshot, folded

__all__ = ["MemoryStore"]

_EMPTY = Health()


class MemoryStore:
    """A dict.

    Attributes:
        records: what is remembered, by the subject's key.
    """

    name = "memory"
    remote = False

    def __init__(self) -> None:
        self.records: dict[str, Health] = {}

    def read(self, keys: Iterable[str]) -> Snapshot:
        """The records of these keys."""
        records = self.records
        return Snapshot(time.time(), {key: records[key] for key in keys if key in records})

    def apply(self, events: Events) -> dict[str, Health]:
        """Apply events; gives the records that they led to."""
        changed = {
            key: folded(self.records.get(key, _EMPTY), happened) for key, happened in events.items()
        }
        self.records.update(changed)
        return changed

    def scan(self) -> Snapshot:
        """All records."""
        return Snapshot(time.time(), dict(self.records))

    def close(self) -> None:
        """Nothing to give back."""
