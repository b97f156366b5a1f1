"""Gemini and Gemma, on the Developer API and on Vertex."""

from msgspec.structs import replace

from aisopod.catalogue.facts import Facts, Source
from aisopod.catalogue.families.rule import Rule

__all__ = ["RULES"]

# Its profiles were tried against the live API.
_PROFILES = Source("pydantic-ai-slim 2.68.0, profiles/google", "2026-11-23")
_MODELS = Source("https://ai.google.dev/gemini-api/docs/models")
_ASSUMED = Source("aisopod: a Gemini that no rule names is taken for one newer than all of them")

# The wire has no field against parallel calls, and no model refuses temperature.
_ANY = Facts(
    tools=True,
    parallel_tools=True,
    structured_output="native",
    sampling="allowed",
    forced_tool_choice=True,
)
_PLAIN = replace(_ANY, reasoning="none", reasoning_control="none", efforts=())
_BUDGET = replace(
    _ANY, reasoning="default_on", reasoning_control="budget", efforts=(), cache="auto"
)
_NO_MINIMAL = ("low", "medium", "high")
_LEVEL = replace(
    _ANY,
    reasoning="always",
    reasoning_control="level",
    efforts=("minimal", *_NO_MINIMAL),
    cache="auto",
)
_THREE_LEVELS = replace(_LEVEL, efforts=_NO_MINIMAL)
_NO_THINKING = Facts(reasoning="none", reasoning_control="none", efforts=(), sampling="allowed")
# Makers of pictures, sound and vectors: the rules for chat say nothing of them.
_OTHER = Facts()

RULES: tuple[Rule, ...] = (
    Rule("gemini-1", replace(_PLAIN, cache="explicit", lifecycle="retired"), _MODELS),
    Rule("gemini-1.", replace(_PLAIN, cache="explicit", lifecycle="retired"), _MODELS),
    Rule("gemini-2.0", _PLAIN, _MODELS),
    Rule("gemini-2.5-pro", replace(_BUDGET, reasoning="always"), _PROFILES),
    Rule("gemini-2.5-flash", _BUDGET, _PROFILES),
    Rule("gemini-2.5-flash-lite", replace(_BUDGET, reasoning="optional"), _PROFILES),
    Rule("gemini-2.5-flash-image", _NO_THINKING, _PROFILES),
    Rule("gemini-3", _LEVEL, _PROFILES),
    Rule("gemini-3.", _LEVEL, _PROFILES),
    Rule("gemini-3-pro", replace(_LEVEL, efforts=("low", "high")), _PROFILES),
    Rule("gemini-3.1-pro", _THREE_LEVELS, _PROFILES),
    Rule("gemini-3.7-flash", _THREE_LEVELS, _PROFILES),
    Rule("gemini-3.8-flash", _THREE_LEVELS, _PROFILES),
    Rule("gemini-4-argon", _THREE_LEVELS, _PROFILES),
    Rule("gemini-4-carbon", _THREE_LEVELS, _PROFILES),
    Rule("gemini-", replace(_ANY, reasoning="always", reasoning_control="level"), _ASSUMED),
    Rule("gemini-2.5-flash-preview-tts", _OTHER, _MODELS),
    Rule("gemini-2.5-flash-tts", _OTHER, _MODELS),
    Rule("gemini-2.5-pro-preview-tts", _OTHER, _MODELS),
    Rule("gemini-2.5-pro-tts", _OTHER, _MODELS),
    Rule("gemini-embedding", _OTHER, _MODELS),
    Rule("gemini-live", _OTHER, _MODELS),
    Rule("gemini-nano-banana", _OTHER, _MODELS),
    Rule("gemini-omni", _OTHER, _MODELS),
    Rule("gemini-robotics", _OTHER, _MODELS),
    Rule("gemini-pro", _OTHER, _MODELS),
    Rule("gemini-flash", _OTHER, _MODELS),
    Rule("gemini-exp", _OTHER, _MODELS),
    Rule("gemma", _NO_THINKING, _PROFILES),
)
