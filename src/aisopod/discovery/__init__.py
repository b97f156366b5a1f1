"""Which models there are: what servers list, kept on disk, with what the catalogue knows of them."""

from aisopod.discovery.cache import Listing, ListingCache
from aisopod.discovery.listings import Discovery, Found

__all__ = ["Discovery", "Found", "Listing", "ListingCache"]
