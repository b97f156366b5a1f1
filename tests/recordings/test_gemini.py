"""Every recorded exchange of Google's wire, against what the vendor's SDK read in it."""

import random
from typing import Any

import msgspec
import pytest
from google.genai import types as genai

from aisopod import errors
from aisopod.codecs.gemini_generate.codec import codec
from aisopod.errors import ContentFilterError, ProtocolError, ProviderError
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.providers.gemini.listing import parse_count, parse_models
from aisopod.types import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    ImagePart,
    Message,
    OpaquePart,
    TextPart,
    ThinkingPart,
    TokenUsage,
    fold,
)
from support.recordings import Recording, load, opening, results_of

CHATS = load("gemini", "generateContent", "streamGenerateContent")
EXPECTED = [r for r in CHATS if r.expect]
BLOCKED = [r for r in EXPECTED if (r.expect or {}).get("block_reason")]
# Where we read a recording otherwise than the SDK, and why that is right.
DIFFERENT: dict[str, str] = {
    "gemini/vertexai-sdk-test-data--vertexai-streaming-failure-invalid-json-0": (
        "an event that is no answer: the SDK makes an empty answer of it, ours a ProtocolError"
    ),
    "gemini/ai--__fixtures__-google-stream-tool-call-arguments-0": (
        "arguments in pieces: the SDK gives every piece as a call of its own without arguments; "
        "ours joins them, compared below"
    ),
}
ANSWERS = [
    r
    for r in EXPECTED
    if not (r.expect or {})["error"] and r not in BLOCKED and r.name not in DIFFERENT
]
REFUSED = [
    r
    for r in load("gemini", "generateContent", "streamGenerateContent", "countTokens")
    if r.expect and r.expect["error"]
]
STREAMS = [r for r in ANSWERS if r.stream and r.body.lstrip().startswith(b"data:")]
_CLASSES = {
    ("INVALID_ARGUMENT", False): errors.BadRequestError,
    ("INVALID_ARGUMENT", True): errors.AuthenticationError,  # `API key not valid`
    ("NOT_FOUND", False): errors.ModelNotFoundError,
    ("PERMISSION_DENIED", False): errors.PermissionDeniedError,
    ("FAILED_PRECONDITION", False): errors.PermissionDeniedError,  # the user's location
    ("RESOURCE_EXHAUSTED", False): errors.RateLimitError,
    ("CANCELLED", False): errors.ServerError,
}


def by_name(recordings: list[Recording]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("recording", recordings, ids=[r.name for r in recordings])


def target(recording: Recording) -> Target:
    name = recording.request["url"].rpartition("/")[2].partition(":")[0]
    return Target(provider="gemini", model=name)


def stream_chunks(recording: Recording, pieces: list[bytes]) -> list[ChatCompletionChunk]:
    framing, decoder = codec.framing(), codec.stream_decoder(target(recording))
    chunks = [decoder.feed(frame) for piece in pieces for frame in framing.feed(piece)]
    chunks += [decoder.feed(frame) for frame in framing.close()]
    chunks.append(decoder.close())
    return [chunk for chunk in chunks if chunk is not None]


def read(recording: Recording) -> ChatCompletion:
    # A stream that was asked for without alt=sse is one JSON list, which comes as such.
    if recording.stream and not recording.body.lstrip().startswith((b"[", b"{")):
        return fold([opening("gemini"), *stream_chunks(recording, [recording.body])])
    return fold([opening("gemini"), *codec.decode(recording.body, target(recording))])


@by_name(ANSWERS)
def test_read_as_the_sdk_reads(recording: Recording) -> None:
    expect = recording.expect
    assert expect is not None
    answer = read(recording)
    assert answer.text == expect["text"]
    assert answer.thinking == expect["thinking"]
    assert [(call.name, call.parse()) for call in answer.tool_calls] == [
        (call["name"], call["arguments"]) for call in expect["tool_calls"]
    ]
    ids = [call.id for call in answer.tool_calls]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    for call, told in zip(answer.tool_calls, expect["tool_calls"], strict=True):
        if told["id"]:
            assert call.id == told["id"]
    assert answer.raw_finish_reason == expect["finish_reason"]
    if expect["tool_calls"]:
        assert answer.finish_reason == "tool_calls"
    assert answer.usage == usage(expect["usage"])
    assert len(signatures(answer)) == expect.get("signatures", 0)
    assert sorted(other_parts(answer)) == sorted(expect.get("other_parts", []))


def signatures(answer: ChatCompletion) -> list[str]:
    parts = answer.message.parts
    found = [p.signature for p in parts if isinstance(p, TextPart | ThinkingPart | ImagePart)]
    found += [p.data.get("thoughtSignature") for p in parts if isinstance(p, OpaquePart)]
    found += [(call.fields or {}).get("thoughtSignature") for call in answer.tool_calls]
    return [signature for signature in found if signature]


def other_parts(answer: ChatCompletion) -> list[str]:
    """The SDK's names for the parts that are neither text nor calls, each once."""
    kinds = {p.kind for p in answer.message.parts if isinstance(p, OpaquePart)}
    if any(isinstance(p, ImagePart) for p in answer.message.parts):
        kinds.add("inlineData")
    names = {"executableCode": "executable_code", "codeExecutionResult": "code_execution_result",
             "toolCall": "tool_call", "toolResponse": "tool_response",
             "inlineData": "inline_data"}  # fmt: skip
    return [names[kind] for kind in kinds]


def usage(told: dict[str, Any] | None) -> TokenUsage | None:
    if told is None:
        return None
    thoughts = told.get("thoughtsTokenCount", 0)
    made = TokenUsage(
        input_tokens=told.get("promptTokenCount", 0) + told.get("toolUsePromptTokenCount", 0),
        output_tokens=told.get("candidatesTokenCount", 0) + thoughts,
        cache_read_tokens=told.get("cachedContentTokenCount", 0),
        reasoning_tokens=thoughts,
    )
    if "totalTokenCount" in told:
        assert made.total_tokens == told["totalTokenCount"]
    return made


@by_name(REFUSED)
def test_refused_as_the_sdk_says(recording: Recording) -> None:
    told = (recording.expect or {})["error"]
    if recording.status == 200:
        with pytest.raises(ProviderError) as caught:
            read(recording)
        error = caught.value
    else:
        error = codec.decode_error(recording.status, recording.headers, recording.body)
    assert error.status == told["status"]
    assert told["message"] in error.message
    expected = _CLASSES[told["type"], "API key" in told["message"]]
    if "cache content" in error.message:
        expected = errors.BadRequestError  # the model is there, the cached content is not
    assert type(error) is expected


def test_the_delay_and_the_quota_are_told() -> None:
    for recording in REFUSED:
        if "429-retry-info" in recording.name:
            error = codec.decode_error(recording.status, recording.headers, recording.body)
            assert error.retry_after == 34.4
            assert "GenerateRequestsPerMinutePerProjectPerModel-FreeTier" in error.message
            return
    pytest.skip("the recording is not there")


@by_name(BLOCKED)
def test_a_blocked_prompt_is_an_error(recording: Recording) -> None:
    with pytest.raises(ContentFilterError, match=r"SAFETY.*Reasons.*hate_speech") as caught:
        read(recording)
    assert caught.value.code == (recording.expect or {})["block_reason"]


@by_name([r for r in CHATS if "invalid-json" in r.name])
def test_what_is_no_answer_is_said_to_be_none(recording: Recording) -> None:
    with pytest.raises(ProtocolError, match="no answer"):
        read(recording)


@by_name([r for r in CHATS if "tool-call-arguments" in r.name])
def test_arguments_in_pieces(recording: Recording) -> None:
    answer = read(recording)
    assert [(call.name, call.parse()) for call in answer.tool_calls] == [
        ("getWeather", {"location": "Boston"}),
        ("getWeather", {"location": "San Francisco"}),
    ]
    assert (answer.tool_calls[0].fields or {})["thoughtSignature"].startswith("CiMBjz1r")
    assert answer.finish_reason == "tool_calls"
    assert answer.usage == usage((recording.expect or {})["usage"])


def _cuts(body: bytes) -> list[list[bytes]]:
    if len(body) < 6_000:
        places = list(range(1, len(body)))
    else:
        places = random.Random(len(body)).sample(range(1, len(body)), 40)
    halves = [[body[:place], body[place:]] for place in places]
    return [*halves, [body[i : i + 1] for i in range(len(body))]]


@by_name(STREAMS)
def test_any_split_gives_equal_chunks(recording: Recording) -> None:
    whole = stream_chunks(recording, [recording.body])
    for pieces in _cuts(recording.body):
        assert stream_chunks(recording, pieces) == whole


@by_name(ANSWERS)
def test_the_answer_can_be_sent_back(recording: Recording) -> None:
    answer = read(recording)
    came = raw_parts(recording)
    if not came:
        pytest.skip("there is nothing to send back")
    request = ChatCompletionRequest(
        model="gemini-2.5-flash",
        messages=[
            Message(role="user", content="hi"),
            answer.message,
            *results_of(answer.message),
        ],
    )
    encoded = codec.encode(validate(request), target(recording))
    content = msgspec.json.decode(encoded.body)["contents"][1]
    genai.Content.model_validate(content)  # the vendor's own types take it
    assert content == {"role": "model", "parts": came}
    assert not encoded.warnings


def raw_parts(recording: Recording) -> list[dict[str, Any]]:
    """The parts, put together from the raw events by an independent reading."""
    found: list[dict[str, Any]] = []
    if recording.body.lstrip().startswith(b"data:"):
        lines = recording.body.splitlines()
        events = [msgspec.json.decode(line[5:]) for line in lines if line.startswith(b"data:")]
    else:
        whole = msgspec.json.decode(recording.body)
        events = whole if isinstance(whole, list) else [whole]
    for event in events:
        for candidate in event.get("candidates", []):
            for part in candidate.get("content", {}).get("parts", []):
                _append(found, part)
    return found


def _append(found: list[dict[str, Any]], part: dict[str, Any]) -> None:
    if set(part) <= {"text", "thought"}:
        if not part.get("text"):
            return
        last = found[-1] if found else {}
        if set(last) == set(part):
            found[-1] = {**last, "text": last["text"] + part["text"]}
            return
    if "functionCall" in part:
        part = {**part, "functionCall": {"args": {}, **part["functionCall"]}}
    if part:
        found.append(part)


@by_name([r for r in load("gemini", "countTokens") if r.expect and not r.expect["error"]])
def test_tokens_are_counted(recording: Recording) -> None:
    assert parse_count(recording.body) == (recording.expect or {})["input_tokens"]


@by_name(load("gemini", "models"))
def test_models_are_listed(recording: Recording) -> None:
    page = parse_models(recording.body, "gemini")
    names = (recording.expect or {})["models"]
    assert [model.id for model in page.models] == [n.removeprefix("models/") for n in names]
    known = {model.id: model for model in page.models}["gemini-2.5-flash"]
    assert known.context_window == 1_048_576
    assert known.max_output_tokens == 65_536
    assert known.capabilities is not None
    assert {"completion", "reasoning"} <= known.capabilities
