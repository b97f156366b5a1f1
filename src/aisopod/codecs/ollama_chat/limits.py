"""What the wire takes of a conversation: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from aisopod.normalise.limits import Files, Limits
from aisopod.normalise.target import Target

__all__ = ["IMAGES", "limits"]

IMAGES = ("image/jpeg", "image/png", "image/webp", "image/gif")

# The templates of its models take any conversation; what they have no words for, they skip.
_LIMITS = Limits(
    result_errors=False,
    images=Files(types=frozenset(IMAGES)),
    documents=Files(types=frozenset({"text/*"})),
    media=Files(types=frozenset()),
    strict_tools=False,
    reasoning_display=False,
    thinking="any",
)


def limits(target: Target) -> Limits:  # noqa: ARG001 - every server is the same
    """What the wire takes."""
    return _LIMITS
