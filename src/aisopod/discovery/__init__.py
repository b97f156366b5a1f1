"""Which models there are: what servers list, kept on disk, with what the catalogue knows of them."""

from aisopod.discovery.cache import Listing, ListingCache
from aisopod.discovery.directory import Directory, live_facts
from aisopod.discovery.listings import Discovery, Found

__all__ = ["Directory", "Discovery", "Found", "Listing", "ListingCache", "live_facts"]
