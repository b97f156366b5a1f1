"""What people are told of a store in trouble: that it began, and that it is over."""

import logging
import threading
import time

__all__ = ["Outage"]

log = logging.getLogger("aisopod.state")

QUIET_SECONDS = 60.0
"""What was told is not told again in this time, however often a store comes and goes."""


class Outage:
    """The troubles of one store, however many use it: one of them tells when they begin and end.

    It may be called in any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._troubled: set[str] = set()
        self._teller = ""
        self._told_at: dict[str, float] = {}

    def began(self, who: str, message: str) -> None:
        """Somebody cannot use it."""
        with self._lock:
            if who in self._troubled:
                return
            now = time.monotonic()
            is_old = now - self._told_at.get(message, float("-inf")) < QUIET_SECONDS
            if self._troubled or is_old:
                log.debug("%s", message)
            else:
                self._teller = who
                self._told_at[message] = now
                log.warning("%s", message)
            self._troubled.add(who)

    def ended(self, who: str, message: str, *, level: int = logging.WARNING) -> None:
        """They can use it again."""
        with self._lock:
            if who not in self._troubled:
                return
            self._troubled.discard(who)
            told = self._teller == who
            if told:
                self._teller = ""
            log.log(level if told else logging.DEBUG, "%s", message)
