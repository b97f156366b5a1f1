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
    """Files in a folder. What cannot be read is as good as missing; what cannot be written is told.

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
        mark = blake2b(account.encode(), digest_size=6).hexdigest()
        return self.folder / f"{provider}-{mark}.json"

    def read(self, provider: str, account: str) -> Listing | None:
        """What was listed last, if it is there and can be read."""
        file = self.path(provider, account)
        try:
            kept = msgspec.json.decode(file.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            log.warning("%s cannot be read (%s): the provider is asked again", file, error)
            return None
        return kept.listing if kept.format == FORMAT else None

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
