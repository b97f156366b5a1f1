"""The answer when none is scripted: it says that it is simulated, and does what was asked."""

import msgspec

from aisopod.simulator.schema import plausible
from aisopod.simulator.script import Asked, Content, Reply
from aisopod.types import TextPart, ThinkingPart, TokenUsage, ToolCall

__all__ = ["respond", "usage_of"]

_NOTICE = "This is a simulated answer: no model was asked."


def respond(asked: Asked, number: int) -> Reply:
    """An answer that fits the request; `number` keeps the ids of calls apart."""
    thinking: list[Content] = [ThinkingPart(text="Simulated thinking.")] if asked.thinking else []
    tool = _tool_to_call(asked)
    if tool is not None:
        arguments = msgspec.json.encode(plausible(asked.tools[tool])).decode()
        call = ToolCall(id=f"call_sim_{number}", name=tool, arguments=arguments)
        return Reply(content=thinking, tool_calls=[call])
    text, stop = _stopped(_text(asked), asked.stop)
    words = text.split(" ")
    if asked.max_tokens is not None and len(words) > asked.max_tokens:
        text = " ".join(words[: asked.max_tokens])
        return Reply(content=[*thinking, *_part(text)], finish_reason="length")
    return Reply(content=[*thinking, *_part(text)], finish_reason="stop", stop_sequence=stop)


def usage_of(reply: Reply, asked: Asked) -> TokenUsage:
    """The scripted usage, or an estimate that counts words."""
    if reply.usage is not None:
        return reply.usage
    thinking = len(reply.thinking.split())
    calls = sum(1 + len(call.arguments.split()) for call in reply.calls)
    return TokenUsage(
        input_tokens=asked.words,
        output_tokens=thinking + len(reply.text.split()) + calls,
        reasoning_tokens=thinking,
    )


def _tool_to_call(asked: Asked) -> str | None:
    """The forced tool, or one that the user names; never one after a result, so that it ends."""
    if not asked.tools or asked.tool_result is not None:
        return None
    if asked.forced_tool is not None:
        return asked.forced_tool or next(iter(asked.tools))
    return next((name for name in asked.tools if name in asked.prompt), None)


def _text(asked: Asked) -> str:
    if asked.schema is not None:
        return msgspec.json.encode(plausible(asked.schema)).decode()
    if asked.tool_result is not None:
        return f"{_NOTICE} The tool said: {asked.tool_result}"
    return f"{_NOTICE} You said: {asked.prompt}"


def _part(text: str) -> list[Content]:
    return [TextPart(text=text)] if text else []


def _stopped(text: str, stops: list[str]) -> tuple[str, str | None]:
    """The text before the first stop sequence, and which one that is."""
    found = [(text.index(stop), stop) for stop in stops if stop and stop in text]
    if not found:
        return text, None
    place, stop = min(found)
    return text[:place], stop
