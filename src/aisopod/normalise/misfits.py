"""Which files of a request a wire cannot take as they are."""

from typing import Literal

import msgspec

from aisopod.normalise.limits import Files, Limits
from aisopod.normalise.media_types import FilePart, is_text_type
from aisopod.normalise.target import Target
from aisopod.types import (
    ChatCompletionRequest,
    DocumentPart,
    ImagePart,
    MediaPart,
    sniff_media_type,
)

__all__ = ["Change", "Misfit", "Placing", "change_for", "file_parts", "find_misfits"]

_FILES = (ImagePart, DocumentPart, MediaPart)

Change = Literal["image", "text"]
"""What is made of a file: an image of another type or size, or the text of a document."""


class Placing(msgspec.Struct, frozen=True):
    """A file of a request.

    Attributes:
        index: index in the request's `messages`.
        position: index in that message's content.
        part: the file.
    """

    index: int
    position: int
    part: FilePart

    @property
    def path(self) -> str:
        """The field, as errors name it."""
        return f"messages[{self.index}].content[{self.position}]"


class Misfit(msgspec.Struct, frozen=True):
    """A file that a wire cannot take as it is, or may not.

    Attributes:
        placing: the file and its place.
        files: what the wire takes of its kind.
        side: how many pixels an image may be wide, and high.
        fetch: whether it has to be fetched first, since the wire takes it as bytes only.
    """

    placing: Placing
    files: Files
    side: int | None
    fetch: bool


def file_parts(request: ChatCompletionRequest) -> list[Placing]:
    """Every image, document, sound and film of a request."""
    return [
        Placing(index, position, part)
        for index, message in enumerate(request.messages)
        if isinstance(message.content, list)
        for position, part in enumerate(message.content)
        if isinstance(part, _FILES)
    ]


def find_misfits(placings: list[Placing], limits: Limits, target: Target) -> list[Misfit]:
    """Which of a request's files have to be fetched, looked at, or made another.

    Args:
        placings: the request's files.
        limits: what the wire takes.
        target: whom the request is for.
    """
    images = sum(isinstance(placing.part, ImagePart) for placing in placings)
    misfits: list[Misfit] = []
    for placing in placings:
        part = placing.part
        files = _files_of(limits, part)
        side = files.side_among(images) if isinstance(part, ImagePart) else None
        fetch = _wants_fetching(part, files, target)
        if fetch or change_for(part, files, side, target) is not None:
            misfits.append(Misfit(placing, files, side, fetch))
    return misfits


def _is_web_address(url: str | None) -> bool:
    """Whether a URL is one of the web, so that it can be fetched."""
    return url is not None and url[:8].lower().startswith(("http://", "https://"))


def _wants_fetching(part: FilePart, files: Files, target: Target) -> bool:
    """Whether the wire takes such a file, but only as bytes, and it is given by its address."""
    if part.file_id is not None or part.url is None or not _is_web_address(part.url):
        return False
    as_text = isinstance(part, DocumentPart) and target.normalise.documents == "text"
    takes_some = files.types is None or bool(files.types) or as_text
    return takes_some and not files.reads(part.url, part.media_type)


def change_for(part: FilePart, files: Files, side: int | None, target: Target) -> Change | None:
    """What may have to be made of a file whose bytes are here; None where it goes as it is."""
    given = _given(part)
    if given is None:
        return None
    media_type, size = given
    match part:
        case ImagePart():
            return "image" if files.types and _may_not_fit(media_type, size, files, side) else None
        case DocumentPart() if target.normalise.documents == "text":
            readable = media_type == "application/pdf" or is_text_type(media_type)
            return "text" if readable and not files.takes(media_type or "text/plain") else None
        case _:
            return None


def _may_not_fit(media_type: str | None, size: int, files: Files, side: int | None) -> bool:
    if media_type is None or not media_type.startswith("image/"):
        return False  # what it is, nobody knows: the wire's own refusal says so
    too_large = files.max_bytes is not None and size > files.max_bytes
    return side is not None or too_large or not files.takes(media_type)


def _files_of(limits: Limits, part: FilePart) -> Files:
    match part:
        case ImagePart():
            return limits.images
        case DocumentPart():
            return limits.documents
        case MediaPart():
            return limits.media


def _given(part: FilePart) -> tuple[str | None, int] | None:
    """Media type and size of a file whose bytes stand in the request."""
    if part.data is not None:
        return part.media_type or sniff_media_type(part.data), len(part.data)
    if part.url is None or not part.url.startswith("data:"):
        return None
    head, _, data = part.url.partition(",")
    told = head[len("data:") :].partition(";")[0] or None
    return part.media_type or told, len(data) * 3 // 4
