"""Keys that the simulator knows, each with its own limit and its own trouble."""

import msgspec

__all__ = ["SimulatedKey"]


class SimulatedKey(msgspec.Struct, kw_only=True):
    """A key that the simulator knows. A test may change it at any time.

    A revoked key is refused at every call; the rest is about chat calls alone.

    Attributes:
        limit: requests in a window; None is without limit.
        window: seconds of a window, which starts with its first request.
        retry_after: whether a refusal over the limit tells how long to wait: `retry-after` in
            seconds, with up to three decimals; on OpenAI's wire `retry-after-ms` too; on
            Gemini's `RetryInfo` in the body, which is where that wire has it.
        limit_headers: whether answers tell the limit, what remains of it and when it is reset,
            on the wires that have headers for it (OpenAI's and Anthropic's).
        revoked: refused as a key that does not exist.
        exhausted: refused because nobody pays, in the wire's words.
        served: how many chat calls were let through.
        limited: how many were refused over the limit.
        refused: how many calls were refused as revoked or exhausted.
        used: how many the running window has let through; kept by the simulator.
        opened: `time.monotonic()` at which that window began; kept by the simulator.
    """

    limit: int | None = None
    window: float = 60.0
    retry_after: bool = True
    limit_headers: bool = True
    revoked: bool = False
    exhausted: bool = False
    served: int = 0
    limited: int = 0
    refused: int = 0
    used: int = 0
    opened: float | None = None

    def take(self, now: float) -> bool:
        """Let one request through at `now` (`time.monotonic()`), if the limit allows it."""
        if self.limit is None:
            return True
        if self.opened is None or self.left(now) == 0:
            self.opened, self.used = now, 0
        if self.used >= self.limit:
            return False
        self.used += 1
        return True

    def left(self, now: float) -> float:
        """Seconds until the running window ends; 0 without one."""
        return 0.0 if self.opened is None else max(self.opened + self.window - now, 0.0)
