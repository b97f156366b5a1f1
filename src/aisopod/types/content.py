"""What a message is made of."""

from typing import Any, Self

import msgspec

__all__ = [
    "CacheControl",
    "DocumentPart",
    "ImagePart",
    "MediaPart",
    "OpaquePart",
    "Part",
    "TextPart",
    "ThinkingPart",
    "sniff_media_type",
]


class CacheControl(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt-caching mark: the prompt up to here is worth keeping.

    Attributes:
        ttl: how long, in the provider's words (`5m`, `1h`, `30m`, `24h`); None is its default.
        key: groups requests that share a prefix, where the wire has such a key.
    """

    ttl: str | None = None
    key: str | None = None


class TextPart(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """Text.

    Attributes:
        text: the text.
        citations: the provider's own citation objects for this text, kept as they came.
        signature: proof of origin, where a provider signs text; sent back unaltered.
        provider: who made `citations` and `signature`; they go back to that provider only.
        cache: a prompt-caching mark after this part.
    """

    text: str
    citations: list[dict[str, Any]] | None = None
    signature: str | None = None
    provider: str | None = None
    cache: CacheControl | None = None


class ImagePart(msgspec.Struct, frozen=True, kw_only=True, tag="image"):
    """An image, by its bytes, by a URL, or by the provider's file id.

    A URL is read by the provider, or fetched for it where it reads none.

    Attributes:
        data: the file's bytes.
        url: an `https:` or `data:` URL.
        file_id: id of a file uploaded to the provider.
        media_type: such as `image/png`; the bytes decide where they tell it.
        detail: how closely to look (`auto`, `low`, `high`, `original`), where the wire has it.
        signature: proof of origin, where a provider signs the images that its model makes.
        provider: who made `signature`; it goes back to that provider only.
        cache: a prompt-caching mark after this part.
    """

    data: bytes | None = None
    url: str | None = None
    file_id: str | None = None
    media_type: str | None = None
    detail: str | None = None
    signature: str | None = None
    provider: str | None = None
    cache: CacheControl | None = None

    @classmethod
    def from_file(cls, path: str, **fields: Any) -> Self:
        """Read an image from a file.

        Raises:
            OSError: the file cannot be read.
        """
        with open(path, "rb") as file:  # noqa: PTH123 - this room does not import pathlib
            return cls(data=file.read(), **fields)


class DocumentPart(msgspec.Struct, frozen=True, kw_only=True, tag="document"):
    """A document: a PDF or plain text, by its bytes, by URL, or by the provider's file id.

    Attributes:
        data: the file's bytes.
        url: an `https:` or `data:` URL.
        file_id: id of a file uploaded to the provider.
        media_type: such as `application/pdf`; told from the bytes when None.
        name: file name or title.
        context: what the model should know about the document.
        citations: ask the model to cite from it, where the wire can.
        cache: a prompt-caching mark after this part.
    """

    data: bytes | None = None
    url: str | None = None
    file_id: str | None = None
    media_type: str | None = None
    name: str | None = None
    context: str | None = None
    citations: bool = False
    cache: CacheControl | None = None

    @classmethod
    def from_file(cls, path: str, **fields: Any) -> Self:
        """Read a document from a file; its name is the file's.

        Raises:
            OSError: the file cannot be read.
        """
        name = path.replace("\\", "/").rsplit("/", 1)[-1]
        with open(path, "rb") as file:  # noqa: PTH123 - this room does not import pathlib
            return cls(data=file.read(), **{"name": name, **fields})


class MediaPart(msgspec.Struct, frozen=True, kw_only=True, tag="media"):
    """Sound or film, by its bytes, by URL, or by the provider's file id.

    Attributes:
        data: the file's bytes.
        url: an `https:` or `data:` URL.
        file_id: id of a file uploaded to the provider, or its address in the provider's storage.
        media_type: such as `audio/mpeg` or `video/mp4`; told from the bytes when None.
        cache: a prompt-caching mark after this part.
    """

    data: bytes | None = None
    url: str | None = None
    file_id: str | None = None
    media_type: str | None = None
    cache: CacheControl | None = None

    @classmethod
    def from_file(cls, path: str, **fields: Any) -> Self:
        """Read sound or film from a file.

        Raises:
            OSError: the file cannot be read.
        """
        with open(path, "rb") as file:  # noqa: PTH123 - this room does not import pathlib
            return cls(data=file.read(), **fields)


class ThinkingPart(msgspec.Struct, frozen=True, kw_only=True, tag="thinking"):
    """A model's reasoning, with what its provider needs to recognise it again.

    Attributes:
        text: what the provider showed of it; may be empty beside a signature.
        signature: proof of origin; sent back unaltered.
        redacted: the encrypted block in place of text; sent back unaltered.
        provider: who made it; signature and redacted data go back to that provider only.
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    provider: str | None = None


class OpaquePart(msgspec.Struct, frozen=True, kw_only=True, tag="opaque"):
    """Something of a provider's own, kept whole so that it can be sent back there.

    Attributes:
        provider: id of the provider whose it is.
        kind: the provider's name for it, such as `server_tool_use`.
        data: the block or value as it stood on the wire.
    """

    provider: str
    kind: str
    data: Any


Part = TextPart | ImagePart | DocumentPart | MediaPart | ThinkingPart | OpaquePart

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"FLV\x01", "video/x-flv"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
)
# Containers that tell what they hold at byte 8: RIFF files, and ISO media with `ftyp` at byte 4.
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_ISO = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"avif": "image/avif",
    b"M4A ": "audio/mp4",
    b"qt  ": "video/quicktime",
}


def sniff_media_type(data: bytes) -> str | None:
    """The media type that the first bytes tell, of the common images, sounds, films and PDF."""
    for signature, media_type in _SIGNATURES:
        if data.startswith(signature):
            return media_type
    # Two letters tell little; a bitmap has four reserved zeros behind its length, too.
    if data[:2] == b"BM" and data[6:10] == b"\0\0\0\0":
        return "image/bmp"
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":
        return _ISO.get(data[8:12], "video/mp4")
    return None
