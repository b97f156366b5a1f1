"""What clients use is written down: each request once, with all that its attempts used."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aisopod import (
    AllAttemptsFailedError,
    AsyncClient,
    BadRequestError,
    Config,
    ConfigurationError,
    FailoverConfig,
    InvalidRequestError,
    ModelConfig,
    PriceConfig,
    ProviderConfig,
    Secret,
    StreamInterruptedError,
    UsageConfig,
)
from aisopod.simulator import Fault, Reply, Simulator
from aisopod.types import TokenUsage

USED = TokenUsage(input_tokens=1000, output_tokens=100, cache_read_tokens=400)
PRICE = PriceConfig(input=2.5, output=10, cache_read=0.25)
COST = (600 * Decimal("2.5") + 400 * Decimal("0.25") + 100 * Decimal(10)) / 1_000_000
OPENAI = "openai/mine"


class World:
    def __init__(self, simulator: Simulator, state: str) -> None:
        self.simulator = simulator
        self.state = state
        self.clients: list[AsyncClient] = []

    def client(self, **settings: Any) -> AsyncClient:
        config = Config(
            providers={
                name: ProviderConfig(
                    base_url=self.simulator.url_for(name), api_key=Secret("sk-0123456789")
                )
                for name in ("openai", "anthropic")
            },
            models={OPENAI: ModelConfig(price=PRICE)},
            state=self.state,
            **{"failover": FailoverConfig(max_wait=0, max_retries=0)} | settings,
        )
        self.clients.append(AsyncClient(config))
        return self.clients[-1]


@pytest.fixture(params=["memory", "sqlite"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    setting = "memory" if request.param == "memory" else f"sqlite:{tmp_path / 's.sqlite'}"
    script: list[Reply] = []
    async with Simulator(lambda _: script.pop(0) if script else Reply(content="fine", usage=USED)) as simulator:  # fmt: skip
        made = World(simulator, setting)
        made.script = script  # type: ignore[attr-defined]
        yield made
        for client in made.clients:
            await client.close()


async def test_every_request_is_a_row(world: World) -> None:
    client = world.client()
    answer = await client.complete(OPENAI, "hi", tags={"job": "a"}, session_id="s1")
    assert answer.cost == COST
    assert answer.attempts[-1].cost == COST
    async with client.stream(OPENAI, "hi", tags={"job": "b"}) as stream:
        assert (await stream.collect()).cost == COST
    [total] = await client.usage()
    assert (total.requests, total.outcomes) == (2, {"ok": 2})
    assert total.usage == USED + USED
    assert total.costs == {"USD": 2 * COST}
    by_job = {group.keys["tag:job"]: group for group in await client.usage(["tag:job"])}
    assert by_job.keys() == {"a", "b"}
    [day] = await client.usage(["day", "model", "profile"])
    assert day.keys == {
        "day": datetime.now(UTC).date().isoformat(),
        "model": "mine",
        "profile": "openai:default",
    }
    sessions = {group.keys["session"] for group in await client.usage(["session"])}
    assert len(sessions) == 2
    assert "s1" not in sessions


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"user": 42}, r"tags\['user'\].*found 42.*Write \"42\""),
        ({"user": None}, r"tags\['user'\]: .*Leave it out"),
        ({"user": True}, "found True"),
        ({7: "seven"}, "tags: a tag's name is a text .found 7"),
        (["a"], r"tags: .*found \['a'\].*Give a dict"),
    ],
)
async def test_tags_that_no_row_can_have_are_refused_before_anything_is_sent(
    world: World, tags: Any, words: str
) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        await world.client().complete(OPENAI, "hi", tags=tags)
    assert world.simulator.requests == []


async def test_a_tag_may_be_any_text(world: World) -> None:
    client = world.client()
    for text in ("", "a\x00b", "\ud800", "日本\n"):
        await client.complete(OPENAI, "hi", tags={"job": text})
    assert sum(group.requests for group in await client.usage(["tag:job"])) == 4


async def test_it_can_be_asked_of_a_time(world: World) -> None:
    client = world.client()
    await client.complete(OPENAI, "hi")
    middle = datetime.now(UTC)
    await asyncio.sleep(0.02)
    await client.complete(OPENAI, "hi")
    assert [group.requests for group in await client.usage(since=middle)] == [1]
    assert [group.requests for group in await client.usage(until=middle.timestamp())] == [1]
    today = middle.date()
    assert [group.requests for group in await client.usage(since=today)] == [2]
    assert await client.usage(until=today) == []
    with pytest.raises(InvalidRequestError, match=r"since: this is no time .found 'today'"):
        await client.usage(since="today")  # type: ignore[arg-type]


async def test_what_failed_attempts_used_counts_too(world: World) -> None:
    """A first candidate that is cut before any content has been paid for its prompt."""
    world.script.append(  # type: ignore[attr-defined]
        Reply(content="", usage=USED, fault=Fault(kind="error", after=1))
    )
    client = world.client()
    answer = await client.stream(models=["anthropic/claude-sonnet-4-5", OPENAI], prompt="hi").collect()  # fmt: skip
    [first, last] = answer.attempts
    assert first.usage is not None
    assert first.usage.quality == "partial"
    assert first.cost is not None
    assert last.cost is not None
    [row] = await client.usage()
    assert row.requests == 1
    assert row.usage == first.usage + USED
    assert row.costs == {"USD": first.cost + last.cost}
    assert answer.cost == last.cost
    for key in ("provider", "model", "profile"):
        groups = {group.keys[key]: group for group in await client.usage([key])}
        theirs, ours = (groups[getattr(attempt, key)] for attempt in (first, last))
        assert (theirs.usage, theirs.costs) == (first.usage, {"USD": first.cost})
        assert (ours.usage, ours.costs) == (USED, {"USD": last.cost})
        assert (theirs.requests, theirs.outcomes) == (0, {})
        assert (ours.requests, ours.outcomes) == (1, {"ok": 1})


async def test_attempts_of_one_profile_are_summed_up(world: World) -> None:
    cut = Reply(content="", usage=USED, fault=Fault(kind="error", after=1))
    world.script += [cut, cut]  # type: ignore[attr-defined]
    client = world.client(failover=FailoverConfig(max_wait=5, max_retries=2))
    claude = "anthropic/claude-sonnet-4-5"
    answer = await client.stream(claude, "hi").collect()
    used = [attempt.usage for attempt in answer.attempts if attempt.usage]
    assert len(used) == 3
    [row] = await client.usage(["provider", "model", "profile"])
    assert (row.requests, row.usage) == (1, used[0] + used[1] + used[2])


async def test_it_can_be_asked_by_every_tag(world: World) -> None:
    client = world.client()
    for tags in ({"job": "a", "user": "x"}, {"job": "a"}, None):
        await client.complete(OPENAI, "hi", tags=tags)
    groups = {group.keys["tag"]: group.requests for group in await client.usage(["tag"])}
    assert groups == {"": 1, "job=a": 2, "user=x": 1}


async def test_every_end_is_told(world: World) -> None:
    client = world.client()
    world.script.append(Reply(fault=Fault(kind="status", status=400)))  # type: ignore[attr-defined]
    with pytest.raises(BadRequestError):
        await client.complete(OPENAI, "hi")
    async with client.stream(OPENAI, "hi") as stream:
        async for _ in stream:
            break
    with pytest.raises(InvalidRequestError):
        await client.complete(OPENAI, "hi", temperature=99)
    world.script.append(  # type: ignore[attr-defined]
        Reply(content="a b c", usage=USED, fault=Fault(kind="drop", after=1))
    )
    with pytest.raises(StreamInterruptedError):
        await client.stream(OPENAI, "hi").collect()
    with pytest.raises(AllAttemptsFailedError):
        await client.complete(OPENAI, "hi")
    [total] = await client.usage()
    assert total.outcomes == {
        "AllAttemptsFailedError": 1,
        "BadRequestError": 1,
        "StreamInterruptedError": 1,
        "cancelled": 1,
    }
    # Two were counted here, when the first words of their answers had come.
    assert (total.requests, total.uncounted, total.unpriced) == (4, 2, 2)
    assert total.usage is not None
    assert total.usage.quality == "estimated"
    assert total.costs["USD"] > 0


async def test_an_unknown_price_is_no_price(world: World) -> None:
    client = world.client()
    answer = await client.complete("openai/nobody-knows-its-price", "hi")
    assert answer.usage == USED
    assert answer.cost is None
    [total] = await client.usage()
    assert (total.costs, total.unpriced) == ({}, 1)


async def test_it_can_be_switched_off(world: World) -> None:
    client = world.client(usage=UsageConfig(record=False))
    assert (await client.complete(OPENAI, "hi")).cost == COST
    with pytest.raises(ConfigurationError, match=r"usage\.record is false"):
        await client.usage()


async def test_what_it_cannot_be_summed_by_is_told(world: World) -> None:
    with pytest.raises(InvalidRequestError, match="allowed are day, provider"):
        await world.client().usage(["week"])
