"""Answers as seeds, and what becomes of their bytes: for the fuzz."""

import base64
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from aisopod.codecs.codec import Codec
from aisopod.simulator import Reply
from aisopod.simulator.anthropic import AnthropicWire
from aisopod.simulator.bedrock import BedrockWire
from aisopod.simulator.gemini import GeminiWire
from aisopod.simulator.ollama import OllamaWire
from aisopod.simulator.openai import OpenAIWire
from aisopod.simulator.script import Asked
from aisopod.simulator.wire import Refusal, Wire
from aisopod.types import OpaquePart, TextPart, ThinkingPart, TokenUsage, ToolCall
from support.recordings import load

__all__ = ["Seeds", "mutated", "seeds_of", "spoiled_json", "wire_body"]

_CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
_WIRES: dict[str, tuple[Callable[[], Wire], str, str]] = {
    "anthropic_messages": (AnthropicWire, "claude-sonnet-4-5", ""),
    "openai_chat": (OpenAIWire, "gpt-4.1", ""),
    "gemini_generate": (GeminiWire, "gemini-3-flash-preview", "sse"),
    "bedrock_converse": (BedrockWire, _CLAUDE, "converse"),
    "bedrock_invoke": (BedrockWire, _CLAUDE, "invoke"),
    "ollama_chat": (OllamaWire, "qwen3", ""),
}
_RECORDED: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "anthropic_messages": [("anthropic", ("messages",))],
    "openai_chat": [
        ("openai", ("chat.completions",)),
        ("openai-compatible", ("chat.completions",)),
    ],
    "gemini_generate": [("gemini", ("generateContent", "streamGenerateContent"))],
    "bedrock_converse": [("bedrock", ("converse", "converse-stream"))],
    "bedrock_invoke": [("bedrock", ("invoke", "invoke-with-response-stream"))],
    "ollama_chat": [("ollama", ("api/chat",))],
}
_CALL = ToolCall(id="call_1", name="weather", arguments='{"city": "Köln", "days": [1, 2.5, null]}')
_REPLIES = [
    Reply(content="Hello, wide world. ☂ 👍", chunk_chars=5),
    Reply(
        content=[ThinkingPart(text="Let me see."), TextPart(text="I look.")],
        tool_calls=[_CALL, ToolCall(id="call_2", name="f", arguments="{}")],
        usage=TokenUsage(input_tokens=9, output_tokens=7, cache_read_tokens=3, reasoning_tokens=2),
    ),
    Reply(content="cut", finish_reason="length"),
    Reply(content="", finish_reason="refusal"),
]


class Seeds(msgspec.Struct, frozen=True):
    """Sound bodies of one dialect: streams, plain answers, and refusals."""

    streams: list[bytes]
    plain: list[bytes]
    errors: list[bytes]


@cache
def seeds_of(dialect: str) -> Seeds:
    """The simulator's answers, and the recorded ones where they are."""
    make, model, form = _WIRES[dialect]
    wire = make()
    asked = Asked(model=model, stream=True, thinking=True, form=form)
    replies = list(_REPLIES)
    if dialect == "gemini_generate":
        code = {"executableCode": {"language": "PYTHON", "code": "1"}}
        replies.append(Reply(content=[OpaquePart(provider="gemini", kind="code", data=code)]))
    found = Seeds([], [], [])
    for number, reply in enumerate(replies):
        found.streams.append(b"".join(frame.data for frame in wire.frames(reply, asked, number)))
        found.plain.append(wire.plain(reply, asked, number))
    for status in (400, 401, 429, 500, 529):
        found.errors.append(wire.error(Refusal(status, "too long: 300 tokens > 200"), 1))
        found.streams.append(found.streams[0][:80] + wire.error_frame(found.errors[-1]))
    for provider, calls in _RECORDED[dialect]:
        for recording in load(provider, *calls):
            kind = found.streams if recording.stream else found.plain
            (kind if recording.status < 400 else found.errors).append(recording.body)
    return found


def wire_body(dialect: str, reply: Reply, *, stream: bool = True) -> bytes:
    """The body of an answer as the simulator writes it, without a network."""
    make, model, form = _WIRES[dialect]
    wire, asked = make(), Asked(model=model, stream=stream, thinking=True, form=form)
    if not stream:
        return wire.plain(reply, asked, 1)
    return b"".join(frame.data for frame in wire.frames(reply, asked, 1))


# --- bytes ---

_WORDS = [
    b"null", b"true", b"[]", b"{}", b'""', b"-1", b"0", b"1e309", b"-0.0", b"99999999999999999999",
    b'"\\ud800"', b"\\u0000", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n\r\n", b"\n\n", b"\n",
    b"\r", b"data: ", b"data: [DONE]\n\n", b"event: error\n", b": ping\n\n", b"[" * 600,
    b'{"a":' * 600, b'"error":', b',"index":-1', b',"index":4294967296', "👍".encode()[:2], b"NaN",
]  # fmt: skip


def mutated(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """The bytes with a few changes; `other` is what may be spliced in."""
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        here = chance.randrange(len(data) + 1)
        there = min(len(data), here + chance.choice([1, 2, 8, 64, 512]))
        match chance.randrange(7):
            case 0:
                changed = bytes([chance.randrange(256)])
                data = data[:here] + changed + data[here + 1 :]
            case 1:
                data = data[:here] + data[there:]
            case 2:
                data = data[:here] + chance.choice(_WORDS) + data[here:]
            case 3:
                data = data[:there] + data[here:there] * chance.choice([1, 2, 20]) + data[there:]
            case 4:
                start = chance.randrange(len(other) + 1)
                data = data[:here] + other[start : start + 200] + data[there:]
            case 5:
                data = data[:here] + chance.choice(_WORDS) + data[there:]
            case _ if chance.random() < 0.2:
                data = data[:here]
            case _:
                data = chance.randbytes(chance.choice([1, 4, 30])) + data
    return data[:200_000]


# --- JSON ---

_ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e300, 2**63, -(2**63), "", "x", "\x00", "👍", "a" * 5000, [],
    [None], {}, {"a": None}, [[]], [{}], {"type": "text"}, {"text": 1}, "data:,", "aGk=",
    "end_turn", "tool_use", {"error": {"message": "m"}}, {"type": "error"},
]  # fmt: skip


def spoiled_json(data: bytes, chance: random.Random, codec: Codec) -> bytes:
    """A JSON value with a few pieces replaced; what is no JSON comes back as it is."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return data
    inner = value.get("chunk") if isinstance(value, dict) else None
    if codec.dialect == "bedrock_invoke" and isinstance(inner, dict) and "bytes" in inner:
        event = spoiled_json(base64.b64decode(inner["bytes"]), chance, codec)
        value = {"chunk": {"bytes": base64.b64encode(event).decode()}}
        return msgspec.json.encode(value)
    for _ in range(chance.choice([1, 1, 2, 5])):
        value = _spoiled(value, chance)
    return msgspec.json.encode(value)


def _spoiled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        draw = chance.random()
        if draw < 0.1:
            return {name: each for name, each in value.items() if name != key}
        if draw < 0.15:
            return {**value, chance.choice(list(value)): value[key]}
        return {**value, key: _spoiled(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        place = chance.randrange(len(value))
        if chance.random() < 0.15:
            return [*value, *value[place:]]
        return [*value[:place], _spoiled(value[place], chance), *value[place + 1 :]]
    return chance.choice(_ODD)
