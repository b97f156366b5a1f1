"""The ledger in Redis or Valkey: a hash of rows for each day, which the server forgets by itself."""

import time
from collections.abc import Iterator, Sequence

import msgspec

from aisopod.stores.entries import Group, LedgerEntry, grouped
from aisopod.stores.redis import RedisServer

__all__ = ["RedisLedger"]

# The tag keeps it in the slot of the state's keys; the name apart from them.
PREFIX = "{aisopod}:ledger:1:"
DAY_SECONDS = 86400
MOST_AT_ONCE = 1000

_decode = msgspec.json.Decoder(LedgerEntry).decode


class RedisLedger(RedisServer):
    """One server.

    Args:
        url: `redis://`, `rediss://` or `unix://`, as redis-py reads it.
        keep_seconds: for how long a row is kept, on the server's clock.

    Raises:
        MissingDependencyError: the extra `redis` is not installed.
        ConfigurationError: this is no such URL.
    """

    journaled = True

    def __init__(self, url: str, keep_seconds: float) -> None:
        super().__init__(url)
        self._keep = keep_seconds

    def add(self, entries: Sequence[LedgerEntry]) -> None:
        """Keep these rows; one whose id is known already is left as it is."""
        try:
            pipeline = self._client.pipeline(transaction=False)
            days = {int(entry.at // DAY_SECONDS) for entry in entries}
            for entry in entries:
                day = int(entry.at // DAY_SECONDS)
                pipeline.hsetnx(PREFIX + str(day), entry.id, msgspec.json.encode(entry))
            for day in days:
                gone = int((day + 1) * DAY_SECONDS + self._keep) + 1
                pipeline.expireat(PREFIX + str(day), gone)
            pipeline.execute()
        except self._errors as error:
            raise self._failure(error) from error

    def aggregate(self, by: Sequence[str], since: float, until: float) -> list[Group]:
        """Sums of the rows with `since` <= at < `until`."""
        oldest = time.time() - self._keep
        since = max(since, oldest)
        try:
            return grouped(self._rows(since, until), by, since, until)
        except self._errors as error:
            raise self._failure(error) from error

    def _rows(self, since: float, until: float) -> Iterator[LedgerEntry]:
        for name in self._client.scan_iter(match=PREFIX + "*", count=500):
            text = bytes(name).decode(errors="ignore").removeprefix(PREFIX)
            if not text.isdecimal():
                continue
            start = int(text) * DAY_SECONDS
            if start + DAY_SECONDS <= since or start >= until:
                continue
            # A scan may give a row twice.
            rows = {
                bytes(key): bytes(value)
                for key, value in self._client.hscan_iter(name, count=MOST_AT_ONCE)
            }
            for row in rows.values():
                try:
                    yield _decode(row)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue  # not ours
