"""What every request used and cost: written down at once, stored behind its back.

A request costs the event loop two lines in a journal. A thread moves rows that have ended into
the store, in batches; what a killed process leaves in its journal, others adopt.
"""

import asyncio
import logging
import os
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from aisopod.stores.entries import Group, LedgerEntry, LedgerStore, check_dimensions
from aisopod.stores.journal import Journal, batches, dead_journals, decoded, encoded
from aisopod.stores.outage import Outage
from aisopod.stores.store import StoreError

__all__ = ["Ledger"]

log = logging.getLogger("aisopod.state")

GATHER_SECONDS = 0.5
"""How long rows may gather before they are stored."""
BATCH = 200
RETRY_SECONDS = (1.0, 2.0, 5.0)
"""How long a failed store is left alone, by failures in a row."""
CLOSE_SECONDS = 2.0
"""How long closing waits for what is still being stored; the rest is in the journal."""
MOST_IN_MEMORY = 10_000
"""Rows that no journal could take; the oldest give way."""

_UNWRITABLE = (TypeError, ValueError)


class Ledger:
    """The rows of all requests.

    Nothing of it fails a request or makes it wait for the store: what goes wrong is logged once
    under `aisopod.state`.

    Args:
        store: where rows end up.
        folder: where the journals are; None for none, where the store needs none.
        outage: what is told of the store's troubles, where others use the same server.
    """

    def __init__(
        self, store: LedgerStore, folder: Path | None, outage: Outage | None = None
    ) -> None:
        self.store = store
        self._outage = outage or Outage()
        self._folder = folder if store.journaled else None
        self._complained: set[str] = set()
        self._begin_anew()

    def _begin_anew(self) -> None:
        """At the start, and in a forked child: journal and thread stay with the parent."""
        self._pid = os.getpid()
        self._journal: Journal | None = None
        self._lock = threading.Lock()
        self._moving = threading.Lock()
        self._loose: list[LedgerEntry] = []
        self._waiting = 0
        self._some = threading.Event()
        self._many = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._adopted = self._folder is None
        self._failures = 0

    def begin(
        self,
        provider: str,
        model: str,
        *,
        profile: str = "",
        session: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """A request begins; gives the id of its row.

        Args:
            provider: id of the provider that is asked.
            model: the model that is asked for.
            profile: id of the profile.
            session: hash of the conversation's id.
            tags: whatever the caller wants sums by.
        """
        key = uuid.uuid4().hex
        if self._folder is None:
            return key
        entry = LedgerEntry(
            id=key,
            at=time.time(),
            provider=provider,
            model=model,
            profile=profile,
            session=session,
            tags=dict(tags or {}),
        )
        journal = self._own_journal()
        if journal is not None:
            try:
                journal.begin(key, encoded(entry))
            except OSError as error:
                self._complain("the journal of the ledger cannot be written", error)
            except _UNWRITABLE as error:
                self._complain("a request cannot be put into the ledger", error)
        return key

    def end(self, entry: LedgerEntry) -> None:
        """A request has ended; its id is the one that `begin` gave."""
        if not self.store.journaled:
            self.store.add([entry])
            return
        try:
            line = encoded(entry)
        except _UNWRITABLE as error:
            self._complain("a request cannot be put into the ledger", error)
            return
        journal = self._own_journal()
        try:
            if journal is None:
                self._keep(decoded(line))
            else:
                journal.end(entry.id, line)
        except OSError as error:
            self._complain("the journal of the ledger cannot be written", error)
            self._keep(decoded(line))
        if self._closing:
            self._complain("a request ended after its ledger was closed", "it is not counted")
        self._waiting += 1
        if not self._some.is_set():
            self._some.set()
        if self._waiting >= BATCH and not self._many.is_set():
            self._many.set()

    async def aggregate(
        self, by: Sequence[str] = (), since: float | None = None, until: float | None = None
    ) -> list[Group]:
        """Sums of requests, in the order of their keys; those of this process that ended are in it.

        Args:
            by: what they are made by: `day` (of UTC), `provider`, `model`, `profile`, `session`,
                `tag:NAME`, `tag` (each of them); all requests are one sum when empty.
            since: of the requests that began at this time or later, in seconds since the epoch.
            until: and before this time.

        Raises:
            ValueError: there are no sums by that.
            StoreError: the store cannot be read now.
        """
        check_dimensions(by)
        start = 0.0 if since is None else since
        end = float("inf") if until is None else until
        return await asyncio.to_thread(self._aggregated, tuple(by), start, end)

    async def close(self) -> None:
        """Store what can be stored in a short time; the rest stays in the journal."""
        await asyncio.to_thread(self.close_blocking)

    def close_blocking(self) -> None:
        """The same, where no event loop runs."""
        if self._pid != os.getpid():
            return
        self._closing = True
        self._some.set()
        self._many.set()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)
            if self._thread.is_alive():
                return  # it holds what it needs until the process ends; the journal is adopted
        self._move()
        with self._lock:
            if self._journal is not None:
                self._journal.close()
                self._journal = None
        self.store.close()

    # --- the journal ------------------------------------------------------------------------------

    def _own_journal(self) -> Journal | None:
        """This process's journal, made at the first request."""
        if self._pid != os.getpid():
            if self._journal is not None:
                self._journal.abandon()
            self._begin_anew()
        if self._thread is not None:
            return self._journal
        with self._lock:
            if self._thread is None:
                if self._folder is not None:
                    try:
                        self._journal = Journal(self._folder)
                    except OSError as error:
                        self._complain("there is no journal for the ledger", error)
                self._thread = threading.Thread(
                    target=self._run, name="aisopod-ledger", daemon=True
                )
                self._thread.start()
                self._some.set()
        return self._journal

    def _keep(self, entry: LedgerEntry) -> None:
        """In memory, as there is no journal to take it."""
        with self._lock:
            self._loose.append(entry)
            full = len(self._loose) > MOST_IN_MEMORY
            if full:
                del self._loose[0]
        if full:
            self._complain("rows of the ledger are lost", "neither journal nor store takes them")

    # --- into the store ---------------------------------------------------------------------------

    def _run(self) -> None:
        """The thread: move rows when there are some, let them gather, leave a failed store alone."""
        while not self._closing:
            self._some.wait()
            wait = GATHER_SECONDS
            if self._failures:
                wait = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS)) - 1]
                self._many.clear()
            self._many.wait(wait)
            if self._closing:
                return
            self._many.clear()
            self._some.clear()
            self._waiting = 0
            if not self._move():
                self._some.set()

    def _move(self) -> bool:
        """Adopt what dead processes left, and store what has ended here; False when it failed."""
        with self._moving:
            try:
                self._move_journal()
                self._move_loose()
                if not self._adopted and self._folder is not None:
                    self._adopt(self._folder)
                    self._adopted = True
            except (StoreError, OSError) as error:
                self._failures += 1
                self._outage.began("ledger", f"the ledger's rows cannot be stored now: {error}")
                return False
            if self._failures:
                self._failures = 0
                self._complained.clear()
                self._outage.ended(
                    "ledger", f"{self.store.name} is back: the ledger's rows are stored"
                )
            return True

    def _move_journal(self) -> None:
        journal = self._journal
        while journal is not None:
            rows, place = journal.ended()
            self._store(rows)
            journal.take(place)
            if not rows:
                return

    def _move_loose(self) -> None:
        while rows := self._loose[:BATCH]:
            self.store.add(rows)
            stored = {row.id for row in rows}
            with self._lock:
                self._loose = [row for row in self._loose if row.id not in stored]

    def _adopt(self, folder: Path) -> None:
        unknown = 0
        try:
            for journal in dead_journals(folder):
                self._store(journal.ended)
                self._store(journal.begun)
                journal.remove()
                unknown += len(journal.begun)
        except OSError as error:
            # Another user's, or a folder that cannot be written: no reason to stop this process.
            self._complain("journals of the ledger that others left cannot be taken over", error)
        if unknown:
            log.warning(
                "%d requests had begun when their process died: how they ended is unknown", unknown
            )

    def _store(self, rows: Sequence[LedgerEntry]) -> None:
        for batch in batches(rows, BATCH):
            self.store.add(batch)

    def _aggregated(self, by: Sequence[str], since: float, until: float) -> list[Group]:
        if self.store.journaled:
            self._move()
        return self.store.aggregate(by, since, until)

    def _complain(self, what: str, why: object) -> None:
        """Once, until all is well again."""
        if what not in self._complained:
            self._complained.add(what)
            log.warning("%s: %s", what, why)
