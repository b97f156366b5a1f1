"""What kind of file something is, by its address and by its content."""

from aisopod.types import DocumentPart, ImagePart, MediaPart, sniff_media_type

__all__ = ["FilePart", "is_text_type", "shown_address", "type_by_ending", "type_of_content"]

FilePart = ImagePart | DocumentPart | MediaPart

_ENDINGS = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp",
    "gif": "image/gif", "bmp": "image/bmp", "tif": "image/tiff", "tiff": "image/tiff",
    "heic": "image/heic", "heif": "image/heif", "avif": "image/avif",
    "pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv",
    "html": "text/html", "json": "application/json", "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "mp3": "audio/mpeg", "wav": "audio/wav", "ogg": "audio/ogg", "flac": "audio/flac",
    "aac": "audio/aac", "aiff": "audio/aiff", "m4a": "audio/mp4", "mp4": "video/mp4",
    "mov": "video/quicktime", "webm": "video/webm", "mpeg": "video/mpeg", "avi": "video/x-msvideo",
}  # fmt: skip
_TEXTS = frozenset({"application/json", "application/xml", "application/yaml"})
# ZIP, which the newer office formats are, and the compound file of the older ones.
_OFFICE = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_OFFICE_TYPES = frozenset(_ENDINGS[ending] for ending in ("doc", "docx", "xls", "xlsx"))


def type_by_ending(address: str) -> str | None:
    """The media type that an address tells by its ending."""
    name = address.partition("?")[0].partition("#")[0].rsplit("/", 1)[-1]
    return _ENDINGS.get(name.rpartition(".")[2].lower())


def shown_address(url: str) -> str:
    """A URL for errors and warnings: without user, query and fragment, which may be secrets."""
    bare = url.partition("#")[0].partition("?")[0]
    scheme, separator, rest = bare.partition("://")
    authority, slash, path = rest.partition("/")
    text = f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"
    return text if len(text) <= 200 else text[:199] + "…"


def is_text_type(media_type: str | None) -> bool:
    """Whether a file of this type is text; one of an unknown type is taken as text."""
    bare = (media_type or "text/plain").partition(";")[0]
    return bare.startswith("text/") or bare in _TEXTS


def type_of_content(part: FilePart, data: bytes, told: str | None) -> str | None:
    """The media type of a file that came from elsewhere, as its content has it.

    Args:
        part: what the file is said to be.
        data: the file.
        told: the type that came with it, which counts only where it agrees with the content.

    Returns:
        None where the content is no image, document, sound or film, as the part says it is.
    """
    found = sniff_media_type(data)
    match part:
        case ImagePart():
            return found if found and found.startswith("image/") else None
        case MediaPart():
            return found if found and found.startswith(("audio/", "video/")) else None
        case DocumentPart():
            return _document_type(data, found, told)


def _document_type(data: bytes, found: str | None, told: str | None) -> str | None:
    if found is not None:
        return found if found == "application/pdf" else None
    bare = (told or "").partition(";")[0].strip().lower()
    if data.startswith(_OFFICE):
        return bare if bare in _OFFICE_TYPES else None
    # What is said to be a PDF and is none is, more often than not, a page to sign in.
    return (bare or "text/plain") if is_text_type(bare) and _is_text(data) else None


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode("utf-8")
    except UnicodeDecodeError:
        return False
