"""What the wire takes of a conversation.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
"""

import re
from functools import lru_cache
from typing import Literal

from aisopod.codecs.anthropic_messages import families as anthropic
from aisopod.codecs.anthropic_messages import limits as anthropic_limits
from aisopod.codecs.bedrock_converse.families import Family, bare_name, family_of
from aisopod.codecs.bedrock_converse.parts import DOCUMENTS, IMAGES, SOUNDS, VIDEOS
from aisopod.codecs.schema_problems import held_problem
from aisopod.normalise.limits import Files, Limits, Words
from aisopod.normalise.target import Target
from aisopod.types import DocumentPart, ImagePart, MediaPart

__all__ = ["limits"]

_NAMES = Words(re.compile(r"[a-zA-Z0-9_-]{1,64}"), 64)

# "Each image's size, height, and width must be no more than 3.75 MB, 8000 px, and 8000 px".
_MOST_IMAGE_BYTES = 3_750_000


def _reads(address: str, media_type: str | None) -> bool:  # noqa: ARG001 - whatever is there
    return address.startswith("s3://")


def limits(target: Target) -> Limits:
    """What the wire takes, for one model."""
    return _of(target.known_as)


@lru_cache(maxsize=256)
def _of(model: str) -> Limits:
    family = family_of(model)
    return Limits(
        tool_ids=Words(family.tool_id, family.tool_id_length),
        tool_names=_NAMES,
        property_keys=anthropic_limits.PROPERTY_KEYS if family.claude else None,
        results_required=True,
        result_errors=family.result_status,
        result_media=frozenset({ImagePart, DocumentPart, MediaPart}),
        assistant_media=frozenset(),
        images=Files(
            types=frozenset(IMAGES if family.images else ()),
            reads=_reads,
            max_bytes=_MOST_IMAGE_BYTES,
            max_side=8000,
        ),
        documents=Files(types=frozenset(DOCUMENTS if family.documents else ()), reads=_reads),
        media=Files(types=frozenset({*VIDEOS, *SOUNDS}), reads=_reads),
        caching="marks" if family.cache else "none",
        blank_texts="visible",
        # Converse has the role, but takes it from nobody: github.com/BerriAI/litellm/issues/41043.
        system="top" if family.system else "user",
        bound=family.claude is not None and family.claude.binds,
        user_first=True,
        prefill=family.claude is None or family.claude.prefill,
        trailing_space=False,
        thinking="signed",
        redacted=True,
        lineage=_lineage,
        schema=_schema(family),
        unheld=held_problem,
        loose_schemas=False,
        schema_description=True,
        reasoning_display=family.claude is not None,
        forced_tool=_forced_tool(family),
    )


def _schema(family: Family) -> Literal["native", "tool", "none"]:
    if family.structured if family.claude is None else family.claude.structured:
        return "native"
    return "tool" if family.tools else "none"


def _forced_tool(family: Family) -> Literal["always", "resting", "never"]:
    if family.claude is not None:
        return anthropic_limits.forced_tool(family.claude)
    return "always" if family.forced_tool else "never"


def _lineage(model: str) -> str:
    """Claude's lines; of others, the vendor's: such as `amazon`."""
    name = bare_name(model)
    return anthropic.lineage(name) if "claude" in name else name.partition(".")[0]
