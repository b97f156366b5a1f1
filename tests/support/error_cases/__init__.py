"""Bodies that providers really sent, and what each must become.

They stand in the address that their rule names, in the providers' own documentation, or were
recorded; only names and ids in them are shortened. A few rules are about answers that have no body
of their wire, such as a proxy's page.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from aisopod.errors import ProviderError

__all__ = ["Case"]


class Case(NamedTuple):
    """One answer, and the rule and the class that are right for it."""

    rule: str
    error: type[ProviderError]
    status: int | None
    body: Any
    headers: Mapping[str, str] = {}

    @property
    def raw(self) -> bytes:
        """The body as it comes."""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)
