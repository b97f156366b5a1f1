"""Pure rules over requests: what users may write, what is refused, how it is fitted to a wire."""

from aisopod.normalise.coerce import build_request
from aisopod.normalise.estimate import count_bytes, estimate_tokens
from aisopod.normalise.limits import Limits, Words
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed, Prepared
from aisopod.normalise.prepare import prepare
from aisopod.normalise.target import NormaliseConfig, Target
from aisopod.normalise.validate import validate

__all__ = [
    "Limits",
    "NormaliseConfig",
    "Notes",
    "Placed",
    "Prepared",
    "Target",
    "Words",
    "build_request",
    "count_bytes",
    "estimate_tokens",
    "prepare",
    "validate",
]
