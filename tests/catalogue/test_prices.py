"""Sums of money: tiers, caches, what is free and what nobody knows."""

from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from hypothesis import given
from hypothesis import strategies as st

from aisopod.catalogue import Price, Tier, cost_of, facts_for
from aisopod.catalogue.prices import times
from aisopod.types import TokenUsage

USD = Decimal
PLAIN = Price(input=USD(3), output=USD(15), cache_read=USD("0.3"), cache_write=USD("3.75"))
TIERED = Price(
    input=USD(3),
    output=USD(15),
    cache_read=USD("0.3"),
    tiers=(
        Tier(above=200_000, input=USD(6), output=USD("22.5")),
        Tier(above=500_000, input=USD(9), cache_read=USD(1)),
    ),
)


def usage(input_tokens: int = 0, output_tokens: int = 0, **counts: Any) -> TokenUsage:
    return TokenUsage(input_tokens=input_tokens, output_tokens=output_tokens, **counts)


@pytest.mark.parametrize(
    ("price", "used", "cost"),
    [
        (PLAIN, usage(), "0"),
        (PLAIN, usage(1_000_000, 1_000_000), "18"),
        (PLAIN, usage(1, 1), "0.000018"),
        # Reasoning is part of the output and the caches are part of the input: nothing counts twice.
        (PLAIN, usage(0, 1_000_000, reasoning_tokens=900_000), "15"),
        (PLAIN, usage(1_000_000, cache_read_tokens=1_000_000), "0.3"),
        (PLAIN, usage(1_000_000, cache_read_tokens=200_000, cache_write_tokens=300_000), "2.685"),
        # The limit itself is still below it; beyond it everything costs the tier's price.
        (TIERED, usage(200_000, 1_000_000), "15.6"),
        (TIERED, usage(200_001, 1_000_000), "23.700006"),
        (TIERED, usage(300_000, cache_read_tokens=100_000), "1.23"),
        (TIERED, usage(600_000, 1_000_000, cache_read_tokens=100_000), "27.1"),
    ],
)
def test_costs(price: Price, used: TokenUsage, cost: str) -> None:
    assert cost_of(used, price) == USD(cost)


def test_a_tier_may_be_for_the_part_above_alone() -> None:
    price = Price(
        input=USD(1), output=USD(2), tiers=(Tier(above=100, input=USD(3)),), tier_rule="part_above"
    )
    assert cost_of(usage(100), price) == USD("0.0001")
    assert cost_of(usage(150, 10), price) == USD("0.00027")
    # Whether the cached ones were among the first hundred, nobody says.
    assert cost_of(usage(150, cache_read_tokens=1), price) is None


def test_three_parts_of_a_prompt_at_three_prices() -> None:
    price = Price(
        input=USD(1),
        output=USD(2),
        tiers=(Tier(above=100, input=USD(3)), Tier(above=200, input=USD(5))),
        tier_rule="part_above",
    )
    assert cost_of(usage(250), price) == (100 + 300 + 250) / USD(1_000_000)


@pytest.mark.parametrize(
    "used",
    [
        usage(10, cache_write_tokens=1),
        usage(10, cache_read_tokens=11),
        usage(10, cache_read_tokens=6, cache_write_tokens=6),
    ],
    ids=["no price of cache writes", "more read than came in", "more cached than came in"],
)
def test_no_number_is_better_than_a_wrong_one(used: TokenUsage) -> None:
    assert cost_of(used, Price(input=USD(1), output=USD(1), cache_read=USD(1))) is None


def test_an_unknown_price_of_what_was_not_used_is_no_matter() -> None:
    assert cost_of(usage(1_000_000), Price(input=USD(2))) == USD(2)
    assert cost_of(usage(1_000_000, 1), Price(input=USD(2))) is None


def test_free_is_a_price() -> None:
    free = Price(input=USD(0), output=USD(0))
    assert cost_of(usage(1_000, 1_000), free) == USD(0)
    assert cost_of(usage(1_000, 1_000), Price()) is None


def test_what_google_gives_away_is_free_there_and_not_elsewhere() -> None:
    given_away = facts_for("gemini", "gemma-4-31b-it").price
    assert given_away is not None
    assert cost_of(usage(1_000, 1_000), given_away) == USD(0)
    assert facts_for("vertex", "gemma-4-31b-it").price is None


def test_writes_that_stay_for_an_hour_cost_more() -> None:
    price = facts_for("anthropic", "claude-sonnet-5").price
    assert price is not None
    used = usage(1_000_000, cache_write_tokens=1_000_000)
    assert cost_of(used, price) == USD("2.5")
    used = usage(1_000_000, cache_write_tokens=1_000_000, cache_write_1h_tokens=1_000_000)
    assert cost_of(used, price) == USD(4)
    used = usage(1_000_000, cache_write_tokens=1_000_000, cache_write_1h_tokens=1_000_001)
    assert cost_of(used, price) is None


def test_sound_has_prices_of_its_own() -> None:
    price = Price(input=USD(1), output=USD(2), input_audio=USD(10), output_audio=USD(20))
    used = usage(3_000_000, 3_000_000, input_audio_tokens=1_000_000, output_audio_tokens=1_000_000)
    assert cost_of(used, price) == 2 * USD(1) + USD(10) + 2 * USD(2) + USD(20)
    assert cost_of(used, Price(input=USD(1), output=USD(2))) is None


def test_sound_that_a_cache_served_is_paid_once() -> None:
    """https://ai.google.dev/gemini-api/docs/pricing has a price of its own for it."""
    price = facts_for("gemini", "gemini-2.5-flash").price
    assert price is not None
    heard = {"input_audio_tokens": 900, "cache_read_tokens": 800}
    used = usage(2_000, 5, **heard, cache_read_audio_tokens=800)
    theirs = Usage(
        input_tokens=2_000, output_tokens=5, input_audio_tokens=900, cache_read_tokens=800,
        cache_audio_read_tokens=800,
    )  # fmt: skip
    assert cost_of(used, price) == USD("0.0005225")
    calculated = calc_price(theirs, "gemini-2.5-flash", provider_id="google")
    assert cost_of(used, price) == calculated.total_price
    # Without a price of its own it is other cached input; more of it than sound cannot be.
    plain = Price(input=USD(1), output=USD(2), cache_read=USD("0.1"), input_audio=USD(10))
    assert cost_of(usage(900, 5, **heard, cache_read_audio_tokens=800), plain) == USD("0.00109")
    assert cost_of(usage(2_000, 5, **heard, cache_read_audio_tokens=801), plain) is None


def test_a_price_multiplied_is_multiplied_everywhere() -> None:
    doubled = times(TIERED, USD(2))
    used = usage(600_000, 1_000, cache_read_tokens=100)
    one, two = cost_of(used, TIERED), cost_of(used, doubled)
    assert one is not None
    assert two == 2 * one


def test_bedrock_asks_more_for_staying_in_a_geography() -> None:
    anywhere = facts_for("bedrock", "global.anthropic.claude-opus-5-5").price
    at_home = facts_for("bedrock", "eu.anthropic.claude-opus-5-5").price
    in_region = facts_for("bedrock", "anthropic.claude-opus-5-5").price
    assert anywhere is not None
    assert at_home == in_region == times(anywhere, USD("1.1"))
    assert anywhere.regional_multiplier is None


def test_the_data_has_tiers() -> None:
    price = facts_for("openai", "gpt-6-astra").price
    assert price is not None
    assert [tier.above for tier in price.tiers] == [272_000]
    assert cost_of(usage(272_000), price) == USD("2.72")
    assert cost_of(usage(272_001), price) == USD("5.44002")


COUNTS = st.integers(min_value=0, max_value=10**9)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_a_response_costs_nothing_or_more(plain: int, read: int, written: int, out: int) -> None:
    used = usage(plain + read + written, out, cache_read_tokens=read, cache_write_tokens=written)
    cost = cost_of(used, PLAIN)
    assert cost is not None
    assert cost >= 0
    assert (cost == 0) == (used.total_tokens == 0)


@given(COUNTS, COUNTS)
def test_a_longer_prompt_never_costs_less(one: int, other: int) -> None:
    costs = [cost_of(usage(count), TIERED) for count in sorted((one, other))]
    assert costs == sorted(cost for cost in costs if cost is not None)
