"""Files are taken as what they are: data: URLs, types that the bytes tell, and what is none."""

import base64
from typing import Any

import msgspec
import pytest

from aisopod.errors import InvalidRequestError
from aisopod.normalise.files import as_it_is
from aisopod.normalise.media_types import FilePart
from aisopod.normalise.validate import validate
from aisopod.types import ChatCompletionRequest, DocumentPart, ImagePart, MediaPart, Message
from support.dialects import DIALECTS, Dialect

PATH = "messages[0].content[0]"
PNG = b"\x89PNG\r\n\x1a\nrest"
PDF = b"%PDF-1.7 rest"
HEIF = b"\0\0\0\x1cftypmif1"


def url(data: bytes, kind: str = "", end: str = "") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}{end}"


@pytest.mark.parametrize(
    ("part", "media_type", "data"),
    [
        (ImagePart(data=PNG), "image/png", PNG),
        (ImagePart(data=PNG, media_type="image/jpeg"), "image/png", PNG),
        (ImagePart(url=url(PNG, "image/jpeg")), "image/png", PNG),
        (ImagePart(url=url(PNG).replace("data:", "DATA:")), "image/png", PNG),
        (ImagePart(url=url(PNG, "image/png;name=a", "\r\n")), "image/png", PNG),
        (ImagePart(data=b"?", media_type="image/webp"), "image/webp", b"?"),
        (ImagePart(data=HEIF, media_type="image/heic"), "image/heic", HEIF),
        (ImagePart(data=HEIF), "image/heif", HEIF),
        (DocumentPart(data=PDF), "application/pdf", PDF),
        (DocumentPart(data=PDF, media_type="text/plain"), "application/pdf", PDF),
        (DocumentPart(data=b"x"), "text/plain", b"x"),
        (DocumentPart(url=url(b"# x", "TEXT/markdown")), "text/markdown", b"# x"),
        (DocumentPart(url=url(b"x")), "text/plain", b"x"),
        (MediaPart(url=url(b"ID3")), "audio/mpeg", b"ID3"),
        # A container does not tell whether there is a picture in it.
        (MediaPart(data=b"OggS", media_type="video/ogg"), "video/ogg", b"OggS"),
    ],
)
def test_a_file_is_its_bytes_and_their_type(part: FilePart, media_type: str, data: bytes) -> None:
    made = as_it_is(part, PATH)
    assert (made.data, made.media_type, made.url) == (data, media_type, None)
    assert as_it_is(made, PATH) is made


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (ImagePart(data=b"", media_type="image/png"), "data"),
        (ImagePart(url="data:image/png;base64,"), "url"),
        (DocumentPart(data=b"", media_type="text/plain"), "data"),
        (DocumentPart(url="data:application/pdf;base64,"), "url"),
        (MediaPart(data=b"", media_type="audio/wav"), "data"),
        (ImagePart(url="data:image/png;base64,@@@@"), "url"),
        (DocumentPart(url="data:text/plain;base64,é"), "url"),
        (ImagePart(url="data:image/png,raw"), "url"),
        (ImagePart(url="ftp://a.example/a.png"), "url"),
        (ImagePart(url="https:a.png"), "url"),
        (ImagePart(data=PDF, media_type="image/png"), "media_type"),
        (ImagePart(data=b"what"), "media_type"),
        (DocumentPart(data=PNG), "media_type"),
        (DocumentPart(data=b"\xff\xfe"), "media_type"),
        (MediaPart(data=PNG), "media_type"),
    ],
)
def test_what_no_wire_could_take_is_refused(part: FilePart, field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        as_it_is(part, PATH)
    assert caught.value.field == f"{PATH}.{field}"
    assert caught.value.value != "None"
    assert caught.value.remedy


def test_schemes_have_no_case() -> None:
    part = as_it_is(ImagePart(url="HTTPS://A.example/B.png", detail="low"), PATH)
    assert part == ImagePart(url="https://A.example/B.png", detail="low")
    assert as_it_is(part, PATH) is part


def request(part: FilePart, model: str) -> ChatCompletionRequest:
    return ChatCompletionRequest(model=model, messages=[Message(role="user", content=[part])])


def test_the_request_itself_is_not_changed() -> None:
    given = request(ImagePart(url=url(PNG)), "m")
    made = validate(given)
    assert given == request(ImagePart(url=url(PNG)), "m")
    assert made.messages[0].content == [ImagePart(data=PNG, media_type="image/png")]
    assert validate(made) is made


def body(part: FilePart, dialect: Dialect) -> Any:
    asked = validate(request(part, dialect.model))
    return msgspec.json.decode(dialect.codec.encode(asked, dialect.target()).body)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(
    ("told", "plain"),
    [
        (ImagePart(url=url(PNG, "image/jpeg")), ImagePart(data=PNG, media_type="image/png")),
        (ImagePart(data=PNG, media_type="image/jpeg"), ImagePart(data=PNG, media_type="image/png")),
        (DocumentPart(data=b"x"), DocumentPart(data=b"x", media_type="text/plain")),
        (DocumentPart(url=url(b"x")), DocumentPart(data=b"x", media_type="text/plain")),
    ],
)
def test_every_wire_gets_the_same_of_both(
    dialect: Dialect, told: FilePart, plain: FilePart
) -> None:
    assert body(told, dialect) == body(plain, dialect)


@pytest.mark.parametrize("dialect", DIALECTS[1:4], ids=lambda dialect: dialect.name)
def test_documents_and_sound_may_be_data_urls(dialect: Dialect) -> None:
    data = base64.b64encode(PDF).decode()
    assert data in str(body(DocumentPart(url=url(PDF)), dialect))
    if dialect.name != "bedrock_converse":
        sound = base64.b64encode(b"ID3").decode()
        assert sound in str(body(MediaPart(url=url(b"ID3")), dialect))
