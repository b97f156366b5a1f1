"""Those who wait for somebody to come back, in order of arrival.

Whoever waits for the same profiles stands in one line. Lines may want some of the same profiles:
such a one goes to the line whose first has waited longest, and whoever has just come takes only
what nobody waits for. So a request that waits never holds up one that others can serve.
"""

import asyncio
from bisect import insort
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from operator import attrgetter

__all__ = ["Line", "Place", "WaitingRooms"]

SILENCE_SECONDS = 0.25
"""Refusals are quick: who has heard nothing for this long has not been refused."""


class Place:
    """One request's place in a line.

    Args:
        ticket: its number in the order of arrival; who was refused again has the one of before.
    """

    def __init__(self, ticket: int) -> None:
        self.ticket = ticket
        self.moved = asyncio.Event()


class Line:
    """Who waits for the same profiles.

    They leave as segments do in TCP's slow start (RFC 5681, section 3.1): one, and for each that
    is let in two more. All of them at once would meet the limit again that they waited for.

    Args:
        wanted: keys of the profiles that can serve those who wait here.
    """

    def __init__(self, wanted: frozenset[str]) -> None:
        self.wanted = wanted
        self.places: list[Place] = []
        self._under_way = 0
        self._width = 1

    async def leave(self, place: Place) -> None:
        """Wait until everybody with a lower number has left, and one more may be under way."""
        while True:
            place.moved.clear()
            if self.places[0] is not place:
                await place.moved.wait()
            elif self._under_way < self._width:
                return
            else:
                try:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        await place.moved.wait()
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
        self._wake()

    def join(self, place: Place) -> None:
        """Stand behind those who came before."""
        insort(self.places, place, key=attrgetter("ticket"))

    def quit(self, place: Place) -> None:
        """Stand here no more."""
        self.places.remove(place)
        self._wake()

    def _wake(self) -> None:
        if self.places:
            self.places[0].moved.set()


class WaitingRooms:
    """All the lines of a client."""

    def __init__(self) -> None:
        self.lines: dict[frozenset[str], Line] = {}
        self._numbers = count()

    def ticket(self) -> int:
        """A number in the order of arrival."""
        return next(self._numbers)

    def wanted_before(self, ticket: int | None) -> set[str]:
        """Keys of the profiles that somebody waits for who came before this number.

        Args:
            ticket: the number; None for who has just come.
        """
        return {
            key
            for line in self.lines.values()
            if ticket is None or line.places[0].ticket < ticket
            for key in line.wanted
        }

    @contextmanager
    def place(self, wanted: frozenset[str], ticket: int) -> Iterator[tuple[Line, Place]]:
        """A place in the line of those who want the same, as long as one stands there."""
        line = self.lines.get(wanted)
        if line is None:
            line = self.lines[wanted] = Line(wanted)
        place = Place(ticket)
        line.join(place)
        try:
            yield line, place
        finally:
            line.quit(place)
            if not line.places:
                self.lines.pop(wanted, None)
