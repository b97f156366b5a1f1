"""One request's row in the ledger."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from aisopod.codecs.text import sound
from aisopod.routing.candidates import Candidate
from aisopod.routing.context import Wishes
from aisopod.routing.recorder import session_hash
from aisopod.stores import Ledger, LedgerEntry
from aisopod.types import Attempt, TokenUsage

__all__ = ["Booking"]

_Asked = tuple[str, str, str]
"""Provider, model and profile."""


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
        # A half of a character, which nothing that keeps rows can hold, must not cost the whole row.
        self._tags = {
            sound(str(name)): sound(str(tag)) for name, tag in (wishes.tags or {}).items()
        }
        self._at = at
        self._content_at: float | None = None
        self._id = ledger.begin(first.provider, first.model, session=self._session, tags=self._tags)

    def content(self, now: float) -> None:
        """The first content is here."""
        self._content_at = now

    def end(self, attempts: Sequence[Attempt], outcome: str, now: float) -> None:
        """The request has ended.

        Args:
            attempts: all of them; what failed ones used of another profile or model than the
                last is a row of its own.
            outcome: `ok`, `cancelled`, or the class of the error.
            now: seconds since the epoch.
        """
        last = attempts[-1] if attempts else None
        first = self._first
        own = (last.provider, last.model, last.profile) if last else (*first, "")
        used = _used(attempts)
        usage, cost = used.pop(own, (None, None))
        for number, (asked, (tokens, paid)) in enumerate(used.items(), start=1):
            self._end(f"{self._id}.{number}", asked, tokens, paid, outcome="failed", extra=True)
        self._end(
            self._id,
            own,
            usage,
            cost,
            latency_seconds=now - self._at,
            first_token_seconds=None if self._content_at is None else self._content_at - self._at,
            attempts=len(attempts),
            outcome=outcome,
        )

    def _end(
        self,
        key: str,
        asked: _Asked,
        usage: TokenUsage | None,
        cost: Decimal | None,
        **facts: Any,
    ) -> None:
        provider, model, profile = asked
        self._ledger.end(
            LedgerEntry(
                id=key,
                at=self._at,
                provider=provider,
                model=model,
                profile=profile,
                session=self._session,
                tags=self._tags,
                usage=usage,
                cost=cost,
                currency=None if cost is None else "USD",
                **facts,
            )
        )


def _used(attempts: Sequence[Attempt]) -> dict[_Asked, tuple[TokenUsage, Decimal | None]]:
    """What attempts that told tokens used, by whom they asked; no cost where one has none."""
    found: dict[_Asked, tuple[TokenUsage, Decimal | None]] = {}
    for attempt in attempts:
        usage, cost = attempt.usage, attempt.cost
        if usage is None:
            continue
        asked = (attempt.provider, attempt.model, attempt.profile)
        if asked in found:
            before, paid = found[asked]
            usage += before
            cost = None if paid is None or cost is None else paid + cost
        found[asked] = (usage, cost)
    return found
