"""The text of documents. PDF needs the extra `documents`."""

import io
from importlib.util import find_spec

from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.types import DocumentPart, TextPart

__all__ = ["as_text"]


def as_text(part: DocumentPart, data: bytes, media_type: str | None, path: str) -> TextPart:
    """A document as text, below its name and what the model should know about it.

    Args:
        part: the document.
        data: its bytes.
        media_type: its type; one of an unknown type is text.
        path: where it stands, for errors.

    Raises:
        UnsupportedFeatureError: it is a PDF, and the extra that reads those is missing.
        InvalidRequestError: there is no text in it, or it cannot be read.
    """
    text = _pdf_text(data, path) if media_type == "application/pdf" else _decoded(data, path)
    heading = f"# {part.name}" if part.name else None
    told = "\n\n".join(piece for piece in (part.context, heading, text) if piece)
    return TextPart(text=told, cache=part.cache)


def _decoded(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequestError(
            f"the text is not UTF-8: {error}", field=f"{path}.data", remedy="Convert it to UTF-8"
        ) from error


def _pdf_text(data: bytes, path: str) -> str:
    if find_spec("pypdf") is None:
        raise UnsupportedFeatureError(
            "reading the text of a PDF needs an extra",
            field=path,
            value="application/pdf",
            remedy="Install aisopod[documents], or send the text",
        )
    import pypdf

    try:
        pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]
    except Exception as error:  # a broken file makes pypdf raise nearly anything
        raise InvalidRequestError(
            f"the PDF cannot be read: {error}",
            field=path,
            remedy="Give a whole PDF without a password, or its text",
        ) from error
    text = "\n\n".join(page.strip() for page in pages).strip()
    if not text:
        raise InvalidRequestError(
            f"there is no text in the PDF's {len(pages)} pages: they may be scans",
            field=path,
            remedy="Send the pages as images to a model that sees them",
        )
    return text
