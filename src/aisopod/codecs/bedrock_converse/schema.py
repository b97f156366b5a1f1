"""The wire's objects, in its own names.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html
"""

from typing import Any

import msgspec

__all__ = [
    "BlockDelta",
    "BlockStart",
    "BlockStop",
    "CacheDetail",
    "CitationsContent",
    "Delta",
    "Event",
    "Message",
    "Plain",
    "ReasoningText",
    "Usage",
]


class ToolUseDelta(msgspec.Struct, gc=False):
    """A piece of a call's arguments."""

    input: str = ""


class ReasoningDelta(msgspec.Struct, gc=False):
    """A piece of thinking, its signature, or encrypted thinking in base64."""

    text: str | None = None
    signature: str | None = None
    redactedContent: str | None = None  # noqa: N815


class Delta(msgspec.Struct, gc=False):
    """What a block gains; exactly one of these."""

    text: str | None = None
    toolUse: ToolUseDelta | None = None  # noqa: N815
    reasoningContent: ReasoningDelta | None = None  # noqa: N815
    citation: dict[str, Any] | None = None
    toolResult: list[Any] | None = None  # noqa: N815
    image: dict[str, Any] | None = None


class BlockDelta(msgspec.Struct, gc=False):
    """The next piece of a block."""

    delta: Delta
    contentBlockIndex: int = 0  # noqa: N815


class BlockStart(msgspec.Struct, gc=False):
    """A block begins; text and reasoning blocks have none of these."""

    start: dict[str, dict[str, Any]]
    contentBlockIndex: int = 0  # noqa: N815


class BlockStop(msgspec.Struct, gc=False):
    """A block is whole."""

    contentBlockIndex: int = 0  # noqa: N815


class MessageStop(msgspec.Struct, gc=False):
    """Why the model stopped."""

    stopReason: str  # noqa: N815


class CacheDetail(msgspec.Struct, gc=False):
    """What was written to the cache, to be kept for a time such as `5m` or `1h`."""

    ttl: str = ""
    inputTokens: int = 0  # noqa: N815


class Usage(msgspec.Struct, gc=False):
    """Token counts; the input's are without what a cache read or wrote."""

    inputTokens: int | None = None  # noqa: N815
    outputTokens: int | None = None  # noqa: N815
    cacheReadInputTokens: int | None = None  # noqa: N815
    cacheWriteInputTokens: int | None = None  # noqa: N815
    cacheDetails: list[CacheDetail] | None = None  # noqa: N815
    # What the models' own events call the same.
    cacheReadInputTokenCount: int | None = None  # noqa: N815
    cacheWriteInputTokenCount: int | None = None  # noqa: N815


class Event(msgspec.Struct, gc=False):
    """One event; exactly one of these, or one that is not known here."""

    contentBlockDelta: BlockDelta | None = None  # noqa: N815
    contentBlockStart: BlockStart | None = None  # noqa: N815
    contentBlockStop: BlockStop | None = None  # noqa: N815
    messageStart: dict[str, Any] | None = None  # noqa: N815
    messageStop: MessageStop | None = None  # noqa: N815
    metadata: dict[str, Any] | None = None


class ReasoningText(msgspec.Struct, gc=False):
    """Thinking of a plain answer."""

    text: str = ""
    signature: str | None = None


class CitedText(msgspec.Struct, gc=False):
    """A piece of text with citations."""

    text: str = ""


class CitationsContent(msgspec.Struct, gc=False):
    """A text of a plain answer with what it cites."""

    content: list[CitedText] = []
    citations: list[dict[str, Any]] = []


class Message(msgspec.Struct, gc=False):
    """The message of a plain answer."""

    content: list[dict[str, Any]] = []


class Output(msgspec.Struct, gc=False):
    """Where a plain answer has its message."""

    message: Message | None = None


class Plain(msgspec.Struct, gc=False):
    """A plain answer."""

    output: Output
    stopReason: str  # noqa: N815
    usage: Usage | None = None
