"""Messages to the wire's form.

Source: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
"""

import base64
import hashlib
import re
from typing import Any

import msgspec

from aisopod.codecs.codec import Notes
from aisopod.codecs.openai_chat.families import Family
from aisopod.codecs.openai_chat.quirks import Quirks
from aisopod.errors import InvalidRequestError
from aisopod.types import (
    CacheControl,
    ChatCompletionRequest,
    DocumentPart,
    ImagePart,
    MediaPart,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
    sniff_media_type,
)

__all__ = ["encode_messages"]

_IMAGES = ("image/png", "image/jpeg", "image/webp", "image/gif")
_AUDIO = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/wav": "wav", "audio/x-wav": "wav"}
_IN_PLACE = frozenset({"role", "content", "tool_calls", "tool_call_id"})


def encode_messages(
    request: ChatCompletionRequest, quirks: Quirks, family: Family | None, notes: Notes
) -> list[dict[str, Any]]:
    """The wire's messages.

    Raises:
        InvalidRequestError: a message is wrong in itself.
        UnsupportedFeatureError: it holds what this wire cannot carry.
    """
    return _Writer(request, quirks, family, notes).write()


class _Writer:
    """Writes the messages of one request."""

    def __init__(
        self, request: ChatCompletionRequest, quirks: Quirks, family: Family | None, notes: Notes
    ) -> None:
        self._request = request
        self._quirks = quirks
        self._family = family
        self._notes = notes
        self._provider = notes.target.provider
        self._ids = _fit_ids(request.messages, quirks)
        self._marks = _marks(request.model, quirks, family)
        self._shown: list[dict[str, Any]] = []
        self._out: list[dict[str, Any]] = []

    def write(self) -> list[dict[str, Any]]:
        instructions: list[str] = []
        for index, message in enumerate(self._request.messages):
            if message.role != "tool":
                self._show()
            match message.role:
                case "system":
                    self._write_system(message, index, instructions)
                case "user":
                    self._out.append(self._user(message, index))
                case "assistant":
                    self._out.append(self._assistant(message, index))
                case "tool":
                    self._out.append(self._tool(message, index))
        self._show()
        if instructions:
            self._prefix("\n\n".join(instructions))
        return self._out

    # --- one function for each role ---

    def _write_system(self, message: Message, index: int, instructions: list[str]) -> None:
        parts = self._text_parts(message, index)
        role = self._family.instructions if self._family else "system"
        if role is None:
            # o1-mini and o1-preview: https://platform.openai.com/docs/guides/reasoning
            instructions.append(message.text)
            self._notes.warn(
                "system_as_user",
                "the model takes no instructions: they stand before the first user message",
                index=index,
            )
            return
        if role == "developer" and not self._quirks.developer_role:
            role = "system"
        self._out.append({"role": role, **self._name(message, index), "content": _simple(parts)})

    def _user(self, message: Message, index: int) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        parts: list[dict[str, Any]] = []
        for number, part in enumerate(message.parts):
            path = f"messages[{index}].content[{number}]"
            if isinstance(part, OpaquePart):
                self._put_opaque(part, parts, fields, index)
            elif isinstance(part, ThinkingPart):
                self._drop_thinking(index)
            else:
                parts.extend(self._content(part, path, index))
        self._mark_last(parts, message.cache)
        return {
            "role": "user", **self._name(message, index), "content": _simple(parts), **fields
        }  # fmt: skip

    def _assistant(self, message: Message, index: int) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        parts: list[dict[str, Any]] = []
        thinking: list[str] = []
        details = any(self._is_details(part) for part in message.parts)
        for number, part in enumerate(message.parts):
            match part:
                case TextPart():
                    parts.extend(self._content(part, "", index))
                case ThinkingPart() if self._goes_back(part):
                    if self._quirks.replay_reasoning == "parts":
                        parts.append(_thinking_part(part.text))
                    elif not details:  # the signed details say the same
                        thinking.append(part.text)
                case ThinkingPart():
                    if not (details and part.provider in (None, self._provider)):
                        self._drop_thinking(index)
                case OpaquePart():
                    self._put_opaque(part, parts, fields, index)
                case _:
                    self._notes.refuse(
                        f"messages[{index}].content[{number}]", type(part).__name__,
                        "an assistant's message holds no images and documents",
                        "Put it into a user message",
                    )  # fmt: skip
        if thinking and self._quirks.replay_reasoning:
            fields[self._quirks.replay_reasoning] = "".join(thinking)
        self._mark_last(parts, message.cache)
        return self._assistant_body(message, index, parts, fields)

    def _assistant_body(
        self, message: Message, index: int, parts: list[dict[str, Any]], fields: dict[str, Any]
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"role": "assistant", **self._name(message, index)}
        if message.refusal and not self._quirks.refusal_field:
            parts = [*parts, {"type": "text", "text": message.refusal}]
        joined = _joined(parts)
        empty_is_null = bool(message.tool_calls or message.refusal or "audio" in fields)
        body["content"] = joined
        if not joined and empty_is_null and not self._quirks.empty_content:
            body["content"] = None
        if message.refusal and self._quirks.refusal_field:
            body["refusal"] = message.refusal
        if message.tool_calls:
            body["tool_calls"] = [self._call(call, index) for call in message.tool_calls]
        return {**body, **fields}

    def _tool(self, message: Message, index: int) -> dict[str, Any]:
        if not message.tool_call_id:
            raise InvalidRequestError(
                "a tool's message must name the call that it answers",
                field=f"messages[{index}].tool_call_id",
                remedy="Set it to the id of the ToolCall",
            )
        texts: list[TextPart] = []
        shown: list[dict[str, Any]] = []
        for number, part in enumerate(message.parts):
            path = f"messages[{index}].content[{number}]"
            if isinstance(part, TextPart):
                texts.append(part)
            elif isinstance(part, ImagePart | DocumentPart | MediaPart):
                shown.extend(self._content(part, path, index))
            else:
                self._notes.warn(
                    "foreign_part", "left out: a tool's message holds only text", index=index
                )
        if shown:
            self._move(message, index, shown)
        text = "\n".join(part.text for part in texts)
        body = {"role": "tool", "tool_call_id": self._ids[message.tool_call_id]}
        content: Any = text or ("See the next user message." if shown else "")
        if message.cache or any(part.cache for part in texts):
            marked = [{"type": "text", "text": content}]
            self._mark_last(marked, message.cache or texts[-1].cache or CacheControl())
            content = _simple(marked)
        return {**body, "content": content}

    # --- what a message is made of ---

    def _text_parts(self, message: Message, index: int) -> list[dict[str, Any]]:
        """The parts of a message that can hold only text."""
        parts: list[dict[str, Any]] = []
        for number, part in enumerate(message.parts):
            if not isinstance(part, TextPart):
                self._notes.refuse(
                    f"messages[{index}].content[{number}]",
                    type(part).__name__,
                    f"a {message.role} message holds only text",
                    "Put it into a user message",
                )
            parts.extend(self._content(part, "", index))
        self._mark_last(parts, message.cache)
        return parts

    def _content(self, part: Part, path: str, index: int) -> list[dict[str, Any]]:
        """A part of text, image or document as the wire's parts."""
        match part:
            case TextPart():
                if part.citations:
                    self._notes.warn(
                        "citations", "left out citations: the wire has none", index=index
                    )
                parts: list[dict[str, Any]] = [{"type": "text", "text": part.text}]
            case ImagePart():
                parts = [self._image(part, path)]
            case DocumentPart():
                parts = self._document(part, path, index)
            case MediaPart():
                parts = [self._audio(part, path)]
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
        if part.data is not None:
            media_type = part.media_type or sniff_media_type(part.data)
            url = _data_url(media_type or "", part.data)
        else:
            url = part.url or ""
            media_type = url[5:].split(";")[0].split(",")[0] if url.startswith("data:") else None
        if not url:
            raise InvalidRequestError(
                "the image is empty", field=path, remedy="Give its bytes or a URL"
            )
        is_data = url.startswith("data:")
        if is_data and media_type not in _IMAGES:
            raise InvalidRequestError(
                "an image is PNG, JPEG, WebP or GIF",
                field=f"{path}.media_type",
                value=media_type,
                remedy="Convert the image",
            )
        detail = {"detail": part.detail} if part.detail else {}
        return {"type": "image_url", "image_url": {"url": url, **detail}}

    def _audio(self, part: MediaPart, path: str) -> dict[str, Any]:
        media_type = part.media_type or sniff_media_type(part.data or b"") or ""
        form = _AUDIO.get(media_type)
        if form is None or part.data is None:
            self._notes.refuse(
                path, media_type or part.url or part.file_id,
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
        media_type = part.media_type or sniff_media_type(part.data or b"")
        if part.data is not None and media_type == "text/plain":
            return self._inline(part, path, index)
        if not self._quirks.documents:
            self._notes.refuse(
                path, part.name or media_type, "the host takes no documents", "Send its text"
            )
        if part.file_id:
            return {"type": "file", "file": {"file_id": part.file_id}}
        if part.data is None and part.url and self._quirks.document_urls:
            file = {"filename": part.name or "document.pdf", "file_data": part.url}
            return {"type": "file", "file": file}
        if part.data is None:
            self._notes.refuse(
                path, part.url, "Chat Completions takes no document by URL",
                "Download it and give its bytes",
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
        try:
            text = (part.data or b"").decode()
        except UnicodeDecodeError as error:
            raise InvalidRequestError(
                f"the text is not UTF-8: {error}", field=f"{path}.data", remedy="Encode it so"
            ) from error
        self._notes.warn("document_as_text", "the document was sent as text", index=index)
        return {"type": "text", "text": f"# {part.name}\n\n{text}" if part.name else text}

    def _call(self, call: ToolCall, index: int) -> dict[str, Any]:
        fields = call.fields or {}
        if fields and call.provider != self._provider:
            self._notes.warn(
                "foreign_part", f"left out what {call.provider} attached to a call", index=index
            )
            fields = {}
        entry: dict[str, Any] = {"id": self._ids[call.id], "type": "function"}
        if fields.get("type") == "custom":
            entry["custom"] = {"name": call.name, "input": call.arguments}
        else:
            entry["function"] = {"name": call.name, "arguments": call.arguments or "{}"}
        return {**entry, **fields}

    def _put_opaque(
        self,
        part: OpaquePart,
        parts: list[dict[str, Any]],
        fields: dict[str, Any],
        index: int,
    ) -> None:
        """A block of this provider's own, in the content or beside it, as it came."""
        if part.provider != self._provider or part.kind in _IN_PLACE:
            self._notes.warn(
                "foreign_part", f"left out {part.provider}'s own {part.kind}", index=index
            )
        elif isinstance(part.data, dict) and part.data.get("type") == part.kind:
            parts.append(part.data)
        elif part.kind == "audio" and isinstance(part.data, dict):
            fields["audio"] = {"id": part.data.get("id")}  # the wire takes it by id only
        else:
            fields[part.kind] = part.data

    def _is_details(self, part: Part) -> bool:
        return (
            isinstance(part, OpaquePart)
            and part.provider == self._provider
            and part.kind == "reasoning_details"
        )

    def _goes_back(self, part: ThinkingPart) -> bool:
        return (
            self._quirks.replay_reasoning is not None
            and part.provider in (None, self._provider)
            and bool(part.text)
        )

    def _drop_thinking(self, index: int) -> None:
        self._notes.warn(
            "foreign_thinking", "left out thinking: this host does not take it back", index=index
        )

    def _name(self, message: Message, index: int) -> dict[str, str]:
        if not message.name:
            return {}
        if self._quirks.names:
            return {"name": message.name}
        self._notes.warn("name", "left out the participant's name", index=index, field="name")
        return {}

    # --- across messages ---

    def _move(self, message: Message, index: int, shown: list[dict[str, Any]]) -> None:
        """Images cannot stand in a tool's message; they follow all results of the turn."""
        self._notes.warn(
            "tool_media",
            "images and documents of a tool's result were moved into a user message",
            index=index,
        )
        what = message.name or self._ids[message.tool_call_id or ""]
        self._shown += [{"type": "text", "text": f"From the result of {what}:"}, *shown]

    def _show(self) -> None:
        if self._shown:
            self._out.append({"role": "user", "content": self._shown})
            self._shown = []

    def _prefix(self, text: str) -> None:
        """Put instructions before the first user message."""
        first = next((message for message in self._out if message["role"] == "user"), None)
        if first is None:
            self._out.insert(0, {"role": "user", "content": text})
        elif isinstance(first["content"], str):
            first["content"] = f"{text}\n\n{first['content']}"
        else:
            first["content"] = [{"type": "text", "text": text}, *first["content"]]

    def _mark_last(self, parts: list[dict[str, Any]], cache: CacheControl | None) -> None:
        """Put a cache mark on the last part, where the host has marks; else caching is automatic."""
        if cache is None or self._marks is None or not parts:
            return
        name, value = self._marks
        parts[-1][name] = {**value, "ttl": cache.ttl} if cache.ttl else dict(value)


def _marks(model: str, quirks: Quirks, family: Family | None) -> tuple[str, dict[str, Any]] | None:
    """How cache marks are written for a model."""
    if quirks.cache_marks == "breakpoint" and family and family.cache_marks:
        return "prompt_cache_breakpoint", {"mode": "explicit"}
    if quirks.cache_marks == "cache_control" and "anthropic/" in model:
        return "cache_control", {"type": "ephemeral"}
    return None


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
    if all(part.keys() == {"type", "text"} and part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def _thinking_part(text: str) -> dict[str, Any]:
    """https://docs.mistral.ai/capabilities/reasoning."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def _data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _fit_ids(messages: list[Message], quirks: Quirks) -> dict[str, str]:
    """Every tool call's id to one that the host takes; legal ones stay.

    A made id depends on the old one alone, so call and result agree over any number of requests.
    """
    ids = [call.id for message in messages for call in message.tool_calls]
    ids += [message.tool_call_id for message in messages if message.tool_call_id]
    length = quirks.tool_id_length
    if length is None:
        return {id_: id_ for id_ in ids}
    count = f"{{{length}}}" if quirks.tool_id_exact else f"{{1,{length}}}"
    legal = re.compile(("[a-zA-Z0-9]" if quirks.tool_id_exact else "[a-zA-Z0-9_-]") + count)
    fitted = {id_: id_ for id_ in ids if legal.fullmatch(id_)}
    taken = set(fitted)
    for id_ in dict.fromkeys(ids):
        if id_ in fitted:
            continue
        made, salt = "", 0
        while not made or made in taken:
            digest = hashlib.blake2s(msgspec.json.encode([id_, salt])).hexdigest()
            made = digest[:length] if quirks.tool_id_exact else f"call_{digest[:24]}"
            salt += 1
        fitted[id_] = made
        taken.add(made)
    return fitted
