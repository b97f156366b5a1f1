"""JSON as models write it: their arguments of calls, and answers in a form that was asked for."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

__all__ = ["UNREADABLE", "read_text", "without_halves"]

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading JSON raises: bytes that are no UTF-8 and absurd nesting are no errors of msgspec's own."""

# An escaped backslash and a whole pair are passed over, so that what is left is alone.
_LONE = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u(?P<half>[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def without_halves(text: str) -> str:
    """JSON in which every half of a character, escaped alone, is what stands for a broken one."""
    return _LONE.sub(lambda match: r"\ufffd" if match["half"] else match[0], text)


def read_text(text: str, read: Callable[[str], Any] = msgspec.json.decode) -> Any:  # noqa: ANN401
    """The value of JSON text; halves of characters that are escaped in it do not make it unreadable.

    Raises:
        ValueError: what `read` raises of a text that is no JSON, or has another form.
    """
    try:
        return read(text)
    except ValueError:
        mended = without_halves(text)
        if mended == text:
            raise
        return read(mended)
