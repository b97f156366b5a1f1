"""What the wire takes of a conversation: https://ai.google.dev/api/caching#Content."""

import re
from functools import lru_cache

from aisopod.codecs.gemini_generate.families import family_of, lineage
from aisopod.codecs.gemini_generate.parts import IMAGES, type_of_address
from aisopod.normalise.limits import Files, Limits, Words, is_web_address
from aisopod.normalise.target import Target

__all__ = ["limits"]

# Newer servers take 128 characters.
_NAMES = Words(re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}"), 64)


def _reads(address: str, media_type: str | None) -> bool:
    """It reads any address, but wants to be told the type of what is there."""
    return not is_web_address(address) or (media_type or type_of_address(address)) is not None


def _reads_image(address: str, media_type: str | None) -> bool:
    told = media_type or type_of_address(address)
    return not is_web_address(address) or told in IMAGES


def limits(target: Target) -> Limits:
    """What the wire takes, for one model."""
    return _of(target.known_as)


@lru_cache(maxsize=256)
def _of(model: str) -> Limits:
    return Limits(
        tool_names=_NAMES,
        results_required=True,
        images=Files(types=frozenset(IMAGES), reads=_reads_image),
        documents=Files(types=frozenset({"application/pdf", "text/*"}), reads=_reads),
        media=Files(reads=_reads),
        image_detail=True,
        document_names=False,
        blank_texts="empty",
        system="top" if family_of(model).system else "user",
        user_first=True,
        signed_fields=frozenset({"thoughtSignature"}),
        lineage=lineage,
        schema="native" if family_of(model).mixed else "apart",
    )
