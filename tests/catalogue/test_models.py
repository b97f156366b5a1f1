"""What the wire references say of models, written down by hand, and what the catalogue says.

The values come from the references, never from the snapshot; limits that the references leave out
are those that the vendors publish. `A5` is section 5 of Anthropic's, `A3` its messages, `O5` section 5 of OpenAI's, `G5` of
Gemini's thinking, `B3`, `B4`, `B9` Bedrock's reasoning, caching, quirks, `AWS` the page of features by model, `M2` the look-ups that were
tried for models.md, `M3` the newer list that it names. `...` is what they do not tell; None what must stay unknown.
"""

from typing import Any, NamedTuple

import pytest

from aisopod.catalogue import facts_for

_FIVE = ("low", "medium", "high", "xhigh", "max")
_FOUR = ("low", "medium", "high", "xhigh")
_THREE = ("low", "medium", "high")
_OFF_ONLY = "only_when_reasoning_off"


class Told(NamedTuple):
    source: str
    provider: str
    model: str
    context: Any = ...
    output: Any = ...
    vision: Any = ...
    tools: Any = ...
    reasoning: Any = ...
    control: Any = ...
    efforts: Any = ...
    sampling: Any = ...
    forced: Any = ...


# fmt: off
TOLD = [
    # Anthropic. All take images (A3) and tools (A4); forcing is refused by the newest (A4).
    Told("A5", "anthropic", "claude-fable-5", 1_000_000, 128_000, True, True, "always", "adaptive", _FIVE, "rejected", True),
    Told("A5", "anthropic", "claude-fable-5-1", 1_000_000, 128_000, True, True, "always", "adaptive", _FIVE, "rejected", False),
    Told("A5", "anthropic", "claude-fable-5-2", 1_000_000, 128_000, True, True, "always", "adaptive", _FIVE, "rejected", False),
    Told("A5", "anthropic", "claude-mythos-5-2", 1_000_000, 128_000, True, True, "always", "adaptive", _FIVE, "rejected", False),
    Told("A5 M2", "anthropic", "claude-opus-5-5", 1_000_000, 128_000, True, True, "always", "adaptive", _FIVE, "rejected", False),
    Told("A5", "anthropic", "claude-opus-5", 1_000_000, 128_000, True, True, "default_on", "adaptive", _FIVE, "rejected", True),
    Told("A5", "anthropic", "claude-sonnet-5-5", 1_000_000, 128_000, True, True, "default_on", "adaptive", _FIVE, "rejected", False),
    Told("A5", "anthropic", "claude-sonnet-5", 1_000_000, 128_000, True, True, "default_on", "adaptive", _FIVE, "rejected", True),
    Told("A5", "anthropic", "claude-haiku-5-5", 1_000_000, 128_000, True, True, "default_on", "adaptive", _FIVE, "rejected", True),
    Told("A5", "anthropic", "claude-opus-4-8", 1_000_000, 128_000, True, True, "optional", "adaptive", _FIVE, "rejected", True),
    Told("A5", "anthropic", "claude-opus-4-7", 1_000_000, 128_000, True, True, "optional", "adaptive", _FIVE, "rejected", True),
    Told("A5", "anthropic", "claude-opus-4-6", 1_000_000, 128_000, True, True, "optional", "adaptive", (*_THREE, "max"), "allowed", True),
    Told("A5", "anthropic", "claude-sonnet-4-6", 1_000_000, 128_000, True, True, "optional", "adaptive", (*_THREE, "max"), "allowed", True),
    Told("A5", "anthropic", "claude-opus-4-5", ..., 64_000, True, True, "optional", "budget", _THREE, "allowed", True),
    Told("A5", "anthropic", "claude-sonnet-4-5-20250929", ..., 64_000, True, True, "optional", "budget", (), "allowed", True),
    Told("A5", "anthropic", "claude-haiku-4-5-20251001", ..., 64_000, True, True, "optional", "budget", (), "allowed", True),
    Told("A3", "anthropic", "claude-3-opus-20240229", 200_000, 4_096, True, True, "none", "none", (), "allowed"),
    Told("A3", "anthropic", "claude-3-5-sonnet-20240620", 200_000, 8_192, True, True, "none", "none", (), "allowed"),
    Told("A3", "anthropic", "claude-3-7-sonnet-20250219", 200_000, 64_000, True, True, "optional", "budget", (), "allowed"),
    Told("A3", "anthropic", "claude-sonnet-4-20250514", 200_000, 64_000, True, True, "optional", "budget", (), "allowed"),
    # Newer than everything: no sampling, and nothing else is claimed of how it thinks.
    Told("models.md 3", "anthropic", "claude-opus-7", None, None, True, True, None, None, None, "rejected"),
    Told("models.md 3", "anthropic", "claude-haiku-6-5-20280101", None, None, True, True, None, None, None, "rejected"),
    # The same on other platforms.
    Told("B3 A5", "bedrock", "us.anthropic.claude-sonnet-4-6", 1_000_000, ..., True, True, "optional", "adaptive", (*_THREE, "max"), "allowed", True),
    Told("B3 A5", "bedrock", "anthropic.claude-opus-4-7", 1_000_000, 128_000, True, True, "optional", "adaptive", _FIVE, "rejected", True),
    Told("B3 M2", "bedrock", "us.anthropic.claude-opus-5-5", 1_000_000, 128_000, True, True, "always", "adaptive", _FIVE, "rejected", False),
    Told("B3 A5", "bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", ..., 64_000, True, True, "optional", "budget", (), "allowed", True),
    Told("A5", "bedrock-anthropic", "global.anthropic.claude-sonnet-5", 1_000_000, 128_000, True, True, "default_on", "adaptive", _FIVE, "rejected", True),
    Told("A5", "vertex", "claude-opus-4-5@20251101", ..., 64_000, True, True, "optional", "budget", _THREE, "allowed", True),
    Told("A5", "vertex", "claude-sonnet-5", 1_000_000, 128_000, True, True, "default_on", "adaptive", _FIVE, "rejected", True),
    # OpenAI. Contexts from its pages, where the reference has none.
    Told("O5 recordings", "openai", "gpt-3.5-turbo", 16_385, 4_096, False, True, "none", "none", (), "allowed"),
    Told("O5", "openai", "gpt-4", 8_192, 8_192, ..., ..., "none", "none", (), "allowed"),
    Told("O5", "openai", "gpt-3.5-turbo-0125", 16_385, 4_096, False, True, "none", "none", (), "allowed"),
    Told("O5", "openai", "gpt-4-0613", 8_192, 8_192, False, ..., "none", "none", (), "allowed"),
    Told("O5", "openai", "gpt-4-1106-preview", 128_000, 4_096, False, True, "none", "none", (), "allowed"),
    Told("O5", "openai", "gpt-4-turbo-preview", 128_000, 4_096, False, True, "none", "none", (), "allowed"),
    Told("O5", "openai", "gpt-4o", 128_000, 16_384, True, True, "none", "none", (), "allowed", True),
    Told("O5", "openai", "gpt-4o-2024-08-06", 128_000, 16_384, True, True, "none", "none", (), "allowed", True),
    Told("O5", "openai", "gpt-4o-mini", 128_000, 16_384, True, True, "none", "none", (), "allowed", True),
    Told("O5", "openai", "gpt-4o-search-preview", 128_000, ..., ..., ..., "none", "none", (), "rejected"),
    Told("O5", "openai", "gpt-4.1", 1_047_576, 32_768, True, True, "none", "none", (), "allowed", True),
    Told("O5", "openai", "gpt-4.1-mini", 1_047_576, 32_768, True, True, "none", "none", (), "allowed", True),
    Told("O5", "openai", "gpt-5-chat-latest", ..., ..., True, ..., "none", "none", (), "allowed"),
    Told("O5", "openai", "o1-mini", 128_000, ..., ..., False, "always", "none", (), "rejected"),
    Told("O5", "openai", "o1", 200_000, 100_000, True, True, "always", "effort", _THREE, "rejected"),
    Told("O5", "openai", "o3", 200_000, 100_000, True, True, "always", "effort", _THREE, "rejected"),
    Told("O5", "openai", "o3-mini", 200_000, 100_000, False, True, "always", "effort", _THREE, "rejected"),
    Told("O5", "openai", "o4-mini-2025-04-16", 200_000, 100_000, True, True, "always", "effort", _THREE, "rejected"),
    Told("O5", "openai", "gpt-5", 400_000, 128_000, True, True, "always", "effort", ("minimal", *_THREE), "rejected"),
    Told("O5", "openai", "gpt-5-mini", 400_000, 128_000, True, True, "always", "effort", ("minimal", *_THREE), "rejected"),
    Told("O5", "openai", "gpt-5-nano-2025-08-07", 400_000, 128_000, True, True, "always", "effort", ("minimal", *_THREE), "rejected"),
    Told("O5", "openai", "gpt-5-pro", 400_000, ..., True, ..., "always", "effort", ("high",), "rejected"),
    Told("O5", "openai", "gpt-5.1", 400_000, 128_000, True, True, "optional", "effort", _THREE, _OFF_ONLY),
    Told("O5", "openai", "gpt-5.1-chat-latest", 128_000, ..., True, ..., "always", "effort", ("medium",), "rejected"),
    Told("O5", "openai", "gpt-5.2", 400_000, 128_000, True, True, "optional", "effort", _FOUR, _OFF_ONLY),
    Told("O5", "openai", "gpt-5.2-pro", 400_000, ..., True, ..., "always", "effort", ("medium", "high", "xhigh"), "rejected"),
    Told("O5", "openai", "gpt-5.3-chat-latest", 128_000, ..., ..., ..., "always", "effort", ("medium",), "rejected"),
    Told("O5", "openai", "gpt-5.4", 1_050_000, 128_000, True, True, "optional", "effort", _FOUR, _OFF_ONLY),
    Told("O5", "openai", "gpt-5.4-mini", 400_000, 128_000, True, True, "optional", "effort", _FOUR, _OFF_ONLY),
    Told("O5", "openai", "gpt-5.5", ..., 128_000, True, True, "default_on", "effort", _FOUR, _OFF_ONLY),
    Told("O5", "openai", "gpt-5.4-chat-latest", None, None, ..., True, "always", "effort", ("medium",), "rejected"),
    Told("O5", "openai", "gpt-5.5-chat-latest", None, None, ..., True, "always", "effort", ("medium",), "rejected"),
    Told("O5", "openai", "gpt-5.5-pro", ..., ..., ..., ..., "always", "effort", ("medium", "high", "xhigh"), "rejected"),
    Told("O5", "openai", "gpt-5.6-sol", 1_050_000, 128_000, True, True, "default_on", "effort", _FOUR, _OFF_ONLY),
    Told("O5", "openai", "gpt-5.6-terra", 1_050_000, 128_000, True, True, "default_on", "effort", _FOUR, _OFF_ONLY),
    Told("O5", "openai", "gpt-5.6-luna", 1_050_000, 128_000, True, True, "default_on", "effort", _FOUR, _OFF_ONLY),
    Told("O5", "openai", "gpt-6-sol", 1_050_000, 128_000, True, True, "default_on", "effort", _FOUR, _OFF_ONLY),
    Told("O5", "openai", "gpt-6-luna", 1_050_000, 128_000, True, True, "default_on", "effort", _FOUR, _OFF_ONLY),
    Told("O5", "openai", "gpt-6.1-terra", 1_050_000, None, None, True, "default_on", "effort", _FOUR, _OFF_ONLY),
    Told("O5 M2", "openai", "gpt-6-astra", 1_050_000, 128_000, True, True, "always", "effort", _FOUR, "rejected"),
    Told("O5", "openai", "gpt-6.1-sol", 1_050_000, 128_000, True, True, "always", "effort", _FOUR, "rejected"),
    Told("O5 models.md 3", "openai", "gpt-6.2-astra", None, None, None, None, "always", "effort", None, "rejected"),
    Told("O5", "azure", "gpt-5.1-2025-11-13", 400_000, 128_000, True, True, "optional", "effort", _THREE, _OFF_ONLY),
    # Gemini. Temperature is taken by all (G3), forcing is a mode of the wire (G4).
    Told("G5", "gemini", "gemini-1.5-flash", ..., ..., ..., True, "none", "none", (), "allowed", True),
    Told("G5", "gemini", "gemini-2.0-flash-001", ..., 8_192, True, True, "none", "none", (), "allowed", True),
    Told("G5", "gemini", "models/gemini-2.5-pro", 1_048_576, 65_536, True, True, "always", "budget", (), "allowed", True),
    Told("G5", "gemini", "gemini-2.5-flash", 1_048_576, 65_536, True, True, "default_on", "budget", (), "allowed", True),
    Told("G5", "gemini", "gemini-2.5-flash-lite", 1_048_576, 65_536, True, True, "optional", "budget", (), "allowed", True),
    Told("G5", "gemini", "gemini-2.5-flash-image", ..., ..., ..., ..., "none", "none", (), "allowed"),
    Told("G5", "gemini", "gemini-3-flash-preview", 1_048_576, 65_536, True, True, "always", "level", ("minimal", *_THREE), "allowed", True),
    Told("G5", "gemini", "gemini-3-pro-preview", ..., ..., ..., True, "always", "level", ("low", "high"), "allowed", True),
    Told("G5", "gemini", "gemini-3.1-pro-preview", 1_048_576, 65_536, True, True, "always", "level", _THREE, "allowed", True),
    Told("G5", "gemini", "gemini-3.6-flash", 1_048_576, 65_536, True, True, "always", "level", ("minimal", *_THREE), "allowed", True),
    Told("G5", "gemini", "gemini-3.7-flash", 1_048_576, 65_536, True, True, "always", "level", _THREE, "allowed", True),
    Told("G5 M2", "gemini", "gemini-3.8-flash", 1_000_000, 65_536, True, True, "always", "level", _THREE, "allowed", True),
    Told("G5", "gemini", "gemini-4-argon", 1_048_576, None, True, True, "always", "level", _THREE, "allowed", True),
    Told("G5", "gemini", "gemini-4-carbon", None, None, None, True, "always", "level", _THREE, "allowed", True),
    Told("G5", "gemini", "gemma-4-31b-it", 262_144, 32_768, True, True, ..., ..., (), "allowed"),
    Told("G5", "vertex", "publishers/google/models/gemini-2.5-pro", 1_048_576, 65_536, True, True, "always", "budget", (), "allowed", True),
    # Bedrock's others.
    Told("B4", "bedrock", "us.amazon.nova-micro-v1:0", 128_000, ..., False, True, "none", ..., ..., ..., True),
    Told("B4", "bedrock", "amazon.nova-lite-v1:0", 300_000, ..., True, True, "none", ..., ..., ..., True),
    Told("B3", "bedrock", "us.amazon.nova-2-lite-v1:0", 1_000_000, ..., True, True, "optional", "effort", _THREE, ..., True),
    Told("AWS", "bedrock", "us.amazon.nova-premier-v1:0", 1_000_000, ..., True, True, ..., ..., ..., "allowed", True),
    Told("AWS", "bedrock", "us.meta.llama3-2-90b-instruct-v1:0", 128_000, ..., True, ..., ..., ..., ..., "allowed", False),
    Told("M3", "bedrock", "global.openai.gpt-6-sol", ..., 128_000, True, True, ..., "effort", ..., ...),
    Told("B9", "bedrock", "amazon.titan-text-express-v1", ..., ..., ..., False, ..., ..., ..., ...),
    Told("B3", "bedrock", "openai.gpt-oss-120b-1:0", 128_000, ..., False, True, ..., "effort", _THREE, ...),
    Told("B3", "bedrock", "us.deepseek.r1-v1:0", 128_000, ..., False, ..., "always", "none", (), ...),
    Told("B2", "bedrock", "meta.llama3-1-70b-instruct-v1:0", 128_000, ..., False, True, "none", ..., ..., ..., False),
    # Nobody's catalogue: the server is asked.
    Told("ollama.md", "ollama", "llama3.2", None, None, None, None, None, None, None, None, None),
    Told("models.md 3", "bedrock", "amazon.does-not-exist", None, None, None, None, None, None, None, None, None),
]
# fmt: on


@pytest.mark.parametrize("told", TOLD, ids=lambda t: f"{t.provider}/{t.model}")
def test_agrees_with_the_wire_reference(told: Told) -> None:
    facts = facts_for(told.provider, told.model)
    read = facts.input_modalities
    known = {
        "context": facts.context_window,
        "output": facts.max_output_tokens,
        "vision": None if read is None else "image" in read,
        "tools": facts.tools,
        "reasoning": facts.reasoning,
        "control": facts.reasoning_control,
        "efforts": facts.efforts,
        "sampling": facts.sampling,
        "forced": facts.forced_tool_choice,
    }
    wanted = {name: value for name, value in told._asdict().items() if name in known}
    assert {name: known[name] for name, value in wanted.items() if value is not ...} == {
        name: value for name, value in wanted.items() if value is not ...
    }


def test_enough_models_are_told_of() -> None:
    assert len({(told.provider, told.model) for told in TOLD}) >= 60
