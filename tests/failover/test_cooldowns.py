"""How long what is left alone: the constants of each provider, and when failures are forgotten."""

import time
from collections.abc import Callable

import pytest

from aisopod import (
    AllAttemptsFailedError,
    AsyncClient,
    Config,
    CooldownConfig,
    InvalidRequestError,
    ProviderConfig,
    RateLimitError,
)
from aisopod.policy.cooldowns import DAY, Cooldowns
from aisopod.policy.health import Failed, Health, applied
from failover.conftest import CLAUDE, OPENAI, World

Clock = Callable[[float], None]


def failed(health: Health, at: float, forget: float = DAY) -> Health:
    steps = Cooldowns().rate_limit
    return applied(
        health, Failed(at=at, started=at, reason="rate_limit", steps=steps, forget=forget)
    )


def test_failures_count_until_a_day_has_passed() -> None:
    first = failed(Health(), 1000.0)
    assert first.windows["rate_limit"].until == 1030.0
    window = failed(first, 1000.0 + DAY).windows["rate_limit"]
    assert (window.failures, window.until) == (2, 1000.0 + DAY + 60.0)
    window = failed(first, 1000.1 + DAY).windows["rate_limit"]
    assert (window.failures, window.until) == (1, 1000.1 + DAY + 30.0)


def test_the_day_is_since_the_last_failure_inside_a_window_too() -> None:
    health = failed(failed(Health(), 1000.0), 1029.0)
    assert health.windows["rate_limit"].failures == 1
    assert failed(health, 1029.0 + DAY).windows["rate_limit"].failures == 2
    assert failed(health, 1029.1 + DAY).windows["rate_limit"].failures == 1


def test_with_nothing_to_remember_every_failure_is_the_first() -> None:
    health = failed(failed(Health(), 1000.0), 1031.0, forget=0.0)
    assert health.windows["rate_limit"].failures == 1


@pytest.mark.parametrize(("pause", "seconds"), [(DAY - 60, 60), (DAY + 60, 30)])
async def test_a_client_forgets_after_a_day(
    world: World, clock: Clock, pause: float, seconds: float
) -> None:
    client = world.client("a")
    for wait in (0.0, pause):
        clock(wait)
        world.fail("a", status=429)
        with pytest.raises(RateLimitError):
            await client.complete(OPENAI, "hi")
    [own, pair] = await client.profile_states("openai")
    assert own.state == "ready"
    assert pair.until is not None
    # Chance adds up to a fifth.
    left = pair.until - (time.time() + pause)
    assert seconds - 1 <= left <= seconds * 1.2


async def test_each_provider_may_have_constants_of_its_own(world: World, clock: Clock) -> None:
    client = world.client(
        "a",
        provider={"cooldowns": CooldownConfig(rate_limit=(5.0,))},
        cooldowns=CooldownConfig(rate_limit=(100.0,), auth=(7.0,)),
    )
    world.fail("a", status=429)
    world.fail("claude", status=429)
    with pytest.raises(AllAttemptsFailedError):
        await client.complete(models=[OPENAI, CLAUDE], prompt="hi")
    clock(10)
    assert (await client.complete(OPENAI, "hi")).text == "fine"
    with pytest.raises(AllAttemptsFailedError, match="out for rate_limit"):
        await client.complete(CLAUDE, "hi")
    # What the provider leaves out is the common, and then the default.
    found = client._routing().pool.cooldowns("openai")
    assert (found.rate_limit, found.auth, found.billing) == (
        (5.0,),
        (7.0,),
        Cooldowns().billing,
    )


async def test_hosts_that_share_settings_share_these_too(world: World) -> None:
    own = ProviderConfig(cooldowns=CooldownConfig(rate_limit=(7.0,)))
    async with AsyncClient(Config(state="memory", providers={"bedrock": own})) as client:
        assert client._routing().pool.cooldowns("bedrock-anthropic").rate_limit == (7.0,)


async def test_a_failure_that_is_none_of_aisopod_s_is_refused(world: World) -> None:
    client = world.client("a")
    with pytest.raises(InvalidRequestError, match=r"ValueError\('x'\).*RateLimitError"):
        await client.mark_failed("openai:a", "gpt-4o", ValueError("x"))  # type: ignore[arg-type]
