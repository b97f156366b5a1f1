"""Token counts of the wire in aisopod's convention."""

from typing import Any

import msgspec

from aisopod.codecs.anthropic_messages.schema import Iteration, Usage
from aisopod.types import ResponseWarning, TokenUsage

__all__ = ["uncounted", "usage_of"]

_LEFT_OUT = frozenset({"compaction", "advisor_message"})


def usage_of(told: dict[str, Any]) -> TokenUsage | None:
    """The wire's counts leave cached tokens out of input_tokens; ours include them.

    None where neither of the two is told: https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching#tracking-cache-performance
    """
    usage = msgspec.convert(told, Usage)
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    is_whole = usage.input_tokens is not None and usage.output_tokens is not None
    read = usage.cache_read_input_tokens or 0
    write = usage.cache_creation_input_tokens or 0
    kept, details = usage.cache_creation, usage.output_tokens_details
    return TokenUsage(
        input_tokens=(usage.input_tokens or 0) + read + write,
        output_tokens=usage.output_tokens or 0,
        cache_read_tokens=read,
        cache_write_tokens=write,
        cache_write_1h_tokens=(kept.ephemeral_1h_input_tokens if kept else None) or 0,
        reasoning_tokens=(details.thinking_tokens if details else None) or 0,
        quality="exact" if is_whole else "partial",
    )


def uncounted(told: dict[str, Any]) -> ResponseWarning | None:
    """Calls that the service made for the answer, and bills, but leaves out of its counts.

    https://platform.claude.com/docs/en/build-with-claude/compaction: the counts at the top are
    those of the iterations of type `message`.
    """
    try:
        calls = msgspec.convert(told.get("iterations"), list[Iteration] | None) or ()
    except msgspec.ValidationError:
        return None  # the list is young and may change; no answer fails for it
    others = [call for call in calls if call.type in _LEFT_OUT]
    if not others:
        return None
    counts = [usage_of(msgspec.to_builtins(call)) or TokenUsage() for call in others]
    tokens = ", ".join(
        f"{call.type} {count.input_tokens} in, {count.output_tokens} out"
        for call, count in zip(others, counts, strict=True)
    )
    return ResponseWarning(
        rule="usage_uncounted",
        message=f"the service made further calls, which usage leaves out: {tokens} "
        '(metadata["usage"]["iterations"])',
    )
