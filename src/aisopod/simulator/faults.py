"""Answers on their way to the peer, with their delays and what goes wrong with them."""

import asyncio
from typing import NamedTuple

from aiohttp import web

from aisopod.simulator.script import Fault, Reply
from aisopod.simulator.transcript import Received
from aisopod.simulator.wire import GARBAGE, Frame, Framing, Refusal, Wire

__all__ = ["Sending", "refusal_of"]

_PING_SECONDS = 0.02


def refusal_of(fault: Fault) -> Refusal:
    """What a fault says of itself."""
    status = fault.status or (529 if fault.kind == "error" else 500)
    word = "overload" if status == 529 else f"status {status}"
    return Refusal(status, f"simulated {word}")


class Sending(NamedTuple):
    """One answer on its way. What is the last of it is marked as completed before it is sent."""

    wire: Wire
    framing: Framing
    reply: Reply
    request: web.Request
    response: web.StreamResponse
    received: Received
    number: int

    async def stream(self, frames: list[Frame]) -> None:
        """Send a streamed answer."""
        fault = self.reply.fault
        if fault is None:
            return await self._finish(frames)
        if fault.kind == "no_terminator":
            return await self._finish(frames[:-1])
        place = _place(frames, fault.after)
        await self._write(frames[:place])
        match fault.kind:
            case "garbage":
                # What follows is sound: a reader that skips what it cannot read shows itself.
                data = self.framing.garbage(frames[place].data)
                await self._finish([Frame(data), *frames[place + self.framing.spoils :]])
            case "truncate":
                await self._finish([Frame(_half(frames[place].data))])
            case "error":
                body, status = self._error(fault), refusal_of(fault).status
                await self._finish([Frame(self.framing.error(body, status, place > 0))])
            case "stall":
                await self._stall(pings=fault.pings)
            case _:
                self._abort()
        return None

    async def plain(self, body: bytes) -> None:
        """Send a plain answer whose fault is not a status."""
        fault = self.reply.fault
        match fault.kind if fault is not None else None:
            case "garbage":
                await self._finish([Frame(GARBAGE)])
            case "truncate":
                await self._finish([Frame(_half(body))])
            case "error" if fault is not None:
                await self._finish([Frame(self._error(fault))])
            case "stall":
                await self._write([Frame(_half(body))])
                # No sign of life can be put into a JSON text.
                await self._stall(pings=False)
            case "drop":
                await self._write([Frame(_half(body))])
                self._abort()
            case _:
                await self._finish([Frame(body)])

    def _error(self, fault: Fault) -> bytes:
        if fault.body is not None:
            return fault.body
        return self.wire.error(refusal_of(fault), self.number)

    async def _finish(self, frames: list[Frame]) -> None:
        await self._write(frames[:-1])
        self.received.completed = True
        await self._write(frames[-1:])

    async def _write(self, frames: list[Frame]) -> None:
        write, delay = self.response.write, self.reply.delay
        for data, content in frames:
            await write(data)
            if delay and content:
                await asyncio.sleep(delay)

    async def _stall(self, *, pings: bool) -> None:
        """Say nothing until the peer leaves, which cancels this."""
        while True:
            await asyncio.sleep(_PING_SECONDS if pings else 3600)
            if pings:
                await self.response.write(self.framing.ping)

    def _abort(self) -> None:
        transport = self.request.transport
        if transport is not None:
            transport.abort()


def _place(frames: list[Frame], after: int) -> int:
    """Where a fault strikes: right behind the last piece that comes before it."""
    if after <= 0:
        return 0
    seen = 0
    for index, frame in enumerate(frames[:-1]):
        seen += frame.content
        if seen >= after:
            return index + 1
    return len(frames) - 1


def _half(data: bytes) -> bytes:
    return data[: max(1, len(data) // 2)]
