"""A Redis that is far away, slow or gone: it is told of once, and costs a request little or nothing."""

import asyncio
import logging
import time
from collections.abc import Sequence

import pytest
import redis

from aisopod import AsyncClient
from aisopod.errors import BillingError
from aisopod.policy.health import Failed, Used
from aisopod.stores import SharedState, open_store
from aisopod.stores.redis import RedisStore
from aisopod.stores.speed import Speed
from failover.conftest import OPENAI, World
from support.delaying_proxy import DelayingProxy
from support.redis_server import RedisServer

TRIPS = (0.1, 0.2, 0.4, 0.8)
"""Seconds there and back."""


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("aisopod") and record.levelno >= logging.WARNING
    ]


async def asked(client: AsyncClient, seconds: float) -> list[float]:
    """How long each of many requests took."""
    took = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        await client.complete(OPENAI, "hi")
        took.append(time.monotonic() - start)
        await asyncio.sleep(0.1)
    return took


async def shared(client: AsyncClient, other: AsyncClient) -> None:
    """What one learns the other knows, after a while."""
    await client.mark_failed("openai:a", "gpt-4o", BillingError("no credit", provider="openai"))
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        states = await other.profile_states("openai")
        if any(state.reason == "billing" for state in states):
            break
        await asyncio.sleep(0.1)
    asked = [(await other.complete(OPENAI, "hi")).attempts[0].profile for _ in range(4)]
    assert "openai:a" not in asked


@pytest.mark.parametrize("trip", TRIPS)
async def test_a_far_server_does_not_flap(
    trip: float, world: World, shared_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "aisopod")
    await world.client("a").complete(OPENAI, "hi")  # what the first of a process costs
    async with DelayingProxy(shared_redis.port, trip / 2) as proxy:
        setting = f"redis://127.0.0.1:{proxy.port}/0"
        client = world.client("a", "b", state=setting)
        took = await asked(client, 5.0)
        assert max(took) < 0.6
        # Who is known to be slow is not waited for: all but the first pay nothing. To one who may
        # be waited for, setting up a connection takes several trips, too.
        assert sorted(took)[-4 if trip < 0.125 else -2] < trip / 2 + 0.1
        assert len(warnings(caplog)) <= 1
        await shared(client, world.client("a", "b", state=shared_redis.url))
        near = world.client("a", "b", state=setting)
        await near.complete(OPENAI, "hi")
        await asyncio.sleep(4 * trip)
        assert (await near.complete(OPENAI, "hi")).attempts[0].profile == "openai:b"
        for each in world.clients:
            await each.close()


async def test_who_gets_quick_again_is_waited_for(
    shared_redis: RedisServer, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "aisopod")
    async with DelayingProxy(shared_redis.port, 0.2) as proxy:
        state = SharedState(open_store(f"redis://127.0.0.1:{proxy.port}/0", None))  # type: ignore[arg-type]
        other = RedisStore(redis_url)
        try:
            await state.refresh(["k"])
            other.apply({"k": [Used(at=1.0)]})
            await state.refresh(["k"])
            assert state.health("k") is None
            await asyncio.sleep(3.0)
            # What came late counts.
            known = state.health("k")
            assert known is not None
            assert known.last_used == 1.0
            proxy.seconds = 0.0
            for _ in range(16):
                await state.refresh(["k"])
                await asyncio.sleep(0.1)
            other.apply({"k": [Used(at=2.0)]})
            await state.refresh(["k"])
            known = state.health("k")
            assert known is not None
            assert known.last_used == 2.0
            levels = [record.levelname for record in caplog.records]
            assert levels == ["WARNING", "INFO"]
        finally:
            await state.close()
            other.close()


async def test_a_late_read_undoes_no_news(shared_redis: RedisServer, redis_url: str) -> None:
    """It was read before this was written, and came after it had been."""
    store = open_store(redis_url, None)  # type: ignore[arg-type]
    state = SharedState(store)
    read = store.read

    def late(keys: Sequence[str]) -> object:
        found = read(keys)
        time.sleep(0.4)
        return found

    store.read = late  # type: ignore[method-assign,assignment]
    try:
        await state.refresh(["k"])  # in vain
        failure = Failed(at=state.now(), started=0, reason="auth", steps=(600.0,))
        state.note({"k": [failure]})
        await state.settle()
        await asyncio.sleep(0.4)
        known = state.health("k")
        assert known is not None
        assert "auth" in known.windows
    finally:
        await state.close()


async def test_a_claim_is_part_of_the_patience(shared_redis: RedisServer, redis_url: str) -> None:
    async with DelayingProxy(shared_redis.port, 0.0) as proxy:
        state = SharedState(open_store(f"redis://127.0.0.1:{proxy.port}/0", None))  # type: ignore[arg-type]
        await state.refresh(["k"])
        proxy.seconds = 0.09
        failure = Failed(at=state.now() - 5, started=0, reason="overloaded", steps=(0.5,))
        state.note({"k": [failure]})
        await state.settle()
        start = time.monotonic()
        await state.refresh(["k"])
        assert await state.claim(["k"], "me", 60.0)
        assert time.monotonic() - start < 0.3
        await state.close()
    with redis.Redis.from_url(redis_url) as client:
        assert b"me" in (client.get("{aisopod}:1:k") or b"")


async def test_a_dead_server_is_told_of_once(
    world: World, own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """State and ledger are on one server, and it is one outage."""
    own_redis.kill()
    client = world.client("a", "b", state=own_redis.url)
    assert max(await asked(client, 3.0)) < 0.3
    assert len(warnings(caplog)) == 1
    own_redis.start()
    await asked(client, 7.0)
    assert ["is back" in line for line in warnings(caplog)] == [False, True]
    assert "state is shared again" in warnings(caplog)[1]


async def test_a_frozen_server_is_told_of_once(
    world: World, own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    client = world.client("a", "b", state=own_redis.url)
    await client.complete(OPENAI, "hi")
    own_redis.freeze()
    took = await asked(client, 4.0)
    assert max(took) < 0.3
    assert sorted(took)[-2] < 0.1
    assert len(warnings(caplog)) == 1
    own_redis.thaw()
    await asked(client, 7.0)
    assert ["is back" in line for line in warnings(caplog)] == [False, True]


def test_just_in_time_is_not_quick() -> None:
    speed = Speed(0.25)
    assert not speed.came(0.2, 0.0)
    speed.late()
    assert not any(speed.came(0.2, now) for now in range(10))
    assert not speed.came(0.1, 10.0)
    assert not speed.came(0.1, 10.5)
    assert not speed.came(0.2, 10.8)
    assert not speed.came(0.1, 11.0)
    assert speed.came(0.1, 12.0)
    assert not speed.is_slow


# --- how often it is asked ------------------------------------------------------------------------


@pytest.mark.parametrize("session", [None, "s"])
async def test_a_healthy_request_reads_once_and_writes_once(
    session: str | None, world: World, own_redis: RedisServer
) -> None:
    client = world.client("a", "b", state=own_redis.url)
    for _ in range(3):
        await client.complete(OPENAI, "hi", session_id=session)
    await asyncio.sleep(1.0)
    with redis.Redis.from_url(own_redis.url) as server:
        server.config_resetstat()
        for _ in range(5):
            await client.complete(OPENAI, "hi", session_id=session)
            await asyncio.sleep(0.3)
        calls = {name[8:]: fields["calls"] for name, fields in server.info("commandstats").items()}
    assert (calls["mget"], calls["time"], calls["evalsha"]) == (5, 5, 5)
    # The ledger's rows gather, and go in one message.
    assert calls["hsetnx"] <= 5
    assert calls["expireat"] <= 4
    allowed = {"mget", "time", "evalsha", "hsetnx", "expireat", "config|resetstat", "info"}
    # Within the script, and of connections that began.
    greetings = {"hello", "client|setname", "client|setinfo", "select"}
    assert set(calls) - allowed - greetings <= {"get", "set"}


async def test_what_another_wrote_costs_one_try_more(
    own_redis: RedisServer,
) -> None:
    mine, other = RedisStore(own_redis.url), RedisStore(own_redis.url)
    mine.apply({"k": [Used(at=1.0)]})
    other.apply({"k": [Used(at=2.0)]})
    with redis.Redis.from_url(own_redis.url) as server:
        server.config_resetstat()
        changed = mine.apply({"k": [Used(at=1.5)]})
        calls = {name[8:]: fields["calls"] for name, fields in server.info("commandstats").items()}
    assert changed["k"].last_used == 2.0
    assert calls["evalsha"] == 2
    assert "mget" not in calls
    mine.close()
    other.close()
