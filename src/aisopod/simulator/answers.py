"""Replies and refusals as responses, with the headers that belong to them."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from aisopod.simulator.faults import Sending, refusal_of
from aisopod.simulator.gate import tell_limits
from aisopod.simulator.script import Asked, Reply
from aisopod.simulator.transcript import Received
from aisopod.simulator.wire import Call, Frame, Framing, Refusal, Wire, json_response

__all__ = ["answer", "headers_of", "refused", "streamed"]


async def answer(
    wire: Wire, request: web.Request, received: Received, asked: Asked, reply: Reply, call: Call
) -> web.StreamResponse:
    """The answer to a chat call, with what goes wrong with it."""
    if reply.first_delay:
        await asyncio.sleep(reply.first_delay)
    fault = reply.fault
    if fault is not None and fault.kind == "status":
        received.completed = True
        refusal = refused(wire, refusal_of(fault), call, fault.body)
        refusal.headers.update({**reply.headers, **fault.headers})
        return refusal
    framing = wire.framing(asked)
    if asked.stream:
        frames = wire.frames(reply, asked, call.number)
        sending = (wire, framing, reply, request)
        return await streamed(*sending, received, frames, call)
    headers = {**headers_of(wire, call), **reply.headers}
    body = wire.plain(reply, asked, call.number)
    if fault is None:
        received.completed = True
        return json_response(body, 200, headers)
    response = await _begun(request, {**headers, "content-type": "application/json"})
    await Sending(wire, framing, reply, request, response, received, call.number).plain(body)
    return response


async def streamed(
    wire: Wire,
    framing: Framing,
    reply: Reply,
    request: web.Request,
    received: Received,
    frames: list[Frame],
    call: Call,
) -> web.StreamResponse:
    """An answer of frames."""
    headers = {
        **headers_of(wire, call),
        **reply.headers,
        "content-type": framing.content_type,
    }
    response = await _begun(request, headers)
    await Sending(wire, framing, reply, request, response, received, call.number).stream(frames)
    return response


def headers_of(wire: Wire, call: Call) -> dict[str, str]:
    """The wire's own headers, with the limits of the call's key."""
    headers = wire.response_headers(call.number)
    tell_limits(headers, wire, call.key)
    return headers


def refused(wire: Wire, refusal: Refusal, call: Call, body: bytes | None = None) -> web.Response:
    """A refusal; `body` stands in for the wire's own."""
    response = wire.refused(refusal, call, body)
    tell_limits(response.headers, wire, call.key)
    response.headers.update(refusal.headers)
    return response


async def _begun(request: web.Request, headers: Mapping[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    response.enable_chunked_encoding()
    await response.prepare(request)
    return response
