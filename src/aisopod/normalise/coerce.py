"""From what users may write to a request: texts, dicts, functions and types become ours."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from aisopod.errors import InvalidRequestError
from aisopod.types import (
    ChatCompletionRequest,
    JsonSchema,
    Message,
    OpaqueTool,
    Reasoning,
    Tool,
    ToolChoice,
)
from aisopod.types.schema import type_schema

__all__ = ["build_request"]

_FIELDS = frozenset(ChatCompletionRequest.__struct_fields__)


def build_request(
    model: str,
    prompt: str | None = None,
    *,
    messages: Sequence[Message | Mapping[str, Any]] | None = None,
    system: str | None = None,
    **fields: Any,
) -> ChatCompletionRequest:
    """Make a request of a prompt or messages and the request's other fields.

    Args:
        model: the model's name as its provider writes it.
        prompt: the user's text; the last message.
        messages: the conversation before it, as Messages or dicts of their fields.
        system: the system message; the first one.
        **fields: fields of ChatCompletionRequest. `tools` also takes functions and dicts,
            `response_format` types and schemas, `reasoning` an effort or a number of tokens,
            `stop` one text.

    Raises:
        InvalidRequestError: a field is unknown or cannot be read.
    """
    conversation = [_message(entry, f"messages[{i}]") for i, entry in enumerate(messages or ())]
    if system is not None:
        conversation.insert(0, Message(role="system", content=system))
    if prompt is not None:
        conversation.append(Message(role="user", content=prompt))
    unknown = fields.keys() - _FIELDS
    if unknown:
        name = min(unknown)
        raise InvalidRequestError(
            "there is no such field",
            field=name,
            value=fields[name],
            remedy=f"Known fields: {', '.join(sorted(_FIELDS))}; pass a provider's own in `extra`",
        )
    given = {name: value for name, value in fields.items() if value is not None}
    for name, coerce in _COERCIONS.items():
        if name in given:
            given[name] = coerce(given[name])
    # Structs do not check what they are made of; this does, and copies nothing that fits.
    checked = {name: _checked(name, value) for name, value in given.items()}
    return ChatCompletionRequest(model=model, messages=conversation, **checked)


def _message(entry: Message | Mapping[str, Any], path: str) -> Message:
    if isinstance(entry, Message):
        return entry
    unknown = [key for key in entry if key not in Message.__struct_fields__]
    if unknown:
        raise InvalidRequestError(
            "a message has no such field",
            field=f"{path}.{unknown[0]}",
            value=entry[unknown[0]],
            remedy=f"Known fields: {', '.join(Message.__struct_fields__)}",
        )
    message: Message = _converted(dict(entry), Message, path)
    return message


def _tools(tools: Sequence[Any]) -> list[Tool | OpaqueTool]:
    return [_tool(tool, f"tools[{index}]") for index, tool in enumerate(tools)]


def _tool(tool: Tool | OpaqueTool | Mapping[str, Any] | Callable[..., Any], path: str) -> Any:  # noqa: ANN401
    if isinstance(tool, Tool | OpaqueTool):
        return tool
    if isinstance(tool, Mapping):
        return _converted({"type": "function", **tool}, Tool | OpaqueTool, path)
    if callable(tool):
        return Tool.from_function(tool)
    raise InvalidRequestError(
        "this is no tool",
        field=path,
        value=tool,
        remedy="Give a Tool, a typed function, or a dict with name, description and parameters",
    )


def _response_format(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str | JsonSchema):
        return value
    if isinstance(value, Mapping):
        return JsonSchema(schema=dict(value), name=str(value.get("title", "answer")))
    return JsonSchema(schema=type_schema(value), name=getattr(value, "__name__", "answer"))


def _reasoning(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, bool):
        return Reasoning(effort="medium" if value else "none")
    if isinstance(value, int):
        return Reasoning(budget_tokens=value)
    if isinstance(value, str):
        return _converted({"effort": value}, Reasoning, "reasoning")
    return value


_COERCIONS: dict[str, Callable[[Any], Any]] = {
    "tools": _tools,
    "response_format": _response_format,
    "reasoning": _reasoning,
    "stop": lambda value: [value] if isinstance(value, str) else list(value),
}

_TYPES: dict[str, Any] = {
    field.name: field.type
    for field in msgspec.structs.fields(ChatCompletionRequest)
    if field.name not in {"model", "messages", "tools", "response_format", "tool_choice"}
}


def _checked(name: str, value: Any) -> Any:  # noqa: ANN401
    if name == "tool_choice" and isinstance(value, str) and value not in _MODES:
        raise InvalidRequestError(
            "there is no such mode",
            field=name,
            value=value,
            remedy=f"Use {', '.join(_MODES)}, or ToolChoice(name=...) for one tool",
        )
    if name == "tool_choice" and isinstance(value, Mapping):
        return _converted(dict(value), ToolChoice, name)
    return _converted(value, _TYPES[name], name) if name in _TYPES else value


_MODES = ("auto", "none", "required")


def _converted(value: Any, type_: Any, path: str) -> Any:  # noqa: ANN401
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        raise InvalidRequestError(
            reason[0].lower() + reason[1:], field=path + place.rstrip("`"), value=value
        ) from error
