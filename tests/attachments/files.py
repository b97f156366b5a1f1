"""Real files, made here."""

import io
from typing import Any

from PIL import Image


def image(kind: str, size: tuple[int, int] = (6, 4), mode: str = "RGB", **options: Any) -> bytes:
    """An image of this format, mode and size, red where it has colours."""
    colour: Any = {"RGBA": (255, 0, 0, 128), "RGB": (255, 0, 0), "L": 128, "1": 1}.get(mode, 0)
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, kind, **options)
    return buffer.getvalue()


def noise(kind: str, size: tuple[int, int]) -> bytes:
    """An image that does not compress."""
    buffer = io.BytesIO()
    Image.effect_noise(size, 100).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def pdf(*pages: str) -> bytes:
    """A PDF whose pages hold these words; an empty page holds none."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for words in pages:
        page = writer.add_blank_page(200, 200)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 10 100 Td ({words}) Tj ET".encode() if words else b"")
        page[NameObject("/Contents")] = writer._add_object(stream)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()
