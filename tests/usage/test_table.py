"""The document's table is current, and true of the codecs."""

from typing import Any

import msgspec
import pytest

from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.bedrock_converse.codec import codec as bedrock
from aisopod.codecs.codec import Codec
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.codecs.ollama_chat.codec import codec as ollama
from aisopod.codecs.openai_chat.codec import codec as openai
from aisopod.normalise.target import Target
from aisopod.types import TokenUsage, fold
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
