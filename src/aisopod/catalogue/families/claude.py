"""Claude: the same rules on Anthropic's own wire, on Bedrock and on Vertex."""

from msgspec.structs import replace

from aisopod.catalogue.facts import Facts, Source
from aisopod.catalogue.families.rule import Rule

__all__ = ["RULES"]

# Its profiles were tried against the live API.
_PROFILES = Source("pydantic-ai-slim 2.68.0, profiles/anthropic", "2026-11-23")
_MODELS = Source("https://platform.claude.com/docs/en/about-claude/models/overview")
_ASSUMED = Source("aisopod: a Claude that no rule names is taken for one newer than all of them")

_FIVE = ("low", "medium", "high", "xhigh", "max")

# What every Claude since the third generation has in common.
_ANY = Facts(
    input_modalities=frozenset({"text", "image", "pdf"}),
    tools=True,
    parallel_tools=True,
    structured_output="native",
    forced_tool_choice=True,
    cache="explicit",
)
# From 4.6 on the last message has to be the user's:
# https://platform.claude.com/docs/en/about-claude/models/migration-guide
_ADAPTIVE = replace(
    _ANY,
    max_output_tokens=128_000,
    reasoning_control="adaptive",
    efforts=_FIVE,
    sampling="rejected",
    prefill=False,
)
_OPTIONAL = replace(_ADAPTIVE, reasoning="optional")
_DEFAULT_ON = replace(_ADAPTIVE, reasoning="default_on")
_ALWAYS = replace(_ADAPTIVE, reasoning="always")
# The newest ones refuse to be forced to call a tool.
_UNFORCED = replace(_ALWAYS, forced_tool_choice=False)
_FOUR_SIX = replace(_OPTIONAL, efforts=("low", "medium", "high", "max"), sampling="allowed")
_BUDGET = replace(
    _ANY,
    max_output_tokens=64_000,
    reasoning="optional",
    reasoning_control="budget",
    efforts=(),
    sampling="allowed",
    prefill=True,
)
_FOUR_ONE = replace(_BUDGET, max_output_tokens=32_000)
_OLD = replace(
    _ANY,
    structured_output="tool",
    reasoning="none",
    reasoning_control="none",
    efforts=(),
    sampling="allowed",
    prefill=True,
    lifecycle="retired",
)
_THREE = replace(_OLD, input_modalities=frozenset({"text", "image"}), max_output_tokens=4_096)
_FIRST_THINKERS = replace(_BUDGET, structured_output="tool", lifecycle="retired")
_BEFORE_TOOLS = Facts(
    input_modalities=frozenset({"text"}),
    tools=False,
    structured_output="none",
    reasoning="none",
    reasoning_control="none",
    efforts=(),
    sampling="allowed",
    prefill=True,
    cache="none",
    lifecycle="retired",
)

RULES: tuple[Rule, ...] = (
    Rule("claude-fable-5", _ALWAYS, _PROFILES),
    Rule("claude-fable-5-1", _UNFORCED, _PROFILES),
    Rule("claude-fable-5-2", _UNFORCED, _PROFILES),
    Rule("claude-mythos-5", _ALWAYS, _PROFILES),
    Rule("claude-mythos-5-2", _UNFORCED, _PROFILES),
    Rule("claude-opus-5", _DEFAULT_ON, _PROFILES),
    Rule("claude-opus-5-5", _UNFORCED, _PROFILES),
    Rule("claude-sonnet-5", _DEFAULT_ON, _PROFILES),
    Rule("claude-sonnet-5-5", replace(_DEFAULT_ON, forced_tool_choice=False), _PROFILES),
    Rule("claude-haiku-5-5", _DEFAULT_ON, _PROFILES),
    Rule("claude-opus-4-8", _OPTIONAL, _PROFILES),
    Rule("claude-opus-4-7", _OPTIONAL, _PROFILES),
    Rule("claude-opus-4-6", _FOUR_SIX, _PROFILES),
    Rule("claude-sonnet-4-6", _FOUR_SIX, _PROFILES),
    Rule("claude-opus-4-5", replace(_BUDGET, efforts=("low", "medium", "high")), _PROFILES),
    Rule("claude-sonnet-4-5", _BUDGET, _PROFILES),
    Rule("claude-haiku-4-5", _BUDGET, _PROFILES),
    Rule("claude-opus-4-1", _FOUR_ONE, _PROFILES),
    Rule(
        "claude-opus-4", replace(_FIRST_THINKERS, max_output_tokens=32_000), _PROFILES, exact=True
    ),
    Rule("claude-opus-4-0", replace(_FIRST_THINKERS, max_output_tokens=32_000), _PROFILES),
    Rule("claude-sonnet-4", _FIRST_THINKERS, _PROFILES, exact=True),
    Rule("claude-sonnet-4-0", _FIRST_THINKERS, _PROFILES),
    Rule("claude-3-7-sonnet", _FIRST_THINKERS, _PROFILES),
    Rule("claude-3-5-sonnet", replace(_OLD, max_output_tokens=8_192), _MODELS),
    Rule("claude-3-5-haiku", replace(_OLD, max_output_tokens=8_192), _MODELS),
    Rule("claude-3", _THREE, _MODELS),
    Rule("claude-2", _BEFORE_TOOLS, _MODELS),
    Rule("claude-v1", _BEFORE_TOOLS, _MODELS),
    Rule("claude-v2", _BEFORE_TOOLS, _MODELS),
    Rule("claude-instant", _BEFORE_TOOLS, _MODELS),
    # Only what would be an error to assume otherwise: nothing of limits or of how it thinks.
    Rule(
        "claude-",
        replace(_ANY, sampling="rejected", forced_tool_choice=None, prefill=False),
        _ASSUMED,
    ),
)
