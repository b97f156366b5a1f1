"""Answers of providers, and what each must become.

Where a rule reads a text, the text is quoted from the address that the rule names, from the one in
the comment here, from the provider's documentation, or from a recording; ids are shortened. Where
it reads codes and statuses only, those are the provider's, and the message may be of the usual kind.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from aisopod.errors import ProviderError

__all__ = ["Case"]


class Case(NamedTuple):
    """One answer, and the rule and the class that are right for it.

    `limit` and `size` are the tokens that a prompt which is too long is told with.
    """

    rule: str
    error: type[ProviderError]
    status: int | None
    body: Any
    headers: Mapping[str, str] = {}
    limit: int | None = None
    size: int | None = None

    @property
    def raw(self) -> bytes:
        """The body as it comes."""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)
