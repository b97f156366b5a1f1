"""What users add to a body by `extra`."""

from collections.abc import Mapping
from typing import Any

__all__ = ["merged"]


def merged(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """A body with what was added, object by object; anything else is replaced."""
    whole = dict(body)
    for name, value in extra.items():
        old = whole.get(name)
        both = isinstance(old, dict) and isinstance(value, Mapping)
        whole[name] = merged(old or {}, value) if both else value
    return whole
