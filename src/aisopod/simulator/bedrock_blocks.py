"""What Converse refuses in a block.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from aisopod.simulator.bedrock_shape import bad, check_members, one_key
from aisopod.simulator.wire import Fields

__all__ = ["check_block", "is_hosted", "sources"]

# fmt: off
_BLOCKS = frozenset({
    "text", "image", "document", "video", "audio", "toolUse", "toolResult", "guardContent",
    "cachePoint", "reasoningContent", "citationsContent", "searchResult", "toolAddition",
    "toolRemoval",
})
_RESULTS = frozenset({"json", "text", "image", "document", "video", "searchResult"})
_FORMATS: dict[str, tuple[str, ...]] = {
    "image": ("png", "jpeg", "gif", "webp"),
    "document": ("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"),
    "video": ("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"),
}
_MEDIA = frozenset({"format", "source", "name", "context", "citations"})
# fmt: on
_SOURCES = {
    "image": frozenset({"bytes", "s3Location"}),
    "document": frozenset({"bytes", "s3Location", "text", "content"}),
    "video": frozenset({"bytes", "s3Location"}),
}

_USE_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_DOCUMENT_NAME = re.compile(r"(?!.*\s\s)[a-zA-Z0-9\s()\[\]-]{1,200}")


def is_hosted(block: Fields) -> bool:
    """Whether a use, or its result, is of a tool that the service runs itself."""
    tool: Fields = block.get("toolUse") or block.get("toolResult") or {}
    return "type" in tool


def sources(block: Fields) -> Iterator[Fields]:
    """Where the media of a block, and of the result in it, come from."""
    for inner in (block, *block.get("toolResult", {}).get("content", ())):
        for kind in _FORMATS:
            if kind in inner:
                yield inner[kind]["source"]


def check_block(block: Fields, path: str, role: str) -> None:
    """Refuse a block of a message.

    Raises:
        Refusal: with the service's words.
    """
    kind = one_key(block, _BLOCKS, path, "ContentBlock")
    match kind:
        case "text":
            _check_text(block["text"], path)
        case "image" | "document" | "video":
            _check_media(block[kind], kind, f"{path}.{kind}")
        case "toolUse":
            _check_role(role, "assistant", kind, path)
            _check_use(block["toolUse"], f"{path}.toolUse")
        case "toolResult":
            if not is_hosted(block):
                _check_role(role, "user", kind, path)
            _check_result(block["toolResult"], f"{path}.toolResult")
        case "reasoningContent":
            _check_role(role, "assistant", kind, path)
            _check_reasoning(block["reasoningContent"], f"{path}.reasoningContent")
        case "cachePoint":
            check_members(block["cachePoint"], frozenset({"type", "ttl"}))
            _check_value(block["cachePoint"].get("type"), ("default",), f"{path}.cachePoint.type")
        case _:
            pass


def _check_role(role: str, wanted: str, kind: str, path: str) -> None:
    if role != wanted:
        raise bad(f"The {kind} block at {path} can only be in a message of the {wanted} role.")


def _check_text(text: Any, path: str) -> None:  # noqa: ANN401 - any JSON may come
    if not isinstance(text, str):
        raise bad(f"The format of the value at {path}.text is invalid. Provide a string.")
    if not text.strip():
        raise bad(
            f"The text field in the ContentBlock object at {path} is blank. Add text to the text "
            "field, and try again."
        )


def _check_media(media: Fields, kind: str, path: str) -> None:
    check_members(media, _MEDIA if kind == "document" else frozenset({"format", "source"}))
    if kind != "document" or "format" in media:
        _check_value(media.get("format"), _FORMATS[kind], f"{path}.format")
    if kind == "document" and not _DOCUMENT_NAME.fullmatch(media.get("name") or ""):
        raise bad(
            "The document file name can only contain alphanumeric characters, whitespace "
            "characters, hyphens, parentheses, and square brackets. The name can't contain more "
            "than one consecutive whitespace character."
        )
    source = one_key(media.get("source") or {}, _SOURCES[kind], f"{path}.source", "Source")
    if source == "bytes":
        _check_bytes(media["source"]["bytes"], f"{path}.source.bytes")


def _check_use(use: Fields, path: str) -> None:
    check_members(use, frozenset({"toolUseId", "name", "input", "type"}))
    _check_pattern(use.get("toolUseId"), _USE_ID, f"{path}.toolUseId")
    _check_pattern(use.get("name"), _TOOL_NAME, f"{path}.name")
    if not isinstance(use.get("input"), dict):
        raise bad(f"The format of the value at {path}.input is invalid. Provide a json object.")


def _check_result(result: Fields, path: str) -> None:
    check_members(result, frozenset({"toolUseId", "content", "status", "type"}))
    _check_pattern(result.get("toolUseId"), _USE_ID, f"{path}.toolUseId")
    if "status" in result:
        _check_value(result["status"], ("success", "error"), f"{path}.status")
    if not result.get("content"):
        raise bad(f"The content field at {path} is empty. Add a block to it and try again.")
    for index, block in enumerate(result["content"]):
        inner = f"{path}.content.{index}"
        kind = one_key(block, _RESULTS, inner, "ToolResultContentBlock")
        if kind == "text":
            _check_text(block["text"], inner)
        elif kind == "json" and not isinstance(block["json"], dict):
            raise bad(f"The format of the value at {inner}.json is invalid. Provide a json object.")
        elif kind in _FORMATS:
            _check_media(block[kind], kind, f"{inner}.{kind}")


def _check_reasoning(reasoning: Fields, path: str) -> None:
    known = frozenset({"reasoningText", "redactedContent"})
    if one_key(reasoning, known, path, "ReasoningContentBlock") == "redactedContent":
        _check_bytes(reasoning["redactedContent"], f"{path}.redactedContent")
        return
    check_members(reasoning["reasoningText"], frozenset({"text", "signature"}))
    if "text" not in reasoning["reasoningText"]:
        raise bad(f"The value at {path}.reasoningText.text is missing.")


def _check_bytes(data: Any, path: str) -> None:  # noqa: ANN401 - any JSON may come
    try:
        if not base64.b64decode(data, validate=True):
            raise bad(f"The value at {path} is empty.")
    except (binascii.Error, TypeError, ValueError):
        raise bad(f"The value at {path} is no base64.") from None


def _check_value(value: Any, known: tuple[str, ...], path: str) -> None:  # noqa: ANN401 - any JSON
    if value not in known:
        raise bad(
            f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{', '.join(known)}]"
        )


def _check_pattern(value: Any, pattern: re.Pattern[str], path: str) -> None:  # noqa: ANN401 - any JSON
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise bad(
            f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy "
            f"constraint: Member must satisfy regular expression pattern: {pattern.pattern}"
        )
