"""What a store of state is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from aisopod.policy.health import Event, Health, applied

__all__ = [
    "KEPT_SECONDS",
    "Events",
    "Snapshot",
    "Store",
    "StoreBusyError",
    "StoreError",
    "decoded",
    "encoded",
    "folded",
]

Events = Mapping[str, Sequence[Event]]
"""What happened, by the key of the subject, in order."""

KEPT_SECONDS = 30 * 86400
"""A record that nobody touched for this long is dropped."""


class StoreError(Exception):
    """The store cannot be used now. It never reaches a user: chats go on with what is known."""


class StoreBusyError(StoreError):
    """Others are writing."""


class Snapshot(NamedTuple):
    """What a store holds at a moment.

    Attributes:
        now: the store's own time, in seconds since the epoch.
        records: those of the asked keys that there are.
        is_old: whether nobody else has written since these keys were last read.
    """

    now: float
    records: dict[str, Health]
    is_old: bool = False


class Store(Protocol):
    """Keeps a Health for each key; events change it by `policy.health.applied`, atomically.

    Its calls block. None of them waits longer than the store's own short limit.

    Attributes:
        name: its name for people, without secrets.
        remote: whether a read may have to wait for another machine.
    """

    name: str
    remote: bool

    def read(self, keys: Iterable[str]) -> Snapshot:
        """The records of these keys.

        Raises:
            StoreError: it cannot be read now.
        """

    def apply(self, events: Events, *, wait: bool = True) -> dict[str, Health]:
        """Apply events; gives the records that they led to.

        Args:
            events: what happened; what is told twice counts once.
            wait: whether to wait for others who write.

        Raises:
            StoreBusyError: others write, and it was not to wait.
            StoreError: not all of it can be written now.
        """

    def scan(self) -> Snapshot:
        """All records.

        Raises:
            StoreError: it cannot be read now.
        """

    def close(self) -> None:
        """Give back files and connections."""


def folded(health: Health, events: Sequence[Event]) -> Health:
    """The record after these events."""
    for event in events:
        health = applied(health, event)
    return health


_decoder = msgspec.json.Decoder(Health)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_KNOWN = frozenset(Health.__struct_fields__)


def encoded(health: Health, before: bytes | None = None) -> bytes:
    """A record as it is stored: JSON, so that a person can read it.

    Args:
        health: the record.
        before: what is stored now; fields of it that only a newer aisopod knows are kept.
    """
    data = msgspec.json.encode(health)
    if not before:
        return data
    try:
        stored = _fields.decode(before)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return data
    if _KNOWN.issuperset(stored):
        return data
    newer = {name: value for name, value in stored.items() if name not in _KNOWN}
    return msgspec.json.encode(_fields.decode(data) | newer)


def decoded(data: bytes) -> Health:
    """A stored record; one that cannot be read (it is damaged) begins anew."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Health()
