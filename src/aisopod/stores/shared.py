"""What this process knows: the store's records, and over them its own news.

Choosing never waits for a lock: news count here at once and are written behind, in a thread of
their own and in batches. A store that fails is left alone for a while and told everything later;
until then this process goes on with what it knows. One that is slow is read behind, too: nobody
waits for it, and what it says counts when it comes.
"""

import asyncio
import contextlib
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Literal, NamedTuple, TypeVar

from aisopod.policy.health import LATE_SECONDS, Claimed, Event, Health, Released
from aisopod.stores.memory import MemoryStore
from aisopod.stores.outage import Outage
from aisopod.stores.speed import Speed
from aisopod.stores.store import Snapshot, Store, StoreError

__all__ = ["SharedState"]

log = logging.getLogger("aisopod.state")

PATIENCE_SECONDS = 0.25
"""How long a request waits for the store: for a read of another machine, and for a claim."""
RETRY_SECONDS = (1.0, 2.0, 5.0)
"""How long a failed store is left alone, by failures in a row."""
SOON_SECONDS = 0.1
"""Who was used when is nothing that others wait for: many requests share one write."""
CLOSE_SECONDS = 2.0
"""How long closing waits for what is still being written."""
MOST_KEYS = 20_000
"""Of subjects with news that are not written yet."""
MOST_EVENTS = 50
LANDED_SECONDS = 5.0
"""No read takes longer: what was written before then is in what it brings."""

_T = TypeVar("_T")


class _Read(NamedTuple):
    """What a read brought, and when: seconds of the process's clock."""

    snapshot: Snapshot
    began: float
    seconds: float
    offset: float


class SharedState:
    """The state of profiles and models, as far as this process knows.

    Args:
        store: where it is shared; a MemoryStore is all there is.
        patience: seconds that a request waits for the store.

    Attributes:
        store: the same.
        health: the key of a subject to what is remembered of it, or None.
        outage: what is told of the store's troubles.
    """

    def __init__(self, store: Store, *, patience: float = PATIENCE_SECONDS) -> None:
        self.store = store
        self.outage = Outage()
        self._known = store if isinstance(store, MemoryStore) else MemoryStore()
        self.health: Callable[[str], Health | None] = self._known.records.get
        self._shared = None if isinstance(store, MemoryStore) else store
        self._patience = patience
        self._speed = Speed(patience)
        self._reads = 0
        self._wanted: dict[str, None] = {}
        self._offset = 0.0
        self._last = 0.0
        # What the writing thread and this one both touch.
        self._lock = threading.Lock()
        self._unwritten: dict[str, list[Event]] = {}
        self._flying: dict[str, list[Event]] = {}
        self._landed: deque[tuple[float, Mapping[str, Sequence[Event]]]] = deque()
        self._busy = False
        self._is_due = False
        self._closed = False
        self._writing: Future[None] | None = None
        self._failures = 0
        self._was_gone = False
        self._down_until = 0.0
        self._threads: dict[str, ThreadPoolExecutor] = {}

    def now(self) -> float:
        """The store's time, in seconds since the epoch; never the same twice."""
        now = time.time() + self._offset
        # A clock that was set back is believed: until it caught up, no window would ever end.
        if now <= self._last <= now + LATE_SECONDS:
            now = self._last + 1e-6
        self._last = now
        return now

    @property
    def is_shared(self) -> bool:
        """Whether others may know more."""
        return self._shared is not None

    async def refresh(self, keys: Sequence[str]) -> None:
        """Read what others have written. Waits little, and never fails."""
        if self._shared is None or not self._is_up():
            return
        if self._shared.remote:
            await self._refresh_beside(keys)
            return
        try:
            snapshot = self._shared.read(keys)
        except StoreError as error:
            self._failed(error)
            return
        # What was read before stands here already, with this process's own news over it.
        if not snapshot.is_old:
            self._take(keys, snapshot)

    def note(
        self,
        events: Mapping[str, Sequence[Event]],
        *,
        write: Literal["now", "soon", "later"] = "now",
    ) -> None:
        """Something happened: it counts here at once, and is written behind.

        Args:
            events: by the subject's key.
            write: `now`; `soon` with what else happens in a tenth of a second; `later`, along
                with what comes next.
        """
        self._known.apply(events)
        if self._shared is not None:
            self._put_down(events, write)

    def note_one(self, key: str, event: Event, *, write: Literal["soon", "later"]) -> None:
        """`note` of one event of one profile, which nearly every request has two of."""
        self._known.apply_one(key, event)
        if self._shared is not None:
            self._put_down({key: (event,)}, write)

    def _put_down(
        self, events: Mapping[str, Sequence[Event]], write: Literal["now", "soon", "later"]
    ) -> None:
        with self._lock:
            for key, happened in events.items():
                waiting = self._unwritten.setdefault(key, [])
                waiting.extend(happened)
                del waiting[:-MOST_EVENTS]
            while len(self._unwritten) > MOST_KEYS:
                del self._unwritten[next(iter(self._unwritten))]
        if write == "now" and self._is_up():
            self._write()
        elif write == "soon" and not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_later(SOON_SECONDS, self._write_due)

    def _write_due(self) -> None:
        self._is_due = False
        if not self._closed and self._is_up():
            self._write()

    async def claim(self, keys: Sequence[str], owner: str, lease: float) -> bool:
        """Ask for the right to try these again; one request among all processes gets it.

        Args:
            keys: of what is to be tried.
            owner: the request.
            lease: seconds for which nobody else may.
        """
        events = {key: [Claimed(at=self.now(), owner=owner, lease=lease)] for key in keys}
        if self._shared is None or not self._is_up() or self._speed.is_slow:
            self.note(events)
            return self._is_owner(keys, owner)
        self._write()
        try:
            # The read before it had its part of the patience.
            patience = self._patience - self._speed.took
            changed = await self._beside("writing", lambda store: store.apply(events), patience)
        except asyncio.CancelledError:
            # It may be granted all the same, and nobody would use it nor give it back. This is
            # written by the same thread, after it.
            released = Released(at=self.now(), owner=owner)
            self.note({key: [released] for key in keys}, write="later")
            self._write(trial=True)
            raise
        except (StoreError, TimeoutError) as error:
            if isinstance(error, StoreError) or not self.store.remote:
                self._failed(error)
            else:
                self._late()
            self.note(events)
            return self._is_owner(keys, owner)
        with self._lock:
            self._land(events)
        self._take(keys, Snapshot(self.now(), changed))
        return self._is_owner(keys, owner)

    async def scan(self) -> dict[str, Health]:
        """Everything that is remembered."""
        await self.settle()
        if self._shared is None:
            return self._known.scan().records
        try:
            return (await self._beside("reading", lambda store: store.scan(), 10.0)).records
        except (StoreError, TimeoutError) as error:
            self._failed(error)
            return self._known.scan().records

    async def settle(self) -> None:
        """Wait until everything is written, or the store has failed."""
        if self._shared is not None and self._is_up():
            self._write()
        writing = self._writing
        if writing is not None and not writing.done():
            await _ended(writing, CLOSE_SECONDS)

    async def close(self) -> None:
        """Write what is left, and close the store."""
        end = asyncio.get_running_loop().time() + CLOSE_SECONDS
        await self.settle()
        if self._unwritten and self._shared is not None and not self._busy:
            # It failed a moment ago; there is no later time at which to try again.
            self._write(trial=True)
            await self.settle()
        self._closed = True
        writing = self._threads.get("writing")
        if writing is None:
            self.store.close()
        else:
            # Behind what that thread may still be waiting for, which must not hold up the loop.
            closing = writing.submit(self.store.close)
            await _ended(closing, max(end - asyncio.get_running_loop().time(), 0.0))
        for threads in self._threads.values():
            threads.shutdown(wait=False)
        self._threads.clear()

    # --- the store ------------------------------------------------------------------------------

    def _is_owner(self, keys: Iterable[str], owner: str) -> bool:
        records = (self.health(key) for key in keys)
        return all(record is not None and record.probe_owner == owner for record in records)

    async def _refresh_beside(self, keys: Sequence[str]) -> None:
        """Read in a thread. What comes too late for this request counts for those after it."""
        if self._speed.is_slow:
            if self._reads:
                self._wanted.update(dict.fromkeys(keys))
            else:
                self._read_behind(keys)
            return
        done, _ = await asyncio.wait({self._read_behind(keys)}, timeout=self._patience)
        if not done:
            self._late()

    def _read_behind(self, keys: Sequence[str]) -> asyncio.Future[_Read]:
        self._reads += 1
        reading = asyncio.wrap_future(self._pool("reading").submit(_read, self.store, keys))
        reading.add_done_callback(partial(self._arrived, keys))
        return reading

    def _arrived(self, keys: Sequence[str], reading: asyncio.Future[_Read]) -> None:
        self._reads -= 1
        error = None if reading.cancelled() else reading.exception()
        if self._closed or reading.cancelled():
            return
        if isinstance(error, StoreError):
            self._failed(error)
            return
        snapshot, began, seconds, self._offset = reading.result()
        self._take(keys, snapshot, began)
        if self._speed.came(seconds, time.monotonic()):
            self._recovered()
        if self._wanted and not self._closed:
            wanted, self._wanted = tuple(self._wanted), {}
            self._read_behind(wanted)

    def _take(self, keys: Sequence[str], snapshot: Snapshot, began: float = math.inf) -> None:
        """The store's records, and over them what it had not been told when they were read.

        What is just being written may be in them already: folding it in twice changes nothing.
        """
        known = self._known.records
        with self._lock:
            for key in keys:
                record = snapshot.records.get(key)
                if record is None:
                    known.pop(key, None)
                else:
                    known[key] = record
            landed = [events for at, events in self._landed if at >= began]
            news = [
                {key: waiting[key] for key in keys if key in waiting}
                for waiting in (*landed, self._flying, self._unwritten)
                if waiting
            ]
        for events in news:
            self._known.apply(events)

    def _is_up(self) -> bool:
        """Whether the store is to be asked; one that failed is tried again behind the scenes."""
        if not self._failures:
            return True
        if time.monotonic() >= self._down_until:
            self._write(trial=True)
        return False

    def _write(self, *, trial: bool = False) -> None:
        with self._lock:
            if self._busy or not (self._unwritten or trial):
                return
            if not (trial or self.store.remote) and self._wrote_at_once():
                return
            self._busy = True
            self._flying, self._unwritten = self._unwritten, {}
            self._writing = self._pool("writing").submit(self._written)

    def _wrote_at_once(self) -> bool:
        """Write without a thread, where nobody else is writing: it costs a fifth of that."""
        assert self._shared is not None  # noqa: S101 - nothing is written without a store
        try:
            self._shared.apply(self._unwritten, wait=False)
        except StoreError:
            # Busy, or what the thread that writes will find out, too.
            return False
        self._unwritten = {}
        return True

    def _written(self) -> None:
        """In the writing thread: all news there are, batch by batch."""
        assert self._shared is not None  # noqa: S101 - nothing is written without a store
        while True:
            try:
                self._shared.apply(self._flying)
            except StoreError as error:
                with self._lock:
                    for key, later in self._unwritten.items():
                        self._flying.setdefault(key, []).extend(later)
                    self._unwritten, self._flying = self._flying, {}
                    self._failed(error)
                    self._busy = False
                return
            with self._lock:
                self._land(self._flying)
                if self._failures:
                    self._failures = 0
                    self._recovered()
                self._flying, self._unwritten = self._unwritten, {}
                if not self._flying:
                    self._busy = False
                    return

    def _land(self, events: Mapping[str, Sequence[Event]]) -> None:
        """It is written, and yet may be missing in what is being read; to be called in the lock."""
        if not self.store.remote:
            return
        now = time.monotonic()
        self._landed.append((now, events))
        while self._landed[0][0] < now - LANDED_SECONDS:
            self._landed.popleft()

    def _late(self) -> None:
        self._speed.late()
        self.outage.began(
            "state",
            f"the state store is slow ({self.store.name} takes more than "
            f"{self._patience} s): going on with what this process knows, and with what it tells "
            "when that comes",
        )

    def _recovered(self) -> None:
        if self._failures or self._speed.is_slow:
            return
        level = logging.WARNING if self._was_gone else logging.INFO
        self._was_gone = False
        self.outage.ended("state", f"{self.store.name} is back: state is shared again", level=level)

    def _failed(self, error: Exception) -> None:
        self._was_gone = True
        wait = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
        self._failures += 1
        self._down_until = time.monotonic() + wait
        what = str(error) or f"{self.store.name} does not answer"
        self.outage.began(
            "state",
            f"the state store cannot be used ({what}): going on with what this process knows",
        )

    async def _beside(self, kind: str, act: Callable[[Store], _T], patience: float) -> _T:
        """Run a call of the store in a thread, and wait a short time for it."""
        future = self._pool(kind).submit(act, self.store)
        async with asyncio.timeout(patience):
            return await asyncio.wrap_future(future)

    def _pool(self, kind: str) -> ThreadPoolExecutor:
        pool = self._threads.get(kind)
        if pool is None:
            pool = self._threads[kind] = ThreadPoolExecutor(
                1 if kind == "writing" else 4, thread_name_prefix=f"aisopod-state-{kind}"
            )
        return pool


def _read(store: Store, keys: Sequence[str]) -> _Read:
    began, wall = time.monotonic(), time.time()
    snapshot = store.read(keys)
    seconds = time.monotonic() - began
    # The server looked at its clock about half-way.
    return _Read(snapshot, began, seconds, snapshot.now - (wall + seconds / 2))


async def _ended(future: Future[None], seconds: float) -> None:
    """Wait for what a thread does, so long; it may go on after the loop has ended."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def tell(_: Future[None]) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(ended.set)

    future.add_done_callback(tell)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await ended.wait()
