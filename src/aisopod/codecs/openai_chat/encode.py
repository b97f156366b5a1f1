"""A request to the JSON body.

Source: https://platform.openai.com/docs/api-reference/chat/create; what a host or a model takes
is told by its Quirks and its Family.
"""

from typing import Any

import msgspec

from aisopod.codecs.codec import Encoded
from aisopod.codecs.held_schema import strict_schema
from aisopod.codecs.openai_chat.families import Family, find_family
from aisopod.codecs.openai_chat.messages import encode_messages
from aisopod.codecs.openai_chat.quirks import Quirks
from aisopod.codecs.text import encode_json
from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Prepared
from aisopod.types import ChatCompletionRequest, JsonSchema, OpaqueTool, Tool, ToolChoice

__all__ = ["write"]

_PLAIN = Quirks()


class _Asked(msgspec.Struct, frozen=True):
    """What every step below needs."""

    request: ChatCompletionRequest
    quirks: Quirks
    family: Family | None
    notes: Notes

    @property
    def effort(self) -> str | None:
        return self.request.reasoning.effort if self.request.reasoning else None


def write(prepared: Prepared, notes: Notes) -> Encoded:
    """The body of a request, and what could not be carried.

    Raises:
        InvalidRequestError: the request is wrong in itself.
        UnsupportedFeatureError: this host or model has no such thing.
    """
    request = prepared.request
    quirks = notes.target.quirks if isinstance(notes.target.quirks, Quirks) else _PLAIN
    family = find_family(notes.target.known_as) if quirks.openai_models else None
    asked = _Asked(request, quirks, family, notes)
    _check_extra(request.extra)
    body: dict[str, Any] = {
        "model": request.model,
        "messages": encode_messages(prepared, quirks, family, notes),
        **_tools(asked),
        **_sampling(asked),
        **_limits(asked),
        **_reasoning(asked),
        **_response_format(asked),
        **_labels(asked),
        **_streaming(request, quirks),
        **request.extra,
    }
    return Encoded(body=encode_json(body, asked.notes), warnings=asked.notes.warnings)


def _check_extra(extra: dict[str, Any]) -> None:
    if extra.get("n") not in (None, 1):
        raise UnsupportedFeatureError(
            "one response holds one answer",
            field="extra.n",
            value=extra["n"],
            remedy="Send the request several times",
        )


def _streaming(request: ChatCompletionRequest, quirks: Quirks) -> dict[str, Any]:
    if not request.stream:
        return {}
    # Without the option no usage is sent at all.
    options = {"stream_options": {"include_usage": True}} if quirks.stream_options else {}
    return {"stream": True, **options}


# --- tools -----------------------------------------------------------------------------------


def _tools(asked: _Asked) -> dict[str, Any]:
    """Tools and what concerns them; an empty list, or options without tools, would be a 400."""
    request, quirks = asked.request, asked.quirks
    if not request.tools:
        _check_no_tools(request)
        return {}
    body: dict[str, Any] = {
        "tools": [_tool(asked, tool, index) for index, tool in enumerate(request.tools)]
    }
    if request.tool_choice is not None:
        body["tool_choice"] = _tool_choice(request, quirks)
    if request.parallel_tool_calls is not None:
        if quirks.parallel_tool_calls:
            body["parallel_tool_calls"] = request.parallel_tool_calls
        elif not request.parallel_tool_calls:
            asked.notes.unsupported(
                "parallel_tool_calls",
                value=False,
                why="the host cannot be held to one call at a time",
                remedy="Leave it out",
            )
    return body


def _check_no_tools(request: ChatCompletionRequest) -> None:
    if request.tool_choice == "required" or isinstance(request.tool_choice, ToolChoice):
        raise InvalidRequestError(
            "there is no tool to choose",
            field="tool_choice",
            value=request.tool_choice,
            remedy="Give tools, or leave tool_choice out",
        )


def _tool(asked: _Asked, tool: Tool | OpaqueTool, index: int) -> dict[str, Any]:
    notes, field = asked.notes, f"tools[{index}]"
    if isinstance(tool, OpaqueTool):
        return notes.own_tool(tool, field)
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    path = f"{field}.parameters"
    strict, function["parameters"] = _strict(
        asked, tool.parameters, field, path, strict=tool.strict
    )
    function.update(strict)
    return {"type": "function", "function": function}


def _tool_choice(request: ChatCompletionRequest, quirks: Quirks) -> Any:  # noqa: ANN401 - JSON
    choice = request.tool_choice
    if not isinstance(choice, ToolChoice):
        return quirks.required_word if choice == "required" else choice
    names = [tool.name for tool in request.tools if isinstance(tool, Tool)]
    if choice.name not in names and len(names) == len(request.tools):
        raise InvalidRequestError(
            "no tool of the request has this name",
            field="tool_choice",
            value=choice.name,
            remedy=f"Choose one of {', '.join(names)}",
        )
    return {"type": "function", "function": {"name": choice.name}}


def _strict(
    asked: _Asked, schema: dict[str, Any], field: str, path: str, *, strict: bool | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The field `strict`, where it is sent, and the schema as that asks for it."""
    if strict is None or (not strict and not asked.quirks.strict):
        return {}, schema
    if not asked.quirks.strict:
        asked.notes.unsupported(
            f"{field}.strict", value=True, why="the host knows no strict", remedy="Leave it out"
        )
        return {}, schema
    return {"strict": strict}, strict_schema(schema, path, asked.notes.schema) if strict else schema


# --- parameters ------------------------------------------------------------------------------


def _sampling(asked: _Asked) -> dict[str, Any]:
    """Temperature, top_p and seed; reasoning models of OpenAI refuse the first two."""
    request = asked.request
    body: dict[str, Any] = {}
    for name, value, limit in (
        ("temperature", request.temperature, 2),
        ("top_p", request.top_p, 1),
    ):
        if value is None:
            continue
        if not 0 <= value <= limit:
            raise InvalidRequestError(
                f"it lies between 0 and {limit}", field=name, value=value, remedy="Change it"
            )
        if _takes_sampling(asked.family, asked.effort):
            body[name] = value
        elif value != 1:  # 1 is what the model does anyway
            asked.notes.unsupported(
                name, value, "the model takes it only when it does not reason", _remedy(asked)
            )
    if request.seed is not None:
        if asked.quirks.seed_field:
            body[asked.quirks.seed_field] = request.seed
        else:
            asked.notes.unsupported("seed", request.seed, "the host knows no seed", "Leave it out")
    return body


def _takes_sampling(family: Family | None, effort: str | None) -> bool:
    match family.sampling if family else "always":
        case "always":
            return True
        case "effort_none":
            return effort == "none"
        case "effort_off":
            return effort in (None, "none")
        case _:
            return False


def _remedy(asked: _Asked) -> str:
    off = asked.family is not None and "none" in asked.family.efforts
    return 'Leave it out, or set the reasoning effort to "none"' if off else "Leave it out"


def _limits(asked: _Asked) -> dict[str, Any]:
    request, quirks = asked.request, asked.quirks
    body: dict[str, Any] = {}
    if request.max_tokens is not None:
        body[quirks.max_tokens_field] = request.max_tokens
    if not request.stop:
        return body
    if quirks.stop_limit is not None and len(request.stop) > quirks.stop_limit:
        raise InvalidRequestError(
            f"at most {quirks.stop_limit} stop texts are taken",
            field="stop",
            value=request.stop,
            remedy="Leave some out",
        )
    if asked.family and not asked.family.stop:
        asked.notes.unsupported(
            "stop", request.stop, "the model knows no stop texts", "Leave it out"
        )
    else:
        body["stop"] = request.stop
    return body


def _reasoning(asked: _Asked) -> dict[str, Any]:
    reasoning, quirks = asked.request.reasoning, asked.quirks
    if reasoning is None:
        return {}
    if quirks.reasoning == "object":
        return _reasoning_object(asked)
    if reasoning.budget_tokens is not None and not quirks.budget:
        asked.notes.unsupported(
            "reasoning.budget_tokens",
            reasoning.budget_tokens,
            "the wire knows no budget",
            "Set reasoning.effort",
        )
    if reasoning.display == "summarized" and quirks.openai_models:
        asked.notes.unsupported(
            "reasoning.display",
            reasoning.display,
            "Chat Completions shows no reasoning",
            "Leave it out",
        )
    if reasoning.effort is None or not _takes_effort(asked, reasoning.effort):
        return {}
    if quirks.reasoning == "switch":
        if reasoning.effort == "none":
            return {"thinking": {"type": "disabled"}}
        return {"thinking": {"type": "enabled"}, "reasoning_effort": reasoning.effort}
    return {"reasoning_effort": reasoning.effort}


def _reasoning_object(asked: _Asked) -> dict[str, Any]:
    """https://openrouter.ai/docs/use-cases/reasoning-tokens: effort or max_tokens, not both."""
    reasoning = asked.request.reasoning
    value: dict[str, Any] = {}
    if reasoning is None:
        return value
    if reasoning.budget_tokens is not None:
        value["max_tokens"] = reasoning.budget_tokens
        if reasoning.effort is not None:
            asked.notes.unsupported(
                "reasoning.effort",
                reasoning.effort,
                "effort and budget cannot be given together",
                "Give one of them",
            )
    elif reasoning.effort is not None and _takes_effort(asked, reasoning.effort):
        value["effort"] = reasoning.effort
    if reasoning.display == "omitted":
        value["exclude"] = True
    return {"reasoning": value} if value else {}


def _takes_effort(asked: _Asked, effort: str) -> bool:
    """Whether host and model know an effort; refused or noted when they do not."""
    allowed = asked.quirks.efforts
    if asked.quirks.reasoning == "none":
        allowed = ()
    elif asked.family is not None:
        allowed = asked.family.efforts
    elif allowed is None and asked.quirks.openai_models:
        # No model takes `max` on this wire, an unknown one neither.
        allowed = ("none", "minimal", "low", "medium", "high", "xhigh")
    if allowed is None or effort in allowed:
        return True
    if not allowed and effort == "none":
        return False  # what does not reason has no need to be told
    remedy = f"Use one of {', '.join(allowed)}" if allowed else "Leave it out"
    asked.notes.unsupported(
        "reasoning.effort", effort, "the model does not know this effort", remedy
    )
    return False


def _response_format(asked: _Asked) -> dict[str, Any]:
    wanted, quirks, notes = asked.request.response_format, asked.quirks, asked.notes
    if isinstance(wanted, JsonSchema):
        return {"response_format": _json_schema(asked, wanted)}
    if wanted != "json":
        return {}
    if not quirks.json_object:
        notes.unsupported(
            "response_format", "json", "the host has no JSON mode", "Give a JsonSchema"
        )
        return {}
    if quirks.json_word and "json" not in _all_text(asked.request).lower():
        raise InvalidRequestError(
            "the word JSON must occur in the messages, or the provider refuses the request",
            field="response_format",
            value="json",
            remedy="Say in a message that the answer is to be JSON, or give a JsonSchema",
        )
    return {"response_format": {"type": "json_object"}}


def _all_text(request: ChatCompletionRequest) -> str:
    return " ".join(message.text for message in request.messages)


def _json_schema(asked: _Asked, wanted: JsonSchema) -> dict[str, Any]:
    field, path = "response_format", "response_format.schema"
    strict, schema = _strict(asked, wanted.schema, field, path, strict=wanted.strict)
    value: dict[str, Any] = {"name": wanted.name, "schema": schema}
    if wanted.description:
        value["description"] = wanted.description
    value.update(strict)
    return {"type": "json_schema", "json_schema": value}


def _labels(asked: _Asked) -> dict[str, Any]:
    """Metadata and the cache key; caching itself is automatic on these hosts."""
    request, quirks = asked.request, asked.quirks
    body: dict[str, Any] = {}
    if request.metadata:
        if quirks.metadata:
            body["metadata"] = request.metadata
        else:
            asked.notes.unsupported(
                "metadata", request.metadata, "the host takes no labels", "Leave it out"
            )
    if request.cache and request.cache.key and quirks.prompt_cache_key:
        body["prompt_cache_key"] = request.cache.key
    return body
