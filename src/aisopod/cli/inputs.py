"""What the user hands over: texts, files, schemas. What cannot be used is told before the network."""

import re
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from aisopod import (
    DocumentPart,
    ImagePart,
    InvalidRequestError,
    JsonSchema,
    MediaPart,
    Message,
    Part,
    TextPart,
    Tool,
    sniff_media_type,
)

__all__ = [
    "read_attachments",
    "read_prompt",
    "read_schema",
    "read_thinking",
    "read_tools",
    "user_message",
]

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def read_thinking(
    context: click.Context,  # noqa: ARG001 - click's order
    parameter: click.Parameter,  # noqa: ARG001
    value: str | None,
) -> str | int | None:
    """How much to think: a word, or a number of tokens."""
    if value is None or value in _EFFORTS:
        return value
    if value.isascii() and value.isdigit():
        return int(value)
    raise click.BadParameter(f"{value!r} is none of {', '.join(_EFFORTS)}, and no number of tokens")


def read_prompt(prompt: str | None, *, stdin_is_free: bool) -> str | None:
    """The prompt, with what is piped in as its document; None where a terminal would be asked.

    Args:
        prompt: the command line's.
        stdin_is_free: whether stdin is not read for an attachment (`--file -`).
    """
    piped = _read_stdin() if stdin_is_free else ""
    if piped is None:
        return prompt
    if not piped.strip():
        if prompt is None:
            raise click.UsageError("there is no prompt: give one, or pipe one in")
        return prompt
    return piped if prompt is None else f"{prompt}\n\n{piped}"


def _read_stdin() -> str | None:
    """What is piped in; None where stdin is a terminal."""
    if sys.stdin is None or sys.stdin.closed:
        return ""
    if sys.stdin.isatty():
        return None
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequestError(
            "what is piped in is no UTF-8 text",
            field="stdin",
            remedy="Hand it over with --image - or --file -",
        ) from error


def read_attachments(images: tuple[str, ...], files: tuple[str, ...]) -> list[Part]:
    """Images and documents as parts, in the order given."""
    if (*images, *files).count("-") > 1:
        raise click.UsageError("stdin can be read once only: one `-` too many")
    return [*(_image(name) for name in images), *(_file(name) for name in files)]


def user_message(prompt: str, parts: list[Part]) -> Message:
    """The user's turn; models read a document better when the question follows it."""
    if not parts:
        return Message(role="user", content=prompt)
    return Message(role="user", content=[*parts, TextPart(text=prompt)])


def _image(name: str) -> ImagePart:
    if re.match(r"(?i)(https?|data):", name):
        return ImagePart(url=name)
    data = _read(name, "--image")
    media_type = sniff_media_type(data)
    if media_type is None or not media_type.startswith("image/"):
        raise InvalidRequestError(
            f"this is no image but {media_type or 'of an unknown type'}",
            field="--image",
            value=name,
            remedy="Give a PNG, JPEG, GIF or WebP file, or use --file",
        )
    return ImagePart(data=data, media_type=media_type)


def _file(name: str) -> DocumentPart | MediaPart:
    data = _read(name, "--file")
    title = "stdin" if name == "-" else Path(name).name
    media_type = sniff_media_type(data)
    if media_type == "application/pdf":
        return DocumentPart(data=data, media_type=media_type, name=title)
    if media_type is not None and media_type.startswith(("audio/", "video/")):
        return MediaPart(data=data, media_type=media_type)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequestError(
            "this is neither a PDF, nor sound or film, nor UTF-8 text",
            field="--file",
            value=name,
            remedy="Convert it, or hand over an image with --image",
        ) from error
    return DocumentPart(data=data, media_type="text/plain", name=title)


def _read(name: str, option: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or "no such file"
        raise InvalidRequestError(
            f"it cannot be read: {reason}", field=option, value=name, remedy="Give a readable file"
        ) from error


def read_tools(file: str | None) -> list[Tool]:
    """The tools of a JSON file: one, or a list."""
    if file is None:
        return []
    value = _json(_read(file, "--tool-schema"), "--tool-schema", file)
    entries = value if isinstance(value, list) else [value]
    return [_tool(entry, f"--tool-schema[{index}]") for index, entry in enumerate(entries)]


def _tool(entry: Any, field: str) -> Tool:  # noqa: ANN401
    """A tool, as aisopod writes it or as the vendors' documentation does."""
    fields = entry
    if isinstance(fields, dict) and isinstance(fields.get("function"), dict):
        fields = fields["function"]
    if isinstance(fields, dict):
        fields = {key: value for key, value in fields.items() if key != "type"}
        for foreign in ("input_schema", "inputSchema"):
            if foreign in fields:
                fields["parameters"] = fields.pop(foreign)
    remedy = "A tool has a name, a description and parameters, which are a JSON schema"
    if isinstance(fields, dict) and (unknown := fields.keys() - set(Tool.__struct_fields__)):
        raise InvalidRequestError(
            "a tool has no such field", field=f"{field}.{min(unknown)}", remedy=remedy
        )
    try:
        tool: Tool = msgspec.convert({"type": "function", **_mapping(fields)}, Tool)
    except (msgspec.ValidationError, TypeError) as error:
        raise InvalidRequestError(
            f"this is no tool: {error}", field=field, value=entry, remedy=remedy
        ) from error
    return tool


def _mapping(value: Any) -> dict[str, Any]:  # noqa: ANN401
    if isinstance(value, dict):
        return value
    raise TypeError("expected an object")


def read_schema(text: str | None) -> JsonSchema | None:
    """The JSON schema for the answer, from a file or as it stands on the command line."""
    if text is None:
        return None
    inline = text.lstrip().startswith("{")
    data = text.encode() if inline else _read(text, "--json-schema")
    schema = _json(data, "--json-schema", text)
    if not isinstance(schema, dict):
        raise InvalidRequestError(
            "a JSON schema is an object", field="--json-schema", value=schema, remedy="Give one"
        )
    # The wires take no other characters in the name.
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", str(schema.get("title") or "answer"))[:64]
    return JsonSchema(schema=schema, name=name)


def _json(data: bytes, option: str, source: str) -> Any:  # noqa: ANN401
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequestError(
            f"this is no JSON: {error}", field=option, value=source, remedy="Mend it"
        ) from error
