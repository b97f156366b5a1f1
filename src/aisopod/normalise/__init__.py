"""Pure rules over requests: what users may write, and what is refused before the network."""

from aisopod.normalise.coerce import build_request
from aisopod.normalise.validate import validate

__all__ = ["build_request", "validate"]
