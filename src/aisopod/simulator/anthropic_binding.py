"""What Claude's signed thinking is bound to, on Anthropic's wire and on Converse.

Newer models take a block back only behind what it was made behind: the system prompt, the tools
and the turns before it, cache marks and thinking left aside.
https://platform.claude.com/docs/en/build-with-claude/preserved-thinking
"""

import hashlib
import re
from collections.abc import Collection
from typing import Any

import msgspec

from aisopod.simulator.wire import Fields, Refusal

__all__ = ["CONTROLS", "binding_of", "check_binding", "is_own", "signature_of"]

CONTROLS = "thinking-binding-controls-2026-08-01"
"""The beta in which a request may ask for blocks of another conversation to be dropped."""

_BINDS = re.compile(r"claude-(fable-5-[12]|mythos-5-2|(opus|sonnet|haiku)-5-5)")
_SIGNED = re.compile(r"(sim-[0-9a-f]{24})(?:-([0-9a-f]{16}))?")
_ASIDE = frozenset({"thinking", "redacted_thinking", "reasoningContent", "cachePoint"})


def signature_of(thinking: str, binding: str = "") -> str:
    """The simulator's own signature of a text; one that started anew knows it again."""
    text = f"sim-{hashlib.sha256(thinking.encode()).hexdigest()[:24]}"
    return f"{text}-{binding}" if binding else text


def is_own(signature: str, thinking: str) -> bool:
    """Whether a signature that looks like the simulator's own is of this text."""
    found = _SIGNED.fullmatch(signature)
    return found is not None and found[1] == signature_of(thinking)


def binding_of(model: str, head: Any, turns: list[Fields]) -> str:  # noqa: ANN401 - any JSON
    """What an answer's thinking is bound to; empty where the model binds it to nothing.

    Args:
        model: Anthropic's own name of it.
        head: the system prompt and the tools.
        turns: those before the answer; of an answer that goes on, those before its beginning.
    """
    if not _BINDS.match(model):
        return ""
    if turns and turns[-1]["role"] == "assistant":
        turns = turns[:-1]
    told = msgspec.json.encode(_bare([head, turns]), order="deterministic")
    return hashlib.sha256(told).hexdigest()[:16]


def check_binding(
    settings: Fields,
    head: Any,  # noqa: ANN401 - any JSON
    turns: list[Fields],
    betas: Collection[str],
) -> None:
    """Refuse thinking that the simulator signed behind something else.

    Args:
        settings: the model by Anthropic's own name, and its `thinking`.
        head: the system prompt and the tools.
        turns: of the conversation, neighbours of one role joined.
        betas: that the request asks for.

    Raises:
        Refusal: with the documented words.
    """
    control = (settings.get("thinking") or {}).get("block_binding")
    if control is not None and CONTROLS not in betas:
        kind = settings["thinking"].get("type")
        raise Refusal(400, f"thinking.{kind}.block_binding: Extra inputs are not permitted")
    if (control or {}).get("prefix_mismatch_behavior") == "drop_block":
        return
    for index, turn in enumerate(turns):
        for position, block in enumerate(turn["content"]):
            found = _SIGNED.fullmatch(_signature(block))
            if found is None or not found[2]:
                continue
            binding = binding_of(settings["model"], head, turns[: index + 1])
            if binding and binding != found[2]:
                raise Refusal(
                    400,
                    f"messages.{index}.content.{position}: Invalid `signature` in `thinking` "
                    "block. The block is bound to a different conversation. Remove the block, or "
                    'set `thinking.block_binding.prefix_mismatch_behavior` to "drop_block". That '
                    f"setting requires the `{CONTROLS}` value in the `anthropic-beta` header.",
                )


def _signature(block: Fields) -> str:
    told = block.get("reasoningContent", {}).get("reasoningText", block)
    return str(told.get("signature") or "")


def _bare(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_bare(each) for each in value if not _is_aside(each)]
    if isinstance(value, dict):
        return {name: _bare(each) for name, each in value.items() if name != "cache_control"}
    return value


def _is_aside(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return isinstance(value, dict) and (value.get("type") in _ASIDE or not _ASIDE.isdisjoint(value))
