"""What a wire of the simulator is."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from aiohttp import web

from aisopod.simulator.script import Asked, Reply

__all__ = ["Frame", "Refusal", "Wire", "json_response", "words"]


class Frame(NamedTuple):
    """Bytes of a stream, and whether a reader sees content in them."""

    data: bytes
    content: bool = False


class Refusal(Exception):  # noqa: N818 - it is the server's answer, not a failure of ours
    """The request is refused as the real service would."""

    def __init__(self, status: int, kind: str, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.fields = fields


class Wire(Protocol):
    """One wire: reads its requests, writes its answers.

    Attributes:
        name: what `Simulator.url_for` calls it.
        prefix: path behind the server's address that makes its base URL.
        chat_paths: paths of the chat call.
        content_type: of a streamed answer.
        ping: a sign of life without content.
    """

    name: str
    prefix: str
    chat_paths: tuple[str, ...]
    content_type: str
    ping: bytes

    def read(self, body: dict[str, Any], path_model: str | None) -> Asked:
        """What is asked.

        Raises:
            Refusal: the documented rules do not allow it.
        """

    def plain(self, reply: Reply, asked: Asked, number: int) -> bytes:
        """The body of a plain answer."""

    def frames(self, reply: Reply, asked: Asked, number: int) -> list[Frame]:
        """The frames of a streamed answer, the terminator last."""

    def error(self, refusal: Refusal) -> bytes:
        """The body of a refusal."""

    def error_frame(self, refusal: Refusal) -> bytes:
        """A refusal inside a stream."""

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The credential that a request carries."""

    def response_headers(self, number: int) -> dict[str, str]:
        """Request id and rate limits, in the wire's own names."""

    def add_routes(self, app: web.Application) -> None:
        """The calls beside chat."""


def json_response(
    data: bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON body as an answer."""
    return web.Response(body=data, status=status, content_type="application/json", headers=headers)


def words(value: object) -> int:
    """The size of a request's texts, in words."""
    if isinstance(value, str):
        return len(value.split())
    if isinstance(value, list):
        return sum(words(item) for item in value)
    if isinstance(value, dict):
        return sum(words(item) for key, item in value.items() if key not in {"data", "url"})
    return 0
