"""Google's wire: https://ai.google.dev/api/generate-content, and Vertex AI's address of it."""

import html
from collections.abc import Container, Mapping

import msgspec
from aiohttp import web

from aisopod.simulator import gemini_models as listing
from aisopod.simulator import gemini_rules as rules
from aisopod.simulator.gemini_parts import Piece, answered, response, so_far
from aisopod.simulator.responder import usage_of
from aisopod.simulator.script import Asked, Reply
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
    words,
)

__all__ = ["GeminiWire"]

_VERSIONS = ("v1beta", "v1", "v1alpha", "v1beta1")
_VERBS = "{verb:generateContent|streamGenerateContent}"
_PUBLISHED = "/projects/{project}/locations/{location}/publishers/google/models"
_FAMILIES = ("/models", "/tunedModels", _PUBLISHED)

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_TYPE = "type.googleapis.com/google.rpc."
_RETRY: list[Fields] = [
    {
        "@type": f"{_TYPE}QuotaFailure",
        "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}],
    },
    {"@type": f"{_TYPE}RetryInfo", "retryDelay": "0.1s"},
]
_IN_QUERY = (
    "A key in the address ends up in logs: send it as the header x-goog-api-key, not as the "
    "parameter key."
)


class GeminiWire(Wire):
    """Content generation, token counting, models."""

    name = "gemini"
    prefix = ""
    chat_paths: tuple[str, ...] = tuple(
        f"/{version}{family}/{{model}}:{_VERBS}" for version in _VERSIONS for family in _FAMILIES
    )
    content_type = "text/event-stream"
    # A blank line is nothing in either form of the stream.
    ping = b"\r\n"
    wrong_key = "API key not valid. Please pass a valid API key."

    @property
    def routes(self) -> list[Route]:
        """Token counting and the listings, whose path in v1 others have too."""
        routes = [
            Route("POST", f"/{version}{family}/{{model}}:countTokens", self._count)
            for version in _VERSIONS
            for family in _FAMILIES
        ]
        for version in _VERSIONS:
            for family in ("models", "publishers/google/models"):
                routes.append(Route("GET", f"/{version}/{family}", listing.models))
                routes.append(Route("GET", f"/{version}/{family}/{{model:.+}}", listing.model))
        return routes

    def claims(self, path: str, headers: Mapping[str, str]) -> bool:
        """Every version but v1 is Google's own; there its headers or a verb tell."""
        return (
            any(name.lower().startswith("x-goog-") for name in headers)
            or path.startswith(("/v1beta", "/v1alpha", "/v1/projects/"))
            or path.rpartition(":")[2] in {"generateContent", "countTokens"}
        )

    def read(self, call: Call) -> Asked:
        """What is asked, by the documented rules."""
        model, stream = call.path["model"], call.path["verb"] == "streamGenerateContent"
        if is_unknown(model):
            raise listing.not_found(call, call.path["verb"])
        body = rules.normalised(call.body)
        rules.check(body, model)
        config = body.get("generationConfig") or {}
        tools, forced = _tools(body)
        last = body["contents"][-1]
        schema = config.get("responseJsonSchema", config.get("responseSchema"))
        if schema is None and config.get("responseMimeType") == "application/json":
            schema = {}
        return Asked(
            model=model,
            stream=stream,
            prompt=_last_text(body["contents"]),
            tool_result=_last_result(last["parts"]),
            tools=tools,
            forced_tool=forced,
            schema=None if schema is None else _lowered(schema),
            thinking=bool((config.get("thinkingConfig") or {}).get("includeThoughts")),
            max_tokens=config.get("maxOutputTokens"),
            stop=config.get("stopSequences") or [],
            words=_size(body),
            form="sse" if call.query.get("alt") == "sse" else "array",
        )

    def plain(self, reply: Reply, asked: Asked, number: int) -> bytes:
        """The response."""
        parts = [piece.part for piece in answered(reply, asked, whole=True)]
        usage = usage_of(reply, asked)
        return msgspec.json.encode(response(reply, asked, number, parts, usage, last=True))

    def frames(self, reply: Reply, asked: Asked, number: int) -> list[Frame]:
        """A response a piece, each with the counts so far; the finish reason on the last."""
        pieces = list(answered(reply, asked, whole=False))
        silent = not pieces
        if silent or pieces[-1].content:
            # The service ends with a chunk that says nothing, unless it brings a signature.
            pieces.append(Piece({"text": ""}, content=False))
        whole = usage_of(reply, asked)
        frames = []
        for index, piece in enumerate(pieces):
            last = index == len(pieces) - 1
            usage = whole if last else so_far(whole, pieces, index)
            parts = [] if silent else [piece.part]
            value = response(reply, asked, number, parts, usage, last=last)
            data = msgspec.json.encode(value)
            if asked.form == "sse":
                data = _event(data)
            else:
                data = (b",\r\n" if index else b"[") + data + (b"\r\n]" if last else b"")
            frames.append(Frame(data, piece.content))
        return frames

    def error(self, refusal: Refusal, number: int) -> bytes:  # noqa: ARG002
        """The body of a refusal."""
        # Overload has no status of its own here.
        code = 503 if refusal.status == 529 else refusal.status
        usual = "INTERNAL" if code >= 500 else "FAILED_PRECONDITION"
        error: Fields = {
            "code": code,
            "message": refusal.message,
            "status": _STATUSES.get(code, usual),
            **({"details": _RETRY} if code == 429 else {}),
            **refusal.fields,
        }
        return msgspec.json.encode({"error": error})

    def error_frame(self, body: bytes) -> bytes:
        """An error in place of a chunk."""
        return _event(body)

    def framing(self, asked: Asked | None) -> Framing:
        """Events, or the pieces of one JSON array."""
        usual = super().framing(asked)
        if asked is None or asked.form == "sse":
            return usual
        return usual._replace(
            content_type="application/json",
            error=lambda body, _, begun: (b",\r\n" if begun else b"[") + body + b"\r\n]",
        )

    def refused(self, refusal: Refusal, call: Call, body: bytes | None = None) -> web.Response:
        """A refusal; where an array was asked for, inside of one."""
        data = self.error(refusal, call.number) if body is None else body
        is_stream = call.path.get("verb") == "streamGenerateContent"
        if body is None and is_stream and call.query.get("alt") != "sse":
            data = b"[%s]" % data
        status = 503 if refusal.status == 529 else refusal.status
        return json_response(data, status, self.response_headers(call.number))

    def unknown_model(self, model: str) -> Refusal:
        """Not found, in the words for the usual call."""
        return listing.not_found_named(f"models/{model}", "v1beta", "generateContent")

    def unknown_path(self, method: str, path: str, number: int) -> web.Response:  # noqa: ARG002
        """Not found: the front end says it, in HTML."""
        title = "<!DOCTYPE html><title>Error 404 (Not Found)</title>"
        page = f"{title}<p>The requested URL {html.escape(path)} was not found on this server."
        return web.Response(status=404, text=page, content_type="text/html")

    def key(self, headers: Mapping[str, str]) -> str | None:
        """An API key, or a bearer token."""
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        return headers.get("x-goog-api-key") or bearer

    def check_key(self, call: Call, accepted: Container[str | None] | None) -> None:
        """A key in the address is refused, though the service takes it."""
        if "key" in call.query:
            raise Refusal(400, _IN_QUERY)
        super().check_key(call, accepted)

    def unknown_key(self, call: Call) -> Refusal:
        """A wrong key is a bad argument here; a wrong token is not."""
        if "x-goog-api-key" in call.headers:
            info = {
                "@type": f"{_TYPE}ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            }
            return Refusal(400, self.wrong_key, details=[info])
        if "authorization" in call.headers:
            message = (
                "Request had invalid authentication credentials. Expected OAuth 2 access token, "
                "login cookie or other valid authentication credential."
            )
            return Refusal(401, message, details=[_error_info("ACCESS_TOKEN_EXPIRED")])
        return Refusal(
            403,
            "Method doesn't allow unregistered callers (callers without established identity). "
            "Please use API Key or other form of API consumer identity to call this API.",
        )

    def response_headers(self, number: int) -> dict[str, str]:  # noqa: ARG002
        """What the front end adds; limits are told nowhere."""
        return {"server-timing": "gfet4t7; dur=1", "vary": "Origin, X-Origin, Referer"}

    def _count(self, call: Call) -> web.Response:
        if is_unknown(call.path["model"]):
            raise listing.not_found(call, "countTokens")
        body = rules.normalised(call.body)
        rules.check_count(body)
        asked = body.get("generateContentRequest", body)
        total = _size(asked)
        details = [{"modality": "TEXT", "tokenCount": total}]
        return json_response(
            msgspec.json.encode({"totalTokens": total, "promptTokensDetails": details})
        )


def _error_info(reason: str) -> Fields:
    return {"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def _event(data: bytes) -> bytes:
    return b"data: %s\r\n\r\n" % data


def _tools(body: Fields) -> tuple[dict[str, Fields], str | None]:
    tools = {
        function["name"]: function.get("parametersJsonSchema")
        or _lowered(function.get("parameters") or {})
        for function in rules.declarations(body)
    }
    wish = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    allowed = wish.get("allowedFunctionNames")
    if allowed:
        tools = {name: schema for name, schema in tools.items() if name in allowed}
    if wish.get("mode") == "NONE":
        return {}, None
    return tools, "" if wish.get("mode") == "ANY" else None


def _lowered(schema: Fields) -> Fields:
    """The OpenAPI form of a schema as the usual one: types in lower case."""
    lowered: Fields = {}
    for name, value in schema.items():
        match value:
            case str() if name == "type":
                lowered[name] = value.lower()
            case dict() if name in {"properties", "$defs"}:
                lowered[name] = {key: _lowered(inner) for key, inner in value.items()}
            case dict() if name in {"items", "additionalProperties"}:
                lowered[name] = _lowered(value)
            case list() if name == "anyOf":
                lowered[name] = [_lowered(inner) for inner in value]
            case _:
                lowered[name] = value
    return lowered


def _last_text(contents: list[Fields]) -> str:
    for content in reversed(contents):
        if content.get("role", "user") == "user":
            texts = [part["text"] for part in content["parts"] if part.get("text")]
            if texts:
                return str(texts[-1])
    return ""


def _last_result(parts: list[Fields]) -> str | None:
    for part in reversed(parts):
        if "functionResponse" in part:
            response = part["functionResponse"]["response"]
            told = response.get("output", response.get("result", response))
            return told if isinstance(told, str) else msgspec.json.encode(told).decode()
    return None


def _size(body: Fields) -> int:
    parts = [content["parts"] for content in body.get("contents") or []]
    return words([body.get("systemInstruction"), parts, body.get("tools")])
