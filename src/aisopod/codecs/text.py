"""Bodies as JSON, whatever the texts in them are."""

from typing import Any

import msgspec

from aisopod.normalise.notes import Notes

__all__ = ["LONE_SURROGATES", "encode_json", "sound"]

LONE_SURROGATES = "halves of characters that no wire carries were replaced"

_encode = msgspec.json.Encoder().encode


def encode_json(body: dict[str, Any], notes: Notes) -> bytes:
    """A body as bytes; what no UTF-8 can be made of is replaced, and said."""
    try:
        return _encode(body)
    except UnicodeEncodeError:
        notes.warn("lone_surrogates", LONE_SURROGATES)
        return _encode(_cleaned(body))


def sound(text: str) -> str:
    """A text without lone halves of UTF-16 pairs: joined where both stand, replaced where not.

    They come of texts that were cut between the halves; no UTF-8 can be made of them.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _cleaned(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return sound(value)
    if isinstance(value, list):
        return [_cleaned(entry) for entry in value]
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(entry) for name, entry in value.items()}
    return value
