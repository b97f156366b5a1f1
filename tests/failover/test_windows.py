"""How long what fails is left alone: by which constants, and by which headers."""

from typing import Any

import pytest

from aisopod import CooldownConfig
from aisopod.errors import AisopodError, AuthenticationError, BillingError, OverloadedError
from aisopod.policy.cooldowns import Cooldowns
from aisopod.policy.health import Failed, Health, applied
from aisopod.policy.selection import Option
from aisopod.routing.recorder import Recorder
from aisopod.stores import SharedState
from aisopod.stores.memory import MemoryStore
from aisopod.types import RateLimit
from failover.conftest import OPENAI, World

OPTION = Option(
    provider="openai",
    model="m",
    profile="openai:a",
    subjects=("profile/openai:a", "pair/openai:a/m", "model/openai/m", "provider/openai"),
)
PROFILE, PAIR, MODEL, PROVIDER = OPTION.subjects


def failed(error: AisopodError, **constants: Any) -> tuple[SharedState, float]:
    """What is remembered after it, and when it was."""
    state = SharedState(MemoryStore())
    now = state.now()
    Recorder(state).failed(OPTION, error, "", started=now, cooldowns=Cooldowns(**constants))
    return state, now


def left_alone(state: SharedState, key: str, now: float) -> float:
    record = state.health(key)
    assert record is not None
    [window] = record.windows.values()
    return window.until - now


@pytest.mark.parametrize(("kind", "step"), [(AuthenticationError, 600.0), (BillingError, 18000.0)])
def test_no_header_mends_a_key_or_an_account(kind: type[Any], step: float) -> None:
    state, now = failed(kind("no", provider="openai", retry_after=2.0), jitter=0.0)
    assert left_alone(state, PROFILE, now) == pytest.approx(step, abs=1)
    state, now = failed(kind("no", provider="openai", retry_after=90000.0))
    assert left_alone(state, PROFILE, now) == pytest.approx(90000, abs=1)


async def test_an_empty_account_is_not_asked_again_at_a_headers_word(world: World) -> None:
    world.fail("a", status=402, headers={"retry-after": "1"})
    client = world.client("a", "b")
    assert (await client.complete(OPENAI, "hi")).attempts[0].error == "BillingError"
    [state] = [each for each in await client.profile_states("openai") if each.reason == "billing"]
    assert state.until is not None
    assert state.until - (await client.complete(OPENAI, "hi")).attempts[0].started > 17000


def test_the_jitter_is_configured() -> None:
    for jitter in (0.0, 1.0):
        error = OverloadedError("busy", provider="openai")
        state, now = failed(error, overloaded=(100.0,), jitter=jitter)
        assert 100 <= left_alone(state, MODEL, now) <= 101 + 100 * jitter
    event = Failed(at=100.0, started=99.0, reason="auth", steps=(10.0,), chance=1.0, jitter=0.5)
    assert applied(Health(), event).windows["auth"].until == 115.0


def test_the_shortest_window_is_configured() -> None:
    error = OverloadedError("busy", provider="openai", retry_after=0.0)
    state, now = failed(error)
    assert left_alone(state, MODEL, now) == pytest.approx(0.1, abs=0.05)
    state, now = failed(error, shortest=3.0)
    assert left_alone(state, MODEL, now) == pytest.approx(3.0, abs=0.05)


def test_what_is_evidence_against_a_provider_is_configured() -> None:
    def provider(models: int, apart: float, **constants: Any) -> bool:
        health = Health()
        for number in range(models):
            event = Failed(
                at=1000 + number * apart, started=1000 + number * apart, reason="overloaded",
                steps=(1.0,), model=f"m{number}", **constants,
            )  # fmt: skip
            health = applied(health, event)
        return bool(health.windows)

    assert provider(2, 100)
    assert not provider(2, 130)
    assert provider(2, 130, evidence=200.0)
    assert not provider(2, 1, evidence_models=3)
    assert provider(3, 1, evidence_models=3)
    assert provider(1, 1, evidence_models=1)


async def test_constants_are_of_a_provider(world: World) -> None:
    world.fail("a", status=503)
    own = CooldownConfig(evidence_models=1, overloaded=(60.0,), jitter=0.0)
    client = world.client("a", provider={"cooldowns": own})
    with pytest.raises(AisopodError):
        await client.complete(OPENAI, "hi")
    states = await client.profile_states("openai")
    assert "the provider" in {state.subject for state in states}


@pytest.mark.parametrize(
    ("limit", "reset", "expected"),
    [
        (500, 60.0, 60.0),
        (10_000, 86_400.0, 60.0),
        (None, 504.0, 60.0),
        (0, 504.0, 60.0),
        # Two hundred a day: one in seven minutes.
        (200, 86_400.0, 432.0),
        (1, 504.0, 504.0),
    ],
)
def test_a_used_up_limit_holds_back_until_one_request_may_fit(
    limit: int | None, reset: float, expected: float
) -> None:
    state = SharedState(MemoryStore())
    now = state.now()
    told = RateLimit(name="requests", limit=limit, remaining=0, reset_after=reset)
    Recorder(state).succeeded(
        OPTION, "", started=now, limits={"requests": told}, cooldowns=Cooldowns()
    )
    record = state.health(PAIR)
    assert record is not None
    assert record.paced_until - now == pytest.approx(expected, abs=1)


def test_what_is_left_holds_nothing_back() -> None:
    state = SharedState(MemoryStore())
    told = RateLimit(name="requests", limit=200, remaining=1, reset_after=86_000.0)
    now = state.now()
    Recorder(state).succeeded(
        OPTION, "", started=now, limits={"requests": told}, cooldowns=Cooldowns()
    )
    assert state.health(PAIR) is None
