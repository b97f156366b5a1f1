"""The document's table is current, and true of the codecs."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from aisopod.catalogue import Price, cost_of
from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.bedrock_converse.codec import codec as bedrock
from aisopod.codecs.codec import Codec
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.codecs.ollama_chat.codec import codec as ollama
from aisopod.codecs.openai_chat.codec import codec as openai
from aisopod.normalise.target import Target
from aisopod.types import ChatCompletion, TokenUsage, fold
from support.usage_table import MARK, MORE, PAGE, WIRES, Count, Wire, render

CODECS = {codec.dialect: codec for codec in (anthropic, bedrock, gemini, ollama, openai)}
COUNTS = [name for name in TokenUsage.__struct_fields__ if name != "quality"]
BODIES: dict[str, Any] = {
    "anthropic_messages": lambda usage: {
        "id": "m", "type": "message", "content": [], "stop_reason": "end_turn", "usage": usage,
    },
    "openai_chat": lambda usage: {
        "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": usage,
    },
    "gemini_generate": lambda usage: {
        "candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}],
        "usageMetadata": usage,
    },
    "bedrock_converse": lambda usage: {
        "output": {"message": {"role": "assistant", "content": [{"text": "a"}]}},
        "stopReason": "end_turn", "usage": usage,
    },
    "ollama_chat": lambda usage: {"message": {"content": "a"}, "done": True, **usage},
}  # fmt: skip


BOTH = {
    "anthropic_messages": ("input_tokens", "output_tokens"),
    "openai_chat": ("prompt_tokens", "completion_tokens"),
    "gemini_generate": ("promptTokenCount", "candidatesTokenCount"),
    "bedrock_converse": ("inputTokens", "outputTokens"),
    "ollama_chat": ("prompt_eval_count", "eval_count"),
}
PRICE = Price(input=Decimal(1), output=Decimal(2))


def answer_of(codec: Codec, told: dict[str, Any] | None) -> ChatCompletion:
    body = BODIES[codec.dialect](told or {})
    if told is None:
        body.pop("usage", body.pop("usageMetadata", None))
    return fold(codec.decode(msgspec.json.encode(body), Target(provider="p", model="m")))


@pytest.mark.parametrize("dialect", CODECS)
@pytest.mark.parametrize("told", [None, {}, {"totalTokenCount": 15, "trafficType": "ON_DEMAND"}])
def test_where_no_count_is_told_there_is_none(dialect: str, told: dict[str, Any] | None) -> None:
    answer = answer_of(CODECS[dialect], told)
    assert answer.finish_reason is not None
    assert answer.usage is None


@pytest.mark.parametrize("dialect", CODECS)
@pytest.mark.parametrize("place", [0, 1], ids=["input", "output"])
def test_one_count_alone_is_partial_and_costs_nobody_knows_what(dialect: str, place: int) -> None:
    both = BOTH[dialect]
    usage = answer_of(CODECS[dialect], {both[place]: 5}).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == ((5, 0), (0, 5))[place]
    assert usage.quality == "partial"
    assert cost_of(usage, PRICE) is None
    whole = answer_of(CODECS[dialect], dict.fromkeys(both, 5)).usage
    assert whole == TokenUsage(input_tokens=5, output_tokens=5)
    assert cost_of(whole, PRICE) == Decimal("0.000015")


def test_a_count_that_gemini_leaves_out_is_a_zero_where_its_total_says_so() -> None:
    told = {"promptTokenCount": 15, "thoughtsTokenCount": 2}
    whole = answer_of(gemini, told | {"totalTokenCount": 17}).usage
    assert whole == TokenUsage(input_tokens=15, output_tokens=2, reasoning_tokens=2)
    cut = answer_of(gemini, told | {"totalTokenCount": 20}).usage
    assert cut is not None
    assert cut.quality == "partial"


def usage_of(codec: Codec, told: dict[str, Any]) -> TokenUsage:
    body = msgspec.json.encode(BODIES[codec.dialect](told))
    usage = fold(codec.decode(body, Target(provider="p", model="m"))).usage
    assert usage is not None
    assert usage.quality == "exact"
    return usage


@pytest.mark.parametrize(
    ("wire", "count"),
    [pytest.param(w, c, id=f"{w.dialect}-{c.name}") for w in WIRES.values() for c in w.counts],
)
def test_seven_more_on_the_wire_are_seven_more_here(wire: Wire, count: Count) -> None:
    codec = CODECS[wire.dialect]
    before, after = usage_of(codec, wire.base), usage_of(codec, wire.base | count.told)
    grown = {
        name: getattr(after, name) - getattr(before, name)
        for name in COUNTS
        if getattr(after, name) != getattr(before, name)
    }
    assert grown == dict.fromkeys(count.ours, MORE)


def test_the_document_is_current() -> None:
    page = PAGE.read_text()
    assert page.partition(MARK)[2] == render() + "\n", (
        "renew it: PYTHONPATH=tests python tests/support/usage_table.py"
    )
