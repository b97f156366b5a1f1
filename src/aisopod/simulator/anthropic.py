"""Anthropic's wire: https://docs.anthropic.com/en/api/messages."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from aisopod.simulator import anthropic_rules as rules
from aisopod.simulator.anthropic_binding import binding_of, signature_of
from aisopod.simulator.responder import usage_of
from aisopod.simulator.script import Asked, Reply, pieces_of
from aisopod.simulator.wire import (
    Call,
    Fields,
    Frame,
    Refusal,
    Route,
    Wire,
    arguments_of,
    is_unknown,
    json_response,
    words,
)
from aisopod.types import ImagePart, OpaquePart, TextPart, ThinkingPart, ToolCall

__all__ = ["AnthropicWire"]

_Shown = TextPart | ThinkingPart | OpaquePart | ToolCall

_MODELS = ("simulated", "simulated-mini")
_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "pause": "pause_turn",
}
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_FLAGS = ("batch", "citations", "code_execution", "image_input", "pdf_input", "structured_outputs")


class _Block(NamedTuple):
    """A block of the answer: as it stands whole, as it starts in a stream, and what follows."""

    whole: Fields
    start: Fields
    deltas: list[Fields]


class AnthropicWire(Wire):
    """Messages, token counting, models."""

    name = "anthropic"
    prefix = ""
    chat_paths: tuple[str, ...] = ("/v1/messages",)
    content_type = "text/event-stream; charset=utf-8"
    ping = b'event: ping\ndata: {"type":"ping"}\n\n'
    wrong_key = "invalid x-api-key"

    def __init__(self) -> None:
        self._issued: dict[str, set[str]] = {}

    @property
    def routes(self) -> list[Route]:
        """Token counting and the listing, whose path OpenAI has too."""
        return [
            Route("POST", "/v1/messages/count_tokens", self._count),
            Route("GET", "/v1/models", self._models),
            Route("GET", "/v1/models/{model:.+}", self._model),
        ]

    def claims(self, path: str, headers: Mapping[str, str]) -> bool:
        """The header is mandatory on this wire and unknown on others."""
        return "anthropic-version" in headers or path.startswith("/v1/messages")

    def read(self, call: Call) -> Asked:
        """What is asked, by the documented rules."""
        rules.check(call, self._issued)
        body = call.body
        choice = body.get("tool_choice") or {}
        tools = {tool["name"]: tool.get("input_schema", {}) for tool in body.get("tools") or []}
        turns = rules.merged(body["messages"])
        return Asked(
            model=body["model"],
            stream=bool(body.get("stream")),
            prompt=_last_text(turns),
            tool_result=_last_result(turns),
            tools={} if choice.get("type") == "none" else tools,
            forced_tool={"any": "", "tool": choice.get("name")}.get(choice.get("type", "")),
            schema=((body.get("output_config") or {}).get("format") or {}).get("schema"),
            thinking=(body.get("thinking") or {}).get("type") in {"enabled", "adaptive"},
            max_tokens=body["max_tokens"],
            stop=body.get("stop_sequences") or [],
            words=_size(body),
            binding=binding_of(body["model"], rules.head_of(body), turns),
        )

    def plain(self, reply: Reply, asked: Asked, number: int) -> bytes:
        """The message."""
        head = _head(asked, number)
        content = [block.whole for block in self._blocks(reply, asked)]
        return msgspec.json.encode(
            {**head, "content": content, **_ending(reply), "usage": _usage(reply, asked)}
        )

    def frames(self, reply: Reply, asked: Asked, number: int) -> list[Frame]:
        """The events, in the order that the docs promise."""
        usage = _usage(reply, asked)
        start = {**_head(asked, number), "content": [], "stop_reason": None, "stop_sequence": None}
        started = {**usage, "output_tokens": min(1, usage["output_tokens"])}
        started.pop("output_tokens_details")
        frames = [_event("message_start", message={**start, "usage": started}), Frame(self.ping)]
        for index, block in enumerate(self._blocks(reply, asked)):
            frames += _block_frames(index, block)
        frames.append(_event("message_delta", delta=_ending(reply), usage=usage))
        frames.append(_event("message_stop"))
        return frames

    def error(self, refusal: Refusal, number: int) -> bytes:
        """The body of a refusal."""
        kind = _TYPES.get(
            refusal.status, "api_error" if refusal.status >= 500 else "invalid_request_error"
        )
        error = {"type": kind, "message": refusal.message, **refusal.fields}
        return msgspec.json.encode(
            {"type": "error", "error": error, "request_id": _request_id(number)}
        )

    def error_frame(self, body: bytes) -> bytes:
        """An error event."""
        return b"event: error\ndata: %s\n\n" % body

    def unknown_model(self, model: str) -> Refusal:
        """Not found, and no more than its name."""
        return Refusal(404, f"model: {model}")

    def unknown_path(self, method: str, path: str, number: int) -> web.Response:  # noqa: ARG002
        """Not found, in the wire's form."""
        return json_response(
            self.error(Refusal(404, "Not found"), number), 404, self.response_headers(number)
        )

    def key(self, headers: Mapping[str, str]) -> str | None:
        """An API key, or a bearer token."""
        return headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")

    def response_headers(self, number: int) -> dict[str, str]:
        """Request id and rate limits."""
        headers = {"request-id": _request_id(number), "anthropic-organization-id": "org_sim"}
        for kind, limit in (("requests", 1000), ("input-tokens", 80000), ("output-tokens", 16000)):
            prefix = f"anthropic-ratelimit-{kind}"
            headers[f"{prefix}-limit"] = str(limit)
            headers[f"{prefix}-remaining"] = str(limit - 1)
            headers[f"{prefix}-reset"] = "2099-01-01T00:00:00Z"
        return headers

    def _count(self, call: Call) -> web.Response:
        rules.check_count(call, self._issued)
        if is_unknown(call.body["model"]):
            raise self.unknown_model(call.body["model"])
        return json_response(msgspec.json.encode({"input_tokens": _size(call.body)}))

    def _models(self, call: Call) -> web.Response:
        names = list(_MODELS)
        if after := call.query.get("after_id"):
            names = names[names.index(after) + 1 :]
        limit = int(call.query.get("limit", "20"))
        shown = names[:limit]
        listing: Fields = {
            "data": [_entry(name) for name in shown],
            "has_more": len(names) > limit,
            "first_id": shown[0] if shown else None,
            "last_id": shown[-1] if shown else None,
        }
        return json_response(msgspec.json.encode(listing))

    def _model(self, call: Call) -> web.Response:
        if is_unknown(call.path["model"]):
            raise self.unknown_model(call.path["model"])
        return json_response(msgspec.json.encode(_entry(call.path["model"])))

    def _blocks(self, reply: Reply, asked: Asked) -> list[_Block]:
        items = (item for item in reply.items if not isinstance(item, ImagePart))
        blocks = [_block(item, reply.chunk_chars, asked.binding) for item in items]
        for block in blocks:
            if block.whole["type"] == "thinking":
                texts = self._issued.setdefault(block.whole["signature"], set())
                texts.add(block.whole["thinking"])
        return blocks


def _block(item: _Shown, chunk_chars: int, binding: str) -> _Block:
    match item:
        case TextPart(text=text, citations=citations):
            whole: Fields = {"type": "text", "text": text}
            deltas = _deltas("text_delta", "text", pieces_of(text, chunk_chars))
            for citation in citations or ():
                whole["citations"] = citations
                deltas.append({"type": "citations_delta", "citation": citation})
            return _Block(whole, {"type": "text", "text": ""}, deltas)
        case ThinkingPart(redacted=str() as data):
            whole = {"type": "redacted_thinking", "data": data}
            return _Block(whole, whole, [])
        case ThinkingPart(text=text, signature=given):
            signature = given or signature_of(text, binding)
            whole = {"type": "thinking", "thinking": text, "signature": signature}
            deltas = _deltas("thinking_delta", "thinking", pieces_of(text, chunk_chars))
            deltas.append({"type": "signature_delta", "signature": signature})
            return _Block(whole, {"type": "thinking", "thinking": "", "signature": ""}, deltas)
        case ToolCall(id=identity, name=name, arguments=text):
            start: Fields = {"type": "tool_use", "id": identity, "name": name, "input": {}}
            # A call without arguments comes as one empty piece.
            pieces = [""] if text in {"", "{}"} else ["", *pieces_of(text, chunk_chars or 12)]
            deltas = _deltas("input_json_delta", "partial_json", pieces)
            return _Block({**start, "input": arguments_of(item)}, start, deltas)
        case OpaquePart(data=data):
            return _Block(data, data, [])


def _deltas(kind: str, field: str, pieces: list[str]) -> list[Fields]:
    return [{"type": kind, field: piece} for piece in pieces]


def _block_frames(index: int, block: _Block) -> list[Frame]:
    frames = [_event("content_block_start", index=index, content_block=block.start)]
    for delta in block.deltas:
        frame = _event("content_block_delta", index=index, delta=delta)
        # A signature and an empty piece are nothing that a reader would show.
        shown = delta["type"] != "signature_delta" and delta.get("partial_json") != ""
        frames.append(frame._replace(content=shown))
    frames.append(_event("content_block_stop", index=index))
    return frames


def _event(kind: str, **fields: Any) -> Frame:
    data = msgspec.json.encode({"type": kind, **fields})
    return Frame(b"event: %s\ndata: %s\n\n" % (kind.encode(), data))


def _last_text(turns: list[Fields]) -> str:
    for turn in reversed(turns):
        if turn["role"] == "user":
            texts = [block["text"] for block in turn["content"] if block["type"] == "text"]
            if texts:
                return str(texts[-1])
    return ""


def _last_result(turns: list[Fields]) -> str | None:
    said = [turn for turn in turns if turn["role"] != "system"]
    for block in reversed(said[-1]["content"]):
        if block["type"] == "tool_result":
            result = block.get("content", "")
            if isinstance(result, str):
                return result
            return " ".join(inner["text"] for inner in result if inner["type"] == "text")
    return None


def _size(body: Fields) -> int:
    return words([body.get("system"), body["messages"], body.get("tools")])


def _request_id(number: int) -> str:
    return f"req_sim_{number}"


def _head(asked: Asked, number: int) -> Fields:
    return {
        "id": f"msg_sim_{number}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "container": None,
        "stop_details": None,
    }


def _ending(reply: Reply) -> Fields:
    reason = _REASONS.get(reply.reason, reply.reason)
    if reason == "end_turn" and reply.stop_sequence is not None:
        reason = "stop_sequence"
    details = None
    if reason == "refusal":
        details = {"type": "refusal", "category": None, "explanation": "A simulated refusal."}
    return {
        "stop_reason": reason,
        "stop_sequence": reply.stop_sequence,
        "stop_details": details,
        "container": None,
    }


def _usage(reply: Reply, asked: Asked) -> Fields:
    """The wire's counts leave cached tokens out of the input."""
    usage = usage_of(reply, asked)
    cached = usage.cache_read_tokens + usage.cache_write_tokens
    return {
        "input_tokens": usage.input_tokens - cached,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens - usage.cache_write_1h_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        "service_tier": "standard",
    }


def _entry(name: str) -> Fields:
    flags: Fields = {flag: {"supported": True} for flag in _FLAGS}
    efforts = {effort: {"supported": True} for effort in ("low", "medium", "high", "xhigh", "max")}
    kinds = ("adaptive", "enabled", "disabled", "between_tools")
    types = {kind: {"supported": kind != "between_tools"} for kind in kinds}
    return {
        "type": "model",
        "id": name,
        "display_name": name.title(),
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": None,
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
        "capabilities": {
            **flags,
            "effort": {"supported": True, **efforts},
            "thinking": {"supported": True, "types": types},
        },
    }
