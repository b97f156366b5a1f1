"""How the two hosts of this dialect differ: the Gemini API and Vertex AI."""

import msgspec

__all__ = ["Quirks"]


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """What a host takes.

    Attributes:
        labels: takes `labels`, which carry a request's metadata.
        mixed_tools_flag: wants to be told when the service's tools and functions are mixed.
    """

    labels: bool = False
    mixed_tools_flag: bool = True
