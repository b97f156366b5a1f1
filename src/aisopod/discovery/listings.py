"""Listing models: from disk while that is fresh, and at most one question to a provider at a time."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from aisopod.discovery.cache import Listing, ListingCache
from aisopod.discovery.kept import TTL_SECONDS, Found, Kept
from aisopod.errors import AisopodError, TotalTimeoutError
from aisopod.types import ModelInfo

__all__ = ["Discovery"]

log = logging.getLogger("aisopod.discovery")

DEADLINE_SECONDS = 15.0
"""For one provider with all its pages."""


class Discovery(Kept):
    """Asks the providers what they offer, and remembers.

    Args:
        ask: lists the models of a provider, by its id.
        account: as for Kept; so are `cache` and `ttl`.
        deadline: seconds that a provider has for its listing.
    """

    def __init__(
        self,
        ask: Callable[[str], Awaitable[list[ModelInfo]]],
        account: Callable[[str], str],
        cache: ListingCache,
        *,
        ttl: float = TTL_SECONDS,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        super().__init__(account, cache, ttl=ttl)
        self._ask = ask
        self._deadline = deadline

    async def find(self, providers: Iterable[str]) -> Found:
        """What is on disk, fresh or stale; who is not there is asked."""
        names = list(providers)
        known = self.known(names)
        asked = await self.refresh(name for name in names if name not in known.listings)
        return Found(
            listings=known.listings | asked.listings, problems=asked.problems, stale=known.stale
        )

    async def refresh(self, providers: Iterable[str]) -> Found:
        """Ask all of them at the same time; who fails keeps the listing that it had."""
        names = list(providers)
        answers = await asyncio.gather(*(self._refreshed(name) for name in names))
        found = dict(zip(names, answers, strict=True))
        problems = {name: each for name, each in found.items() if isinstance(each, AisopodError)}
        older = self.known(problems)
        new = {name: each for name, each in found.items() if isinstance(each, Listing)}
        return Found(listings=older.listings | new, problems=problems, stale=older.stale)

    async def _refreshed(self, provider: str) -> Listing | AisopodError:
        wanted = time.time()
        try:
            account = self._account(provider)
            lock = self._cache.path(provider, account).with_suffix(".lock")
            async with asyncio.timeout(self._deadline), _turn(lock):
                listing = self._cache.read(provider, account)
                if listing is not None and wanted <= listing.at <= time.time():
                    return listing  # another process has just asked
                return await self._asked(provider, account)
        except TimeoutError:
            problem = f"no listing of models within {self._deadline:g} s"
            return TotalTimeoutError(problem, provider=provider)
        except AisopodError as error:
            return error

    async def _asked(self, provider: str, account: str) -> Listing:
        models = await self._ask(provider)
        listing = Listing(provider=provider, at=time.time(), models=models)
        self._cache.write(listing, account)
        return listing


@asynccontextmanager
async def _turn(lock: Path) -> AsyncIterator[None]:
    """One process at a time; where nothing can be locked, all of them."""
    from filelock import AsyncFileLock

    held = AsyncFileLock(lock, mode=0o600)
    try:
        lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        await held.acquire()
    except OSError as error:
        log.warning("%s cannot be locked: %s", lock, error)
        yield
        return
    try:
        yield
    finally:
        await held.release()
