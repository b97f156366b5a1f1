"""What Converse takes less of, or other, than the vendors' own wires."""

from aisopod.catalogue.facts import Facts, Source
from aisopod.catalogue.families.rule import Rule

__all__ = ["RULES"]

# Its profiles were tried against the live API.
_PROFILES = Source("pydantic-ai-slim 2.68.0, models/bedrock", "2026-11-23")
_CACHING = Source("https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html")
_FEATURES = Source(
    "https://docs.aws.amazon.com/bedrock/latest/userguide/"
    "conversation-inference-supported-models-features.html"
)

_LOW_HIGH = ("low", "medium", "high")
_UNFORCED = Facts(tools=True, forced_tool_choice=False, cache="none")
_PLAIN = Facts(tools=False, structured_output="none", cache="none")
_FORCED = Facts(tools=True, forced_tool_choice=True, cache="none")
_EFFORT = Facts(reasoning="default_on", reasoning_control="effort", cache="none")

RULES: tuple[Rule, ...] = (
    Rule("amazon.nova", Facts(tools=True, forced_tool_choice=True, cache="explicit"), _CACHING),
    Rule(
        "amazon.nova-2",
        Facts(
            tools=True,
            forced_tool_choice=True,
            cache="explicit",
            reasoning="optional",
            reasoning_control="effort",
            efforts=_LOW_HIGH,
        ),
        _PROFILES,
    ),
    Rule("amazon.titan", _PLAIN, _FEATURES),
    Rule("ai21", Facts(cache="none"), _CACHING),
    Rule("cohere.command", Facts(cache="none"), _CACHING),
    Rule("deepseek", Facts(cache="none"), _CACHING),
    Rule(
        "deepseek.r1",
        Facts(reasoning="always", reasoning_control="none", efforts=(), cache="none"),
        _PROFILES,
    ),
    Rule("meta.llama2", _PLAIN, _FEATURES),
    Rule("meta.llama3-8b", _PLAIN, _FEATURES),
    Rule("meta.llama3-70b", _PLAIN, _FEATURES),
    Rule("meta.llama3-1", _UNFORCED, _FEATURES),
    Rule("meta.llama3-2", Facts(forced_tool_choice=False, cache="none"), _FEATURES),
    Rule("meta.llama3-3", _UNFORCED, _FEATURES),
    Rule("meta.llama4", _UNFORCED, _FEATURES),
    Rule("mistral", Facts(cache="none"), _CACHING),
    Rule("mistral.mistral-7b", _PLAIN, _FEATURES),
    Rule("mistral.mistral-large", _FORCED, _FEATURES),
    Rule(
        "openai.gpt-oss",
        Facts(reasoning="always", reasoning_control="effort", efforts=_LOW_HIGH, cache="none"),
        _PROFILES,
    ),
    Rule("openai.gpt-5.6", _EFFORT, _PROFILES),
    Rule("openai.gpt-6", Facts(reasoning_control="effort", cache="none"), _PROFILES),
    Rule("qwen", Facts(cache="none"), _CACHING),
    Rule("writer", Facts(cache="none"), _CACHING),
    Rule("xai", Facts(reasoning_control="effort", cache="none"), _PROFILES),
)
