"""The clock beside a stream: one timer, set seldom, so that a chunk costs no timer."""

import asyncio

from aisopod.errors import FirstTokenTimeoutError, IdleTimeoutError, TotalTimeoutError
from aisopod.transport import Response
from aisopod.types import Timeouts

__all__ = ["Watch"]


class Watch:
    """Interrupts a response that shows no content in time.

    Only time spent waiting for the peer counts: a slow consumer is no idle server. The timer
    fires at the earliest moment something could be late, looks, and sets itself anew.

    Attributes:
        waiting_since: when the running wait began; None while the consumer has the word.
        started: whether content has been seen.
    """

    __slots__ = ("_loop", "_response", "_sent", "_timeouts", "_timer", "started", "waiting_since")

    def __init__(self, response: Response, timeouts: Timeouts, sent: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._response = response
        self._timeouts = timeouts
        self._sent = sent
        self._timer: asyncio.TimerHandle | None = None
        self.waiting_since: float | None = None
        self.started = False
        self._look()

    def stop(self) -> None:
        """The stream is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Interrupt what is late, or look again when something could be."""
        now = self._loop.time()
        limits = self._timeouts
        if limits.total is not None and now >= self._sent + limits.total:
            self._response.interrupt(
                TotalTimeoutError(f"the answer was not whole within {limits.total:g} s (total)")
            )
        elif self._is_late(now):
            self._response.interrupt(
                IdleTimeoutError(f"nothing more came for {limits.idle:g} s (idle)")
                if self.started
                else FirstTokenTimeoutError(
                    f"no content within {limits.first_token:g} s (first_token)"
                )
            )
        else:
            times = [time for time in self._deadlines(now) if time > now]
            if times:
                self._timer = self._loop.call_at(min(times), self._look)

    def _is_late(self, now: float) -> bool:
        if self.waiting_since is None:
            return False
        limit = self._timeouts.idle if self.started else self._timeouts.first_token
        since = self.waiting_since if self.started else self._sent
        return limit is not None and now >= since + limit

    def _deadlines(self, now: float) -> list[float]:
        """When something could be late next, whatever happens until then.

        The idle limit counts from before content, too: then no timer has to be set anew when
        the content begins.
        """
        limits = self._timeouts
        since = now if self.waiting_since is None else self.waiting_since
        starts = (
            (limits.total, self._sent),
            (limits.first_token, since if self.started else self._sent),
            (limits.idle, since if self.started else now),
        )
        return [start + limit for limit, start in starts if limit is not None]
