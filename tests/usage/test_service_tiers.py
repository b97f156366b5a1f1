"""What was served otherwise than list prices have it has no known cost."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from aisopod import AsyncClient, Config, ProviderConfig, Secret
from aisopod.catalogue import is_standard
from aisopod.errors import AisopodError
from support.raw_server import Exchange, serving
from support.recorded_answers import APIS, answer_of
from support.recordings import load


@pytest.mark.parametrize(
    ("told", "asked", "standard"),
    [
        ({}, {}, True),
        ({"service_tier": "default"}, {"service_tier": "flex"}, True),
        ({"service_tier": "flex"}, {}, False),
        ({"service_tier": "priority"}, {}, False),
        ({}, {"service_tier": "flex"}, False),
        ({}, {"speed": "fast"}, False),
        ({"usage": {"service_tier": "standard", "speed": "fast"}}, {}, False),
        ({"usage": {"service_tier": "batch"}}, {}, False),
        ({"usage": {"service_tier": "standard", "speed": "standard"}}, {}, True),
        ({"serviceTier": {"type": "flex"}}, {}, False),
        ({"performanceConfig": {"latency": "optimized"}}, {}, False),
        ({"usageMetadata": {"trafficType": "ON_DEMAND"}}, {}, True),
        ({"usageMetadata": {"trafficType": "ON_DEMAND_FLEX"}}, {}, False),
        ({"usageMetadata": {"serviceTier": "priority"}}, {}, False),
    ],
)
def test_only_what_is_standard_has_the_list_price(
    told: dict[str, Any], asked: dict[str, Any], standard: bool
) -> None:
    assert is_standard(told, asked) is standard


def body(tier: str) -> bytes:
    return msgspec.json.encode({
        "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"},
                     "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 0, "total_tokens": 1000},
        "service_tier": tier,
    })  # fmt: skip


@pytest.mark.parametrize(("tier", "cost"), [("default", Decimal("0.0025")), ("flex", None)])
async def test_an_answer_says_what_it_costs(tier: str, cost: Decimal | None) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.headers("application/json")
        await exchange.chunk(body(tier))
        await exchange.end()

    async with serving(script) as server:
        settings = ProviderConfig(base_url=f"{server.url}/v1", api_key=Secret("sk-test"))
        async with AsyncClient(Config(providers={"openai": settings}, state="memory")) as client:
            answer = await client.complete("openai/gpt-4o", "hi")
            [sums] = await client.usage()
    assert answer.cost == cost
    assert answer.attempts[-1].cost == cost
    assert sums.unpriced == (0 if cost is not None else 1)


def test_recorded_tiers_are_understood() -> None:
    """Of all recorded answers one was not served as list prices have it."""
    recorded = [each for provider, apis in APIS.items() for each in load(provider, *apis)]
    others = set()
    for recording in recorded:
        with suppress(AisopodError):
            if recording.status == 200 and not is_standard(answer_of(recording).metadata, {}):
                others.add(recording.name)
    assert len(others) == (1 if recorded else 0)
