"""Messages to the wire's turns: https://docs.anthropic.com/en/api/messages."""

from typing import Any

from aisopod.codecs.anthropic_messages.limits import IMAGES
from aisopod.codecs.arguments import arguments_object
from aisopod.codecs.media import base64_of, own_file_id, text_of
from aisopod.errors import InvalidRequestError
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed
from aisopod.types import (
    CacheControl,
    DocumentPart,
    ImagePart,
    MediaPart,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
)

__all__ = ["cache_control", "encode_messages"]

Block = dict[str, Any]


def encode_messages(turns: list[Placed], notes: Notes) -> tuple[list[Block], list[Block]]:
    """The system blocks and the turns of a conversation that fits the wire.

    Results of one turn's calls stand in one user turn, before anything else that the user says.
    Neighbouring system messages are one, since the wire takes no second one behind the first.

    Raises:
        InvalidRequestError: something in a message cannot be put on this wire.
    """
    system: list[Block] = []
    encoded: list[Block] = []
    for placed in turns:
        message = placed.message
        blocks = _marked_end(_blocks(placed, notes), message)
        if message.role == "system" and not encoded:
            system += blocks
            continue
        role = "user" if message.role == "tool" else message.role
        if encoded and encoded[-1]["role"] == role != "assistant":
            encoded[-1]["content"] += blocks
        else:
            encoded.append({"role": role, "content": blocks})
    return system, encoded


def cache_control(mark: CacheControl) -> Block:
    """https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching."""
    return {"type": "ephemeral", **({"ttl": mark.ttl} if mark.ttl else {})}


def _marked_end(blocks: list[Block], message: Message) -> list[Block]:
    """A message's own mark stands on its last block; thinking cannot carry one."""
    if message.cache is None:
        return blocks
    for block in reversed(blocks):
        if block["type"] not in {"thinking", "redacted_thinking"}:
            return [_marked(block, message.cache) if each is block else each for each in blocks]
    return blocks


def _blocks(placed: Placed, notes: Notes) -> list[Block]:
    message = placed.message
    if message.role == "tool":
        return [_result(placed, notes)]
    return _content(placed, notes)


def _content(placed: Placed, notes: Notes) -> list[Block]:
    return [
        _call(piece, placed.index, notes)
        if isinstance(piece, ToolCall)
        else _part(piece, placed, position, notes)
        for position, piece in placed.pieces()
    ]


def _part(part: Part, placed: Placed, position: int, notes: Notes) -> Block:
    match part:
        case TextPart(text=text):
            block: Block = {"type": "text", "text": text}
            if part.citations and placed.message.role == "assistant":
                block["citations"] = part.citations
            return _marked(block, part.cache)
        case ThinkingPart(redacted=str() as data):
            return {"type": "redacted_thinking", "data": data}
        case ThinkingPart():
            return {"type": "thinking", "thinking": part.text, "signature": part.signature}
        case OpaquePart():
            return dict(part.data)
        case ImagePart():
            source = _image_source(part, placed.path(position))
            return _marked({"type": "image", "source": source}, part.cache)
        case DocumentPart():
            return _marked(_document(part, placed.path(position)), part.cache)
        case MediaPart():
            notes.refuse(placed.path(position), part.media_type,
                         "the wire takes no sound and no film",
                         "Send a transcript or single frames")  # fmt: skip
    return {}


def _image_source(part: ImagePart, path: str) -> Block:
    if part.file_id is not None:
        return {"type": "file", "file_id": own_file_id(part.file_id, path, "file_")}
    if part.url is not None:
        return {"type": "url", "url": part.url}
    if part.media_type not in IMAGES:
        raise InvalidRequestError(
            "this wire takes no images of this type",
            field=f"{path}.media_type",
            value=part.media_type,
            remedy=f"Convert it to one of {', '.join(IMAGES)}",
        )
    return {"type": "base64", "media_type": part.media_type, "data": base64_of(part)}


def _document(part: DocumentPart, path: str) -> Block:
    source: Block
    if part.file_id is not None:
        source = {"type": "file", "file_id": own_file_id(part.file_id, path, "file_")}
    elif part.url is not None:
        source = {"type": "url", "url": part.url}
    elif part.media_type == "application/pdf":
        source = {"type": "base64", "media_type": part.media_type, "data": base64_of(part)}
    elif part.media_type is not None and part.media_type.startswith("text/"):
        source = {"type": "text", "media_type": "text/plain", "data": text_of(part, path)}
    else:
        raise InvalidRequestError(
            "this wire takes PDF and plain text only",
            field=f"{path}.media_type",
            value=part.media_type,
            remedy="Convert it to application/pdf or text/plain",
        )
    block: Block = {"type": "document", "source": source}
    if part.name:
        block["title"] = part.name
    if part.context:
        block["context"] = part.context
    if part.citations:
        block["citations"] = {"enabled": True}
    return block


def _call(call: ToolCall, index: int, notes: Notes) -> Block:
    return {
        "type": "tool_use",
        "id": call.id,
        "name": call.name,
        "input": arguments_object(call, index, notes),
        **(call.fields or {}),
    }


def _result(placed: Placed, notes: Notes) -> Block:
    message = placed.message
    block: Block = {"type": "tool_result", "tool_use_id": message.tool_call_id}
    if isinstance(message.content, str):
        block["content"] = message.content
    elif blocks := _content(placed, notes):
        # An empty list is refused, a missing content is not.
        block["content"] = blocks
    if message.is_error:
        block["is_error"] = True
    return block


def _marked(block: Block, mark: CacheControl | None) -> Block:
    return block if mark is None else {**block, "cache_control": cache_control(mark)}
