"""Every recorded exchange of the dialect, against what OpenAI's SDK made of the same bytes."""

import itertools
import random
from typing import Any

import msgspec
import pytest

from aisopod.codecs.openai_chat.codec import codec
from aisopod.codecs.openai_chat.quirks import Quirks
from aisopod.errors import (
    AisopodError,
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    ModelNotFoundError,
    ProtocolError,
    ProviderError,
    RateLimitError,
)
from aisopod.framing import SseFraming
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.providers.openai.listing import parse_models
from aisopod.types import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Message,
    OpaquePart,
    TokenUsage,
    fold,
)
from support.recordings import Recording, load

TARGET = Target(provider="here", model="m", quirks=Quirks(replay_reasoning="reasoning"))

CHATS = load("openai", "chat.completions") + load("openai-compatible", "chat.completions")
MODELS = load("openai", "models", "model") + load("openai-compatible", "models", "model")

# Where another answer than the SDK's is right.
DIFFERENT: dict[str, str] = {
    "test_compatible_api_with_tool_calls_without_id": "an empty id is made one, to be answered",
    "test_open_ai_function_calls": "the old function_call is a tool call like any other",
    "v1-chat_completion_custom_tool_call": "a custom tool's input is the call's arguments",
    "test_snowflake_thinking": "reasoning that stands only in reasoning_details is shown",
    "tool_optional_parameters": "empty arguments are the empty object, as the wire wants back",
    "variant_d": "null arguments are the empty object",
    "test_groq_model_web_search_tool_stream": "Groq tells the usage in x_groq only",
    "test_snowflake": "a finish reason of '' is none",
}


def _different(recording: Recording, *names: str) -> bool:
    return any(name in DIFFERENT and name in recording.name for name in names)


def _ids(recordings: list[Recording]) -> list[str]:
    return [recording.name for recording in recordings]


def _frames(body: bytes, cuts: list[int] | None = None) -> list[bytes]:
    framing = SseFraming()
    edges = [0, *(cuts or []), len(body)]
    frames: list[bytes] = []
    for start, end in itertools.pairwise(edges):
        frames += framing.feed(body[start:end])
    return frames + framing.close()


def _stream(frames: list[bytes]) -> list[ChatCompletionChunk]:
    decoder = codec.stream_decoder(TARGET)
    chunks = [decoder.feed(frame) for frame in frames] + [decoder.close()]
    return [chunk for chunk in chunks if chunk is not None]


def _outcome(recording: Recording) -> ChatCompletion | AisopodError:
    try:
        if recording.status >= 400:
            raise codec.decode_error(recording.status, recording.headers, recording.body)
        if recording.stream:
            return fold(_stream(_frames(recording.body)))
        return fold(codec.decode(recording.body, TARGET))
    except AisopodError as error:
        return error


def _expected_usage(recording: Recording, usage: dict[str, Any] | None) -> TokenUsage | None:
    if usage is None and _different(recording, "test_groq_model_web_search_tool_stream"):
        last = _frames(recording.body)[-2]
        usage = msgspec.json.decode(last)["x_groq"]["usage"]
    return None if usage is None else _usage(usage)


def _usage(usage: dict[str, Any]) -> TokenUsage:
    """The SDK's counts in our convention, worked out anew."""
    before = usage.get("prompt_tokens_details") or {}
    after = usage.get("completion_tokens_details") or {}
    reasoning = after.get("reasoning_tokens") or 0
    return TokenUsage(
        input_tokens=usage["prompt_tokens"],
        output_tokens=usage["total_tokens"] - usage["prompt_tokens"],
        cache_read_tokens=before.get("cached_tokens") or 0,
        cache_write_tokens=before.get("cache_write_tokens") or 0,
        reasoning_tokens=reasoning,
        input_audio_tokens=before.get("audio_tokens") or 0,
        output_audio_tokens=after.get("audio_tokens") or 0,
    )


@pytest.mark.parametrize("recording", CHATS, ids=_ids(CHATS))
def test_recording_decodes_as_the_sdk_reads_it(recording: Recording) -> None:
    outcome, expect = _outcome(recording), recording.expect
    if expect is None or expect.get("choices") == 0:
        assert isinstance(outcome, ProtocolError)  # the SDK gives an empty object
        return
    if expect["error"]:
        _check_error(outcome, expect["error"])
        return
    assert isinstance(outcome, ChatCompletion), outcome
    assert outcome.text == expect["text"]
    _check_thinking(recording, outcome, expect)
    _check_calls(recording, outcome, expect)
    _check_finish(recording, outcome, expect)
    assert outcome.usage == _expected_usage(recording, expect["usage"])
    assert (outcome.message.refusal or "") == (expect.get("refusal") or "")
    rules = [warning.rule for warning in outcome.warnings]
    assert ("extra_choices" in rules) == (expect.get("n_choices", 1) > 1)


def _check_thinking(recording: Recording, outcome: ChatCompletion, expect: dict[str, Any]) -> None:
    wanted = expect["thinking"]
    if "content_raw" in expect:  # Mistral's parts, which the SDK gives as they are
        wanted = "".join(
            piece["text"] for part in expect["content_raw"] for piece in part.get("thinking") or ()
        )
    if _different(recording, "test_snowflake_thinking"):
        assert not wanted
        wanted = "".join(detail["text"] for detail in _wire_message(recording)["reasoning_details"])
    assert outcome.thinking == wanted


def _check_finish(recording: Recording, outcome: ChatCompletion, expect: dict[str, Any]) -> None:
    raw = expect["finish_reason"]
    if raw == "" and _different(recording, "test_snowflake"):
        raw = None
    assert outcome.raw_finish_reason == raw
    if outcome.tool_calls:
        assert outcome.finish_reason == "tool_calls"
    else:
        known = {"stop": "stop", "length": "length", "content_filter": "content_filter"}
        assert outcome.finish_reason == {**known, "eos": "stop"}.get(raw or "", "other")


def _check_calls(recording: Recording, outcome: ChatCompletion, expect: dict[str, Any]) -> None:
    wanted = expect["tool_calls"]
    if _different(recording, "test_open_ai_function_calls"):
        wanted = [{"id": outcome.tool_calls[0].id, **expect["function_call"]}]
    assert len(outcome.tool_calls) == len(wanted)
    for call, want in zip(outcome.tool_calls, wanted, strict=True):
        assert call.name == want["name"]
        if _different(recording, "test_compatible_api_with_tool_calls_without_id"):
            assert want["id"] == ""
            assert call.id == "call_3SEaKjdCcCEz7IPxpqjCA_0"
        else:
            assert call.id == want["id"]
        if _different(recording, "v1-chat_completion_custom_tool_call"):
            assert call.arguments == want["custom_input"]
        elif _different(recording, "tool_optional_parameters", "variant_d"):
            assert not want["arguments"]["__unparsed__"]
            assert call.arguments == "{}"
        else:
            assert call.parse() == want["arguments"]


_BY_CODE: dict[str, type[ProviderError]] = {
    "invalid_model": ModelNotFoundError,  # Mistral answers 400 to it
    "model_not_found": ModelNotFoundError,
    "DeploymentNotFound": ModelNotFoundError,
    "invalid_api_key": AuthenticationError,
    "content_filter": ContentFilterError,
    "429": RateLimitError,
}


def _check_error(outcome: ChatCompletion | AisopodError, error: dict[str, Any]) -> None:
    assert isinstance(outcome, ProviderError), outcome
    code, kind = error.get("code"), error.get("type")
    wanted = _BY_CODE.get(str(code)) or _BY_CODE.get(str(kind)) or BadRequestError
    assert type(outcome) is wanted
    assert outcome.message == error["message"]
    if error["status"] and error["status"] >= 400:
        assert outcome.status == error["status"]
    if code or kind:
        assert outcome.code == str(code or kind)
    assert outcome.request_id == error.get("request_id")


WIRE = [recording for recording in CHATS if recording.stream and recording.status == 200]
WIRE = [recording for recording in WIRE if recording.fidelity == "wire"]


def _chunks_or_error(body: bytes, cuts: list[int]) -> list[Any]:
    decoder = codec.stream_decoder(TARGET)
    got: list[Any] = []
    try:
        got += [decoder.feed(frame) for frame in _frames(body, cuts)]
        got.append(decoder.close())
    except AisopodError as error:
        got.append((type(error), str(error)))
    return got


@pytest.mark.parametrize("recording", WIRE, ids=_ids(WIRE))
def test_any_split_of_the_bytes_gives_the_same_chunks(recording: Recording) -> None:
    body = recording.body
    whole = _chunks_or_error(body, [])
    frames = _frames(body)
    places = range(1, len(body))
    if len(body) >= 6000:
        places = random.Random(recording.name).sample(places, 40)  # type: ignore[assignment]
    for place in places:
        assert _frames(body, [place]) == frames
    assert _frames(body, list(range(1, len(body)))) == frames
    assert _chunks_or_error(body, list(range(1, len(body)))) == whole


# --- replay ----------------------------------------------------------------------------------

ANSWERS = [recording for recording in CHATS if isinstance(_outcome(recording), ChatCompletion)]

# What a message on the wire has that does not go back, or not in this form.
NOT_SENT_BACK = {
    "annotations": "an empty list says nothing",
    "audio": "goes back by id",
    "refusal": "null or empty says nothing",
    "function_call": "goes back as a tool call",
    "executed_tools": "Groq's own account of what it ran, told as metadata",
}


OPENAI = Quirks(refusal_field=True)


def _sent_back(message: Message, quirks: Quirks = OPENAI) -> dict[str, Any]:
    request = ChatCompletionRequest(model="m", messages=[message])
    target = msgspec.structs.replace(TARGET, quirks=quirks)
    body = msgspec.json.decode(codec.encode(validate(request), target).body)
    sent: dict[str, Any] = body["messages"][0]
    return sent


def _wire_message(recording: Recording) -> dict[str, Any]:
    """The response's own message; for a stream, joined the plainest way."""
    if not recording.stream:
        choice = msgspec.json.decode(recording.body)["choices"][0]
        message: dict[str, Any] = choice.get("message") or {}
        return message
    joined: dict[str, Any] = {"content": "", "tool_calls": [], "reasoning_details": []}
    for frame in _frames(recording.body):
        if frame == b"[DONE]":
            continue
        for choice in msgspec.json.decode(frame).get("choices") or []:
            if choice["index"] == 0:
                _join(joined, choice.get("delta") or {})
    return joined


def _join(joined: dict[str, Any], delta: dict[str, Any]) -> None:
    if isinstance(delta.get("content"), str):
        joined["content"] += delta["content"]
    for part in delta["content"] if isinstance(delta.get("content"), list) else []:
        joined["content"] += part.get("text") or ""
    joined["reasoning_details"] += delta.get("reasoning_details") or []
    for name in ("annotations",):
        if delta.get(name):
            joined.setdefault(name, []).extend(delta[name])
    for piece in delta.get("tool_calls") or []:
        known = [call for call in joined["tool_calls"] if call["index"] == piece["index"]]
        if known:
            function = known[0]["function"]
            piece_text = piece["function"].get("arguments") or ""
            function["arguments"] = (function.get("arguments") or "") + piece_text
        else:
            joined["tool_calls"].append(msgspec.json.decode(msgspec.json.encode(piece)))


@pytest.mark.parametrize("recording", ANSWERS, ids=_ids(ANSWERS))
def test_answer_goes_back_whole(recording: Recording) -> None:
    outcome = _outcome(recording)
    assert isinstance(outcome, ChatCompletion)
    wire, sent = _wire_message(recording), _sent_back(outcome.message)
    text = wire.get("content") or ""
    if isinstance(text, list):  # Mistral's parts; with its own quirks they go back as parts
        sent_parts = _sent_back(outcome.message, Quirks(replay_reasoning="parts"))["content"]
        plain = [{key: part[key] for key in part if key != "closed"} for part in text]
        assert sent_parts == plain
        text = "".join(part.get("text") or "" for part in text)
    assert (sent["content"] or "") == text
    _check_sent_calls(recording, wire, sent)
    _check_sent_blocks(wire, sent)
    known = {"role", "content", "tool_calls", "reasoning", "reasoning_content", "channel"}
    for name in wire.keys() - known - {"reasoning_details", "extra_content", "thought_signature"}:
        assert name in NOT_SENT_BACK, name


def _check_sent_calls(recording: Recording, wire: dict[str, Any], sent: dict[str, Any]) -> None:
    calls = wire.get("tool_calls") or []
    got = sent.get("tool_calls") or []
    if wire.get("function_call") and wire["function_call"]["name"]:
        assert got[0]["function"] == wire["function_call"]
        return
    assert len(got) == len(calls)
    for call, want in zip(got, calls, strict=True):
        if want.get("type") == "custom":
            assert call == want
            continue
        assert call["function"]["name"] == want["function"]["name"]
        assert call["function"]["arguments"] == (want["function"].get("arguments") or "{}")
        if want["id"]:
            assert call["id"] == want["id"]
        else:
            assert _different(recording, "test_compatible_api_with_tool_calls_without_id")


def _check_sent_blocks(wire: dict[str, Any], sent: dict[str, Any]) -> None:
    for name in ("extra_content", "thought_signature"):
        assert sent.get(name) == wire.get(name)
    if wire.get("annotations"):
        assert sent["annotations"] == wire["annotations"]
    if (wire.get("audio") or {}).get("id"):
        assert sent["audio"] == {"id": wire["audio"]["id"]}
    details = wire.get("reasoning_details") or []
    kept = sent.get("reasoning_details") or []
    assert bool(details) == bool(kept)
    for name in ("text", "summary", "data"):
        assert "".join(d.get(name) or "" for d in kept) == "".join(
            d.get(name) or "" for d in details
        )
    signatures = [d["signature"] for d in details if d.get("signature")]
    assert [d["signature"] for d in kept if d.get("signature")] == signatures


def _conversations() -> list[tuple[Recording, dict[str, Any]]]:
    """Answers whose message stands in a later request, told by the ids of its calls."""
    pairs: list[tuple[Recording, dict[str, Any]]] = []
    for recording in ANSWERS:
        outcome = _outcome(recording)
        assert isinstance(outcome, ChatCompletion)
        ids = [call.id for call in outcome.tool_calls]
        if ids:
            pairs += [
                (recording, message)
                for later in CHATS
                if _session(later) == _session(recording)
                for message in later.request.get("json", {}).get("messages", [])
                if [call["id"] for call in message.get("tool_calls") or []] == ids
            ]
    return pairs


def _session(recording: Recording) -> str:
    return recording.source.rsplit("#", 1)[0]


CONVERSATIONS = _conversations()


@pytest.mark.parametrize(
    ("recording", "later"), CONVERSATIONS, ids=[pair[0].name for pair in CONVERSATIONS]
)
def test_answer_goes_back_as_the_recorded_client_sent_it(
    recording: Recording, later: dict[str, Any]
) -> None:
    outcome = _outcome(recording)
    assert isinstance(outcome, ChatCompletion)
    sent = _sent_back(outcome.message)
    assert sent["role"] == later["role"]
    assert (sent["content"] or "") == (later.get("content") or "")
    for call, want in zip(sent["tool_calls"], later["tool_calls"], strict=True):
        assert call["function"] == want["function"]
        assert call["id"] == want["id"]


def test_opaque_blocks_are_told_apart_by_their_maker() -> None:
    part = OpaquePart(provider="elsewhere", kind="reasoning_details", data=[{"type": "x"}])
    message = Message(role="assistant", content=[part])
    assert "reasoning_details" not in _sent_back(message)


@pytest.mark.parametrize("recording", MODELS, ids=_ids(MODELS))
def test_listing_reads_the_recorded_models(recording: Recording) -> None:
    assert recording.expect is not None
    page = parse_models(recording.body, "here")
    assert [model.id for model in page.models] == recording.expect["models"]
    assert page.cursor is None


def test_no_recorded_stream_is_cut_unnoticed() -> None:
    """Without its end, a stream is an error and never a shorter answer."""
    for recording in WIRE:
        frames = _frames(recording.body)
        finish = [
            at
            for at, frame in enumerate(frames)
            if b'"finish_reason":"' in frame.replace(b": ", b":")
        ]
        if not finish:
            continue
        decoder = codec.stream_decoder(TARGET)
        for frame in frames[: finish[0]]:
            decoder.feed(frame)
        with pytest.raises(AisopodError, match="without a finish reason"):
            decoder.close()


PLAIN = [recording for recording in ANSWERS if not recording.stream]


def _as_stream(body: bytes) -> list[bytes]:
    """The stream that a server would have sent in place of a plain body."""
    whole = msgspec.json.decode(body)
    first = whole["choices"][0]
    message = first.pop("message", {})
    for number, call in enumerate(message.get("tool_calls") or []):
        call["index"] = number
    head = {"id": whole["id"], "model": whole["model"], "object": "chat.completion.chunk"}
    parts = message.get("content")
    pieces = [{"content": [part]} for part in parts] if isinstance(parts, list) else []
    if pieces:
        del message["content"]
    deltas = [*pieces, message]
    frames = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    end: dict[str, Any] | None = {**first, "delta": {}}
    if first.get("finish_reason"):
        frames.append({**head, "choices": [end]})
        end = None
    frames.append({**whole, "choices": [end] if end else []})
    return [*[msgspec.json.encode(frame) for frame in frames], b"[DONE]"]


@pytest.mark.parametrize("recording", PLAIN, ids=_ids(PLAIN))
def test_plain_body_folds_to_what_its_stream_would(recording: Recording) -> None:
    plain = _outcome(recording)
    assert isinstance(plain, ChatCompletion)
    assert fold(_stream(_as_stream(recording.body))) == plain
