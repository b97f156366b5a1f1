"""What arrived, as a test can look at it afterwards: without anything secret."""

from typing import Any

import msgspec
from aiohttp import web

__all__ = ["Received", "record"]

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
_SECRET_ENDS = ("api-key", "token", "secret")
_SECRET_PARAMETERS = frozenset({"key", "api_key", "api-key", "access_token"})


class Received(msgspec.Struct, kw_only=True):
    """One request as it arrived, without its secrets.

    Attributes:
        wire: whose wire it is on.
        method: HTTP method.
        path: path and query, keys in it as `***`.
        headers: names in lower case, credentials as `***`.
        body: the JSON body.
        key: the key that it came with, if it is one of `Simulator.keys`; no other is kept.
        completed: whether all was sent that was meant to be; true by the time that the peer can
            have read the end.
        disconnected_at: `time.monotonic()` at which the peer left before that.
    """

    wire: str
    method: str
    path: str
    headers: dict[str, str]
    body: Any = None
    key: str | None = None
    completed: bool = False
    disconnected_at: float | None = None


def record(wire: str, request: web.Request) -> Received:
    """A request as it is kept, its body still to come."""
    return Received(
        wire=wire,
        method=request.method,
        path=_masked_path(request),
        headers={name.lower(): _masked(name, value) for name, value in request.headers.items()},
    )


def _masked(name: str, value: str) -> str:
    name = name.lower()
    return "***" if name in _SECRET_HEADERS or name.endswith(_SECRET_ENDS) else value


def _masked_path(request: web.Request) -> str:
    secret = _SECRET_PARAMETERS.intersection(request.query)
    return str(
        request.rel_url.update_query(dict.fromkeys(secret, "***")) if secret else request.rel_url
    )
