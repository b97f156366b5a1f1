"""Google's wire: https://ai.google.dev/api/generate-content, and Vertex AI's address of the same.

A scripted signature stands on the part after the thinking that carries it, as the service has it;
`ToolCall.fields["thoughtSignature"]` stands on its call. One that is no base64 is encoded.
An `OpaquePart` is a part as it stands, unless its kind names a field of the answer, such as
`promptFeedback`, or of the candidate, such as `groundingMetadata`.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec
from aiohttp import web

from aisopod.simulator import gemini_models as listing
from aisopod.simulator import gemini_rules as rules
from aisopod.simulator.responder import usage_of
from aisopod.simulator.script import Asked, Content, Reply, pieces_of
from aisopod.simulator.wire import (
    Call,
    Fields,
    Frame,
    Framing,
    Refusal,
    Route,
    Wire,
    arguments_of,
    as_base64,
    is_unknown,
    json_response,
    words,
)
from aisopod.types import (
    ImagePart,
    OpaquePart,
    TextPart,
    ThinkingPart,
    TokenUsage,
    ToolCall,
    sniff_media_type,
)

__all__ = ["GeminiWire"]

_VERSIONS = ("v1beta", "v1", "v1alpha", "v1beta1")
_VERBS = "{verb:generateContent|streamGenerateContent}"
_PUBLISHED = "/projects/{project}/locations/{location}/publishers/google/models"
_FAMILIES = ("/models", "/tunedModels", _PUBLISHED)

_REASONS = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "PROHIBITED_CONTENT",
    "pause": "OTHER",
}
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
_TOP = frozenset({"promptFeedback", "modelStatus"})
_CANDIDATE = frozenset(
    {"citationMetadata", "groundingMetadata", "safetyRatings", "urlContextMetadata"}
)
_IN_QUERY = (
    "A key in the address ends up in logs: send it as the header x-goog-api-key, not as the "
    "parameter key."
)


class _Piece(NamedTuple):
    """A part of the answer, and whether it is thinking and whether a reader sees it."""

    part: Fields
    thought: bool = False
    content: bool = True


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
        parts = [piece.part for piece in _pieces(reply, asked, whole=True)]
        usage = usage_of(reply, asked)
        return msgspec.json.encode(_response(reply, asked, number, parts, usage, last=True))

    def frames(self, reply: Reply, asked: Asked, number: int) -> list[Frame]:
        """A response a piece, each with the counts so far; the finish reason on the last."""
        pieces = list(_pieces(reply, asked, whole=False))
        if not pieces or pieces[-1].content:
            # The service ends with a chunk that says nothing, unless it brings a signature.
            pieces.append(_Piece({"text": ""}, content=False))
        whole = usage_of(reply, asked)
        frames = []
        for index, piece in enumerate(pieces):
            last = index == len(pieces) - 1
            usage = whole if last else _so_far(whole, pieces, index)
            parts = [] if last and reply.items == [] else [piece.part]
            value = _response(reply, asked, number, parts, usage, last=last)
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
        page = f"<!DOCTYPE html><title>Error 404 (Not Found)</title><p>The requested URL {path}"
        return web.Response(status=404, text=page, content_type="text/html")

    def key(self, headers: Mapping[str, str]) -> str | None:
        """An API key, or a bearer token."""
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        return headers.get("x-goog-api-key") or bearer

    def check_key(self, call: Call, required: str | None) -> None:
        """A wrong key is a bad argument here; a wrong token is not."""
        if "key" in call.query:
            raise Refusal(400, _IN_QUERY)
        if required is None or self.key(call.headers) == required:
            return
        if "x-goog-api-key" in call.headers:
            info = {
                "@type": f"{_TYPE}ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            }
            raise Refusal(400, self.wrong_key, details=[info])
        if "authorization" in call.headers:
            message = (
                "Request had invalid authentication credentials. Expected OAuth 2 access token, "
                "login cookie or other valid authentication credential."
            )
            raise Refusal(401, message, details=[_error_info("ACCESS_TOKEN_EXPIRED")])
        raise Refusal(
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


def _pieces(reply: Reply, asked: Asked, *, whole: bool) -> Iterator[_Piece]:
    """The parts, text cut as the stream gives it unless it is to be whole."""
    signature: str | None = None
    unsigned = rules.wants_signatures(asked.model)
    for item in reply.items:
        match item:
            case ThinkingPart(text=text, signature=given):
                signature = given or signature
                if asked.thinking and text:
                    for piece in [text] if whole else pieces_of(text, reply.chunk_chars):
                        yield _Piece({"text": piece, "thought": True}, thought=True)
            case TextPart(text=text):
                yield from _text(text, signature, reply.chunk_chars, whole=whole)
                signature = None
            case ToolCall():
                own = (item.fields or {}).get("thoughtSignature") or signature
                # Of calls that come together only the first is signed.
                made = _signature_of(item) if unsigned else None
                unsigned, signature = False, None
                yield _Piece(_signed(_call(item), own or made))
            case _:
                part = _raw(item)
                if part is not None:
                    yield _Piece(_signed(part, signature))
                    signature = None
    if signature is not None:
        yield _Piece(_signed({"text": ""}, signature), content=False)


def _text(text: str, signature: str | None, chunk_chars: int, *, whole: bool) -> Iterator[_Piece]:
    if whole:
        yield _Piece(_signed({"text": text}, signature))
        return
    for piece in pieces_of(text, chunk_chars):
        yield _Piece({"text": piece})
    if signature is not None:
        # The signature of a text that was streamed comes behind it, on a part without text.
        yield _Piece(_signed({"text": ""}, signature), content=False)


def _signed(part: Fields, signature: str | None) -> Fields:
    return part if signature is None else {**part, "thoughtSignature": as_base64(signature)}


def _signature_of(call: ToolCall) -> str:
    digest = hashlib.sha256(f"{call.id} {call.name} {call.arguments}".encode()).digest()
    return base64.b64encode(b"sim-" + digest[:20]).decode()


def _call(call: ToolCall) -> Fields:
    function = {"id": call.id, "name": call.name, "args": arguments_of(call)}
    others = {name: value for name, value in (call.fields or {}).items() if name != "id"}
    others.pop("thoughtSignature", None)
    return {"functionCall": function, **others}


def _raw(item: Content) -> Fields | None:
    match item:
        case ImagePart(data=bytes() as data, media_type=given):
            kind = given or sniff_media_type(data) or "image/png"
            return {"inlineData": {"mimeType": kind, "data": base64.b64encode(data).decode()}}
        case ImagePart(url=str() as url, media_type=given):
            return {"fileData": {"mimeType": given or "image/png", "fileUri": url}}
        case OpaquePart(data=dict() as data, kind=kind) if kind not in _TOP | _CANDIDATE:
            return data
        case _:
            return None


def _beside(reply: Reply, names: frozenset[str]) -> Fields:
    """What the script puts beside the parts."""
    parts = [item for item in reply.items if isinstance(item, OpaquePart)]
    found: Fields = {part.kind: part.data for part in parts if part.kind in names}
    texts = [item for item in reply.items if isinstance(item, TextPart)]
    sources = [citation for text in texts for citation in text.citations or ()]
    if sources and "citationMetadata" in names:
        found.setdefault("citationMetadata", {"citationSources": sources})
    return found


def _response(
    reply: Reply, asked: Asked, number: int, parts: list[Fields], usage: TokenUsage, *, last: bool
) -> Fields:
    top = _beside(reply, _TOP) if last else {}
    candidate: Fields = {"index": 0}
    if parts:
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if last:
        reason = _REASONS.get(reply.reason, reply.reason)
        candidate |= {"finishReason": reason, **_beside(reply, _CANDIDATE)}
    # A prompt that was blocked has no candidate at all.
    blocked = "promptFeedback" in top and not parts
    return {
        **({} if blocked else {"candidates": [candidate]}),
        **top,
        "usageMetadata": _usage(usage),
        "modelVersion": asked.model,
        "responseId": f"sim-{number}",
    }


def _so_far(usage: TokenUsage, pieces: list[_Piece], index: int) -> TokenUsage:
    """The counts when as many pieces were sent: what a kind has used grows with its pieces."""
    kinds = [piece.thought for piece in pieces]
    thought, said = kinds[: index + 1].count(True), kinds[: index + 1].count(False)
    # Thinking that is not shown is over before the first piece.
    all_thought = kinds.count(True)
    reasoning = usage.reasoning_tokens
    if all_thought:
        reasoning = reasoning * thought // all_thought
    text = (usage.output_tokens - usage.reasoning_tokens) * said // max(1, kinds.count(False))
    return TokenUsage(
        input_tokens=usage.input_tokens,
        output_tokens=reasoning + text,
        cache_read_tokens=usage.cache_read_tokens,
        reasoning_tokens=reasoning,
    )


def _usage(usage: TokenUsage) -> Fields:
    """The wire's counts keep thinking apart from what was said, and leave out what is 0."""
    counts: Fields = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": usage.output_tokens - usage.reasoning_tokens,
        "totalTokenCount": usage.total_tokens,
        "cachedContentTokenCount": usage.cache_read_tokens,
        "thoughtsTokenCount": usage.reasoning_tokens,
    }
    details = [{"modality": "TEXT", "tokenCount": usage.input_tokens}]
    return {
        **{name: count for name, count in counts.items() if count},
        "promptTokensDetails": details,
    }


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
