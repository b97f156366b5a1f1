"""The text of documents. PDF needs the extra `documents`."""

import io
from importlib.util import find_spec

from aisopod.codecs.media import text_of
from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.types import DocumentPart, TextPart

__all__ = ["as_text"]


def as_text(part: DocumentPart, path: str) -> TextPart:
    """A document as text, below its name and what the model should know about it.

    Args:
        part: the document, by its bytes.
        path: where it stands, for errors.

    Raises:
        UnsupportedFeatureError: it is a PDF, and the extra that reads those is missing.
        InvalidRequestError: there is no text in it, or it cannot be read.
    """
    is_pdf = part.media_type == "application/pdf"
    text = _pdf_text(part.data or b"", path) if is_pdf else text_of(part, path)
    heading = f"# {part.name}" if part.name else None
    told = "\n\n".join(piece for piece in (part.context, heading, text) if piece)
    return TextPart(text=told, cache=part.cache)


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
