"""Any bytes: an answer that is well formed, or an error of aisopod's own, and soon.

Short in the suite. `AISOPOD_FUZZ_SECONDS=600 pytest -s tests/properties/test_fuzz.py -k for_long`
runs for ten minutes and tells what it did.
"""

import contextlib
import os
import random
import resource
import time
from typing import Any

import msgspec
import pytest

from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.bedrock_converse.codec import codec as converse
from aisopod.codecs.bedrock_invoke.codec import codec as invoke
from aisopod.codecs.codec import Codec, Decoder
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.codecs.halves import MendingDecoder, decode_mended, mending
from aisopod.codecs.ollama_chat.codec import codec as ollama
from aisopod.codecs.openai_chat.codec import codec as openai
from aisopod.errors import (
    InvalidRequestError,
    ProtocolError,
    ProviderError,
    StreamInterruptedError,
)
from aisopod.normalise.target import Target
from aisopod.types import ChatCompletion, ChatCompletionChunk, ChatCompletionRequest, Message, fold
from support.mutations import mutated, seeds_of, spoiled_json
from support.recordings import opening, results_of

CODECS = [anthropic, openai, gemini, converse, invoke, ollama]
MODELS = {
    "anthropic_messages": "claude-sonnet-4-5",
    "bedrock_converse": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "bedrock_invoke": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "gemini_generate": "gemini-3-flash-preview",
}
EXAMPLES = 400
SECONDS = float(os.environ.get("AISOPOD_FUZZ_SECONDS", "0"))
# No answer of a few kilobytes takes this long, on however slow a machine.
LONGEST_SECONDS = 5.0
MOST_GROWTH_MB = 600

by_codec = pytest.mark.parametrize("codec", CODECS, ids=[codec.dialect for codec in CODECS])


def target_of(codec: Codec) -> Target:
    return Target(provider="p", model=MODELS.get(codec.dialect, "m"))


def pieces(data: bytes, chance: random.Random) -> list[bytes]:
    size = chance.choice([1, 7, 100, 4096, len(data) or 1])
    size = max(size, len(data) // 2000 + 1)
    return [data[start : start + size] for start in range(0, len(data), size)]


def check_stream(codec: Codec, data: bytes, chance: random.Random) -> None:
    """What documented errors end a stream with is all that may be raised."""
    framing = codec.framing()
    decoder: Decoder = codec.stream_decoder(target_of(codec))
    chunks: list[ChatCompletionChunk | None] = []
    try:
        for piece in pieces(data, chance):
            for frame in framing.feed(piece):
                again = spoiled_json(frame, chance, codec) if chance.random() < 0.1 else frame
                try:
                    chunks.append(decoder.feed(again))
                except ProtocolError as error:  # as an exchange does
                    decoder = mending(decoder, again, error)
                    chunks.append(decoder.feed(again))
            if decoder.done:
                break
        decoder = MendingDecoder(decoder)
        chunks += [decoder.feed(frame) for frame in framing.close() if not decoder.done]
        chunks.append(decoder.close())
    except (ProtocolError, ProviderError, StreamInterruptedError) as error:
        check_error(error)
    check_answer(codec, [chunk for chunk in chunks if chunk is not None])


def check_plain(codec: Codec, data: bytes, chance: random.Random) -> None:
    if chance.random() < 0.5:
        data = spoiled_json(data, chance, codec)
    target = target_of(codec)
    try:
        try:
            chunks = codec.decode(data, target)
        except ProtocolError as error:  # as an exchange does
            chunks = decode_mended(codec.decode, data, target, error)
    except (ProtocolError, ProviderError) as error:
        check_error(error)
    else:
        check_answer(codec, chunks)


def check_refusal(codec: Codec, data: bytes, chance: random.Random) -> None:
    if chance.random() < 0.5:
        data = spoiled_json(data, chance, codec)
    status = chance.choice([None, 400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 503, 529, 599])
    odd = chance.choice(["1", "-1", "x", "", "1e999", "nan", "Wed, 21 Oct 2015 07:28:00 GMT"])
    headers = {
        chance.choice(["retry-after", "retry-after-ms", "x-amzn-errortype"]): odd,
        "anthropic-ratelimit-requests-reset": odd,
        "x-ratelimit-reset-requests": odd,
    }
    codec.rate_limits(headers, 0.0)
    error = codec.decode_error(status, headers, data)
    assert isinstance(error, ProviderError)
    check_error(error)


def check_error(error: Exception) -> None:
    assert str(error)
    assert len(str(error)) < 20_000
    assert repr(error)
    if isinstance(error, ProviderError) and error.retry_after is not None:
        assert 0 <= error.retry_after < float("inf")


def check_answer(codec: Codec, chunks: list[ChatCompletionChunk]) -> None:
    """Of the types that it says, and fit to be sent back."""
    answer = fold([opening("p"), *chunks])
    plain = msgspec.to_builtins(answer)
    msgspec.convert(plain, ChatCompletion)
    msgspec.json.encode(plain)
    asked = [Message(role="user", content="hi"), answer.message, *results_of(answer.message)]
    asked.append(Message(role="user", content="go on"))
    target = target_of(codec)
    # A name or a block that the wire itself would not take is refused.
    with contextlib.suppress(InvalidRequestError):
        codec.encode(ChatCompletionRequest(model=target.model, messages=asked), target)


CHECKS: dict[str, Any] = {
    "streams": check_stream, "plain": check_plain, "errors": check_refusal,
}  # fmt: skip


def example(codec: Codec, kind: str, seed: str) -> None:
    """One example, known again by its seed."""
    chance = random.Random(seed)
    seeds = getattr(seeds_of(codec.dialect), kind)
    data, other = chance.choice(seeds), chance.choice(seeds)
    if chance.random() < 0.8:
        data = mutated(data, other, chance)
    elif chance.random() < 0.2:
        data = chance.randbytes(chance.choice([0, 1, 20, 300]))
    begun = time.process_time()
    try:
        CHECKS[kind](codec, data, chance)
    except Exception as error:
        error.add_note(f"seed {seed!r} of {codec.dialect}, {kind}: {data[:400]!r}")
        raise
    spent = time.process_time() - begun
    assert spent < LONGEST_SECONDS, f"{spent:.1f} s: seed {seed!r} of {codec.dialect}, {kind}"


@pytest.mark.parametrize("kind", CHECKS)
@by_codec
def test_any_bytes(codec: Codec, kind: str) -> None:
    for number in range(EXAMPLES):
        example(codec, kind, f"{codec.dialect} {kind} {number}")


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.skipif(not SECONDS, reason="set AISOPOD_FUZZ_SECONDS")
@pytest.mark.timeout(0)
def test_for_long() -> None:
    """Every codec and kind in turn until the time is over, from a new beginning each time."""
    for codec in CODECS:
        seeds_of(codec.dialect)
    start, before = time.monotonic(), peak_mb()
    begin = time.time_ns()
    count, slowest, found = 0, 0.0, 0
    while time.monotonic() - start < SECONDS and found < 10:
        codec, kind = CODECS[count % len(CODECS)], list(CHECKS)[count // len(CODECS) % len(CHECKS)]
        begun = time.process_time()
        try:
            example(codec, kind, f"{begin} {count}")
        except Exception as error:  # noqa: BLE001 - it goes on, and fails at the end
            found += 1
            print(f"\n{type(error).__name__}: {error}", *getattr(error, "__notes__", ()))  # noqa: T201
        slowest = max(slowest, time.process_time() - begun)
        count += 1
    spent = time.monotonic() - start
    print(f"\n{count} examples in {spent:.0f} s, the slowest {slowest:.2f} s of CPU; peak memory "  # noqa: T201
          f"{peak_mb():.0f} MB ({before:.0f} MB at the start); {found} failures")  # fmt: skip
    assert not found
    assert peak_mb() - before < MOST_GROWTH_MB
