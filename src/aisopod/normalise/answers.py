"""An answer that came as a call, or inside an object, as the text that it is."""

import re
from typing import Final, Literal

import msgspec

from aisopod.normalise.placed import AnswerForm
from aisopod.normalise.structured import WRAPPED
from aisopod.types import (
    ChatCompletionChunk,
    FinishReason,
    MessageDelta,
    ResponseWarning,
    TextPart,
    ToolCallDelta,
)

__all__ = ["ANSWERED_IN_TEXT", "AnswerReader"]

ANSWERED_IN_TEXT: Final = "answered_in_text"
"""The rule of the warning that the model did not call the tool for its answer."""
_HEAD = re.compile(rf'\s*\{{\s*"{WRAPPED}"\s*:\s*')
_TAIL = re.compile(r"[\s}]*\Z")

_IN_TEXT = ResponseWarning(
    rule=ANSWERED_IN_TEXT,
    message="the model wrote its answer as text and did not call the tool for it",
    field="response_format",
)
_BESIDE = ResponseWarning(
    rule="beside_answer",
    message="what the model said beside the call with its answer was left out",
    field="response_format",
    action="left_out",
)


class AnswerReader:
    """Reads the chunks of one answer; what it makes of them does not depend on how they are cut.

    Text before the call is held back until it is clear whether the answer comes as a call: then it
    is no part of it.

    Args:
        form: how the answer stands on the wire.
    """

    def __init__(self, form: AnswerForm) -> None:
        self._tool = form.tool
        self._unwrap = _Unwrap() if form.wrapped else None
        self._held: list[str] = []
        self._indexes: dict[int, int] = {}
        self._answer: int | None = None
        self._dropped: set[int] = set()
        self._wrote = False
        self._finished = False
        self._is_beside = False

    def read(self, chunk: ChatCompletionChunk) -> ChatCompletionChunk:
        """The chunk with its part of the answer as text."""
        delta = self._by_tool(chunk.delta) if self._tool else self._in_text(chunk.delta)
        if chunk.finish_reason is None:
            return chunk if delta is chunk.delta else msgspec.structs.replace(chunk, delta=delta)
        content = (delta.content or "") + self._rest()
        warnings = [*(chunk.warnings or ()), *self._warnings(chunk.finish_reason)]
        return msgspec.structs.replace(
            chunk,
            delta=msgspec.structs.replace(delta, content=content or None),
            finish_reason=self._finish(chunk),
            warnings=warnings or None,
        )

    def close(self) -> ChatCompletionChunk | None:
        """What is left of an answer that ended without a reason."""
        rest = self._rest()
        if not rest:
            return None
        return ChatCompletionChunk(id="", model="", delta=MessageDelta(content=rest))

    def _finish(self, chunk: ChatCompletionChunk) -> FinishReason | None:
        """Why it ended: an answer is no call that somebody must make."""
        if self._answer is None or self._indexes or chunk.finish_reason != "tool_calls":
            return chunk.finish_reason
        cut = any(warning.rule == "tool_call_cut" for warning in chunk.warnings or ())
        return "length" if cut else "stop"

    def _warnings(self, finish: FinishReason) -> list[ResponseWarning]:
        if self._tool is None:
            return []
        if self._is_beside:
            return [_BESIDE]
        return [_IN_TEXT] if self._answer is None and finish == "stop" else []

    def _in_text(self, delta: MessageDelta) -> MessageDelta:
        if not delta.content and not any(isinstance(part, TextPart) for part in delta.parts or ()):
            return delta
        parts = [
            msgspec.structs.replace(part, text=self._bare(part.text))
            if isinstance(part, TextPart)
            else part
            for part in delta.parts or ()
        ]
        content = self._bare(delta.content) if delta.content else None
        return msgspec.structs.replace(delta, content=content or None, parts=parts or None)

    def _by_tool(self, delta: MessageDelta) -> MessageDelta:
        texts: list[str] = []
        parts = []
        self._hold(delta.content)
        calls = [own for call in delta.tool_calls or () if (own := self._call(call, texts))]
        for part in delta.parts or ():
            if isinstance(part, TextPart):
                self._hold(part.text)
            else:
                parts.append(part)
        return msgspec.structs.replace(
            delta, content="".join(texts) or None, tool_calls=calls or None, parts=parts or None
        )

    def _hold(self, text: str | None) -> None:
        if text and self._answer is None:
            self._held.append(text)
        elif text and not text.isspace():
            self._is_beside = True

    def _call(self, call: ToolCallDelta, texts: list[str]) -> ToolCallDelta | None:
        """A piece of a call: of the answer, whose text is gathered, or of another one."""
        if call.name == self._tool and call.index not in self._indexes:
            if self._answer is None:
                self._answer = call.index
                self._is_beside = not "".join(self._held).isspace() and bool(self._held)
                self._held.clear()
            elif call.index != self._answer:
                self._dropped.add(call.index)
                self._is_beside = True
        if call.index == self._answer:
            if call.arguments:
                self._wrote = True
                texts.append(self._bare(call.arguments))
            return None
        if call.index in self._dropped:
            return None
        if call.index not in self._indexes:
            self._indexes[call.index] = len(self._indexes)
            texts += self._held
            self._held.clear()
        return msgspec.structs.replace(call, index=self._indexes[call.index])

    def _bare(self, text: str) -> str:
        return self._unwrap.feed(text) if self._unwrap is not None else text

    def _rest(self) -> str:
        if self._finished:
            return ""
        self._finished = True
        if self._answer is not None and not self._wrote:
            return "{}"
        held = "".join(map(self._bare, self._held))
        return held + (self._unwrap.close() if self._unwrap is not None else "")


class _Unwrap:
    """The value of the one property of an object, from its text in pieces.

    What is not such an object stays as it is.
    """

    def __init__(self) -> None:
        self._waiting = ""
        self._state: Literal["head", "value", "other"] = "head"

    def feed(self, text: str) -> str:
        self._waiting += text
        if self._state == "head":
            self._look()
        if self._state == "head":
            return ""
        end = len(self._waiting)
        if self._state == "value" and (tail := _TAIL.search(self._waiting)):
            # The last brace is the wrapper's; which one is the last shows only at the end.
            end = tail.start()
        text, self._waiting = self._waiting[:end], self._waiting[end:]
        return text

    def close(self) -> str:
        waiting, self._waiting = self._waiting, ""
        if self._state != "value":
            return waiting
        return waiting.rstrip().removesuffix("}").rstrip()

    def _look(self) -> None:
        """Whether it is wrapped, once enough has come to know it."""
        head = _HEAD.match(self._waiting)
        if head is None:
            self._state = "other" if ":" in self._waiting else "head"
        elif head.end() < len(self._waiting):  # else space may still follow
            self._waiting = self._waiting[head.end() :]
            self._state = "value"
