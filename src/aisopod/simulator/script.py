"""What the simulator says: scripted replies, and faults."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from aisopod.types import OpaquePart, TextPart, ThinkingPart, TokenUsage, ToolCall

__all__ = ["Asked", "Fault", "Reply", "pieces_of"]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that goes wrong.

    Attributes:
        kind: `status` refuses the request; the others strike inside a stream: `drop` aborts the
            connection, `stall` keeps it open in silence, `garbage` sends what is no frame,
            `truncate` cuts a frame in its middle and ends, `error` sends the wire's own error,
            `no_terminator` ends without the wire's last frame.
        after: how many pieces of content come before it.
        status: HTTP status of `status`.
        body: body of `status`; the wire's own form when None.
        headers: headers of `status`, such as `retry-after`.
        pings: whether a `stall` sends signs of life without content.
    """

    kind: Literal["status", "drop", "stall", "garbage", "truncate", "error", "no_terminator"]
    after: int = 0
    status: int = 500
    body: bytes | None = None
    headers: Mapping[str, str] = {}
    pings: bool = False


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One scripted answer.

    Attributes:
        content: a text, or parts in order.
        tool_calls: the calls that follow.
        finish_reason: in aisopod's words; told from the rest when None.
        usage: in aisopod's convention; estimated by words when None.
        chunk_chars: how many characters a piece of the stream has; 0 is a word.
        delay: seconds between pieces.
        first_delay: seconds before the answer begins.
        headers: headers of the response.
        fault: what goes wrong.
    """

    content: str | list[TextPart | ThinkingPart | OpaquePart] = ""
    tool_calls: list[ToolCall] = []
    finish_reason: str | None = None
    usage: TokenUsage | None = None
    chunk_chars: int = 0
    delay: float = 0.0
    first_delay: float = 0.0
    headers: Mapping[str, str] = {}
    fault: Fault | None = None

    @property
    def parts(self) -> list[TextPart | ThinkingPart | OpaquePart]:
        """The content as parts."""
        if isinstance(self.content, str):
            return [TextPart(text=self.content)] if self.content else []
        return self.content

    @property
    def reason(self) -> str:
        """Why the answer ends."""
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the simulator needs to know of a request, on whichever wire it came.

    Attributes:
        model: the model asked for.
        stream: whether the answer is streamed.
        prompt: the last text of the user.
        tool_result: the last tool result, if the request ends with one.
        tools: names and parameter schemas of the tools.
        forced_tool: the tool that must be called; empty when any must.
        schema: the JSON schema of the answer; an empty one asks for any JSON.
        thinking: whether thinking was asked for.
        max_tokens: the longest answer, in words here.
        stop: texts at which to stop.
        words: size of the prompt in words.
    """

    model: str
    stream: bool
    prompt: str = ""
    tool_result: str | None = None
    tools: dict[str, dict[str, Any]] = {}
    forced_tool: str | None = None
    schema: dict[str, Any] | None = None
    thinking: bool = False
    max_tokens: int | None = None
    stop: list[str] = []
    words: int = 0


def pieces_of(text: str, chunk_chars: int) -> list[str]:
    """A text as the pieces that a stream gives it in."""
    if chunk_chars > 0:
        return [text[i : i + chunk_chars] for i in range(0, len(text), chunk_chars)]
    words = text.split(" ")
    return [word if i == 0 else f" {word}" for i, word in enumerate(words) if word or i]
