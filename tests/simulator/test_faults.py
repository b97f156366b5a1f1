"""Each fault as it is on the wire, seen by a client that does not interpret anything."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec
import pytest

from aisopod.simulator import Fault, Reply, Simulator

WIRES = ("anthropic", "openai", "ollama")
PATHS = {
    "anthropic": "/v1/messages",
    "openai": "/v1/chat/completions",
    "ollama": "/api/chat",
}
ENDS = {"anthropic": b"message_stop", "openai": b"[DONE]", "ollama": b'"done":true'}


def body(wire: str, *, stream: bool = True, **fields: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    if wire == "anthropic":
        asked["max_tokens"] = 9
    return {**asked, "stream": stream, **fields}


def post(session: aiohttp.ClientSession, simulator: Simulator, wire: str, **fields: Any) -> Any:
    return session.post(
        simulator.base_url + PATHS[wire],
        data=msgspec.json.encode(body(wire, **fields)),
        headers={"anthropic-version": "2023-06-01"} if wire == "anthropic" else {},
    )


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
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    async for piece in response.content.iter_any():
                        seen += piece
            response.close()
        sign = {"anthropic": b"event: ping", "openai": b": ping", "ollama": b"\n\n"}[wire]
        assert seen.count(sign) > 2
        assert b"three" not in seen

    async def test_garbage(self, wire: str) -> None:
        async with broken("garbage") as simulator:
            _, seen = await fetch(simulator, wire)
        before, garbage, rest = seen.partition(b"data: {no frame at all\n\n")
        assert b"two" in before
        assert garbage
        assert b"three" in rest
        assert ENDS[wire] in rest

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
        last = seen.strip().rpartition(b"\n")[2].removeprefix(b"data: ")
        error = msgspec.json.decode(last)["error"]
        said = error if isinstance(error, str) else error["message"]
        assert said == "simulated overload"
        if wire == "anthropic":
            assert error["type"] == "overloaded_error"

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
        assert "error" in msgspec.json.decode(raw)

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
        assert "error" in msgspec.json.decode(raw)

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
