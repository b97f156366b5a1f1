"""The ledger: the same sums from every store, and nothing lost on the way into it."""

import asyncio
import logging
import os
import resource
import shutil
import sqlite3
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aisopod.stores import Group, Ledger, LedgerEntry, open_ledger
from aisopod.stores.journal import Journal, encoded
from aisopod.stores.ledger_sqlite import SqliteLedger
from aisopod.types import TokenUsage
from support.redis_server import RedisServer

NOW = time.time()
DAY = 86400.0
KINDS = ("memory", "sqlite", "redis")


@pytest.fixture
def setting_of(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], str]:
    def setting(kind: str) -> str:
        found = {"memory": "memory", "sqlite": f"sqlite:{tmp_path / 'state.sqlite'}"}.get(kind)
        return found or str(request.getfixturevalue("redis_url"))

    return setting


def entry(**fields: Any) -> LedgerEntry:
    facts: dict[str, Any] = {"at": NOW, "provider": "openai", "model": "m", "outcome": "ok"}
    return LedgerEntry(**({"id": uuid.uuid4().hex} | facts | fields))


def sums(ledger: Ledger, *by: str, **bounds: float) -> list[Group]:
    return asyncio.run(ledger.aggregate(by, **bounds))


# --- every store gives the same sums --------------------------------------------------------------

COUNTS = [name for name in TokenUsage.__struct_fields__ if name != "quality"]
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)
MONEY = st.decimals(0, 1000, places=9)
USAGES = st.builds(
    TokenUsage,
    **{name: st.integers(0, 10**9) for name in COUNTS},
    quality=st.sampled_from(["exact", "partial", "estimated"]),
)
TIMES = st.floats(NOW - 5 * DAY, NOW + DAY) | st.sampled_from(
    [(NOW // DAY - days) * DAY + edge for days in range(4) for edge in (0.0, -0.0004, 0.0004)]
)


@st.composite
def entries(draw: st.DrawFn) -> LedgerEntry:
    cost = draw(st.none() | MONEY)
    return entry(
        at=draw(TIMES),
        provider=draw(st.sampled_from(["openai", "anthropic"])),
        model=draw(NAMES),
        profile=draw(st.sampled_from(["", "openai:a", "openai:b"])),
        session=draw(st.sampled_from(["", "0123abc"])),
        tags=draw(st.dictionaries(st.sampled_from(["team", 'a "b"', "ü.[0]"]), NAMES)),
        usage=draw(st.none() | USAGES),
        cost=cost,
        currency=None if cost is None else draw(st.sampled_from(["USD", "EUR"])),
        attempts=draw(st.integers(0, 9)),
        outcome=draw(st.sampled_from(["ok", "cancelled", "RateLimitError", "unknown"])),
        extra=draw(st.booleans()),
    )


DIMENSIONS = [
    "day",
    "provider",
    "model",
    "profile",
    "session",
    "tag",
    "tag:team",
    'tag:a "b"',
    "tag:ü.[0]",
]


def plain_fold(rows: Sequence[LedgerEntry], by: Sequence[str]) -> dict[tuple[str, ...], Any]:
    """The sums once more, without anything of the ledger's own."""

    def key(row: LedgerEntry, name: str, tag: str) -> str:
        if name == "tag":
            return tag
        if name == "day":
            return datetime.fromtimestamp(int(row.at), UTC).strftime("%Y-%m-%d")
        if name.startswith("tag:"):
            return row.tags.get(name[4:], "")
        return str(getattr(row, name))

    found: dict[tuple[str, ...], list[LedgerEntry]] = {}
    for row in rows:
        tags = [f"{name}={value}" for name, value in row.tags.items()] if "tag" in by else []
        for tag in tags or [""]:
            found.setdefault(tuple(key(row, name, tag) for name in by), []).append(row)
    return {keys: _folded(group) for keys, group in found.items()}


def _folded(rows: Sequence[LedgerEntry]) -> dict[str, Any]:
    usages = [row.usage for row in rows if row.usage is not None]
    qualities = ["exact", "partial", "estimated"]
    costs: dict[str, Decimal] = {}
    for row in rows:
        if row.cost is not None:
            costs[row.currency or ""] = costs.get(row.currency or "", Decimal(0)) + row.cost
    requests = [row for row in rows if not row.extra]
    return {
        "requests": len(requests),
        "outcomes": dict(Counter(row.outcome for row in requests)),
        "tokens": [sum(getattr(usage, name) for usage in usages) for name in COUNTS],
        "quality": max((usage.quality for usage in usages), key=qualities.index, default=None),
        "uncounted": len(rows) - len(usages),
        "costs": costs,
        "unpriced": sum(row.cost is None for row in rows),
    }


def _as_fold(group: Group) -> dict[str, Any]:
    usage = group.usage
    return {
        "requests": group.requests,
        "outcomes": group.outcomes,
        "tokens": [getattr(usage, name) if usage else 0 for name in COUNTS],
        "quality": usage.quality if usage else None,
        "uncounted": group.uncounted,
        "costs": group.costs,
        "unpriced": group.unpriced,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_sums_are_a_plain_fold(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    server: RedisServer | None = (
        request.getfixturevalue("shared_redis") if kind == "redis" else None
    )

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(entries(), max_size=30),
        st.lists(st.sampled_from(DIMENSIONS), max_size=3, unique=True),
        st.none() | st.floats(NOW - 3 * DAY, NOW),
        st.none() | st.floats(NOW - 3 * DAY, NOW),
    )
    def check(
        rows: list[LedgerEntry], by: list[str], since: float | None, until: float | None
    ) -> None:
        if server is not None:
            import redis

            with redis.Redis.from_url(server.url) as client:
                client.flushall()
        setting = {"memory": "memory", "redis": server.url if server else ""}.get(
            kind, f"sqlite:{tmp_path / uuid.uuid4().hex}"
        )
        ledger = open_ledger(setting, tmp_path)
        ledger.store.add(rows)
        ledger.store.add(rows[: len(rows) // 2])  # told twice, counted once
        told = asyncio.run(ledger.aggregate(by, since, until))
        ledger.store.close()
        wanted = [
            row
            for row in rows
            if (since is None or row.at >= since) and (until is None or row.at < until)
        ]
        keys = [tuple(group.keys[name] for name in by) for group in told]
        assert keys == sorted(keys)
        assert dict(zip(keys, map(_as_fold, told), strict=True)) == plain_fold(wanted, by)

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_old_rows_are_forgotten(
    kind: str, setting_of: Callable[[str], str], tmp_path: Path
) -> None:
    ledger = open_ledger(setting_of(kind), tmp_path, keep_days=2)
    ledger.store.add([entry(at=NOW - 10 * DAY), entry(at=NOW - DAY), entry()])
    assert [group.requests for group in sums(ledger)] == [2]
    ledger.store.close()


def test_what_sums_can_be_by_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'colour'.*tag:NAME"):
        sums(open_ledger("memory", tmp_path), "colour")


# --- a request's way ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_ended_is_in_the_sums_at_once(
    kind: str, setting_of: Callable[[str], str], tmp_path: Path
) -> None:
    ledger = open_ledger(setting_of(kind), tmp_path)
    key = ledger.begin("openai", "m", tags={"team": "a"})
    ledger.begin("openai", "m")  # goes on
    ledger.end(entry(id=key, usage=TokenUsage(input_tokens=3), tags={"team": "a"}))
    [group] = sums(ledger, "tag:team")
    assert (group.keys, group.requests, group.uncounted) == ({"tag:team": "a"}, 1, 0)
    assert group.usage == TokenUsage(input_tokens=3)
    asyncio.run(ledger.close())


def test_files_are_their_owners_alone_and_go_when_all_is_stored(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    ledger = open_ledger("sqlite", folder)
    key = ledger.begin("openai", "m")
    files = sorted((folder / "ledger").iterdir())
    assert [file.suffix for file in files] == [".jsonl", ".lock"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (folder / "ledger").stat().st_mode & 0o777 == 0o700
    ledger.end(entry(id=key))
    asyncio.run(ledger.close())
    assert list((folder / "ledger").iterdir()) == []
    assert (folder / "state-usage.sqlite").stat().st_mode & 0o777 == 0o600


def test_the_thread_stores_without_being_asked(tmp_path: Path) -> None:
    ledger = open_ledger("sqlite", tmp_path)
    for _ in range(300):
        ledger.end(entry(id=ledger.begin("openai", "m")))
    deadline = time.monotonic() + 10
    while _stored(tmp_path) < 300 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _stored(tmp_path) == 300
    asyncio.run(ledger.close())


def _stored(folder: Path) -> int:
    connection = sqlite3.connect(folder / "state-usage.sqlite")
    try:
        return int(connection.execute("SELECT COUNT(*) FROM ledger").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def test_a_long_journal_is_begun_anew_with_what_goes_on(tmp_path: Path) -> None:
    ledger = open_ledger("sqlite", tmp_path)
    running = ledger.begin("openai", "m", tags={"who": "goes on"})
    for _ in range(3000):
        ledger.end(entry(id=ledger.begin("openai", "m")))
    assert sums(ledger)[0].requests == 3000
    [journal] = (tmp_path / "ledger").glob("*.jsonl")
    left = [msgspec.json.decode(line)["id"] for line in journal.read_bytes().splitlines()]
    assert running in left
    assert len(left) < 3000
    ledger.end(entry(id=running))
    assert sums(ledger)[0].requests == 3001
    asyncio.run(ledger.close())


# --- what dead processes leave --------------------------------------------------------------------


def die(folder: Path, *lines: bytes) -> Path:
    """The journal of a process that died after these lines."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.jsonl"
    path.write_bytes(b"".join(lines))
    return path


def begun(**fields: Any) -> LedgerEntry:
    return entry(outcome="unknown", **fields)


def test_dead_journals_are_adopted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = begun(), begun()
    ended = entry(id=first.id, usage=TokenUsage(output_tokens=2))
    torn = encoded(entry())[:-20]
    die(tmp_path / "ledger", encoded(first), encoded(second), encoded(ended), torn)
    with caplog.at_level(logging.WARNING, "aisopod.state"):
        ledger = open_ledger("sqlite", tmp_path)
        [group] = sums(ledger)
        asyncio.run(ledger.close())
    assert group.outcomes == {"ok": 1, "unknown": 1}
    assert (group.usage, group.uncounted) == (TokenUsage(output_tokens=2), 1)
    assert ["1 requests had begun" in record.message for record in caplog.records] == [True]
    assert list((tmp_path / "ledger").iterdir()) == []


def test_a_damaged_journal_gives_what_can_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    die(tmp_path / "ledger", b"\xff\x00garbage\n", b'{"id": 3}\n', encoded(entry()), b"[]\n\n")
    ledger = open_ledger("sqlite", tmp_path)
    assert sums(ledger)[0].outcomes == {"ok": 1}
    assert "3 lines" in caplog.text
    asyncio.run(ledger.close())


def test_a_living_process_keeps_its_journal(tmp_path: Path) -> None:
    living, other = open_ledger("sqlite", tmp_path), open_ledger("sqlite", tmp_path)
    key = living.begin("openai", "m")
    assert sums(other) == []
    living.end(entry(id=key))
    asyncio.run(living.close())
    assert sums(other)[0].outcomes == {"ok": 1}
    asyncio.run(other.close())


def test_what_was_in_the_air_at_closing_is_unknown_to_the_next(tmp_path: Path) -> None:
    ledger = open_ledger("sqlite", tmp_path)
    ledger.begin("openai", "m")
    asyncio.run(ledger.close())
    after = open_ledger("sqlite", tmp_path)
    assert sums(after)[0].outcomes == {"unknown": 1}
    asyncio.run(after.close())


def test_two_that_start_at_once_adopt_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def both() -> None:
        ledgers = [open_ledger("sqlite", tmp_path) for _ in range(2)]
        await asyncio.gather(*(ledger.aggregate() for ledger in ledgers))
        for ledger in ledgers:
            await ledger.close()

    for _ in range(20):
        die(tmp_path / "ledger", encoded(begun()), encoded(entry()))
    asyncio.run(both())
    ledger = open_ledger("sqlite", tmp_path)
    assert sums(ledger)[0].outcomes == {"ok": 20, "unknown": 20}
    asyncio.run(ledger.close())
    counts = [int(r.message.split()[0]) for r in caplog.records if "had begun" in r.message]
    assert sum(counts) == 20


# From Python 3.12 on a fork beside threads warns; the child here touches none of them.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_a_journal_of_its_own(tmp_path: Path) -> None:
    ledger = open_ledger("sqlite", tmp_path)
    ledger.begin("openai", "m")
    pid = os.fork()
    if pid == 0:
        ledger.end(entry(id=ledger.begin("openai", "m", tags={"who": "child"})))
        ledger.close_blocking()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    # The parent's lock is still its own: what it has begun is no dead process's.
    other = open_ledger("sqlite", tmp_path)
    assert sums(other)[0].outcomes == {"ok": 1}
    asyncio.run(other.close())
    asyncio.run(ledger.close())


# --- trouble never fails a request ----------------------------------------------------------------


def test_a_store_that_is_down_gets_all_when_it_is_back(
    own_redis: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own_redis.kill()
    ledger = open_ledger(own_redis.url, tmp_path)
    for _ in range(10):
        ledger.end(entry(id=ledger.begin("openai", "m")))
    time.sleep(1)
    own_redis.start()
    deadline = time.monotonic() + 20
    while "is back" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.1)
    assert sums(ledger)[0].requests == 10
    assert sum("cannot be stored now" in record.message for record in caplog.records) == 1
    asyncio.run(ledger.close())


def test_what_a_dead_store_did_not_take_the_next_process_brings(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    own_redis.kill()
    ledger = open_ledger(own_redis.url, tmp_path)
    ledger.end(entry(id=ledger.begin("openai", "m")))
    asyncio.run(ledger.close())
    own_redis.start()
    after = open_ledger(own_redis.url, tmp_path)
    assert sums(after)[0].outcomes == {"ok": 1}
    asyncio.run(after.close())


def test_without_a_folder_rows_go_by_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "ledger").write_text("a file where the folder should be")
    ledger = open_ledger("sqlite", tmp_path)
    for _ in range(5):
        ledger.end(entry(id=ledger.begin("openai", "m")))
    assert sums(ledger)[0].requests == 5
    assert "there is no journal" in caplog.text
    asyncio.run(ledger.close())


# From Python 3.12 on a fork beside threads warns; the child here touches none of them.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_full_disk_loses_nothing_that_memory_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A limit on the file's size gives short writes and then none, as a full disk does."""
    pid = os.fork()
    if pid == 0:
        os._exit(_on_a_full_disk(tmp_path))
    assert os.waitpid(pid, 0)[1] == 0
    ledger = open_ledger("memory", tmp_path)
    asyncio.run(ledger.close())


def _on_a_full_disk(folder: Path) -> int:
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    ledger = open_ledger("sqlite", folder)
    keys = [ledger.begin("openai", "m")]
    resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))
    keys += [ledger.begin("openai", "m") for _ in range(20)]
    for key in keys:
        ledger.end(entry(id=key))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ledger.end(entry(id=ledger.begin("openai", "m")))
    found = sums(ledger)
    return 0 if found and found[0].outcomes == {"ok": 22} else 1


def test_a_cleared_folder_is_no_obstacle(tmp_path: Path) -> None:
    ledger = open_ledger("sqlite", tmp_path)
    key = ledger.begin("openai", "m")
    shutil.rmtree(tmp_path / "ledger")
    ledger.end(entry(id=key))
    assert sums(ledger)[0].requests == 1
    asyncio.run(ledger.close())


@pytest.mark.parametrize("journaled", [True, False], ids=["journal", "no journal"])
def test_half_a_character_is_kept_as_its_escape(tmp_path: Path, *, journaled: bool) -> None:
    if not journaled:
        (tmp_path / "ledger").write_text("a file where the folder should be")
    ledger = open_ledger("sqlite", tmp_path)
    key = ledger.begin("openai", "m\ud800", tags={"half": "a\ud800"})
    ledger.end(entry(id=key, model="m\ud800", tags={"half": "a\ud800"}))
    [group] = sums(ledger, "model", "tag:half")
    assert group.keys == {"model": "m\\ud800", "tag:half": "a\\ud800"}
    assert group.outcomes == {"ok": 1}
    asyncio.run(ledger.close())


def test_a_count_beyond_sqlite_does_not_stop_the_others(tmp_path: Path) -> None:
    ledger = open_ledger("sqlite", tmp_path)
    for tokens in (2**63, 2**64 - 1, -(2**70), 5):
        key = ledger.begin("openai", "m")
        ledger.end(entry(id=key, usage=TokenUsage(input_tokens=tokens)))
    assert sums(ledger)[0].requests == 4
    asyncio.run(ledger.close())


def test_a_file_of_an_older_version_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "state-usage.sqlite"
    old = sqlite3.connect(path, isolation_level=None)
    for statement in SqliteLedger.migrations[:2]:
        old.execute(statement)
    old.execute("PRAGMA user_version = 2")
    columns = [str(row[1]) for row in old.execute("PRAGMA table_info(ledger)")]
    told = dict.fromkeys(columns, 7) | {
        "id": "old", "at": NOW, "provider": "openai", "model": "m", "profile": "", "session": "",
        "tags": "{}", "quality": "exact", "cost": "0.5", "currency": "USD", "outcome": "ok",
    }  # fmt: skip
    old.execute(f"INSERT INTO ledger VALUES ({', '.join('?' * len(columns))})", [*told.values()])
    old.close()
    ledger = open_ledger("sqlite", tmp_path)
    used = TokenUsage(input_tokens=1, output_tokens=1, cache_read_audio_tokens=1)
    ledger.end(entry(id=ledger.begin("openai", "m"), usage=used))
    [group] = sums(ledger)
    assert group.requests == 2
    assert group.usage is not None
    assert (group.usage.input_tokens, group.usage.cache_read_audio_tokens) == (8, 1)
    assert group.costs == {"USD": Decimal("0.5")}
    asyncio.run(ledger.close())


def test_a_rotation_that_fails_leaves_the_journal_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    lines = [encoded(entry()) for _ in range(2000)]
    for number, line in enumerate(lines):
        journal.end(str(number), line)

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    rows, place = journal.ended()
    journal.take(place)
    monkeypatch.undo()
    assert len(rows) == 2000
    journal.end("last", lines[0])
    assert len(journal.ended()[0]) == 1
    journal.abandon()
