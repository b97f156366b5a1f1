"""What the wire takes of a conversation: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from aisopod.normalise.limits import Limits
from aisopod.normalise.target import Target

__all__ = ["limits"]

# The templates of its models take any conversation; what they have no words for, they skip.
_LIMITS = Limits(result_errors=False, thinking="any")


def limits(target: Target) -> Limits:  # noqa: ARG001 - every server is the same
    """What the wire takes."""
    return _LIMITS
