"""Those who wait for somebody to come back, in order of arrival."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

__all__ = ["Line", "WaitingRooms"]

SILENCE_SECONDS = 0.25
"""Refusals are quick: who has heard nothing for this long has not been refused."""


class Line:
    """Who waits for the same candidates.

    They leave as segments do in TCP's slow start (RFC 5681, section 3.1): one, and for each that
    is let in two more. All of them at once would meet the limit again that they waited for.
    """

    def __init__(self) -> None:
        # asyncio's lock wakes in order of arrival, and forgets those who were cancelled.
        self.lock = asyncio.Lock()
        self.waiting = 0
        self._under_way = 0
        self._width = 1
        self._moved = asyncio.Event()

    async def leave(self) -> None:
        """For the first in the line: wait until one more may be under way."""
        while self._under_way >= self._width:
            self._moved.clear()
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    await self._moved.wait()
            except TimeoutError:
                self._width *= 2

    def left(self) -> None:
        """One more is under way."""
        self._under_way += 1

    def arrived(self, *, welcome: bool | None) -> None:
        """One of those under way knows more.

        Args:
            welcome: whether it was let in; None when it has learnt nothing about that.
        """
        self._under_way -= 1
        if welcome is not None:
            self._width = self._width + 1 if welcome else 1
        self._moved.set()


class WaitingRooms:
    """One line for each set of candidates: who came first is served first."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, Line] = {}

    def is_occupied(self, key: Hashable) -> bool:
        """Whether somebody waits there."""
        return bool(self._lines) and key in self._lines

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncIterator[Line]:
        """Wait for one's turn; inside, everybody who came later waits."""
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line()
        line.waiting += 1
        try:
            async with line.lock:
                await line.leave()
                yield line
        finally:
            line.waiting -= 1
            if not line.waiting:
                self._lines.pop(key, None)
