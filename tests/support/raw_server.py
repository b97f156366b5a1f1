"""A server on loopback that says exactly the bytes it is told to, and sees when it is left."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self

Script = Callable[["Exchange"], Awaitable[None]]


class Exchange:
    """One connection's request, and what was seen of its end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = b""
        self.body = b""
        self.closed = asyncio.Event()

    async def read_request(self) -> bool:
        try:
            self.head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        for line in self.head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                self.body = await self.reader.readexactly(int(line.split(b":")[1]))
        return True

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def headers(
        self, kind: str = "text/event-stream", status: str = "200 OK", extra: str = ""
    ) -> None:
        await self.send(
            f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n"
            f"transfer-encoding: chunked\r\n{extra}\r\n".encode()
        )

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def wait_for_peer_to_leave(self) -> None:
        while True:
            try:
                if not await self.reader.read(1024):
                    break
            except ConnectionError:
                break
        self.closed.set()


class RawServer:
    """Runs `script` for every request; keeps the exchanges for the test to look at."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.exchanges: list[Exchange] = []
        self.connections = 0
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for exchange in self.exchanges:
            exchange.writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                exchange = Exchange(reader, writer)
                if not await exchange.read_request():
                    break
                self.exchanges.append(exchange)
                await self.script(exchange)
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """A RawServer for the length of a `with`."""
    async with RawServer(script, tls) as server:
        yield server
