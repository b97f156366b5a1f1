"""The answer when none is scripted: it says that it is simulated, and does what was asked."""

from typing import Any

import msgspec

from aisopod.simulator.script import Asked, Reply
from aisopod.types import TextPart, ThinkingPart, TokenUsage, ToolCall

__all__ = ["respond", "usage_of"]

_NOTICE = "This is a simulated answer: no model was asked."


def respond(asked: Asked, number: int) -> Reply:
    """An answer that fits the request; `number` keeps the ids of calls apart."""
    tool = _tool_to_call(asked)
    if tool is not None:
        arguments = msgspec.json.encode(plausible(asked.tools[tool], asked.tools[tool])).decode()
        call = ToolCall(id=f"call_sim_{number}", name=tool, arguments=arguments)
        return Reply(content=_thinking(asked), tool_calls=[call])
    text, reason = _limited(_text(asked), asked)
    return Reply(content=[*_thinking(asked), TextPart(text=text)], finish_reason=reason)


def usage_of(reply: Reply, asked: Asked) -> TokenUsage:
    """The scripted usage, or an estimate that counts words."""
    if reply.usage is not None:
        return reply.usage
    thinking = sum(len(p.text.split()) for p in reply.parts if isinstance(p, ThinkingPart))
    text = sum(len(p.text.split()) for p in reply.parts if isinstance(p, TextPart))
    calls = sum(1 + len(call.arguments.split()) for call in reply.tool_calls)
    return TokenUsage(
        input_tokens=asked.words, output_tokens=thinking + text + calls, reasoning_tokens=thinking
    )


def _tool_to_call(asked: Asked) -> str | None:
    if not asked.tools or asked.tool_result is not None:
        return None
    if asked.forced_tool is not None:
        return asked.forced_tool or next(iter(asked.tools))
    return next((name for name in asked.tools if name in asked.prompt), None)


def _thinking(asked: Asked) -> list[TextPart | ThinkingPart | Any]:
    return [ThinkingPart(text="Simulated thinking.")] if asked.thinking else []


def _text(asked: Asked) -> str:
    if asked.schema is not None:
        return msgspec.json.encode(plausible(asked.schema, asked.schema)).decode()
    if asked.tool_result is not None:
        return f"{_NOTICE} The tool said: {asked.tool_result}"
    return f"{_NOTICE} You said: {asked.prompt}"


def _limited(text: str, asked: Asked) -> tuple[str, str]:
    """The text up to a stop sequence or the longest answer, and why it ends."""
    for stop in asked.stop:
        if stop in text:
            text = text[: text.index(stop)]
    words = text.split(" ")
    if asked.max_tokens is not None and len(words) > asked.max_tokens:
        return " ".join(words[: asked.max_tokens]), "length"
    return text, "stop"


def plausible(schema: dict[str, Any], root: dict[str, Any], depth: int = 0) -> Any:  # noqa: ANN401
    """A value that fits a JSON schema, as far as simple schemas go."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = root.get("$defs", {}).get(name, {})
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            schema = schema[choice][0]
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema or depth == 0 else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {}) if depth < 8 else {}
        return {name: plausible(value, root, depth + 1) for name, value in properties.items()}
    if kind == "array":
        count = max(1, schema.get("minItems", 1)) if depth < 8 else 0
        return [plausible(schema.get("items", {}), root, depth + 1) for _ in range(count)]
    plain: dict[str, Any] = {
        "integer": schema.get("minimum", 1),
        "number": schema.get("minimum", 1.5),
        "boolean": True,
        "null": None,
    }
    return plain.get(kind, "simulated")
