"""Each fault as it is on the wire, seen by a client that does not interpret anything."""

import asyncio
import time
import zlib
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec
import pytest
from botocore.eventstream import EventStreamBuffer

from aisopod.simulator import Fault, Reply, Simulator

# Google streams in two forms.
WIRES = ("anthropic", "bedrock", "gemini", "gemini-array", "openai", "ollama")
PATHS = {
    "anthropic": "/v1/messages",
    "bedrock": "/model/m/converse",
    "gemini": "/v1beta/models/m:generateContent",
    "gemini-array": "/v1beta/models/m:generateContent",
    "openai": "/v1/chat/completions",
    "ollama": "/api/chat",
}
STREAMED = {
    **PATHS,
    "bedrock": "/model/m/converse-stream",
    "gemini": "/v1beta/models/m:streamGenerateContent?alt=sse",
    "gemini-array": "/v1beta/models/m:streamGenerateContent",
}
HEADERS = {
    "anthropic": {"anthropic-version": "2023-06-01"},
    "bedrock": {"authorization": "Bearer any"},
}
ENDS = {
    "anthropic": b"message_stop",
    "bedrock": b"messageStop",
    "gemini": b"finishReason",
    "gemini-array": b"finishReason",
    "openai": b"[DONE]",
    "ollama": b'"done":true',
}
SIGNS = {
    "anthropic": b"event: ping",
    "bedrock": b":event-type\x07\x00\x04ping",
    "gemini": b"\r\n\r\n\r\n",
    "gemini-array": b"\r\n\r\n\r\n",
    "openai": b": ping",
    "ollama": b"\n\n",
}


def body(wire: str, *, stream: bool = True, **fields: Any) -> dict[str, Any]:
    if wire.startswith("gemini"):
        return {"contents": [{"role": "user", "parts": [{"text": "x"}]}], **fields}
    if wire == "bedrock":
        return {"messages": [{"role": "user", "content": [{"text": "x"}]}], **fields}
    asked: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    if wire == "anthropic":
        asked["max_tokens"] = 9
    return {**asked, "stream": stream, **fields}


def post(session: aiohttp.ClientSession, simulator: Simulator, wire: str, **fields: Any) -> Any:
    path = (STREAMED if fields.get("stream", True) else PATHS)[wire]
    return session.post(
        simulator.base_url + path,
        data=msgspec.json.encode(body(wire, **fields)),
        headers=HEADERS.get(wire, {}),
    )


def said(wire: str, raw: bytes) -> str:
    """The message of an error, which may be the last of a stream."""
    match wire:
        case "bedrock":
            buffer = EventStreamBuffer()
            buffer.add_data(raw)
            last = list(buffer)[-1]
            assert last.headers[":message-type"] == "exception"
            return str(msgspec.json.decode(last.payload)["message"])
        case "gemini-array":
            error = msgspec.json.decode(raw)[-1]["error"]
        case _:
            last = raw.strip().rpartition(b"\n")[2].removeprefix(b"data: ")
            error = msgspec.json.decode(last)["error"]
            if wire == "anthropic":
                assert error["type"] == "overloaded_error"
    return error if isinstance(error, str) else str(error["message"])


def broken(kind: Any, after: int = 2, **fields: Any) -> Simulator:
    fault = Fault(kind=kind, after=after, **fields)
    return Simulator([Reply(content="one two three", fault=fault)])


async def fetch(simulator: Simulator, wire: str, **fields: Any) -> tuple[Any, bytes]:
    """The response and all of its body."""
    async with (
        aiohttp.ClientSession() as session,
        post(session, simulator, wire, **fields) as response,
    ):
        return response, await response.read()


async def wait_for(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def check_flipped(seen: bytes) -> None:
    """Everything is there and every length holds: only a checksum tells."""
    assert b"two" in seen
    assert ENDS["bedrock"] in seen
    sound, rest = 0, seen
    while rest:
        size = int.from_bytes(rest[:4], "big")
        one, rest = rest[:size], rest[size:]
        sound += zlib.crc32(one[:-4]) == int.from_bytes(one[-4:], "big")
    # The start, three pieces, the end of the block, and the last two.
    assert sound == 6


@pytest.mark.parametrize("wire", WIRES)
class TestStreams:
    async def test_whole(self, wire: str) -> None:
        async with Simulator([Reply(content="one two three")]) as simulator:
            _, seen = await fetch(simulator, wire)
            assert b"three" in seen
            assert ENDS[wire] in seen
            assert simulator.requests[0].completed
            assert simulator.requests[0].disconnected_at is None

    async def test_drop(self, wire: str) -> None:
        async with broken("drop") as simulator, aiohttp.ClientSession() as session:
            seen = b""
            with pytest.raises(aiohttp.ClientPayloadError):
                async with post(session, simulator, wire) as response:
                    async for piece in response.content.iter_any():
                        seen += piece
            assert b"two" in seen
            assert b"three" not in seen
            assert not simulator.requests[0].completed
            assert simulator.requests[0].disconnected_at is None

    async def test_drop_at_once(self, wire: str) -> None:
        async with (
            broken("drop", after=0) as simulator,
            aiohttp.ClientSession() as session,
            post(session, simulator, wire) as response,
        ):
            assert response.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()

    async def test_stall(self, wire: str) -> None:
        async with broken("stall") as simulator, aiohttp.ClientSession() as session:
            async with post(session, simulator, wire) as response:
                seen = b""
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        async for piece in response.content.iter_any():
                            seen += piece
                assert b"two" in seen
                assert b"three" not in seen
                assert simulator.open_streams == 1
                response.close()
            left = time.monotonic()
            await wait_for(lambda: simulator.requests[0].disconnected_at is not None)
            assert time.monotonic() - left < 1
            assert not simulator.requests[0].completed
            assert simulator.open_streams == 0

    async def test_stall_with_signs_of_life(self, wire: str) -> None:
        async with (
            broken("stall", pings=True) as simulator,
            aiohttp.ClientSession() as session,
            post(session, simulator, wire) as response,
        ):
            seen = b""
            async with asyncio.timeout(5):
                while seen.count(SIGNS[wire]) < 3:
                    seen += await response.content.readany()
            response.close()
        assert b"three" not in seen

    async def test_garbage(self, wire: str) -> None:
        async with broken("garbage") as simulator:
            _, seen = await fetch(simulator, wire)
        if wire == "bedrock":
            return check_flipped(seen)
        before, garbage, rest = seen.partition(b"data: {no frame at all\n\n")
        assert b"two" in before
        assert garbage
        assert b"three" in rest
        assert ENDS[wire] in rest
        return None

    async def test_truncate(self, wire: str) -> None:
        async with broken("truncate") as simulator:
            _, seen = await fetch(simulator, wire)
        assert b"two" in seen
        assert not seen.endswith(b"\n")
        assert ENDS[wire] not in seen

    async def test_error(self, wire: str) -> None:
        async with broken("error") as simulator:
            response, seen = await fetch(simulator, wire)
        assert response.status == 200
        assert b"two" in seen
        assert b"three" not in seen
        assert said(wire, seen) == "simulated overload"

    async def test_an_error_at_once(self, wire: str) -> None:
        async with broken("error", after=0) as simulator:
            response, seen = await fetch(simulator, wire)
        assert response.status == 200
        assert said(wire, seen) == "simulated overload"

    async def test_an_error_of_a_chosen_kind(self, wire: str) -> None:
        async with broken("error", status=429) as simulator:
            assert b"simulated status 429" in (await fetch(simulator, wire))[1]
        async with broken("error", body=b'{"mine":1}') as simulator:
            assert b'{"mine":1}' in (await fetch(simulator, wire))[1]

    async def test_no_terminator(self, wire: str) -> None:
        async with broken("no_terminator") as simulator:
            _, seen = await fetch(simulator, wire)
        assert b"three" in seen
        assert ENDS[wire] not in seen

    async def test_a_fault_behind_the_last_piece_comes_before_the_end(self, wire: str) -> None:
        async with broken("error", after=99) as simulator:
            _, seen = await fetch(simulator, wire)
        assert b"three" in seen
        assert ENDS[wire] not in seen

    async def test_status(self, wire: str) -> None:
        async with broken("status", status=429, headers={"retry-after": "7"}) as simulator:
            response, raw = await fetch(simulator, wire)
        assert response.status == 429
        assert response.headers["retry-after"] == "7"
        assert b"simulated status 429" in raw
        msgspec.json.decode(raw)

    async def test_delays(self, wire: str) -> None:
        reply = Reply(content="one two three", first_delay=0.1, delay=0.05)
        async with Simulator([reply]) as simulator, aiohttp.ClientSession() as session:
            began = time.monotonic()
            async with post(session, simulator, wire) as response:
                assert time.monotonic() - began >= 0.09
                await response.read()
            assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("wire", WIRES)
class TestPlain:
    async def test_drop(self, wire: str) -> None:
        async with broken("drop") as simulator, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientPayloadError):
                async with post(session, simulator, wire, stream=False) as response:
                    await response.read()

    @pytest.mark.parametrize("kind", ["garbage", "truncate"])
    async def test_no_json(self, wire: str, kind: str) -> None:
        async with broken(kind) as simulator:
            _, raw = await fetch(simulator, wire, stream=False)
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(raw)

    async def test_error(self, wire: str) -> None:
        async with broken("error") as simulator:
            response, raw = await fetch(simulator, wire, stream=False)
        assert response.status == 200
        assert b"simulated overload" in raw
        msgspec.json.decode(raw)

    async def test_stall(self, wire: str) -> None:
        async with broken("stall") as simulator, aiohttp.ClientSession() as session:
            async with post(session, simulator, wire, stream=False) as response:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await response.read()
                response.close()
            await wait_for(lambda: simulator.requests[0].disconnected_at is not None)

    async def test_a_peer_that_leaves_before_the_answer(self, wire: str) -> None:
        async with Simulator([Reply(content="x", first_delay=60)]) as simulator:
            async with aiohttp.ClientSession() as session:
                task = asyncio.ensure_future(post(session, simulator, wire, stream=False))
                await wait_for(lambda: simulator.open_streams == 1)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            await wait_for(lambda: simulator.requests[0].disconnected_at is not None)
