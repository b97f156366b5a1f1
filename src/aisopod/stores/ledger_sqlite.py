"""The ledger in an SQLite file beside the state's, which nobody waits for; SQLite makes the sums."""

import sqlite3
import time
from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from pathlib import Path

import msgspec

from aisopod.stores.entries import Group, LedgerEntry, Sums, told_tags
from aisopod.stores.sqlite_file import SqliteFile
from aisopod.types import TokenUsage

__all__ = ["SqliteLedger"]

TRIM_SECONDS = 3600.0
"""How often rows that are too old are dropped."""

_COUNTS = tuple(name for name in TokenUsage.__struct_fields__ if name != "quality")
_COLUMNS = (
    *("id", "at", "provider", "model", "profile", "session", "tags"),
    *_COUNTS,
    *("quality", "cost", "currency", "latency_seconds", "first_token_seconds"),
    *("attempts", "outcome", "extra"),
)
_INSERT = (
    f"INSERT OR IGNORE INTO ledger ({', '.join(_COLUMNS)})"  # noqa: S608 - names and marks only
    f" VALUES ({', '.join('?' * len(_COLUMNS))})"
)
_SUMS = ", ".join(f"SUM({name})" for name in _COUNTS)
_PRICED = "CASE WHEN cost IS NULL THEN NULL ELSE COALESCE(currency, '') END"
_MOST = 2**53
"""No request has so many tokens; SQLite's sums end at 2**63."""

_decode_tags = msgspec.json.Decoder(dict[str, str]).decode

Value = str | int | float | None


class SqliteLedger(SqliteFile):
    """One table.

    Args:
        path: the file.
        keep_seconds: for how long a row is kept.
    """

    journaled = True
    migrations: tuple[str, ...] = (
        """CREATE TABLE ledger (
            id TEXT PRIMARY KEY, at REAL NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
            profile TEXT NOT NULL, session TEXT NOT NULL, tags TEXT NOT NULL, input_tokens INTEGER,
            output_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER,
            cache_write_1h_tokens INTEGER, reasoning_tokens INTEGER, input_audio_tokens INTEGER,
            output_audio_tokens INTEGER, quality TEXT, cost TEXT, currency TEXT,
            latency_seconds REAL, first_token_seconds REAL, attempts INTEGER NOT NULL,
            outcome TEXT NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX ledger_at ON ledger (at)",
        "ALTER TABLE ledger ADD COLUMN cache_read_audio_tokens INTEGER DEFAULT 0",
        "ALTER TABLE ledger ADD COLUMN extra INTEGER NOT NULL DEFAULT 0",
    )

    def __init__(self, path: Path, keep_seconds: float) -> None:
        super().__init__(path)
        self._keep = keep_seconds
        self._trimmed = 0.0

    def add(self, entries: Sequence[LedgerEntry]) -> None:
        """Keep these rows, in one transaction; one whose id is known already is left as it is."""
        rows = [_row(entry) for entry in entries]
        with self._turn("write"):
            self._guarded(lambda: self._added(rows))

    def _added(self, rows: Sequence[tuple[Value, ...]]) -> None:
        connection = self._writing()
        now = time.time()
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(_INSERT, rows)
            if now - self._trimmed > TRIM_SECONDS:
                connection.execute("DELETE FROM ledger WHERE at < ?", (now - self._keep,))
                self._trimmed = now
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def aggregate(self, by: Sequence[str], since: float, until: float) -> list[Group]:
        """Sums of the rows with `since` <= at < `until`."""
        keys = [_expression(name) for name in by]
        tags = [name.removeprefix("tag:") for name in by if name.startswith("tag:")]
        parts = [*keys, "outcome", "quality", "extra", _PRICED]
        # Subgroups whose rows differ in no word: so their numbers can be added up by SQLite.
        statement = (
            f"SELECT {', '.join(parts)}, COUNT(*), DECIMAL_SUM(cost), {_SUMS} FROM ledger"  # noqa: S608 - expressions of this file
            f" WHERE at >= ? AND at < ? GROUP BY {', '.join(str(n + 1) for n in range(len(parts)))}"
        )
        oldest = time.time() - self._keep
        values = (*tags, max(since, oldest), until)
        with self._turn("read"):
            rows = self._guarded(lambda: self._reading().execute(statement, values).fetchall())
        return _groups(rows, by)

    def _connected(self, wait: float) -> sqlite3.Connection:
        connection = super()._connected(wait)
        connection.create_function("TAG", 2, _tag, deterministic=True)
        connection.create_aggregate("DECIMAL_SUM", 1, _DecimalSum)  # type: ignore[arg-type]  # it takes texts
        return connection


class _DecimalSum:
    """Sums of money are exact: SQLite's own would be in binary fractions."""

    def __init__(self) -> None:
        self._sum = Decimal(0)

    def step(self, value: str | None) -> None:
        if value is not None:
            self._sum += Decimal(value)

    def finalize(self) -> str:
        return str(self._sum)


def _tag(tags: str, name: str) -> str:
    return _decode_tags(tags).get(name, "")


def _expression(name: str) -> str:
    if name == "tag":
        return "tags"  # all of them: who reads the sums takes them apart
    if name == "day":
        return "date(CAST(at AS INTEGER), 'unixepoch')"
    return "TAG(tags, ?)" if name.startswith("tag:") else name


def _row(entry: LedgerEntry) -> tuple[Value, ...]:
    usage = entry.usage
    counts: list[int | None] = [None] * len(_COUNTS)
    if usage is not None:
        counts = [max(-_MOST, min(getattr(usage, name), _MOST)) for name in _COUNTS]
    return (
        *(entry.id, entry.at, entry.provider, entry.model, entry.profile, entry.session),
        msgspec.json.encode(entry.tags).decode(),
        *counts,
        None if usage is None else usage.quality,
        None if entry.cost is None else str(entry.cost),
        *(entry.currency, entry.latency_seconds, entry.first_token_seconds),
        *(entry.attempts, entry.outcome, entry.extra),
    )


def _groups(rows: Sequence[tuple[object, ...]], by: Sequence[str]) -> list[Group]:
    found: dict[tuple[str, ...], Sums] = {}
    width = len(by)
    for row in rows:
        outcome, quality, extra, currency, count, cost, *counts = row[width:]
        usage = None
        if quality is not None:
            told = dict(zip(_COUNTS, counts, strict=True)) | {"quality": quality}
            usage = msgspec.convert(told, TokenUsage)
        for keys in product(*map(_keys, by, row)):
            found.setdefault(keys, Sums()).add(
                str(outcome),
                usage,
                None if currency is None else Decimal(str(cost)),
                None if currency is None else str(currency),
                int(str(count)),
                extra=bool(extra),
            )
    return [found[keys].group(dict(zip(by, keys, strict=True))) for keys in sorted(found)]


def _keys(name: str, value: object) -> Sequence[str]:
    return told_tags(_decode_tags(str(value))) if name == "tag" else (str(value),)
