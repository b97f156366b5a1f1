"""Requests to bodies: https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion."""

import re
from typing import Any

from aisopod.codecs.arguments import arguments_object
from aisopod.codecs.codec import Encoded
from aisopod.codecs.media import DOCUMENTS_REMEDY, FETCH_REMEDY, base64_of, text_of
from aisopod.codecs.ollama_chat.json_schema import tool_schema
from aisopod.codecs.ollama_chat.limits import IMAGES
from aisopod.codecs.text import encode_json
from aisopod.errors import InvalidRequestError
from aisopod.normalise.media_types import shown_address
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed, Prepared
from aisopod.normalise.texts import joined
from aisopod.types import (
    ChatCompletionRequest,
    DocumentPart,
    ImagePart,
    JsonSchema,
    MediaPart,
    OpaquePart,
    OpaqueTool,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCall,
)

__all__ = ["write"]

Body = dict[str, Any]

# gpt-oss is the family that thinks by level; the others are turned on or off.
_LEVELS = re.compile(r"(^|/)gpt-oss")
_LEVEL = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high",
          "max": "high"}  # fmt: skip


def write(prepared: Prepared, notes: Notes) -> Encoded:
    """The body of a request, and what could not be carried.

    Raises:
        InvalidRequestError: the request cannot be put on this wire.
        UnsupportedFeatureError: the wire has no such thing.
    """
    request = prepared.request
    extra = dict(request.extra)
    body: Body = {
        "model": request.model,
        "messages": _messages(prepared.turns, notes),
        "stream": request.stream,
        # Otherwise the server silently drops the oldest messages of what does not fit.
        "truncate": False,
        "shift": False,
    }
    options = {**_options(request), **extra.pop("options", {})}
    if options:
        body["options"] = options
    _tools(body, request, notes)
    if request.response_format == "json":
        body["format"] = "json"
    elif isinstance(request.response_format, JsonSchema):
        body["format"] = request.response_format.schema
    _thinking(body, request, notes)
    _refusals(request, notes)
    body.update(extra)
    return Encoded(body=encode_json(body, notes), warnings=notes.warnings)


def _options(request: ChatCompletionRequest) -> Body:
    """Sampling stands in `options`: at the top level the server ignores it without a word."""
    options = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
        "num_predict": request.max_tokens,
        "stop": request.stop or None,
    }
    return {name: value for name, value in options.items() if value is not None}


def _messages(turns: list[Placed], notes: Notes) -> list[Body]:
    names = {call.id: call.name for placed in turns for call in placed.message.tool_calls}
    return [_message(placed, names, notes) for placed in turns]


def _message(placed: Placed, names: dict[str, str], notes: Notes) -> Body:
    message, index = placed.message, placed.index
    texts: list[str] = []
    thinking: list[str] = []
    images: list[str] = []
    for position, part in enumerate(message.parts):
        path = placed.path(position)
        match part:
            case TextPart(text=text):
                texts.append(text)
            case ImagePart():
                images.append(_image(part, path, notes))
            case DocumentPart():
                texts.append(_document(part, path, index, notes))
            case MediaPart():
                notes.refuse(path, part.media_type, "the wire takes no sound and no film",
                             "Send a transcript or single frames")  # fmt: skip
            case ThinkingPart():
                thinking.append(part.text)
            case OpaquePart(kind="images", data=data):
                images += data
            case OpaquePart(kind=kind):
                notes.warn("foreign_part", f"{kind} was left out: the wire has no place for it",
                           index=index, part=placed.place(position)[1], action="left_out")  # fmt: skip
    body: Body = {"role": message.role, "content": joined(texts, message.role)}
    calls = [_call(call, index, notes) for call in message.tool_calls]
    told = {"thinking": "".join(thinking), "images": images, "tool_calls": calls}
    body |= {name: value for name, value in told.items() if value}
    if message.role == "tool":
        body["tool_call_id"] = message.tool_call_id
        # The models' templates tell results apart by the tool's name, not by the id.
        body["tool_name"] = message.name or names.get(message.tool_call_id or "", "")
    return body


def _image(part: ImagePart, path: str, notes: Notes) -> str:
    if part.data is None:
        notes.refuse(
            path,
            shown_address(part.url) if part.url else part.file_id,
            "the server fetches no images",
            FETCH_REMEDY,
        )
    if part.media_type not in IMAGES:
        raise InvalidRequestError(
            "the server takes no images of this type",
            field=f"{path}.media_type",
            value=part.media_type,
            remedy=f"Convert it to one of {', '.join(IMAGES)}",
        )
    return base64_of(part)


def _document(part: DocumentPart, path: str, index: int, notes: Notes) -> str:
    if part.data is None or not (part.media_type or "").startswith("text/"):
        notes.refuse(
            path,
            part.media_type or (shown_address(part.url) if part.url else part.file_id),
            "the wire takes no documents",
            DOCUMENTS_REMEDY,
        )
    text = text_of(part, path)
    if part.citations:
        notes.warn("citations", "the wire cannot ask for citations", index=index)
    notes.warn("document_as_text", "a text document was sent as part of the text", index=index)
    about = f"{part.context}\n" if part.context else ""
    return f"\n{part.name or 'Document'}:\n{about}{text}\n"


def _call(call: ToolCall, index: int, notes: Notes) -> Body:
    return {
        "id": call.id,
        "function": {"name": call.name, "arguments": arguments_object(call, index, notes)},
    }


def _tools(body: Body, request: ChatCompletionRequest, notes: Notes) -> None:
    if not request.tools or request.tool_choice == "none":
        return
    body["tools"] = [_tool(tool, f"tools[{i}]", notes) for i, tool in enumerate(request.tools)]
    if request.tool_choice not in (None, "auto"):
        notes.unsupported(
            "tool_choice",
            request.tool_choice,
            "the wire cannot force a tool",
            "Ask for it in words",
        )


def _tool(tool: Tool | OpaqueTool, path: str, notes: Notes) -> Body:
    if isinstance(tool, OpaqueTool):
        return notes.own_tool(tool, path)
    lost: list[tuple[str, str]] = []
    parameters = tool_schema(
        tool.parameters, f"{path}.parameters", lambda where, keyword: lost.append((where, keyword))
    )
    notes.lost_keywords(lost)
    # Parameters have no field for it.
    about = filter(None, (tool.description, parameters.pop("description", "")))
    function = {"name": tool.name, "description": "\n\n".join(about), "parameters": parameters}
    return {"type": "function", "function": function}


def _thinking(body: Body, request: ChatCompletionRequest, notes: Notes) -> None:
    """Without `think` a model that can think does; levels are for those that take them."""
    wish = request.reasoning
    if wish is None:
        return
    if wish.budget_tokens is not None:
        notes.unsupported(
            "reasoning.budget_tokens", wish.budget_tokens, "the wire has no budget", "Use effort"
        )
    if wish.effort == "none":
        body["think"] = False
    elif _LEVELS.search(notes.target.known_as):
        body["think"] = _LEVEL[wish.effort or "medium"]
    else:
        body["think"] = True
        if wish.effort not in (None, "medium"):
            notes.warn(
                "effort",
                f"effort {wish.effort} was sent as thinking on: the model has no levels",
                field="reasoning.effort",
            )


def _refusals(request: ChatCompletionRequest, notes: Notes) -> None:
    """What this wire has no place for."""
    if request.parallel_tool_calls is False and request.tools:
        notes.unsupported(
            "parallel_tool_calls",
            request.parallel_tool_calls,
            "the wire cannot hold calls to one",
            "Leave it out",
        )
    for name, value in request.metadata.items():
        notes.unsupported(f"metadata.{name}", value, "the wire has no metadata", "Leave it out")
