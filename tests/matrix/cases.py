"""The same twelve requests for every provider, and what is to come of them."""

from typing import Any

import msgspec

from aisopod.simulator import Reply
from aisopod.types import (
    ChatCompletion,
    ImagePart,
    Message,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCall,
    ToolChoice,
)

__all__ = ["CASES", "TARGETS", "TOLD", "UNSUPPORTED", "Case", "City", "Target", "render"]

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c626001000000ffff03000006000557bfabd40000000049454e44ae426082"
)
WEATHER = Tool(
    name="weather",
    description="The weather of a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)


class City(msgspec.Struct, forbid_unknown_fields=True):
    city: str
    country: str


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A provider, and models of it."""

    provider: str
    model: str
    thinker: str
    wire: str
    options: dict[str, str] = {}


TARGETS = [
    Target(provider="anthropic", model="claude-sonnet-4-5", thinker="claude-opus-4-8",
           wire="anthropic"),
    Target(provider="openai", model="gpt-4.1", thinker="gpt-5.2", wire="openai"),
    Target(provider="gemini", model="gemini-2.5-flash", thinker="gemini-3-flash-preview",
           wire="gemini"),
    Target(provider="bedrock", model="us.anthropic.claude-sonnet-4-5-20250929-v1:0",
           thinker="global.anthropic.claude-opus-4-7", wire="bedrock",
           options={"region": "us-east-1"}),
    Target(provider="ollama", model="qwen3", thinker="gpt-oss:20b", wire="ollama"),
    Target(provider="vertex", model="gemini-2.5-pro", thinker="gemini-3-flash", wire="vertex",
           options={"project": "p", "location": "europe-west4"}),
    Target(provider="azure", model="gpt-4.1", thinker="o4-mini", wire="azure"),
    Target(provider="deepseek", model="deepseek-chat", thinker="deepseek-reasoner", wire="openai"),
    Target(provider="bedrock-anthropic", model="anthropic.claude-sonnet-4-5-20250929-v1:0",
           thinker="us.anthropic.claude-opus-4-7", wire="bedrock",
           options={"region": "us-east-1"}),
]  # fmt: skip


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One request, what the provider says to it, and what that is to be read as."""

    name: str
    title: str
    asked: dict[str, Any]
    reply: Reply
    finish_reason: str = "stop"
    thinks: bool = False

    def normalised(self, answer: ChatCompletion) -> dict[str, Any]:
        """What must be the same everywhere."""
        return {
            "text": answer.text,
            "thinking": answer.thinking if self.thinks else "",
            "calls": [(call.name, call.parse()) for call in answer.tool_calls],
            "finish_reason": answer.finish_reason,
        }

    @property
    def expected(self) -> dict[str, Any]:
        return {
            "text": self.reply.text,
            "thinking": self.reply.thinking,
            "calls": [(call.name, call.parse()) for call in self.reply.calls],
            "finish_reason": self.finish_reason,
        }


def _user(text: str) -> Message:
    return Message(role="user", content=text)


def _call(number: int, city: str) -> ToolCall:
    return ToolCall(id=f"call_{number}", name="weather", arguments=f'{{"city":"{city}"}}')


_ROUND_TRIP = [
    _user("Weather in Paris and in Rome?"),
    Message(role="assistant", content="Let me look.",
            tool_calls=[_call(1, "Paris"), _call(2, "Rome")]),
    Message(role="tool", tool_call_id="call_1", content="18 degrees, rain"),
    Message(role="tool", tool_call_id="call_2", content="no such station", is_error=True),
]  # fmt: skip

CASES = [
    Case(name="text", title="text", asked={"prompt": "Say hello."},
         reply=Reply(content="Hello there, wide world. ☂")),
    Case(name="system", title="system message",
         asked={"system": "Be brief.", "prompt": "Say hello."}, reply=Reply(content="Hello.")),
    Case(name="multi_turn", title="several turns", asked={"messages": [
            Message(role="system", content="Be brief."), _user("I am Ada."),
            Message(role="assistant", content="Hello Ada."), _user("Who am I?")]},
         reply=Reply(content="You are Ada.")),
    Case(name="image", title="image", asked={"messages": [Message(role="user", content=[
            TextPart(text="What is this?"), ImagePart(data=PNG)])]},
         reply=Reply(content="A pixel.")),
    Case(name="tools", title="tool call", asked={"prompt": "Weather in Paris?",
         "tools": [WEATHER]}, reply=Reply(content="I look.", tool_calls=[_call(7, "Paris")]),
         finish_reason="tool_calls"),
    Case(name="parallel_tools", title="parallel tool calls",
         asked={"prompt": "Weather in Paris and Rome?", "tools": [WEATHER]},
         reply=Reply(tool_calls=[_call(7, "Paris"), _call(8, "Rome")]),
         finish_reason="tool_calls"),
    Case(name="forced_tool", title="forced tool", asked={"prompt": "Hello.", "tools": [WEATHER],
         "tool_choice": ToolChoice(name="weather")}, reply=Reply(tool_calls=[_call(7, "Oslo")]),
         finish_reason="tool_calls"),
    Case(name="tool_result", title="tool results",
         asked={"messages": _ROUND_TRIP, "tools": [WEATHER]},
         reply=Reply(content="18 degrees in Paris; Rome is not known.")),
    Case(name="json_schema", title="JSON schema",
         asked={"prompt": "The capital of France?", "response_format": City},
         reply=Reply(content='{"city":"Paris","country":"France"}')),
    Case(name="thinking", title="thinking", asked={"prompt": "Think.", "reasoning": "medium"},
         reply=Reply(content=[ThinkingPart(text="Let me see.", signature="c2lnbmF0dXJl"),
                              TextPart(text="I thought.")]), thinks=True),
    Case(name="stop", title="stop sequences", asked={"prompt": "Count.", "stop": ["four"]},
         reply=Reply(content="one two three ", stop_sequence="four")),
    Case(name="length", title="length limit", asked={"prompt": "Count.", "max_tokens": 2},
         reply=Reply(content="one two", finish_reason="length"), finish_reason="length"),
]  # fmt: skip

# What a provider has no way to do: the field that is told. Everything else must work.
UNSUPPORTED: dict[tuple[str, str], str] = {
    ("ollama", "forced_tool"): "tool_choice",
    ("deepseek", "image"): "messages[0].content[1]",
}

# What is told of an answer that is whole all the same.
TOLD: dict[tuple[str, str], list[str]] = {
    ("deepseek", "json_schema"): ["schema_by_tool", "answered_in_text"],
}


def render() -> str:
    """The table for the docs."""
    names = [target.provider for target in TARGETS]
    lines = [
        f"| | {' | '.join(names)} |",
        f"|---|{'|'.join('---' for _ in names)}|",
    ]
    for case in CASES:
        cells = [
            f"no: `{UNSUPPORTED[name, case.name]}`" if (name, case.name) in UNSUPPORTED else "yes"
            for name in names
        ]
        lines.append(f"| {case.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(render())  # noqa: T201 - for the docs
