"""The server: routes, faults, and what a test can look at afterwards."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web

from aisopod.simulator.anthropic import AnthropicWire
from aisopod.simulator.ollama import OllamaWire
from aisopod.simulator.openai import OpenAIWire
from aisopod.simulator.responder import respond
from aisopod.simulator.script import Asked, Reply
from aisopod.simulator.wire import Frame, Refusal, Wire, json_response

__all__ = ["Received", "Simulator", "serve"]

_SECRETS = ("authorization", "x-api-key", "api-key", "cookie", "proxy-authorization")


class Received(msgspec.Struct, kw_only=True):
    """One request as it arrived, without its secrets.

    Attributes:
        wire: whose wire it is on.
        method: HTTP method.
        path: path and query.
        headers: names in lower case, credentials as `***`.
        body: the JSON body.
        completed: whether the answer was sent to its end.
        disconnected_at: `time.monotonic()` at which the peer left before that.
    """

    wire: str
    method: str
    path: str
    headers: dict[str, str]
    body: Any = None
    completed: bool = False
    disconnected_at: float | None = None


class Simulator:
    """The server, as a `with` or an `async with`.

    Args:
        replies: the answers in order, the last one repeated; or a function of the request's
            body; without them every answer says that it is simulated.
        host: the address to listen on.
        port: the port; 0 takes a free one.
        require_key: the key without which a request is refused with 401.

    Attributes:
        requests: what arrived, in order.
        open_streams: how many answers are being sent now.
    """

    def __init__(
        self,
        replies: Sequence[Reply] | Callable[[dict[str, Any]], Reply] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        require_key: str | None = None,
    ) -> None:
        self.requests: list[Received] = []
        self.open_streams = 0
        self._replies = replies
        self._host = host
        self._port = port
        self._require_key = require_key
        self._wires: list[Wire] = [AnthropicWire(), OpenAIWire(), OllamaWire()]
        self._count = 0
        self._runner: web.AppRunner | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def base_url(self) -> str:
        """The server's address."""
        return f"http://{self._host}:{self._port}"

    def url_for(self, wire: str) -> str:
        """The base URL to give to an SDK or provider of a wire: `anthropic`, `openai`, `ollama`."""
        found = next((known for known in self._wires if known.name == wire), None)
        if found is None:
            names = ", ".join(known.name for known in self._wires)
            raise ValueError(f"no wire {wire!r}: there are {names}")
        return self.base_url + found.prefix

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=256 * 1024 * 1024)
        for wire in self._wires:
            for path in wire.chat_paths:
                app.router.add_post(path, self._chat(wire))
            wire.add_routes(app)
        app.router.add_route("*", "/{tail:.*}", self._unknown)
        # With cancellation a handler learns at once that its peer has left.
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.__aenter__(), self._loop).result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self.__aexit__(None, None, None), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _chat(self, wire: Wire) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            received = self._received(wire, request)
            with self._watched(received):
                try:
                    received.body = await _json(request)
                    self._check_key(wire, request.headers)
                    asked = wire.read(received.body, request.match_info.get("model"))
                    reply = self._reply(asked, received.body)
                    return await self._answer(wire, request, asked, reply)
                except Refusal as refusal:
                    headers = wire.response_headers(self._count)
                    return json_response(wire.error(refusal), refusal.status, headers)

        return handle

    async def _answer(
        self, wire: Wire, request: web.Request, asked: Asked, reply: Reply
    ) -> web.StreamResponse:
        headers = {**wire.response_headers(self._count), **reply.headers}
        fault = reply.fault
        if fault is not None and fault.kind == "status":
            body = fault.body
            if body is None:
                body = wire.error(Refusal(fault.status, "", f"simulated status {fault.status}"))
            return json_response(body, fault.status, {**headers, **fault.headers})
        if reply.first_delay:
            await asyncio.sleep(reply.first_delay)
        if not asked.stream:
            if fault is not None:
                return await _broken_plain(request, wire.plain(reply, asked, self._count))
            return json_response(wire.plain(reply, asked, self._count), 200, headers)
        response = web.StreamResponse(headers={**headers, "content-type": wire.content_type})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await _Sending(wire, reply, request, response).run(wire.frames(reply, asked, self._count))
        return response

    def _reply(self, asked: Asked, body: dict[str, Any]) -> Reply:
        self._count += 1
        if asked.model.endswith("no-such-model"):
            raise Refusal(404, "not_found", f"model '{asked.model}' not found", model=asked.model)
        if callable(self._replies):
            return self._replies(body)
        if self._replies:
            return self._replies[min(self._count, len(self._replies)) - 1]
        return respond(asked, self._count)

    def _check_key(self, wire: Wire, headers: Mapping[str, str]) -> None:
        if self._require_key is not None and wire.key(headers) != self._require_key:
            raise Refusal(401, "authentication", "invalid API key")

    def _received(self, wire: Wire, request: web.Request) -> Received:
        headers = {
            name.lower(): "***" if name.lower() in _SECRETS else value
            for name, value in request.headers.items()
        }
        received = Received(
            wire=wire.name, method=request.method, path=request.path_qs, headers=headers
        )
        self.requests.append(received)
        return received

    @contextlib.contextmanager
    def _watched(self, received: Received) -> Iterator[None]:
        self.open_streams += 1
        try:
            yield
            received.completed = True
        except (asyncio.CancelledError, ConnectionError):
            received.disconnected_at = time.monotonic()
            raise
        finally:
            self.open_streams -= 1

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        wire = self._wires[0] if "anthropic-version" in request.headers else self._wires[1]
        received = self._received(wire, request)
        received.completed = True
        refusal = Refusal(404, "not_found", f"there is no {request.method} {request.path}")
        return json_response(wire.error(refusal), 404)


class _Sending:
    """One streamed answer on its way, with its delays and its fault."""

    def __init__(
        self, wire: Wire, reply: Reply, request: web.Request, response: web.StreamResponse
    ) -> None:
        self._wire = wire
        self._reply = reply
        self._request = request
        self._response = response

    async def run(self, frames: list[Frame]) -> None:
        fault = self._reply.fault
        if fault is not None and fault.kind == "no_terminator":
            frames, fault = frames[:-1], None
        seen = 0
        for frame in frames:
            if fault is not None and seen >= fault.after and (frame.content or seen == 0):
                break
            await self._response.write(frame.data)
            if frame.content:
                seen += 1
                if self._reply.delay:
                    await asyncio.sleep(self._reply.delay)
        if fault is not None:
            await self._strike(frames[-1].data)

    async def _strike(self, next_frame: bytes) -> None:
        fault = self._reply.fault
        match fault and fault.kind:
            case "drop":
                transport = self._request.transport
                if transport is not None:
                    transport.abort()
            case "stall":
                while True:
                    await asyncio.sleep(0.02 if fault and fault.pings else 3600)
                    if fault and fault.pings:
                        await self._response.write(self._wire.ping)
            case "garbage":
                await self._response.write(b"data: {no frame at all\n\n")
            case "truncate":
                await self._response.write(next_frame[: max(1, len(next_frame) // 2)])
            case _:
                refusal = Refusal(529, "overloaded", "simulated overload in mid-stream")
                await self._response.write(self._wire.error_frame(refusal))


async def _broken_plain(request: web.Request, body: bytes) -> web.StreamResponse:
    """A plain answer that breaks off in its middle."""
    response = web.StreamResponse(headers={"content-type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return response


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(await request.read())
    except msgspec.DecodeError as error:
        raise Refusal(400, "invalid_request", f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refusal(400, "invalid_request", "the body is no object")
    return body


def serve(
    host: str = "127.0.0.1", port: int = 0, ready: Callable[[Simulator], None] | None = None
) -> None:
    """Run until interrupted; `ready` is told when it listens."""

    async def run() -> None:
        async with Simulator(host=host, port=port) as simulator:
            if ready is not None:
                ready(simulator)
            await asyncio.Event().wait()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())
