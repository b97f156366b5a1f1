"""Every recorded exchange of Bedrock's wires, against what boto3 read in it."""

import base64
import random
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.validate import ParamValidator

from aisopod import errors
from aisopod.codecs.bedrock_converse.codec import codec as converse
from aisopod.codecs.bedrock_invoke.codec import codec as invoke
from aisopod.codecs.codec import Codec
from aisopod.errors import ProtocolError
from aisopod.framing import EventStreamFraming
from aisopod.normalise.target import Target
from aisopod.providers.bedrock.listing import parse_count
from aisopod.types import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Message,
    OpaquePart,
    ThinkingPart,
    TokenUsage,
    fold,
)
from support.recordings import Recording, load, opening, results_of
from support.validity import converse_shape, with_bytes

CONVERSE = [r for r in load("bedrock", "converse", "converse-stream") if r.expect]
INVOKE = [r for r in load("bedrock", "invoke", "invoke-with-response-stream") if r.expect]
ANSWERS = [r for r in CONVERSE if not (r.expect or {})["error"]]
REFUSED = [
    r
    for r in [*CONVERSE, *INVOKE, *load("bedrock", "count-tokens")]
    if r.expect and r.expect["error"]
]
# Models whose own events are Converse's, and Anthropic's Messages: aisopod reads both. The others
# (Titan, Cohere, Llama, AI21, Claude's old completions) have wires of their own, which Converse
# hides: of those the frames are compared, and the texts in them by this file's own reading.
NOVA = [r for r in INVOKE if r.stream and "nova" in r.request["url"] and r.status == 200]
CLAUDE = [
    r
    for r in INVOKE
    if "anthropic" in r.request["url"] and r.status == 200 and "claude-text" not in str(r.expect)
]
OTHERS = [r for r in INVOKE if r.status == 200 and r not in CLAUDE and r not in NOVA]
# Calls that the service makes itself are parts, not calls for the caller; the SDK's reading of
# plain answers has them among the calls.
SERVICE_TOOLS = ("code_execution_tool",)

_CLASSES = {
    "ExpiredTokenException": errors.AuthenticationError,
    "AccessDeniedException": errors.PermissionDeniedError,
}
_MESSAGES = (
    ("model identifier is invalid", errors.ModelNotFoundError),
    ("", errors.BadRequestError),
)


def by_name(recordings: list[Recording]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("recording", recordings, ids=[r.name for r in recordings])


def target(recording: Recording) -> Target:
    name = recording.request["url"].split("/model/")[1].split("/")[0].replace("%3A", ":")
    return Target(provider="bedrock", model=name)


def stream_chunks(
    recording: Recording, pieces: list[bytes], codec: Codec = converse
) -> list[ChatCompletionChunk]:
    framing, decoder = codec.framing(), codec.stream_decoder(target(recording))
    chunks = [decoder.feed(frame) for piece in pieces for frame in framing.feed(piece)]
    chunks += [decoder.feed(frame) for frame in framing.close()]
    chunks.append(decoder.close())
    return [chunk for chunk in chunks if chunk is not None]


def read(recording: Recording, codec: Codec = converse) -> ChatCompletion:
    if recording.stream:
        return fold([opening("bedrock"), *stream_chunks(recording, [recording.body], codec)])
    return fold([opening("bedrock"), *codec.decode(recording.body, target(recording))])


@by_name(ANSWERS)
def test_read_as_the_sdk_reads(recording: Recording) -> None:
    expect = recording.expect
    assert expect is not None
    answer = read(recording)
    compare(answer, expect)
    if not any(word in recording.name for word in SERVICE_TOOLS):
        assert calls_of(answer) == expect["tool_calls"]
    parts = answer.message.parts
    signatures = [p.signature for p in parts if isinstance(p, ThinkingPart) and p.signature]
    assert signatures == expect.get("signatures", [])
    redacted = [p for p in parts if isinstance(p, ThinkingPart) and p.redacted is not None]
    assert len(redacted) == expect.get("other_blocks", []).count("redactedContent")


def compare(answer: ChatCompletion, expect: dict[str, Any]) -> None:
    assert answer.text == expect["text"]
    assert answer.thinking == expect["thinking"]
    assert answer.raw_finish_reason == expect["finish_reason"]
    if answer.tool_calls:
        assert answer.finish_reason == "tool_calls"
    assert answer.usage == usage(expect["usage"])


def calls_of(answer: ChatCompletion) -> list[dict[str, Any]]:
    return [
        {"id": call.id, "name": call.name, "arguments": call.parse()} for call in answer.tool_calls
    ]


def usage(told: dict[str, Any] | None) -> TokenUsage | None:
    if told is None:
        return None
    read = told.get("cacheReadInputTokens") or told.get("cacheReadInputTokenCount") or 0
    write = told.get("cacheWriteInputTokens") or told.get("cacheWriteInputTokenCount") or 0
    made = TokenUsage(
        input_tokens=told["inputTokens"] + read + write,
        output_tokens=told.get("outputTokens", 0),
        cache_read_tokens=read,
        cache_write_tokens=write,
        quality="exact" if "outputTokens" in told else "partial",
    )
    if "totalTokens" in told:
        assert made.total_tokens == told["totalTokens"]
    return made


@by_name([r for r in ANSWERS if any(word in r.name for word in SERVICE_TOOLS)])
def test_calls_that_the_service_makes_are_parts(recording: Recording) -> None:
    answer = read(recording)
    kinds = [p.kind for p in answer.message.parts if isinstance(p, OpaquePart)]
    assert kinds == ["toolUse", "toolResult"]
    assert [call.name for call in answer.tool_calls] == ["final_result"]
    assert isinstance(answer.tool_calls[0].parse()["result"], float)


@by_name([r for r in ANSWERS if "guardrail" in r.features])
def test_a_guardrail_tells_what_it_did(recording: Recording) -> None:
    answer = read(recording)
    if answer.raw_finish_reason == "guardrail_intervened":
        assert answer.finish_reason == "content_filter"
        assert "guardrail" in answer.metadata["trace"]


@by_name(NOVA)
def test_novas_own_events_are_the_same(recording: Recording) -> None:
    """InvokeModel gives them without AWS's types: one reading serves both."""
    expect = recording.expect
    assert expect is not None
    decoder = converse.stream_decoder(target(recording))
    frames = [unwrapped(frame) for frame in EventStreamFraming().feed(recording.body)]
    chunks = [chunk for frame in frames if (chunk := decoder.feed(frame)) is not None]
    answer = fold(chunks)
    compare(answer, expect)
    assert calls_of(answer) == expect["tool_calls"]


@by_name([r for r in INVOKE if not r.stream and (r.expect or {}).get("format") == "nova"])
def test_nova_s_own_answer_is_the_same(recording: Recording) -> None:
    expect = recording.expect
    assert expect is not None
    answer = read(recording)
    compare(answer, expect)
    assert "guardrail" in answer.metadata["amazon-bedrock-trace"]


def unwrapped(frame: bytes) -> bytes:
    return base64.b64decode(msgspec.json.decode(frame)["chunk"]["bytes"])


@by_name(CLAUDE)
def test_anthropics_dialect_inside_invoke(recording: Recording) -> None:
    expect = recording.expect
    assert expect is not None
    answer = read(recording, invoke)
    assert answer.text == expect["text"]
    assert answer.raw_finish_reason == expect["finish_reason"]
    assert calls_of(answer) == expect["tool_calls"]
    told = expect["usage"]
    assert answer.usage is not None
    assert answer.usage.input_tokens == told["input_tokens"]
    assert answer.usage.output_tokens == told["output_tokens"]


_TEXTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "titan": lambda event: event.get("outputText") or "",
    "llama": lambda event: event.get("generation") or "",
    "claude-text": lambda event: event.get("completion") or "",
    "cohere": lambda event: (
        event.get("text") or "".join(g["text"] for g in event.get("generations") or [])
    ),
}


@by_name([r for r in OTHERS if r.stream])
def test_frames_of_other_wires_are_whole(recording: Recording) -> None:
    expect = recording.expect
    assert expect is not None
    events = [unwrapped(frame) for frame in EventStreamFraming().feed(recording.body)]
    reading = _TEXTS[expect["format"]]
    assert "".join(reading(msgspec.json.decode(event)) for event in events) == expect["text"]


@by_name([r for r in [*CONVERSE, *INVOKE] if r.stream and r.status == 200])
def test_frames_are_botocores(recording: Recording) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(recording.body)
    theirs = [
        b'{"' + message.headers[":event-type"].encode() + b'":' + message.payload + b"}"
        for message in buffer
    ]
    assert EventStreamFraming().feed(recording.body) == theirs


@by_name(REFUSED)
def test_refused_as_the_sdk_says(recording: Recording) -> None:
    told = (recording.expect or {})["error"]
    error = converse.decode_error(recording.status, recording.headers, recording.body)
    assert error.status == told["status"]
    assert told["message"] in error.message
    assert error.request_id == told["request_id"]
    # Some recorders kept no headers: the SDK then names the status for want of a type.
    assert error.code == (None if told["type"].isdigit() else told["type"])
    by_text = next(class_ for words, class_ in _MESSAGES if words in told["message"])
    assert type(error) is _CLASSES.get(told["type"], by_text)


def _cuts(body: bytes) -> list[list[bytes]]:
    if len(body) < 4_000:
        places = list(range(1, len(body)))
    else:
        places = random.Random(len(body)).sample(range(1, len(body)), 40)
    halves = [[body[:place], body[place:]] for place in places]
    return [*halves, [body[i : i + 1] for i in range(len(body))]]


@by_name([r for r in ANSWERS if r.stream])
def test_any_split_gives_equal_chunks(recording: Recording) -> None:
    whole = stream_chunks(recording, [recording.body])
    for pieces in _cuts(recording.body):
        assert stream_chunks(recording, pieces) == whole


@by_name([r for r in ANSWERS if r.stream])
def test_a_flipped_bit_is_never_wrong_text(recording: Recording) -> None:
    chance = random.Random(recording.name)
    whole = EventStreamFraming().feed(recording.body)
    for _ in range(60):
        body = bytearray(recording.body)
        place = chance.randrange(len(body))
        body[place] ^= 1 << chance.randrange(8)
        framing = EventStreamFraming()
        frames: list[bytes] = []
        with pytest.raises(ProtocolError):
            # What stood before the flip is given first, and only that.
            frames += framing.feed(bytes(body))
            framing.close()
        assert frames == whole[: len(frames)]


_VALIDATOR = ParamValidator()
_MESSAGE = converse_shape().members["messages"].member


@by_name(ANSWERS)
def test_the_answer_can_be_sent_back(recording: Recording) -> None:
    answer = read(recording)
    request = ChatCompletionRequest(
        model=target(recording).model,
        messages=[
            Message(role="user", content="hi"),
            answer.message,
            *results_of(answer.message),
            Message(role="user", content="go on"),
        ],
    )
    encoded = converse.encode(request, target(recording))
    message = msgspec.json.decode(encoded.body)["messages"][1]
    assert message["role"] == "assistant"
    came = [block for block in raw_blocks(recording) if _is_sendable(block)]
    if message["content"] != came:  # only the white space at the end of the last text may go
        assert came[-1]["text"].rstrip() == message["content"][-1]["text"]
        assert came[:-1] == message["content"][:-1]
    report = _VALIDATOR.validate(with_bytes(message), _MESSAGE)
    assert not report.has_errors(), report.generate_report()


def _is_sendable(block: dict[str, Any]) -> bool:
    """Empty texts are refused, and so is thinking without a signature."""
    if "reasoningContent" in block:
        told = block["reasoningContent"]
        return "redactedContent" in told or bool(told["reasoningText"].get("signature"))
    return bool(block.get("text", "-").strip())


def raw_blocks(recording: Recording) -> list[dict[str, Any]]:
    """The blocks, put together from the raw events by an independent reading."""
    if not recording.stream:
        whole = msgspec.json.decode(recording.body)
        blocks: list[dict[str, Any]] = whole["output"]["message"]["content"]
        return [_without_type(block) for block in blocks]
    buffer = EventStreamBuffer()
    buffer.add_data(recording.body)
    found: dict[int, dict[str, Any]] = {}
    for message in buffer:
        event = msgspec.json.decode(message.payload)
        index = event.get("contentBlockIndex")
        if "start" in event:
            found[index] = event["start"]
        for kind, piece in event.get("delta", {}).items():
            _merge(found.setdefault(index, {}), kind, piece)
    blocks = [found[index] for index in sorted(found)]
    for block in blocks:
        if "toolUse" in block:
            block["toolUse"]["input"] = msgspec.json.decode(block["toolUse"].get("input") or "{}")
    return [_without_type(block) for block in blocks]


def _without_type(block: dict[str, Any]) -> dict[str, Any]:
    """`tool_use` is what every call of the caller's is: it need not be said."""
    call = block.get("toolUse", {})
    if call.get("type") == "tool_use":
        return {"toolUse": {name: call[name] for name in call if name != "type"}}
    return block


def _merge(block: dict[str, Any], kind: str, piece: Any) -> None:
    if kind == "text":
        block["text"] = block.get("text", "") + piece
    elif kind == "toolUse":
        block["toolUse"]["input"] = block["toolUse"].get("input", "") + piece["input"]
    elif kind == "toolResult":
        block["toolResult"].setdefault("content", []).extend(piece)
    elif "redactedContent" in piece:
        block["reasoningContent"] = piece
    else:
        told = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {})
        for name, text in piece.items():
            told[name] = told.get(name, "") + text


@by_name([r for r in load("bedrock", "count-tokens") if r.expect and not r.expect["error"]])
def test_tokens_are_counted(recording: Recording) -> None:
    assert parse_count(recording.body) == (recording.expect or {})["input_tokens"]


def test_every_recording_is_looked_at() -> None:
    looked = {r.name for r in [*ANSWERS, *REFUSED, *NOVA, *CLAUDE]}
    looked |= {r.name for r in OTHERS if r.stream or (r.expect or {}).get("format") == "nova"}
    looked |= {r.name for r in load("bedrock", "count-tokens")}
    rest = {r.name for r in load("bedrock", "converse", "converse-stream", "invoke",
                                 "invoke-with-response-stream", "count-tokens")} - looked  # fmt: skip
    # Plain answers of wires that aisopod does not speak.
    assert all(re.search("ai21|titan_invoke|imported|command-r", n) for n in rest)
