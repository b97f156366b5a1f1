"""Anthropic's wire: https://docs.anthropic.com/en/api/messages, and its documented rules."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from aisopod.simulator.responder import usage_of
from aisopod.simulator.script import Asked, Reply, pieces_of
from aisopod.simulator.wire import Frame, Refusal, json_response, words
from aisopod.types import OpaquePart, TextPart, ThinkingPart

__all__ = ["AnthropicWire"]

Block = dict[str, Any]

_FIELDS = frozenset(
    [
        "model",
        "max_tokens",
        "messages",
        "system",
        "stop_sequences",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "thinking",
        "output_config",
        "tools",
        "tool_choice",
        "metadata",
        "service_tier",
        "speed",
        "cache_control",
        "inference_geo",
        "container",
        "diagnostics",
        "mcp_servers",
        "context_management",
    ]
)
_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "pause": "pause_turn",
}
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class AnthropicWire:
    """Messages, token counting, models."""

    name = "anthropic"
    prefix = ""
    chat_paths: tuple[str, ...] = ("/v1/messages",)
    content_type = "text/event-stream; charset=utf-8"
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'

    def read(self, body: dict[str, Any], path_model: str | None) -> Asked:  # noqa: ARG002
        """What is asked, by the documented rules."""
        if "max_tokens" not in body:
            raise _bad("max_tokens: Field required")
        return _read(body)

    def plain(self, reply: Reply, asked: Asked, number: int) -> bytes:
        """The message."""
        return msgspec.json.encode(
            {
                **_head(asked, number),
                "content": _blocks(reply),
                "stop_reason": _REASONS.get(reply.reason, reply.reason),
                "stop_sequence": None,
                "usage": _usage(reply, asked),
            }
        )

    def frames(self, reply: Reply, asked: Asked, number: int) -> list[Frame]:
        """The events, in the order that the docs promise."""
        usage = _usage(reply, asked)
        start = {**_head(asked, number), "content": [], "stop_reason": None, "stop_sequence": None}
        frames = [
            _event("message_start", message={**start, "usage": {**usage, "output_tokens": 1}}),
            Frame(self.ping),
        ]
        for index, block in enumerate(_blocks(reply)):
            frames += _block_frames(index, block, reply.chunk_chars)
        ending = {"stop_reason": _REASONS.get(reply.reason, reply.reason), "stop_sequence": None}
        frames.append(_event("message_delta", delta=ending, usage=usage))
        frames.append(_event("message_stop"))
        return frames

    def error(self, refusal: Refusal) -> bytes:
        """The body of a refusal."""
        kind = _TYPES.get(refusal.status, "api_error")
        error = {"type": kind, "message": refusal.message}
        return msgspec.json.encode({"type": "error", "error": error, "request_id": "req_sim"})

    def error_frame(self, refusal: Refusal) -> bytes:
        """An error event."""
        return b"event: error\ndata: %s\n\n" % self.error(refusal)

    def key(self, headers: Mapping[str, str]) -> str | None:
        """An API key, or a bearer token."""
        return headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")

    def response_headers(self, number: int) -> dict[str, str]:
        """Request id and rate limits."""
        return {
            "request-id": f"req_sim_{number}",
            "anthropic-ratelimit-requests-limit": "1000",
            "anthropic-ratelimit-requests-remaining": "999",
            "anthropic-ratelimit-requests-reset": "2099-01-01T00:00:00Z",
        }

    def add_routes(self, app: web.Application) -> None:
        """Token counting; the listing is shared with OpenAI's path and served there."""
        app.router.add_post("/v1/messages/count_tokens", self._count)

    async def _count(self, request: web.Request) -> web.StreamResponse:
        try:
            body = msgspec.json.decode(await request.read())
            asked = _read({**body, "max_tokens": 1})
        except Refusal as refusal:
            return json_response(self.error(refusal), refusal.status)
        return json_response(msgspec.json.encode({"input_tokens": asked.words}))


def _read(body: dict[str, Any]) -> Asked:
    for field in body:
        if field not in _FIELDS:
            raise _bad(f"{field}: Extra inputs are not permitted")
    messages = body.get("messages") or []
    if not messages:
        raise _bad("messages: at least one message is required")
    _check_turns(messages)
    thinking = body.get("thinking") or {}
    schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
    choice = body.get("tool_choice") or {}
    tools = {tool["name"]: tool.get("input_schema", {}) for tool in body.get("tools") or []}
    forced = {"any": "", "tool": choice.get("name")}.get(choice.get("type", ""))
    return Asked(
        model=body.get("model", ""),
        stream=bool(body.get("stream")),
        prompt=_last_text(messages),
        tool_result=_last_result(messages),
        tools={} if choice.get("type") == "none" else tools,
        forced_tool=forced,
        schema=schema,
        thinking=thinking.get("type") in {"enabled", "adaptive"},
        max_tokens=body.get("max_tokens"),
        stop=body.get("stop_sequences") or [],
        words=words([body.get("system"), messages]),
    )


def _check_turns(messages: list[Block]) -> None:
    calls: list[str] = []
    for index, message in enumerate(messages):
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if message.get("role") not in {"user", "assistant"}:
            raise _bad(f"messages.{index}.role: Input should be 'user' or 'assistant'")
        if sorted(results) != sorted(calls):
            raise _bad(
                f"messages.{index}: `tool_use` ids were found without `tool_result` blocks "
                "immediately after, or the reverse"
            )
        for position, block in enumerate(blocks):
            _check_block(block, f"messages.{index}.content.{position}")
        calls = [block["id"] for block in blocks if block["type"] == "tool_use"]


def _check_block(block: Block, path: str) -> None:
    if block["type"] == "text" and not block["text"].strip():
        raise _bad(f"{path}: text content blocks must be non-empty")
    if block["type"] == "tool_use" and not isinstance(block.get("input"), dict):
        raise _bad(f"{path}.input: Input should be a valid dictionary")
    if block["type"] == "thinking":
        signature = block.get("signature", "")
        if signature.startswith("sim-") and signature != _signature(block["thinking"]):
            raise _bad(f"{path}: Invalid `signature` in `thinking` block")


def _bad(message: str) -> Refusal:
    return Refusal(400, "invalid_request", message)


def _last_text(messages: list[Block]) -> str:
    for message in reversed(messages):
        if message["role"] == "user":
            content = message["content"]
            if isinstance(content, str):
                return content
            texts = [block["text"] for block in content if block["type"] == "text"]
            if texts:
                return str(texts[-1])
    return ""


def _last_result(messages: list[Block]) -> str | None:
    content = messages[-1].get("content")
    for block in reversed(content) if isinstance(content, list) else ():
        if block["type"] == "tool_result":
            result = block.get("content", "")
            return result if isinstance(result, str) else str(result[0].get("text", ""))
    return None


def _head(asked: Asked, number: int) -> Block:
    return {
        "id": f"msg_sim_{number}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "stop_details": None,
    }


def _signature(text: str) -> str:
    return f"sim-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def _blocks(reply: Reply) -> list[Block]:
    blocks: list[Block] = []
    for part in reply.parts:
        match part:
            case TextPart(text=text, citations=citations):
                blocks.append({"type": "text", "text": text})
                if citations:
                    blocks[-1]["citations"] = citations
            case ThinkingPart(redacted=str() as data):
                blocks.append({"type": "redacted_thinking", "data": data})
            case ThinkingPart(text=text, signature=signature):
                signed = signature or _signature(text)
                blocks.append({"type": "thinking", "thinking": text, "signature": signed})
            case OpaquePart(data=data):
                blocks.append(data)
    blocks += [
        {
            "type": "tool_use",
            "id": call.id,
            "name": call.name,
            "input": msgspec.Raw(call.arguments.encode()),
        }
        for call in reply.tool_calls
    ]
    return blocks


def _block_frames(index: int, block: Block, chunk_chars: int) -> list[Frame]:
    start = dict(block)
    deltas: list[Block] = []
    match str(block["type"]):
        case "text":
            start = {"type": "text", "text": ""}
            pieces = pieces_of(block["text"], chunk_chars)
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
            deltas += [
                {"type": "citations_delta", "citation": citation}
                for citation in block.get("citations", ())
            ]
        case "thinking":
            start = {"type": "thinking", "thinking": "", "signature": ""}
            pieces = pieces_of(block["thinking"], chunk_chars)
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        case "tool_use":
            start["input"] = {}
            text = bytes(block["input"]).decode()
            # A call without arguments comes as one empty piece.
            pieces = [""] if text == "{}" else ["", *pieces_of(text, chunk_chars or 12)]
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        case _:
            pass
    return [
        _event("content_block_start", index=index, content_block=start),
        *(
            Frame(_event("content_block_delta", index=index, delta=delta).data, content=True)
            for delta in deltas
        ),
        _event("content_block_stop", index=index),
    ]


def _event(kind: str, **fields: Any) -> Frame:
    data = msgspec.json.encode({"type": kind, **fields})
    return Frame(b"event: %s\ndata: %s\n\n" % (kind.encode(), data))


def _usage(reply: Reply, asked: Asked) -> Block:
    """The wire's counts leave cached tokens out of the input."""
    usage = usage_of(reply, asked)
    cached = usage.cache_read_tokens + usage.cache_write_tokens
    return {
        "input_tokens": usage.input_tokens - cached,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }
