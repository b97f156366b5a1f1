"""Every recorded exchange of Anthropic's wire, against what the vendor's SDK read in it."""

import random
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from aisopod import errors
from aisopod.codecs.anthropic_messages.codec import codec
from aisopod.errors import ProviderError
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.providers.anthropic.host import parse_count
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
from support.recordings import Recording, load, opening

ANSWERS = [r for r in load("anthropic", "messages") if r.expect and not r.expect["error"]]
STREAMS = [r for r in ANSWERS if r.stream]
PLAIN = [r for r in ANSWERS if not r.stream]
REFUSED = [
    r for r in load("anthropic", "messages", "count_tokens") if r.expect and r.expect["error"]
]
COUNTED = [r for r in load("anthropic", "count_tokens") if r.expect and not r.expect["error"]]

# Where we read a recording otherwise than the SDK, and why that is right.
DIFFERENT: dict[str, str] = {
    "anthropic/ai--__fixtures__-spliced-message-start-0": (
        "a second message_start inside the stream: the SDK writes the second answer's pieces into "
        "the first one's blocks; ours keeps the two apart and warns"
    ),
    "anthropic/ai--__fixtures__-anthropic-programmatic-tool-calling.1-0": (
        "the answers to fifteen requests in one file: the SDK reads them as one, ours ends at the "
        "first message_stop, as a connection does; read one by one below"
    ),
}

_CLASSES = {
    "BadRequestError": errors.BadRequestError,
    "AuthenticationError": errors.AuthenticationError,
    "NotFoundError": errors.ModelNotFoundError,
}


def by_name(recordings: list[Recording]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("recording", recordings, ids=[r.name for r in recordings])


def target(recording: Recording) -> Target:
    return Target(provider="anthropic", model=recording.request["json"].get("model", "m"))


def stream_chunks(recording: Recording, pieces: list[bytes]) -> list[ChatCompletionChunk]:
    """As the engine reads: to the terminator, or to the end of the body."""
    framing, decoder = codec.framing(), codec.stream_decoder(target(recording))
    chunks = [
        decoder.feed(frame) for piece in pieces for frame in framing.feed(piece) if not decoder.done
    ]
    chunks += [decoder.feed(frame) for frame in framing.close() if not decoder.done]
    if "truncated" not in recording.features:
        chunks.append(decoder.close())
    return [chunk for chunk in chunks if chunk is not None]


def read(recording: Recording) -> ChatCompletion:
    return answered(
        stream_chunks(recording, [recording.body])
        if recording.stream
        else codec.decode(recording.body, target(recording))
    )


def answered(chunks: Iterable[ChatCompletionChunk]) -> ChatCompletion:
    """As the engine folds, which says who answered."""
    return fold([opening("anthropic"), *chunks])


@by_name(ANSWERS)
def test_read_as_the_sdk_reads(recording: Recording) -> None:
    expect = recording.expect
    assert expect is not None
    if recording.name in DIFFERENT:
        pytest.skip(DIFFERENT[recording.name])
    answer = read(recording)
    assert answer.text == expect["text"]
    assert answer.thinking == expect["thinking"]
    calls = [
        {"id": call.id, "name": call.name, "arguments": call.parse()} for call in answer.tool_calls
    ]
    assert calls == expect["tool_calls"]
    assert answer.raw_finish_reason == expect["finish_reason"]
    assert answer.usage == usage(expect["usage"])
    parts = answer.message.parts
    signatures = [p.signature for p in parts if isinstance(p, ThinkingPart) and p.signature]
    assert signatures == expect.get("signatures", [])
    opaque = [
        "redacted_thinking" if isinstance(p, ThinkingPart) else p.kind
        for p in parts
        if isinstance(p, OpaquePart) or (isinstance(p, ThinkingPart) and p.redacted is not None)
    ]
    assert opaque == expect.get("other_blocks", [])


def usage(told: dict[str, Any] | None) -> TokenUsage | None:
    if told is None:
        return None
    read = told.get("cache_read_input_tokens") or 0
    write = told.get("cache_creation_input_tokens") or 0
    return TokenUsage(
        input_tokens=told["input_tokens"] + read + write,
        output_tokens=told["output_tokens"],
        cache_read_tokens=read,
        cache_write_tokens=write,
        reasoning_tokens=(told.get("output_tokens_details") or {}).get("thinking_tokens") or 0,
    )


def test_answers_that_are_whole_from_their_start() -> None:
    """After a programmatic tool call, message_start holds the blocks and the stop reason."""
    several = [r for r in STREAMS if "programmatic" in r.name]
    if not several:
        pytest.skip("no recordings")
    recording = several[0]
    bodies = recording.body.split(b'data: {"type":"message_start"')[1:]
    assert len(bodies) == 15
    for body in bodies[1:-1]:
        whole = b'data: {"type":"message_start"' + body
        start = msgspec.json.decode(whole[6 : whole.index(b"\n")])["message"]
        answer = answered(stream_chunks(recording, [whole]))
        assert answer.finish_reason == "tool_calls"
        assert answer.raw_finish_reason == start["stop_reason"]
        assert [(call.id, call.parse()) for call in answer.tool_calls] == [
            (block["id"], block["input"]) for block in start["content"]
        ]
        assert replayed(recording, answer) == start["content"]
    for body in (bodies[0], bodies[-1]):  # the two that came in pieces
        whole = b'data: {"type":"message_start"' + body
        answer = answered(stream_chunks(recording, [whole]))
        assert replayed(recording, answer) == list(map(sendable, blocks_of(whole)))


def test_a_spliced_stream_mixes_no_two_answers() -> None:
    spliced = [r for r in STREAMS if "spliced" in r.name]
    if not spliced:
        pytest.skip("no recordings")
    answer = read(spliced[0])
    assert [(call.id, call.arguments) for call in answer.tool_calls] == [
        ("toolu_first", '{"value":"Spark'),
        ("toolu_second", '{"value":"Sparkle Day"}'),
    ]
    assert [warning.rule for warning in answer.warnings] == ["spliced_message"]


@by_name(REFUSED)
def test_refusals_have_their_class(recording: Recording) -> None:
    assert recording.expect is not None
    expected = recording.expect["error"]
    error = codec.decode_error(recording.status, recording.headers, recording.body)
    assert isinstance(error, ProviderError)
    assert type(error) is _CLASSES[expected["class"]]
    assert error.status == expected["status"]
    assert error.code == expected["type"]
    assert error.message == expected["message"]
    if expected["request_id"] is not None:
        assert error.request_id == expected["request_id"]


@by_name(COUNTED)
def test_counts(recording: Recording) -> None:
    assert recording.expect is not None
    assert parse_count(recording.body) == recording.expect["input_tokens"]


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
    """Every block of the answer is in the next request as it came."""
    if recording.name in DIFFERENT:
        pytest.skip(DIFFERENT[recording.name])
    answer = read(recording)
    sent = replayed(recording, answer)
    came = blocks(recording)
    assert sent == [block for block in map(sendable, came) if block is not None]


def replayed(recording: Recording, answer: ChatCompletion) -> list[dict[str, Any]]:
    request = ChatCompletionRequest(
        model=target(recording).model,
        messages=[
            Message(role="user", content="hi"),
            answer.message,
            Message(role="user", content="go on"),
        ],
    )
    body = msgspec.json.decode(codec.encode(validate(request), target(recording)).body)
    turns: list[dict[str, Any]] = body["messages"]
    sent: list[dict[str, Any]] = turns[1]["content"] if len(turns) == 3 else []
    return sent


def blocks(recording: Recording) -> list[dict[str, Any]]:
    """The content blocks, put together from the raw events by an independent reading."""
    if recording.stream:
        return blocks_of(recording.body)
    content: list[dict[str, Any]] = msgspec.json.decode(recording.body)["content"]
    return content


def blocks_of(stream: bytes) -> list[dict[str, Any]]:  # noqa: C901 - one arm an event
    made: dict[int, dict[str, Any]] = {}
    arguments: dict[int, str] = {}
    for line in stream.split(b"\n"):
        if not line.startswith(b"data:"):
            continue
        event = msgspec.json.decode(line[5:])
        if event["type"] == "content_block_start":
            made[event["index"]] = event["content_block"]
        elif event["type"] == "content_block_delta":
            block, delta = made[event["index"]], event["delta"]
            match str(delta["type"]):
                case "text_delta":
                    block["text"] += delta["text"]
                case "thinking_delta":
                    block["thinking"] += delta["thinking"]
                case "signature_delta":
                    block["signature"] = delta["signature"]
                case "citations_delta":
                    block["citations"] = [*(block.get("citations") or []), delta["citation"]]
                case "input_json_delta":
                    arguments[event["index"]] = (
                        arguments.get(event["index"], "") + delta["partial_json"]
                    )
                case "compaction_delta":
                    block["content"] = delta["content"]
                case unknown:
                    raise AssertionError(unknown)
    for index, text in arguments.items():
        made[index]["input"] = msgspec.json.decode(text or "{}")
    return [made[index] for index in sorted(made)]


def sendable(block: dict[str, Any]) -> dict[str, Any] | None:
    """What the docs say is sent back: empty texts and null fields are not."""
    if block["type"] == "text":
        if not block["text"].strip():
            return None
        return {key: value for key, value in block.items() if value}
    if block["type"] == "thinking" and not block.get("signature"):
        return None
    return block


def _assistant_turns(recording: Recording) -> list[list[dict[str, Any]]]:
    """The assistant's turns of a recorded request, as lists of blocks."""
    asked = recording.request.get("json")
    messages = asked.get("messages") if isinstance(asked, dict) else None
    turns = messages if isinstance(messages, list) else []
    # One of the refused requests holds strings where turns should be.
    contents = [
        turn["content"] for turn in turns if isinstance(turn, dict) and turn["role"] == "assistant"
    ]
    return [content for content in contents if isinstance(content, list)]


def test_a_recorded_conversation_goes_on_as_its_next_request_did() -> None:
    """Where an answer stands in the request that another client sent next, ours is the same."""
    if not ANSWERS:
        pytest.skip("no recordings")
    later = [
        turn for r in load("anthropic", "messages", "count_tokens") for turn in _assistant_turns(r)
    ]
    found = 0
    for recording in ANSWERS:
        if recording.name in DIFFERENT:
            continue
        hidden = [block["data"] for block in blocks(recording) if "data" in block]
        for turn in later:
            if hidden and hidden == [block["data"] for block in turn if "data" in block]:
                found += 1
                assert replayed(recording, read(recording)) == turn
    assert found


@by_name([r for r in STREAMS if r.name not in DIFFERENT])
def test_a_stream_folds_as_the_plain_answer_would(recording: Recording) -> None:
    """Every streamed recording, written as the plain body that it would have been."""
    message: dict[str, Any] = {}
    for line in recording.body.split(b"\n"):
        event = msgspec.json.decode(line[5:]) if line.startswith(b"data:") else {}
        match event.get("type"):
            case "message_start":
                message = event["message"]
            case "message_delta":
                rest = {k: v for k, v in event.items() if k not in {"type", "delta", "usage"}}
                told = {k: v for k, v in (event.get("usage") or {}).items() if v is not None}
                usage_ = {**message["usage"], **told}
                message = {**message, **rest, **event["delta"], "usage": usage_}
            case _:
                pass
    body = msgspec.json.encode({**message, "content": blocks(recording)})
    plain = answered(codec.decode(body, target(recording)))
    streamed = read(recording)
    # The JSON of arguments is the model's own in a stream, and was parsed in a plain body.
    assert _without_spacing(streamed) == _without_spacing(plain)


def _without_spacing(answer: ChatCompletion) -> ChatCompletion:
    calls = [
        msgspec.structs.replace(call, arguments=msgspec.json.encode(call.parse()).decode())
        for call in answer.tool_calls
    ]
    message = msgspec.structs.replace(answer.message, tool_calls=calls)
    return msgspec.structs.replace(answer, message=message)


def test_a_stream_and_a_plain_answer_fold_alike() -> None:
    """Every plain recording, written as the stream that it would have been."""
    if not PLAIN:
        pytest.skip("no recordings")
    for recording in PLAIN:
        message = msgspec.json.decode(recording.body)
        stream = b"".join(
            b"data: " + msgspec.json.encode(event) + b"\n\n" for event in as_events(message)
        )
        assert answered(stream_chunks(recording, [stream])) == read(recording), recording.name


def as_events(message: dict[str, Any]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [
        {
            "type": "message_start",
            "message": {
                **{key: value for key, value in message.items() if key != "stop_details"},
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
            },
        }
    ]
    for index, block in enumerate(message["content"]):
        start = dict(block)
        deltas: list[dict[str, Any]] = []
        match str(block["type"]):
            case "text":
                start["text"] = ""
                deltas = [{"type": "text_delta", "text": block["text"]}]
                citations = start.pop("citations", None)
                deltas += [{"type": "citations_delta", "citation": c} for c in citations or ()]
            case "thinking":
                start |= {"thinking": "", "signature": ""}
                deltas = [
                    {"type": "thinking_delta", "thinking": block["thinking"]},
                    {"type": "signature_delta", "signature": block["signature"]},
                ]
            case "tool_use" | "server_tool_use" | "mcp_tool_use":
                start["input"] = {}
                text = msgspec.json.encode(block["input"]).decode()
                half = len(text) // 2
                deltas = [
                    {"type": "input_json_delta", "partial_json": piece}
                    for piece in (text[:half], text[half:])
                ]
            case _:
                pass
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [
            {"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas
        ]
        events.append({"type": "content_block_stop", "index": index})
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    if message.get("stop_details"):
        ending["stop_details"] = message["stop_details"]
    events.append({"type": "message_delta", "delta": ending, "usage": message["usage"]})
    events.append({"type": "message_stop"})
    return events
