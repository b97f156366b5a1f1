"""A user's own rules, from the configuration to the error that is raised."""

import pytest

import aisopod
from aisopod import AsyncClient, Config, ConfigurationError, ProviderConfig, Rule, Secret
from aisopod.simulator import Fault, Reply, Simulator

BUDGET = Rule(id="mine/budget", error="billing", text="simulated", scope="provider", remedy="pay")
COMMON = Rule(id="common/any", error="server", status=("4xx", "5xx", "none"), delay=7.0)


def refusing(status: int = 403, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(fault=Fault(kind="status", status=status, headers=named))


def configured(simulator: Simulator, own: list[Rule], common: list[Rule]) -> Config:
    settings = ProviderConfig(
        base_url=simulator.url_for("openai"), api_key=Secret("sk-planted-1"), rules=own
    )
    return Config(providers={"openai": settings}, rules=common)


async def raised(
    reply: Reply, own: list[Rule], common: list[Rule], *, stream: bool
) -> aisopod.ProviderError:
    async with (
        Simulator([reply]) as simulator,
        AsyncClient(configured(simulator, own, common)) as client,
    ):
        with pytest.raises(aisopod.ProviderError) as caught:
            if stream:
                async with client.stream("openai/gpt-4o", "hi") as answer:
                    await answer.collect()
            else:
                await client.complete("openai/gpt-4o", "hi")
    return caught.value


@pytest.mark.parametrize("stream", [True, False])
async def test_the_providers_rules_come_first(stream: bool) -> None:
    error = await raised(refusing(), [BUDGET], [COMMON], stream=stream)
    assert type(error) is aisopod.BillingError
    assert (error.rule, error.scope, error.status) == ("mine/budget", "provider", 403)
    assert (error.provider, error.model) == ("openai", "gpt-4o")
    assert error.message.endswith("pay")
    assert error.message.count("pay") == 1


@pytest.mark.parametrize("stream", [True, False])
async def test_then_the_common_ones_then_aisopods(stream: bool) -> None:
    error = await raised(refusing(), [], [COMMON], stream=stream)
    assert (type(error), error.rule) == (aisopod.ServerError, "common/any")
    assert error.retry_after == 7.0
    error = await raised(refusing(), [], [], stream=stream)
    assert (type(error), error.rule) == (aisopod.PermissionDeniedError, "openai/403")


async def test_headers_count_and_the_providers_wait_stays() -> None:
    rule = Rule(id="mine/edge", error="overloaded", header={"x-edge": "full"}, delay=60.0)
    error = await raised(refusing(403, x_edge="FULL", retry_after="2"), [rule], [], stream=True)
    assert (type(error), error.retry_after) == (aisopod.OverloadedError, 2.0)
    error = await raised(refusing(403, x_edge="idle"), [rule], [], stream=True)
    assert error.rule == "openai/403"


async def test_an_error_inside_a_stream_keeps_what_had_come() -> None:
    reply = Reply(content="one two three", chunk_chars=3, fault=Fault(kind="error", after=2))
    error = await raised(
        reply, [], [Rule(id="mine/any", error="rate_limit", text=".")], stream=True
    )
    assert (type(error), error.rule) == (aisopod.RateLimitError, "mine/any")
    assert error.partial is not None
    assert error.partial.text


async def test_a_rule_that_cannot_be_used_is_told_before_anything_is_sent() -> None:
    async with Simulator() as simulator:
        wrong = configured(simulator, [Rule(id="mine/wrong", error="other", text="(")], [])
        async with AsyncClient(wrong) as client:
            with pytest.raises(ConfigurationError, match=r"mine/wrong.*no regular expression"):
                await client.complete("openai/gpt-4o", "hi")
        assert simulator.requests == []
