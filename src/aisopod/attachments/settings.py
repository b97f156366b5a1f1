"""How files are fetched."""

from typing import Annotated

import msgspec

__all__ = ["FetchConfig"]


class FetchConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether and how what a request names by its address is fetched, for wires that read none.

    Attributes:
        enabled: whether anything is fetched; else such a part is refused.
        max_bytes: how large one file may be.
        timeout: seconds after which a file must be here, redirects included.
        max_redirects: how many redirects are followed.
        allow_private: whether addresses that are not of the public internet may be asked: this
            machine, its network, a cloud's metadata.
    """

    enabled: bool = True
    max_bytes: Annotated[int, msgspec.Meta(ge=1, description="a number of bytes")] = 20_000_000
    # TOML has `inf`, too.
    timeout: Annotated[float, msgspec.Meta(gt=0, le=1e9, description="a number of seconds")] = 30.0
    max_redirects: Annotated[int, msgspec.Meta(ge=0, description="a number from 0")] = 3
    allow_private: bool = False
