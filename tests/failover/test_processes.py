"""Many processes, five keys with limits, one state: real files, a real Redis, real kills."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aisopod.simulator import Reply, Simulator
from aisopod.simulator.keys import SimulatedKey
from support.redis_server import RedisServer

ASKER = Path(__file__).resolve().parents[1] / "support" / "asker.py"
KEYS = [f"sk-{number}-0123456789" for number in range(5)]
PROCESSES = 8
REQUESTS = 200
LIMIT = 40
WINDOW_SECONDS = 1.5
ANSWER_SECONDS = 0.02

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


class WatchedKey(SimulatedKey, kw_only=True):
    """A key that remembers who came when, and whether it was let through."""

    log: list[tuple[float, bool]] = msgspec.field(default_factory=list)

    def take(self, now: float) -> bool:
        taken = super().take(now)
        self.log.append((now, taken))
        return taken


def limited(**fields: Any) -> WatchedKey:
    return WatchedKey(limit=LIMIT, window=WINDOW_SECONDS, **fields)


@pytest.fixture
def simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Five keys; without headers that tell of limits every full window is found by a refusal."""
    keys = {key: limited(limit_headers=getattr(request, "param", False)) for key in KEYS}
    answer = Reply(content="fine", first_delay=ANSWER_SECONDS)
    with Simulator(lambda _: answer, keys=keys) as running:
        yield running


class Askers:
    """Processes that ask, and what they were told."""

    def __init__(self, setting: str, url: str, folder: Path) -> None:
        self.setting = setting
        self._url = url
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, count: int, requests: int = REQUESTS) -> list[subprocess.Popen[bytes]]:
        begun = len(self._running)
        self._running += [
            subprocess.Popen(
                [sys.executable, ASKER, self.setting, self._url, ",".join(KEYS),
                 str(requests), self._folder / f"told-{number}"],
                stderr=subprocess.PIPE,
            )
            for number in range(begun, begun + count)
        ]  # fmt: skip
        return self._running[begun:]

    def told(self, number: int | None = None) -> list[dict[str, Any]]:
        """What all of them, or one, were told so far."""
        files = self._folder.glob("told-*" if number is None else f"told-{number}")
        return [
            msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines()
        ]

    def wait_for(self, requests: int, number: int | None = None) -> None:
        deadline = time.monotonic() + 60
        while len(self.told(number)) < requests:
            assert time.monotonic() < deadline, "nothing goes on"
            time.sleep(0.02)

    def join(self) -> list[str]:
        """Wait for their ends; gives what they wrote to stderr."""
        return [process.communicate(timeout=120)[1].decode() for process in self._running]

    def stop(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()


@pytest.fixture
def askers_of(simulator: Simulator, tmp_path: Path) -> Iterator[Callable[[str], Askers]]:
    made: list[Askers] = []

    def make(setting: str) -> Askers:
        made.append(Askers(setting, simulator.url_for("openai"), tmp_path))
        return made[-1]

    yield make
    for askers in made:
        askers.stop()


@pytest.fixture(params=["sqlite", "redis"])
def askers(
    request: pytest.FixtureRequest, askers_of: Callable[[str], Askers], tmp_path: Path
) -> Askers:
    if request.param == "sqlite":
        return askers_of(f"sqlite:{tmp_path / 'state.sqlite'}")
    return askers_of(request.getfixturevalue("redis_url"))


def keys_of(simulator: Simulator) -> list[WatchedKey]:
    keys = [simulator.keys[key] for key in KEYS]
    assert all(isinstance(key, WatchedKey) for key in keys)
    return keys  # type: ignore[return-value]


def windows_of(key: WatchedKey) -> list[list[tuple[float, bool]]]:
    """The log by the key's windows: a new one begins with the first that is let through again."""
    windows: list[list[tuple[float, bool]]] = [[]]
    for entry in key.log:
        full = any(not taken for _, taken in windows[-1])
        if windows[-1] and (entry[0] - windows[-1][0][0] >= WINDOW_SECONDS or (full and entry[1])):
            windows.append([])
        windows[-1].append(entry)
    return windows


def check_all_served(askers: Askers, expected: int) -> None:
    told = askers.told()
    assert [line["error"] for line in told if "error" in line] == []
    assert len(told) == expected


def check_keys(simulator: Simulator, *, in_flight: int) -> None:
    """Used to their limits and evenly, and hardly beyond."""
    keys = keys_of(simulator)
    for key in keys:
        for window in windows_of(key):
            assert sum(not taken for _, taken in window) <= in_flight
    served = [key.served for key in keys]
    assert max(served) <= 1.3 * min(served)


def probes_alone(key: WatchedKey) -> list[bool]:
    """For each recovery from a refusal, whether one request went ahead of all others."""
    alone = []
    for before, after in pairwise(windows_of(key)):
        if all(taken for _, taken in before):
            continue
        first = after[0][0]
        alone.append(all(at - first >= ANSWER_SECONDS for at, _ in after[1:]))
    return alone


def test_every_key_to_its_limit_and_no_request_lost(askers: Askers, simulator: Simulator) -> None:
    askers.start(PROCESSES)
    assert askers.join() == [""] * PROCESSES
    check_all_served(askers, PROCESSES * REQUESTS)
    check_keys(simulator, in_flight=PROCESSES)
    recoveries = [alone for key in keys_of(simulator) for alone in probes_alone(key)]
    assert len(recoveries) >= 10
    assert all(recoveries)


@pytest.mark.parametrize("simulator", [True], indirect=True)
def test_headers_keep_the_refusals_away(askers: Askers, simulator: Simulator) -> None:
    askers.start(PROCESSES)
    assert askers.join() == [""] * PROCESSES
    check_all_served(askers, PROCESSES * REQUESTS)
    check_keys(simulator, in_flight=PROCESSES)


def test_a_killed_process_takes_nothing_along(askers: Askers, simulator: Simulator) -> None:
    """Killed in mid-request, one after the other, those that try a key again among them."""
    askers.start(PROCESSES)
    victims = askers.start(5)
    for number, victim in enumerate(victims, PROCESSES):
        askers.wait_for(10 * (number - PROCESSES + 1), number)
        assert victim.poll() is None
        victim.kill()
    askers.join()
    told = askers.told()
    assert [line["error"] for line in told if "error" in line] == []
    assert len(told) >= PROCESSES * REQUESTS + 10 + 20 + 30 + 40 + 50
    assert all(len(askers.told(number)) == REQUESTS for number in range(PROCESSES))
    check_keys(simulator, in_flight=PROCESSES + len(victims))


def test_redis_stops_and_comes_back(
    own_redis: RedisServer, askers_of: Callable[[str], Askers], simulator: Simulator
) -> None:
    askers = askers_of(own_redis.url)
    askers.start(PROCESSES)
    askers.wait_for(300)
    own_redis.kill()
    askers.wait_for(800)
    own_redis.start()
    said = askers.join()
    check_all_served(askers, PROCESSES * REQUESTS)
    # One warning when it is gone, one when it is back.
    assert all(text.count("the state store cannot be used") == 1 for text in said)
    assert all("state is shared again" in text for text in said)
