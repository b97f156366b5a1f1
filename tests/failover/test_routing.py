"""Whose turn it is, who waits, who is passed over, and what is told of it."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from aisopod import (
    AllAttemptsFailedError,
    Attempt,
    AuthenticationError,
    ConfigurationError,
    FailoverConfig,
    InvalidRequestError,
    MissingCredentialError,
    OverloadedError,
    ProfileConfig,
    RateLimitError,
    Secret,
    ServerError,
    Timeouts,
    TotalTimeoutError,
    UnknownModelError,
    UnsupportedFeatureError,
)
from aisopod.simulator import Fault
from failover.conftest import CLAUDE, NAMES, OPENAI, World

Clock = Callable[[float], None]
KEY = "sk-{}-0123456789"


async def asked(client: Any, count: int, **options: Any) -> list[str]:
    """The profiles that answer so many requests, one after the other."""
    answers = [await client.complete(OPENAI, "hi", **options) for _ in range(count)]
    return [answer.attempts[-1].profile.removeprefix("openai:") for answer in answers]


# --- whose turn it is ----------------------------------------------------------------------------


async def test_equals_take_turns(world: World) -> None:
    assert await asked(world.client("a", "b", "c"), 6) == ["a", "b", "c"] * 2


async def test_turns_are_taken_by_concurrent_requests_too(world: World) -> None:
    client = world.client(*NAMES)
    await asyncio.gather(*(client.complete(OPENAI, "hi") for _ in range(50)))
    assert set(Counter(world.asked).values()) == {10}


async def test_turns_go_on_after_a_restart(world: World) -> None:
    first = world.client("a", "b", "c", state="sqlite")
    assert await asked(first, 2) == ["a", "b"]
    await first.close()
    assert await asked(world.client("a", "b", "c", state="sqlite"), 2) == ["c", "a"]


async def test_an_order_is_kept(world: World) -> None:
    client = world.client("a", "b", "c", provider={"order": ["openai:c", "a"]})
    assert await asked(client, 3) == ["c", "c", "c"]
    world.key("c").revoked = True
    assert await asked(client, 2) == ["a", "a"]


async def test_who_is_not_there_is_passed_over_in_an_order(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The variable that holds its key may be set in another shell only."""
    client = world.client("a", "b", provider={"order": ["x", "b"]})
    assert await asked(client, 3) == ["b"] * 3
    told = "providers.openai.order: there is no profile 'x' now, it is passed over; there are b, a"
    assert caplog.text.count(told) == 1


async def test_weights_are_shares(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisopod.routing.turns.random", random.Random(7))
    heavy = ProfileConfig(api_key=Secret(KEY.format("c")), weight=3)
    client = world.client("a", provider={"profiles": {"c": heavy}})
    counts = Counter(await asked(client, 120))
    # Three standard deviations around 90.
    assert 75 <= counts["c"] <= 105


async def test_tokens_come_before_keys(world: World) -> None:
    token = ProfileConfig(token=Secret(KEY.format("b")))
    assert await asked(world.client("a", provider={"profiles": {"b": token}}), 3) == ["b"] * 3


async def test_a_profile_serves_its_models_only(world: World) -> None:
    limited = ProfileConfig(api_key=Secret(KEY.format("b")), models=["gpt-5*"])
    client = world.client("a", provider={"profiles": {"b": limited}})
    assert await asked(client, 3) == ["a"] * 3
    alone = world.client(provider={"profiles": {"b": limited}})
    with pytest.raises(ConfigurationError, match="openai:b: it is not for this model"):
        await alone.complete(OPENAI, "hi")


async def test_a_disabled_profile_is_not_used(world: World) -> None:
    off = ProfileConfig(api_key=Secret(KEY.format("b")), enabled=False)
    assert await asked(world.client("a", provider={"profiles": {"b": off}}), 2) == ["a", "a"]
    with pytest.raises(MissingCredentialError, match="every profile of OpenAI is disabled"):
        world.client(provider={"profiles": {"b": off}}).stream(OPENAI, "hi")


async def test_the_environment_may_hold_several_keys(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY.format("a"))
    monkeypatch.setenv("OPENAI_API_KEY_2", KEY.format("b"))
    monkeypatch.setenv("OPENAI_API_KEYS", f"{KEY.format('a')}, {KEY.format('c')},")
    await asked(world.client(), 3)
    assert world.asked == ["a", "b", "c"]


# --- sessions and pins ---------------------------------------------------------------------------


async def test_a_conversation_keeps_its_profile(world: World) -> None:
    client = world.client("a", "b", "c", state="sqlite")
    first = await asked(client, 3, session_id="one")
    second = await asked(client, 3, session_id="two")
    assert len(set(first)) == len(set(second)) == 1
    assert first[0] != second[0]
    await client.close()
    client = world.client("a", "b", "c", state="sqlite")
    assert await asked(client, 1, session_id="one") == first[:1]
    world.key(first[0]).revoked = True
    [other] = await asked(client, 1, session_id="one")
    assert other != first[0]
    world.key(first[0]).revoked = False
    await client.reset_profile(f"openai:{first[0]}")
    assert await asked(client, 2, session_id="one") == [other, other]
    await client.reset_session("one")
    assert await asked(client, 1, session_id="one") != [other]


async def test_a_pinned_profile_is_strict(world: World) -> None:
    world.key("b").revoked = True
    client = world.client("a", "b")
    with pytest.raises(AuthenticationError):
        await client.complete(OPENAI, "hi", profile="openai:b")
    assert world.asked == []
    response = await client.complete(models=[OPENAI, CLAUDE], prompt="hi", profile="openai:b")
    assert response.attempts[-1].profile == "anthropic:default"
    with pytest.raises(ConfigurationError, match=r"no profile 'openai:x'; there are openai:a"):
        client.stream(OPENAI, "hi", profile="openai:x")
    with pytest.raises(InvalidRequestError, match="profile"):
        client.stream(CLAUDE, "hi", profile="openai:a")


# --- waiting -------------------------------------------------------------------------------------


async def test_who_came_first_is_served_first(world: World) -> None:
    world.fail("a", status=429, headers={"retry-after": "0.4"})
    asking: ContextVar[int] = ContextVar("asking")
    sent: list[int] = []
    client = world.client(
        "a", failover=FailoverConfig(max_wait=10), on_attempt=lambda _: sent.append(asking.get())
    )

    async def ask(number: int) -> None:
        asking.set(number)
        await client.complete(OPENAI, "hi")

    tasks = [asyncio.create_task(ask(0))]
    await asyncio.sleep(0.15)
    for number in range(1, 8):
        tasks.append(asyncio.create_task(ask(number)))
        await asyncio.sleep(0.01)
    tasks[3].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert sent == [0, 0, 1, 2, 4, 5, 6, 7]
    assert [number for number, end in enumerate(done) if end is not None] == [3]


async def test_who_waited_leaves_in_growing_groups(world: World) -> None:
    """All of them at once would only meet the limit again that they had waited for."""
    world.fail("a", status=429, headers={"retry-after": "0.3"})
    client = world.client("a", failover=FailoverConfig(max_wait=10))
    with pytest.raises(RateLimitError):
        await client.complete(OPENAI, "hi", failover=FailoverConfig(max_wait=0))
    tasks = [asyncio.create_task(client.complete(OPENAI, "hi")) for _ in range(20)]
    await asyncio.sleep(0.1)
    key = world.key("a")
    key.limit, key.window, key.limit_headers = 4, 0.3, False
    await asyncio.gather(*tasks)
    assert key.served == 21
    assert key.limited <= 22


async def test_a_slow_answer_holds_up_nobody_behind_it(world: World) -> None:
    world.fail("a", status=429, headers={"retry-after": "0.2"})
    client = world.client("a", failover=FailoverConfig(max_wait=10))
    with pytest.raises(RateLimitError):
        await client.complete(OPENAI, "hi", failover=FailoverConfig(max_wait=0))
    world.answer("a", content="probe")
    for _ in range(3):
        world.answer("a", content="slowly", first_delay=2.0)
    began = time.monotonic()
    answers = await asyncio.gather(*(client.complete(OPENAI, "hi") for _ in range(8)))
    assert sum(answer.text == "slowly" for answer in answers) == 3
    assert time.monotonic() - began < 4


async def test_who_cannot_be_served_in_time_fails_at_once(world: World) -> None:
    world.fail("a", status=429, headers={"retry-after": "30"})
    client = world.client("a", failover=FailoverConfig(max_wait=5))
    began = time.monotonic()
    with pytest.raises(RateLimitError):
        await client.complete(OPENAI, "hi")
    with pytest.raises(AllAttemptsFailedError, match=r"out for rate_limit.*back in 30 s") as caught:
        await client.complete(OPENAI, "hi")
    assert time.monotonic() - began < 2
    assert caught.value.retry_after == pytest.approx(30, abs=2)
    assert [state.state for state in caught.value.considered] == ["out"]


async def test_one_tries_and_the_others_follow(world: World) -> None:
    world.fail("a", status=429, headers={"retry-after": "0.2"})
    client = world.client("a", failover=FailoverConfig(max_wait=10))
    with pytest.raises(RateLimitError):
        await client.complete(OPENAI, "hi", failover=FailoverConfig(max_wait=0))
    await asyncio.sleep(0.3)
    world.answer("a", content="slowly", first_delay=0.4)
    answers = await asyncio.gather(*(client.complete(OPENAI, "hi") for _ in range(6)))
    assert [a.attempts[-1].probe for a in answers].count(True) == 1
    assert world.asked == ["a"] * 7


async def test_who_leaves_gives_the_right_to_try_back(world: World) -> None:
    world.fail("a", status=429, headers={"retry-after": "0.1"})
    client = world.client("a", failover=FailoverConfig(max_wait=0))
    with pytest.raises(RateLimitError):
        await client.complete(OPENAI, "hi")
    await asyncio.sleep(0.15)
    world.answer("a", content="never", first_delay=30)
    task = asyncio.create_task(client.complete(OPENAI, "hi"))
    while len(world.asked) < 2:
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    response = await client.complete(OPENAI, "hi")
    assert response.attempts[-1].probe


# --- bounds --------------------------------------------------------------------------------------


async def test_the_same_is_asked_again_after_a_moment(world: World) -> None:
    world.fail("a", status=500)
    response = await world.client("a", failover=FailoverConfig()).complete(OPENAI, "hi")
    assert [a.outcome for a in response.attempts] == ["failed", "ok"]
    assert 0.3 < response.attempts[1].waited < 3


async def test_a_failing_model_is_given_up_after_its_retries(world: World) -> None:
    for _ in range(9):
        world.fail("a", status=500)
    client = world.client("a", failover=FailoverConfig(max_retries=1, max_wait=10))
    with pytest.raises(ServerError) as caught:
        await client.complete(OPENAI, "hi")
    assert len(caught.value.attempts) == 2


async def test_the_total_limit_is_for_all_attempts_together(world: World) -> None:
    for name in NAMES:
        for _ in range(9):
            world.fail(name, kind="stall")
    client = world.client(*NAMES, failover=FailoverConfig(max_wait=60, max_retries=9))
    began = time.monotonic()
    with pytest.raises((TotalTimeoutError, AllAttemptsFailedError)):
        await client.stream(OPENAI, "hi", timeouts=Timeouts(first_token=0.3, total=1.0)).collect()
    assert 0.5 < time.monotonic() - began < 2.5


async def test_many_attempts_are_bounded(world: World) -> None:
    for name in NAMES:
        world.key(name).revoked = True
    client = world.client(*NAMES, failover=FailoverConfig(max_attempts=3, max_wait=0))
    with pytest.raises(AllAttemptsFailedError, match="max_attempts is reached") as caught:
        await client.complete(OPENAI, "hi")
    assert len(caught.value.attempts) == 3


# --- candidates ----------------------------------------------------------------------------------


async def test_aliases_are_chains(world: World) -> None:
    aliases = {"fast": [OPENAI, "clever"], "clever": CLAUDE, "round": ["trip"], "trip": "round"}
    client = world.client("a", config={"aliases": aliases, "default_model": "fast"})
    world.key("a").revoked = True
    response = await client.complete(prompt="hi")
    assert [a.provider for a in response.attempts] == ["openai", "anthropic"]
    with pytest.raises(ConfigurationError, match="round -> trip -> round: this goes in a circle"):
        client.stream("round", "hi")
    with pytest.raises(UnknownModelError, match="did you mean the alias 'fast'"):
        client.stream("fasd", "hi")


async def test_what_one_model_cannot_do_another_may(world: World) -> None:
    client = world.client("a")
    response = await client.complete(
        models=[OPENAI, CLAUDE], prompt="hi", reasoning="high", temperature=None
    )
    assert response.attempts[-1].outcome == "ok"
    with pytest.raises(UnsupportedFeatureError):
        await client.complete("openai/gpt-4o", "hi", reasoning="high", failover=FailoverConfig())
    assert {state.state for state in await client.profile_states("openai")} == {"ready"}


async def test_a_provider_without_a_key_is_passed_over(world: World) -> None:
    client = world.client("a")
    response = await client.complete(models=["mistral/x", OPENAI], prompt="hi")
    assert [a.provider for a in response.attempts] == ["openai"]
    with pytest.raises(MissingCredentialError):
        client.stream("mistral/x", "hi")


async def test_several_failing_models_are_the_provider(world: World) -> None:
    client = world.client("a", "b")
    for model in ("gpt-4o", "gpt-4.1"):
        world.fail("a", status=500)
        world.fail("b", status=500)
        with pytest.raises(AllAttemptsFailedError):
            await client.complete(f"openai/{model}", "hi")
    with pytest.raises(AllAttemptsFailedError, match="the provider is out for overloaded"):
        await client.complete("openai/gpt-5", "hi")


# --- pacing --------------------------------------------------------------------------------------


async def test_a_key_that_is_known_to_be_empty_is_not_asked(world: World) -> None:
    world.key("a").limit = 2
    world.key("a").window = 30
    client = world.client("a", "b", provider={"order": ["a", "b"]})
    assert await asked(client, 5) == ["a", "a", "b", "b", "b"]
    assert world.key("a").limited == 0
    explained = await client.explain(OPENAI)
    assert explained.considered[0].reason == "pacing"


# --- secrets that change -------------------------------------------------------------------------


async def test_another_secret_starts_afresh(world: World, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-wrong-0123456789")
    profiles = {"file": ProfileConfig(api_key_file=str(file))}
    client = world.client(provider={"profiles": profiles}, state="sqlite")
    with pytest.raises(AuthenticationError):
        await client.complete(OPENAI, "hi")
    with pytest.raises(AllAttemptsFailedError, match="correct its key"):
        await client.complete(OPENAI, "hi")
    file.write_text(KEY.format("a"))
    assert (await client.complete(OPENAI, "hi")).text == "fine"
    await client.close()
    # The state remembers that it was refused, but not for which secret it is asked now.
    file.write_text("sk-other-0123456789")
    with pytest.raises(AuthenticationError):
        await world.client(provider={"profiles": profiles}, state="sqlite").complete(OPENAI, "hi")


async def test_a_late_refusal_of_the_old_secret_is_not_held_against_the_new_one(
    world: World, tmp_path: Path
) -> None:
    """A key is replaced while many requests with the old one are still under way."""
    file = tmp_path / "key"
    file.write_text(KEY.format("a"))
    client = world.client(provider={"profiles": {"file": ProfileConfig(api_key_file=str(file))}})
    world.answer("a", first_delay=0.4, fault=Fault(kind="status", status=401))
    late = asyncio.create_task(client.complete(OPENAI, "hi"))
    while not world.asked:
        await asyncio.sleep(0.01)
    world.fail("a", status=401)
    with pytest.raises(AuthenticationError):
        await client.complete(OPENAI, "hi")
    file.write_text(KEY.format("b"))
    assert (await client.complete(OPENAI, "hi")).text == "fine"
    await asyncio.gather(late, return_exceptions=True)
    assert (await client.complete(OPENAI, "hi")).text == "fine"
    assert world.asked == ["a", "a", "b", "b", "b"]


async def test_a_command_may_print_the_key(world: World, tmp_path: Path) -> None:
    counter = tmp_path / "count"
    command = ["sh", "-c", f"echo x >> {counter}; sleep 0.2; echo {KEY.format('a')}"]
    client = world.client(provider={"profiles": {"pass": ProfileConfig(api_key_command=command)}})
    await asyncio.gather(*(client.complete(OPENAI, "hi") for _ in range(5)))
    assert counter.read_text().count("x") == 1
    broken = {"pass": ProfileConfig(api_key_command="sh -c 'echo secret-of-mine; exit 3'")}
    with pytest.raises(ConfigurationError, match="ended with 3") as caught:
        await world.client(provider={"profiles": broken}).complete(OPENAI, "hi")
    assert "secret-of-mine" not in str(caught.value)


# --- what is told --------------------------------------------------------------------------------


async def test_marks_can_be_set_by_hand(world: World) -> None:
    client = world.client("a", "b")
    await client.mark_failed("openai:a", "gpt-4o", RateLimitError("slow", retry_after=50))
    assert await asked(client, 2) == ["b", "b"]
    assert (await client.complete("openai/gpt-5", "hi")).attempts[-1].profile == "openai:a"
    await client.mark_good("openai:a", "gpt-4o")
    assert await asked(client, 2) == ["b", "a"]
    await client.mark_failed("openai:a", "gpt-4o", OverloadedError("full"))
    with pytest.raises(AllAttemptsFailedError, match="the model is out for overloaded"):
        await client.complete(OPENAI, "hi")
    with pytest.raises(ConfigurationError, match="there are openai:a, openai:b"):
        await client.mark_good("openai:zz", "m")


@pytest.mark.parametrize("told", ["1764000000000", "1e20", "1e308"])
async def test_a_time_that_no_calendar_has_is_told_too(world: World, told: str) -> None:
    """Some say milliseconds, or a date, where seconds belong."""
    for name in "ab":
        world.fail(name, status=429, headers={"retry-after": told})
    client = world.client("a", "b", state="sqlite")
    for _ in range(2):
        with pytest.raises(AllAttemptsFailedError, match=r"back in \d+ days"):
            await client.complete(OPENAI, "hi")
    assert (await client.explain(OPENAI)).chosen is None


async def test_explain_asks_nobody(world: World) -> None:
    client = world.client("a", "b")
    explained = await client.explain(models=[OPENAI, CLAUDE])
    assert explained.chosen is not None
    assert explained.chosen.profile == "openai:a"
    await client.mark_failed("openai:a", "gpt-4o", AuthenticationError("no", rule="openai/401"))
    explained = await client.explain(models=[OPENAI, CLAUDE])
    assert explained.chosen is not None
    assert explained.chosen.profile == "openai:b"
    out = explained.considered[0]
    assert (out.state, out.reason, out.subject, out.rule) == (
        "out",
        "auth",
        "the profile",
        "openai/401",
    )
    assert out.until is not None
    assert world.asked == []


async def test_hooks_hear_of_everything(world: World) -> None:
    world.key("a").revoked = True
    heard: list[Any] = []

    def failed(attempt: Attempt, error: Exception) -> None:
        heard.append(("failed", attempt.profile, type(error).__name__))

    client = world.client(
        "a",
        "b",
        on_attempt=lambda attempt: heard.append(("attempt", attempt.profile)),
        on_failure=failed,
        on_switch=lambda before, after: heard.append((before.profile, after.profile)),
    )
    await client.complete(OPENAI, "hi")
    assert heard == [
        ("attempt", "openai:a"),
        ("failed", "openai:a", "AuthenticationError"),
        ("attempt", "openai:b"),
        ("openai:a", "openai:b"),
    ]


async def test_attempts_tell_times_and_tokens(world: World) -> None:
    response = await world.client("a").stream(OPENAI, "hi").collect()
    [attempt] = response.attempts
    assert attempt.outcome == "ok"
    assert attempt.usage == response.usage
    assert 0 < attempt.seconds < 5
    assert abs(attempt.started - time.time()) < 5


async def test_what_a_caller_left_is_told_too(world: World) -> None:
    world.answer("a", content="one two three four", delay=0.2)
    stream = world.client("a").stream(OPENAI, "hi")
    async with stream:
        async for chunk in stream:
            if chunk.delta.content:
                break
    assert [a.outcome for a in stream.response.attempts] == ["cancelled"]
