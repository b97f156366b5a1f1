"""What users of other systems report as broken, each as a test.

The numbers are the issues' in their repositories, as the tests' docstrings name them.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aisopod import (
    AllAttemptsFailedError,
    AuthenticationError,
    BadRequestError,
    BillingError,
    ContextLengthError,
    FailoverConfig,
    PermissionDeniedError,
    RateLimitError,
    StreamInterruptedError,
    Timeouts,
    TokenUsage,
)
from aisopod.simulator import Fault
from failover.conftest import CLAUDE, OPENAI, World

Clock = Callable[[float], None]


async def state_of(client: object, profile: str, model: str = "") -> object:
    states = await client.profile_states("openai")  # type: ignore[attr-defined]
    found = [s for s in states if s.profile == profile and (not model or s.model == model)]
    return found[-1]


@pytest.mark.parametrize(
    ("model", "key", "kind"),
    [
        (OPENAI, "a", "drop"),
        (OPENAI, "a", "truncate"),
        (CLAUDE, "claude", "drop"),
        (CLAUDE, "claude", "no_terminator"),
    ],
)
async def test_half_an_answer_is_never_a_whole_one(
    world: World, model: str, key: str, kind: str
) -> None:
    """Portkey-AI/gateway#1797: a cut answer was delivered as a clean one."""
    world.fail(key, kind=kind, after=2)
    with pytest.raises(StreamInterruptedError) as caught:
        await world.client("a", "b").stream(models=[model, OPENAI], prompt="hi").collect()
    assert caught.value.partial is not None
    assert caught.value.partial.text.startswith("half")
    assert [a.outcome for a in caught.value.attempts] == ["interrupted"]
    assert world.asked == [key]  # nothing is repeated after content


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop"},
        {"kind": "stall"},
        {"kind": "garbage"},
        {"kind": "error"},
        {"kind": "truncate"},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503},
    ],
    ids=lambda fault: f"{fault['kind']}{fault.get('status', '')}",
)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
async def test_a_dead_start_goes_to_the_next_candidate(
    world: World, fault: dict[str, object], stream: bool
) -> None:
    """BerriAI/litellm#40404, #6957, #28216: no fallback for streams that died at their start, or
    brought their error inside a 200."""
    world.fail("a", **fault)
    client = world.client(
        "a", timeouts=Timeouts(first_token=0.4, idle=0.4, total=None if stream else 0.8)
    )
    ask = {"models": [OPENAI, CLAUDE]}
    if fault["kind"] == "stall" and not stream:
        pytest.skip("a plain answer has no limit but the total one, after which nobody is asked")
    response = (
        await client.stream(prompt="hi", **ask).collect()  # type: ignore[arg-type]
        if stream
        else await client.complete(prompt="hi", **ask)  # type: ignore[arg-type]
    )
    assert response.text == "fine"
    assert world.asked == ["a", "claude"]
    assert [attempt.outcome for attempt in response.attempts] == ["failed", "ok"]
    assert response.message.content == "fine"  # not a word of the first


async def test_pings_are_no_life(world: World) -> None:
    """earendil-works/pi#3019, vercel/ai#5443: a stream that only pings hung for ever."""
    world.fail("a", kind="stall", pings=True)
    client = world.client("a", timeouts=Timeouts(first_token=0.3))
    response = await client.stream(models=[OPENAI, CLAUDE], prompt="hi").collect()
    assert response.text == "fine"
    assert response.attempts[0].error == "FirstTokenTimeoutError"


async def test_a_burst_does_not_lengthen_its_own_window(world: World, clock: Clock) -> None:
    """openclaw#11352: one burst of 429 locked the provider for 20 minutes."""
    client = world.client("a")
    for _ in range(12):
        world.fail("a", status=429)
    failures = await asyncio.gather(
        *(client.complete(OPENAI, "hi") for _ in range(12)), return_exceptions=True
    )
    assert all(isinstance(each, RateLimitError) for each in failures)
    until = (await state_of(client, "openai:a", "gpt-4o")).until  # type: ignore[attr-defined]
    assert 29 < until - world.clients[0]._routing().state.now() < 37  # 30 s and at most its jitter
    with pytest.raises(AllAttemptsFailedError) as caught:
        await client.complete(OPENAI, "hi")
    assert caught.value.retry_at == until
    assert len(world.asked) == 12  # what was refused here was not sent
    clock(37)
    assert (await client.complete(OPENAI, "hi")).text == "fine"


async def test_one_limited_model_leaves_the_key_its_others(world: World) -> None:
    """openclaw#10375, #3231, #87462, #141255: the whole key was cooled, on the second model at the
    latest."""
    client = world.client("a")
    for model in ("gpt-4o", "gpt-4o-mini"):
        world.fail("a", status=429)
        with pytest.raises(RateLimitError):
            await client.complete(f"openai/{model}", "hi")
    assert (await client.complete("openai/gpt-4.1", "hi")).text == "fine"


async def test_a_dead_key_is_not_waited_for(world: World, clock: Clock) -> None:
    """openclaw#58565: every job first waited on the dead key. #38335, #107839: the recovered
    better profile was never used again."""
    world.key("a").revoked = True
    client = world.client("a", "b", provider={"order": ["a", "b"]})
    for _ in range(5):
        assert (await client.complete(OPENAI, "hi")).text == "fine"
    assert world.asked == ["b"] * 5
    assert world.key("a").refused == 1
    world.key("a").revoked = False
    assert (await client.complete(OPENAI, "hi")).attempts[0].profile == "openai:b"
    clock(721)  # ten minutes, and the most that chance adds
    response = await client.complete(OPENAI, "hi")
    assert [(a.profile, a.probe) for a in response.attempts] == [("openai:a", True)]
    assert (await client.complete(OPENAI, "hi")).attempts[0].profile == "openai:a"


async def test_throttles_are_no_billing_and_billing_is_no_auth(world: World, clock: Clock) -> None:
    """openclaw#138161, #148236, #115853: a throttle disabled the key for five hours, credit that
    ran out was taken for a wrong key."""
    world.fail(
        "a",
        status=429,
        body=b'{"error":{"message":"Rate limit reached. Please check your plan","type":"requests","code":"rate_limit_exceeded"}}',
    )
    client = world.client("a")
    with pytest.raises(RateLimitError):
        await client.complete(OPENAI, "hi")
    clock(40)
    assert (await client.complete(OPENAI, "hi")).text == "fine"
    world.key("a").exhausted = True
    with pytest.raises(BillingError):
        await client.complete(OPENAI, "hi")
    world.key("a").exhausted = False
    clock(4 * 3600)
    with pytest.raises(AllAttemptsFailedError, match=r"out for billing.*auth reset openai:a"):
        await client.complete(OPENAI, "hi")
    clock(3 * 3600)
    assert (await client.complete(OPENAI, "hi")).text == "fine"


async def test_a_context_overflow_never_rotates(world: World) -> None:
    """openclaw#25371: an overflow was retried and burned what credit was left."""
    body = b'{"error":{"message":"maximum context length is 8192 tokens","type":"invalid_request_error","code":"context_length_exceeded"}}'
    world.fail("a", status=400, body=body)
    client = world.client("a", "b")
    with pytest.raises(ContextLengthError) as caught:
        await client.complete(models=[OPENAI, CLAUDE], prompt="hi")
    assert world.asked == ["a"]
    assert len(caught.value.attempts) == 1
    states = await client.profile_states("openai")
    assert {state.state for state in states} == {"ready"}


async def test_a_short_retry_after_does_not_shorten_a_longer_one(
    world: World, clock: Clock
) -> None:
    """BerriAI/litellm#40130: a Retry-After of 1 s made a cooldown of 60 s end after 1 s."""
    client = world.client("a")
    world.fail("a", status=429, headers={"retry-after": "60"})
    world.fail("a", status=429, headers={"retry-after": "1"})
    await asyncio.gather(*(client.complete(OPENAI, "hi") for _ in range(2)), return_exceptions=True)
    clock(5)
    with pytest.raises(AllAttemptsFailedError):
        await client.complete(OPENAI, "hi")
    clock(56)
    assert (await client.complete(OPENAI, "hi")).text == "fine"


async def test_retry_after_is_honoured_whatever_its_length(world: World, clock: Clock) -> None:
    """LiteLLM, Vercel and Portkey ignore a Retry-After over a minute."""
    client = world.client("a")
    world.fail("a", status=429, headers={"retry-after": "90000"})
    with pytest.raises(RateLimitError):
        await client.complete(OPENAI, "hi")
    clock(89_000)
    with pytest.raises(AllAttemptsFailedError):
        await client.complete(OPENAI, "hi")
    clock(1_001)
    assert (await client.complete(OPENAI, "hi")).text == "fine"


async def test_all_cooling_is_waited_for(world: World) -> None:
    """BerriAI/litellm#3646: all cooled was an immediate error."""
    world.fail("a", status=429, headers={"retry-after": "0.3"})
    world.fail("b", status=429, headers={"retry-after": "0.6"})
    client = world.client("a", "b", failover=FailoverConfig(max_wait=5))
    response = await client.complete(OPENAI, "hi")
    assert [(a.profile, a.outcome) for a in response.attempts] == [
        ("openai:a", "failed"), ("openai:b", "failed"), ("openai:a", "ok"),
    ]  # fmt: skip
    assert response.attempts[-1].probe
    assert 0.1 < response.attempts[-1].waited < 2


async def test_a_disabled_fallback_is_none(world: World) -> None:
    """BerriAI/litellm#19077: a fallback that was switched off was used all the same."""
    world.fail("a", status=500)
    with pytest.raises(AllAttemptsFailedError) as caught:
        await world.client("a", "b").complete(
            OPENAI, "hi", failover=FailoverConfig(max_attempts=1, max_wait=0)
        )
    assert world.asked == ["a"]
    assert len(caught.value.errors) == 1


async def test_the_third_key_is_tried_too(world: World) -> None:
    """HKUDS/DeepTutor#1499: two attempts were hard-coded."""
    for name in "abcd":
        world.key(name).revoked = True
    response = await world.client("a", "b", "c", "d", "e").complete(OPENAI, "hi")
    assert [a.profile for a in response.attempts] == [f"openai:{name}" for name in "abcde"]
    assert [a.error for a in response.attempts][:4] == ["AuthenticationError"] * 4


async def test_a_stream_starts_once(world: World) -> None:
    """zirkelc/ai-retry#51: a retry before the first text gave the stream's beginning twice."""
    world.fail("a", kind="error")
    client = world.client("a")
    chunks = [c async for c in client.stream(models=[OPENAI, CLAUDE], prompt="hi")]
    openings = [c for c in chunks if c.info is not None and c.info.total_seconds is None]
    assert len(openings) == 1
    assert openings[0].info is not None
    assert openings[0].info.provider == "anthropic"


@pytest.mark.parametrize("code", ["context_length_exceeded", None])
async def test_request_errors_touch_nobody(world: World, code: str | None) -> None:
    """A request that is wrong is wrong everywhere."""
    world.fail("a", status=400)
    client = world.client("a", "b")
    with pytest.raises(BadRequestError):
        await client.complete(models=[OPENAI, CLAUDE], prompt="hi")
    assert {state.state for state in await client.profile_states("openai")} == {"ready"}
    assert world.asked == ["a"]


async def test_a_permission_is_about_one_model(world: World) -> None:
    world.fail("a", status=403)
    client = world.client("a")
    with pytest.raises(PermissionDeniedError):
        await client.complete(OPENAI, "hi")
    assert (await client.complete("openai/gpt-4o-mini", "hi")).text == "fine"
    with pytest.raises(AllAttemptsFailedError, match="ask for access to gpt-4o"):
        await client.complete(OPENAI, "hi")


async def test_every_attempt_is_told(world: World) -> None:
    """Others raise the last error, and nobody knows what else was tried."""
    world.key("a").revoked = True
    world.fail("b", status=429)
    world.fail("claude", status=529)
    client = world.client("a", "b")
    with pytest.raises(AllAttemptsFailedError) as caught:
        await client.complete(models=[OPENAI, CLAUDE], prompt="hi")
    error = caught.value
    kinds = [type(each) for each in error.errors]
    assert kinds[:2] == [AuthenticationError, RateLimitError]
    assert [a.profile for a in error.attempts] == ["openai:a", "openai:b", "anthropic:default"]
    assert all(a.rule for a in error.attempts)
    assert error.retry_after is not None
    assert error.retry_after < 2  # the model's window, the shortest
    assert error.__cause__ is error.errors[-1]
    for word in ("openai:a", "openai:b", "anthropic:default", "back in", "correct its key"):
        assert word in str(error)
    assert "0123456789" not in str(error)


async def test_tokens_of_failed_and_left_answers_are_known(world: World) -> None:
    """earendil-works/pi#6445, maximhq/bifrost#6972: what an error or abort had cost was zero."""
    usage = TokenUsage(input_tokens=50, output_tokens=9)
    fault = Fault(kind="drop", after=2)
    world.answer("claude", content="one two three four", usage=usage, fault=fault)
    client = world.client("a")
    with pytest.raises(StreamInterruptedError) as caught:
        await client.stream(CLAUDE, "hi").collect()
    [attempt] = caught.value.attempts
    assert attempt.usage is not None
    assert attempt.usage.input_tokens == 50
    await client.reset_profile("anthropic:default")
    world.answer("claude", content="one two three four", usage=usage, delay=0.2)
    async with client.stream(CLAUDE, "hi") as stream:
        async for chunk in stream:
            if chunk.delta.content:
                break
    [attempt] = stream.response.attempts
    assert attempt.outcome == "cancelled"
    assert attempt.usage is not None
    assert attempt.usage.input_tokens == 50


async def test_others_know_of_a_cooldown_at_once(world: World) -> None:
    """BerriAI/litellm#34836: what another process cooled got traffic for ten seconds more."""
    one, two = (world.client("a", state="sqlite") for _ in range(2))
    assert (await two.complete(OPENAI, "hi")).text == "fine"
    world.fail("a", status=429)
    with pytest.raises(RateLimitError):
        await one.complete(OPENAI, "hi")
    with pytest.raises(AllAttemptsFailedError):
        await two.complete(OPENAI, "hi")
    assert len(world.asked) == 2


async def test_a_lock_on_the_state_holds_nobody_up(world: World, tmp_path: Path) -> None:
    """openclaw#57283: the state's lock was held before rotating: a gap of 17 minutes."""
    state = f"sqlite:{tmp_path / 'state.sqlite'}"
    client = world.client("a", "b", state=state)
    await client.complete(OPENAI, "hi")
    with contextlib.closing(
        sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
    ) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        world.key("a").revoked = True
        for _ in range(4):
            assert (await client.complete(OPENAI, "hi")).text == "fine"
        assert time.monotonic() - began < 2
        other.execute("ROLLBACK")
    await client.close()
    # What happened meanwhile was written once the lock was gone.
    states = {
        s.profile: s for s in await world.client("a", "b", state=state).profile_states("openai")
    }
    assert states["openai:a"].reason == "auth"
