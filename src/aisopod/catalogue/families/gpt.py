"""OpenAI's models as Chat Completions has them; Responses takes more (effort `max`)."""

from msgspec.structs import replace

from aisopod.catalogue.facts import Facts, Source
from aisopod.catalogue.families.rule import Rule

__all__ = ["RULES"]

# Its profiles were tried against the live API.
_PROFILES = Source("pydantic-ai-slim 2.68.0, profiles/openai", "2026-11-23")
_MODELS = Source("https://platform.openai.com/docs/models")
_ASSUMED = Source(
    "aisopod: a GPT newer than the rules is taken to be as strict as the strictest known"
)

_LOW_HIGH = ("low", "medium", "high")
_LOW_XHIGH = (*_LOW_HIGH, "xhigh")

_PLAIN = Facts(
    reasoning="none",
    reasoning_control="none",
    efforts=(),
    sampling="allowed",
)
_TURBO = replace(_PLAIN, tools=True, structured_output="json")
_TURBO_PREVIEW = replace(
    _TURBO, input_modalities=frozenset({"text"}), max_output_tokens=4_096, cache="none"
)
_CHAT = replace(
    _PLAIN, tools=True, parallel_tools=True, structured_output="native", forced_tool_choice=True
)
_CURRENT = replace(_CHAT, cache="auto")
_REASONER = replace(
    _CURRENT, reasoning="always", reasoning_control="effort", efforts=_LOW_HIGH, sampling="rejected"
)
# Whether these call several tools at once differs, and their pages do not say.
_O_SERIES = replace(_REASONER, parallel_tools=None)
_OPTIONAL = replace(_REASONER, reasoning="optional", sampling="only_when_reasoning_off")
_DEFAULT_ON = replace(_OPTIONAL, reasoning="default_on", efforts=_LOW_XHIGH)
_STRICT = replace(_REASONER, efforts=_LOW_XHIGH)
_FIRST_O1 = Facts(
    tools=False,
    structured_output="none",
    reasoning="always",
    reasoning_control="none",
    efforts=(),
    sampling="rejected",
)
_MEDIUM_ONLY = replace(_REASONER, efforts=("medium",))
_PRO = replace(_REASONER, efforts=("medium", "high", "xhigh"))
# Makers of pictures and sound: the rules for chat say nothing of them.
_OTHER = Facts()
_NEWER = Facts(reasoning_control="effort", reasoning="always", sampling="rejected")

RULES: tuple[Rule, ...] = (
    Rule("gpt-3.5", replace(_PLAIN, tools=True, structured_output="json", cache="none"), _MODELS),
    Rule("gpt-4", replace(_PLAIN, cache="none"), _MODELS),
    Rule("gpt-4-turbo", _TURBO, _MODELS),
    Rule("gpt-4-turbo-preview", _TURBO_PREVIEW, _MODELS),
    Rule("gpt-4-0125-preview", _TURBO_PREVIEW, _MODELS),
    Rule("gpt-4-1106-preview", _TURBO_PREVIEW, _MODELS),
    Rule("gpt-4o", _CURRENT, _MODELS),
    Rule("gpt-4o-search-preview", replace(_PLAIN, sampling="rejected"), _MODELS),
    Rule("gpt-4o-mini-search-preview", replace(_PLAIN, sampling="rejected"), _MODELS),
    Rule("gpt-4o-audio-preview", replace(_PLAIN, tools=True), _MODELS),
    Rule("gpt-4o-mini-audio-preview", replace(_PLAIN, tools=True), _MODELS),
    Rule("gpt-4.1", _CURRENT, _MODELS),
    Rule("chatgpt", _PLAIN, _MODELS),
    Rule("gpt-audio", _PLAIN, _MODELS),
    Rule("o1", _O_SERIES, _PROFILES),
    Rule("o1-mini", _FIRST_O1, _PROFILES),
    Rule("o1-preview", _FIRST_O1, _PROFILES),
    Rule("o3", _O_SERIES, _PROFILES),
    Rule("o4-mini", _O_SERIES, _PROFILES),
    Rule("gpt-5", replace(_REASONER, efforts=("minimal", *_LOW_HIGH)), _PROFILES),
    Rule("gpt-5-chat", replace(_PLAIN, cache="auto"), _PROFILES),
    Rule("gpt-5-pro", replace(_REASONER, efforts=("high",)), _PROFILES),
    Rule("gpt-5.1", _OPTIONAL, _PROFILES),
    Rule("gpt-5.1-chat", _MEDIUM_ONLY, _PROFILES),
    Rule("gpt-5.2", replace(_OPTIONAL, efforts=_LOW_XHIGH), _PROFILES),
    Rule("gpt-5.2-chat", _MEDIUM_ONLY, _PROFILES),
    Rule("gpt-5.2-pro", _PRO, _PROFILES),
    Rule("gpt-5.3", replace(_OPTIONAL, efforts=_LOW_XHIGH), _PROFILES),
    Rule("gpt-5.3-chat", _MEDIUM_ONLY, _PROFILES),
    Rule("gpt-5.4", replace(_OPTIONAL, efforts=_LOW_XHIGH), _PROFILES),
    Rule("gpt-5.4-chat", _MEDIUM_ONLY, _PROFILES),
    Rule("gpt-5.4-pro", _PRO, _PROFILES),
    Rule("gpt-5.5", _DEFAULT_ON, _PROFILES),
    Rule("gpt-5.5-chat", _MEDIUM_ONLY, _PROFILES),
    Rule("gpt-5.5-pro", _PRO, _PROFILES),
    Rule("gpt-5.6", _DEFAULT_ON, _PROFILES),
    Rule("gpt-6-sol", _DEFAULT_ON, _PROFILES),
    Rule("gpt-6-luna", _DEFAULT_ON, _PROFILES),
    Rule("gpt-6.1-terra", _DEFAULT_ON, _PROFILES),
    Rule("gpt-6-astra", _STRICT, _PROFILES),
    Rule("gpt-6.1-sol", _STRICT, _PROFILES),
    # Responses only: Chat Completions has nothing to say of how they behave.
    Rule("codex", _OTHER, _MODELS),
    Rule("gpt-5-codex", _OTHER, _MODELS),
    Rule("gpt-5.1-codex", _OTHER, _MODELS),
    Rule("gpt-5.2-codex", _OTHER, _MODELS),
    Rule("gpt-5.3-codex", _OTHER, _MODELS),
    Rule("gpt-4o-realtime", _OTHER, _MODELS),
    Rule("gpt-4o-mini-realtime", _OTHER, _MODELS),
    Rule("gpt-4o-transcribe", _OTHER, _MODELS),
    Rule("gpt-4o-mini-transcribe", _OTHER, _MODELS),
    Rule("gpt-4o-mini-tts", _OTHER, _MODELS),
    Rule("gpt-5-image", _OTHER, _MODELS),
    Rule("gpt-5.4-image", _OTHER, _MODELS),
    Rule("gpt-5.", _NEWER, _ASSUMED),
    Rule("gpt-6", _NEWER, _ASSUMED),
    Rule("gpt-6.", _NEWER, _ASSUMED),
    Rule("gpt-7", _NEWER, _ASSUMED),
    Rule("gpt-7.", _NEWER, _ASSUMED),
)
