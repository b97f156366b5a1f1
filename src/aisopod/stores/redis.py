"""State in Redis or Valkey, shared by machines, on the server's clock.

A record changes only if it is still the one that was seen last: a small script on the server
compares and sets (https://redis.io/docs/latest/develop/programmability/eval-intro/), so nobody ever
holds a lock, and nothing is read once more before it is written.
"""

import random
import time
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from aisopod.errors import ConfigurationError, MissingDependencyError
from aisopod.policy.health import Health
from aisopod.stores.store import (
    KEPT_SECONDS,
    Events,
    Snapshot,
    StoreError,
    decoded,
    encoded,
    folded,
)

__all__ = ["RedisServer", "RedisStore"]

WAIT_SECONDS = 1.0
"""A server that takes longer is gone. No request waits so long: what it has not heard of comes
later, and what it writes goes behind it."""
TRIES = 100
MOST_AT_ONCE = 200
MOST_SEEN = 10_000
"""Records whose last known bytes are kept, to be compared with."""

# One hash tag for all keys: a cluster runs scripts on keys of one slot only.
PREFIX = "{aisopod}:1:"

COMPARE_AND_SET = """
local lost = {}
for place, key in ipairs(KEYS) do
  local held = redis.pcall('GET', key)
  -- MGET gives nothing for what is no string, and so does this.
  if type(held) ~= 'string' then held = '' end
  if held == ARGV[2 * place] then
    redis.call('SET', key, ARGV[2 * place + 1], 'EX', ARGV[1])
  else
    lost[#lost + 1] = {place - 1, held}
  end
end
return lost
"""

_EMPTY = Health()


class RedisServer:
    """The connections to one server.

    Args:
        url: `redis://`, `rediss://` or `unix://`, as redis-py reads it.

    Raises:
        MissingDependencyError: the extra `redis` is not installed.
        ConfigurationError: this is no such URL.
    """

    def __init__(self, url: str) -> None:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError as error:
            raise MissingDependencyError(
                'state in Redis needs its client: pip install "aisopod[redis]"'
            ) from error
        self.name = f"redis:{urlsplit(url).hostname or 'local'}"
        try:
            self._client: redis.Redis = redis.Redis.from_url(
                url,
                socket_timeout=WAIT_SECONDS,
                socket_connect_timeout=WAIT_SECONDS,
                # One try more, for a connection that the server gave up while it was idle; none
                # for silence, which would only be twice as long.
                retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
                client_name="aisopod",
            )
        except ValueError as error:
            raise ConfigurationError(f"state: this is no URL of a Redis server: {error}") from None
        self._errors: tuple[type[Exception], ...] = (redis.RedisError, OSError)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _failure(self, error: Exception) -> StoreError:
        # Without its text, which may hold the URL with its password.
        return StoreError(f"{self.name}: {type(error).__name__}")


class RedisStore(RedisServer):
    """Records on one server.

    Args:
        url: `redis://`, `rediss://` or `unix://`, as redis-py reads it.

    Raises:
        MissingDependencyError: the extra `redis` is not installed.
        ConfigurationError: this is no such URL.
    """

    remote = True

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._compare_and_set = self._client.register_script(COMPARE_AND_SET)
        self._seen: dict[str, bytes] = {}

    def read(self, keys: Iterable[str]) -> Snapshot:
        """The records of these keys."""
        wanted = list(keys)
        now, values = self._read(wanted)
        self._see((key, value or b"") for key, value in zip(wanted, values, strict=True))
        return Snapshot(
            now,
            {
                key: decoded(value)
                for key, value in zip(wanted, values, strict=True)
                if value is not None
            },
        )

    def apply(self, events: Events, *, wait: bool = True) -> dict[str, Health]:  # noqa: ARG002
        """Apply events; gives the records that they led to."""
        keys = list(events)
        changed: dict[str, Health] = {}
        # After an outage there is much to tell: no part of it may take longer than the limit.
        for start in range(0, len(keys), MOST_AT_ONCE):
            changed |= self._applied(keys[start : start + MOST_AT_ONCE], events)
        return changed

    def _applied(self, left: Sequence[str], events: Events) -> dict[str, Health]:
        changed: dict[str, Health] = {}
        for _ in range(TRIES):
            arguments: list[Any] = [KEPT_SECONDS]
            for key in left:
                # What nobody has seen is taken for nothing; if it is something, the server says so.
                seen = self._seen.get(key, b"")
                changed[key] = folded(decoded(seen) if seen else _EMPTY, events[key])
                arguments += [seen, encoded(changed[key], seen)]
            try:
                lost = dict(self._compare_and_set(keys=_prefixed(left), args=arguments))
            except self._errors as error:
                raise self._failure(error) from error
            written = zip(left, arguments[2::2], strict=True)
            self._see((key, lost.get(place, data)) for place, (key, data) in enumerate(written))
            if not lost:
                return changed
            left = [left[place] for place in lost]
            # Those who lost meet again less likely after a moment of different length.
            time.sleep(random.uniform(0, 0.002))  # noqa: S311 - no secret
        raise StoreError(f"{self.name}: no turn in {TRIES} tries")

    def _see(self, records: Iterable[tuple[str, bytes]]) -> None:
        if len(self._seen) > MOST_SEEN:
            self._seen = {}
        self._seen.update(records)

    def scan(self) -> Snapshot:
        """All records."""
        try:
            names = [bytes(name) for name in self._client.scan_iter(match=PREFIX + "*", count=500)]
        except self._errors as error:
            raise self._failure(error) from error
        # Nothing of aisopod's has a name that is no text.
        texts = (name.decode(errors="ignore") for name in names)
        return self.read([text.removeprefix(PREFIX) for text in texts])

    def _read(self, keys: Sequence[str]) -> tuple[float, list[bytes | None]]:
        try:
            pipeline = self._client.pipeline(transaction=False)
            pipeline.time()
            if keys:
                pipeline.mget(_prefixed(keys))
            (seconds, microseconds), *values = pipeline.execute()
        except self._errors as error:
            raise self._failure(error) from error
        return seconds + microseconds / 1e6, values[0] if values else []


def _prefixed(keys: Sequence[str]) -> list[str]:
    return [PREFIX + key for key in keys]
