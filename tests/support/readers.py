"""Reads requests of the five wires back into messages, as far as recorded requests go.

Nothing in the library reads requests: these are written for the tests, from the wires' own pages.
What they do not know, they say (`Unreadable`); they leave nothing out in silence.
"""

import base64
import re
from collections.abc import Callable
from typing import Any

import msgspec

from aisopod.types import (
    DocumentPart,
    ImagePart,
    MediaPart,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCall,
)

__all__ = ["READERS", "Read", "Unreadable"]

Fields = dict[str, Any]


class Unreadable(Exception):  # noqa: N818 - it says what a recording is, not what went wrong
    """This request is no conversation, or holds what no reader knows."""


class Read(msgspec.Struct):
    """What a request says."""

    messages: list[Message] = []
    tools: list[Tool] = []


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _bytes(data: str) -> bytes:
    return base64.b64decode(data + "=" * (-len(data) % 4), altchars=b"-_" if "-" in data else None)


def _shown(media_type: str, **source: Any) -> Part:
    """A file by its kind."""
    match media_type.partition("/")[0]:
        case "image":
            return ImagePart(media_type=media_type, **source)
        case "audio" | "video":
            return MediaPart(media_type=media_type, **source)
        case _:
            return DocumentPart(media_type=media_type, **source)


def _addressed(address: str, kind: Callable[..., Part], **fields: Any) -> Part:
    """A file by its URL, which may hold the bytes itself."""
    if not address.startswith("data:"):
        return kind(url=address, **fields)
    media_type, _, data = address.removeprefix("data:").partition(";base64,")
    return kind(data=_bytes(data), media_type=media_type, **fields)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Unreadable(f"no list: {type(value).__name__}")
    return value


def _fields(value: Any) -> Fields:
    if not isinstance(value, dict):
        raise Unreadable(f"no object: {type(value).__name__}")
    return value


def _schema(value: Any) -> Fields:
    """A schema in lower-case types; Google writes them in capitals."""
    text = re.sub(r'"type":"([A-Z]+)"', lambda match: match[0].lower(), _json(value or {}))
    schema: Fields = msgspec.json.decode(text)
    return {"type": "object", **schema}


# --- Anthropic --------------------------------------------------------------------------------


def read_anthropic(body: Fields, provider: str) -> Read:
    read = Read()
    if body.get("system"):
        read.messages.append(Message(role="system", content=_anthropic_system(body["system"])))
    for entry in _list(body.get("messages")):
        _anthropic_turn(_fields(entry), provider, read.messages)
    for tool in body.get("tools") or []:
        if "input_schema" in tool:
            read.tools.append(
                Tool(
                    name=tool["name"],
                    description=tool.get("description") or "",
                    parameters=_schema(tool["input_schema"]),
                )
            )
    return read


def _anthropic_system(system: Any) -> str | list[Part]:
    if isinstance(system, str):
        return system
    return [TextPart(text=block["text"]) for block in _list(system)]


def _anthropic_turn(entry: Fields, provider: str, messages: list[Message]) -> None:
    content = entry.get("content")
    if isinstance(content, str):
        messages.append(Message(role=entry["role"], content=content))
        return
    parts: list[Part] = []
    calls: list[ToolCall] = []
    for block in _list(content):
        if block["type"] == "tool_use":
            calls.append(_anthropic_call(block, provider, len(parts)))
        elif block["type"] == "tool_result":
            messages.append(_anthropic_result(block, provider))
        else:
            parts.append(_anthropic_part(block, provider))
    if parts or calls:
        messages.append(Message(role=entry["role"], content=parts, tool_calls=calls))


def _anthropic_call(block: Fields, provider: str, position: int) -> ToolCall:
    known = {"type", "id", "name", "input", "cache_control"}
    fields = {name: block[name] for name in block if name not in known}
    return ToolCall(
        id=block["id"], name=block["name"], arguments=_json(block["input"]), position=position,
        provider=provider if fields else None, fields=fields or None,
    )  # fmt: skip


def _anthropic_result(block: Fields, provider: str) -> Message:
    inner = block.get("content", "")
    content = inner if isinstance(inner, str) else [_anthropic_part(b, provider) for b in inner]
    return Message(
        role="tool", tool_call_id=block["tool_use_id"], content=content,
        is_error=bool(block.get("is_error")),
    )  # fmt: skip


def _anthropic_part(block: Fields, provider: str) -> Part:
    match block["type"]:
        case "text":
            cited = block.get("citations") or None
            return TextPart(
                text=block["text"], citations=cited, provider=provider if cited else None
            )
        case "image":
            return _anthropic_source(block["source"], ImagePart)
        case "document":
            return _anthropic_source(
                block["source"], DocumentPart, name=block.get("title"),
                context=block.get("context"),
                citations=bool(block.get("citations", {}).get("enabled")),
            )  # fmt: skip
        case "thinking":
            return ThinkingPart(
                text=block["thinking"], signature=block["signature"], provider=provider
            )
        case "redacted_thinking":
            return ThinkingPart(redacted=block["data"], provider=provider)
        case kind:
            return OpaquePart(provider=provider, kind=kind, data=block)


def _anthropic_source(source: Fields, kind: Callable[..., Part], **fields: Any) -> Part:
    match source["type"]:
        case "base64":
            data = _bytes(source["data"])
            return kind(data=data, media_type=source["media_type"], **fields)
        case "text":
            data = source["data"].encode()
            return kind(data=data, media_type=source["media_type"], **fields)
        case "url":
            return kind(url=source["url"], **fields)
        case "file":
            return kind(file_id=source["file_id"], **fields)
        case other:
            raise Unreadable(f"source of kind {other}")


# --- OpenAI -----------------------------------------------------------------------------------


def read_openai(body: Fields, provider: str) -> Read:
    read = Read()
    for entry in _list(body.get("messages")):
        read.messages.append(_openai_message(_fields(entry), provider))
    for tool in body.get("tools") or []:
        if tool.get("type") == "function":
            function = tool["function"]
            read.tools.append(
                Tool(
                    name=function["name"],
                    description=function.get("description") or "",
                    parameters=_schema(function.get("parameters")),
                )
            )
    return read


def _openai_message(entry: Fields, provider: str) -> Message:
    role = entry["role"]
    content = entry.get("content") or ""
    calls = [_openai_call(call) for call in entry.get("tool_calls") or [] if role == "assistant"]
    if not isinstance(content, str):
        content = [_openai_part(_fields(part)) for part in content]
    beside = _openai_beside(entry, provider) if role == "assistant" else []
    if beside:
        content = [*beside, *([TextPart(text=content)] if isinstance(content, str) else content)]
    return Message(
        role="system" if role == "developer" else role,
        content=content,
        name=entry.get("name"),
        tool_calls=calls,
        tool_call_id=entry.get("tool_call_id"),
        refusal=entry.get("refusal"),
    )


def _openai_call(call: Fields) -> ToolCall:
    if call.get("type") == "custom":
        custom = call["custom"]
        return ToolCall(id=call["id"], name=custom["name"], arguments=custom["input"])
    function = call["function"]
    return ToolCall(id=call["id"], name=function["name"], arguments=function["arguments"])


def _openai_beside(entry: Fields, provider: str) -> list[Part]:
    """What stands beside an answer's content: reasoning, sound, and a host's own."""
    known = {"role", "content", "tool_calls", "refusal", "name"}
    parts: list[Part] = []
    for name, value in entry.items():
        if name in {"reasoning", "reasoning_content"}:
            parts.append(ThinkingPart(text=value, provider=provider))
        elif name not in known and value:
            parts.append(OpaquePart(provider=provider, kind=name, data=value))
    return parts


def _openai_part(part: Fields) -> Part:
    match part["type"]:
        case "text":
            return TextPart(text=part["text"])
        case "image_url":
            url = part["image_url"]
            return _addressed(url if isinstance(url, str) else url["url"], ImagePart)
        case "file":
            file = part["file"]
            if "file_id" in file:
                return DocumentPart(file_id=file["file_id"])
            return _addressed(file["file_data"], DocumentPart, name=file["filename"])
        case "thinking":
            return ThinkingPart(text="".join(piece["text"] for piece in part["thinking"]))
        case "input_audio":
            return MediaPart(data=_bytes(part["input_audio"]["data"]), media_type="audio/wav")
        case kind:
            raise Unreadable(f"part of kind {kind}")


# --- Gemini -----------------------------------------------------------------------------------


def read_gemini(body: Fields, provider: str) -> Read:
    body = _camel(body)
    read = Read()
    if system := body.get("systemInstruction"):
        parts = _list(system["parts"] if isinstance(system["parts"], list) else [system["parts"]])
        texts: list[Part] = [TextPart(text=part["text"]) for part in parts]
        read.messages.append(Message(role="system", content=texts))
    waiting: list[tuple[str, str]] = []
    for entry in _list(body.get("contents")):
        _gemini_turn(_fields(entry), provider, read.messages, waiting)
    for tool in body.get("tools") or []:
        for function in tool.get("functionDeclarations") or []:
            schema = function.get("parameters") or function.get("parametersJsonSchema")
            read.tools.append(
                Tool(
                    name=function["name"],
                    description=function.get("description") or "",
                    parameters=_schema(schema),
                )
            )
    return read


def _camel(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub(r"_([a-z])", lambda match: match[1].upper(), name): each
        if name in {"args", "response"}
        else _camel(each)
        for name, each in value.items()
    }


def _gemini_turn(
    entry: Fields, provider: str, messages: list[Message], waiting: list[tuple[str, str]]
) -> None:
    parts: list[Part] = []
    calls: list[ToolCall] = []
    for part in _list(entry["parts"]):
        if "functionCall" in part:
            call = _gemini_call(part, provider, f"call_{len(messages)}_{len(calls)}", len(parts))
            calls.append(call)
            waiting.append((call.name, call.id))
        elif "functionResponse" in part:
            messages.append(_gemini_result(part["functionResponse"], waiting))
        else:
            parts.append(_gemini_part(part, provider))
    if parts or calls:
        role = "assistant" if entry.get("role") == "model" else "user"
        messages.append(Message(role=role, content=parts, tool_calls=calls))  # type: ignore[arg-type]


def _gemini_call(part: Fields, provider: str, id_: str, position: int) -> ToolCall:
    call = part["functionCall"]
    fields = {name: call[name] for name in ("id",) if name in call}
    fields |= {name: part[name] for name in ("thoughtSignature",) if name in part}
    return ToolCall(
        id=call.get("id") or id_, name=call["name"], arguments=_json(call.get("args") or {}),
        position=position, provider=provider if fields else None, fields=fields or None,
    )  # fmt: skip


def _gemini_result(response: Fields, waiting: list[tuple[str, str]]) -> Message:
    own = [pair for pair in waiting if pair[1] == response.get("id")]
    found = next(iter(own or [pair for pair in waiting if pair[0] == response["name"]]), None)
    if found is None:
        raise Unreadable("a result without its call")
    waiting.remove(found)
    # https://ai.google.dev/api/caching#FunctionResponse: `output` and `error` by convention.
    told: Fields = response["response"]
    failed = told.keys() == {"error"}
    said = next(iter(told.values())) if told.keys() in ({"output"}, {"error"}) else told
    parts: list[Part] = [TextPart(text=said if isinstance(said, str) else _json(said))]
    parts += [_gemini_part(part, "") for part in response.get("parts") or []]
    return Message(
        role="tool", tool_call_id=found[1], name=found[0], content=parts, is_error=failed
    )


def _gemini_part(part: Fields, provider: str) -> Part:
    if part.get("thought"):
        return ThinkingPart(
            text=part.get("text", ""), signature=part.get("thoughtSignature"), provider=provider
        )
    if "text" in part:
        signature = part.get("thoughtSignature")
        return TextPart(
            text=part["text"], signature=signature, provider=provider if signature else None
        )
    if "inlineData" in part:
        data, media_type = _bytes(part["inlineData"]["data"]), part["inlineData"]["mimeType"]
        signature = part.get("thoughtSignature")
        signed = {"signature": signature, "provider": provider} if signature else {}
        return _shown(media_type, data=data, **signed)
    if "fileData" in part:
        return _gemini_file(part["fileData"])
    return OpaquePart(provider=provider, kind=next(iter(part)), data=part)


def _gemini_file(file: Fields) -> Part:
    uri, media_type = file["fileUri"], file.get("mimeType", "")
    files = "https://generativelanguage.googleapis.com/v1beta/files/"
    if uri.startswith(files):
        return _shown(media_type, file_id="files/" + uri.removeprefix(files))
    return _shown(media_type, url=uri)


# --- Converse ---------------------------------------------------------------------------------


def read_converse(body: Fields, provider: str) -> Read:
    read = Read()
    body = body.get("input", {}).get("converse", body)
    if body.get("system"):
        texts: list[Part] = [
            TextPart(text=block["text"]) for block in _list(body["system"]) if "text" in block
        ]
        read.messages.append(Message(role="system", content=texts))
    for entry in _list(body.get("messages")):
        _converse_turn(_fields(entry), provider, read.messages)
    for tool in (body.get("toolConfig") or {}).get("tools") or []:
        if spec := tool.get("toolSpec"):
            read.tools.append(
                Tool(
                    name=spec["name"],
                    description=spec.get("description") or "",
                    parameters=_schema(spec["inputSchema"]["json"]),
                )
            )
    return read


def _converse_turn(entry: Fields, provider: str, messages: list[Message]) -> None:
    parts: list[Part] = []
    calls: list[ToolCall] = []
    for block in _list(entry["content"]):
        if "toolUse" in block and "type" not in block["toolUse"]:
            use = block["toolUse"]
            calls.append(
                ToolCall(
                    id=use["toolUseId"], name=use["name"], arguments=_json(use["input"]),
                    position=len(parts),
                )
            )  # fmt: skip
        elif "toolResult" in block and "type" not in block["toolResult"]:
            messages.append(_converse_result(block["toolResult"], provider))
        else:
            parts.append(_converse_part(block, provider))
    if parts or calls:
        messages.append(Message(role=entry["role"], content=parts, tool_calls=calls))


def _converse_result(result: Fields, provider: str) -> Message:
    return Message(
        role="tool",
        tool_call_id=result["toolUseId"],
        content=[_converse_part(inner, provider) for inner in result["content"]],
        is_error=result.get("status") == "error",
    )


def _converse_part(block: Fields, provider: str) -> Part:
    if block.get("type") == "text":  # Claude's own form, which some send here too
        return TextPart(text=block["text"])
    shown = _converse_file(*next(iter(block.items())))
    if shown is not None:
        return shown
    match next(iter(block)), next(iter(block.values())):
        case "text", text:
            return TextPart(text=text)
        case "json", value:
            return TextPart(text=_json(value))
        case "reasoningContent", {"reasoningText": told}:
            return ThinkingPart(
                text=told["text"], signature=told.get("signature"), provider=provider
            )
        case "reasoningContent", {"redactedContent": data}:
            return ThinkingPart(redacted=data, provider=provider)
        case "citationsContent", {"content": content, "citations": citations}:
            text = "".join(piece["text"] for piece in content)
            return TextPart(text=text, citations=citations, provider=provider)
        case kind, _:
            return OpaquePart(provider=provider, kind=kind, data=block)


def _converse_file(kind: str, data: Any) -> Part | None:
    """What shows a file; None of anything else."""
    match kind, data:
        case "image", {"format": form, "source": source}:
            return ImagePart(media_type=f"image/{form}", **_converse_source(source))
        case "document", {"source": {"bytes": _} | {"s3Location": _} as source} as document:
            return DocumentPart(
                name=document["name"], context=document.get("context"),
                citations=bool(document.get("citations", {}).get("enabled")),
                **_converse_source(source),
            )  # fmt: skip
        case "audio" | "video" as kind, {"format": form, "source": source}:
            return MediaPart(media_type=f"{kind}/{form}", **_converse_source(source))
        case _:
            return None


def _converse_source(source: Fields) -> Fields:
    if "bytes" in source:
        return {"data": _bytes(source["bytes"])}
    return {"file_id": source["s3Location"]["uri"]}


# --- Ollama -----------------------------------------------------------------------------------


def read_ollama(body: Fields, provider: str) -> Read:
    read = Read()
    waiting: list[ToolCall] = []
    for index, entry in enumerate(_list(body.get("messages"))):
        parts: list[Part] = [TextPart(text=entry["content"])] if entry.get("content") else []
        if entry.get("thinking"):
            parts.insert(0, ThinkingPart(text=entry["thinking"], provider=provider))
        parts += [ImagePart(data=_bytes(image)) for image in entry.get("images") or []]
        calls = [
            ToolCall(
                id=call.get("id") or f"call_{index}_{place}",
                name=call["function"]["name"],
                arguments=_json(call["function"]["arguments"]),
            )
            for place, call in enumerate(entry.get("tool_calls") or [])
        ]
        answered = entry.get("tool_call_id")
        if entry["role"] == "tool" and not answered:
            if not waiting:
                raise Unreadable("a result without its call")
            answered = waiting.pop(0).id
        waiting += calls
        read.messages.append(
            Message(
                role=entry["role"], content=parts, tool_calls=calls, tool_call_id=answered,
                name=entry.get("tool_name"),
            )
        )  # fmt: skip
    for tool in body.get("tools") or []:
        function = tool["function"]
        read.tools.append(
            Tool(
                name=function["name"],
                description=function.get("description") or "",
                parameters=_schema(function.get("parameters")),
            )
        )
    return read


READERS: dict[str, Callable[[Fields, str], Read]] = {
    "anthropic_messages": read_anthropic,
    "openai_chat": read_openai,
    "gemini_generate": read_gemini,
    "bedrock_converse": read_converse,
    "ollama_chat": read_ollama,
}
