"""Requests to bodies: https://docs.anthropic.com/en/api/messages."""

from typing import Any

from aisopod.codecs.anthropic_messages.families import Family, family_of
from aisopod.codecs.anthropic_messages.messages import cache_control, encode_messages
from aisopod.codecs.anthropic_messages.thinking import encode_thinking
from aisopod.codecs.codec import Encoded
from aisopod.codecs.held_schema import held_schema
from aisopod.codecs.text import encode_json
from aisopod.errors import InvalidRequestError
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Prepared
from aisopod.types import (
    ChatCompletionRequest,
    JsonSchema,
    OpaqueTool,
    Tool,
    ToolChoice,
)

__all__ = ["write"]

Body = dict[str, Any]

# What the vendor's SDK lets be asked for unstreamed: longer answers outlive idle connections.
_PLAIN_MAX_TOKENS = 21_333


def write(prepared: Prepared, notes: Notes) -> Encoded:
    """The body of a request, what it needs of headers, and what could not be carried.

    Raises:
        InvalidRequestError: the request cannot be put on this wire.
        UnsupportedFeatureError: the model does not take what is asked.
    """
    request = prepared.request
    family = family_of(notes.target.known_as)
    system, turns = encode_messages(prepared.turns, notes)
    body: Body = {"model": request.model, "messages": turns}
    if system:
        body["system"] = system
    body["max_tokens"] = request.max_tokens or _default_max_tokens(request, family)
    if request.stream:
        body["stream"] = True
    if request.stop:
        body["stop_sequences"] = request.stop
    _sampling(body, request, family, notes)
    headers = encode_thinking(body, prepared, family, notes)
    _tools(body, request, family, notes)
    _format(body, request, notes)
    _rest(body, request, notes)
    body.update(request.extra)
    return Encoded(body=encode_json(body, notes), headers=headers, warnings=notes.warnings)


def _default_max_tokens(request: ChatCompletionRequest, family: Family) -> int:
    """The wire wants a number; the model's longest answer is what no number would mean."""
    if request.stream:
        return family.max_output_tokens
    return min(family.max_output_tokens, _PLAIN_MAX_TOKENS)


def _sampling(body: Body, request: ChatCompletionRequest, family: Family, notes: Notes) -> None:
    if request.temperature is not None and request.temperature > 1:
        raise InvalidRequestError(
            "this wire takes 0 to 1",
            field="temperature",
            value=request.temperature,
            remedy="Choose a number in that range, or leave it out",
        )
    for field, value in (("temperature", request.temperature), ("top_p", request.top_p)):
        if value is None:
            continue
        if family.sampling:
            body[field] = value
        else:
            notes.unsupported(
                field, value, "the model takes no sampling parameters", "Leave it out"
            )
    if request.seed is not None:
        notes.unsupported("seed", request.seed, "the wire has no seed", "Leave it out")


def _tools(body: Body, request: ChatCompletionRequest, family: Family, notes: Notes) -> None:
    if not request.tools:
        return
    body["tools"] = [_tool(tool, f"tools[{i}]", notes) for i, tool in enumerate(request.tools)]
    choice = _choice(request, family, body, notes)
    if request.parallel_tool_calls is False and choice.get("type") != "none":
        choice["disable_parallel_tool_use"] = True
    if choice != {"type": "auto"} or request.tool_choice is not None:
        body["tool_choice"] = choice


def _tool(tool: Tool | OpaqueTool, path: str, notes: Notes) -> Body:
    if isinstance(tool, OpaqueTool):
        return notes.own_tool(tool, path)
    parameters = tool.parameters
    if tool.strict:
        parameters = held_schema(parameters, f"{path}.parameters", notes.schema)
    entry: Body = {"name": tool.name, "input_schema": parameters}
    if tool.description:
        entry["description"] = tool.description
    if tool.strict is not None:
        entry["strict"] = tool.strict
    if tool.cache is not None:
        entry["cache_control"] = cache_control(tool.cache)
    return entry


def _choice(request: ChatCompletionRequest, family: Family, body: Body, notes: Notes) -> Body:
    choice = request.tool_choice
    if choice in (None, "auto"):
        return {"type": "auto"}
    if choice == "none":
        return {"type": "none"}
    enabled = body.get("thinking", {}).get("type") == "enabled"
    if enabled or not family.forced_tool:
        why = "a tool cannot be forced " + ("while thinking" if enabled else "with this model")
        notes.unsupported("tool_choice", choice, why, "Use auto and ask for the tool in words")
        return {"type": "auto"}
    if isinstance(choice, ToolChoice):
        return {"type": "tool", "name": choice.name}
    return {"type": "any"}


def _format(body: Body, request: ChatCompletionRequest, notes: Notes) -> None:
    wish = request.response_format
    if wish in (None, "text"):
        return
    if not isinstance(wish, JsonSchema):
        notes.refuse(
            "response_format", wish, "the wire has no JSON mode without a schema",
            "Give a schema, or ask for JSON in words",
        )  # fmt: skip
        return
    output = body.setdefault("output_config", {})
    schema = held_schema(wish.schema, "response_format.schema", notes.schema)
    output["format"] = {"type": "json_schema", "schema": schema}


def _rest(body: Body, request: ChatCompletionRequest, notes: Notes) -> None:
    if request.cache is not None:
        body["cache_control"] = cache_control(request.cache)
    for name, value in request.metadata.items():
        if name == "user_id":
            body["metadata"] = {"user_id": value}
        else:
            notes.unsupported(
                f"metadata.{name}", value, "the wire takes user_id only", "Leave it out"
            )
