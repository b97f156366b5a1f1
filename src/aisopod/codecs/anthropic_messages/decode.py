"""Frames and plain bodies to chunks.

Source: https://docs.anthropic.com/en/docs/build-with-claude/streaming. A plain body is read by
the functions that read a stream, so that both fold to the same.
"""

from typing import Any

import msgspec

from aisopod.codecs.anthropic_messages.blocks import Block, OpenBlock, open_block
from aisopod.codecs.anthropic_messages.errors import decode_error
from aisopod.codecs.anthropic_messages.schema import (
    ContentBlockDelta,
    ContentBlockStart,
    ContentBlockStop,
    Ending,
    Event,
    MessageDeltaEvent,
    MessageHead,
    MessageStart,
    MessageStop,
)
from aisopod.codecs.anthropic_messages.usage import uncounted, usage_of
from aisopod.codecs.codec import UNREADABLE
from aisopod.errors import ProtocolError, StreamInterruptedError
from aisopod.normalise.target import Target
from aisopod.types import (
    ChatCompletionChunk,
    FinishReason,
    MessageDelta,
    Part,
    ResponseWarning,
    TextPart,
    TokenUsage,
    ToolCallDelta,
)

__all__ = ["MessagesDecoder", "decode"]

_DIALECT = "anthropic_messages"
_EMPTY = MessageDelta()
_BOUNDARY = TextPart(text="")


_decode_event = msgspec.json.Decoder(Event).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode

_FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "pause",
    "compaction": "pause",
}


class MessagesDecoder:
    """Reads one streamed response.

    Attributes:
        done: whether `message_stop` has been seen.
    """

    __slots__ = (
        "_blocks", "_calls", "_held", "_id", "_last_text", "_model", "_provider", "_slow",
        "_usage", "done",
    )  # fmt: skip

    def __init__(self, target: Target) -> None:
        self.done = False
        self._provider = target.provider
        self._id = ""
        self._model = ""
        self._blocks: dict[int, OpenBlock] = {}
        self._calls = 0
        self._held: list[ToolCallDelta] = []
        self._last_text = False
        # How many slow blocks are open: while there is one, every piece goes to its own block.
        self._slow = 0
        self._usage: dict[str, Any] = {}

    def feed(self, frame: bytes) -> ChatCompletionChunk | None:
        """Take in a frame; give the chunk it makes, or None for one without content.

        Raises:
            ProviderError: the provider reports an error inside the stream.
            ProtocolError: the frame cannot be read.
        """
        try:
            event = _decode_event(frame)
        except UNREADABLE:
            return self._unknown(frame)
        if type(event) is ContentBlockDelta and not self._slow:
            delta = event.delta
            text = delta.text
            if text and delta.type == "text_delta":
                return ChatCompletionChunk(
                    id=self._id, model=self._model, delta=MessageDelta(content=text)
                )
            if delta.thinking and delta.type == "thinking_delta":
                return ChatCompletionChunk(
                    id=self._id, model=self._model, delta=MessageDelta(thinking=delta.thinking)
                )
            if delta.partial_json:
                return self._arguments(event.index, delta.partial_json, frame)
        try:
            return self._cold(event, frame)
        except msgspec.ValidationError as error:
            raise ProtocolError(str(error), dialect=_DIALECT, frame=frame) from error

    def close(self) -> ChatCompletionChunk | None:
        """The body has ended.

        Raises:
            StreamInterruptedError: it ended without `message_stop`.
        """
        if not self.done:
            raise StreamInterruptedError(
                "the stream ended without message_stop", provider=self._provider
            )
        return None

    def _cold(self, event: Any, frame: bytes) -> ChatCompletionChunk | None:  # noqa: ANN401
        match event:
            case ContentBlockDelta():
                return self._block_delta(event, frame)
            case ContentBlockStart(index=index, content_block=block):
                return self._block_start(index, block)
            case ContentBlockStop(index=index):
                return self._block_stop(index)
            case MessageStart(message=message):
                return self._message_start(message)
            case MessageDeltaEvent(delta=delta, usage=usage):
                return self._ending(delta, usage, _rest(frame))
            case MessageStop():
                self.done = True
                if self._held:
                    return self._chunk(MessageDelta(tool_calls=self._held))
            case _:  # a ping
                pass
        return None

    def _unknown(self, frame: bytes) -> ChatCompletionChunk | None:
        """A frame that is none of the known events: an error, a new event, or garbage."""
        if self.done:
            return None  # some gateways end every stream with OpenAI's [DONE]
        event = _whole(frame)
        kind = event.get("type")
        if kind == "error" or (kind is None and event.get("error")):
            raise decode_error(None, {}, frame)
        if not isinstance(kind, str) or kind in _KNOWN:
            raise ProtocolError("an event has not its form", dialect=_DIALECT, frame=frame)
        # The docs ask to expect new events; what they say is kept beside the message.
        return self._chunk(_EMPTY, metadata={kind: event})

    def _message_start(self, message: dict[str, Any]) -> ChatCompletionChunk:
        # A second start in one stream (a gateway that retried behind our back) begins anew:
        # blocks that were open are abandoned, and no pieces of two answers are ever joined.
        head = msgspec.convert(message, MessageHead)
        spliced = bool(self._id)
        self._blocks.clear()
        self._slow = 0
        self._last_text = False
        self._id = head.id or self._id
        self._model = head.model or self._model
        self._usage = {}
        usage = self._merged(head.usage)
        # After a programmatic tool call the message can be whole from its start, with no events
        # for its blocks: see the recorded exchange of that name.
        parts, calls = self._whole_blocks(head.content or [])
        ending = msgspec.convert(message, Ending)
        finish, warnings = self._finish(ending.stop_reason)
        if spliced:
            parts.insert(0, _BOUNDARY)
            warnings = [*(warnings or ()), _SPLICED]
        if parts:
            # Within a delta calls stand before parts; these come behind, so they come later.
            self._held, calls = calls, []
        return self._chunk(
            MessageDelta(
                role="assistant",
                parts=parts or None,
                tool_calls=calls or None,
                refusal=_refusal(ending),
            ),
            usage=usage,
            finish_reason=finish,
            raw_finish_reason=ending.stop_reason,
            metadata=_told(message, _READ_OF_MESSAGE),
            warnings=warnings,
        )

    def _whole_blocks(
        self, content: list[dict[str, Any]]
    ) -> tuple[list[Part], list[ToolCallDelta]]:
        parts: list[Part] = []
        calls: list[ToolCallDelta] = []
        for data in content:
            block = open_block(data, self._provider)
            if block.kind is Block.TOOL:
                calls += self._call(block, data).tool_calls or ()
                continue
            part = block.close() or _BOUNDARY
            text = data.get("text") or data.get("thinking") or ""
            if block.kind is not Block.OPAQUE:
                part = msgspec.structs.replace(part, text=text)
            parts.append(part)
        return parts, calls

    def _finish(self, raw: str | None) -> tuple[FinishReason | None, list[ResponseWarning] | None]:
        """The reason in our words: with tool calls it is them, whatever the wire said."""
        if raw is None:
            return None, None
        finish = _FINISH.get(raw, "other")
        if not self._calls:
            return finish, None
        return "tool_calls", [_CUT] if finish == "length" else None

    def _block_start(self, index: int, data: dict[str, Any]) -> ChatCompletionChunk | None:
        block = self._blocks[index] = open_block(data, self._provider)
        delta: MessageDelta | None = None
        if block.kind is Block.TOOL:
            delta = self._call(block, data)
        elif block.kind is Block.TEXT:
            text = data.get("text") or None
            # Two text blocks in a row stay two: the boundary is part of what is replayed.
            parts = [_BOUNDARY] if self._last_text else None
            if parts and text:
                block.pending = text
                block.slow = True
                text = None
            delta = MessageDelta(content=text, parts=[*parts] if parts else None)
        elif block.kind is Block.THINKING and data.get("thinking"):
            delta = MessageDelta(thinking=data["thinking"])
        self._slow += block.slow
        self._last_text = False
        if delta is None or delta == _EMPTY:
            return None
        return self._chunk(delta)

    def _call(self, block: OpenBlock, data: dict[str, Any]) -> MessageDelta:
        block.call = self._calls
        self._calls += 1
        given = data.get("input")
        fields = {
            key: value for key, value in data.items() if key not in {"type", "id", "name", "input"}
        }
        return MessageDelta(
            tool_calls=[
                ToolCallDelta(
                    index=block.call,
                    id=data["id"],
                    name=data["name"],
                    arguments=msgspec.json.encode(given).decode() if given else "",
                    provider=self._provider if fields else None,
                    fields=fields or None,
                )
            ]
        )

    def _arguments(self, index: int, piece: str, frame: bytes) -> ChatCompletionChunk | None:
        """A piece of a call's arguments; other blocks keep their JSON to themselves."""
        block = self._open_block(index, frame)
        if block.kind is not Block.TOOL:
            block.merge({"type": "input_json_delta", "partial_json": piece})
            return None
        call = ToolCallDelta(index=block.call, arguments=piece)
        return ChatCompletionChunk(
            id=self._id, model=self._model, delta=MessageDelta(tool_calls=[call])
        )

    def _block_delta(self, event: ContentBlockDelta, frame: bytes) -> ChatCompletionChunk | None:
        """Every piece that did not take the short way."""
        piece = event.delta
        block = self._open_block(event.index, frame)
        if piece.partial_json is not None:
            return (
                self._arguments(event.index, piece.partial_json, frame)
                if piece.partial_json
                else None
            )
        if block.kind is Block.TEXT and piece.type == "text_delta":
            text, block.pending = block.pending + (piece.text or ""), ""
            return self._chunk(MessageDelta(content=text)) if text else None
        if block.kind is Block.THINKING and piece.type == "thinking_delta":
            return self._chunk(MessageDelta(thinking=piece.thinking)) if piece.thinking else None
        block.merge(_whole(frame)["delta"])
        return None

    def _open_block(self, index: int, frame: bytes) -> OpenBlock:
        block = self._blocks.get(index)
        if block is None:
            raise ProtocolError(
                f"a piece of block {index}, which has not begun", dialect=_DIALECT, frame=frame
            )
        return block

    def _block_stop(self, index: int) -> ChatCompletionChunk | None:
        block = self._blocks.pop(index, None)
        if block is None:
            return None
        self._slow -= block.slow
        self._last_text = block.kind is Block.TEXT
        part = block.close()
        if part is None:
            return None
        self._last_text = False
        return self._chunk(MessageDelta(parts=[part]))

    def _ending(
        self, delta: dict[str, Any], usage: dict[str, Any] | None, rest: dict[str, Any]
    ) -> ChatCompletionChunk:
        ending = msgspec.convert(delta, Ending)
        finish, warnings = self._finish(ending.stop_reason)
        tokens = self._merged(usage)
        metadata = {**(_told(rest) or {}), **(_told(delta, _READ_OF_ENDING) or {})}
        if self._usage:
            metadata["usage"] = dict(self._usage)
            if hidden := uncounted(self._usage):
                warnings = [*(warnings or ()), hidden]
        return self._chunk(
            MessageDelta(refusal=_refusal(ending)),
            finish_reason=finish,
            raw_finish_reason=ending.stop_reason,
            usage=tokens,
            metadata=metadata or None,
            warnings=warnings,
        )

    def _merged(self, usage: dict[str, Any] | None) -> TokenUsage | None:
        """Usage so far: counts are cumulative, and what an event leaves out holds on."""
        if usage:
            self._usage.update({key: value for key, value in usage.items() if value is not None})
        return usage_of(self._usage)

    def _chunk(self, delta: MessageDelta, **facts: Any) -> ChatCompletionChunk:
        return ChatCompletionChunk(id=self._id, model=self._model, delta=delta, **facts)


_KNOWN = frozenset(
    {
        "content_block_delta",
        "content_block_start",
        "content_block_stop",
        "message_start",
        "message_delta",
        "message_stop",
        "ping",
    }
)
_SPLICED = ResponseWarning(
    rule="spliced_message",
    message="a second message began inside the stream: what was open before it is incomplete",
)
_CUT = ResponseWarning(
    rule="tool_call_cut",
    message="the answer was cut by its length limit: the last call's arguments may be incomplete",
)


def _whole(frame: bytes) -> dict[str, Any]:
    """All of an event; what its types pass over may be no UTF-8.

    Raises:
        ProtocolError: it cannot be read.
    """
    try:
        return _decode_object(frame)
    except UNREADABLE as error:
        raise ProtocolError(str(error), dialect=_DIALECT, frame=frame) from error


def _rest(frame: bytes) -> dict[str, Any]:
    """What a message_delta event says beside its delta and usage, such as context_management."""
    event = _whole(frame)
    return {key: value for key, value in event.items() if key not in {"type", "delta", "usage"}}


# What a message says in fields of the chunk; all else that it says goes into the metadata.
_READ_OF_MESSAGE = frozenset({"id", "type", "role", "model", "content", "usage", "stop_reason"})
_READ_OF_ENDING = frozenset({"stop_reason"})


def _told(values: dict[str, Any], read: frozenset[str] = frozenset()) -> dict[str, Any] | None:
    """What is said and not read elsewhere; null says nothing."""
    told = {key: value for key, value in values.items() if value is not None and key not in read}
    return told or None


def _refusal(ending: Ending) -> str | None:
    """The words of a refusal, where there are any."""
    if ending.stop_reason != "refusal" or ending.stop_details is None:
        return None
    return ending.stop_details.explanation


def decode(body: bytes, target: Target) -> list[ChatCompletionChunk]:
    """A plain body as the chunks that its stream would have made.

    Raises:
        ProviderError: the body is an error.
        ProtocolError: the body cannot be read.
    """
    try:
        message = _decode_object(body)
        if message.get("type") == "error" or ("content" not in message and message.get("error")):
            raise decode_error(None, {}, body)
        if not isinstance(message.get("content"), list):
            raise ProtocolError("this is no message", dialect=_DIALECT, frame=body)
        return _chunks(message, target)
    except UNREADABLE as error:
        raise ProtocolError(str(error), dialect=_DIALECT, frame=body) from error


def _chunks(message: dict[str, Any], target: Target) -> list[ChatCompletionChunk]:
    decoder = MessagesDecoder(target)
    ending = {key: message.get(key) for key in ("stop_reason", "stop_sequence", "stop_details")}
    blocks = msgspec.convert(message, MessageHead).content or []
    start = {key: value for key, value in message.items() if key not in ending} | {"content": []}
    chunks = [decoder._message_start(start)]  # noqa: SLF001 - one reader for both forms
    for index, block in enumerate(blocks):
        chunks += _replayed(decoder, index, block)
    chunks.append(decoder._ending(ending, None, {}))  # noqa: SLF001
    return chunks


def _replayed(
    decoder: MessagesDecoder, index: int, block: dict[str, Any]
) -> list[ChatCompletionChunk]:
    """The chunks of a block that is whole from the start."""
    started = decoder._block_start(index, block)  # noqa: SLF001 - one reader for both forms
    stopped = decoder._block_stop(index)  # noqa: SLF001
    return [chunk for chunk in (started, stopped) if chunk is not None]
