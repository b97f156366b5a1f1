"""Whatever a peer sends: an answer, or an error of aisopod's own; never another exception."""

import contextlib
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.bedrock_converse.codec import codec as converse
from aisopod.codecs.bedrock_invoke.codec import codec as invoke
from aisopod.codecs.codec import Codec
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.codecs.ollama_chat.codec import codec as ollama
from aisopod.codecs.openai_chat.codec import codec as openai
from aisopod.errors import AisopodError
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.types import ChatCompletionRequest, Message, Tool, ToolCall, fold

CODECS = [anthropic, openai, gemini, converse, invoke, ollama]
TARGET = Target(provider="p", model="m")

# One of each kind of event, of which pieces are replaced by anything.
EVENTS: dict[str, list[Any]] = {
    "anthropic_messages": [
        {"type": "message_start", "message": {"id": "m", "model": "m", "content": [],
         "usage": {"input_tokens": 1, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
        {"type": "content_block_delta", "index": 0,
         "delta": {"type": "citations_delta", "citation": {"a": 1}}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1,
         "content_block": {"type": "tool_use", "id": "t", "name": "n", "input": {}}},
        {"type": "content_block_delta", "index": 1,
         "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "content_block_start", "index": 2,
         "content_block": {"type": "redacted_thinking", "data": "x"}},
        {"type": "content_block_stop", "index": 2},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"},
         "usage": {"output_tokens": 3}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "m"}},
    ],
    "openai_chat": [
        {"id": "i", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant",
         "content": "a"}, "finish_reason": None}]},
        {"id": "i", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [
            {"index": 0, "id": "t", "function": {"name": "n", "arguments": "{}"}}]}}]},
        {"id": "i", "model": "m", "choices": [{"index": 0, "delta": {"refusal": "no"},
         "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 2,
         "prompt_tokens_details": {"cached_tokens": 1}}},
        {"error": {"message": "m", "code": "c", "type": "t"}},
    ],
    "gemini_generate": [
        {"candidates": [{"content": {"parts": [{"text": "a"}], "role": "model"}, "index": 0}],
         "usageMetadata": {"promptTokenCount": 1}, "modelVersion": "v", "responseId": "r"},
        {"candidates": [{"content": {"parts": [{"text": "b", "thought": True}]}}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "n", "args": {"a": 1}},
         "thoughtSignature": "s"}, {"executableCode": {"code": "1"}}]}}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "n",
         "willContinue": True}}]}}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"partialArgs": [
            {"jsonPath": "$.a[0].b", "stringValue": "x"}], "willContinue": True}}]}}]},
        {"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png",
         "data": "aGk="}}]}, "finishReason": "STOP", "safetyRatings": [{"category": "c"}]}]},
        {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": [{"category": "c",
         "probability": "HIGH"}]}},
        {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED",
         "details": [{"@type": "x.RetryInfo", "retryDelay": "1s"},
                     {"@type": "x.QuotaFailure", "violations": [{"quotaId": "q"}]}]}},
    ],
    "bedrock_converse": [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "a"}}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"citation": {"a": 1}}}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"contentBlockDelta": {"contentBlockIndex": 1,
         "delta": {"reasoningContent": {"text": "t"}}}},
        {"contentBlockDelta": {"contentBlockIndex": 1,
         "delta": {"reasoningContent": {"redactedContent": "aGk="}}}},
        {"contentBlockStop": {"contentBlockIndex": 1}},
        {"contentBlockStart": {"contentBlockIndex": 2,
         "start": {"toolUse": {"toolUseId": "t", "name": "n"}}}},
        {"contentBlockDelta": {"contentBlockIndex": 2, "delta": {"toolUse": {"input": "{}"}}}},
        {"contentBlockStart": {"contentBlockIndex": 3, "start": {"toolResult": {"status": "s"}}}},
        {"contentBlockDelta": {"contentBlockIndex": 3, "delta": {"toolResult": [{"text": "x"}]}}},
        {"contentBlockStop": {"contentBlockIndex": 3}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": {"inputTokens": 1, "outputTokens": 2}, "metrics": {"a": 1}}},
        {"throttlingException": {"message": "m"}},
    ],
    "bedrock_invoke": [
        {"chunk": {"bytes": "eyJ0eXBlIjoicGluZyJ9"}},
        {"modelStreamErrorException": {"message": "m", "originalStatusCode": 500}},
    ],
    "ollama_chat": [
        {"model": "m", "created_at": "c", "message": {"role": "assistant", "content": "a"},
         "done": False},
        {"model": "m", "message": {"content": "", "tool_calls": [
            {"function": {"name": "n", "arguments": {"a": 1}}}]}, "done": False},
        {"model": "m", "message": {"content": ""}, "done": True, "done_reason": "stop",
         "prompt_eval_count": 1, "eval_count": 2},
        {"error": "m"},
    ],
}  # fmt: skip

PLAIN: dict[str, Any] = {
    "anthropic_messages": {"id": "m", "type": "message", "model": "m", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "a"}, {"type": "thinking", "thinking": "t",
        "signature": "s"}, {"type": "tool_use", "id": "t", "name": "n", "input": {"a": 1}}],
        "usage": {"input_tokens": 1, "output_tokens": 1}},
    "openai_chat": {"id": "i", "model": "m", "choices": [{"index": 0, "message": {
        "role": "assistant", "content": "a", "tool_calls": [{"id": "t", "function": {"name": "n",
        "arguments": "{}"}}]}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}},
    "gemini_generate": {"candidates": [{"content": {"parts": [{"text": "a"}, {"functionCall":
        {"name": "n"}}, {"text": "", "thoughtSignature": "s"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1}},
    "bedrock_converse": {"output": {"message": {"role": "assistant", "content": [{"text": "a"},
        {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}},
        {"citationsContent": {"content": [{"text": "c"}], "citations": [{"a": 1}]}},
        {"image": {"format": "png", "source": {"bytes": "aGk="}}},
        {"toolUse": {"toolUseId": "t", "name": "n", "input": {"a": 1}}}]}},
        "stopReason": "tool_use", "usage": {"inputTokens": 1, "outputTokens": 2}},
    "ollama_chat": {"model": "m", "message": {"content": "a", "thinking": "t"}, "done": True,
        "eval_count": 1},
}  # fmt: skip
PLAIN["bedrock_invoke"] = PLAIN["anthropic_messages"]

ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1e300,
    "",
    "x",
    "\ud800"[:0],
    [],
    [None],
    {},
    {"a": None},
    [[]],
    [{}],
]


def by_codec(test: Any) -> Any:
    return pytest.mark.parametrize("codec", CODECS, ids=[c.dialect for c in CODECS])(test)


def spoiled(value: Any, chance: random.Random) -> Any:
    """The value with one piece replaced by something odd, or left out."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(list(value))
        if chance.random() < 0.15:
            return {name: each for name, each in value.items() if name != key}
        return {**value, key: spoiled(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        place = chance.randrange(len(value))
        return [*value[:place], spoiled(value[place], chance), *value[place + 1 :]]
    return chance.choice(ODD)


def feed_all(codec: Codec, frames: list[bytes]) -> None:
    decoder = codec.stream_decoder(TARGET)
    chunks = []
    for frame in frames:
        with contextlib.suppress(AisopodError):
            chunk = decoder.feed(frame)
            if chunk is not None:
                chunks.append(chunk)
    with contextlib.suppress(AisopodError):
        decoder.close()
    fold(chunks)


@by_codec
@settings(max_examples=3000, deadline=None)
@given(seed=st.integers())
def test_spoiled_events(codec: Codec, seed: int) -> None:
    chance = random.Random(seed)
    events = EVENTS[codec.dialect]
    frames = [
        msgspec.json.encode(spoiled(event, chance) if chance.random() < 0.4 else event)
        for event in events
    ]
    feed_all(codec, frames)


@by_codec
@settings(max_examples=300, deadline=None)
@given(seed=st.integers())
def test_spoiled_plain_answers(codec: Codec, seed: int) -> None:
    chance = random.Random(seed)
    body = msgspec.json.encode(spoiled(PLAIN[codec.dialect], chance))
    with contextlib.suppress(AisopodError):
        fold(codec.decode(body, TARGET))


@by_codec
@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=80), status=st.sampled_from([None, 400, 401, 429, 500, 529]))
def test_any_bytes(codec: Codec, data: bytes, status: int | None) -> None:
    feed_all(codec, [data])
    with contextlib.suppress(AisopodError):
        codec.decode(data, TARGET)
    codec.decode_error(status, {}, data)
    with contextlib.suppress(AisopodError):
        codec.framing().feed(data)


@by_codec
@settings(max_examples=300, deadline=None)
@given(seed=st.integers(), status=st.sampled_from([None, 400, 401, 403, 404, 429, 500, 529]))
def test_spoiled_errors(codec: Codec, seed: int, status: int | None) -> None:
    chance = random.Random(seed)
    body = {
        "type": "error", "code": "c", "__type": "x#ThrottlingException", "status": 3,
        "error": {"type": "t", "code": 429, "message": "too long: 3 tokens > 2", "param": "p",
                  "status": "RESOURCE_EXHAUSTED", "details": [{"@type": "a.RetryInfo",
                  "retryDelay": "1s"}]},
        "message": "m",
    }  # fmt: skip
    headers = {"retry-after": chance.choice(["1", "x", "", "Wed, 21 Oct 2015 07:28:00 GMT"])}
    codec.decode_error(status, headers, msgspec.json.encode(spoiled(body, chance)))


DEEP = b'{"a":' * 5_000 + b"1" + b"}" * 5_000


@by_codec
def test_absurd_nesting(codec: Codec) -> None:
    """The JSON library gives up with an error that is not its own."""
    feed_all(codec, [DEEP])
    with pytest.raises(AisopodError):
        codec.decode(DEEP, TARGET)
    codec.decode_error(400, {}, DEEP)
    call = ToolCall(id="c", name="f", arguments=DEEP.decode())
    request = ChatCompletionRequest(
        model="m",
        messages=[
            Message(role="user", content="hi"), Message(role="assistant", tool_calls=[call]),
            Message(role="tool", tool_call_id="c", content=DEEP.decode()),
        ],
        tools=[Tool(name="f")],
    )  # fmt: skip
    with contextlib.suppress(AisopodError):
        codec.encode(validate(request), TARGET)
