"""Listings on disk: one file for each provider, account and address."""

import logging
import os
from hashlib import blake2b
from pathlib import Path

import msgspec

from aisopod.types import ModelInfo

__all__ = ["Listing", "ListingCache"]

log = logging.getLogger("aisopod.discovery")

FORMAT = 1
_DAMAGED = (ValueError, RecursionError)  # msgspec's and Unicode's errors are ValueErrors
_LATEST = 253402300799.0
"""The end of the year 9999, beyond which Python knows no days."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What one provider listed.

    Attributes:
        provider: its id.
        at: when, in seconds since the epoch.
        models: all of them.
    """

    provider: str
    at: float
    models: list[ModelInfo]


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    listing: Listing


class ListingCache:
    """Files in a folder. What is damaged is set aside, and as good as missing; all trouble is told.

    Args:
        folder: made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, provider: str, account: str) -> Path:
        """The file of a provider.

        Args:
            provider: its id.
            account: what else a listing depends on, such as address and profile.
        """
        mark = blake2b(account.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
        return self.folder / f"{provider}-{mark}.json"

    def read(self, provider: str, account: str) -> Listing | None:
        """What was listed last, if it is there and can be read."""
        file = self.path(provider, account)
        try:
            return _listing_in(file.read_bytes(), provider)
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("%s cannot be read (%s): the provider is asked again", file, error)
            return None
        except _DAMAGED as error:
            aside = file.with_suffix(".damaged")
            log.warning("%s is damaged (%s): it is set aside as %s", file, error, aside.name)
        try:
            file.replace(aside)
        except OSError as error:
            log.warning("%s cannot be set aside: %s", file, error)
        return None

    def write(self, listing: Listing, account: str) -> None:
        """Keep a listing, in one step: nobody ever reads half of it."""
        import tempfile

        file = self.path(listing.provider, account)
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(prefix=file.name, dir=file.parent)
            try:
                with os.fdopen(number, "wb") as output:
                    output.write(msgspec.json.encode(_Kept(format=FORMAT, listing=listing)))
                Path(name).replace(file)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            log.warning("%s cannot be written (%s): the listing is not kept", file, error)


def _listing_in(data: bytes, provider: str) -> Listing | None:
    """What a file holds; None where it is of another version.

    Raises:
        ValueError: it is damaged.
    """
    kept = msgspec.json.decode(data, type=_Kept)
    listing = kept.listing
    if kept.format != FORMAT:
        return None
    if listing.provider != provider:
        raise ValueError(f"it is of {listing.provider!r}")
    if not 0 <= listing.at <= _LATEST:
        raise ValueError(f"no time is {listing.at:g}")
    return listing
