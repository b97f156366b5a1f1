"""Whether an answer was served as list prices have it, or faster, later or elsewhere for another one."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["is_standard"]

# https://platform.openai.com/docs/api-reference/chat/object (default),
# https://docs.anthropic.com/en/api/service-tiers (standard), Bedrock's ServiceTier and
# PerformanceConfiguration, Gemini's serviceTier and Vertex's trafficType; the others are what
# providers choose by themselves.
_STANDARD = frozenset({"", "auto", "default", "on_demand", "standard", "standard_only"})


def is_standard(told: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether list prices hold.

    Args:
        told: the answer's metadata; it is believed where it tells.
        asked: what the request asked for in the wire's own fields.
    """
    words = [*_words(told)] or [*_words(asked)]
    return all(word.lower() in _STANDARD for word in words)


def _words(told: Mapping[str, Any]) -> Iterator[str]:
    places = (told, told.get("usage"), told.get("usageMetadata"), told.get("performanceConfig"))
    for place in places:
        if not isinstance(place, Mapping):
            continue
        for name in ("service_tier", "serviceTier", "speed", "trafficType", "latency"):
            word = place.get(name)
            if isinstance(word, Mapping):  # Bedrock: {"type": "flex"}
                word = word.get("type")
            if isinstance(word, str):
                yield word
