"""Content parts to the wire's blocks.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

import re
from typing import Any

from aisopod.codecs.media import FETCH_REMEDY, base64_of
from aisopod.errors import InvalidRequestError
from aisopod.normalise.media_types import shown_address
from aisopod.normalise.notes import Notes
from aisopod.types import DocumentPart, ImagePart, MediaPart

__all__ = ["DOCUMENTS", "IMAGES", "SOUNDS", "VIDEOS", "Block", "media_block"]

Block = dict[str, Any]

_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}$")

IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
VIDEOS = {
    "video/x-matroska": "mkv", "video/quicktime": "mov", "video/mp4": "mp4", "video/webm": "webm",
    "video/x-flv": "flv", "video/mpeg": "mpeg", "video/x-ms-wmv": "wmv", "video/3gpp": "three_gp",
}  # fmt: skip
SOUNDS = {
    "audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/opus": "opus", "audio/wav": "wav",
    "audio/x-wav": "wav", "audio/aac": "aac", "audio/flac": "flac", "audio/mp4": "mp4",
    "audio/ogg": "ogg", "audio/webm": "webm",
}  # fmt: skip


def media_block(
    part: ImagePart | DocumentPart | MediaPart, path: str, names: set[str], notes: Notes
) -> Block:
    """An image, document, film or sound, by its bytes or its place in S3.

    Args:
        part: what is to be shown.
        path: where it stands, for errors.
        names: the documents' names so far; the wire wants each once.
        notes: gathers what could not be carried.

    Raises:
        InvalidRequestError: it cannot be put on this wire.
        UnsupportedFeatureError: it is given by a URL, which this wire does not fetch.
    """
    if isinstance(part, ImagePart):
        kind, formats = "image", IMAGES
    elif isinstance(part, DocumentPart):
        return _document(part, path, names, notes)
    else:
        is_video = (part.media_type or "").startswith("video/")
        kind, formats = ("video", VIDEOS) if is_video else ("audio", SOUNDS)
    told, source = _source(part, path, notes)
    return {kind: {"format": _format(told, formats, kind, path), "source": source}}


def _document(part: DocumentPart, path: str, names: set[str], notes: Notes) -> Block:
    media_type, source = _source(part, path, notes)
    document: Block = {
        "format": _format(media_type, DOCUMENTS, "document", path),
        "name": _name(part.name, names),
        "source": source,
    }
    if part.context:
        document["context"] = part.context
    if part.citations:
        document["citations"] = {"enabled": True}
    return {"document": document}


def _name(wanted: str | None, names: set[str]) -> str:
    """Letters, digits, single spaces, hyphens and brackets: what the wire takes of a name."""
    stem = _ENDING.sub("", wanted or "") or "document"
    clean = re.sub(r"[^a-zA-Z0-9()\[\]-]+", " ", stem).strip()[:180] or "document"
    name, number = clean, 1
    while name in names:
        number += 1
        name = f"{clean} {number}"
    names.add(name)
    return name


def _format(media_type: str | None, formats: dict[str, str], kind: str, path: str) -> str:
    found = formats.get((media_type or "").partition(";")[0])
    if found is None:
        raise InvalidRequestError(
            f"this wire takes no {kind} of this type",
            field=f"{path}.media_type",
            value=media_type,
            remedy=f"Convert it to one of {', '.join(formats)}",
        )
    return found


def _source(
    part: ImagePart | DocumentPart | MediaPart, path: str, notes: Notes
) -> tuple[str | None, Block]:
    """Media type and source: `bytes`, which JSON has in base64, or a place in S3."""
    address = part.file_id or part.url or ""
    if address.startswith("s3://"):
        return part.media_type or _by_ending(address), {"s3Location": {"uri": address}}
    if address:
        notes.refuse(
            path,
            shown_address(address),
            "this wire fetches nothing",
            f"{FETCH_REMEDY}, or a file_id of s3://…",
        )
    return part.media_type, {"bytes": base64_of(part)}


def _by_ending(address: str) -> str | None:
    ending = address.rpartition(".")[2].lower()
    ending = {"jpg": "jpeg", "htm": "html"}.get(ending, ending)
    for formats in (IMAGES, DOCUMENTS, VIDEOS, SOUNDS):
        for media_type, name in formats.items():
            if name == ending:
                return media_type
    return None
