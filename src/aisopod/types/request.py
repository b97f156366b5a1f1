"""What is asked of a model."""

from typing import Any, Literal

import msgspec

from aisopod.types.content import CacheControl
from aisopod.types.messages import Message
from aisopod.types.tools import OpaqueTool, Tool, ToolChoice, ToolChoiceMode

__all__ = ["ChatCompletionRequest", "Effort", "JsonSchema", "OnUnsupported", "Reasoning"]

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

OnUnsupported = Literal["error", "drop"]
"""What to do with a parameter that the model does not take: refuse, or leave it out and warn."""


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """How much the model should think before it answers.

    Attributes:
        effort: in words; `none` turns thinking off where that is possible.
        budget_tokens: in tokens, for the models that take a budget.
        display: `summarized` or `omitted`, where the wire can choose what it shows.
    """

    effort: Effort | None = None
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted"] | None = None


class JsonSchema(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for JSON that fits a schema.

    Attributes:
        schema: a JSON schema. One that is no object's goes as the property of an object, and the
            answer comes without it.
        name: a name for it, where the wire wants one.
        description: what it is for.
        strict: hold the answer to it exactly, where the wire can choose.
    """

    schema: dict[str, Any]
    name: str = "answer"
    description: str | None = None
    strict: bool | None = None


class ChatCompletionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request for a chat completion, the same for every provider.

    Attributes:
        model: the model's name as its provider writes it.
        messages: the conversation so far.
        tools: what the model may call.
        tool_choice: `auto`, `none`, `required`, or a ToolChoice that forces one.
        temperature: randomness, 0 to 2 (1 on some wires).
        top_p: nucleus sampling, 0 to 1.
        max_tokens: the longest answer, in tokens, reasoning included.
        stop: texts at which to stop.
        stream: whether the answer comes in pieces.
        response_format: `text`, `json`, or a JsonSchema.
        reasoning: how much to think.
        seed: for repeatable sampling, where the wire has it.
        parallel_tool_calls: whether one answer may hold several calls.
        metadata: labels for the provider; on Anthropic's wire only `user_id`.
        cache: prompt caching for the whole request.
        extra: merged into the body as it is: what the provider has and aisopod has no name for.
    """

    model: str
    messages: list[Message]
    tools: list[Tool | OpaqueTool] = []
    tool_choice: ToolChoiceMode | ToolChoice | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: list[str] = []
    stream: bool = True
    response_format: Literal["text", "json"] | JsonSchema | None = None
    reasoning: Reasoning | None = None
    seed: int | None = None
    parallel_tool_calls: bool | None = None
    metadata: dict[str, str] = {}
    cache: CacheControl | None = None
    extra: dict[str, Any] = {}
