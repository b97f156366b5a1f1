"""The wire's events, in its own names: https://docs.anthropic.com/en/docs/build-with-claude/streaming.

Only what is read on the hot path is typed; blocks are kept as dicts, since they must be given
back whole, whatever the wire adds to them.
"""

from typing import Any

import msgspec

__all__ = [
    "ContentBlockDelta",
    "ContentBlockStart",
    "ContentBlockStop",
    "Delta",
    "Event",
    "MessageDeltaEvent",
    "MessageStart",
    "MessageStop",
    "Ping",
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
