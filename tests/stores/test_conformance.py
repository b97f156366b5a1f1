"""What every store must do, however it keeps what it is told."""

import contextlib
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from aisopod.policy.health import (
    Claimed,
    Event,
    Failed,
    Health,
    Pinned,
    Released,
    Reset,
    Succeeded,
    Used,
    applied,
)
from aisopod.stores import Store, open_store
from aisopod.stores.memory import MemoryStore

CLAIMER = Path(__file__).resolve().parents[1] / "support" / "claimer.py"
KINDS = ("memory", "sqlite", "redis")
DURABLE = ("sqlite", "redis")


def failed(at: float, **fields: Any) -> Failed:
    facts: dict[str, Any] = {"started": at, "reason": "rate_limit", "steps": (30.0,)}
    return Failed(at=at, **(facts | fields))


class Kind:
    """One way to keep state; `open` gives another handle on the same state."""

    def __init__(self, name: str, setting: str) -> None:
        self.name = name
        self.setting = setting
        self._stores: list[Store] = []

    def open(self) -> Store:
        if self.name == "memory" and self._stores:
            return self._stores[0]
        self._stores.append(open_store(self.setting, Path("/nonexistent")))
        return self._stores[-1]

    def put(self, key: str, record: bytes) -> None:
        """Write bytes as somebody else might have."""
        if self.name == "sqlite":
            with sqlite3.connect(self.setting.removeprefix("sqlite:")) as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO health VALUES (?, ?, ?)", (key, record, time.time())
                )
            connection.close()
        else:
            with redis.Redis.from_url(self.setting) as client:
                client.set("{aisopod}:1:" + key, record)

    def raw(self, key: str) -> Any:
        """What is stored, as anybody can read it."""
        if self.name == "sqlite":
            connection = sqlite3.connect(self.setting.removeprefix("sqlite:"))
            row = connection.execute("SELECT record FROM health WHERE key = ?", (key,)).fetchone()
            connection.close()
            return msgspec.json.decode(row[0])
        with redis.Redis.from_url(self.setting) as client:
            return msgspec.json.decode(client.get("{aisopod}:1:" + key) or b"null")

    def close(self) -> None:
        for store in self._stores:
            store.close()


@pytest.fixture
def kind_of(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Kind]]:
    made: list[Kind] = []

    def make(name: str) -> Kind:
        setting = {"memory": "memory", "sqlite": f"sqlite:{tmp_path / 'state.sqlite'}"}.get(name)
        made.append(Kind(name, setting or request.getfixturevalue("redis_url")))
        return made[-1]

    yield make
    for kind in made:
        kind.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, kind_of: Callable[[str], Kind]) -> Kind:
    return kind_of(request.param)


@pytest.fixture(params=DURABLE)
def durable(request: pytest.FixtureRequest, kind_of: Callable[[str], Kind]) -> Kind:
    return kind_of(request.param)


def test_nothing_is_known_at_first(kind: Kind) -> None:
    store = kind.open()
    assert store.read(["a", "b"]).records == {}
    assert store.read([]).records == {}
    assert store.scan().records == {}
    assert store.apply({}) == {}


def test_what_was_applied_is_read_by_all(kind: Kind) -> None:
    store, other = kind.open(), kind.open()
    changed = store.apply({"a": [Used(at=1.5)], "b": [failed(2.0, rule="r", message="m")]})
    assert changed["a"] == Health(last_used=1.5)
    assert changed["b"].windows["rate_limit"].until == 32.0
    for each in (store, other):
        assert each.read(["a", "b", "c"]).records == changed
        assert each.read(["a"]).records == {"a": changed["a"]}
        assert each.scan().records == changed


def test_every_event_folds_as_in_memory(kind: Kind) -> None:
    """The same log gives the same record, event by event, through each store's own writing."""
    store = kind.open()
    log: list[Event] = [
        Used(at=1.0),
        failed(2.0, until=9.5, chance=0.25, rule="openai/429", message="zu viel 👋", secret="f1"),
        failed(3.0, started=1.5, until=12.25, secret="f1"),
        Claimed(at=13.0, owner="me", lease=60),
        Released(at=14.0, owner="me"),
        Claimed(at=15.0, owner="you", lease=60),
        Succeeded(at=16.0, started=15.5, secret="f1", paced_until=20.0),
        failed(30.0, reason="overloaded", steps=(0.5, 2.0), model="m1"),
        failed(31.0, reason="overloaded", steps=(0.5, 2.0), model="m2"),
        Pinned(at=40.0, profile="openai:a"),
        Reset(at=50.0),
    ]
    expected = Health()
    for event in log:
        expected = applied(expected, event)
        assert store.apply({"k": [event]}) == {"k": expected}
        assert kind.open().read(["k"]).records == {"k": expected}


def test_batches_are_in_order(kind: Kind) -> None:
    store = kind.open()
    changed = store.apply({"k": [failed(1.0), Succeeded(at=3.0, started=2.0), Used(at=4.0)]})
    assert changed["k"].windows == {}
    assert changed["k"].last_used == 4.0


def test_unicode_keys(kind: Kind) -> None:
    keys = [
        "model/openai/grün 👋",
        "pair/a:b/ü\n\t\"'%_*?[x]",
        "nul\x00key",
        "",
        "{other}tag",
        "k" * 5000,
    ]
    store = kind.open()
    store.apply({key: [Used(at=float(place + 1))] for place, key in enumerate(keys)})
    assert [store.read([key]).records[key].last_used for key in keys] == [1, 2, 3, 4, 5, 6]
    assert set(kind.open().scan().records) == set(keys)


def test_many_keys(kind: Kind) -> None:
    """More than SQLite takes as variables of one statement."""
    store = kind.open()
    keys = [f"key/{number}" for number in range(40_000)]
    store.apply({key: [Used(at=1.0)] for key in keys})
    assert len(store.read([*keys, "none"]).records) == len(keys)
    assert len(store.scan().records) == len(keys)


def test_the_time_is_now(kind: Kind) -> None:
    store = kind.open()
    assert store.read([]).now == pytest.approx(time.time(), abs=5)
    assert store.scan().now == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize(
    "record",
    [b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"windows": 3}', b'{"windows": {"auth": {}}}'],
)
def test_a_damaged_record_begins_anew(durable: Kind, record: bytes) -> None:
    store = durable.open()
    store.apply({"good": [Used(at=2.0)], "bad": [Used(at=2.0)]})
    durable.put("bad", record)
    assert store.read(["good", "bad"]).records["bad"] == Health()
    assert store.scan().records["good"] == Health(last_used=2.0)
    assert store.apply({"bad": [Used(at=3.0)]}) == {"bad": Health(last_used=3.0)}
    assert durable.open().read(["bad"]).records == {"bad": Health(last_used=3.0)}


def test_what_a_newer_version_added_is_kept(durable: Kind) -> None:
    store = durable.open()
    store.apply({"k": [Used(at=1.0)]})
    durable.put("k", b'{"last_used": 2.0, "mood": {"a": [1, null]}, "last_good": 1.0}')
    assert store.read(["k"]).records == {"k": Health(last_used=2.0, last_good=1.0)}
    store.apply({"k": [Used(at=5.0)]})
    assert durable.raw("k") == {"last_used": 5.0, "last_good": 1.0, "mood": {"a": [1, None]}}


def test_a_value_of_another_kind_is_no_obstacle(kind_of: Callable[[str], Kind]) -> None:
    kind = kind_of("redis")
    with redis.Redis.from_url(kind.setting) as client:
        client.lpush("{aisopod}:1:k", "a list")
        client.lpush(b"{aisopod}:1:\xff", "a name that is no text")
    store = kind.open()
    assert store.apply({"k": [Used(at=1.0)]}) == {"k": Health(last_used=1.0)}
    assert store.scan().records["k"] == Health(last_used=1.0)


def test_one_of_many_threads_wins(kind: Kind) -> None:
    handles = [kind.open() for _ in range(8)]
    handles[0].apply({"k": [failed(10.0, until=20.0)]})
    barrier = threading.Barrier(len(handles))
    won: list[str] = []

    # A dict belongs to one event loop: it is only ever asked in turns.
    turns = threading.Lock() if isinstance(handles[0], MemoryStore) else contextlib.nullcontext()

    def claim(store: Store, owner: str) -> None:
        barrier.wait()
        with turns:
            changed = store.apply({"k": [Claimed(at=30.0, owner=owner, lease=60)]})
        if changed["k"].probe_owner == owner:
            won.append(owner)

    threads = [
        threading.Thread(target=claim, args=(store, f"t{n}")) for n, store in enumerate(handles)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_no_event_of_many_threads_is_lost(durable: Kind) -> None:
    handles = [durable.open() for _ in range(6)]

    def work(store: Store, name: str) -> None:
        for number in range(25):
            store.apply({"shared": [failed(float(number + 1), reason=f"{name}/{number}")]})

    threads = [
        threading.Thread(target=work, args=(store, f"t{n}")) for n, store in enumerate(handles)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(handles[0].read(["shared"]).records["shared"].windows) == 6 * 25


def test_one_of_several_processes_wins(durable: Kind) -> None:
    store = durable.open()
    store.apply({"k": [failed(10.0, until=20.0)]})
    start = time.time() + 1.5
    processes = [
        subprocess.Popen(
            [sys.executable, str(CLAIMER), durable.setting, "k", f"p{n}", "30", str(start)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(5)
    ]
    said = [process.communicate(timeout=40)[0].split()[-1] for process in processes]
    assert sorted(said) == ["lost"] * 4 + ["won"]
    assert store.read(["k"]).records["k"].probe_owner == f"p{said.index('won')}"
