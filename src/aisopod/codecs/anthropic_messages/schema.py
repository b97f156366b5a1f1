"""The wire's events, in its own names: https://docs.anthropic.com/en/docs/build-with-claude/streaming.

Only what is read on the hot path is typed there; blocks are kept as dicts, since they must be
given back whole, whatever the wire adds to them. What is read of such a dict is checked against
a form below, so that a peer's mistake is a ProtocolError and never a TypeError further on.
"""

from typing import Any

import msgspec

__all__ = [
    "FORMS",
    "Block",
    "CitationsDelta",
    "ContentBlockDelta",
    "ContentBlockStart",
    "ContentBlockStop",
    "Delta",
    "Ending",
    "Event",
    "Iteration",
    "MessageDeltaEvent",
    "MessageHead",
    "MessageStart",
    "MessageStop",
    "Ping",
    "Usage",
]


class Delta(msgspec.Struct, gc=False):
    """A piece of a block; `type` tells which of the other fields is set."""

    type: str
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: str | None = None


class ContentBlockDelta(msgspec.Struct, tag="content_block_delta", gc=False):
    """The usual event."""

    index: int
    delta: Delta


class ContentBlockStart(msgspec.Struct, tag="content_block_start"):
    """A block begins."""

    index: int
    content_block: dict[str, Any]


class ContentBlockStop(msgspec.Struct, tag="content_block_stop"):
    """A block is whole."""

    index: int


class MessageStart(msgspec.Struct, tag="message_start"):
    """The message begins; its content is still empty."""

    message: dict[str, Any]


class MessageDeltaEvent(msgspec.Struct, tag="message_delta"):
    """The message's ending; further fields are read from the frame a second time."""

    delta: dict[str, Any] = {}
    usage: dict[str, Any] | None = None


class MessageStop(msgspec.Struct, tag="message_stop"):
    """The stream's terminator."""


class Ping(msgspec.Struct, tag="ping"):
    """A sign of life without content."""


Event = (
    ContentBlockDelta
    | ContentBlockStart
    | ContentBlockStop
    | MessageStart
    | MessageDeltaEvent
    | MessageStop
    | Ping
)


class MessageHead(msgspec.Struct):
    """What is read of a message beside its blocks."""

    id: str | None = None
    model: str | None = None
    content: list[dict[str, Any]] | None = None
    usage: dict[str, Any] | None = None


class _StopDetails(msgspec.Struct):
    explanation: str | None = None


class Ending(msgspec.Struct):
    """Why a message ended: the `delta` of message_delta, or the message itself."""

    stop_reason: str | None = None
    stop_details: _StopDetails | None = None


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _CacheCreation(msgspec.Struct):
    ephemeral_1h_input_tokens: int | None = None


class Iteration(msgspec.Struct):
    """One of several calls that the service made for an answer."""

    type: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class Usage(msgspec.Struct):
    """Token counts; any of them may be null."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None
    output_tokens_details: _OutputDetails | None = None


class CitationsDelta(msgspec.Struct):
    """One more citation of a text."""

    citation: dict[str, Any]


class Block(msgspec.Struct):
    """What every block has."""

    type: str


class _Text(Block):
    text: str | None = None
    citations: list[dict[str, Any]] | None = None


class _Thinking(Block):
    thinking: str | None = None
    signature: str | None = None


class _Redacted(Block):
    data: str


class _ToolUse(Block):
    id: str
    name: str


FORMS: dict[str, type[Block]] = {
    "text": _Text,
    "thinking": _Thinking,
    "redacted_thinking": _Redacted,
    "tool_use": _ToolUse,
}
"""The forms of the blocks that are read; every other block is only kept."""
