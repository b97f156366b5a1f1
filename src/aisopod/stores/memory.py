"""State that lives as long as its client; also what a process knows of a shared store."""

import time
from collections.abc import Iterable

from aisopod.policy.health import Event, Health, applied
from aisopod.stores.store import Events, Snapshot, folded

__all__ = ["MemoryStore"]

MOST_RECORDS = 20_000

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

    def apply(self, events: Events, *, wait: bool = True) -> dict[str, Health]:  # noqa: ARG002
        """Apply events; gives the records that they led to."""
        records = self.records
        changed: dict[str, Health] = {}
        for key, happened in events.items():
            changed[key] = records[key] = folded(records.get(key, _EMPTY), happened)
        if len(records) > MOST_RECORDS:
            self._drop_sessions()
        return changed

    def apply_one(self, key: str, event: Event) -> None:
        """`apply` of one event of one subject, of which there are no more than are configured."""
        self.records[key] = applied(self.records.get(key, _EMPTY), event)

    def _drop_sessions(self) -> None:
        """Conversations come and go; the older half of them is forgotten."""
        sessions = [key for key in self.records if key.startswith("session/")]
        sessions.sort(key=lambda key: self.records[key].last_used)
        for key in sessions[: len(sessions) // 2]:
            del self.records[key]

    def scan(self) -> Snapshot:
        """All records."""
        return Snapshot(time.time(), dict(self.records))

    def close(self) -> None:
        """Nothing to give back."""
