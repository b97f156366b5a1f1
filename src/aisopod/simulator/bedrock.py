"""AWS Bedrock's wire: https://docs.aws.amazon.com/bedrock/latest/APIReference/.

Scripted redacted thinking stands on the wire as it is when it is base64, and else encoded. The
kind of an error follows its status; another is scripted by `Fault.headers["x-amzn-errortype"]`.
"""

import zlib
from collections.abc import Container, Mapping
from typing import Any

import msgspec
from aiohttp import web

from aisopod.simulator import bedrock_converse as converse
from aisopod.simulator import bedrock_models as listing
from aisopod.simulator import bedrock_rules as rules
from aisopod.simulator import eventstream
from aisopod.simulator.bedrock_invoke import Invoke
from aisopod.simulator.script import Asked, Reply
from aisopod.simulator.sigv4 import check_signature, signed
from aisopod.simulator.wire import (
    Call,
    Fields,
    Frame,
    Framing,
    Refusal,
    Route,
    Wire,
    is_unknown,
    json_response,
)

__all__ = ["BedrockWire"]

_CODES = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}
# Inside a stream the names are members of its union.
_EXCEPTIONS = {
    400: "validationException",
    408: "modelTimeoutException",
    424: "modelStreamErrorException",
    429: "throttlingException",
    503: "serviceUnavailableException",
}
_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class BedrockWire(Wire):
    """Converse, the invocation of Anthropic's models, token counting, listings.

    Args:
        secrets: the secret of each access key id; with them signatures are checked.

    Raises:
        ImportError: there are secrets, but not the extra `bedrock`.
    """

    name = "bedrock"
    prefix = ""
    chat_paths: tuple[str, ...] = (
        "/model/{model}/{verb:converse|converse-stream|invoke|invoke-with-response-stream}",
    )
    content_type = "application/vnd.amazon.eventstream"
    # The service has no sign of life; readers pass over an event that they do not know.
    ping = eventstream.event("ping", b"{}")
    wrong_key = "The security token included in the request is invalid."

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        if secrets is not None:
            # Better now than inside of every request.
            import botocore.auth  # noqa: F401
        self._secrets = secrets
        self._converse = converse.Converse()
        self._invoke = Invoke()

    @property
    def routes(self) -> list[Route]:
        """Token counting, and the listings of the control plane."""
        return [
            Route("POST", "/model/{model}/count-tokens", self._count),
            Route("GET", "/foundation-models", listing.models),
            Route("GET", "/inference-profiles", listing.profiles),
        ]

    def claims(self, path: str, headers: Mapping[str, str]) -> bool:
        """Its paths, and whatever is signed."""
        signature = headers.get("authorization", "").startswith("AWS4-")
        return signature or path.startswith(("/model/", "/foundation-models", "/inference-"))

    def read(self, call: Call) -> Asked:
        """What is asked, by the documented rules."""
        model, verb = call.path["model"], call.path["verb"]
        if is_unknown(model):
            raise self.unknown_model(model)
        if verb.startswith("invoke"):
            return self._invoke.read(call, model, stream=verb != "invoke")
        return self._converse.read(call.body, model, stream=verb != "converse")

    def plain(self, reply: Reply, asked: Asked, number: int) -> bytes:
        """The answer of either form."""
        if asked.form == "invoke":
            return self._invoke.plain(reply, asked, number)
        return self._converse.plain(reply, asked)

    def frames(self, reply: Reply, asked: Asked, number: int) -> list[Frame]:
        """The events, each in a binary frame."""
        if asked.form == "invoke":
            return [
                Frame(_event("chunk", payload), content)
                for payload, content in self._invoke.chunks(reply, asked, number)
            ]
        events = self._converse.events(reply, asked)
        frames = [Frame(_event(kind, payload), content) for kind, payload, content in events]
        # What ends the message and the counts behind it are the terminator together.
        return [*frames[:-2], Frame(frames[-2].data + frames[-1].data)]

    def error(self, refusal: Refusal, number: int) -> bytes:  # noqa: ARG002
        """The body of a refusal; its kind is in a header."""
        return msgspec.json.encode({"message": refusal.message})

    def error_frame(self, body: bytes) -> bytes:
        """An exception of the most common kind."""
        return eventstream.exception("internalServerException", body)

    def framing(self, asked: Asked | None) -> Framing:  # noqa: ARG002
        """Binary frames: what goes wrong in them is a bit."""
        return Framing(self.content_type, self.ping, _exception, eventstream.flipped, spoils=True)

    def refused(self, refusal: Refusal, call: Call, body: bytes | None = None) -> web.Response:
        """A refusal, with its kind in the header that the service has for it."""
        # Overload has no status of its own here.
        status = {401: 403, 529: 503}.get(refusal.status, refusal.status)
        usual = "ValidationException" if status < 500 else "InternalServerException"
        code = refusal.fields.get("code") or _CODES.get(status, usual)
        headers = {
            **self.response_headers(call.number),
            "x-amzn-errortype": f"{code}:http://internal.amazon.com/coral/com.amazon.bedrock/",
        }
        data = self.error(refusal, call.number) if body is None else body
        return json_response(data, status, headers)

    def unknown_model(self, model: str) -> Refusal:  # noqa: ARG002 - the service does not name it
        """An identifier that is none."""
        return Refusal(400, "The provided model identifier is invalid.")

    def unknown_path(self, method: str, path: str, number: int) -> web.Response:  # noqa: ARG002
        """An operation that is none."""
        headers = {
            **self.response_headers(number),
            "x-amzn-errortype": "UnknownOperationException",
        }
        return json_response(b"{}", 404, headers)

    def key(self, headers: Mapping[str, str]) -> str | None:
        """A bearer key, or the id of the key that signed."""
        authorization = headers.get("authorization", "")
        claim = signed(authorization)
        return authorization.removeprefix("Bearer ") if claim is None else claim.key_id

    def check_key(self, call: Call, accepted: Container[str | None] | None) -> None:
        """A bearer key, or a signature."""
        authorization = call.headers.get("authorization", "")
        claim = signed(authorization)
        if claim is None and not authorization.removeprefix("Bearer").strip():
            raise Refusal(403, "Missing Authentication Token", code="MissingAuthenticationToken")
        if claim is None and not authorization.startswith("Bearer "):
            message = "Authorization header requires 'Credential', 'Signature', 'SignedHeaders'."
            raise Refusal(403, message, code="IncompleteSignatureException")
        if claim is not None and self._secrets is not None:
            check_signature(call, claim, self._secrets)
        else:
            super().check_key(call, accepted)

    def unknown_key(self, call: Call) -> Refusal:  # noqa: ARG002 - the same for both kinds
        """A client that is none."""
        return Refusal(403, self.wrong_key, code="UnrecognizedClientException")

    def response_headers(self, number: int) -> dict[str, str]:
        """Request id; limits are told nowhere."""
        return {"x-amzn-requestid": f"00000000-0000-4000-8000-{number:012d}"}

    def _count(self, call: Call) -> web.Response:
        model = call.path["model"]
        if is_unknown(model):
            raise self.unknown_model(model)
        if not rules.can_count(model):
            raise Refusal(400, "The provided model doesn't support counting tokens.")
        wanted: Fields = call.body.get("input") or {}
        rules.check_members(wanted, frozenset({"converse", "invokeModel"}))
        if "invokeModel" in wanted:
            total = self._invoke.count(call, model, wanted["invokeModel"]["body"])
        else:
            total = self._converse.count(wanted["converse"], model)
        return json_response(msgspec.json.encode({"inputTokens": total}))


def _exception(body: bytes, status: int, begun: bool) -> bytes:  # noqa: ARG001, FBT001
    status = 503 if status == 529 else status
    return eventstream.exception(_EXCEPTIONS.get(status, "internalServerException"), body)


def _event(kind: str, payload: Any) -> bytes:  # noqa: ANN401 - any JSON object
    """An event; padding hides how long a piece is."""
    length = 5 + zlib.crc32(msgspec.json.encode(payload)) % (len(_PADDING) - 5)
    return eventstream.event(kind, msgspec.json.encode({**payload, "p": _PADDING[:length]}))
