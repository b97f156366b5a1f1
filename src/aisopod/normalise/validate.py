"""What no wire would take is refused before the network, with field, value and remedy."""

from collections.abc import Mapping
from operator import is_
from typing import get_args

import msgspec

from aisopod.errors import InvalidRequestError
from aisopod.normalise.files import as_it_is
from aisopod.types import (
    ChatCompletionRequest,
    DocumentPart,
    ImagePart,
    JsonSchema,
    MediaPart,
    Message,
    OpaquePart,
    Part,
    Role,
    TextPart,
    ThinkingPart,
    Tool,
    ToolChoice,
)

__all__ = ["check_tags", "validate"]

_ROLES = get_args(Role)
_PARTS = (TextPart, ImagePart, DocumentPart, MediaPart, ThinkingPart, OpaquePart)


def validate(request: ChatCompletionRequest) -> ChatCompletionRequest:
    """Check a request by the rules that hold on every wire.

    Returns:
        The request with its files as what they are; the given one is not changed.

    Raises:
        InvalidRequestError: it cannot be sent; names field, value and remedy.
    """
    if not request.model:
        raise InvalidRequestError("is empty", field="model", remedy="Name a model")
    if not request.model.isascii() and any("\ud800" <= char <= "\udfff" for char in request.model):
        raise InvalidRequestError(
            "holds half a character",
            field="model",
            value=request.model,
            remedy="Write it anew",
        )
    if not request.messages:
        raise InvalidRequestError(
            "there is nothing to answer", field="messages", remedy="Give at least one message"
        )
    messages = [
        _checked_message(message, f"messages[{index}]")
        for index, message in enumerate(request.messages)
    ]
    _check_tool_ids(request.messages)
    _check_tools(request)
    _check_numbers(request)
    wish = request.response_format
    if isinstance(wish, JsonSchema) and not isinstance(wish.schema, dict):
        raise InvalidRequestError(
            "a JSON schema is an object", field="response_format.schema", value=wish.schema
        )
    if all(map(is_, messages, request.messages)):
        return request
    return msgspec.structs.replace(request, messages=messages)


def check_tags(tags: Mapping[str, str] | None) -> None:
    """Check what a request's row in the ledger is to be summed by.

    Raises:
        InvalidRequestError: it is no mapping of texts; names field, value and remedy.
    """
    if not tags:
        return
    if not isinstance(tags, Mapping):
        raise InvalidRequestError(
            "tags have names and values",
            field="tags",
            value=tags,
            remedy='Give a dict, such as {"job": "nightly"}',
        )
    for name, value in tags.items():
        if not isinstance(name, str):
            raise InvalidRequestError(
                "a tag's name is a text", field="tags", value=name, remedy=f'Write "{name}"'
            )
        if not isinstance(value, str):
            raise InvalidRequestError(
                "a tag's value is a text",
                field=f"tags[{name!r}]",
                value=value,
                remedy="Leave it out" if value is None else f'Write "{value}"',
            )


def _checked_message(message: Message, path: str) -> Message:
    if message.role not in _ROLES:
        raise InvalidRequestError(
            "there is no such role",
            field=f"{path}.role",
            value=message.role,
            remedy=f"Use one of {', '.join(_ROLES)}",
        )
    if message.role == "tool" and not message.tool_call_id:
        raise InvalidRequestError(
            "a tool's message must say which call it answers",
            field=f"{path}.tool_call_id",
            value=message.tool_call_id,
            remedy="Set it to the id of the ToolCall",
        )
    if message.tool_calls and message.role != "assistant":
        raise InvalidRequestError(
            "only an assistant makes tool calls",
            field=f"{path}.tool_calls",
            value=message.role,
            remedy="Move them to the assistant's message",
        )
    if isinstance(message.content, str):
        return message
    if not isinstance(message.content, list | tuple):
        raise InvalidRequestError(
            "content is a text or a list of parts", field=f"{path}.content", value=message.content
        )
    content = [
        _checked_part(part, f"{path}.content[{index}]")
        for index, part in enumerate(message.content)
    ]
    if all(map(is_, content, message.content)):
        return message
    return msgspec.structs.replace(message, content=content)


def _checked_part(part: Part, path: str) -> Part:
    if not isinstance(part, _PARTS):
        raise InvalidRequestError(
            "this is no content part",
            field=path,
            value=part,
            remedy="Use TextPart, ImagePart, DocumentPart, MediaPart, ThinkingPart or OpaquePart",
        )
    if not isinstance(part, ImagePart | DocumentPart | MediaPart):
        return part
    sources = [name for name in ("data", "url", "file_id") if getattr(part, name) is not None]
    if len(sources) != 1:
        raise InvalidRequestError(
            "exactly one source is needed",
            field=path,
            value=sources,
            remedy="Give data, url or file_id",
        )
    return as_it_is(part, path)


def _check_tool_ids(messages: list[Message]) -> None:
    for index, message in enumerate(messages):
        for position, call in enumerate(message.tool_calls):
            if not call.id:
                path = f"messages[{index}].tool_calls[{position}].id"
                raise InvalidRequestError("is empty", field=path, remedy="Give every call an id")


def _check_tools(request: ChatCompletionRequest) -> None:
    names: set[str] = set()
    for index, tool in enumerate(request.tools):
        if not isinstance(tool, Tool):
            continue
        path = f"tools[{index}]"
        if not tool.name:
            raise InvalidRequestError("is empty", field=f"{path}.name", remedy="Name the tool")
        if tool.name in names:
            raise InvalidRequestError(
                "two tools have this name",
                field=f"{path}.name",
                value=tool.name,
                remedy="Give each tool a name of its own",
            )
        names.add(tool.name)
        _check_schema(tool.parameters, f"{path}.parameters")
    choice = request.tool_choice
    if choice in (None, "none", "auto"):
        return
    if not request.tools:
        raise InvalidRequestError(
            "there are no tools to choose from",
            field="tool_choice",
            value=choice,
            remedy="Give tools, or leave it out",
        )
    if isinstance(choice, ToolChoice) and names and choice.name not in names:
        raise InvalidRequestError(
            "no tool has this name",
            field="tool_choice.name",
            value=choice.name,
            remedy=f"Choose one of {', '.join(sorted(names))}",
        )


def _check_schema(schema: object, path: str) -> None:
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        raise InvalidRequestError(
            "the schema's root must be an object",
            field=path,
            value=schema,
            remedy='Wrap it: {"type": "object", "properties": {...}}',
        )


def _check_numbers(request: ChatCompletionRequest) -> None:
    _check_range("temperature", request.temperature, 0.0, 2.0)
    _check_range("top_p", request.top_p, 0.0, 1.0)
    if request.max_tokens is not None and request.max_tokens < 1:
        raise InvalidRequestError(
            "must be at least 1", field="max_tokens", value=request.max_tokens
        )
    for index, text in enumerate(request.stop):
        if not text:
            raise InvalidRequestError(
                "is empty", field=f"stop[{index}]", remedy="Leave empty texts out"
            )


def _check_range(field: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise InvalidRequestError(
            f"must lie between {low:g} and {high:g}",
            field=field,
            value=value,
            remedy="Choose a number in that range, or leave it out",
        )
