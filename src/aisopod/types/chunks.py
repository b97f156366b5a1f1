"""What a stream yields."""

from typing import Any, Literal

import msgspec

from aisopod.types.content import Part
from aisopod.types.http import ResponseInfo
from aisopod.types.messages import Role
from aisopod.types.usage import TokenUsage
from aisopod.types.warnings import ResponseWarning

__all__ = [
    "ChatCompletionChunk",
    "FinishReason",
    "MessageDelta",
    "ToolCallDelta",
]

FinishReason = Literal[
    "stop", "length", "tool_calls", "content_filter", "refusal", "pause", "error", "other"
]


# gc=False below: these hold no reference back to themselves, and a stream makes thousands.
class ToolCallDelta(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A piece of a tool call.

    Attributes:
        index: which call of the message, from 0; pieces of one call share it.
        id: the call's id, on its first piece.
        name: the tool's name, on its first piece.
        arguments: next piece of the arguments' JSON text.
        provider: who made `fields`.
        fields: what the provider attached to the call.
    """

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    provider: str | None = None
    fields: dict[str, Any] | None = None


class MessageDelta(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a chunk adds to the message, in this order: thinking, content, tool calls, parts.

    Attributes:
        role: on the first chunk of some wires.
        content: next piece of text.
        thinking: next piece of thinking.
        tool_calls: pieces of tool calls.
        parts: ends the open piece of text or thinking. A TextPart or ThinkingPart gives it
            what was known only at its end (citations, a signature) and any last text; every
            other part stands for itself.
        refusal: next piece of a refusal.
    """

    role: Role | None = None
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    parts: list[Part] | None = None
    refusal: str | None = None

    @property
    def has_content(self) -> bool:
        """Whether the delta adds anything that a reader would miss."""
        return bool(self.content or self.thinking or self.tool_calls or self.parts or self.refusal)


class ChatCompletionChunk(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One piece of a streamed response.

    Attributes:
        id: the provider's id of the response; empty where it gives none.
        model: the model that answers, in the provider's words.
        delta: what this piece adds.
        finish_reason: why the model stopped, on the piece that ends the message.
        raw_finish_reason: the provider's own word for it.
        usage: tokens of the whole response so far; a later value replaces an earlier one.
        logprobs: log probabilities of this piece's tokens, as the wire has them.
        metadata: what else the provider told about the response, in its own names.
        warnings: what could not be carried.
        info: facts of the HTTP exchange, on the first and on the last piece.
    """

    id: str
    model: str
    delta: MessageDelta
    finish_reason: FinishReason | None = None
    raw_finish_reason: str | None = None
    usage: TokenUsage | None = None
    logprobs: list[Any] | None = None
    metadata: dict[str, Any] | None = None
    warnings: list[ResponseWarning] | None = None
    info: ResponseInfo | None = None
