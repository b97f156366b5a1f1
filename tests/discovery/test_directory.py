"""What a client knows of models: the user's word, the server's, the catalogue's, in that order."""

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aisopod import (
    AsyncClient,
    CatalogueConfig,
    Config,
    ModelConfig,
    ModelInfo,
    PriceConfig,
    ProviderConfig,
    Secret,
)
from aisopod.catalogue import facts_for
from aisopod.client import core
from aisopod.discovery.cache import Listing, ListingCache
from aisopod.discovery.directory import Directory, live_facts
from aisopod.discovery.kept import Kept
from aisopod.simulator import Simulator
from aisopod.types import TokenUsage
from support.raw_server import Exchange, serving


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


def client(simulator: Simulator, **settings: Any) -> AsyncClient:
    providers = {
        name: ProviderConfig(base_url=simulator.url_for(name), api_key=Secret("sk-0123456789"))
        for name in ("anthropic", "openai")
    }
    return AsyncClient(Config(providers=providers, state="memory", **settings))


def test_a_deployment_is_the_model_that_stands_behind_it(simulator: Simulator) -> None:
    asking = client(simulator, models={"azure/ours": ModelConfig(like="openai/gpt-4o")})
    ours, theirs = asking.model("azure/ours"), asking.model("openai/gpt-4o")
    assert theirs.context_window == 128_000
    assert (ours.context_window, ours.price, ours.tools) == (128_000, theirs.price, True)
    assert (ours.provider, ours.id) == ("azure", "ours")


def test_the_user_has_the_last_word_field_by_field(simulator: Simulator) -> None:
    told = ModelConfig(context_window=7, price=PriceConfig(input=0.1, output=1), input=["text"])
    mine = client(simulator, models={"openai/gpt-4o": told}).model("openai/gpt-4o")
    assert mine.context_window == 7
    assert mine.price is not None
    assert mine.price.input == Decimal("0.1")
    assert set(mine.input_modalities or ()) == {"text"}
    assert mine.sources["context_window"].name == "user"
    assert mine.tools is True
    assert mine.sources["tools"].name != "user"


def test_what_a_listing_does_not_mention_stays_unknown() -> None:
    bare = live_facts(ModelInfo(id="m", provider="p"), "2026-11-23")
    assert bare.sources == {}
    told = ModelInfo(
        id="m",
        provider="p",
        context_window=9,
        capabilities=frozenset({"vision"}),
        lacks=frozenset({"tools", "reasoning"}),
    )
    facts = live_facts(told, "2026-11-23")
    assert set(facts.input_modalities or ()) == {"text", "image"}
    assert (facts.tools, facts.reasoning, facts.context_window) == (False, "none", 9)
    assert {source.as_of for source in facts.sources.values()} == {"2026-11-23"}


def test_what_a_listing_says_of_thinking_counts_for_models_that_no_rule_knows() -> None:
    info = ModelInfo(
        id="m",
        provider="anthropic",
        capabilities=frozenset({"structured_output", "reasoning"}),
        efforts=("low", "high"),
        reasoning_control="adaptive",
    )
    facts = live_facts(info, "2026-11-23")
    assert (facts.efforts, facts.reasoning_control) == (("low", "high"), "adaptive")
    assert facts.structured_output == "native"


def test_what_a_listing_never_names_is_not_denied_by_it() -> None:
    """Bedrock's says nothing of documents."""
    info = ModelInfo(
        id="m",
        provider="bedrock",
        capabilities=frozenset({"vision"}),
        lacks=frozenset({"audio", "video"}),
    )
    known = frozenset({"text", "image", "pdf", "video"})
    facts = live_facts(info, "2026-11-23", known)
    assert set(facts.input_modalities or ()) == {"text", "image", "pdf"}


def test_a_profile_of_ones_own_is_known_by_the_model_behind_it(tmp_path: Path) -> None:
    own = "arn:aws:bedrock:us-east-1:1:application-inference-profile/a"
    cache = ListingCache(tmp_path)
    info = ModelInfo(id=own, provider="bedrock", like="anthropic.claude-opus-4-8")
    cache.write(Listing(provider="bedrock", at=1.0, models=[info]), "a")
    directory = Directory({}, {}, Kept(lambda _: "a", cache))
    facts = directory.facts("bedrock", own)
    theirs = facts_for("bedrock", "anthropic.claude-opus-4-8")
    assert facts.id == own
    assert (facts.context_window, facts.price) == (1_000_000, theirs.price)


@pytest.mark.parametrize("window", [0, -1])
def test_a_window_of_nothing_is_not_known(window: int) -> None:
    info = ModelInfo(id="m", provider="p", context_window=window, max_output_tokens=window)
    assert live_facts(info, "2026-11-23").sources == {}


async def test_a_price_that_cannot_be_reckoned_with_costs_no_answer(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    endless = ModelConfig(price=PriceConfig(input=float("inf"), output=1))
    async with client(simulator, models={"openai/gpt-4o": endless}) as asking:
        directory = asking._routing().directory
        assert directory.cost("openai", "gpt-4o", TokenUsage(output_tokens=1)) is None
        assert (await asking.complete("openai/gpt-4o", "hi")).text
    assert "cannot be worked out" in caplog.text


async def test_a_stale_listing_serves_and_is_renewed_behind_it(simulator: Simulator) -> None:
    async with client(simulator, catalogue=CatalogueConfig(ttl=0.05)) as asking:
        first = await asking.models("openai")
        assert {provider for provider, _ in first.names} == {"openai"}
        await asyncio.sleep(0.1)
        asked = len(simulator.requests)
        again = await asking.models("openai")
        assert again.stale == {"openai"}
        assert again.listed_at == first.listed_at
        for _ in range(100):
            if asking.known_models("openai").listed_at != first.listed_at:
                break
            await asyncio.sleep(0.02)
        assert asking.known_models("openai").listed_at["openai"] > first.listed_at["openai"]
        assert len(simulator.requests) == asked + 1
        await asyncio.sleep(0.1)
        assert (await asking.models("openai")).stale == {"openai"}
        for _ in range(100):
            if len(simulator.requests) == asked + 2:
                break
            await asyncio.sleep(0.02)
        assert len(simulator.requests) == asked + 2


async def test_a_program_that_is_soon_over_renews_a_listing_too(simulator: Simulator) -> None:
    settings = CatalogueConfig(ttl=0.05)
    async with client(simulator, catalogue=settings) as asking:
        first = await asking.models("openai")
    await asyncio.sleep(0.1)
    async with client(simulator, catalogue=settings) as asking:
        assert (await asking.models("openai")).listed_at == first.listed_at
    async with client(simulator, catalogue=settings) as asking:
        assert asking.known_models("openai").listed_at["openai"] > first.listed_at["openai"]


async def test_closing_waits_for_no_server_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(core, "RENEWAL_SECONDS", 0.2)
    asked = 0

    async def silent_the_second_time(exchange: Exchange) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            await exchange.wait_for_peer_to_leave()
        await exchange.headers("application/json")
        await exchange.chunk(b'{"data": [{"id": "m"}]}')
        await exchange.end()

    async with serving(silent_the_second_time) as server:
        settings = ProviderConfig(base_url=server.url, api_key=Secret("sk-0123456789"))
        config = Config(
            providers={"openai": settings}, state="memory", catalogue=CatalogueConfig(ttl=0.05)
        )
        asking = AsyncClient(config)
        await asking.models("openai")
        await asyncio.sleep(0.1)
        assert (await asking.models("openai")).stale == {"openai"}
        began = time.monotonic()
        await asking.close()
        assert time.monotonic() - began < 2
    assert asked == 2


async def test_a_provider_that_fails_has_what_the_catalogue_knows(simulator: Simulator) -> None:
    settings = ProviderConfig(base_url="http://127.0.0.1:9", api_key=Secret("sk-0123456789"))
    config = Config(providers={"anthropic": settings}, state="memory")
    async with AsyncClient(config) as asking:
        found = await asking.models("anthropic")
    assert found.problems.keys() == {"anthropic"}
    assert ("anthropic", "claude-sonnet-5") in found.names
    assert found.listed_at == {}


async def test_costs_are_of_the_models_price(simulator: Simulator) -> None:
    async with client(simulator) as asking:
        answer = await asking.complete("anthropic/claude-sonnet-5", "hi")
        price = asking.model("anthropic/claude-sonnet-5").price
    assert price is not None
    assert price.input is not None
    assert price.output is not None
    assert isinstance(answer.usage, TokenUsage)
    expected = (
        answer.usage.input_tokens * price.input + answer.usage.output_tokens * price.output
    ) / 1_000_000
    assert answer.cost == expected
