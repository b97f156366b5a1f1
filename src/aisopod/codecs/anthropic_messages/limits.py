"""What the wire takes of a conversation: https://docs.anthropic.com/en/api/messages."""

import re
from functools import lru_cache
from typing import Literal

from aisopod.codecs.anthropic_messages.families import Family, family_of, lineage
from aisopod.normalise.limits import Limits, Words
from aisopod.normalise.target import Target
from aisopod.types import DocumentPart, ImagePart

__all__ = ["forced_tool", "limits"]

_IDS = Words(re.compile(r"[a-zA-Z0-9_-]{1,64}"), 64)
# Newer models take 128 characters, all of them 64.
_NAMES = Words(re.compile(r"[a-zA-Z0-9_-]{1,128}"), 64)


def limits(target: Target) -> Limits:
    """What the wire takes, for one model."""
    return _of(target.model)


@lru_cache(maxsize=256)
def _of(model: str) -> Limits:
    family = family_of(model)
    return Limits(
        tool_ids=_IDS,
        tool_names=_NAMES,
        results_required=True,
        result_media=frozenset({ImagePart, DocumentPart}),
        assistant_media=frozenset(),
        blank_texts="visible",
        system="top",
        prefill=family.prefill,
        trailing_space=False,
        thinking="signed",
        redacted=True,
        lineage=lineage,
        schema="native" if family.structured else "tool",
        forced_tool=forced_tool(family),
    )


def forced_tool(family: Family) -> Literal["always", "resting", "never"]:
    """Who thinks by a budget cannot be forced meanwhile."""
    if not family.forced_tool:
        return "never"
    return "always" if family.thinking in (None, "adaptive") else "resting"
