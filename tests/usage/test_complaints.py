"""What users of other libraries complained of about tokens, each as a test that it is not so here."""

import asyncio
from typing import Any

import msgspec
import pytest

from aisopod import (
    AsyncClient,
    Config,
    FailoverConfig,
    ProviderConfig,
    Secret,
    StreamInterruptedError,
    Timeouts,
    TokenUsage,
)
from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.codec import Codec
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.codecs.openai_chat.codec import codec as openai
from aisopod.errors import AisopodError
from aisopod.normalise.target import Target
from aisopod.simulator import Fault, Reply, Simulator
from aisopod.types import ChatCompletion, fold
from support.raw_server import Exchange, serving

MODELS = {
    "anthropic": "claude-opus-4-6",
    "openai": "gpt-4o",
    "gemini": "gemini-2.5-flash",
    "ollama": "qwen3",
    "bedrock": "anthropic.claude-opus-4-6-v1",
}
# What each wire can tell.
CACHED = TokenUsage(
    input_tokens=1000,
    output_tokens=40,
    cache_read_tokens=800,
    cache_write_tokens=150,
    cache_write_1h_tokens=50,
    reasoning_tokens=10,
)
TOLD = {
    "anthropic": CACHED,
    "openai": msgspec.structs.replace(
        CACHED, cache_write_1h_tokens=0, input_audio_tokens=5, output_audio_tokens=4
    ),
    "gemini": msgspec.structs.replace(
        CACHED,
        cache_write_tokens=0,
        cache_write_1h_tokens=0,
        input_audio_tokens=5,
        output_audio_tokens=4,
        cache_read_audio_tokens=3,
    ),
    "ollama": TokenUsage(input_tokens=1000, output_tokens=40),
}
WIRES = tuple(TOLD)


def client_of(simulator: Simulator) -> AsyncClient:
    providers = {
        wire: ProviderConfig(
            base_url=simulator.url_for(wire),
            api_key=Secret("sk-test"),
            options={"region": "us-east-1"} if wire == "bedrock" else {},
        )
        for wire in EARLY
    }
    return AsyncClient(
        Config(providers=providers, failover=FailoverConfig(max_wait=0), state="memory")
    )


def model(wire: str) -> str:
    return f"{wire}/{MODELS[wire]}"


@pytest.mark.parametrize("wire", WIRES)
async def test_a_stream_and_a_plain_answer_count_the_same(wire: str) -> None:
    """BerriAI/litellm#11789: cache reads were billed as full input, but only when streaming.

    And #9812, #11364, #40006: cached tokens were counted twice.
    """
    reply = Reply(content="one two three", usage=TOLD[wire], chunk_chars=3)
    async with Simulator([reply]) as simulator, client_of(simulator) as client:
        streamed = await client.stream(model(wire), "hi").collect()
        plain = await client.complete(model(wire), "hi")
    assert streamed.usage == plain.usage == TOLD[wire]
    assert streamed.warnings == plain.warnings == []


def test_cumulative_counts_are_not_added() -> None:
    """langchain-ai/langchainjs#10249: message_delta added to message_start, exactly double.

    And mozilla-ai/any-llm#622: wrong usage with Anthropic's caching.
    """
    start = {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 1}
    first = {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 20}
    answer = streamed(
        anthropic,
        {"type": "message_start", "message": {"id": "m", "model": "m", "usage": start}},
        {"type": "message_delta", "delta": {}, "usage": first},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 30, "input_tokens": None},
        },
        {"type": "message_stop"},
    )
    assert answer.usage == TokenUsage(input_tokens=100, output_tokens=30, cache_read_tokens=90)


async def test_cached_tokens_do_not_make_the_prompt_longer() -> None:
    """openclaw#15265: Gemini's prompt has its cached tokens within; counted twice, a conversation
    seemed to overflow its context."""
    usage = TokenUsage(input_tokens=900, output_tokens=5, cache_read_tokens=850)
    async with (
        Simulator([Reply(content="a b", usage=usage)]) as simulator,
        client_of(simulator) as client,
    ):
        for answer in (
            await client.complete(model("gemini"), "hi"),
            await client.stream(model("gemini"), "hi").collect(),
        ):
            assert answer.usage is not None
            assert answer.usage.input_tokens == 900
            assert answer.usage.cache_read_tokens == 850


# Who tells its counts before the end: the others' are estimated when it does not come.
EARLY = {"anthropic": 1000, "gemini": 1000, "openai": None, "ollama": None, "bedrock": None}


@pytest.mark.parametrize("wire", EARLY)
async def test_a_cut_answer_has_what_was_told(wire: str) -> None:
    """earendil-works/pi#6445: tokens before an error were reported as zero."""
    fault = Fault(kind="drop", after=3)
    reply = Reply(content="one two three four", usage=TOLD.get(wire), fault=fault)
    async with Simulator([reply]) as simulator, client_of(simulator) as client:
        with pytest.raises(StreamInterruptedError) as caught:
            await client.stream(model(wire), "hi").collect()
    [attempt] = caught.value.attempts
    assert caught.value.partial is not None
    check(caught.value.partial.usage, EARLY[wire])
    check(attempt.usage, EARLY[wire])


@pytest.mark.parametrize("wire", EARLY)
@pytest.mark.parametrize("at", ["the first chunk", "the first word"])
async def test_a_left_answer_has_what_was_told(wire: str, at: str) -> None:
    """earendil-works/pi#6445, maximhq/bifrost#6972: nor of requests that were given up."""
    reply = Reply(content="one two three four", usage=TOLD.get(wire), delay=0.1)
    async with (
        Simulator([reply]) as simulator,
        client_of(simulator) as client,
        client.stream(model(wire), "hi") as stream,
    ):
        async for chunk in stream:
            if chunk.delta.content or at == "the first chunk":
                break
    [attempt] = stream.response.attempts
    assert attempt.outcome == "cancelled"
    check(stream.response.usage, EARLY[wire])
    check(attempt.usage, EARLY[wire])


START = {"input_tokens": 50, "cache_read_input_tokens": 950, "output_tokens": 1}


async def begins_and_falls_silent(exchange: Exchange) -> None:
    """The first event tells the prompt's tokens; no word of the answer follows."""
    event = {"type": "message_start", "message": {"id": "m", "model": "m", "usage": START}}
    await exchange.headers()
    await exchange.chunk(b"data: " + msgspec.json.encode(event) + b"\n\n")
    await exchange.wait_for_peer_to_leave()


def silent_then_good(silent: str, simulator: Simulator) -> AsyncClient:
    providers = {
        "anthropic": ProviderConfig(base_url=silent, api_key=Secret("sk-test")),
        "openai": ProviderConfig(base_url=simulator.url_for("openai"), api_key=Secret("sk-test")),
    }
    return AsyncClient(
        Config(providers=providers, failover=FailoverConfig(max_wait=0), state="memory")
    )


async def test_an_answer_left_before_its_first_word_has_what_was_told() -> None:
    async with (
        serving(begins_and_falls_silent) as server,
        Simulator() as simulator,
        silent_then_good(server.url, simulator) as client,
    ):
        stream = client.stream(model("anthropic"), "hi")
        task = asyncio.create_task(stream.collect())
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    [attempt] = stream.response.attempts
    assert attempt.outcome == "cancelled"
    check(attempt.usage, 1000)


async def test_a_failed_attempt_before_a_good_one_keeps_its_counts() -> None:
    async with (
        serving(begins_and_falls_silent) as server,
        Simulator([Reply(content="fine", usage=TOLD["openai"])]) as simulator,
        silent_then_good(server.url, simulator) as client,
    ):
        answer = await client.stream(
            models=[model("anthropic"), model("openai")],
            prompt="hi",
            timeouts=Timeouts(first_token=0.4),
        ).collect()
    failed, good = answer.attempts
    assert failed.error == "FirstTokenTimeoutError"
    check(failed.usage, 1000)
    assert good.usage == answer.usage == TOLD["openai"]


def check(usage: TokenUsage | None, input_tokens: int | None) -> None:
    """Partial counts, or estimated ones: never zeros that look exact."""
    assert usage is not None
    if input_tokens is None:
        assert usage.quality == "estimated"
        assert 0 < usage.input_tokens < 20
        assert 0 < usage.output_tokens < 20
    else:
        assert usage.quality == "partial"
        assert usage.input_tokens == input_tokens


# --- counts that cannot be --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "words"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 11}}, "11 cached tokens"),
        (
            {"prompt_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 5}},
            "11 cached tokens",
        ),
        ({"completion_tokens_details": {"reasoning_tokens": 6}}, "6 reasoning tokens of 5"),
        ({"prompt_tokens_details": {"audio_tokens": 11}}, "11 audio tokens of 10 in the input"),
        ({"completion_tokens_details": {"audio_tokens": 6}}, "6 audio tokens of 5"),
        ({"prompt_tokens": -1}, "-1 tokens in"),
    ],
)
def test_contradictions_are_told_and_nothing_is_clamped(usage: dict[str, Any], words: str) -> None:
    told = {"prompt_tokens": 10, "completion_tokens": 5} | usage
    answer = streamed(
        openai,
        {"id": "r", "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}}]},
        {"id": "r", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": told},
    )
    [warning] = answer.warnings
    assert warning.rule == "usage_contradiction"
    assert words in warning.message
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (told["prompt_tokens"], 5)


def test_events_of_vertex_that_count_nothing_make_no_zeros() -> None:
    """Its events before the last have a usageMetadata, with `trafficType` only."""
    pieces = [
        {"candidates": [{"content": {"parts": [{"text": text}]}}],
         "usageMetadata": {"trafficType": "ON_DEMAND"}}
        for text in ("one ", "two ", "three")
    ]  # fmt: skip
    decoder = gemini.stream_decoder(Target(provider="p", model="m"))
    chunks = [decoder.feed(msgspec.json.encode(piece)) for piece in pieces]
    cut = fold([chunk for chunk in chunks if chunk is not None])
    assert (cut.text, cut.usage) == ("one two three", None)


def test_calls_that_anthropic_leaves_out_of_its_counts_are_told() -> None:
    usage = {
        "input_tokens": 220,
        "output_tokens": 8,
        "iterations": [
            {"type": "compaction", "input_tokens": 55196, "output_tokens": 125},
            {"type": "message", "input_tokens": 220, "output_tokens": 8},
        ],
    }
    answer = streamed(
        anthropic,
        {"type": "message_start", "message": {"id": "m", "model": "m"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        {"type": "message_stop"},
    )
    assert answer.usage == TokenUsage(input_tokens=220, output_tokens=8)
    [warning] = answer.warnings
    assert warning.rule == "usage_uncounted"
    assert "compaction 55196 in, 125 out" in warning.message


def test_counts_beside_a_failure_are_kept() -> None:
    """OpenRouter sends the counts with the error that ends the stream."""
    decoder = openai.stream_decoder(Target(provider="p", model="m"))
    frame = {"error": {"message": "x"}, "choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 1}}  # fmt: skip
    with pytest.raises(AisopodError) as caught:
        decoder.feed(msgspec.json.encode(frame))
    assert caught.value.partial is not None
    assert caught.value.partial.usage == TokenUsage(
        input_tokens=4, output_tokens=1, quality="partial"
    )


def streamed(codec: Codec, *events: dict[str, Any]) -> ChatCompletion:
    decoder = codec.stream_decoder(Target(provider="p", model="m"))
    chunks = [decoder.feed(msgspec.json.encode(event)) for event in events]
    return fold([chunk for chunk in [*chunks, decoder.close()] if chunk is not None])
