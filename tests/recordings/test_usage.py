"""The tokens of every recorded answer, against totals that are worked out here from the raw body.

Nothing of this reading is shared with the codecs: bodies are split by hand, events are plain
dictionaries, and each wire's rule of counting is written down once more.
"""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from botocore.eventstream import EventStreamBuffer

from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.bedrock_converse.codec import codec as converse
from aisopod.codecs.bedrock_invoke.codec import codec as invoke
from aisopod.codecs.codec import Codec
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.codecs.ollama_chat.codec import codec as ollama
from aisopod.codecs.openai_chat.codec import codec as openai
from aisopod.errors import AisopodError
from aisopod.normalise.target import Target
from aisopod.types import Fold, TokenUsage
from support.recordings import Recording, load

Counts = dict[str, int]
Told = dict[str, Any]


# --- the raw body, as objects ---------------------------------------------------------------------


def objects(recording: Recording) -> list[Told]:
    """Everything of the body that is a JSON object, in order."""
    if recording.provider == "bedrock" and recording.stream:
        return list(_messages(recording.body))
    text = recording.body.decode("utf-8", "replace")
    try:
        whole = msgspec.json.decode(text)
    except msgspec.DecodeError:
        lines = [line.removeprefix("data:").strip() for line in re.split(r"\r\n|\n|\r", text)]
        found = [_parsed(line) for line in lines if line.startswith("{")]
        return [value for value in found if value is not None]
    return [value for value in (whole if isinstance(whole, list) else [whole]) if value]


def _messages(body: bytes) -> Iterator[Told]:
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    for message in buffer:
        payload = msgspec.json.decode(message.payload)
        if "bytes" in payload:
            payload = msgspec.json.decode(base64.b64decode(payload["bytes"]))
        yield payload


def _parsed(line: str) -> Told | None:
    try:
        value: Told = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return value


# --- each wire's rule, once more ------------------------------------------------------------------


def of_anthropic(events: list[Told]) -> Counts | None:
    """Cache counts stand beside the input; what an event tells replaces what was told before."""
    told: Told = {}
    for event in events:
        begun = event.get("type") == "message_start"
        source = event["message"] if begun else event
        if begun:
            told = {}
        told |= {k: v for k, v in (source.get("usage") or {}).items() if v is not None}
        if event.get("type") == "message_stop":
            break
    if not told.keys() & {"input_tokens", "output_tokens"}:
        return None
    cached = told.get("cache_read_input_tokens", 0), told.get("cache_creation_input_tokens", 0)
    return {
        "input": told.get("input_tokens", 0) + sum(cached),
        "output": told.get("output_tokens", 0),
        "read": cached[0],
        "write": cached[1],
        "hour": (told.get("cache_creation") or {}).get("ephemeral_1h_input_tokens") or 0,
        "reasoning": (told.get("output_tokens_details") or {}).get("thinking_tokens") or 0,
        "whole": {"input_tokens", "output_tokens"} <= told.keys(),
    }


def of_openai(events: list[Told]) -> Counts | None:
    """Cached tokens are within the prompt; the output is all that the total has beyond it."""
    told: Told | None = None
    for event in events:
        told = event.get("usage") or (event.get("x_groq") or {}).get("usage") or told
    if told is None:
        return None
    before, after = (told.get(f"{name}_tokens_details") or {} for name in ("prompt", "completion"))
    beyond = (told.get("total_tokens") or 0) - told["prompt_tokens"]
    return {
        "input": told["prompt_tokens"],
        "output": beyond if beyond > 0 else told["completion_tokens"],
        # DeepSeek tells the same count under two names.
        "read": before.get("cached_tokens") or told.get("prompt_cache_hit_tokens") or 0,
        "write": before.get("cache_write_tokens") or 0,
        "reasoning": after.get("reasoning_tokens") or 0,
        "heard": before.get("audio_tokens") or 0,
        "spoken": after.get("audio_tokens") or 0,
    }


def of_gemini(events: list[Told]) -> Counts | None:
    """Cached tokens are within the prompt; thoughts and the tools' prompts stand beside.

    Vertex tells of most events `trafficType` only, which counts nothing; a count that is zero is
    left out, and then the total is the sum of the others.
    """
    told: Told | None = None
    for event in events:
        each = event.get("usageMetadata") or {}
        if any(f"{name}TokenCount" in each for name in ("prompt", "candidates", "thoughts")):
            told = each
    if told is None:
        return None

    def sound(*names: str) -> int:
        counts = [one for name in names for one in told.get(name, [])]
        return sum(one.get("tokenCount", 0) for one in counts if one["modality"] == "AUDIO")

    inputs = told.get("promptTokenCount", 0) + told.get("toolUsePromptTokenCount", 0)
    outputs = told.get("candidatesTokenCount", 0) + told.get("thoughtsTokenCount", 0)
    return {
        "input": inputs,
        "output": outputs,
        "read": told.get("cachedContentTokenCount", 0),
        "reasoning": told.get("thoughtsTokenCount", 0),
        "heard": sound("promptTokensDetails", "toolUsePromptTokensDetails"),
        "spoken": sound("candidatesTokensDetails"),
        "heard before": sound("cacheTokensDetails"),
        "total": told.get("totalTokenCount", inputs + outputs),
        "whole": "promptTokenCount" in told
        and ("candidatesTokenCount" in told or told.get("totalTokenCount") == inputs + outputs),
    }


def of_converse(events: list[Told]) -> Counts | None:
    """Cache counts stand beside the input, told once, under one of two names."""
    told: Told | None = None
    for event in events:
        told = event.get("usage") or (event.get("metadata") or {}).get("usage") or told
    told = told or {}
    if not told.keys() & {"inputTokens", "outputTokens"}:
        return None
    read, write = (
        told.get(f"cache{name}InputTokens") or told.get(f"cache{name}InputTokenCount") or 0
        for name in ("Read", "Write")
    )
    hour = [one["inputTokens"] for one in told.get("cacheDetails") or () if one["ttl"] == "1h"]
    inputs, outputs = told.get("inputTokens", 0) + read + write, told.get("outputTokens", 0)
    return {
        "input": inputs,
        "output": outputs,
        "read": read,
        "write": write,
        "hour": sum(hour),
        "total": told.get("totalTokens", inputs + outputs),
        "whole": {"inputTokens", "outputTokens"} <= told.keys(),
    }


def of_ollama(events: list[Told]) -> Counts | None:
    """In the last object only."""
    last = next((event for event in reversed(events) if event.get("done")), {})
    if "prompt_eval_count" not in last and "eval_count" not in last:
        return None
    return {
        "input": last.get("prompt_eval_count", 0),
        "output": last.get("eval_count", 0),
        "whole": {"prompt_eval_count", "eval_count"} <= last.keys(),
    }


# --- aisopod's reading ----------------------------------------------------------------------------


def usage_of(recording: Recording, codec: Codec) -> tuple[TokenUsage | None, bool]:
    """What is folded, and whether the answer came to its end."""
    target = Target(provider=recording.provider, model="m")
    folded = Fold()
    body = recording.body
    try:
        if not recording.stream or body.lstrip().startswith((b"[", b'{"candidates', b"{\n")):
            for each in codec.decode(body, target):
                folded.add(each)
            return folded.usage, True
        framing, decoder = codec.framing(), codec.stream_decoder(target)
        for raw in [*framing.feed(body), *framing.close()]:
            frame = _unwrapped(raw) if codec is converse else raw
            if not decoder.done and (chunk := decoder.feed(frame)) is not None:
                folded.add(chunk)
        if (last := decoder.close()) is not None:
            folded.add(last)
    except AisopodError as error:
        partial = error.partial
        return (partial.usage if partial else folded.usage), False
    return folded.usage, True


def _unwrapped(frame: bytes) -> bytes:
    """Nova's events as InvokeModel wraps them; they are Converse's own."""
    chunk = msgspec.json.decode(frame).get("chunk")
    return frame if chunk is None else base64.b64decode(chunk["bytes"])


def _counts(usage: TokenUsage) -> Counts:
    return {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "read": usage.cache_read_tokens,
        "write": usage.cache_write_tokens,
        "hour": usage.cache_write_1h_tokens,
        "reasoning": usage.reasoning_tokens,
        "heard": usage.input_audio_tokens,
        "spoken": usage.output_audio_tokens,
        "heard before": usage.cache_read_audio_tokens,
        "total": usage.total_tokens,
    }


_INVOKED = load("bedrock", "invoke", "invoke-with-response-stream")
Case = tuple[list[Recording], Codec, Callable[[list[Told]], Counts | None]]
WIRES: dict[str, Case] = {
    "anthropic": (load("anthropic", "messages"), anthropic, of_anthropic),
    "openai": (load("openai", "chat.completions"), openai, of_openai),
    "openai-compatible": (load("openai-compatible", "chat.completions"), openai, of_openai),
    "gemini": (load("gemini", "generateContent", "streamGenerateContent"), gemini, of_gemini),
    "bedrock": (load("bedrock", "converse", "converse-stream"), converse, of_converse),
    "bedrock, Anthropic inside": (
        [r for r in _INVOKED if "anthropic" in r.request["url"]
         and (r.expect or {}).get("format") != "claude-text"],
        invoke, of_anthropic,
    ),
    "bedrock, Nova inside": (
        [r for r in _INVOKED if "nova" in r.request["url"]], converse, of_converse,
    ),
    "ollama": (load("ollama", "api/chat", "api/generate"), ollama, of_ollama),
}  # fmt: skip


CONTRADICTORY = {
    "openai-compatible/pydantic-ai--test_openrouter-test_openrouter_stream_error-0": [
        "11 reasoning tokens of 10 in the output"
    ],
}


@pytest.mark.parametrize("wire", WIRES)
def test_counts_are_the_wires(wire: str, capsys: pytest.CaptureFixture[str]) -> None:
    recordings, codec, rule = WIRES[wire]
    if not recordings:
        pytest.skip("no recordings")
    compared, silent, partial = 0, 0, 0
    for recording in [r for r in recordings if r.status == 200]:
        usage, is_whole = usage_of(recording, codec)
        expected = rule(objects(recording))
        if expected is None:
            assert usage is None, recording.name
            silent += 1
            continue
        assert usage is not None, recording.name
        told_both = expected.pop("whole", True)
        expected.setdefault("total", expected["input"] + expected["output"])
        zeros = dict.fromkeys(_counts(TokenUsage()), 0)
        assert _counts(usage) == zeros | expected, recording.name
        assert (usage.quality == "exact") == (is_whole and told_both), recording.name
        assert list(usage.contradictions()) == CONTRADICTORY.get(recording.name, [])
        compared += 1
        partial += usage.quality == "partial"
    with capsys.disabled():
        print(f"\n{wire}: {compared} compared ({partial} partial), {silent} told no usage")  # noqa: T201


@pytest.mark.parametrize("wire", [name for name in WIRES if "inside" not in name])
def test_a_cut_stream_keeps_what_was_told(wire: str, capsys: pytest.CaptureFixture[str]) -> None:
    """After every frame: the counts so far, which are final only with the finish reason."""
    recordings, codec, rule = WIRES[wire]
    streams = [r for r in recordings if r.stream and r.status == 200]
    if not streams:
        pytest.skip("no recordings")
    cuts, partial = 0, 0
    for recording in streams:
        framing = codec.framing()
        frames = framing.feed(recording.body)[:200]
        for count, told in enumerate(_prefixes(recording, codec, frames), start=1):
            usage, finished = told
            cuts += 1
            so_far = (_parsed(frame.decode()) for frame in frames[:count])
            expected = rule([value for value in so_far if value])
            if expected is None or usage is None:
                assert (expected, usage) == (None, None), recording.name
                continue
            final = expected.pop("whole", True) and finished
            assert usage.quality == ("exact" if final else "partial"), recording.name
            partial += not finished
            counts = _counts(usage)
            expected.pop("total", None)
            assert {name: counts[name] for name in expected} == expected, recording.name
    with capsys.disabled():
        print(f"\n{wire}: {cuts} cuts, {partial} with partial counts")  # noqa: T201


def _prefixes(
    recording: Recording, codec: Codec, frames: list[bytes]
) -> Iterator[tuple[TokenUsage | None, bool]]:
    decoder = codec.stream_decoder(Target(provider=recording.provider, model="m"))
    folded = Fold()
    for frame in frames:
        try:
            chunk = decoder.feed(frame)
        except AisopodError:
            return
        if chunk is not None:
            folded.add(chunk)
        if decoder.done:
            return
        yield folded.usage, folded.result().finish_reason is not None
