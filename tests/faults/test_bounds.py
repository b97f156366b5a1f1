"""Answers that do not end, or grow: each ends in a clear error, in bounded memory."""

import gzip
import tracemalloc
import zlib
from typing import Any

import pytest

from aisopod.errors import AisopodError, ProtocolError
from aisopod.framing import MAX_FRAME_BYTES
from aisopod.providers.exchange import MAX_BODY_BYTES
from hazards.ends import asked, user
from support.dialects import DIALECTS, Dialect
from support.raw_server import Exchange, serving

MEGABYTE = 1024 * 1024
# A frame, what is gathered of it, and one copy of both.
MOST_MEMORY = 5 * MAX_FRAME_BYTES
KINDS = {
    "anthropic": "text/event-stream",
    "openai": "text/event-stream",
    "gemini": "text/event-stream",
    "bedrock": "application/vnd.amazon.eventstream",
    "ollama": "application/x-ndjson",
}
LINES = [each for each in DIALECTS if each.provider != "bedrock"]
on_each = pytest.mark.parametrize("dialect", DIALECTS, ids=[each.provider for each in DIALECTS])
on_lines = pytest.mark.parametrize("dialect", LINES, ids=[each.provider for each in LINES])


def start_of(dialect: Dialect) -> bytes:
    return b'{"a":"' if dialect.provider == "ollama" else b'data: {"a":"'


async def failure(dialect: Dialect, script: Any, *, stream: bool = True) -> AisopodError:
    """What asking ends with, and that it took no more memory than a frame or two."""
    from aisopod import AsyncClient, Config, FailoverConfig, ProviderConfig, Secret

    async with serving(script) as server:
        settings = ProviderConfig(
            base_url=server.url,
            api_key=Secret("bounds-key-0123456789"),
            options={"region": "us-east-1"} if dialect.provider == "bedrock" else {},
        )
        config = Config(
            providers={dialect.provider: settings},
            failover=FailoverConfig(max_wait=0, max_attempts=1),
        )
        async with AsyncClient(config) as client:
            tracemalloc.start()
            try:
                with pytest.raises(AisopodError) as caught:
                    await asked(client, dialect, [user("hi")], stream=stream)
                assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
            finally:
                tracemalloc.stop()
    assert len(str(caught.value)) < 2000
    return caught.value


@on_lines
async def test_an_endless_line(dialect: Dialect) -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.headers(KINDS[dialect.provider])
        await exchange.chunk(start_of(dialect))
        while True:
            await exchange.chunk(b"x" * MEGABYTE)

    error = await failure(dialect, endless)
    assert isinstance(error, ProtocolError)
    assert f"longer than {MAX_FRAME_BYTES} bytes" in str(error)


@on_lines
async def test_a_bomb_of_gzip(dialect: Dialect) -> None:
    """A kilobyte of it is a megabyte of a line without end."""

    async def bomb(exchange: Exchange) -> None:
        await exchange.headers(KINDS[dialect.provider], extra="content-encoding: gzip\r\n")
        packer = zlib.compressobj(wbits=31)
        await exchange.chunk(packer.compress(start_of(dialect)) + packer.flush(zlib.Z_SYNC_FLUSH))
        for _ in range(200):
            piece = packer.compress(b"x" * MEGABYTE) + packer.flush(zlib.Z_SYNC_FLUSH)
            await exchange.chunk(piece)
        await exchange.end()

    assert isinstance(await failure(dialect, bomb), ProtocolError)


@on_each
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
async def test_an_endless_plain_answer(dialect: Dialect, *, compressed: bool) -> None:
    """No more of it is read than an answer can have."""

    async def endless(exchange: Exchange) -> None:
        extra = "content-encoding: gzip\r\n" if compressed else ""
        await exchange.headers("application/json", extra=extra)
        packer = zlib.compressobj(wbits=31)
        for _ in range(2 * MAX_BODY_BYTES // MEGABYTE):
            piece = b" " * MEGABYTE
            if compressed:
                piece = packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
            await exchange.chunk(piece)
        await exchange.end()

    assert isinstance(await failure(dialect, endless, stream=False), ProtocolError)


@on_each
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
async def test_a_bomb_of_nesting(dialect: Dialect, *, stream: bool) -> None:
    from aisopod.simulator.eventstream import event

    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000

    async def nested(exchange: Exchange) -> None:
        await exchange.headers(KINDS[dialect.provider] if stream else "application/json")
        if not stream or dialect.provider == "ollama":
            await exchange.chunk(deep + b"\n")
        elif dialect.provider == "bedrock":
            await exchange.chunk(event("contentBlockDelta", deep))
        else:
            await exchange.chunk(b"data: %s\n\n" % deep)
        await exchange.end()

    assert isinstance(await failure(dialect, nested, stream=stream), ProtocolError)


@on_each
async def test_an_error_that_does_not_end(dialect: Dialect) -> None:
    """The refusal is told by its status, however much is said about it."""

    async def long_winded(exchange: Exchange) -> None:
        await exchange.headers("application/json", status="500 Internal Server Error")
        for _ in range(2 * MAX_BODY_BYTES // MEGABYTE):
            await exchange.chunk(b"x" * MEGABYTE)
        await exchange.end()

    error = await failure(dialect, long_winded)
    assert getattr(error, "status", None) == 500


@on_each
async def test_broken_compression(dialect: Dialect) -> None:
    async def broken(exchange: Exchange) -> None:
        await exchange.headers(KINDS[dialect.provider], extra="content-encoding: gzip\r\n")
        await exchange.chunk(gzip.compress(b"data: {}\n\n")[:12] + b"\xff" * 20)
        await exchange.end()

    await failure(dialect, broken)
