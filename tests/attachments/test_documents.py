"""Documents as text, by pypdf."""

import io

import pytest
from pypdf import PdfReader, PdfWriter

from aisopod.attachments import documents
from aisopod.attachments.documents import as_text
from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.types import CacheControl, DocumentPart
from attachments.files import pdf

PLACE = "messages[0].content[1]"


def text_of(data: bytes, media_type: str | None = "application/pdf") -> str:
    return as_text(DocumentPart(data=data, media_type=media_type), PLACE).text


def test_every_page_of_a_pdf_is_read() -> None:
    assert text_of(pdf("First", "", "Third")) == "First\n\n\n\nThird"


def test_name_and_context_stand_before_it_and_a_cache_mark_stays() -> None:
    mark = CacheControl()
    data = "\ufeffDear all".encode()
    part = DocumentPart(
        data=data, media_type="text/markdown", name="notes.md", context="Of Monday", cache=mark
    )
    made = as_text(part, PLACE)
    assert made.text == "Of Monday\n\n# notes.md\n\nDear all"
    assert made.cache is mark


def test_a_scan_is_told() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        text_of(pdf("", ""))
    assert caught.value.field == PLACE
    assert "no text in the PDF's 2 pages" in caught.value.message
    assert "images" in caught.value.remedy


def locked() -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("Secret"))))
    writer.encrypt("password", algorithm="RC4-128")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("data", [b"%PDF-1.7\nrest is missing", pdf("Cut")[:300], b"", locked()])
def test_what_cannot_be_read_is_told(data: bytes) -> None:
    with pytest.raises(InvalidRequestError, match=r"messages\[0\]"):
        text_of(data)


def test_text_that_is_no_utf_8_is_told() -> None:
    with pytest.raises(InvalidRequestError, match="not UTF-8"):
        text_of(b"\xff\xfe", "text/plain")


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "find_spec", lambda name: None)
    with pytest.raises(UnsupportedFeatureError, match=r"aisopod\[documents\]"):
        text_of(pdf("x"))
    assert text_of(b"x", "text/plain") == "x"
