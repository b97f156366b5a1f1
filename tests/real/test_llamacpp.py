"""A real server with a real model, on two wires. It talks nonsense: the wire is judged.

Both dialects of one server: `/v1/chat/completions` by the host `llamacpp`, `/v1/messages` by the
provider `anthropic` at the server's address.
"""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import aisopod
from aisopod import AisopodError, AsyncClient, Client, ContextLengthError, OverloadedError, Timeouts
from aisopod.config import Config, FailoverConfig, ProviderConfig
from aisopod.types import HttpRequest

pytest.importorskip("xllamacpp", reason="THE REAL SERVER IS NOT INSTALLED: run `make real`")

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

WEIGHTS = Path(__file__).resolve().parents[2] / ".cache" / "gemma3-270m.gguf"
PROSE, CODE = (
    (Path(__file__).resolve().parents[2] / name).read_text()[:1200]
    for name in ("README.md", "src/aisopod/errors.py")
)
MODELS = ("llamacpp/gemma", "anthropic/gemma")


class Server:
    """The running server, and the errors that it gave until it was ready."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.while_loading: list[AisopodError] = []
        self.config = Config(
            providers={
                "llamacpp": ProviderConfig(base_url=f"{self.url}/v1"),
                "anthropic": ProviderConfig(base_url=self.url, api_key=aisopod.Secret("none")),
            },
            failover=FailoverConfig(max_wait=0),
            state="memory",
        )

    def wait_until_loaded(self) -> None:
        deadline = time.monotonic() + 120
        turn = 0
        while time.monotonic() < deadline:
            turn += 1
            # Each with a client of its own, which does not know yet that the last was refused.
            with Client(self.config) as client:
                try:
                    client.complete(MODELS[turn % 2], "hi", max_tokens=1)
                except AisopodError as error:
                    self.while_loading.append(error)
                else:
                    return
            time.sleep(0.2)
        raise AssertionError(f"the server did not load: {self.while_loading[-1]}")

    async def is_busy(self) -> bool:
        from aisopod.transport.aiohttp_transport import AiohttpTransport

        transport = AiohttpTransport()
        request = HttpRequest(method="GET", url=f"{self.url}/slots")
        response = await transport.send(request, connect_timeout=5)
        slots: list[dict[str, Any]] = msgspec.json.decode(await response.read_all(1 << 20))
        response.close()
        await transport.close()
        return any(slot["is_processing"] for slot in slots)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    WEIGHTS.parent.mkdir(exist_ok=True)
    script = Path(__file__).with_name("llama_server.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(port), str(WEIGHTS)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        running = Server(port)
        running.wait_until_loaded()
        yield running
    finally:
        process.kill()
        process.wait()


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
