"""Rows of the ledger, and what sums of them are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Protocol

import msgspec

from aisopod.types import TokenUsage

__all__ = [
    "DIMENSIONS",
    "Group",
    "LedgerEntry",
    "LedgerStore",
    "Sums",
    "check_dimensions",
    "grouped",
    "keys_of",
    "told_tags",
]

DIMENSIONS = ("day", "provider", "model", "profile", "session", "tag")
"""What sums can be made by, beside `tag:NAME`."""


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request, or what its attempts with others than the last profile and model used.

    Attributes:
        id: 32 hexadecimal digits, and a number behind them for an `extra` row; a row that is told
            twice counts once.
        at: when it began, in seconds since the epoch.
        provider: id of the provider that answered, or was asked last.
        model: the model that was asked for.
        profile: id of the profile, `provider:name`.
        session: hash of the conversation's id.
        tags: whatever the caller wants sums by.
        usage: tokens; None when nothing was told.
        cost: what it cost, exactly; None when that is not known.
        currency: of `cost`, such as `USD`.
        latency_seconds: from its beginning to its end.
        first_token_seconds: from its beginning to the first content.
        attempts: how often it was sent.
        outcome: `ok`, `cancelled`, the class of the error, or `unknown` of a request whose process
            died before it ended.
        extra: whether it is no request of its own: one that was begun elsewhere used this.
    """

    id: str
    at: float
    provider: str
    model: str
    profile: str = ""
    session: str = ""
    tags: dict[str, str] = {}
    usage: TokenUsage | None = None
    cost: Decimal | None = None
    currency: str | None = None
    latency_seconds: float | None = None
    first_token_seconds: float | None = None
    attempts: int = 0
    outcome: str = "unknown"
    extra: bool = False


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of the requests that have these keys.

    Attributes:
        keys: by dimension; a tag that a request does not have is the empty text.
        requests: how many; each counts where it was asked last.
        outcomes: how many, by outcome.
        usage: tokens of those that told any, with the worst quality; None when none did. Those of
            failed attempts are where those were made.
        uncounted: how many told no tokens.
        costs: sums by currency.
        unpriced: how many have no known cost, of failed attempts too.
    """

    keys: dict[str, str]
    requests: int = 0
    outcomes: dict[str, int] = {}
    usage: TokenUsage | None = None
    uncounted: int = 0
    costs: dict[str, Decimal] = {}
    unpriced: int = 0


class LedgerStore(Protocol):
    """Keeps rows. Its calls block.

    Attributes:
        name: its name for people, without secrets.
        journaled: whether rows wait in a journal first; else they are added at once.
    """

    name: str
    journaled: bool

    def add(self, entries: Sequence[LedgerEntry]) -> None:
        """Keep these rows; one whose id is known already is left as it is.

        Raises:
            StoreError: not all of them can be kept now; they may be told again.
        """

    def aggregate(self, by: Sequence[str], since: float, until: float) -> list[Group]:
        """Sums of the rows with `since` <= at < `until`, in the order of their keys.

        Raises:
            StoreError: it cannot be read now.
        """

    def close(self) -> None:
        """Give back files and connections."""


class Sums:
    """A group in the making, from rows or from sums of rows."""

    __slots__ = ("_costs", "_outcomes", "_requests", "_uncounted", "_unpriced", "_usage")

    def __init__(self) -> None:
        self._requests = 0
        self._outcomes: dict[str, int] = {}
        self._usage: TokenUsage | None = None
        self._uncounted = 0
        self._costs: dict[str, Decimal] = {}
        self._unpriced = 0

    def add(
        self,
        outcome: str,
        usage: TokenUsage | None,
        cost: Decimal | None,
        currency: str | None,
        count: int = 1,
        *,
        extra: bool = False,
    ) -> None:
        """`count` rows of one outcome, one quality and one currency, with their sums."""
        if not extra:
            self._requests += count
            self._outcomes[outcome] = self._outcomes.get(outcome, 0) + count
        if usage is None:
            self._uncounted += count
        else:
            self._usage = usage if self._usage is None else self._usage + usage
        if cost is None:
            self._unpriced += count
        else:
            self._costs[currency or ""] = self._costs.get(currency or "", Decimal(0)) + cost

    def group(self, keys: dict[str, str]) -> Group:
        """The finished sums."""
        return Group(
            keys=keys,
            requests=self._requests,
            outcomes=dict(sorted(self._outcomes.items())),
            usage=self._usage,
            uncounted=self._uncounted,
            costs=dict(sorted(self._costs.items())),
            unpriced=self._unpriced,
        )


def check_dimensions(by: Iterable[str]) -> None:
    """Refuse what no sums can be made by.

    Raises:
        ValueError: a name is no dimension.
    """
    for name in by:
        if name not in DIMENSIONS and not name.startswith("tag:"):
            allowed = ", ".join(DIMENSIONS)
            raise ValueError(f"no sums by {name!r}: allowed are {allowed} and tag:NAME")


def keys_of(entry: LedgerEntry, by: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """What a row has in these dimensions: once, or by `tag` once for each of its tags."""
    return product(*(_keys(entry, name) for name in by))


def _keys(entry: LedgerEntry, name: str) -> Sequence[str]:
    if name == "tag":
        return told_tags(entry.tags)
    if name == "day":
        return (datetime.fromtimestamp(int(entry.at), UTC).date().isoformat(),)
    if name.startswith("tag:"):
        return (entry.tags.get(name.removeprefix("tag:"), ""),)
    return (getattr(entry, name),)


def told_tags(tags: Mapping[str, str]) -> Sequence[str]:
    """A request's tags in words; one empty text where it has none."""
    return [f"{name}={value}" for name, value in tags.items()] or [""]


def grouped(
    entries: Iterable[LedgerEntry], by: Sequence[str], since: float, until: float
) -> list[Group]:
    """The sums of rows that are at hand."""
    found: dict[tuple[str, ...], Sums] = {}
    for entry in entries:
        if since <= entry.at < until:
            for keys in keys_of(entry, by):
                sums = found.setdefault(keys, Sums())
                sums.add(entry.outcome, entry.usage, entry.cost, entry.currency, extra=entry.extra)
    return [found[keys].group(dict(zip(by, keys, strict=True))) for keys in sorted(found)]
