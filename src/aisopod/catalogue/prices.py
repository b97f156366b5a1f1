"""What a model costs, and what a response cost.

Decimals throughout: sums of many small amounts stay exact.
"""

from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from typing import Literal

import msgspec

from aisopod.types import TokenUsage

__all__ = ["Price", "Tier", "cost_of", "times"]

_MILLION = Decimal(1_000_000)
_RATES = (
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "input_audio",
    "output_audio",
    "cache_read_audio",
)


class Tier(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Prices of prompts that are longer than a limit, per million tokens.

    Attributes:
        above: input tokens beyond which these prices hold; exactly so many are still below.
        input: for input; None here and below where the price without tiers stays.
        output: for output.
        cache_read: for input that a cache served.
        cache_write: for input that was written to a cache.
        cache_write_1h: for input that was written to a cache that keeps it for an hour.
        input_audio: for audio in the input.
        output_audio: for audio in the output.
        cache_read_audio: for audio in the input that a cache served; None for the price of other
            input that it served.
    """

    above: int
    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None
    cache_read_audio: Decimal | None = None


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """List prices per million tokens. Unknown is None; free is 0.

    Attributes:
        input: for input that no cache was part of.
        output: for everything generated, reasoning included.
        cache_read: for input that a cache served.
        cache_write: for input that was written to a cache.
        cache_write_1h: for input that was written to a cache that keeps it for an hour.
        input_audio: for audio in the input.
        output_audio: for audio in the output.
        cache_read_audio: for audio in the input that a cache served; None for the price of other
            input that it served.
        tiers: prices of longer prompts, the lowest limit first.
        tier_rule: what a tier's prices hold for: the `whole_request`, as all vendors here have it,
            or the `part_above` its limit (of the input; the output keeps the lowest price).
        regional_multiplier: what these prices are multiplied by where the request stays in one
            geography (Bedrock's ids without `global.`); None where that makes no difference.
        currency: ISO 4217.
        as_of: the day of the source's data, ISO 8601.
        source: who says so.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None
    cache_read_audio: Decimal | None = None
    tiers: tuple[Tier, ...] = ()
    tier_rule: Literal["whole_request", "part_above"] = "whole_request"
    regional_multiplier: Decimal | None = None
    currency: str = "USD"
    as_of: str | None = None
    source: str | None = None


def cost_of(usage: TokenUsage, price: Price) -> Decimal | None:
    """What a response costs at list price, in the price's currency.

    Args:
        usage: its tokens, or those of several responses at a price without tiers.
        price: the model's.

    Returns:
        The cost; None where a price that is needed is not known, where one of the two counts was
        not told, and where the counts contradict each other (more from the cache than there was
        input): no number is better than a wrong one.
    """
    if usage.quality != "exact" and not (usage.input_tokens and usage.output_tokens):
        return None
    cached = usage.cache_read_tokens + usage.cache_write_tokens
    cached_sound = usage.cache_read_audio_tokens
    sound = usage.input_audio_tokens - cached_sound
    counts = (
        ("input", usage.input_tokens - cached - sound),
        ("input_audio", sound),
        ("cache_read", usage.cache_read_tokens - cached_sound),
        ("cache_read_audio", cached_sound),
        ("cache_write", usage.cache_write_tokens - usage.cache_write_1h_tokens),
        ("cache_write_1h", usage.cache_write_1h_tokens),
        ("output", usage.output_tokens - usage.output_audio_tokens),
        ("output_audio", usage.output_audio_tokens),
    )
    if any(count < 0 for _, count in counts):
        return None
    if price.tier_rule == "part_above" and price.tiers:
        return _in_parts(dict(counts), usage.input_tokens, price)
    rates = _at(price, usage.input_tokens)
    return _sum((count, rates[name]) for name, count in counts)


def times(price: Price, factor: Decimal) -> Price:
    """The same price list with everything on it multiplied, and no multiplier left to apply."""
    return msgspec.structs.replace(
        price,
        **_scaled(price, factor),
        tiers=tuple(msgspec.structs.replace(t, **_scaled(t, factor)) for t in price.tiers),
        regional_multiplier=None,
    )


def _at(price: Price, input_tokens: int) -> dict[str, Decimal | None]:
    """The rates for a prompt of this length."""
    rates = {name: getattr(price, name) for name in _RATES}
    for tier in price.tiers:
        if input_tokens > tier.above:
            rates |= {n: rate for n in _RATES if (rate := getattr(tier, n)) is not None}
    if rates["cache_read_audio"] is None:
        rates["cache_read_audio"] = rates["cache_read"]
    return rates


def _in_parts(counts: dict[str, int], input_tokens: int, price: Price) -> Decimal | None:
    """Each span of the input at its own tier; nobody says which span a cached token is in."""
    if counts["input"] != input_tokens or counts["output_audio"]:
        return None
    limits = [0, *(tier.above for tier in price.tiers), input_tokens]
    spans = [
        (max(0, min(input_tokens, top) - bottom), _at(price, bottom + 1)["input"])
        for bottom, top in pairwise(limits)
    ]
    return _sum([*spans, (counts["output"], price.output)])


def _sum(parts: Iterable[tuple[int, Decimal | None]]) -> Decimal | None:
    total = Decimal(0)
    for count, rate in parts:
        if count and rate is None:
            return None
        total += count * (rate or 0)
    return total / _MILLION


def _scaled(rates: Price | Tier, factor: Decimal) -> dict[str, Decimal]:
    return {name: rate * factor for name in _RATES if (rate := getattr(rates, name)) is not None}
