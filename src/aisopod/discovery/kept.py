"""Listings at hand: what is on disk of this configuration's accounts, and how old it is."""

import time
from collections.abc import Callable, Iterable

import msgspec

from aisopod.discovery.cache import Listing, ListingCache
from aisopod.errors import AisopodError

__all__ = ["Found", "Kept"]

TTL_SECONDS = 24 * 3600.0


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the providers offer.

    Attributes:
        listings: by provider.
        problems: by provider, why it gave no listing now; an older one may stand in `listings`.
        stale: providers whose listing is older than it should be.
    """

    listings: dict[str, Listing]
    problems: dict[str, AisopodError]
    stale: frozenset[str]


class Kept:
    """What was listed before; asks nobody.

    Args:
        account: what a provider's listing depends on beside its id, such as address and profile.
        cache: where listings are kept.
        ttl: seconds for which a listing is fresh.
    """

    def __init__(
        self, account: Callable[[str], str], cache: ListingCache, *, ttl: float = TTL_SECONDS
    ) -> None:
        self._account = account
        self._cache = cache
        self._ttl = ttl

    def known(self, providers: Iterable[str]) -> Found:
        """What is on disk of these."""
        listings: dict[str, Listing] = {}
        for provider in providers:
            listing = self._cache.read(provider, self._account(provider))
            if listing is not None:
                listings[provider] = listing
        # One that was kept in the future is of a clock that was set back.
        ages = {name: time.time() - listing.at for name, listing in listings.items()}
        stale = frozenset(name for name, age in ages.items() if not 0 <= age <= self._ttl)
        return Found(listings=listings, problems={}, stale=stale)
