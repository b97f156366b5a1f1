"""Which files of a request a wire cannot take as they are."""

import msgspec

from aisopod.normalise.limits import Files, Limits, is_web_address
from aisopod.normalise.media_types import FilePart, is_text_type
from aisopod.normalise.target import Target
from aisopod.types import (
    ChatCompletionRequest,
    DocumentPart,
    ImagePart,
    MediaPart,
)

__all__ = ["Misfit", "Placing", "file_parts", "find_misfits", "may_need_change"]

_FILES = (ImagePart, DocumentPart, MediaPart)


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
        if fetch or may_need_change(part, files, side, target):
            misfits.append(Misfit(placing, files, side, fetch))
    return misfits


def _wants_fetching(part: FilePart, files: Files, target: Target) -> bool:
    """Whether the wire takes such a file, but only as bytes, and it is given by its address."""
    if part.file_id is not None or part.url is None or not is_web_address(part.url):
        return False
    as_text = isinstance(part, DocumentPart) and target.normalise.documents == "text"
    takes_some = files.types is None or bool(files.types) or as_text
    return takes_some and not files.reads(part.url, part.media_type)


def may_need_change(part: FilePart, files: Files, side: int | None, target: Target) -> bool:
    """Whether a file whose bytes are here may have to be made another one, or text.

    Args:
        part: the file.
        files: what the wire takes of its kind.
        side: how many pixels an image may be wide, and high; whether it is, is not seen here.
        target: whom the request is for.
    """
    if part.data is None:
        return False
    media_type, size = part.media_type, len(part.data)
    match part:
        case ImagePart():
            return bool(files.types) and _may_not_fit(media_type, size, files, side)
        case DocumentPart() if target.normalise.documents == "text":
            readable = media_type == "application/pdf" or is_text_type(media_type)
            return readable and not files.takes(media_type or "text/plain")
        case _:
            return False


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
