"""The server: routes, and what a test can look at afterwards."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import TracebackType
from typing import Self, TypeVar

import msgspec
from aiohttp import web

from aisopod.simulator.answers import answer, headers_of, refused, streamed
from aisopod.simulator.anthropic import AnthropicWire
from aisopod.simulator.bedrock import BedrockWire
from aisopod.simulator.gate import admit, outage
from aisopod.simulator.gemini import GeminiWire
from aisopod.simulator.keys import SimulatedKey
from aisopod.simulator.ollama import OllamaWire
from aisopod.simulator.openai import OpenAIWire
from aisopod.simulator.responder import respond
from aisopod.simulator.script import Replies, Reply, Script
from aisopod.simulator.transcript import Received, record
from aisopod.simulator.wire import (
    Call,
    Fields,
    Refusal,
    Route,
    Wire,
    is_unknown,
)

__all__ = ["Simulator", "serve"]

# Other addresses of a wire.
_ALIASES = {"vertex": "gemini"}

# How a body that is not of the wire's form shows itself while it is read.
_MALFORMED = (KeyError, TypeError, AttributeError, ValueError, IndexError)

_T = TypeVar("_T")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Act = Callable[[web.Request, Received, Call], Awaitable[web.StreamResponse]]


class Simulator:
    """The server, as a `with` (in a thread of its own) or an `async with`.

    Args:
        replies: the answers to chat calls in order, the last one repeated; or a function of the
            request's body, or of the body and the key; without them every answer says that it is
            simulated.
        host: the address to listen on.
        port: the port; 0 takes a free one.
        require_key: the key without which a request is refused, in the wire's way.
        aws_secret: the secret of each AWS access key id; with it signatures are checked, which
            takes the extra `bedrock`, and a signed request needs no other key.
        keys: the keys that are known, by name; with them a request that carries none of them is
            refused as one without `require_key`.

    Attributes:
        keys: the same; may be changed at any time.
        down: names of the wires that have an outage now: their chat calls answer 503.
        requests: what arrived, in order.
        open_streams: how many answers are being sent now; one whose end the peer has just read
            may still be among them for a moment.
    """

    def __init__(
        self,
        replies: Script | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        require_key: str | None = None,
        aws_secret: Mapping[str, str] | None = None,
        keys: Mapping[str, SimulatedKey] | None = None,
    ) -> None:
        self.requests: list[Received] = []
        self.open_streams = 0
        self.keys: dict[str, SimulatedKey] = dict(keys or {})
        self.down: set[str] = set()
        self._replies = Replies(replies)
        self._host = host
        self._port = port
        self._require_key = require_key
        self._checks_keys = keys is not None
        # The last one takes the paths that no other claims.
        self._wires: list[Wire] = [
            GeminiWire(),
            BedrockWire(aws_secret),
            AnthropicWire(),
            OllamaWire(),
            OpenAIWire(),
        ]
        self._count = 0
        self._closing = False
        self._runner: web.AppRunner | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def base_url(self) -> str:
        """The server's address, as a peer on this machine reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    def url_for(self, wire: str) -> str:
        """The base URL to give to an SDK or provider of a wire.

        The wires are `anthropic`, `bedrock`, `gemini` (or `vertex`, its other address), `ollama`
        and `openai`.
        """
        name = _ALIASES.get(wire, wire)
        found = next((known for known in self._wires if known.name == name), None)
        if found is None:
            names = ", ".join(known.name for known in self._wires)
            raise ValueError(f"no wire {wire!r}: there are {names}")
        return self.base_url + found.prefix

    async def __aenter__(self) -> Self:
        self._closing = False
        # With cancellation a handler learns at once that its peer has left.
        self._runner = web.AppRunner(
            self._app(), handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing = True
        if self._runner is not None:
            await self._runner.cleanup()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.__aenter__(), self._loop).result()
        except OSError:
            self._end_thread()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self.__aexit__(None, None, None), self._loop).result()
            self._end_thread()

    def _end_thread(self) -> None:
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=256 * 1024 * 1024)
        for wire in self._wires:
            for path in wire.chat_paths:
                app.router.add_post(path, self._handler([wire], self._chat(wire), chat=True))
        shared: dict[tuple[str, str], list[tuple[Wire, Route]]] = {}
        for wire in self._wires:
            for route in wire.routes:
                shared.setdefault((route.method, route.path), []).append((wire, route))
        for (method, path), owners in shared.items():
            acts = {wire.name: self._beside(wire, route) for wire, route in owners}
            handler = self._handler([wire for wire, _ in owners], _by_wire(acts))
            if method == "GET":
                app.router.add_get(path, handler)
            else:
                app.router.add_route(method, path, handler)
        app.router.add_route("*", "/{tail:.*}", self._unknown)
        return app

    def _handler(self, wires: list[Wire], act: _Act, *, chat: bool = False) -> _Handler:
        """What each known call goes through: it is recorded, checked and watched."""

        async def handle(request: web.Request) -> web.StreamResponse:
            wire = _claiming(wires, request)
            self._count += 1
            number = self._count
            received = self._received(wire, request)
            with self._watched(received):
                call = _call(request, await request.read(), number)
                received.key, key = self._known(wire, call)
                call = call._replace(key=key)
                try:
                    self._enter(wire, call, chat=chat)
                    received.body = _json(call)
                    call = call._replace(body=received.body or {})
                    return await act(request, received, call)
                except Refusal as refusal:
                    received.completed = True
                    return refused(wire, refusal, call)

        return handle

    def _known(self, wire: Wire, call: Call) -> tuple[str | None, SimulatedKey | None]:
        name = wire.key(call.headers)
        key = self.keys.get(name or "")
        return (None if key is None else name), key

    def _accepted(self) -> set[str] | None:
        if self._require_key is not None:
            return {*self.keys, self._require_key}
        return set(self.keys) if self._checks_keys or self.keys else None

    def _enter(self, wire: Wire, call: Call, *, chat: bool) -> None:
        """Let a call in.

        Raises:
            Refusal: the service is down, or it does not take the credential.
        """
        if chat and wire.name in {_ALIASES.get(name, name) for name in self.down}:
            raise outage(wire.name)
        wire.check_key(call, self._accepted())
        if call.key is None:
            return
        if call.key.revoked:
            call.key.refused += 1
            raise wire.unknown_key(call)
        if chat:
            admit(wire.name, call.key)

    def _chat(self, wire: Wire) -> _Act:
        async def act(request: web.Request, received: Received, call: Call) -> web.StreamResponse:
            asked = _guarded(lambda: wire.read(call))
            if is_unknown(asked.model):
                raise wire.unknown_model(asked.model)
            reply = asked.only or self._replies.next(call.body, received.key)
            reply = reply or respond(asked, call.number)
            return await answer(wire, request, received, asked, reply, call)

        return act

    @staticmethod
    def _beside(wire: Wire, route: Route) -> _Act:
        async def act(request: web.Request, received: Received, call: Call) -> web.StreamResponse:
            beside = _guarded(lambda: route.answer(call))
            if isinstance(beside, list):
                sending = (wire, wire.framing(None), Reply(), request)
                return await streamed(*sending, received, beside, call)
            beside.headers.update(headers_of(wire, call))
            received.completed = True
            return beside

        return act

    def _received(self, wire: Wire, request: web.Request) -> Received:
        received = record(wire.name, request)
        self.requests.append(received)
        return received

    @contextlib.contextmanager
    def _watched(self, received: Received) -> Iterator[None]:
        self.open_streams += 1
        try:
            yield
        except (asyncio.CancelledError, ConnectionError):
            received.completed = False
            if not self._closing:
                received.disconnected_at = time.monotonic()
            raise
        finally:
            self.open_streams -= 1

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        wire = _claiming(self._wires, request)
        self._count += 1
        received = self._received(wire, request)
        received.completed = True
        return wire.unknown_path(request.method, request.path, self._count)


def _by_wire(acts: Mapping[str, _Act]) -> _Act:
    async def act(request: web.Request, received: Received, call: Call) -> web.StreamResponse:
        return await acts[received.wire](request, received, call)

    return act


def _claiming(wires: list[Wire], request: web.Request) -> Wire:
    found = (wire for wire in wires if wire.claims(request.path, request.headers))
    return next(found, wires[-1])


def _guarded(read: Callable[[], _T]) -> _T:
    try:
        return read()
    except _MALFORMED as error:
        what = f"{type(error).__name__} {error}"
        raise Refusal(400, f"the request is not of the documented form: {what}") from error


def _call(request: web.Request, raw: bytes, number: int) -> Call:
    return Call(
        {},
        request.headers,
        request.query,
        dict(request.match_info),
        number,
        request.method,
        request.raw_path,
        raw,
    )


def _json(call: Call) -> Fields | None:
    if call.method in {"GET", "HEAD"}:
        return None
    try:
        body = msgspec.json.decode(call.raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(400, f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refusal(400, "the body is no JSON object")
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
