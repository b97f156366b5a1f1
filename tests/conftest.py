"""Rules for every test: nothing leaves this machine, and a missing folder is said aloud."""

import ipaddress
import itertools
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import recordings, redis_server
from support.redis_server import RedisServer

_numbers = itertools.count()


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def _own_home(_homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test leaves behind (state, profiles, logins) no other finds, nor does the user."""
    home = _homes / str(next(_numbers))
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])
            local = host == "localhost" or ipaddress.ip_address(host).is_loopback
            if not local:
                raise RuntimeError(f"a test tried to reach {host}: only loopback is allowed")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """One server for all tests that leave it running."""
    if redis_server.PROGRAM is None:
        pytest.skip("NO REDIS SERVER on PATH: neither redis-server nor valkey-server")
    with RedisServer() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server for one test, to be stopped and frozen."""
    if redis_server.PROGRAM is None:
        pytest.skip("NO REDIS SERVER on PATH: neither redis-server nor valkey-server")
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_url(shared_redis: RedisServer) -> str:
    """URL of an empty database."""
    import redis

    with redis.Redis.from_url(shared_redis.url) as client:
        client.flushall()
    return shared_redis.url


def pytest_terminal_summary(terminalreporter: Any) -> None:
    count = len(recordings.load_all())
    if count:
        terminalreporter.write_line(f"recordings: {count} in {recordings.FOLDER.name}/")
    else:
        terminalreporter.write_sep("!", "NO RECORDINGS", red=True, bold=True)
        terminalreporter.write_line(
            f"The folder {recordings.FOLDER} is absent: every test over recorded exchanges was "
            "left out. Set AISOPOD_RECORDINGS to where they are."
        )
    if redis_server.PROGRAM is None:
        terminalreporter.write_sep("!", "NO REDIS SERVER", red=True, bold=True)
        terminalreporter.write_line(
            "Neither redis-server nor valkey-server is on PATH: every test of state in Redis was "
            "left out."
        )
