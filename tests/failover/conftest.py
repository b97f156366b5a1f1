"""A simulator whose keys have troubles of their own, and clients that hold several of them."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from aisopod import (
    AsyncClient,
    Config,
    CooldownConfig,
    FailoverConfig,
    ProfileConfig,
    ProviderConfig,
    Secret,
)
from aisopod.simulator import Fault, Reply, Simulator
from aisopod.simulator.keys import SimulatedKey
from matrix.configured import AWS

OPENAI = "openai/gpt-4o"
CLAUDE = "anthropic/claude-sonnet-4-5"
NAMES = ("a", "b", "c", "d", "e")


class World:
    """What a test plays with.

    Attributes:
        simulator: it answers as `faults` says, else "fine".
        faults: what goes wrong next, by key; each once.
        asked: the keys that chat calls came with, in order.
    """

    def __init__(self) -> None:
        self.faults: dict[str, list[Fault]] = {}
        self.replies: dict[str, list[Reply]] = {}
        self.asked: list[str] = []
        keys = {f"sk-{name}-0123456789": SimulatedKey() for name in (*NAMES, "claude")}
        self.simulator = Simulator(self._reply, keys=keys)
        self.clients: list[AsyncClient] = []

    def key(self, name: str) -> SimulatedKey:
        return self.simulator.keys[f"sk-{name}-0123456789"]

    def fail(self, name: str, **fault: Any) -> None:
        self.faults.setdefault(name, []).append(Fault(**{"kind": "status", **fault}))

    def answer(self, name: str, **reply: Any) -> None:
        self.replies.setdefault(name, []).append(Reply(**reply))

    def client(self, *names: str, **settings: Any) -> AsyncClient:
        """A client with these keys of OpenAI, and one of Anthropic."""
        provider = settings.pop("provider", {})
        profiles = {name: ProfileConfig(api_key=Secret(f"sk-{name}-0123456789")) for name in names}
        claude = Secret("sk-claude-0123456789")
        config = Config(
            providers={
                "openai": ProviderConfig(
                    base_url=self.simulator.url_for("openai"),
                    profiles={**profiles, **provider.pop("profiles", {})},
                    **provider,
                ),
                "anthropic": ProviderConfig(
                    base_url=self.simulator.url_for("anthropic"), api_key=claude
                ),
            },
            failover=settings.pop("failover", FailoverConfig(max_wait=0)),
            state=settings.pop("state", "memory"),
            cooldowns=settings.pop("cooldowns", CooldownConfig()),
            **settings.pop("config", {}),
        )
        client = AsyncClient(config, **settings)
        self.clients.append(client)
        return client

    def _reply(self, body: dict[str, Any], key: str | None) -> Reply:
        name = (key or "sk-nobody-").split("-")[1]
        self.asked.append(name)
        if self.faults.get(name):
            return Reply(content="half of it", chunk_chars=4, fault=self.faults[name].pop(0))
        if self.replies.get(name):
            return self.replies[name].pop(0)
        return Reply(content="fine")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    async with made.simulator:
        yield made
        for client in made.clients:
            await client.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass for what is remembered, and for nothing else."""
    passed = [0.0]

    class Time:
        monotonic = staticmethod(time.monotonic)

        @staticmethod
        def time() -> float:
            return time.time() + passed[0]

    monkeypatch.setattr("aisopod.stores.shared.time", Time)

    def sleep(seconds: float) -> None:
        passed[0] += seconds

    return sleep


@pytest.fixture
def aws_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that only the simulator takes."""
    [(key_id, secret)] = AWS.items()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
