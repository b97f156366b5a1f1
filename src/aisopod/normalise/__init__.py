"""Pure rules over requests: what users may write, and what is refused before the network."""

from aisopod.normalise.coerce import build_request
from aisopod.normalise.estimate import count_bytes, estimate_tokens
from aisopod.normalise.validate import validate

__all__ = ["build_request", "count_bytes", "estimate_tokens", "validate"]
