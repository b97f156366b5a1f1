"""A TCP proxy on loopback that hands everything on a little later, in both directions."""

import asyncio
import contextlib
from typing import Self


class DelayingProxy:
    """One proxy, in the event loop of the test.

    Attributes:
        seconds: how much later, one way.
    """

    def __init__(self, port: int, seconds: float) -> None:
        self.seconds = seconds
        self._to = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.ensure_future(self._carried(source, target))
            self._tasks.add(task)

    async def _carried(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        # What comes meanwhile is on its way, too: it is late, not held up.
        loop = asyncio.get_running_loop()
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                at, data = await on_the_way.get()
                await asyncio.sleep(at - loop.time())
                if not data:
                    target.close()
                    return
                target.write(data)

        delivery = asyncio.ensure_future(deliver())
        try:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    on_the_way.put_nowait((loop.time() + self.seconds, data))
            on_the_way.put_nowait((loop.time() + self.seconds, b""))
            await delivery
        finally:
            delivery.cancel()
            target.close()
