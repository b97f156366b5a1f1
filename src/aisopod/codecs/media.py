"""The bytes of a part, as JSON carries them."""

import base64

from aisopod.errors import InvalidRequestError
from aisopod.types import DocumentPart, ImagePart, MediaPart

__all__ = ["DOCUMENTS_REMEDY", "FETCH_REMEDY", "base64_of", "own_file_id", "text_of"]

DOCUMENTS_REMEDY = 'Extract the text and send that, or set normalise.documents = "text"'
FETCH_REMEDY = "Give its bytes, or a web address with fetch.enabled = true"

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


def base64_of(part: ImagePart | DocumentPart | MediaPart) -> str:
    """The base64 text of a part's bytes."""
    return base64.b64encode(part.data or b"").decode()


def text_of(part: DocumentPart, path: str) -> str:
    """The text of a document that is one.

    Raises:
        InvalidRequestError: it is not UTF-8.
    """
    try:
        return (part.data or b"").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequestError(
            f"the text is not UTF-8: {error}", field=f"{path}.data", remedy="Convert it to UTF-8"
        ) from error
