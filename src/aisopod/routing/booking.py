"""One request's row in the ledger."""

from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from operator import add

from aisopod.routing.candidates import Candidate
from aisopod.routing.context import Wishes
from aisopod.routing.recorder import session_hash
from aisopod.stores import Ledger, LedgerEntry
from aisopod.types import Attempt, TokenUsage

__all__ = ["Booking"]


class Booking:
    """A row that is begun before anything is sent, and ended once.

    Args:
        ledger: where it stands.
        first: the first candidate, which stands for all while nobody has been asked.
        wishes: the session and the tags.
        at: when the request began, in seconds since the epoch.
    """

    def __init__(self, ledger: Ledger, first: Candidate, wishes: Wishes, at: float) -> None:
        self._ledger = ledger
        self._first = first
        self._session = session_hash(wishes.session) if wishes.session is not None else ""
        self._tags = dict(wishes.tags or {})
        self._at = at
        self._content_at: float | None = None
        self._id = ledger.begin(first.provider, first.model, session=self._session, tags=self._tags)

    def content(self, now: float) -> None:
        """The first content is here."""
        self._content_at = now

    def end(self, attempts: Sequence[Attempt], outcome: str, now: float) -> None:
        """The request has ended.

        Args:
            attempts: all of them; what failed ones used is part of what it cost.
            outcome: `ok`, `cancelled`, or the class of the error.
            now: seconds since the epoch.
        """
        last = attempts[-1] if attempts else None
        told = [attempt for attempt in attempts if attempt.usage is not None]
        usages = [attempt.usage for attempt in told if attempt.usage is not None]
        costs = [attempt.cost for attempt in told if attempt.cost is not None]
        usage: TokenUsage | None = reduce(add, usages) if usages else None
        cost = sum(costs, Decimal(0)) if told and len(costs) == len(told) else None
        self._ledger.end(
            LedgerEntry(
                id=self._id,
                at=self._at,
                provider=last.provider if last else self._first.provider,
                model=last.model if last else self._first.model,
                profile=last.profile if last else "",
                session=self._session,
                tags=self._tags,
                usage=usage,
                cost=cost,
                currency=None if cost is None else "USD",
                latency_seconds=now - self._at,
                first_token_seconds=None
                if self._content_at is None
                else self._content_at - self._at,
                attempts=len(attempts),
                outcome=outcome,
            )
        )
