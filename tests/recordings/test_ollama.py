"""Every recorded exchange of Ollama's wire, against what Ollama's own client read in it."""

import random
from typing import Any

import msgspec
import pytest
from ollama._types import ChatRequest

from aisopod.codecs.ollama_chat.codec import codec
from aisopod.errors import ProtocolError
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.providers.ollama.management import parse_show, parse_tags
from aisopod.types import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Message,
    TokenUsage,
    fold,
)
from support.recordings import Recording, load

CHATS = load("ollama", "api/chat", "api/generate")
# Where we read a recording otherwise than the client, and why that is right.
DIFFERENT: dict[str, str] = {
    "ollama/ollama--docs-api-4": (
        "the docs print the text of an answer there, not an answer: the client's types take any "
        "object; ours says that it is none"
    ),
}
ANSWERS = [r for r in CHATS if r.expect and not r.expect["error"] and r.name not in DIFFERENT]
STREAMS = [r for r in CHATS if r.stream]


def by_name(recordings: list[Recording]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("recording", recordings, ids=[r.name for r in recordings])


def target(recording: Recording) -> Target:
    return Target(provider="ollama", model=(recording.request.get("json") or {}).get("model", "m"))


def stream_chunks(recording: Recording, pieces: list[bytes]) -> list[ChatCompletionChunk]:
    framing, decoder = codec.framing(), codec.stream_decoder(target(recording))
    chunks = [decoder.feed(frame) for piece in pieces for frame in framing.feed(piece)]
    chunks += [decoder.feed(frame) for frame in framing.close()]
    # One source printed a few lines of its streams as an example, and not the last.
    if recording.expect is None or recording.expect.get("done", True):
        chunks.append(decoder.close())
    return [chunk for chunk in chunks if chunk is not None]


def read(recording: Recording) -> ChatCompletion:
    if recording.stream:
        return fold(stream_chunks(recording, [recording.body]))
    return fold(codec.decode(recording.body, target(recording)))


@by_name(ANSWERS)
def test_read_as_the_client_reads(recording: Recording) -> None:
    expect = recording.expect
    assert expect is not None
    answer = read(recording)
    assert answer.text == expect["text"]
    assert answer.thinking == expect["thinking"]
    assert [(call.name, call.parse()) for call in answer.tool_calls] == [
        (call["name"], call["arguments"]) for call in expect["tool_calls"]
    ]
    for call, told in zip(answer.tool_calls, expect["tool_calls"], strict=True):
        assert call.id
        if told["id"]:
            assert call.id == told["id"]
    assert answer.raw_finish_reason == expect["finish_reason"]
    if expect["tool_calls"] and expect["finish_reason"]:
        assert answer.finish_reason == "tool_calls"
    assert answer.usage == usage(expect["usage"] or {})


def usage(told: dict[str, Any]) -> TokenUsage | None:
    if "prompt_eval_count" not in told and "eval_count" not in told:
        return None
    both = "prompt_eval_count" in told and "eval_count" in told
    return TokenUsage(
        input_tokens=told.get("prompt_eval_count") or 0,
        output_tokens=told.get("eval_count") or 0,
        quality="exact" if both else "partial",
    )


@by_name([r for r in CHATS if r.name in DIFFERENT])
def test_what_is_no_answer_is_said_to_be_none(recording: Recording) -> None:
    with pytest.raises(ProtocolError, match="no answer"):
        read(recording)


@by_name([r for r in CHATS if r.expect is None])
def test_read_where_the_client_could_not(recording: Recording) -> None:
    """An answer without a message: the client's types refuse it, its counts are good."""
    answer = read(recording)
    assert answer.finish_reason == "stop"
    assert answer.usage is not None


def _cuts(body: bytes) -> list[list[bytes]]:
    if len(body) < 6_000:
        places = list(range(1, len(body)))
    else:
        places = random.Random(len(body)).sample(range(1, len(body)), 40)
    halves = [[body[:place], body[place:]] for place in places]
    return [*halves, [body[i : i + 1] for i in range(len(body))]]


@by_name([r for r in STREAMS if r.fidelity == "wire"])
def test_any_split_gives_equal_chunks(recording: Recording) -> None:
    whole = stream_chunks(recording, [recording.body])
    for pieces in _cuts(recording.body):
        assert stream_chunks(recording, pieces) == whole


@by_name(ANSWERS)
def test_the_answer_can_be_sent_back(recording: Recording) -> None:
    answer = read(recording)
    request = ChatCompletionRequest(
        model="m", messages=[Message(role="user", content="hi"), answer.message]
    )
    encoded = codec.encode(validate(request), target(recording))
    body = msgspec.json.decode(encoded.body)
    ChatRequest(**body)  # the vendor's own types take it
    sent = body["messages"][1]
    came = raw_message(recording)
    assert sent["content"] == came["content"]
    assert sent.get("thinking", "") == came["thinking"]
    assert [call["function"] for call in sent.get("tool_calls", [])] == came["calls"]
    assert not encoded.warnings


def raw_message(recording: Recording) -> dict[str, Any]:
    """The message, put together from the raw lines by an independent reading."""
    text, thinking = "", ""
    calls: list[dict[str, Any]] = []
    lines = recording.body.splitlines() if recording.stream else [recording.body]
    for line in lines:
        if not line.strip():
            continue
        whole = msgspec.json.decode(line)
        message = whole.get("message") or whole
        text += message.get("content") or message.get("response") or ""
        thinking += message.get("thinking") or ""
        for call in message.get("tool_calls") or []:
            function = call["function"]
            calls.append({"name": function["name"], "arguments": function["arguments"]})
    return {"content": text, "thinking": thinking, "calls": calls}


@by_name(load("ollama", "api/tags", "api/ps"))
def test_listing(recording: Recording) -> None:
    assert recording.expect is not None
    models = parse_tags(recording.body, "ollama").models
    assert [model.id for model in models] == recording.expect["models"]


@by_name(load("ollama", "api/show"))
def test_description(recording: Recording) -> None:
    expect = recording.expect
    assert expect is not None
    model = parse_show(recording.body, "m", "ollama")
    assert model.capabilities == frozenset(expect["capabilities"])
    assert model.lacks == {"tools", "vision", "reasoning"} - model.capabilities
    assert model.context_window == expect["context_length"]
    assert model.raw["details"] == expect["details"]
