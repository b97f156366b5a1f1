"""What the environment says of the program itself, for the command line."""

import os
from collections.abc import Mapping

__all__ = ["wants_colour", "wants_traceback"]


def wants_colour(environ: Mapping[str, str] | None = None) -> bool:
    """Whether a terminal may be coloured: https://no-color.org, and terminals that cannot."""
    environ = os.environ if environ is None else environ
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def wants_traceback(environ: Mapping[str, str] | None = None) -> bool:
    """Whether errors show where they came from, for those who mend aisopod."""
    environ = os.environ if environ is None else environ
    return environ.get("AISOPOD_TRACEBACK", "") not in {"", "0"}
