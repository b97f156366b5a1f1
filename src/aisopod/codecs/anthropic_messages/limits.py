"""What the wire takes of a conversation: https://docs.anthropic.com/en/api/messages."""

import re
from functools import lru_cache
from typing import Literal

from aisopod.codecs.anthropic_messages.families import Family, family_of, lineage
from aisopod.codecs.schema_problems import held_problem
from aisopod.normalise.limits import Files, Limits, Words, reads_web
from aisopod.normalise.target import Target
from aisopod.types import DocumentPart, ImagePart

__all__ = ["IMAGES", "PROPERTY_KEYS", "forced_tool", "limits"]

IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")

_IDS = Words(re.compile(r"[a-zA-Z0-9_-]{1,64}"), 64)
# Newer models take 128 characters, all of them 64.
_NAMES = Words(re.compile(r"[a-zA-Z0-9_-]{1,128}"), 64)
# "Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'", at the root of a tool's parameters:
# https://github.com/beautyfree/appstore-connect-mcp/issues/2
PROPERTY_KEYS = re.compile(r"[a-zA-Z0-9_.-]{1,64}")

# Refusals of larger ones: `image exceeds 10 MB maximum`, counted in base64, and `image dimensions
# exceed max allowed size: 8000 pixels`, or 2000 in requests of more than 20 images.
# https://platform.claude.com/docs/en/build-with-claude/vision#general-limits
_MOST_IMAGE_BYTES = 10 * 1024 * 1024 * 3 // 4


def limits(target: Target) -> Limits:
    """What the wire takes, for one model."""
    return _of(target.known_as)


@lru_cache(maxsize=256)
def _of(model: str) -> Limits:
    family = family_of(model)
    return Limits(
        tool_ids=_IDS,
        tool_names=_NAMES,
        property_keys=PROPERTY_KEYS,
        results_required=True,
        result_media=frozenset({ImagePart, DocumentPart}),
        assistant_media=frozenset(),
        images=Files(
            types=frozenset(IMAGES),
            reads=reads_web,
            max_bytes=_MOST_IMAGE_BYTES,
            max_side=8000,
            crowd=(20, 2000),
        ),
        documents=Files(types=frozenset({"application/pdf", "text/*"}), reads=reads_web),
        media=Files(types=frozenset()),
        caching="marks",
        blank_texts="visible",
        system="behind_user" if family.system_turns else "top",
        bound=family.binds,
        prefill=family.prefill,
        trailing_space=False,
        thinking="signed",
        redacted=True,
        lineage=lineage,
        unheld=held_problem,
        loose_schemas=False,
        schema="native" if family.structured else "tool",
        forced_tool=forced_tool(family),
    )


def forced_tool(family: Family) -> Literal["always", "resting", "never"]:
    """Who thinks by a budget cannot be forced meanwhile."""
    if not family.forced_tool:
        return "never"
    return "always" if family.thinking in (None, "adaptive") else "resting"
