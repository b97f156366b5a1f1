"""What this process knows: the store's records, and over them its own news.

Choosing never waits for a lock: news count here at once and are written behind, in a thread of
their own and in batches. A store that fails is left alone for a while and told everything later;
until then this process goes on with what it knows.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal, TypeVar

from aisopod.policy.health import LATE_SECONDS, Claimed, Event, Health, Released
from aisopod.stores.memory import MemoryStore
from aisopod.stores.store import Snapshot, Store, StoreError

__all__ = ["SharedState"]

log = logging.getLogger("aisopod.state")

PATIENCE_SECONDS = 0.25
"""How long a request waits for the store: for a read of another machine, or for a claim."""
RETRY_SECONDS = (1.0, 2.0, 5.0)
"""How long a failed store is left alone, by failures in a row."""
SOON_SECONDS = 0.1
"""Who was used when is nothing that others wait for: many requests share one write."""
CLOSE_SECONDS = 2.0
"""How long closing waits for what is still being written."""
MOST_KEYS = 20_000
"""Of subjects with news that are not written yet."""
MOST_EVENTS = 50

_T = TypeVar("_T")


class SharedState:
    """The state of profiles and models, as far as this process knows.

    Args:
        store: where it is shared; a MemoryStore is all there is.
        patience: seconds that a request waits for the store.

    Attributes:
        store: the same.
        health: the key of a subject to what is remembered of it, or None.
    """

    def __init__(self, store: Store, *, patience: float = PATIENCE_SECONDS) -> None:
        self.store = store
        self._known = store if isinstance(store, MemoryStore) else MemoryStore()
        self.health: Callable[[str], Health | None] = self._known.records.get
        self._shared = None if isinstance(store, MemoryStore) else store
        self._patience = patience
        self._offset = 0.0
        self._last = 0.0
        # What the writing thread and this one both touch.
        self._lock = threading.Lock()
        self._unwritten: dict[str, list[Event]] = {}
        self._flying: dict[str, list[Event]] = {}
        self._busy = False
        self._is_due = False
        self._closed = False
        self._writing: Future[None] | None = None
        self._failures = 0
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
        try:
            if self._shared.remote:
                snapshot = await self._beside("reading", lambda store: store.read(keys))
            else:
                snapshot = self._shared.read(keys)
        except (StoreError, TimeoutError) as error:
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
        if self._shared is None or not self._is_up():
            self.note(events)
            return self._is_owner(keys, owner)
        self._write()
        try:
            changed = await self._beside("writing", lambda store: store.apply(events))
        except asyncio.CancelledError:
            # It may be granted all the same, and nobody would use it nor give it back. This is
            # written by the same thread, after it.
            released = Released(at=self.now(), owner=owner)
            self.note({key: [released] for key in keys}, write="later")
            self._write(trial=True)
            raise
        except (StoreError, TimeoutError) as error:
            self._failed(error)
            self.note(events)
            return self._is_owner(keys, owner)
        self._take(keys, Snapshot(self.now(), changed), clock=False)
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

    def _take(self, keys: Sequence[str], snapshot: Snapshot, *, clock: bool = True) -> None:
        """The store's records, and over them what it has not been told yet.

        What is just being written may be in them already: folding it in twice changes nothing.
        """
        if clock and self.store.remote:
            self._offset = snapshot.now - time.time()
        known = self._known.records
        with self._lock:
            for key in keys:
                record = snapshot.records.get(key)
                if record is None:
                    known.pop(key, None)
                else:
                    known[key] = record
            news = [
                {key: waiting[key] for key in keys if key in waiting}
                for waiting in (self._flying, self._unwritten)
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
                if self._failures:
                    self._failures = 0
                    log.warning("%s is back: state is shared again", self.store.name)
                self._flying, self._unwritten = self._unwritten, {}
                if not self._flying:
                    self._busy = False
                    return

    def _failed(self, error: Exception) -> None:
        first = not self._failures
        wait = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
        self._failures += 1
        self._down_until = time.monotonic() + wait
        if first:
            log.warning(
                "the state store cannot be used (%s): going on with what this process knows",
                error if str(error) else f"{self.store.name} does not answer",
            )

    async def _beside(
        self, kind: str, act: Callable[[Store], _T], patience: float | None = None
    ) -> _T:
        """Run a call of the store in a thread, and wait a short time for it."""
        future = self._pool(kind).submit(act, self.store)
        async with asyncio.timeout(patience or self._patience):
            return await asyncio.wrap_future(future)

    def _pool(self, kind: str) -> ThreadPoolExecutor:
        pool = self._threads.get(kind)
        if pool is None:
            pool = self._threads[kind] = ThreadPoolExecutor(
                1 if kind == "writing" else 4, thread_name_prefix=f"aisopod-state-{kind}"
            )
        return pool


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
