"""Layers: who is believed, and that every fact can say where it is from."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisopod.catalogue import (
    Facts,
    ModelFacts,
    Price,
    Source,
    differences,
    facts_for,
    merge,
    sourced,
)
from aisopod.catalogue.facts import FIELDS

SNAPSHOT = Source("snapshot", "2026-08-18")
LIVE = Source("live", "2026-11-23")


def layer(source: Source, **facts: Any) -> ModelFacts:
    return sourced("here", "m", Facts(**facts), source)


def test_the_first_layer_that_knows_is_believed_field_by_field() -> None:
    merged = merge(
        "here",
        "m",
        [
            layer(LIVE, context_window=2, tools=None),
            layer(SNAPSHOT, context_window=1, tools=False, efforts=()),
        ],
    )
    assert (merged.context_window, merged.tools, merged.efforts) == (2, False, ())
    assert merged.sources == {"context_window": LIVE, "tools": SNAPSHOT, "efforts": SNAPSHOT}
    assert merged.max_output_tokens is None


def test_no_and_none_at_all_are_facts_too() -> None:
    merged = merge(
        "here",
        "m",
        [layer(LIVE, tools=False, efforts=()), layer(SNAPSHOT, tools=True, efforts=("low",))],
    )
    assert (merged.tools, merged.efforts) == (False, ())


def test_a_price_is_believed_whole() -> None:
    mine, theirs = Price(input=Decimal(1)), Price(input=Decimal(2), output=Decimal(3))
    merged = merge("here", "m", [layer(LIVE, price=mine), layer(SNAPSHOT, price=theirs)])
    assert merged.price == mine


def test_a_layer_without_sources_is_marked_as_such() -> None:
    merged = merge("here", "m", [ModelFacts(id="m", provider="here", tools=True)])
    assert merged.sources == {"tools": Source("unknown")}


def test_the_user_is_believed_before_the_server_and_the_server_before_the_snapshot() -> None:
    live = sourced("anthropic", "claude-opus-5", Facts(context_window=3, max_output_tokens=4), LIVE)
    facts = facts_for(
        "anthropic", "claude-opus-5", live=live, overrides=Facts(context_window=5, family="mine")
    )
    assert (facts.context_window, facts.max_output_tokens, facts.family) == (5, 4, "mine")
    assert facts.sources["context_window"] == Source("user")
    assert facts.sources["max_output_tokens"] == LIVE
    assert facts.sources["tools"].as_of == "2026-08-18"
    assert facts.sources["sampling"].name.startswith("pydantic-ai-slim")
    assert facts.sources["price"].name.startswith("genai-prices")


def test_differences_are_what_both_know_and_see_otherwise() -> None:
    ours = layer(SNAPSHOT, context_window=1, tools=True, max_output_tokens=7)
    theirs = layer(LIVE, context_window=2, tools=True, released="2026-01-01")
    (difference,) = differences(ours, theirs)
    assert (difference.field, difference.ours, difference.theirs) == ("context_window", 1, 2)
    assert (difference.our_source, difference.their_source) == (SNAPSHOT, LIVE)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("anthropic", "claude-opus-5-5"),
        ("bedrock", "us.anthropic.claude-sonnet-5"),
        ("openai", "gpt-5.4"),
        ("vertex", "gemini-3.7-flash"),
        ("ollama", "llama3.2"),
    ],
)
def test_what_is_known_has_a_source_and_what_is_not_has_none(provider: str, model: str) -> None:
    facts = facts_for(provider, model)
    assert facts.sources.keys() == {f for f in FIELDS if getattr(facts, f) is not None}


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "context_window": st.integers(1, 3),
        "tools": st.booleans(),
        "efforts": st.sampled_from([(), ("low",), ("low", "high")]),
        "sampling": st.sampled_from(["allowed", "rejected"]),
    },
)


@given(st.lists(VALUES, max_size=4), st.integers(0, 4))
def test_merging_in_steps_is_merging_at_once(told: list[dict[str, Any]], cut: int) -> None:
    layers = [layer(Source(str(i)), **facts) for i, facts in enumerate(told)]
    steps = [merge("here", "m", layers[:cut]), merge("here", "m", layers[cut:])]
    assert merge("here", "m", steps) == merge("here", "m", layers)


@given(VALUES, VALUES)
def test_differing_is_mutual_and_nothing_differs_from_itself(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    ours, theirs = layer(SNAPSHOT, **one), layer(LIVE, **other)
    fields = [d.field for d in differences(ours, theirs)]
    assert fields == [d.field for d in differences(theirs, ours)]
    assert differences(ours, ours) == []
