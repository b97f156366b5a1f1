"""Who waits for whom: in order of arrival for the same profiles, and for nobody else."""

import asyncio
import sys
import time
from contextvars import ContextVar
from typing import Any

import pytest

from aisopod import (
    AisopodError,
    AllAttemptsFailedError,
    ChatCompletion,
    ChatCompletionRequest,
    FailoverConfig,
    ImagePart,
    Message,
    ProfileConfig,
    RateLimitError,
    StreamInterruptedError,
    TextPart,
    Timeouts,
    TotalTimeoutError,
)
from aisopod.policy.selection import choose
from failover.conftest import CLAUDE, NAMES, OPENAI, World
from support.conversations import PNG

PATIENT = FailoverConfig(max_wait=10)
SEES_NOTHING = "openai/gpt-3.5-turbo"


async def under_way(*tasks: asyncio.Task[Any]) -> None:
    """Until they have met their limits and wait."""
    await asyncio.sleep(0.15)
    assert not any(task.done() for task in tasks)


async def ended(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def waited(response: ChatCompletion) -> float:
    return sum(attempt.waited for attempt in response.attempts)


@pytest.mark.parametrize("max_wait", [0.0, 0.5, 10.0])
async def test_who_waits_for_a_pinned_profile_holds_up_nobody_else(
    world: World, max_wait: float
) -> None:
    world.fail("a", status=429, headers={"retry-after": "30"})
    client = world.client("a", "b", failover=FailoverConfig(max_wait=60))
    pinned = asyncio.create_task(client.complete(OPENAI, "hi", profile="openai:a"))
    await under_way(pinned)
    response = await client.complete(OPENAI, "hi", failover=FailoverConfig(max_wait=max_wait))
    assert response.attempts[-1].profile == "openai:b"
    assert waited(response) == 0
    await ended(pinned)


async def test_who_has_done_with_a_profile_holds_up_nobody_who_has_not(world: World) -> None:
    world.fail("a", status=404)
    world.fail("b", status=429, headers={"retry-after": "30"})
    client = world.client("a", "b", failover=FailoverConfig(max_wait=60))
    first = asyncio.create_task(client.complete(OPENAI, "hi"))
    await under_way(first)
    response = await client.complete(OPENAI, "hi")
    assert response.attempts[-1].profile == "openai:a"
    assert waited(response) == 0
    await ended(first)


async def test_who_can_only_go_to_one_candidate_holds_up_nobody_at_the_others(world: World) -> None:
    world.fail("claude", status=429, headers={"retry-after": "30"})
    client = world.client("a", failover=FailoverConfig(max_wait=60))
    picture = Message(
        role="user",
        content=[TextPart(text="What?"), ImagePart(data=PNG, media_type="image/png")],
    )
    chain = [SEES_NOTHING, CLAUDE]
    looking = asyncio.create_task(client.complete(models=chain, messages=[picture]))
    await under_way(looking)
    response = await client.complete(models=chain, prompt="hi")
    assert response.attempts[-1].provider == "openai"
    assert waited(response) == 0
    await ended(looking)


async def test_chains_that_share_a_profile_share_its_line(world: World) -> None:
    world.fail("a", status=429, headers={"retry-after": "0.4"})
    world.fail("claude", status=429, headers={"retry-after": "30"})
    asking: ContextVar[str] = ContextVar("asking")
    sent: list[str] = []
    client = world.client("a", failover=PATIENT, on_attempt=lambda _: sent.append(asking.get()))
    with pytest.raises(RateLimitError):
        asking.set("first")
        await client.complete(CLAUDE, "hi", failover=FailoverConfig(max_wait=0))

    async def ask(name: str, *models: str) -> None:
        asking.set(name)
        await client.complete(models=models, prompt="hi")

    tasks = [asyncio.create_task(ask("X0", OPENAI))]
    await asyncio.sleep(0.15)
    for name, models in (
        ("Y1", (OPENAI, CLAUDE)), ("X2", (OPENAI,)), ("Y3", (OPENAI, CLAUDE)), ("X4", (OPENAI,)),
    ):  # fmt: skip
        tasks.append(asyncio.create_task(ask(name, *models)))
        await asyncio.sleep(0.01)
    await asyncio.gather(*tasks)
    assert sent == ["first", "X0", "X0", "Y1", "X2", "Y3", "X4"]


async def test_who_is_refused_again_keeps_its_place(world: World) -> None:
    for _ in range(2):
        world.fail("a", status=429, headers={"retry-after": "0.3"})
    asking: ContextVar[int] = ContextVar("asking")
    sent: list[int] = []
    client = world.client("a", failover=PATIENT, on_attempt=lambda _: sent.append(asking.get()))

    async def ask(number: int) -> None:
        asking.set(number)
        await client.complete(OPENAI, "hi")

    tasks = [asyncio.create_task(ask(0))]
    for number in range(1, 5):
        await asyncio.sleep(0.02)
        tasks.append(asyncio.create_task(ask(number)))
    await asyncio.gather(*tasks)
    assert sent == [0, 0, 0, 1, 2, 3, 4]


async def test_of_a_thousand_only_the_first_looks_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = 0

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal looked
        looked += 1
        return choose(*args, **options)

    world.fail("a", status=429, headers={"retry-after": "30"})
    client = world.client("a", failover=FailoverConfig(max_wait=60))
    tasks = [asyncio.create_task(client.complete(OPENAI, "hi")) for _ in range(1000)]
    await under_way(*tasks)
    monkeypatch.setattr("aisopod.routing.turns.choose", counted)
    await asyncio.sleep(0.5)
    assert looked < 100
    await ended(*tasks)


# --- the whole time ---------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["call", "client"])
async def test_waiting_counts_against_the_total_limit(world: World, where: str) -> None:
    world.fail("a", status=429, headers={"retry-after": "30"})
    limits = Timeouts(total=0.5)
    client = world.client(
        "a", failover=FailoverConfig(max_wait=60), timeouts=limits if where == "client" else None
    )
    began = time.monotonic()
    with pytest.raises(RateLimitError):
        await client.complete(OPENAI, "hi", timeouts=limits if where == "call" else None)
    assert time.monotonic() - began < 1.5


async def test_an_attempt_has_what_waiting_has_left(world: World) -> None:
    world.fail("a", status=429, headers={"retry-after": "0.6"})
    client = world.client("a", failover=PATIENT)
    with pytest.raises(RateLimitError):
        await client.complete(OPENAI, "hi", failover=FailoverConfig(max_wait=0))
    world.fail("a", kind="stall")
    began = time.monotonic()
    with pytest.raises(TotalTimeoutError):
        await client.stream(OPENAI, "hi", timeouts=Timeouts(total=1.0)).collect()
    assert time.monotonic() - began < 1.5


async def test_a_slow_key_command_counts_against_the_total_limit(world: World) -> None:
    slow = ProfileConfig(api_key_command=[sys.executable, "-c", "import time; time.sleep(2)"])
    client = world.client(provider={"profiles": {"slow": slow}})
    with pytest.raises(TotalTimeoutError):
        await client.complete(OPENAI, "hi", timeouts=Timeouts(total=0.3))
    [state] = (await client.explain(OPENAI)).considered
    assert state.state == "ready"


async def test_a_callers_own_haste_is_held_against_nobody(world: World) -> None:
    world.fail("a", kind="stall")
    client = world.client("a")
    with pytest.raises(TotalTimeoutError):
        await client.stream(OPENAI, "hi", timeouts=Timeouts(total=0.2)).collect()
    assert (await client.complete(OPENAI, "hi")).text == "fine"


# --- what is told -----------------------------------------------------------------------------


async def test_who_was_not_asked_any_more_is_told(world: World) -> None:
    for name in NAMES[:3]:
        world.key(name).revoked = True
    client = world.client(*NAMES[:4], failover=FailoverConfig(max_attempts=3, max_wait=0))
    with pytest.raises(
        AllAttemptsFailedError, match=r"not asked: .*openai:d.*max_attempts"
    ) as caught:
        await client.complete(OPENAI, "hi")
    assert caught.value.retry_after == 0
    assert "may be back" not in str(caught.value).splitlines()[-1]
    assert (await client.complete(OPENAI, "hi")).attempts[-1].profile == "openai:d"


async def test_explain_says_who_cannot_do_it(world: World) -> None:
    client = world.client("a")
    picture = Message(role="user", content=[ImagePart(data=PNG, media_type="image/png")])
    request = ChatCompletionRequest(model=SEES_NOTHING, messages=[picture])
    explained = await client.explain(request, models=[CLAUDE])
    assert explained.chosen is not None
    assert explained.chosen.provider == "anthropic"
    [blind] = [state for state in explained.considered if state.provider == "openai"]
    assert blind.state == "unusable"
    assert "sees no images" in blind.reason
    alone = await client.explain(request)
    assert alone.chosen is None
    assert world.asked == []


async def test_explain_refuses_what_a_request_would_be_refused_for(world: World) -> None:
    client = world.client("a")
    for profile in ("zz", "openai:zz", "anthropic:default"):
        with pytest.raises(AisopodError) as explained:
            await client.explain(OPENAI, profile=profile)
        with pytest.raises(type(explained.value)) as asked:
            client.stream(OPENAI, "hi", profile=profile)
        assert str(explained.value) == str(asked.value)


async def test_a_cut_answer_is_told_to_hooks_and_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "aisopod.failover")
    told: list[tuple[str, str]] = []
    client = world.client(
        "a", on_failure=lambda attempt, error: told.append((attempt.outcome, type(error).__name__))
    )
    world.fail("a", kind="drop", after=1)
    with pytest.raises(StreamInterruptedError) as caught:
        await client.stream(OPENAI, "hi").collect()
    assert told == [("interrupted", type(caught.value).__name__)]
    assert "openai:a" in caplog.text


async def test_an_answer_that_ends_in_an_error_is_no_good_attempt(world: World) -> None:
    world.answer("a", content="half", finish_reason="error")
    response = await world.client("a").stream(OPENAI, "hi").collect()
    assert response.finish_reason == "error"
    assert [attempt.outcome for attempt in response.attempts] == ["failed"]
