"""What the provider engine needs of HTTP."""

from collections.abc import Mapping
from typing import Protocol

from aisopod.errors import AisopodError
from aisopod.types import HttpRequest

__all__ = ["Response", "Transport"]


class Response(Protocol):
    """A response whose status and headers are here and whose body may still be coming.

    Attributes:
        status: HTTP status.
        headers: names in lower case.
    """

    status: int
    headers: Mapping[str, str]

    async def read_some(self) -> bytes:
        """The next bytes of the body as soon as there are any; empty at its end.

        Raises:
            TransportError: the connection broke. What had arrived before is given first.
        """

    async def read_all(self, limit: int) -> bytes:
        """The rest of the body, at most `limit` bytes of it.

        Raises:
            TransportError: the connection broke.
        """

    def interrupt(self, error: AisopodError) -> None:
        """Let a waiting or the next `read_some` raise `error`."""

    async def finish(self) -> None:
        """Give the connection back for reuse if the body ends at once, else close it."""

    def close(self) -> None:
        """Close the connection now, unless it was given back."""


class Transport(Protocol):
    """Sends requests. One instance serves all providers of a client."""

    async def send(self, request: HttpRequest, *, connect_timeout: float | None) -> Response:
        """Send a request and wait for the response's headers.

        Raises:
            TransportError: there was no answer.
        """

    async def close(self) -> None:
        """Close every connection."""
