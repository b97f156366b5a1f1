"""What Converse takes less of, or other, than the vendors' own wires."""

from msgspec.structs import replace

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

# Temperature and top_p are among what the wire has for every model; the rules say where a vendor
# takes them: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
_LOW_HIGH = ("low", "medium", "high")
_TEXT = frozenset({"text"})
_SEEING = frozenset({"text", "image"})
_FILMS = frozenset({"text", "image", "video"})

_UNCACHED = Facts(sampling="allowed", cache="none")
_UNFORCED = replace(_UNCACHED, tools=True, forced_tool_choice=False)
_PLAIN = replace(_UNCACHED, tools=False, structured_output="none", input_modalities=_TEXT)
_FORCED = replace(_UNCACHED, tools=True, forced_tool_choice=True)
_EFFORT = Facts(reasoning="default_on", reasoning_control="effort", cache="none")
_NOVA = Facts(tools=True, forced_tool_choice=True, sampling="allowed", cache="explicit")
_LLAMA_3_2 = replace(_UNCACHED, forced_tool_choice=False, input_modalities=_TEXT)

RULES: tuple[Rule, ...] = (
    Rule("amazon.nova", _NOVA, _CACHING),
    Rule("amazon.nova-premier", replace(_NOVA, input_modalities=_FILMS), _FEATURES),
    Rule(
        "amazon.nova-2",
        replace(_NOVA, reasoning="optional", reasoning_control="effort", efforts=_LOW_HIGH),
        _PROFILES,
    ),
    Rule("amazon.titan", _PLAIN, _FEATURES),
    Rule("ai21", _UNCACHED, _CACHING),
    Rule("cohere.command", _UNCACHED, _CACHING),
    Rule("deepseek", _UNCACHED, _CACHING),
    Rule(
        "deepseek.r1",
        replace(_UNCACHED, reasoning="always", reasoning_control="none", efforts=()),
        _PROFILES,
    ),
    Rule("meta.llama2", _PLAIN, _FEATURES),
    Rule("meta.llama3-8b", _PLAIN, _FEATURES),
    Rule("meta.llama3-70b", _PLAIN, _FEATURES),
    Rule("meta.llama3-1", _UNFORCED, _FEATURES),
    Rule("meta.llama3-2", _LLAMA_3_2, _FEATURES),
    Rule("meta.llama3-2-11b", replace(_LLAMA_3_2, input_modalities=_SEEING), _FEATURES),
    Rule("meta.llama3-2-90b", replace(_LLAMA_3_2, input_modalities=_SEEING), _FEATURES),
    Rule("meta.llama3-3", _UNFORCED, _FEATURES),
    Rule("meta.llama4", _UNFORCED, _FEATURES),
    Rule("mistral", _UNCACHED, _CACHING),
    Rule("mistral.mistral-7b", _PLAIN, _FEATURES),
    Rule("mistral.mixtral", replace(_UNCACHED, input_modalities=_TEXT), _FEATURES),
    Rule("mistral.mistral-large", _FORCED, _FEATURES),
    Rule("mistral.mistral-large-24", replace(_FORCED, input_modalities=_TEXT), _FEATURES),
    Rule("mistral.mistral-small-24", replace(_UNCACHED, input_modalities=_TEXT), _FEATURES),
    Rule(
        "openai.gpt-oss",
        Facts(reasoning="always", reasoning_control="effort", efforts=_LOW_HIGH, cache="none"),
        _PROFILES,
    ),
    Rule("openai.gpt-5.6", _EFFORT, _PROFILES),
    Rule("openai.gpt-6", Facts(reasoning_control="effort", cache="none"), _PROFILES),
    Rule("qwen", _UNCACHED, _CACHING),
    Rule("writer", _UNCACHED, _CACHING),
    Rule("xai", Facts(reasoning_control="effort", cache="none"), _PROFILES),
)
