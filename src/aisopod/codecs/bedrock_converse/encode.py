"""Requests to bodies.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_RequestSyntax
"""

from typing import Any

import msgspec

from aisopod.codecs.anthropic_messages import families as anthropic
from aisopod.codecs.anthropic_messages.thinking import encode_thinking
from aisopod.codecs.bedrock_converse.families import Family, family_of
from aisopod.codecs.bedrock_converse.messages import MOST_CACHE_POINTS, cache_point, encode_messages
from aisopod.codecs.codec import Encoded
from aisopod.codecs.extra import merged
from aisopod.codecs.held_schema import held_schema
from aisopod.codecs.text import encode_json
from aisopod.errors import InvalidRequestError
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Prepared
from aisopod.types import (
    ChatCompletionRequest,
    JsonSchema,
    OpaqueTool,
    Reasoning,
    Tool,
    ToolChoice,
)

__all__ = ["write"]

Body = dict[str, Any]

_THREE_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high",
                  "xhigh": "high", "max": "high"}  # fmt: skip


def write(prepared: Prepared, notes: Notes) -> Encoded:
    """The body of a request, and what could not be carried.

    Raises:
        InvalidRequestError: the request cannot be put on this wire.
        UnsupportedFeatureError: the model does not take what is asked.
    """
    request = prepared.request
    family = family_of(notes.target.known_as)
    marks = sum(isinstance(tool, Tool) and tool.cache is not None for tool in request.tools)
    system, turns = encode_messages(prepared.turns, family, notes, tool_marks=marks)
    body: Body = {"messages": turns}
    if system:
        body["system"] = system
    config = _sampling(request, family, notes)
    native = _reasoning(config, prepared, family, notes)
    if config:
        body["inferenceConfig"] = config
    tools = _tools(request, turns, family, native, notes)
    if tools:
        body["toolConfig"] = tools
    _format(body, request, notes)
    if native:
        body["additionalModelRequestFields"] = native
    if request.metadata:
        body["requestMetadata"] = request.metadata
    if request.cache is not None and family.cache and _has_room(body):
        turns[-1]["content"].append(cache_point(request.cache))
    body = merged(body, request.extra)
    if "anthropic_beta" in native:
        fields = body["additionalModelRequestFields"]
        flags = [*native["anthropic_beta"], *(fields.get("anthropic_beta") or ())]
        fields["anthropic_beta"] = list(dict.fromkeys(flags))
    return Encoded(body=encode_json(body, notes), warnings=notes.warnings)


def _has_room(body: Body) -> bool:
    """Whether one more cache point may end the request."""
    last = body["messages"][-1]["content"][-1]
    blocks = [*body.get("system", ()), *body.get("toolConfig", {}).get("tools", ())]
    blocks += [block for turn in body["messages"] for block in turn["content"]]
    return (
        "cachePoint" not in last
        and sum("cachePoint" in block for block in blocks) < MOST_CACHE_POINTS
    )


def _sampling(request: ChatCompletionRequest, family: Family, notes: Notes) -> Body:
    config: Body = {}
    if request.max_tokens is not None:
        config["maxTokens"] = request.max_tokens
    for field, name, value in (
        ("temperature", "temperature", request.temperature),
        ("top_p", "topP", request.top_p),
    ):
        if value is None:
            continue
        if family.claude is not None and not family.claude.sampling:
            notes.unsupported(
                field, value, "the model takes no sampling parameters", "Leave it out"
            )
        else:
            config[name] = value
    if config.get("temperature", 0) > 1:
        raise InvalidRequestError(
            "this wire takes 0 to 1",
            field="temperature",
            value=request.temperature,
            remedy="Choose a number in that range, or leave it out",
        )
    if request.stop:
        config["stopSequences"] = request.stop
    if request.seed is not None:
        notes.unsupported("seed", request.seed, "the wire has no seed", "Leave it out")
    return config


def _reasoning(config: Body, prepared: Prepared, family: Family, notes: Notes) -> Body:
    """The models' own fields for how much to think, which this wire hands on."""
    wish = prepared.request.reasoning
    if wish is None:
        return {}
    if family.claude is not None:
        return _claude_thinking(config, prepared, family.claude, notes)
    if family.reasoning is None:
        if wish.effort != "none":
            notes.unsupported("reasoning", wish, "the model does not think", "Leave it out")
        return {}
    if family.reasoning == "unknown":
        # Each vendor has a field of its own, and whom an ARN stands for it does not tell.
        notes.warn("effort", "it was left out: no form is known in which this model is told how "
                   "much to think; say in the configuration's `like` which one it is, or give "
                   "its own field in `extra`", field="reasoning")  # fmt: skip
        return {}
    if wish.budget_tokens is not None:
        notes.unsupported(
            "reasoning.budget_tokens", wish.budget_tokens, "the model takes no budget", "Use effort"
        )
    return _by_effort(wish, family, notes)


def _by_effort(wish: Reasoning, family: Family, notes: Notes) -> Body:
    if wish.effort is None and family.reasoning != "nova":
        return {}  # they think without being told to
    if wish.effort == "none":
        if family.off:
            return {"reasoning": {"effort": "none"}}
        if family.reasoning != "nova":
            notes.unsupported("reasoning.effort", "none", "the model always thinks", "Use low")
        return {}
    effort = _THREE_EFFORTS[wish.effort or "medium"]
    if effort != (wish.effort or "medium"):
        notes.warn("effort", f"effort {wish.effort} was sent as {effort}: the model has three",
                   field="reasoning.effort")  # fmt: skip
    match family.reasoning:
        case "openai":
            return {"reasoning_effort": effort}
        case "qwen":
            return {"reasoning_config": effort}
        case "level":
            return {"reasoning": {"effort": effort}}
        case "nova":
            return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}}
        case _:
            pass
    notes.warn("effort", "the effort was left out: the model thinks as it likes",
               field="reasoning.effort")  # fmt: skip
    return {}


def _claude_thinking(
    config: Body, prepared: Prepared, claude: anthropic.Family, notes: Notes
) -> Body:
    """Anthropic's own fields; a budget is part of maxTokens, so that must be known then."""
    request = prepared.request
    fields: Body = {"max_tokens": request.max_tokens or claude.max_output_tokens}
    headers = encode_thinking(fields, prepared, claude, notes)
    limit = fields.pop("max_tokens")
    if fields.get("thinking", {}).get("type") == "enabled":
        config["maxTokens"] = limit
        if request.temperature not in (None, 1, 1.0):
            config.pop("temperature", None)
    if "anthropic-beta" in headers:
        fields["anthropic_beta"] = headers["anthropic-beta"].split(",")
    return fields


def _tools(
    request: ChatCompletionRequest, turns: list[Body], family: Family, native: Body, notes: Notes
) -> Body:
    tools = request.tools
    if not tools or request.tool_choice == "none":
        # A history with calls is refused without the tools that it speaks of.
        used = _used(turns)
        if not used:
            return {}
        if tools:
            notes.warn("tool_choice", "the wire cannot forbid tools that its history speaks of: "
                       "they were left to the model", field="tool_choice")  # fmt: skip
        else:
            notes.warn("tools_of_history", f"{', '.join(used)} were declared again: the wire "
                       "refuses a history with calls otherwise", field="tools")  # fmt: skip
            tools = [
                OpaqueTool(provider=notes.target.provider, data={"systemTool": {"name": name}})
                if is_service
                else Tool(name=name, description="No longer in use.")
                for name, is_service in used.items()
            ]
    if not family.tools:
        notes.refuse("tools", len(tools), "the model takes no tools", "Use another model")
    entries: list[Body] = []
    for index, tool in enumerate(tools):
        entries += _tool(tool, f"tools[{index}]", family, notes)
    config: Body = {"tools": entries}
    choice = _choice(request, family, native, notes)
    if choice:
        config["toolChoice"] = choice
    if request.parallel_tool_calls is False:
        notes.unsupported(
            "parallel_tool_calls", request.parallel_tool_calls,
            "the wire cannot hold calls to one", "Leave it out",
        )  # fmt: skip
    return config


def _used(turns: list[Body]) -> dict[str, bool]:
    """The tools that a history speaks of, and whether the service makes their calls itself."""
    calls = [block["toolUse"] for turn in turns for block in turn["content"] if "toolUse" in block]
    # A call of the service's own is kept as it came, with a name or without.
    return {
        call["name"]: call.get("type") == "server_tool_use"
        for call in calls
        if isinstance(call.get("name"), str)
    }


def _tool(tool: Tool | OpaqueTool, path: str, family: Family, notes: Notes) -> list[Body]:
    if isinstance(tool, OpaqueTool):
        return [notes.own_tool(tool, path)]
    schema = {name: each for name, each in tool.parameters.items() if name != "$schema"}
    if tool.strict:
        schema = held_schema(schema, f"{path}.parameters", notes.schema)
    entry: Body = {"name": tool.name, "inputSchema": {"json": schema}}
    if tool.description:
        entry["description"] = tool.description
    if tool.strict is not None:
        entry["strict"] = tool.strict
    entries: list[Body] = [{"toolSpec": entry}]
    if tool.cache is not None and family.cache:
        entries.append(cache_point(tool.cache))
    return entries


def _choice(request: ChatCompletionRequest, family: Family, native: Body, notes: Notes) -> Body:
    choice = request.tool_choice
    if choice in (None, "none"):
        return {}
    if choice == "auto":
        return {"auto": {}}
    thinking = native.get("thinking", {}).get("type") == "enabled"
    forced = family.forced_tool and (family.claude is None or family.claude.forced_tool)
    if thinking or not forced:
        why = "a tool cannot be forced " + ("while thinking" if thinking else "with this model")
        notes.unsupported("tool_choice", choice, why, "Use auto and ask for the tool in words")
        return {}
    if isinstance(choice, ToolChoice):
        return {"tool": {"name": choice.name}}
    return {"any": {}}


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
    # The schema is a text on this wire, and not one of the objects.
    held = held_schema(wish.schema, "response_format.schema", notes.schema)
    schema: Body = {"schema": msgspec.json.encode(held).decode(), "name": wish.name}
    if wish.description:
        schema["description"] = wish.description
    body["outputConfig"] = {
        "textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}
    }
