"""Content parts to the wire's parts: https://ai.google.dev/api/caching#Part."""

import re
from typing import Any

from aisopod.codecs.media import base64_of, own_file_id
from aisopod.errors import InvalidRequestError
from aisopod.normalise.media_types import type_by_ending
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed
from aisopod.types import (
    DocumentPart,
    ImagePart,
    MediaPart,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
)

__all__ = ["IMAGES", "WirePart", "encode_part", "media_part", "type_of_address"]

WirePart = dict[str, Any]

_FILES = "https://generativelanguage.googleapis.com/v1beta/"
IMAGES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
_YOUTUBE = re.compile(r"https?://(www\.|m\.)?(youtube\.com|youtu\.be)/")


def encode_part(part: Part, placed: Placed, position: int, notes: Notes) -> list[WirePart]:
    """The parts that a part makes.

    Raises:
        InvalidRequestError: it cannot be put on this wire.
    """
    match part:
        case TextPart(text=text, signature=signature):
            return [{"text": text, "thoughtSignature": signature} if signature else {"text": text}]
        case ImagePart() | DocumentPart() | MediaPart():
            return _media(part, placed.index, placed.path(position), notes)
        case ThinkingPart():
            signed = {"thoughtSignature": part.signature} if part.signature else {}
            return [{"text": part.text, "thought": True, **signed}]
        case OpaquePart():
            return [dict(part.data)]


def _media(
    part: ImagePart | DocumentPart | MediaPart, index: int, path: str, notes: Notes
) -> list[WirePart]:
    before: list[WirePart] = []
    if isinstance(part, DocumentPart):
        if part.context:
            # There is no field for it on this wire, and the model is to know it.
            before = [{"text": part.context}]
        if part.citations:
            notes.warn("citations", "the wire cannot ask for citations", index=index)
    entry = media_part(part, path, notes)
    if isinstance(part, ImagePart):
        if part.detail in _DETAILS:
            entry["mediaResolution"] = {"level": _DETAILS[part.detail]}
        if part.signature:
            entry["thoughtSignature"] = part.signature
    return [*before, entry]


# https://ai.google.dev/gemini-api/docs/media-resolution; `auto` and `original` are the default.
_DETAILS = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}


def media_part(part: ImagePart | DocumentPart | MediaPart, path: str, notes: Notes) -> WirePart:
    """Bytes as `inlineData`, anything with an address as `fileData`.

    Raises:
        InvalidRequestError: the type is unknown, or none that the wire takes.
    """
    if part.file_id is not None:
        uri = own_file_id(part.file_id, path, "files/", "gs://")
        uri = _FILES + uri if uri.startswith("files/") else uri
        return {"fileData": _file(uri, part.media_type, path)}
    if part.url is not None:
        return {"fileData": _file(part.url, part.media_type, path)}
    if isinstance(part, ImagePart) and part.media_type not in IMAGES:
        notes.refuse(
            f"{path}.media_type", part.media_type, "the wire takes no images of this type",
            f"Convert it to one of {', '.join(IMAGES)}",
        )  # fmt: skip
    return {"inlineData": {"mimeType": part.media_type, "data": base64_of(part)}}


def type_of_address(uri: str) -> str | None:
    """The media type that an address tells, which the wire wants of what it fetches."""
    return type_by_ending(uri) or ("video/mp4" if _YOUTUBE.match(uri) else None)


def _file(uri: str, media_type: str | None, path: str) -> WirePart:
    # A file of the Files API has its type already; of everything else the wire must be told.
    known = media_type or type_of_address(uri)
    if known is None and "/files/" not in uri:
        raise InvalidRequestError(
            "the wire wants the type of what it fetches, and the address does not tell it",
            field=f"{path}.media_type",
            remedy="Set media_type, such as image/png",
        )
    return {"fileUri": uri, **({"mimeType": known} if known else {})}
