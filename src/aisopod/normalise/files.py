"""A file of a request as what it is: bytes in the place of a data: URL, and the type they tell."""

import base64
import binascii
import re

import msgspec

from aisopod.errors import InvalidRequestError
from aisopod.normalise.media_types import FilePart, type_of_content
from aisopod.types import DocumentPart, ImagePart, MediaPart, sniff_media_type

__all__ = ["as_it_is"]

_KINDS = {ImagePart: "image", DocumentPart: "document", MediaPart: "sound or film"}
_DATA_URL = re.compile(r"data:([^;,]+)?(?:;[^;,]+)*?;base64,(.*)", re.DOTALL | re.IGNORECASE)
# One container (ISO/IEC 23008-12), whose first brand does not tell these apart.
_HEIF = frozenset({"image/heic", "image/heif", "image/avif"})


def as_it_is(part: FilePart, path: str) -> FilePart:
    """A file as every wire can be told of it; the same part where nothing has to be said anew.

    A data: URL becomes its bytes (RFC 2397). Bytes without a type get theirs, and images and PDFs
    the one that they have: Anthropic refuses an image under another type's name
    (https://github.com/BerriAI/litellm/issues/24900), and others read it as it was called. Schemes
    have no case (RFC 3986, section 3.1), but not every server knows that.

    Args:
        part: the file; it has one source.
        path: where it stands, for errors.

    Raises:
        InvalidRequestError: the URL or the bytes are none that a wire could take.
    """
    field, told = "data", part.media_type
    data = part.data
    if part.url is not None:
        scheme, colon, rest = part.url.partition(":")
        scheme = scheme.lower()
        if scheme == "data":
            field, (data, told) = "url", _read(part.url, path)
            told = part.media_type or told
        elif scheme not in {"http", "https"} or not rest.startswith("//"):
            raise InvalidRequestError(
                "this is no URL that a provider could fetch",
                field=f"{path}.url",
                value=part.url,
                remedy="Give an https: URL, or read a file with from_file()",
            )
        elif not part.url.startswith(scheme):
            return msgspec.structs.replace(part, url=scheme + colon + rest)
    if data is None:
        return part
    if not data:
        raise InvalidRequestError(
            "the file is empty", field=f"{path}.{field}", value=data, remedy="Give the file's bytes"
        )
    media_type = _type_of(part, data, told, path)
    if part.data is data and part.media_type == media_type:
        return part
    return msgspec.structs.replace(part, url=None, data=data, media_type=media_type)


def _read(url: str, path: str) -> tuple[bytes, str | None]:
    """Bytes and media type of a data: URL; white space in base64 is nothing, as in mails."""
    match = _DATA_URL.fullmatch(url)
    try:
        if match is not None:
            text = "".join(match[2].split())
            return base64.b64decode(text, validate=True), match[1] and match[1].lower()
    except (binascii.Error, ValueError):
        pass
    raise InvalidRequestError(
        "this data: URL is not base64",
        field=f"{path}.url",
        value=url[:60],
        remedy="Give the bytes as data",
    )


def _type_of(part: FilePart, data: bytes, told: str | None, path: str) -> str:
    found = type_of_content(part, data, None)
    if isinstance(part, ImagePart):
        # Of bytes that are something else nobody need be asked; of unknown ones the provider is.
        elsewhere = found is None and sniff_media_type(data) is not None
        known = None if elsewhere else told if found is None or {found, told} <= _HEIF else found
    elif found == "application/pdf":
        known = found
    else:
        known = told or found
    if known is not None:
        return known
    raise InvalidRequestError(
        f"the bytes are of no known {_KINDS[type(part)]} type",
        field=f"{path}.media_type",
        value=sniff_media_type(data) or data[:16],
        remedy="Set media_type, or convert to PNG, JPEG, GIF or WebP (documents: PDF or text)",
    )
