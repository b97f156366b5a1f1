"""Messages to the wire's form.

Source: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
"""

import base64
from typing import Any

from aisopod.codecs.media import DOCUMENTS_REMEDY, FETCH_REMEDY, own_file_id, text_of
from aisopod.codecs.openai_chat.families import Family
from aisopod.codecs.openai_chat.limits import AUDIO, cache_mark
from aisopod.codecs.openai_chat.quirks import Quirks
from aisopod.errors import InvalidRequestError
from aisopod.normalise.media_types import shown_address
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed, Prepared
from aisopod.normalise.texts import joined
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

__all__ = ["encode_messages"]

_IN_PLACE = frozenset({"role", "content", "tool_calls", "tool_call_id"})


def encode_messages(
    prepared: Prepared, quirks: Quirks, family: Family | None, notes: Notes
) -> list[dict[str, Any]]:
    """The wire's messages.

    Raises:
        InvalidRequestError: a message is wrong in itself.
        UnsupportedFeatureError: it holds what this wire cannot carry.
    """
    writer = _Writer(notes.target.known_as, quirks, family, notes)
    return [writer.message(placed) for placed in prepared.turns]


class _Writer:
    """Writes the messages of one request."""

    def __init__(self, model: str, quirks: Quirks, family: Family | None, notes: Notes) -> None:
        self._quirks = quirks
        self._family = family
        self._notes = notes
        self._marks = cache_mark(model, quirks, family)

    def message(self, placed: Placed) -> dict[str, Any]:
        match placed.message.role:
            case "system":
                return self._system(placed)
            case "user":
                return self._user(placed)
            case "assistant":
                return self._assistant(placed)
            case "tool":
                return self._tool(placed)

    # --- one function for each role ---

    def _system(self, placed: Placed) -> dict[str, Any]:
        parts = self._text_parts(placed)
        role = (self._family.instructions if self._family else None) or "system"
        if role == "developer" and not self._quirks.developer_role:
            role = "system"
        return {"role": role, **_name(placed.message), "content": _simple(parts)}

    def _user(self, placed: Placed) -> dict[str, Any]:
        message = placed.message
        if isinstance(message.content, str) and not message.cache:
            return {"role": "user", **_name(message), "content": message.content}
        fields: dict[str, Any] = {}
        parts: list[dict[str, Any]] = []
        for position, part in enumerate(message.parts):
            if isinstance(part, OpaquePart):
                self._put_opaque(part, parts, fields, placed.index)
            else:
                parts.extend(self._content(part, placed, position))
        self._mark_last(parts, message.cache)
        return {"role": "user", **_name(message), "content": _simple(parts), **fields}

    def _assistant(self, placed: Placed) -> dict[str, Any]:
        message = placed.message
        fields: dict[str, Any] = {}
        parts: list[dict[str, Any]] = []
        thinking: list[str] = []
        details = any(
            isinstance(part, OpaquePart) and part.kind == "reasoning_details"
            for part in message.parts
        )
        for position, part in enumerate(message.parts):
            if isinstance(part, OpaquePart):
                self._put_opaque(part, parts, fields, placed.index)
            elif not isinstance(part, ThinkingPart):
                parts.extend(self._content(part, placed, position))
            elif part.text and self._quirks.replay_reasoning == "parts":
                parts.append(_thinking_part(part.text))
            elif part.text and not details:  # the signed details say the same
                thinking.append(part.text)
        if thinking and self._quirks.replay_reasoning:
            fields[self._quirks.replay_reasoning] = "".join(thinking)
        self._mark_last(parts, message.cache)
        return self._assistant_body(message, parts, fields)

    def _assistant_body(
        self, message: Message, parts: list[dict[str, Any]], fields: dict[str, Any]
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"role": "assistant", **_name(message)}
        joined = _joined(parts)
        empty_is_null = bool(message.tool_calls or message.refusal or "audio" in fields)
        body["content"] = joined
        if not joined and empty_is_null and not self._quirks.empty_content:
            body["content"] = None
        if message.refusal:
            body["refusal"] = message.refusal
        if message.tool_calls:
            body["tool_calls"] = [_call(call) for call in message.tool_calls]
        return {**body, **fields}

    def _tool(self, placed: Placed) -> dict[str, Any]:
        message = placed.message
        body = {"role": "tool", "tool_call_id": message.tool_call_id}
        if isinstance(message.content, str) and not message.cache:
            return {**body, "content": message.content}
        texts: list[TextPart] = []
        for position, part in enumerate(message.parts):
            if isinstance(part, TextPart):
                texts.append(part)
            else:
                self._notes.warn(
                    "foreign_part", "left out: a tool's message holds only text",
                    index=placed.index, part=placed.place(position)[1], action="left_out",
                )  # fmt: skip
        content: Any = joined([part.text for part in texts], "tool")
        if message.cache or any(part.cache for part in texts):
            marked = [{"type": "text", "text": content}]
            self._mark_last(marked, message.cache or texts[-1].cache or CacheControl())
            content = _simple(marked)
        return {**body, "content": content}

    # --- what a message is made of ---

    def _text_parts(self, placed: Placed) -> list[dict[str, Any]]:
        """The parts of a message that can hold only text."""
        parts: list[dict[str, Any]] = []
        for position, part in enumerate(placed.message.parts):
            if not isinstance(part, TextPart):
                self._notes.refuse(
                    placed.path(position),
                    type(part).__name__,
                    f"a {placed.message.role} message holds only text",
                    "Put it into a user message",
                )
            parts.extend(self._content(part, placed, position))
        self._mark_last(parts, placed.message.cache)
        return parts

    def _content(self, part: Part, placed: Placed, position: int) -> list[dict[str, Any]]:
        """A part of text, image or document as the wire's parts."""
        index, place = placed.place(position)
        match part:
            case TextPart():
                if part.citations:
                    self._notes.warn(
                        "citations", "left out citations: the wire has none", index=index,
                        part=place, action="left_out",
                    )  # fmt: skip
                parts: list[dict[str, Any]] = [{"type": "text", "text": part.text}]
            case ImagePart():
                parts = [self._image(part, placed.path(position))]
            case DocumentPart():
                parts = self._document(part, placed.path(position), index)
            case MediaPart():
                parts = [self._audio(part, placed.path(position))]
            case _:
                return []
        self._mark_last(parts, part.cache)
        return parts

    def _image(self, part: ImagePart, path: str) -> dict[str, Any]:
        if not self._quirks.images:
            self._notes.refuse(
                path, "image", "the host takes no images", "Describe it, or use another provider"
            )
        if part.file_id:
            self._notes.refuse(
                path, part.file_id, "Chat Completions takes no image by file id",
                "Give its bytes or a URL",
            )  # fmt: skip
        url = part.url or _data_url(part.media_type or "", part.data or b"")
        if part.data is not None and part.media_type not in self._quirks.image_types:
            taken = ", ".join(sorted(self._quirks.image_types))
            raise InvalidRequestError(
                "the host takes no images of this type",
                field=f"{path}.media_type",
                value=part.media_type,
                remedy=f"Convert it to one of {taken}",
            )
        detail = {"detail": part.detail} if part.detail else {}
        return {"type": "image_url", "image_url": {"url": url, **detail}}

    def _audio(self, part: MediaPart, path: str) -> dict[str, Any]:
        media_type = part.media_type or ""
        form = AUDIO.get(media_type)
        if form is None or part.data is None:
            self._notes.refuse(
                path, media_type or shown_address(part.url or part.file_id or ""),
                "Chat Completions takes sound as the bytes of an MP3 or WAV file, and no film",
                "Give those, or a transcript",
            )  # fmt: skip
        data = base64.b64encode(part.data or b"").decode()
        return {"type": "input_audio", "input_audio": {"data": data, "format": form}}

    def _document(self, part: DocumentPart, path: str, index: int) -> list[dict[str, Any]]:
        if part.citations:
            self._notes.warn("citations", "the wire cannot ask for citations", index=index)
        # There is no field for it on this wire, and the model is to know it.
        before = [{"type": "text", "text": part.context}] if part.context else []
        return [*before, self._document_body(part, path, index)]

    def _document_body(self, part: DocumentPart, path: str, index: int) -> dict[str, Any]:
        media_type = part.media_type
        if part.data is not None and media_type == "text/plain":
            return self._inline(part, path, index)
        if not self._quirks.documents:
            self._notes.refuse(
                path, part.name or media_type, "the host takes no documents", DOCUMENTS_REMEDY
            )
        if part.file_id:
            return {"type": "file", "file": {"file_id": own_file_id(part.file_id, path, "file-")}}
        if part.data is None and part.url and self._quirks.document_urls:
            file = {"filename": part.name or "document.pdf", "file_data": part.url}
            return {"type": "file", "file": file}
        if part.data is None:
            self._notes.refuse(
                path, shown_address(part.url or ""), "Chat Completions takes no document by URL",
                FETCH_REMEDY,
            )  # fmt: skip
        if media_type != "application/pdf":
            self._notes.refuse(
                f"{path}.media_type", media_type, "only PDF and plain text are taken",
                "Convert it, or give its text with media_type text/plain",
            )  # fmt: skip
        data = _data_url("application/pdf", part.data or b"")
        return {
            "type": "file",
            "file": {"filename": part.name or "document.pdf", "file_data": data},
        }

    def _inline(self, part: DocumentPart, path: str, index: int) -> dict[str, Any]:
        """A plain text has no part of its own here: it goes as text below its name."""
        text = text_of(part, path)
        self._notes.warn("document_as_text", "the document was sent as text", index=index)
        return {"type": "text", "text": f"# {part.name}\n\n{text}" if part.name else text}

    def _put_opaque(
        self,
        part: OpaquePart,
        parts: list[dict[str, Any]],
        fields: dict[str, Any],
        index: int,
    ) -> None:
        """A block of this provider's own, in the content or beside it, as it came."""
        if part.kind in _IN_PLACE or part.kind in fields:
            self._notes.warn(
                "foreign_part", f"left out {part.provider}'s own {part.kind}", index=index,
                action="left_out",
            )  # fmt: skip
        elif isinstance(part.data, dict) and part.data.get("type") == part.kind:
            parts.append(part.data)
        elif part.kind == "audio" and isinstance(part.data, dict):
            fields["audio"] = {"id": part.data.get("id")}  # the wire takes it by id only
        else:
            fields[part.kind] = part.data

    def _mark_last(self, parts: list[dict[str, Any]], cache: CacheControl | None) -> None:
        """Put a cache mark on the last part, where the host has marks; else caching is automatic."""
        if cache is None or self._marks is None or not parts:
            return
        name, value = self._marks
        parts[-1][name] = {**value, "ttl": cache.ttl} if cache.ttl else dict(value)


def _simple(parts: list[dict[str, Any]]) -> Any:  # noqa: ANN401 - a text or a list of parts
    """One plain text as a string, the form that every server takes."""
    match parts:
        case []:
            return ""
        case [{"type": "text", "text": text, **rest}] if not rest:
            return text
        case _:
            return parts


def _joined(parts: list[dict[str, Any]]) -> Any:  # noqa: ANN401 - a text or a list of parts
    """Plain texts as one string: an assistant's text is one on this wire."""
    texts: list[str] = []
    for part in parts:
        match part:
            case {"type": "text", "text": str() as text, **rest} if not rest:
                texts.append(text)
            case _:
                return parts
    return joined(texts, "assistant")


def _thinking_part(text: str) -> dict[str, Any]:
    """https://docs.mistral.ai/capabilities/reasoning."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def _data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _name(message: Message) -> dict[str, str]:
    return {"name": message.name} if message.name else {}


def _call(call: ToolCall) -> dict[str, Any]:
    fields = call.fields or {}
    entry: dict[str, Any] = {"id": call.id, "type": "function"}
    if fields.get("type") == "custom":
        entry["custom"] = {"name": call.name, "input": call.arguments}
    else:
        entry["function"] = {"name": call.name, "arguments": call.arguments or "{}"}
    return {**entry, **fields}
