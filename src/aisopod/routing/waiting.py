"""Those who wait for somebody to come back, in order of arrival."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

__all__ = ["WaitingRooms"]


class WaitingRooms:
    """One line for each set of candidates: who came first is served first."""

    def __init__(self) -> None:
        # asyncio's lock wakes in order of arrival, and forgets those who were cancelled.
        self._lines: dict[Hashable, tuple[asyncio.Lock, list[None]]] = {}

    def is_occupied(self, key: Hashable) -> bool:
        """Whether somebody waits there."""
        return key in self._lines

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncIterator[None]:
        """Wait for one's turn; inside, everybody who came later waits."""
        lock, waiting = self._lines.setdefault(key, (asyncio.Lock(), []))
        waiting.append(None)
        try:
            async with lock:
                yield
        finally:
            waiting.pop()
            if not waiting:
                self._lines.pop(key, None)
