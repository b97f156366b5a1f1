"""The bytes of a part, as JSON carries them."""

import base64
import re

from aisopod.errors import InvalidRequestError
from aisopod.types import DocumentPart, ImagePart, MediaPart, sniff_media_type

__all__ = ["DOCUMENTS_REMEDY", "FETCH_REMEDY", "base64_of", "is_data_url", "own_file_id"]

DOCUMENTS_REMEDY = 'Extract the text and send that, or set normalise.documents = "text"'
FETCH_REMEDY = "Give its bytes, or a web address with fetch.enabled = true"

_DATA_URL = re.compile(r"data:([^;,]+)?(?:;[^;,]+)*?;base64,(.*)", re.DOTALL)


def is_data_url(url: str | None) -> bool:
    """Whether a URL holds the bytes itself."""
    return url is not None and url.startswith("data:")


# The forms of ids that uploaded files get: https://platform.openai.com/docs/api-reference/files,
# https://docs.anthropic.com/en/docs/build-with-claude/files, https://ai.google.dev/api/files.
_UPLOADED = {
    "file-": "OpenAI",
    "file_": "Anthropic",
    "files/": "Gemini",
    "gs://": "Google Cloud Storage",
    "s3://": "S3",
}


def own_file_id(file_id: str, path: str, *forms: str) -> str:
    """The id of an uploaded file, unless its form tells that it lies with another provider.

    Args:
        file_id: the id.
        path: the part, as errors name it.
        *forms: how this provider's ids begin.

    Raises:
        InvalidRequestError: it is another's; nobody but that one could read it.
    """
    for form, place in _UPLOADED.items():
        if form not in forms and file_id.startswith(form):
            raise InvalidRequestError(
                f"this file was uploaded to {place}, where this provider does not read",
                field=f"{path}.file_id",
                value=file_id,
                remedy="Upload it to this provider, too, or give its bytes",
            )
    return file_id


def base64_of(part: ImagePart | DocumentPart | MediaPart, path: str) -> tuple[str | None, str]:
    """Media type, where it is known, and base64 text of a part's bytes or of its data: URL.

    Raises:
        InvalidRequestError: the URL is not base64.
    """
    if part.url is None:
        data = part.data or b""
        return part.media_type or sniff_media_type(data), base64.b64encode(data).decode()
    match = _DATA_URL.fullmatch(part.url)
    if match is None:
        raise InvalidRequestError(
            "this data: URL is not base64",
            field=f"{path}.url",
            value=part.url[:60],
            remedy="Give the bytes as data",
        )
    return part.media_type or match[1], match[2]
