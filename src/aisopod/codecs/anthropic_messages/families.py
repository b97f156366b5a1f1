"""What each generation of Claude takes, by the prefix of its name.

Source: the table of thinking and sampling in the models' documentation,
https://docs.anthropic.com/en/docs/about-claude/models, as vendors' and peers' profiles confirm it.
The longest prefix wins, so dated ids and point releases find their family.
"""

import re
from functools import lru_cache
from typing import Literal

import msgspec

__all__ = ["Family", "family_of", "lineage"]

Thinking = Literal["adaptive", "enabled", "both"]


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """How a family is asked.

    Attributes:
        thinking: the form that turns thinking on: `adaptive`, `enabled` with a budget, or `both`.
        off: the form that turns it off; None where it cannot be turned off.
        efforts: the words of `output_config.effort` that it takes.
        sampling: whether it takes temperature, top_p and top_k.
        structured: whether it takes `output_config.format`.
        forced_tool: whether a tool may be forced.
        max_output_tokens: the longest answer, in tokens.
        prefill: whether it continues a text of the assistant's.
        interleaved_beta: whether thinking between tool calls needs the beta header.
        system_turns: whether a system message may stand among the turns:
            https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages.
            Sonnet 5 ignores it; Haiku 5.5 may take one right behind results for one of them.
        binds: whether signed thinking is good only behind what it was made behind:
            https://platform.claude.com/docs/en/build-with-claude/preserved-thinking.
    """

    thinking: Thinking | None = "adaptive"
    off: Literal["disabled", "between_tools"] | None = "disabled"
    efforts: tuple[str, ...] = ("low", "medium", "high", "xhigh", "max")
    sampling: bool = False
    structured: bool = True
    forced_tool: bool = True
    max_output_tokens: int = 128_000
    prefill: bool = False
    interleaved_beta: bool = False
    system_turns: bool = False
    binds: bool = False


_FOUR_EFFORTS = ("low", "medium", "high", "max")
_ADAPTIVE = Family()
_LATE = Family(system_turns=True)
_BINDING = Family(system_turns=True, binds=True)
_ALWAYS = Family(off=None, system_turns=True)
_UNFORCED = msgspec.structs.replace(_ALWAYS, forced_tool=False)
_UNFORCED_BINDING = msgspec.structs.replace(_UNFORCED, binds=True)
_BOTH = Family(thinking="both", efforts=_FOUR_EFFORTS, sampling=True)
_BUDGET = Family(
    thinking="enabled",
    efforts=(),
    sampling=True,
    prefill=True,
    max_output_tokens=64_000,
    interleaved_beta=True,
)
_OLD = Family(
    thinking=None,
    efforts=(),
    sampling=True,
    structured=False,
    prefill=True,
    max_output_tokens=4_096,
)
_FIRST_THINKERS = msgspec.structs.replace(_BUDGET, structured=False)

_FAMILIES: dict[str, Family] = {
    "claude-2": _OLD,
    "claude-instant": _OLD,
    "claude-3": _OLD,
    "claude-3-5": msgspec.structs.replace(_OLD, max_output_tokens=8_192),
    "claude-3-7": msgspec.structs.replace(_FIRST_THINKERS, interleaved_beta=False),
    "claude-opus-4-1": msgspec.structs.replace(_BUDGET, max_output_tokens=32_000),
    "claude-sonnet-4-5": _BUDGET,
    "claude-haiku-4-5": _BUDGET,
    "claude-opus-4-5": msgspec.structs.replace(_BUDGET, efforts=("low", "medium", "high")),
    "claude-opus-4-6": _BOTH,
    "claude-sonnet-4-6": _BOTH,
    "claude-opus-4-7": _ADAPTIVE,
    "claude-opus-4-8": _LATE,
    "claude-opus-5": _LATE,
    "claude-sonnet-5": _ADAPTIVE,
    "claude-haiku-5-5": _BINDING,
    "claude-opus-5-5": _UNFORCED_BINDING,
    "claude-sonnet-5-5": msgspec.structs.replace(_UNFORCED_BINDING, off="between_tools"),
    "claude-fable-5": _ALWAYS,
    "claude-mythos-5": _ALWAYS,
    "claude-fable-5-1": _UNFORCED_BINDING,
    "claude-fable-5-2": _UNFORCED_BINDING,
    "claude-mythos-5-1": _UNFORCED,
    "claude-mythos-5-2": _UNFORCED_BINDING,
}

# Names without a point release are these alone: a claude-opus-4-9 would be newer than the table.
_FIRST_OPUS = msgspec.structs.replace(_FIRST_THINKERS, max_output_tokens=32_000)
_EXACT: dict[str, Family] = {
    "claude-opus-4": _FIRST_OPUS,
    "claude-opus-4-0": _FIRST_OPUS,
    "claude-sonnet-4": _FIRST_THINKERS,
    "claude-sonnet-4-0": _FIRST_THINKERS,
}

# A Claude that is not in the table is most likely newer than it: it gets the newest rules.
_NEWEST = _BINDING
# Another server on this wire takes what the wire takes; what it does with it is its own affair.
_FOREIGN = Family(thinking="both", sampling=True, prefill=True, max_output_tokens=4_096)

_NAME = re.compile(r"claude-[a-z0-9-]+")


@lru_cache(maxsize=256)
def family_of(model: str) -> Family:
    """The family of a model id, dated, aliased or with a platform's prefix."""
    name = _bare_name(model)
    if name is None:
        return _FOREIGN
    if name in _EXACT:
        return _EXACT[name]
    found = _prefix(name)
    return _FAMILIES[found] if found else _NEWEST


@lru_cache(maxsize=256)
def lineage(model: str) -> str:
    """The models that read each other's signed thinking: those of one line of the table."""
    name = _bare_name(model)
    return model if name is None else _prefix(name) or name


def _bare_name(model: str) -> str | None:
    """The name without platform, date and version; None where it is no Claude's."""
    match = _NAME.search(model.lower().replace(".", "-"))
    # A date is no version: claude-opus-4-20250514 is opus 4, not a 4-2.
    return re.sub(r"-\d{8}.*$|-v\d.*$|-latest$", "", match[0]) if match else None


def _prefix(name: str) -> str | None:
    prefixes = [prefix for prefix in _FAMILIES if name == prefix or name.startswith(f"{prefix}-")]
    return max(prefixes, key=len, default=None)
