"""Whether a store is quick enough to be waited for."""

__all__ = ["Speed"]

WELL_SECONDS = 1.0
"""How long a slow store must have been quick before anybody waits for it again."""
WELL_SHARE = 0.5
"""Quick is what takes no more of the patience than this: one that is just in time would come and
go."""


class Speed:
    """What the store's last answers took.

    Args:
        patience: seconds that a request waits at most.

    Attributes:
        is_slow: whether nobody waits for it now.
        took: seconds that its last answer took.
    """

    def __init__(self, patience: float) -> None:
        self.is_slow = False
        self.took = 0.0
        self._patience = patience
        self._well_since: float | None = None

    def late(self) -> None:
        """A request has waited for it in vain."""
        self.is_slow = True
        self._well_since = None

    def came(self, seconds: float, now: float) -> bool:
        """It has answered; whether it may be waited for again, which it was not before."""
        self.took = seconds
        if not self.is_slow:
            return False
        if seconds > self._patience * WELL_SHARE:
            self._well_since = None
        elif self._well_since is None:
            self._well_since = now
        elif now - self._well_since >= WELL_SECONDS:
            self.is_slow = False
        return not self.is_slow
