"""A real server with a real model, on two wires. It talks nonsense: the wire is judged."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import aisopod
from aisopod import AsyncClient, ContextLengthError, OverloadedError, Timeouts
from support.llama import Server, serving

pytest.importorskip("xllamacpp", reason="THE REAL SERVER IS NOT INSTALLED: run `make real`")

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

PROSE, CODE = (
    (Path(__file__).resolve().parents[2] / name).read_text()[:1200]
    for name in ("README.md", "src/aisopod/errors.py")
)
MODELS = ("llamacpp/gemma", "anthropic/gemma")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("gemma") as running:
        yield running


def test_loading_is_an_overload(server: Server) -> None:
    """503 "Loading model": worth another try, and no fault of the request."""
    answered = [e for e in server.while_loading if isinstance(e, aisopod.ProviderError)]
    assert answered, "the server was ready before it could be asked"
    for error in answered:
        assert isinstance(error, OverloadedError)
        assert "Loading model" in str(error)
    others = [e for e in server.while_loading if not isinstance(e, aisopod.ProviderError)]
    assert all(isinstance(e, aisopod.ConnectError) for e in others)


@pytest.mark.parametrize("model", MODELS)
async def test_streamed_and_plain(server: Server, model: str) -> None:
    async with AsyncClient(server.config) as client:
        asked: dict[str, Any] = {"max_tokens": 12, "temperature": 0.0}
        streamed = await client.stream(model, "The capital of France is", **asked).collect()
        plain = await client.complete(model, "The capital of France is", **asked)
    for answer in (streamed, plain):
        assert answer.text
        assert answer.finish_reason in {"length", "stop"}
        assert answer.usage is not None
        assert answer.usage.input_tokens > 3
        assert 0 < answer.usage.output_tokens <= 12
        assert answer.info is not None
        assert answer.info.first_token_seconds is not None
    assert streamed.text == plain.text


@pytest.mark.parametrize("model", MODELS)
async def test_limit_and_stop(server: Server, model: str) -> None:
    async with AsyncClient(server.config) as client:
        cut = await client.complete(model, "Count: one, two,", max_tokens=3)
        assert cut.finish_reason == "length"
        assert cut.usage is not None
        assert cut.usage.output_tokens == 3
        whole = await client.complete(model, "hi", max_tokens=16, temperature=0.0)
        word = whole.text.split()[1]
        stopped = await client.complete(model, "hi", max_tokens=16, temperature=0.0, stop=word)
        assert word not in stopped.text
        assert stopped.finish_reason == "stop"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [True, False])
async def test_the_context_limit(server: Server, model: str, stream: bool) -> None:
    prompt = "word " * 2000
    async with AsyncClient(server.config) as client:
        with pytest.raises(ContextLengthError) as caught:
            if stream:
                await client.stream(model, prompt, max_tokens=4).collect()
            else:
                await client.complete(model, prompt, max_tokens=4)
    assert caught.value.limit == 512
    assert caught.value.size is not None
    assert caught.value.size > 2000
    assert not caught.value.retryable


class City(msgspec.Struct):
    name: str
    big: bool


async def test_a_schema_gives_json_that_fits(server: Server) -> None:
    async with AsyncClient(server.config) as client:
        for answer in (
            await client.complete(MODELS[0], "A city", response_format=City, max_tokens=60),
            await client.stream(MODELS[0], "A city", response_format=City, max_tokens=60).collect(),
        ):
            if answer.finish_reason == "stop":
                assert isinstance(answer.parsed, City)
            else:  # a rambling name, cut: still the beginning of what the schema asks for
                assert answer.text.lstrip().startswith("{")


@pytest.mark.parametrize("model", MODELS)
async def test_leaving_frees_the_slot(server: Server, model: str) -> None:
    async with AsyncClient(server.config) as client:
        async with client.stream(model, "Once upon a time", max_tokens=400) as stream:
            async for chunk in stream:
                if chunk.delta.content:
                    assert await server.is_busy()
                    break
        left = time.monotonic()
        while await server.is_busy():
            assert time.monotonic() - left < 1, "the server still works for nobody"
            await asyncio.sleep(0.02)
        again = await client.complete(model, "hi", max_tokens=1, timeouts=Timeouts(total=20))
        assert again.usage is not None


async def test_listing_and_health(server: Server) -> None:
    async with AsyncClient(server.config) as client:
        assert [model.id for model in await client.list_models("llamacpp")]
        assert (await client.health_check("llamacpp")).ok


async def test_an_estimate_is_near_what_a_real_tokenizer_counts(server: Server) -> None:
    """The vocabulary is Gemma's; English prose and code."""
    async with AsyncClient(server.config) as client:
        for text in (PROSE, CODE):
            told = await client.count_tokens("llamacpp/gemma", text)
            answer = await client.complete("llamacpp/gemma", text, max_tokens=1)
            assert told.quality == "estimated"
            assert answer.usage is not None
            assert 0.6 < told.tokens / answer.usage.input_tokens < 1.5
