"""What the wire takes of a conversation: https://ai.google.dev/api/caching#Content."""

import re
from functools import lru_cache

from aisopod.codecs.gemini_generate.families import family_of, lineage
from aisopod.normalise.limits import Limits, Words
from aisopod.normalise.target import Target

__all__ = ["limits"]

# Newer servers take 128 characters.
_NAMES = Words(re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}"), 64)


def limits(target: Target) -> Limits:
    """What the wire takes, for one model."""
    return _of(target.model)


@lru_cache(maxsize=256)
def _of(model: str) -> Limits:
    return Limits(
        tool_names=_NAMES,
        results_required=True,
        blank_texts="empty",
        system="top" if family_of(model).system else "user",
        user_first=True,
        signed_fields=frozenset({"thoughtSignature"}),
        lineage=lineage,
        schema="native" if family_of(model).mixed else "apart",
    )
