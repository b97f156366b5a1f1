"""Plain facts of an HTTP exchange."""

from collections.abc import Mapping
from typing import Any

import msgspec

from aisopod.types.warnings import ResponseWarning

__all__ = ["HttpRequest", "Preview", "RateLimit", "ResponseInfo", "Timeouts"]


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request, ready to be sent except for its credential's header.

    Attributes:
        method: `GET`, `POST`, …
        url: absolute URL.
        headers: names in lower case.
        body: bytes of the body; None for none.
    """

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.url})"


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What would be sent for a request.

    Attributes:
        method: `POST`.
        path: path and query of the address.
        body: the JSON body as a value.
        headers: names in lower case; the credential's is not among them, and values that somebody
            configured are `***`.
        warnings: what could not be carried, as a response would tell it.
    """

    method: str
    path: str
    body: dict[str, Any]
    headers: Mapping[str, str] = {}
    warnings: list[ResponseWarning] = []


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Limits in seconds; None is no limit. Each has its own error class.

    Attributes:
        connect: until the connection stands, name look-up and TLS included.
        first_token: from sending until the first content of a stream; pings are no content.
        idle: between one piece of a stream's content and the next.
        total: until the whole answer is here. When None, a stream has no such limit and a plain
            answer, where nothing shows life before the end, has 600 seconds.
    """

    connect: float | None = 10.0
    first_token: float | None = 300.0
    idle: float | None = 120.0
    total: float | None = None


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """One rate limit, as the response's headers tell it.

    Attributes:
        name: what is limited: `requests`, `tokens`, `input-tokens`, …
        limit: how many are allowed in the window.
        remaining: how many are left.
        reset_after: seconds until the window is full again.
    """

    name: str
    limit: int | None = None
    remaining: int | None = None
    reset_after: float | None = None


class ResponseInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of the exchange behind a response.

    Attributes:
        status: HTTP status.
        provider: id of the provider that answered.
        model: the model that was asked for.
        request_id: the provider's id of the exchange.
        rate_limits: what the headers said, by name.
        headers: all response headers, names in lower case.
        first_token_seconds: from sending to the first content; None when there was none.
        total_seconds: from sending to the end; None until then.
    """

    status: int = 200
    provider: str | None = None
    model: str | None = None
    request_id: str | None = None
    rate_limits: dict[str, RateLimit] = {}
    headers: dict[str, Any] = {}
    first_token_seconds: float | None = None
    total_seconds: float | None = None
