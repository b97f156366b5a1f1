"""What the simulator says: scripted replies, and faults."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from aisopod.types import ImagePart, OpaquePart, TextPart, ThinkingPart, TokenUsage, ToolCall

__all__ = ["Asked", "Content", "Fault", "Replies", "Reply", "Script", "pieces_of"]

Content = TextPart | ImagePart | ThinkingPart | OpaquePart | ToolCall
"""What an answer is made of."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that goes wrong.

    Attributes:
        kind: `status` refuses the request; the others strike inside an answer: `drop` aborts the
            connection, `stall` keeps it open in silence, `garbage` puts in what is no frame (a
            binary stream has a bit of a frame flipped) and goes on, `truncate` cuts a frame in its middle and ends, `error` ends with the wire's
            own error under HTTP 200, `no_terminator` ends without the wire's last frame.
        after: how many pieces of content come before it; with 0 it strikes right after the
            response's headers, and in an answer of fewer pieces just before the terminator.
        status: HTTP status of `status` (500 when None), and the status that an `error` stands
            for (529, overloaded, when None).
        body: body of `status` or `error`; the wire's own form when None.
        headers: headers of `status`, such as `retry-after`.
        pings: whether a `stall` sends signs of life without content.
    """

    kind: Literal["status", "drop", "stall", "garbage", "truncate", "error", "no_terminator"]
    after: int = 0
    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = {}
    pings: bool = False


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One scripted answer.

    Attributes:
        content: a text, or parts in order; a `ToolCall` may stand among them. A wire leaves out
            what it has no place for, such as images.
        tool_calls: the calls that follow.
        finish_reason: in aisopod's words, or a wire's own; told from the rest when None.
        stop_sequence: the stop sequence that ended it, where the wire tells.
        usage: in aisopod's convention; estimated by words when None.
        chunk_chars: how many characters a piece of the stream has; 0 is a word.
        delay: seconds between pieces.
        first_delay: seconds before the response's headers.
        headers: headers of the response, over the wire's samples.
        fault: what goes wrong.
    """

    content: str | Sequence[Content] = ""
    tool_calls: Sequence[ToolCall] = ()
    finish_reason: str | None = None
    stop_sequence: str | None = None
    usage: TokenUsage | None = None
    chunk_chars: int = 0
    delay: float = 0.0
    first_delay: float = 0.0
    headers: Mapping[str, str] = {}
    fault: Fault | None = None

    @property
    def items(self) -> list[Content]:
        """All of the answer in order, calls included."""
        if isinstance(self.content, str):
            parts: list[Content] = [TextPart(text=self.content)] if self.content else []
        else:
            parts = list(self.content)
        return parts + list(self.tool_calls)

    @property
    def calls(self) -> list[ToolCall]:
        """The tool calls."""
        return [item for item in self.items if isinstance(item, ToolCall)]

    @property
    def text(self) -> str:
        """The text of all parts."""
        return "".join(item.text for item in self.items if isinstance(item, TextPart))

    @property
    def thinking(self) -> str:
        """The thinking of all parts."""
        return "".join(item.text for item in self.items if isinstance(item, ThinkingPart))

    @property
    def reason(self) -> str:
        """Why the answer ends."""
        return self.finish_reason or ("tool_calls" if self.calls else "stop")


Script = (
    Sequence[Reply]
    | Callable[[dict[str, Any]], Reply]
    | Callable[[dict[str, Any], str | None], Reply]
)
"""The answers in order, the last one repeated; or a function of the request's body, which may
take as a second parameter the key that it came with (`Received.key`)."""


class Replies:
    """A script while it is used."""

    def __init__(self, script: Script | None) -> None:
        self._replies: Sequence[Reply] = ()
        self._reply: Callable[[dict[str, Any], str | None], Reply] | None = None
        self._next = 0
        if callable(script):
            self._reply = _with_key(script)
        elif script is not None:
            self._replies = script

    def next(self, body: dict[str, Any], key: str | None) -> Reply | None:
        """The answer to the next request; None without a script."""
        if self._reply is not None:
            return self._reply(body, key)
        if not self._replies:
            return None
        place = min(self._next, len(self._replies) - 1)
        self._next += 1
        return self._replies[place]


def _with_key(function: Callable[..., Reply]) -> Callable[[dict[str, Any], str | None], Reply]:
    """A function of the body alone as one of the body and the key."""
    parameters = inspect.signature(function).parameters.values()
    needed = [
        parameter
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
    ]
    return function if len(needed) > 1 else lambda body, _key: function(body)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the simulator needs to know of a request, on whichever wire it came.

    Attributes:
        model: the model asked for.
        stream: whether the answer is streamed.
        stream_usage: whether a stream tells the usage, where the wire has it be asked for.
        prompt: the last text of the user.
        tool_result: the last tool result, if the request ends with one.
        tools: names and parameter schemas of the tools.
        forced_tool: the tool that must be called; empty when any must.
        schema: the JSON schema of the answer; an empty one asks for any JSON.
        thinking: whether thinking was asked for.
        max_tokens: the longest answer, in words here; None is without end.
        stop: texts at which to stop.
        words: size of the prompt in words.
        tell_stop: whether the answer tells the stop sequence, where the wire has it be asked for.
        form: which form of answer is wanted, on a wire that has several.
        binding: what signed thinking of the answer is bound to; empty where that is nothing.
        only: a reply that the request leaves no choice about, such as the loading of a model.
    """

    model: str
    stream: bool
    stream_usage: bool = True
    prompt: str = ""
    tool_result: str | None = None
    tools: dict[str, dict[str, Any]] = {}
    forced_tool: str | None = None
    schema: dict[str, Any] | None = None
    thinking: bool = False
    max_tokens: int | None = None
    stop: list[str] = []
    words: int = 0
    tell_stop: bool = False
    form: str = ""
    binding: str = ""
    only: Reply | None = None


def pieces_of(text: str, chunk_chars: int) -> list[str]:
    """A text as the pieces that a stream gives it in."""
    if chunk_chars > 0:
        return [text[i : i + chunk_chars] for i in range(0, len(text), chunk_chars)]
    words = text.split(" ")
    return [word if i == 0 else f" {word}" for i, word in enumerate(words) if word or i]
