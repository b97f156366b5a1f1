"""Which files a wire cannot take as they are, and what the bytes of a file tell."""

import base64
from typing import Any

import pytest

from aisopod.normalise.files import as_it_is
from aisopod.normalise.limits import Limits
from aisopod.normalise.media_types import FilePart, type_by_ending, type_of_content
from aisopod.normalise.misfits import Misfit, file_parts, find_misfits
from aisopod.normalise.target import NormaliseConfig, Target
from aisopod.providers.host import Host
from aisopod.providers.registry import find
from aisopod.types import (
    ChatCompletionRequest,
    DocumentPart,
    ImagePart,
    MediaPart,
    Message,
    Part,
    TextPart,
    sniff_media_type,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
BMP = b"BM" + bytes(20)
TIFF = b"II*\0" + bytes(16)
WEB = "https://a.example/"


def misfits(name: str, *parts: FilePart, documents: Any = "refuse") -> list[Misfit]:
    provider, _, model = name.partition("/")
    host = find(provider)
    assert isinstance(host, Host)
    target = Target(
        provider=provider,
        model=model,
        quirks=host.quirks,
        normalise=NormaliseConfig(documents=documents),
    )
    message = Message(role="user", content=[TextPart(text="hi"), *parts])
    request = ChatCompletionRequest(model=model, messages=[message])
    return find_misfits(file_parts(request), host.codec.limits(target), target)


@pytest.mark.parametrize(
    ("model", "part", "fetched"),
    [
        ("bedrock/anthropic.claude-sonnet-4-5", ImagePart(url=WEB + "a.png"), True),
        ("bedrock/anthropic.claude-sonnet-4-5", ImagePart(url="HTTPS://a.example/a.png"), True),
        ("bedrock/anthropic.claude-sonnet-4-5", ImagePart(url="s3://bucket/a.png"), False),
        ("bedrock/anthropic.claude-sonnet-4-5", ImagePart(url="ftp://a.example/a.png"), False),
        ("bedrock/anthropic.claude-sonnet-4-5", DocumentPart(url=WEB + "a.pdf"), True),
        ("bedrock/amazon.nova-lite-v1:0", MediaPart(url=WEB + "a.mp4"), True),
        ("bedrock/openai.gpt-oss-20b", ImagePart(url=WEB + "a.png"), False),  # it sees none
        ("bedrock-anthropic/anthropic.claude-sonnet-4-5", ImagePart(url=WEB + "a.png"), True),
        ("anthropic/claude-sonnet-4-5", ImagePart(url=WEB + "a.png"), False),
        ("anthropic/claude-sonnet-4-5", DocumentPart(url=WEB + "a"), False),
        ("anthropic/claude-sonnet-4-5", MediaPart(url=WEB + "a.mp3"), False),  # it hears nothing
        ("ollama/llava", ImagePart(url=WEB + "a.png"), True),
        ("ollama/llava", ImagePart(file_id="file-1"), False),
        ("openai/gpt-4o", ImagePart(url=WEB + "a.png"), False),
        ("openai/gpt-4o", DocumentPart(url=WEB + "a.pdf"), True),
        ("openai/gpt-4o", MediaPart(url=WEB + "a.mp3"), True),
        ("openrouter/openai/gpt-4o", DocumentPart(url=WEB + "a.pdf"), False),
        ("lmstudio/any", ImagePart(url=WEB + "a.png"), True),
        ("deepseek/deepseek-chat", ImagePart(url=WEB + "a.png"), False),
        ("gemini/gemini-2.5-flash", ImagePart(url=WEB + "a.png"), False),
        ("gemini/gemini-2.5-flash", ImagePart(url=WEB + "a"), True),
        ("gemini/gemini-2.5-flash", ImagePart(url=WEB + "a", media_type="image/png"), False),
        ("gemini/gemini-2.5-flash", ImagePart(url=WEB + "a.gif"), True),  # a type that it refuses
        ("gemini/gemini-2.5-flash", MediaPart(url="https://youtu.be/abc"), False),
        ("gemini/gemini-2.5-flash", MediaPart(url="gs://bucket/a"), False),
    ],
)  # fmt: skip
def test_which_are_fetched(model: str, part: FilePart, fetched: bool) -> None:
    assert [each.fetch for each in misfits(model, part)] == [True] * fetched


@pytest.mark.parametrize(
    ("model", "part", "changed"),
    [
        ("ollama/llava", ImagePart(data=PNG), False),
        ("ollama/llava", ImagePart(data=BMP), True),
        ("ollama/llava", ImagePart(data=PNG, media_type="image/tiff"), False),
        ("ollama/llava", ImagePart(data=TIFF, media_type="image/png"), True),
        # The wire's own refusal says so.
        ("ollama/llava", ImagePart(data=b"what is this", media_type="what/is-this"), False),
        ("ollama/llava", ImagePart(url="data:image/bmp;base64,Qk0="), True),
        ("gemini/gemini-2.5-flash", ImagePart(data=b"GIF89a"), True),
        ("anthropic/claude-sonnet-4-5", ImagePart(data=PNG), True),  # its sides are looked at
        ("openai/gpt-4o", ImagePart(data=b"RIFF....WEBP"), False),
        ("lmstudio/any", ImagePart(data=b"RIFF....WEBP"), True),
        ("deepseek/deepseek-chat", ImagePart(data=BMP), False),
        ("ollama/llava", DocumentPart(data=b"%PDF-"), False),
        ("ollama/llava", MediaPart(data=b"ID3"), False),
    ],
)
def test_which_are_changed(model: str, part: FilePart, changed: bool) -> None:
    found = misfits(model, as_it_is(part, "messages[0].content[1]"))
    assert [each.fetch for each in found] == [False] * changed


@pytest.mark.parametrize(
    ("model", "part", "found"),
    [
        ("ollama/llava", DocumentPart(data=b"%PDF-"), 1),
        (
            "ollama/llava",
            DocumentPart(data=b"hi", name="a.txt"),
            0,
        ),  # it is put into the text anyway
        ("bedrock/openai.gpt-oss-20b", DocumentPart(data=b"hi"), 1),
        ("bedrock/openai.gpt-oss-20b", DocumentPart(url=WEB + "a.pdf"), 1),
        ("bedrock/anthropic.claude-sonnet-4-5", DocumentPart(data=b"%PDF-"), 0),
        ("anthropic/claude-sonnet-4-5", DocumentPart(data=b"{}", media_type="application/json"), 1),
        ("ollama/llava", DocumentPart(data=b"PK\x03\x04", media_type="application/zip"), 0),
    ],
)
def test_which_documents_become_text(model: str, part: FilePart, found: int) -> None:
    part = as_it_is(part, "messages[0].content[1]")
    assert len(misfits(model, part, documents="text")) == found
    if part.url is None:
        assert misfits(model, part) == []


def test_a_request_s_files_are_found_where_they_stand() -> None:
    parts: list[Part] = [TextPart(text="a"), ImagePart(data=PNG), DocumentPart(data=b"b")]
    messages = [Message(role="system", content="x"), Message(role="user", content=parts)]
    found = file_parts(ChatCompletionRequest(model="m", messages=messages))
    assert [each.path for each in found] == ["messages[1].content[1]", "messages[1].content[2]"]


def test_a_wire_of_which_nothing_is_known_takes_everything() -> None:
    part = ImagePart(data=BMP)
    message = Message(role="user", content=[part])
    placings = file_parts(ChatCompletionRequest(model="m", messages=[message]))
    assert find_misfits(placings, Limits(), Target(provider="p", model="m")) == []


@pytest.mark.parametrize(
    ("part", "data", "told", "kind"),
    [
        (ImagePart(), PNG, "text/html", "image/png"),
        (ImagePart(), b"<html>", "image/png", None),
        (ImagePart(), b"%PDF-", "image/png", None),
        (ImagePart(), b"<svg/>", "image/svg+xml", None),
        (MediaPart(), b"ID3", None, "audio/mpeg"),
        (MediaPart(), PNG, "audio/mpeg", None),
        (DocumentPart(), b"%PDF-1", "text/plain", "application/pdf"),
        (DocumentPart(), b"no PDF", "application/pdf", None),
        (DocumentPart(), b"text", None, "text/plain"),
        (DocumentPart(), b"# A", "text/markdown; charset=utf-8", "text/markdown"),
        (DocumentPart(), b"\0\1", "text/plain", None),
        (DocumentPart(), b"\xff", "text/plain", None),
        (DocumentPart(), PNG, "application/pdf", None),
        (DocumentPart(), b"PK\x03\x04", "application/zip", None),
        (DocumentPart(), b"PK\x03\x04", type_by_ending("/a.docx?b#c"), type_by_ending("a.DOCX")),
    ],
)
def test_the_content_decides_what_a_file_is(
    part: FilePart, data: bytes, told: str | None, kind: str | None
) -> None:
    assert type_of_content(part, data, told) == kind


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (BMP, "image/bmp"),
        (b"BMW is a car", None),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"\0\0\0\x1cftypheix", "image/heic"),
        (b"\0\0\0\x1cftypavif", "image/avif"),
        (b"\xff\xf1", "audio/aac"),
        (base64.b64decode("//M="), "audio/mpeg"),
    ],
)
def test_further_types_are_told_from_the_bytes(data: bytes, kind: str | None) -> None:
    assert sniff_media_type(data) == kind
