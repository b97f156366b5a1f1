"""Whether a body is one that a provider takes: by the vendor's own types, and by its known rules.

The types are those of the vendors' SDKs, made strict: an unknown name is refused, and so is a value
of another kind. The rules are the simulator's, each of which has its source there.
"""

import base64
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from anthropic.types.beta import message_create_params as anthropic_beta
from anthropic.types.message_create_params import (
    MessageCreateParamsNonStreaming,
    MessageCreateParamsStreaming,
)
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from google.genai import types as genai
from ollama._types import ChatRequest, Message, Tool
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import SchemaValidator

from aisopod.simulator import anthropic_rules, bedrock_rules, gemini_rules, openai_rules
from aisopod.simulator.wire import Call, Refusal

__all__ = [
    "JUDGES", "Judge", "converse_problems", "converse_shape", "converse_type_problems",
    "gemini_problems", "gemini_type_problems", "problems", "with_bytes",
]  # fmt: skip

Body = dict[str, Any]
Judge = Callable[[bytes, str], list[str]]


def problems(dialect: str, body: bytes, model: str) -> list[str]:
    """What the vendor would refuse of a body; nothing where it takes it."""
    return JUDGES[dialect](body, model)


# --- each vendor's types ----------------------------------------------------------------------

# Blocks that only a beta of the API makes: the SDK has them in its types for betas alone.
_BETA_BLOCKS = frozenset({
    "advisor_tool_result", "compaction", "mcp_tool_result", "mcp_tool_use", "tool_addition",
})  # fmt: skip
# What hosts of the dialect put beside an answer's content and take back there.
_FIELDS_OF_HOSTS = frozenset({
    "annotations",  # OpenAI's own answers; its guide sends an answer's message back as it is
    "reasoning_details",  # https://openrouter.ai/docs/use-cases/reasoning-tokens
    "reasoning", "reasoning_content",  # the same, and https://api-docs.deepseek.com
    "extra_content", "thought_signature",  # https://ai.google.dev/gemini-api/docs/openai
})  # fmt: skip


def anthropic_problems(body: bytes, model: str) -> list[str]:
    """https://docs.anthropic.com/en/api/messages, by the types of the `anthropic` SDK."""
    fields: Body = msgspec.json.decode(body)
    # The classic version of the API takes what newer types no longer name.
    typed = {name: fields[name] for name in fields if name not in {"temperature", "top_p", "top_k"}}
    kind: Any
    if _BETA_BLOCKS.isdisjoint(_kinds(fields["messages"])):
        kind = (
            MessageCreateParamsStreaming
            if fields.get("stream")
            else MessageCreateParamsNonStreaming
        )
    elif fields.get("stream"):
        kind = anthropic_beta.MessageCreateParamsStreaming
    else:
        kind = anthropic_beta.MessageCreateParamsNonStreaming
    found = _typed(kind, typed)
    headers = {"anthropic-version": "2023-06-01"}
    call = Call(fields, headers, {}, {}, 0, "POST", "/v1/messages", body)
    return found or _ruled(lambda: anthropic_rules.check(call, {}))


def _kinds(messages: list[Body]) -> set[str]:
    blocks = (message["content"] for message in messages if isinstance(message["content"], list))
    return {block["type"] for content in blocks for block in content}


def invoke_problems(body: bytes, model: str) -> list[str]:
    """Anthropic's body but for what the address says, and the version in its place.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
    """
    fields: Body = msgspec.json.decode(body)
    if fields.pop("anthropic_version", None) != "bedrock-2023-05-31":
        return ["anthropic_version: Input should be 'bedrock-2023-05-31'"]
    if found := sorted({"model", "stream"} & fields.keys()):
        return [f"{found[0]}: Extra inputs are not permitted"]
    fields.pop("anthropic_beta", None)
    own = {**fields, "model": bedrock_rules.family(model)}
    return anthropic_problems(msgspec.json.encode(own), own["model"])


def openai_problems(body: bytes, model: str) -> list[str]:
    """https://platform.openai.com/docs/api-reference/chat/create, by the `openai` SDK's types."""
    fields: Body = msgspec.json.decode(body)
    streamed = fields.get("stream")
    kind = CompletionCreateParamsStreaming if streamed else CompletionCreateParamsNonStreaming
    fields["messages"] = [_without_thinking(message) for message in fields["messages"]]
    messages = [_without(message, _FIELDS_OF_HOSTS) for message in fields["messages"]]
    return _typed(kind, {**fields, "messages": messages}) or _ruled(
        lambda: openai_rules.check(fields, model)
    )


def _without(message: Body, names: frozenset[str]) -> Body:
    if message["role"] != "assistant":
        return message
    return {name: each for name, each in message.items() if name not in names}


def _without_thinking(message: Body) -> Body:
    """Mistral's answers hold it in their content: https://docs.mistral.ai/capabilities/reasoning/."""
    content = message.get("content")
    if message["role"] != "assistant" or not isinstance(content, list):
        return message
    return {**message, "content": [part for part in content if part.get("type") != "thinking"]}


def gemini_problems(body: bytes, model: str) -> list[str]:
    """https://ai.google.dev/api/generate-content, by `google-genai`'s types."""
    fields: Body = msgspec.json.decode(body)
    return gemini_type_problems(body, model) or _ruled(
        lambda: gemini_rules.check(gemini_rules.normalised(fields), model)
    )


def gemini_type_problems(body: bytes, model: str) -> list[str]:
    """What `google-genai`'s types alone refuse."""
    fields: Body = msgspec.json.decode(body)
    checks: list[tuple[type[BaseModel], Any]] = [
        (genai.GenerationConfig, fields.get("generationConfig", {})),
        (genai.ToolConfig, fields.get("toolConfig", {})),
        *((genai.Content, content) for content in fields["contents"]),
        *((genai.Tool, tool) for tool in fields.get("tools", ())),
    ]
    if "systemInstruction" in fields:
        checks.append((genai.Content, fields["systemInstruction"]))
    found = []
    for kind, value in checks:
        try:
            kind.model_validate_json(msgspec.json.encode(value))
        except ValidationError as error:
            found += _told(error, kind.__name__)
    return found


def converse_problems(body: bytes, model: str) -> list[str]:
    """AWS's own model of the call, as botocore holds requests to it, and the service's rules."""
    fields: Body = msgspec.json.decode(body)
    return converse_type_problems(body, model) or _ruled(
        lambda: bedrock_rules.check(fields, model, {})
    )


def converse_type_problems(body: bytes, model: str) -> list[str]:
    """What botocore alone refuses."""
    fields: Body = msgspec.json.decode(body)
    try:
        whole = {"modelId": model, **with_bytes(fields)}
    except ValueError as error:
        return [f"bytes are no base64: {error}"]
    report = ParamValidator().validate(whole, converse_shape())
    return [str(report.generate_report())] if report.has_errors() else []


def ollama_problems(body: bytes, model: str) -> list[str]:
    """`api/types.go` of github.com/ollama/ollama, by the types of the `ollama` SDK.

    The SDK's types lag behind the server's: what only those have is taken out first.
    """
    fields: Body = msgspec.json.decode(body)
    messages = fields.pop("messages", [])
    tools = fields.pop("tools", [])
    for name in ("truncate", "shift"):
        fields.pop(name, None)
    found = _typed(ChatRequest, fields)
    for index, message in enumerate(messages):
        found += [f"messages[{index}]: {each}" for each in _ollama_message(message)]
    for tool in tools:
        # Of the properties' keywords the server keeps what it knows, and drops the others.
        function = {name: each for name, each in tool["function"].items() if name != "parameters"}
        if tool["function"].get("parameters", {}).get("type") != "object":
            found.append("tools: parameters are no object")
        found += _dropped_by_ollama(tool["function"].get("parameters", {}))
        found += _typed(Tool, {**tool, "function": function})
    return found


def _dropped_by_ollama(schema: Body) -> list[str]:
    """What `ToolProperty` has no field for is gone when the server has read it; `items` stays."""
    kept = {"type", "items", "description", "enum", "properties", "required", "anyOf"}
    found = [f"tools: the server drops {name}" for name in schema if name not in kept]
    for inner in [*(schema.get("properties") or {}).values(), *(schema.get("anyOf") or ())]:
        found += _dropped_by_ollama(inner)
    if "$ref" in str(schema.get("items")):
        found.append("tools: items refer to what is not there")
    return found


def _ollama_message(message: Body) -> list[str]:
    kept = {name: each for name, each in message.items() if name not in {"tool_call_id", "images"}}
    if "tool_calls" in kept:
        calls = kept["tool_calls"]
        kept["tool_calls"] = [{k: v for k, v in call.items() if k != "id"} for call in calls]
    found = _typed(Message, kept)
    if message.get("role") not in {"system", "user", "assistant", "tool"}:
        found.append(f"no such role: {message.get('role')}")
    if not isinstance(message.get("content"), str):
        found.append("content is no text")
    for image in message.get("images", ()):
        try:
            base64.b64decode(image, validate=True)
        except ValueError as error:
            found.append(f"images: {error}")
    for call in message.get("tool_calls", ()):
        if not call["function"]["name"]:
            found.append("a call without a name")
    if message.get("role") == "tool" and not message.get("tool_name"):
        found.append("a result without its tool's name")
    return found


JUDGES: dict[str, Judge] = {
    "anthropic_messages": anthropic_problems,
    "bedrock_invoke": invoke_problems,
    "openai_chat": openai_problems,
    "gemini_generate": gemini_problems,
    "bedrock_converse": converse_problems,
    "ollama_chat": ollama_problems,
}


# --- how they are asked -----------------------------------------------------------------------


@cache
def converse_shape() -> Any:
    """The input of Converse, as botocore knows it."""
    model = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))
    return model.operation_model("ConverseStream").input_shape


def with_bytes(value: Any) -> Any:
    """Blobs as boto3 takes them: bytes."""
    if isinstance(value, list):
        return [with_bytes(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64decode(each, validate=True)
        if name in {"bytes", "redactedContent"} and isinstance(each, str)
        else with_bytes(each)
        for name, each in value.items()
    }


@cache
def _strict(kind: Any) -> SchemaValidator:
    """A vendor's type that refuses names it does not know, and looks at lists at once."""
    schema = _closed(TypeAdapter(kind).core_schema)
    # Models would otherwise be read by the validators that they were built with.
    return SchemaValidator(schema, _use_prebuilt=False)


def _closed(schema: Any) -> Any:
    if isinstance(schema, list | tuple):
        return type(schema)(_closed(each) for each in schema)
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items() if name != "serialization"}
    match closed.get("type"):
        case "generator":  # an Iterable: read only by who walks through it
            closed["type"] = "list"
        case "typed-dict" | "model-fields":
            closed["extra_behavior"] = "forbid"
            closed.pop("extras_schema", None)
        case "model":
            closed["config"] = {**closed.get("config", {}), "extra_fields_behavior": "forbid"}
        case _:
            pass
    return closed


def _typed(kind: Any, value: Any) -> list[str]:
    try:
        _strict(kind).validate_json(msgspec.json.encode(value), strict=True)
    except ValidationError as error:
        return _told(error, getattr(kind, "__name__", str(kind)))
    return []


def _told(error: ValidationError, name: str) -> list[str]:
    """The complaints of the deepest places: of a union, those of the nearest kind."""
    errors = error.errors(include_url=False, include_input=False)
    deepest = max(len(each["loc"]) for each in errors)
    return [
        f"{name}: {'.'.join(str(step)[:40] for step in each['loc'])}: {each['msg']}"
        for each in errors
        if len(each["loc"]) == deepest
    ][:8]


def _ruled(check: Callable[[], None]) -> list[str]:
    try:
        check()
    except Refusal as refusal:
        return [str(refusal.message)]
    return []
