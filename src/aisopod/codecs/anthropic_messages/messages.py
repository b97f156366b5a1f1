"""Messages to the wire's turns: https://docs.anthropic.com/en/api/messages."""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any

from aisopod.codecs.arguments import arguments_object
from aisopod.codecs.codec import Notes
from aisopod.codecs.media import base64_of, is_data_url
from aisopod.codecs.system import check_system
from aisopod.codecs.tool_ids import fitted_ids
from aisopod.errors import InvalidRequestError
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

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def encode_messages(messages: list[Message], notes: Notes) -> tuple[list[Block], list[Block]]:
    """The system blocks and the turns of a conversation.

    Results of one turn's calls go into one user turn right behind it, before anything else that
    the user says; texts without a visible character are left out: the wire refuses both.

    Raises:
        InvalidRequestError: something in a message cannot be put on this wire, or nothing is left.
        UnsupportedFeatureError: a system message holds more than text.
    """
    system: list[Block] = []
    turns: list[Block] = []
    ids = fitted_ids(messages, _ID, 64)
    for index, message in enumerate(messages):
        if message.role == "system":
            check_system(message, index, notes, hoisted=bool(turns))
            content = _content(message, index, notes)
            system += _marked_end(content, message, notes)
            continue
        blocks = _blocks(message, index, ids, notes)
        if not blocks:
            notes.warn("empty_message", "a message without content was left out", index=index)
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if turns and turns[-1]["role"] == role == "user":
            _join_user(turns[-1]["content"], blocks)
        else:
            turns.append({"role": role, "content": blocks})
    if not turns:
        raise InvalidRequestError(
            "there is nothing to answer: this wire wants a turn with content beside the system's",
            field="messages",
            remedy="Add a user message with text",
        )
    _trim_prefill(turns, notes)
    return system, turns


def cache_control(mark: CacheControl, notes: Notes) -> Block:
    """https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching."""
    if mark.key is not None:
        notes.warn("cache_key", "the wire has no cache key: it was left out", field="cache.key")
    return {"type": "ephemeral", **({"ttl": mark.ttl} if mark.ttl else {})}


def _blocks(message: Message, index: int, ids: dict[str, str], notes: Notes) -> list[Block]:
    if message.role == "tool":
        blocks = [_result(message, index, ids, notes)]
    else:
        blocks = _content(message, index, notes, message.tool_calls, ids)
    return _marked_end(blocks, message, notes)


def _marked_end(blocks: list[Block], message: Message, notes: Notes) -> list[Block]:
    """A message's own mark stands on its last block; thinking cannot carry one."""
    if message.cache is None:
        return blocks
    for block in reversed(blocks):
        if block["type"] not in {"thinking", "redacted_thinking"}:
            return [
                _marked(block, message.cache, notes) if each is block else each for each in blocks
            ]
    return blocks


def _content(
    message: Message,
    index: int,
    notes: Notes,
    calls: Iterable[ToolCall] = (),
    ids: dict[str, str] | None = None,
) -> list[Block]:
    blocks: list[Block] = []
    waiting = list(calls)
    for position, part in enumerate(message.parts):
        while waiting and waiting[0].position is not None and waiting[0].position <= position:
            blocks.append(_call(waiting.pop(0), index, ids or {}, notes))
        block = _part(part, message, index, f"messages[{index}].content[{position}]", notes)
        if block is not None:
            blocks.append(block)
    return blocks + [_call(call, index, ids or {}, notes) for call in waiting]


def _part(part: Part, message: Message, index: int, path: str, notes: Notes) -> Block | None:
    match part:
        case TextPart():
            return _text(part, message, index, notes)
        case ImagePart():
            return _marked(
                {"type": "image", "source": _image_source(part, path)}, part.cache, notes
            )
        case DocumentPart():
            return _marked(_document(part, path), part.cache, notes)
        case MediaPart():
            notes.refuse(path, part.media_type, "the wire takes no sound and no film",
                         "Send a transcript or single frames")  # fmt: skip
        case ThinkingPart():
            return _thinking(part, message, index, notes)
        case OpaquePart():
            if part.provider == notes.target.provider:
                return dict(part.data)
            notes.foreign_part(part, index)
    return None


def _text(part: TextPart, message: Message, index: int, notes: Notes) -> Block | None:
    if not part.text.strip():
        return None
    block: Block = {"type": "text", "text": part.text}
    if part.citations and message.role == "assistant":
        if part.provider == notes.target.provider:
            block["citations"] = part.citations
        else:
            notes.warn("foreign_citations", "citations were left out: their form is another's",
                       index=index)  # fmt: skip
    return _marked(block, part.cache, notes)


def _thinking(part: ThinkingPart, message: Message, index: int, notes: Notes) -> Block | None:
    """Thinking goes back to its maker unaltered, or not at all: the wire checks signatures."""
    if message.role != "assistant":
        notes.warn("misplaced_thinking", "thinking outside an assistant's message was left out",
                   index=index)  # fmt: skip
        return None
    if part.provider != notes.target.provider:
        notes.warn("foreign_thinking", "another provider's thinking was left out", index=index)
        return None
    if part.redacted is not None:
        return {"type": "redacted_thinking", "data": part.redacted}
    if not part.signature:
        notes.warn("unsigned_thinking", "thinking without a signature was left out: the answer "
                   "that it belongs to broke off", index=index)  # fmt: skip
        return None
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def _image_source(part: ImagePart, path: str) -> Block:
    if part.file_id is not None:
        return {"type": "file", "file_id": part.file_id}
    if part.url is not None and not is_data_url(part.url):
        return {"type": "url", "url": part.url}
    media_type, data = base64_of(part, path)
    if media_type not in _IMAGES:
        raise InvalidRequestError(
            "this wire takes no images of this type",
            field=f"{path}.media_type",
            value=media_type,
            remedy=f"Convert it to one of {', '.join(_IMAGES)}",
        )
    return {"type": "base64", "media_type": media_type, "data": data}


def _document(part: DocumentPart, path: str) -> Block:
    source: Block
    if part.file_id is not None:
        source = {"type": "file", "file_id": part.file_id}
    elif part.url is not None and not is_data_url(part.url):
        source = {"type": "url", "url": part.url}
    else:
        media_type, data = base64_of(part, path)
        if media_type == "application/pdf":
            source = {"type": "base64", "media_type": media_type, "data": data}
        elif media_type is None or media_type.startswith("text/"):
            text = _decoded(data, path)
            source = {"type": "text", "media_type": "text/plain", "data": text}
        else:
            raise InvalidRequestError(
                "this wire takes PDF and plain text only",
                field=f"{path}.media_type",
                value=media_type,
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


def _decoded(data: str, path: str) -> str:
    """The text that stands in base64."""
    try:
        return base64.b64decode(data, validate=True).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequestError(
            f"the text is not UTF-8: {error}", field=f"{path}.data", remedy="Convert it to UTF-8"
        ) from error
    except binascii.Error as error:
        raise InvalidRequestError(
            f"the URL holds no base64: {error}",
            field=f"{path}.url",
            remedy="Give the bytes as data",
        ) from error


def _call(call: ToolCall, index: int, ids: dict[str, str], notes: Notes) -> Block:
    fields = call.fields if call.provider == notes.target.provider and call.fields else {}
    return {
        "type": "tool_use",
        "id": ids.get(call.id, call.id),
        "name": call.name,
        "input": arguments_object(call, index, notes),
        **fields,
    }


def _result(message: Message, index: int, ids: dict[str, str], notes: Notes) -> Block:
    call_id = message.tool_call_id or ""
    block: Block = {"type": "tool_result", "tool_use_id": ids.get(call_id, call_id)}
    if isinstance(message.content, str):
        block["content"] = message.content
    elif blocks := _content(message, index, notes):
        # An empty list is refused, a missing content is not.
        block["content"] = blocks
    if message.is_error:
        block["is_error"] = True
    return block


def _marked(block: Block, mark: CacheControl | None, notes: Notes) -> Block:
    return block if mark is None else {**block, "cache_control": cache_control(mark, notes)}


def _join_user(content: list[Block], blocks: list[Block]) -> None:
    """One user turn of two; results stay before everything else."""
    content += blocks
    content.sort(key=lambda block: block["type"] != "tool_result")


def _trim_prefill(turns: list[Block], notes: Notes) -> None:
    """A prefill must not end in white space: the wire refuses it."""
    if not turns or turns[-1]["role"] != "assistant":
        return
    last = turns[-1]["content"][-1]
    if last["type"] == "text" and last["text"] != last["text"].rstrip():
        last["text"] = last["text"].rstrip()
        notes.warn("trailing_space", "white space at the end of the prefill was removed")
