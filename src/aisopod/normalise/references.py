"""What a schema's `$ref` stands for.

Source: https://json-schema.org/understanding-json-schema/structuring#dollarref and RFC 6901.
"""

import re
from typing import Any

__all__ = ["pointed"]

_ESCAPED = re.compile(r"(?:%[0-9a-fA-F]{2})+")


def pointed(reference: object, root: dict[str, Any]) -> dict[str, Any] | None:
    """The schema that a reference points to; None where it points out of the root, or to none."""
    if not isinstance(reference, str) or (reference != "#" and not reference.startswith("#/")):
        return None
    found: Any = root
    for step in reference.split("/")[1:]:
        name = _ESCAPED.sub(_plain, step).replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = found[int(name)] if name.isdecimal() and int(name) < len(found) else None
        else:
            found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _plain(escaped: re.Match[str]) -> str:
    return bytes.fromhex(escaped[0].replace("%", "")).decode("utf-8", "replace")
