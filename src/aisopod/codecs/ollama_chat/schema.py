"""The wire's objects, in its own names: `api/types.go` of github.com/ollama/ollama."""

from typing import Any

import msgspec

__all__ = ["Chunk", "Function", "Message", "ToolCall"]


class Function(msgspec.Struct, gc=False):
    """What is called; the arguments are an object, kept as the text that it came in."""

    name: str = ""
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class ToolCall(msgspec.Struct, gc=False):
    """A whole call; old servers send no id."""

    function: Function
    id: str | None = None


class Message(msgspec.Struct, gc=False):
    """The next piece of the answer, or all of a plain one."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[ToolCall] | None = None
    images: list[str] | None = None


class Chunk(msgspec.Struct, gc=False):
    """One line of a stream; a plain answer is one with `done`."""

    model: str = ""
    created_at: str = ""
    message: Message | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    logprobs: list[Any] | None = None
    error: Any = None
    # Where a proxy gives the answer of /api/generate: that has no message.
    response: str | None = None
    thinking: str | None = None
