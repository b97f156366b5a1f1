"""What recorded responses cost, by our reading and by genai-prices' own reading of the same bytes."""

from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot

from aisopod.catalogue import cost_of, facts_for
from support.recorded_answers import APIS, answer_of, model_of
from support.recordings import Recording, load

# Provider here -> in genai-prices, where its extractor finds the usage, which extractor.
THEIRS = {
    "anthropic": ("anthropic", "usage", "default"),
    "bedrock": ("aws", "usage", "default"),
    "gemini": ("google", "usageMetadata", "default"),
    "openai": ("openai", "usage", "chat"),
}
# Where another sum than genai-prices' is right, or nothing to compare: name -> why.
_SEARCHES = "it adds 10 USD for a thousand web searches, which are no tokens"
_ARRAY = "a JSON array and no event stream: aisopod always asks for events"
DIFFERENT: dict[str, str] = {
    "anthropic/ai--__fixtures__-anthropic-programmatic-tool-calling.1-0": (
        "the answers to fifteen requests in one file: the SDK reads them as one, ours the first"
    ),
    "anthropic/llm-anthropic--test_anthropic-test_web_search-0": _SEARCHES,
    "anthropic/pydantic-ai--test_anthropic-test_anthropic_model_web_search_tool_stream-0": _SEARCHES,
    "anthropic/pydantic-ai--test_anthropic-test_anthropic_web_search_tool_stream-0": _SEARCHES,
    "gemini/llm-gemini--test_gemini-test_nested_model_optional-0": _ARRAY,
    "gemini/llm-gemini--test_gemini-test_tools-0": _ARRAY,
}


@cache
def priced() -> list[Recording]:
    """Recorded answers of models with a price, whose usage the vendor's SDK read."""
    return [
        recording
        for provider, apis in APIS.items()
        for recording in load(provider, *apis)
        if recording.expect
        and not recording.expect["error"]
        and recording.expect.get("usage")
        and facts_for(provider, model_of(recording)).price
    ]


def theirs(recording: Recording) -> Decimal:
    """The cost as genai-prices reads the vendor's usage and knows the price."""
    assert recording.expect
    provider_id, key, flavor = THEIRS[recording.provider]
    provider = next(p for p in get_snapshot().providers if p.id == provider_id)
    body: dict[str, Any] = {key: recording.expect["usage"], "model": model_of(recording)}
    _, usage = provider.extract_usage(body, api_flavor=flavor)
    assert isinstance(usage, Usage)
    return calc_price(usage, model_of(recording), provider_id=provider_id).total_price


def test_enough_responses_were_recorded() -> None:
    if not load("openai", "chat.completions"):
        pytest.skip("NO RECORDINGS: no cost of a recorded response is compared")
    assert len(priced()) >= 40


def ours(recording: Recording) -> Decimal | None:
    price = facts_for(recording.provider, model_of(recording)).price
    usage = answer_of(recording).usage
    return cost_of(usage, price) if usage and price else None


@pytest.mark.parametrize("recording", priced(), ids=lambda r: r.name)
def test_costs_to_the_last_digit_what_genai_prices_says(recording: Recording) -> None:
    if recording.name in DIFFERENT:
        assert ours(recording) != theirs(recording), "no difference is left to explain"
    else:
        assert ours(recording) == theirs(recording)


def test_every_explained_difference_is_still_there() -> None:
    if priced():
        assert DIFFERENT.keys() <= {recording.name for recording in priced()}


def test_what_is_left_out_of_the_cost_of_a_web_search_is_the_search() -> None:
    for recording in priced():
        if DIFFERENT.get(recording.name) == _SEARCHES:
            assert recording.expect
            searches = recording.expect["usage"]["server_tool_use"]["web_search_requests"]
            left_out = theirs(recording) - (ours(recording) or 0)
            assert left_out == searches * Decimal("0.01")
