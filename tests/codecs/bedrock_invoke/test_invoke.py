"""Anthropic's dialect inside InvokeModel."""

import base64
from typing import Any

import msgspec
import pytest

from aisopod.codecs.bedrock_invoke.codec import codec
from aisopod.codecs.bedrock_invoke.counting import count_body
from aisopod.errors import OverloadedError, ProtocolError, RateLimitError, StreamInterruptedError
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.types import ChatCompletionRequest, Message, Reasoning, Tool, fold

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
TARGET = Target(provider="bedrock-anthropic", model=MODEL)


def encode(**fields: Any) -> tuple[dict[str, Any], Any]:
    messages = [Message(role="user", content="hi")]
    request = ChatCompletionRequest(**{"model": MODEL, "messages": messages, **fields})
    encoded = codec.encode(validate(request), TARGET)
    body: dict[str, Any] = msgspec.json.decode(encoded.body)
    return body, encoded


def test_the_address_has_the_model_and_whether_it_streams() -> None:
    body, encoded = encode(stream=True)
    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert not {"model", "stream"} & set(body)
    assert body["max_tokens"] == 64_000
    assert encoded.headers == {}


def test_beta_flags_are_a_field_here() -> None:
    body, encoded = encode(
        reasoning=Reasoning(budget_tokens=2000), tools=[Tool(name="f")],
        extra={"anthropic_beta": ["context-1m-2025-08-07"]},
    )  # fmt: skip
    assert body["anthropic_beta"] == ["context-1m-2025-08-07", "interleaved-thinking-2025-05-14"]
    assert encoded.headers == {}
    assert encode(extra={"anthropic_version": "bedrock-later"})[0]["anthropic_version"] == (
        "bedrock-later"
    )


def chunk(event: dict[str, Any]) -> bytes:
    inner = base64.b64encode(msgspec.json.encode(event)).decode()
    return msgspec.json.encode({"chunk": {"bytes": inner, "p": "pad"}})


EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "msg_1", "model": "claude", "content": [],
     "usage": {"input_tokens": 3, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 3}},
]  # fmt: skip


def test_the_events_inside_the_events() -> None:
    decoder = codec.stream_decoder(TARGET)
    chunks = [decoder.feed(chunk(event)) for event in EVENTS]
    assert decoder.done
    assert decoder.close() is None
    answer = fold(each for each in chunks if each is not None)
    assert (answer.text, answer.finish_reason, answer.id) == ("hi", "stop", "msg_1")
    assert answer.usage is not None
    assert answer.usage.output_tokens == 2
    assert answer.metadata["amazon-bedrock-invocationMetrics"] == {"inputTokenCount": 3}


def test_events_that_are_not_known_are_passed_over_and_flags_sent_once() -> None:
    assert codec.stream_decoder(TARGET).feed(b'{"ping":{}}') is None
    flag = "interleaved-thinking-2025-05-14"
    body, _ = encode(reasoning=Reasoning(budget_tokens=2000), tools=[Tool(name="f")],
                     extra={"anthropic_beta": [flag]})  # fmt: skip
    assert body["anthropic_beta"] == [flag]


def test_failures_are_aws_s_outside_and_anthropic_s_inside() -> None:
    decoder = codec.stream_decoder(TARGET)
    with pytest.raises(RateLimitError):
        decoder.feed(b'{"throttlingException":{"message":"slow"}}')
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}
    with pytest.raises(OverloadedError):
        decoder.feed(chunk(error))
    for frame in (b"x", b'{"chunk":{"bytes":"x"}}', b'{"chunk":1}'):
        with pytest.raises(ProtocolError):
            decoder.feed(frame)
    with pytest.raises(StreamInterruptedError):
        decoder.close()


def test_counting_takes_the_body_as_bytes() -> None:
    _, encoded = encode()
    counted = msgspec.json.decode(count_body(encoded.body, MODEL))
    inner = base64.b64decode(counted["input"]["invokeModel"]["body"])
    assert inner == encoded.body
