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

    def start(self) -> None:
        """Content has been seen: from now on the idle limit holds."""
        self.started = True
        self.stop()
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
        total = None if limits.total is None else self._sent + limits.total
        if total is not None and now >= total:
            self._response.interrupt(
                TotalTimeoutError(f"the answer was not whole within {limits.total:g} s (total)")
            )
            return
        late = self._content_deadline(now)
        if late is not None and now >= late and self.waiting_since is not None:
            self._response.interrupt(
                IdleTimeoutError(f"nothing more came for {limits.idle:g} s (idle)")
                if self.started
                else FirstTokenTimeoutError(
                    f"no content within {limits.first_token:g} s (first_token)"
                )
            )
            return
        times = [time for time in (total, late) if time is not None]
        if times:
            self._timer = self._loop.call_at(min(times), self._look)

    def _content_deadline(self, now: float) -> float | None:
        if not self.started:
            limit = self._timeouts.first_token
            since = self._sent
        else:
            limit = self._timeouts.idle
            since = now if self.waiting_since is None else self.waiting_since
        if limit is None:
            return None
        deadline = since + limit
        # With the consumer at work nothing is late yet; look again a whole limit from now.
        return deadline if self.waiting_since is not None or deadline > now else now + limit
