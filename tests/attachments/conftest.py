"""A web server with files, good and bad."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from attachments.files import image, pdf


class Web:
    """A server on this machine.

    Attributes:
        asked: how often each path was asked for.
        headers: of each request, in order.
        left: paths whose answer was broken off by the client.
    """

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.left: list[str] = []
        self.at_once = self.most_at_once = 0
        self._files = {
            "/cat.png": ("image/png", image("PNG")),
            "/cat": ("image/png", image("PNG")),
            "/cat.bmp": ("image/bmp", image("BMP")),
            "/octets": ("application/octet-stream", image("PNG")),
            "/lies.png": ("image/png", b"<html>Sign in first</html>"),
            "/pdf": ("application/pdf", pdf("Aloud")),
            "/notes.txt": ("text/plain; charset=utf-8", b"Dear all"),
            "/lies.txt": ("text/plain", b"\x00\x01\x02\xff"),
            "/tone.mp3": ("audio/mpeg", b"ID3" + bytes(20)),
        }
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._server = TestServer(app)

    async def start(self) -> None:
        await self._server.start_server()

    async def stop(self) -> None:
        await self._server.close()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self._server.port}{path}"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] += 1
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._answered(request)
        except (ConnectionError, asyncio.CancelledError):
            self.left.append(request.path)
            raise
        finally:
            self.at_once -= 1

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path in self._files:
            kind, data = self._files[path]
            await asyncio.sleep(0.02)
            return web.Response(body=data, headers={"content-type": kind, "set-cookie": "a=b"})
        if path == "/to":
            return web.Response(status=302, headers={"location": request.query["to"]})
        if path.startswith("/loop"):
            return web.Response(status=307, headers={"location": path + "x"})
        if path == "/packed":
            return web.Response(body=b"x", headers={"content-encoding": "gzip"})
        if path in {"/slow", "/huge"}:
            return await self._streamed(request, pause=0.05 if path == "/slow" else 0)
        if path == "/long":
            return web.Response(body=bytes(5_000))
        return web.Response(status=404)

    async def _streamed(self, request: web.Request, pause: float) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(1_000))
            await asyncio.sleep(pause)


@pytest.fixture
async def site() -> AsyncIterator[Web]:
    site = Web()
    await site.start()
    yield site
    await site.stop()
