"""Writes the table of counts into docs/usage.md: `python tests/support/usage_table.py`.

Each line is tried by tests/usage/test_table.py: seven tokens more on the wire, seven more in ours.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from aisopod.types import TokenUsage

__all__ = ["MARK", "MORE", "PAGE", "WIRES", "Count", "Wire", "render"]

PAGE = Path(__file__).parents[2] / "docs" / "usage.md"
MARK = "<!-- below: python tests/support/usage_table.py -->\n"
MORE = 7

Told = dict[str, Any]


class Count(NamedTuple):
    """One count of a wire.

    Attributes:
        name: the wire's name of it.
        told: it, with seven tokens more than in the wire's `base`.
        ours: the fields that grow by seven.
    """

    name: str
    told: Told
    ours: tuple[str, ...]


class Wire(NamedTuple):
    """How a wire counts.

    Attributes:
        dialect: its codec.
        source: where it is documented.
        base: what it tells at least.
        counts: its counts.
    """

    dialect: str
    source: str
    base: Told
    counts: tuple[Count, ...]


INPUT, OUTPUT = ("input_tokens",), ("output_tokens",)
READ, WRITE = (*INPUT, "cache_read_tokens"), (*INPUT, "cache_write_tokens")

WIRES = {
    "Anthropic (also on Bedrock, by InvokeModel)": Wire(
        "anthropic_messages",
        "https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching",
        {"input_tokens": 100, "output_tokens": 50, "cache_creation_input_tokens": 20},
        (
            Count("input_tokens", {"input_tokens": 107}, INPUT),
            Count("cache_read_input_tokens", {"cache_read_input_tokens": 7}, READ),
            Count("cache_creation_input_tokens", {"cache_creation_input_tokens": 27}, WRITE),
            Count(
                "cache_creation.ephemeral_1h_input_tokens",
                {"cache_creation": {"ephemeral_1h_input_tokens": 7}},
                ("cache_write_1h_tokens",),
            ),
            Count("output_tokens", {"output_tokens": 57}, OUTPUT),
            Count(
                "output_tokens_details.thinking_tokens",
                {"output_tokens_details": {"thinking_tokens": 7}},
                ("reasoning_tokens",),
            ),
        ),
    ),
    "OpenAI, and the services that speak its dialect": Wire(
        "openai_chat",
        "https://platform.openai.com/docs/api-reference/chat/object",
        {"prompt_tokens": 100, "completion_tokens": 50},
        (
            Count("prompt_tokens", {"prompt_tokens": 107}, INPUT),
            Count(
                "prompt_tokens_details.cached_tokens",
                {"prompt_tokens_details": {"cached_tokens": 7}},
                ("cache_read_tokens",),
            ),
            Count(
                "prompt_cache_hit_tokens (DeepSeek)",
                {"prompt_cache_hit_tokens": 7},
                ("cache_read_tokens",),
            ),
            Count(
                "prompt_tokens_details.cache_write_tokens",
                {"prompt_tokens_details": {"cache_write_tokens": 7}},
                ("cache_write_tokens",),
            ),
            Count(
                "prompt_tokens_details.audio_tokens",
                {"prompt_tokens_details": {"audio_tokens": 7}},
                ("input_audio_tokens",),
            ),
            Count("completion_tokens", {"completion_tokens": 57}, OUTPUT),
            Count("total_tokens, where it is more than both", {"total_tokens": 157}, OUTPUT),
            Count(
                "completion_tokens_details.reasoning_tokens",
                {"completion_tokens_details": {"reasoning_tokens": 7}},
                ("reasoning_tokens",),
            ),
            Count(
                "completion_tokens_details.audio_tokens",
                {"completion_tokens_details": {"audio_tokens": 7}},
                ("output_audio_tokens",),
            ),
        ),
    ),
    "Gemini and Vertex AI": Wire(
        "gemini_generate",
        "https://ai.google.dev/api/generate-content#UsageMetadata",
        {"promptTokenCount": 100, "candidatesTokenCount": 50},
        (
            Count("promptTokenCount", {"promptTokenCount": 107}, INPUT),
            Count("toolUsePromptTokenCount", {"toolUsePromptTokenCount": 7}, INPUT),
            Count(
                "cachedContentTokenCount", {"cachedContentTokenCount": 7}, ("cache_read_tokens",)
            ),
            Count(
                "promptTokensDetails, toolUsePromptTokensDetails (AUDIO)",
                {"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 7}]},
                ("input_audio_tokens",),
            ),
            Count(
                "cacheTokensDetails (AUDIO)",
                {"cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 7}]},
                ("cache_read_audio_tokens",),
            ),
            Count("candidatesTokenCount", {"candidatesTokenCount": 57}, OUTPUT),
            Count("thoughtsTokenCount", {"thoughtsTokenCount": 7}, (*OUTPUT, "reasoning_tokens")),
            Count(
                "candidatesTokensDetails (AUDIO)",
                {"candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 7}]},
                ("output_audio_tokens",),
            ),
        ),
    ),
    "Bedrock, by Converse": Wire(
        "bedrock_converse",
        "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html",
        {"inputTokens": 100, "outputTokens": 50, "cacheWriteInputTokens": 20},
        (
            Count("inputTokens", {"inputTokens": 107}, INPUT),
            Count("cacheReadInputTokens", {"cacheReadInputTokens": 7}, READ),
            Count("cacheWriteInputTokens", {"cacheWriteInputTokens": 27}, WRITE),
            Count(
                "cacheDetails (1h)",
                {"cacheDetails": [{"ttl": "1h", "inputTokens": 7}]},
                ("cache_write_1h_tokens",),
            ),
            Count("outputTokens", {"outputTokens": 57}, OUTPUT),
        ),
    ),
    "Ollama": Wire(
        "ollama_chat",
        "https://github.com/ollama/ollama/blob/main/docs/api.md",
        {"prompt_eval_count": 100, "eval_count": 50},
        (
            Count("prompt_eval_count", {"prompt_eval_count": 107}, INPUT),
            Count("eval_count", {"eval_count": 57}, OUTPUT),
        ),
    ),
}


def render() -> str:
    """A table for each wire."""
    return "\n".join(line for name, wire in WIRES.items() for line in _table(name, wire))


def _table(name: str, wire: Wire) -> Iterator[str]:
    yield f"\n### {name}\n"
    yield f"| [its count]({wire.source}) | counts in ours as |"
    yield "|---|---|"
    for count in wire.counts:
        yield f"| {count.name} | {', '.join(f'`{field}`' for field in count.ours)} |"
    told = {field for count in wire.counts for field in count.ours}
    silent = [field for field in TokenUsage.__struct_fields__ if field not in told | {"quality"}]
    if silent:
        yield f"\nIt does not tell {', '.join(f'`{field}`' for field in silent)}: they are 0."


if __name__ == "__main__":
    head, mark, _ = PAGE.read_text().partition(MARK)
    assert mark, f"{PAGE} has no mark"
    PAGE.write_text(head + MARK + render() + "\n")
