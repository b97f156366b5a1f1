"""What a wire of the simulator is."""

import base64
import binascii
from collections.abc import Callable, Container, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec
from aiohttp import web

from aisopod.simulator.keys import SimulatedKey
from aisopod.simulator.script import Asked, Reply
from aisopod.types import ToolCall

__all__ = [
    "GARBAGE",
    "Call",
    "Fields",
    "Frame",
    "Framing",
    "Refusal",
    "Route",
    "Wire",
    "arguments_of",
    "as_base64",
    "is_unknown",
    "json_response",
    "words",
]

Fields = dict[str, Any]

UNKNOWN_MODEL = "no-such-model"

GARBAGE = b"data: {no frame at all\n\n"


class Frame(NamedTuple):
    """Bytes of a stream, and whether a reader sees content in them."""

    data: bytes
    content: bool = False


class Framing(NamedTuple):
    """How a stream is put into bytes where they are no piece of the answer.

    Attributes:
        content_type: of the response.
        ping: a sign of life without content.
        error: an error's body and status as a frame, and whether frames came before it.
        garbage: what no reader can read, made of the frame that should come next; that frame
            comes after it unless it is spoiled itself.
        spoils: whether `garbage` is the next frame spoiled, and not something put before it.
    """

    content_type: str
    ping: bytes
    error: Callable[[bytes, int, bool], bytes]
    garbage: Callable[[bytes], bytes]
    spoils: bool = False


class Refusal(Exception):  # noqa: N818 - it is the server's answer, not a failure of ours
    """The request is refused as the real service would.

    Attributes:
        status: HTTP status.
        message: the text for a person.
        fields: what the wire's error body has beside it.
        headers: what its headers say beside the wire's usual ones.
    """

    def __init__(self, status: int, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.fields = fields
        self.headers: dict[str, str] = {}


class Call(NamedTuple):
    """One call as a wire gets it.

    Attributes:
        body: the JSON body; empty without one.
        headers: the request's headers, names in any case.
        query: the parameters of the address.
        path: the parts of the address that the route names.
        number: the call's number, for its ids.
        method: HTTP method.
        address: path and query, escaped as they were sent.
        raw: the body's bytes.
        key: the key that it came with, where the simulator knows its keys.
    """

    body: Fields
    headers: Mapping[str, str]
    query: Mapping[str, str]
    path: Mapping[str, str]
    number: int
    method: str
    address: str
    raw: bytes
    key: SimulatedKey | None = None


class Route(NamedTuple):
    """A call beside chat. It answers with a response, or with frames that are streamed."""

    method: str
    path: str
    answer: Callable[[Call], web.Response | list[Frame]]


class Wire(Protocol):
    """One wire: reads its requests, writes its answers.

    What has a body here is how most wires do it.

    Attributes:
        name: what `Simulator.url_for` calls it.
        prefix: path behind the server's address that makes its base URL.
        chat_paths: paths of the chat call.
        routes: the calls beside chat.
        content_type: of a streamed answer.
        ping: a sign of life without content.
        wrong_key: what a request without the right key is told.
    """

    name: str
    prefix: str
    chat_paths: tuple[str, ...]
    content_type: str
    ping: bytes
    wrong_key: str

    @property
    def routes(self) -> list[Route]:
        """The calls beside chat."""

    def claims(self, path: str, headers: Mapping[str, str]) -> bool:
        """Whether a request to a path that several wires have, or none has, is on this one."""

    def read(self, call: Call) -> Asked:
        """What is asked.

        Raises:
            Refusal: the documented rules do not allow it.
        """

    def plain(self, reply: Reply, asked: Asked, number: int) -> bytes:
        """The body of a plain answer."""

    def frames(self, reply: Reply, asked: Asked, number: int) -> list[Frame]:
        """The frames of a streamed answer, the terminator last."""

    def error(self, refusal: Refusal, number: int) -> bytes:
        """The body of a refusal."""

    def error_frame(self, body: bytes) -> bytes:
        """The body of a refusal as a frame of a stream."""

    def framing(self, asked: Asked | None) -> Framing:  # noqa: ARG002 - for wires of several forms
        """How a stream is written: the answer to a chat call, or without one another's."""
        return Framing(
            self.content_type,
            self.ping,
            lambda body, _status, _begun: self.error_frame(body),
            lambda _frame: GARBAGE,
        )

    def refused(self, refusal: Refusal, call: Call, body: bytes | None = None) -> web.Response:
        """A refusal as a response; `body` stands in for the wire's own."""
        data = self.error(refusal, call.number) if body is None else body
        return json_response(data, refusal.status, self.response_headers(call.number))

    def unknown_model(self, model: str) -> Refusal:
        """The refusal of a model that does not exist."""

    def unknown_path(self, method: str, path: str, number: int) -> web.Response:
        """The answer where there is nothing."""

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The credential that a request carries."""

    def check_key(self, call: Call, accepted: Container[str | None] | None) -> None:
        """Look at the credential.

        Raises:
            Refusal: it is none of the accepted ones.
        """
        if accepted is not None and self.key(call.headers) not in accepted:
            raise self.unknown_key(call)

    def unknown_key(self, call: Call) -> Refusal:  # noqa: ARG002 - for wires with several kinds
        """The refusal of a credential that is not valid, or no longer."""
        return Refusal(401, self.wrong_key)

    def response_headers(self, number: int) -> dict[str, str]:
        """Request id and rate limits, in the wire's own names."""


def json_response(
    data: bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON body as an answer."""
    return web.Response(body=data, status=status, content_type="application/json", headers=headers)


def is_unknown(model: str) -> bool:
    """Whether a model is the one that no wire has."""
    return model.partition(":")[0].endswith(UNKNOWN_MODEL)


def arguments_of(call: ToolCall) -> msgspec.Raw:
    """The arguments of a call as a JSON object; text that was cut short cannot be one."""
    try:
        whole = isinstance(msgspec.json.decode(call.arguments), dict)
    except msgspec.DecodeError:
        whole = False
    return msgspec.Raw(call.arguments.encode() if whole else b"{}")


def as_base64(text: str) -> str:
    """A scripted text as it may stand where the wire has bytes: encoded, unless it is already."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return base64.b64encode(text.encode()).decode()
    return text


def words(value: object) -> int:
    """The size of a request's texts, in words."""
    if isinstance(value, str):
        return len(value.split())
    if isinstance(value, list):
        return sum(words(item) for item in value)
    if isinstance(value, dict):
        return sum(words(item) for key, item in value.items() if key not in {"data", "url"})
    return 0
