"""Requests to bodies: https://ai.google.dev/api/generate-content#request-body."""

from typing import Any

from aisopod.codecs.codec import Encoded
from aisopod.codecs.extra import merged
from aisopod.codecs.gemini_generate.families import Family, family_of
from aisopod.codecs.gemini_generate.json_schema import (
    check_openapi,
    openapi_schema,
    plain_schema,
)
from aisopod.codecs.gemini_generate.messages import encode_messages
from aisopod.codecs.gemini_generate.quirks import Quirks
from aisopod.codecs.text import encode_json
from aisopod.errors import InvalidRequestError
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Prepared
from aisopod.types import (
    ChatCompletionRequest,
    JsonSchema,
    Reasoning,
    Tool,
    ToolChoice,
)

__all__ = ["write"]

Body = dict[str, Any]

# Budgets for words of effort, as Google's own OpenAI-compatible service has them.
_BUDGETS = {"minimal": 512, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 32_768,
            "max": 32_768}  # fmt: skip
_LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH",
           "max": "HIGH"}  # fmt: skip
_MAX_STOPS = 5


def write(prepared: Prepared, notes: Notes) -> Encoded:
    """The body of a request, and what could not be carried.

    Raises:
        InvalidRequestError: the request cannot be put on this wire.
        UnsupportedFeatureError: the model or the host does not take what is asked.
    """
    request = prepared.request
    family = family_of(notes.target.known_as)
    quirks = notes.target.quirks or Quirks()
    system, contents = encode_messages(prepared.turns, family, notes)
    body: Body = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    config = _sampling(request)
    _format(config, request, family, notes)
    if request.reasoning is not None:
        thinking = _thinking(request.reasoning, family, notes)
        if thinking:
            config["thinkingConfig"] = thinking
    if config:
        body["generationConfig"] = config
    _tools(body, request, family, quirks, notes)
    _rest(body, request, quirks, notes)
    body = merged(body, request.extra)
    _check_cached(body)
    return Encoded(body=encode_json(body, notes), warnings=notes.warnings)


def _check_cached(body: Body) -> None:
    if "cachedContent" in body:
        taken = [name for name in ("systemInstruction", "tools", "toolConfig") if name in body]
        if taken:
            raise InvalidRequestError(
                f"cached content holds these already: the wire refuses {', '.join(taken)} beside it",
                field="extra.cachedContent",
                value=body["cachedContent"],
                remedy="Leave out the system message and the tools",
            )


def _sampling(request: ChatCompletionRequest) -> Body:
    if len(request.stop) > _MAX_STOPS:
        raise InvalidRequestError(
            f"this wire takes {_MAX_STOPS} at most",
            field="stop",
            value=request.stop,
            remedy="Leave some out",
        )
    config = {
        "temperature": request.temperature,
        "topP": request.top_p,
        "maxOutputTokens": request.max_tokens,
        "stopSequences": request.stop or None,
        "seed": request.seed,
    }
    return {name: value for name, value in config.items() if value is not None}


def _format(config: Body, request: ChatCompletionRequest, family: Family, notes: Notes) -> None:
    wish = request.response_format
    if wish in (None, "text"):
        return
    if request.tools and request.tool_choice != "none" and not family.mixed:
        notes.refuse(
            "response_format", getattr(wish, "name", wish),
            "the model gives no JSON answers while it has tools",
            "Leave one of them out, or use a newer model",
        )  # fmt: skip
    config["responseMimeType"] = "application/json"
    if isinstance(wish, JsonSchema):
        name, schema = _schema(wish.schema, "response_format.schema", family, notes)
        if name != "parameters":
            config["responseJsonSchema"] = schema
        elif schema.get("type") != "object" or schema.get("properties"):
            # An object of anything is what the media type says; without properties it is refused.
            config["responseSchema"] = schema


def _schema(schema: Body, path: str, family: Family, notes: Notes) -> tuple[str, Body]:
    """The name of the field for a schema, and the schema as it takes it."""
    lost: list[tuple[str, str]] = []

    def told(where: str, keyword: str) -> None:
        lost.append((where, keyword))

    if family.plain_schemas:
        found = "parametersJsonSchema", plain_schema(schema, path, told)
    else:
        found = "parameters", openapi_schema(schema, path, told)
        check_openapi(found[1], path)
    notes.lost_keywords(lost)
    return found


def _thinking(wish: Reasoning, family: Family, notes: Notes) -> Body:
    """https://ai.google.dev/gemini-api/docs/thinking: a budget for some, a level for others."""
    if family.budgets is None:
        if wish.effort != "none":
            notes.unsupported("reasoning", wish, "the model does not think", "Leave it out")
        return {}
    if wish.effort == "none":
        if not family.off:
            notes.unsupported(
                "reasoning.effort", "none", "the model always thinks", "Use minimal or low"
            )
            return {}
        return {"thinkingBudget": 0}
    shown = {"includeThoughts": True} if wish.display != "omitted" else {}
    if wish.budget_tokens is not None:
        return {**shown, "thinkingBudget": _budget(wish.budget_tokens, family)}
    if wish.effort is None:
        return shown
    if not family.levels:
        low, high = family.budgets
        return {**shown, "thinkingBudget": min(max(_BUDGETS[wish.effort], low), high)}
    return {**shown, "thinkingLevel": _level(wish.effort, family, notes)}


def _budget(budget: int, family: Family) -> int:
    low, high = family.budgets or (0, 0)
    # -1 lets the model choose.
    if budget == -1 or low <= budget <= high or (budget == 0 and family.off):
        return budget
    raise InvalidRequestError(
        f"a thinking budget of this model lies between {low} and {high}",
        field="reasoning.budget_tokens",
        value=budget,
        remedy="Choose a number in that range, or -1 to leave it to the model",
    )


def _level(effort: str, family: Family, notes: Notes) -> str:
    """The word for an effort; the nearest that the family has."""
    level = _LEVELS[effort]
    if level in family.levels:
        return level
    nearest = "LOW" if level == "MINIMAL" else "HIGH"
    notes.warn(
        "effort", f"effort {effort} was sent as {nearest.lower()}: the model has "
        f"{', '.join(each.lower() for each in family.levels)}", field="reasoning.effort",
    )  # fmt: skip
    return nearest


def _tools(
    body: Body, request: ChatCompletionRequest, family: Family, quirks: Quirks, notes: Notes
) -> None:
    if not request.tools:
        return
    functions: list[Body] = []
    entries: list[Body] = []
    for index, tool in enumerate(request.tools):
        path = f"tools[{index}]"
        if isinstance(tool, Tool):
            functions.append(_function(tool, path, family, notes))
        else:
            entries.append(notes.own_tool(tool, path))
    if functions and entries and not family.mixed:
        notes.refuse(
            "tools", sorted(name for entry in entries for name in entry),
            "the model does not take the service's tools together with functions",
            "Leave one kind out, or use a newer model",
        )  # fmt: skip
    body["tools"] = [*([{"functionDeclarations": functions}] if functions else []), *entries]
    config: Body = {}
    if functions:
        mode = _mode(request, family)
        if mode:
            config["functionCallingConfig"] = mode
    if functions and entries and quirks.mixed_tools_flag:
        config["includeServerSideToolInvocations"] = True
    if config:
        body["toolConfig"] = config
    if request.parallel_tool_calls is False:
        notes.unsupported(
            "parallel_tool_calls",
            request.parallel_tool_calls,
            "the wire cannot hold calls to one",
            "Leave it out",
        )


def _mode(request: ChatCompletionRequest, family: Family) -> Body:
    match request.tool_choice:
        case None | "auto":
            strict = any(isinstance(tool, Tool) and tool.strict for tool in request.tools)
            # VALIDATED is AUTO that holds the arguments to their schemas; older models lack it.
            if strict and family.plain_schemas:
                return {"mode": "VALIDATED"}
            return {} if request.tool_choice is None else {"mode": "AUTO"}
        case "none":
            return {"mode": "NONE"}
        case "required":
            return {"mode": "ANY"}
        case ToolChoice(name=name):
            return {"mode": "ANY", "allowedFunctionNames": [name]}


def _function(tool: Tool, path: str, family: Family, notes: Notes) -> Body:
    entry: Body = {"name": tool.name, "description": tool.description}
    # An object without properties is refused: what takes nothing has no parameters.
    if tool.parameters.get("properties") or set(tool.parameters) - {"type", "properties"}:
        name, reduced = _schema(tool.parameters, f"{path}.parameters", family, notes)
        if reduced.get("properties") or name != "parameters":
            entry[name] = reduced
    return entry


def _rest(body: Body, request: ChatCompletionRequest, quirks: Quirks, notes: Notes) -> None:
    """Labels; caching is automatic on this wire, its marks have no place and are not missed."""
    if request.metadata and quirks.labels:
        body["labels"] = request.metadata
        return
    for name, value in request.metadata.items():
        notes.unsupported(f"metadata.{name}", value, "the wire has no metadata", "Leave it out")
