"""Events and plain bodies to chunks.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html.
Text and reasoning begin without an event of their own; the usage comes behind the stop reason.
"""

from typing import Any

import msgspec

from aisopod.codecs.bedrock_converse.blocks import Block, image_part, redacted_part
from aisopod.codecs.bedrock_converse.errors import decode_error
from aisopod.codecs.bedrock_converse.schema import (
    BlockDelta,
    BlockStart,
    CitationsContent,
    Delta,
    Event,
    Plain,
    ReasoningText,
    Usage,
)
from aisopod.codecs.codec import TOOL_CALL_CUT, UNREADABLE
from aisopod.errors import ProtocolError, StreamInterruptedError
from aisopod.normalise.target import Target
from aisopod.types import (
    ChatCompletionChunk,
    FinishReason,
    MessageDelta,
    OpaquePart,
    Part,
    ResponseWarning,
    TextPart,
    ThinkingPart,
    TokenUsage,
    ToolCallDelta,
)

__all__ = ["ConverseDecoder", "decode"]

_DIALECT = "bedrock_converse"
_EMPTY = MessageDelta()
_BOUNDARY = TextPart(text="")

_decode_event = msgspec.json.Decoder(Event).decode
_decode_plain = msgspec.json.Decoder(Plain).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode

_FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}
_OWN_KINDS = ("reasoningContent", "toolResult", "image", "toolUse")
_KNOWN_DELTAS = frozenset(Delta.__struct_fields__)
# It pads events so that their length tells nothing of the text.
_PADDING = "p"
_READ_OF_PLAIN = frozenset({"output", "stopReason", "usage", _PADDING})


_UNCOUNTED = ResponseWarning(
    rule="usage_missing", message="the stream ended before its last event: nothing was counted"
)


class ConverseDecoder:
    """Reads one streamed response.

    Attributes:
        done: whether the metadata, the last event, has been seen.
    """

    __slots__ = ("_blocks", "_calls", "_model", "_odd", "_provider", "_stopped", "done")

    def __init__(self, target: Target) -> None:
        self.done = False
        self._provider = target.provider
        self._model = target.model
        self._blocks: dict[int, Block] = {}
        self._calls = 0
        self._odd: list[dict[str, Any]] = []
        self._stopped = False

    def feed(self, frame: bytes) -> ChatCompletionChunk | None:
        """Take in an event; give the chunk it makes, or None for one without content.

        Raises:
            ProviderError: the provider reports an error inside the stream.
            ProtocolError: the event cannot be read.
        """
        try:
            event = _decode_event(frame)
            block_delta = event.contentBlockDelta
            if block_delta is not None:
                text = block_delta.delta.text
                if text and block_delta.contentBlockIndex in self._blocks:
                    return ChatCompletionChunk(
                        id="", model=self._model, delta=MessageDelta(content=text)
                    )
                return self._block_delta(block_delta, frame)
            return self._cold(event, frame)
        except UNREADABLE as error:
            raise ProtocolError(str(error), dialect=_DIALECT, frame=frame) from error

    def close(self) -> ChatCompletionChunk | None:
        """The body has ended.

        Raises:
            StreamInterruptedError: it ended before the stop reason.
        """
        if not self._stopped:
            raise StreamInterruptedError(
                "the stream ended without messageStop", provider=self._provider
            )
        return None if self.done else self.chunk(_EMPTY, warnings=[_UNCOUNTED])

    def _cold(self, event: Event, frame: bytes) -> ChatCompletionChunk | None:
        if event.contentBlockStop is not None:
            return self._block_stop(event.contentBlockStop.contentBlockIndex)
        if event.contentBlockStart is not None:
            return self._block_start(event.contentBlockStart)
        if event.messageStop is not None:
            self._stopped = True
            return self._stop(event.messageStop.stopReason, frame)
        if event.metadata is not None:
            self.done = self._stopped
            return self._metadata(event.metadata)
        if event.messageStart is not None:
            return self.chunk(MessageDelta(role="assistant"))
        return self._unknown(frame)

    def _unknown(self, frame: bytes) -> ChatCompletionChunk | None:
        """An exception, or an event that is not known: that is kept beside the message."""
        event = _decode_object(frame)
        kind, told = next(iter(event.items()), ("", {}))
        if kind == "error" or kind.endswith("Exception"):
            raise decode_error(None, {}, frame)
        if not isinstance(told, dict) or not kind:
            raise ProtocolError("this is no event", dialect=_DIALECT, frame=frame)
        if kind == "initial-response":
            return None
        told.pop(_PADDING, None)
        return self.chunk(_EMPTY, metadata={kind: told})

    def _block_start(self, event: BlockStart) -> ChatCompletionChunk | None:
        if len(event.start) != 1:
            raise msgspec.ValidationError("a block begins as one kind")
        [(kind, data)] = event.start.items()
        block = self._blocks[event.contentBlockIndex] = Block(kind, self._provider, data)
        if kind != "toolUse" or _is_service_call(data):
            return None
        block.call = self._calls
        self._calls += 1
        return self.chunk(MessageDelta(tool_calls=[_call(block.call, data)]))

    def _block_delta(self, event: BlockDelta, frame: bytes) -> ChatCompletionChunk | None:
        delta = event.delta
        block = self._blocks.get(event.contentBlockIndex)
        if block is None:
            # The first piece tells what it is a piece of.
            kind = next((name for name in _OWN_KINDS if getattr(delta, name) is not None), "text")
            block = self._blocks[event.contentBlockIndex] = Block(kind, self._provider)
        if delta.text:
            return self.chunk(MessageDelta(content=delta.text))
        if delta.toolUse is not None and block.call is not None:
            piece = ToolCallDelta(index=block.call, arguments=delta.toolUse.input)
            return self.chunk(MessageDelta(tool_calls=[piece])) if piece.arguments else None
        if delta.reasoningContent is not None and delta.reasoningContent.text:
            return self.chunk(MessageDelta(thinking=delta.reasoningContent.text))
        if not block.merge(delta):
            told = _decode_object(frame)["contentBlockDelta"]["delta"]
            self._odd += [{name: told[name]} for name in told if name not in _KNOWN_DELTAS]
        return None

    def _block_stop(self, index: int) -> ChatCompletionChunk | None:
        block = self._blocks.pop(index, None)
        part = block.close() if block is not None else None
        return None if part is None else self.chunk(MessageDelta(parts=[part]))

    def _stop(self, reason: str, frame: bytes) -> ChatCompletionChunk:
        finish = _FINISH.get(reason, "other")
        warnings = None
        if self._calls:
            warnings = [TOOL_CALL_CUT] if finish == "length" else None
            finish = "tool_calls"
        told = _decode_object(frame)["messageStop"]
        fields = told.get("additionalModelResponseFields")
        facts = {"additionalModelResponseFields": fields} if fields else {}
        if self._odd:
            facts["contentBlockDelta"] = self._odd
        # What a peer left open has its ending now.
        open_blocks = [self._blocks.pop(index) for index in sorted(self._blocks)]
        ends = [part for block in open_blocks if (part := block.close()) not in (None, _BOUNDARY)]
        return self.chunk(
            MessageDelta(parts=ends or None),
            finish_reason=finish,
            raw_finish_reason=reason,
            warnings=warnings,
            metadata=facts or None,
        )

    def _metadata(self, told: dict[str, Any]) -> ChatCompletionChunk:
        usage = _usage(msgspec.convert(told.get("usage"), Usage | None))
        rest = {
            name: value for name, value in told.items() if name not in ("usage", _PADDING) and value
        }
        return self.chunk(_EMPTY, usage=usage, metadata=rest or None)

    def whole(self, block: dict[str, Any]) -> MessageDelta:
        """A block of a plain answer.

        Raises:
            msgspec.ValidationError: it has not its form.
        """
        for kind, data in block.items():
            return self._whole(kind, data, block)
        raise msgspec.ValidationError("an empty block")

    def _whole(self, kind: str, data: Any, block: dict[str, Any]) -> MessageDelta:  # noqa: ANN401
        if kind == "text":
            return MessageDelta(content=msgspec.convert(data, str), parts=[_BOUNDARY])
        data = msgspec.convert(data, dict[str, Any])
        if kind == "toolUse" and not _is_service_call(data):
            given = data.get("input")
            arguments = msgspec.json.encode(given).decode() if given else ""
            self._calls += 1
            call = msgspec.structs.replace(_call(self._calls - 1, data), arguments=arguments)
            return MessageDelta(tool_calls=[call])
        return MessageDelta(parts=[self._part(kind, data, block)])

    def _part(self, kind: str, data: Any, block: dict[str, Any]) -> Part:  # noqa: ANN401
        if kind == "reasoningContent":
            return self._thinking(data)
        if kind == "image":
            return image_part(data, self._provider)
        if kind == "citationsContent":
            told = msgspec.convert(data, CitationsContent)
            text = "".join([piece.text for piece in told.content])
            return TextPart(text=text, citations=told.citations, provider=self._provider)
        return OpaquePart(provider=self._provider, kind=kind, data=block)

    def _thinking(self, data: dict[str, Any]) -> ThinkingPart:
        if "redactedContent" in data:
            return redacted_part([str(data["redactedContent"])], self._provider)
        told = msgspec.convert(data.get("reasoningText", {}), ReasoningText)
        return ThinkingPart(text=told.text, signature=told.signature, provider=self._provider)

    def chunk(self, delta: MessageDelta, **facts: Any) -> ChatCompletionChunk:
        """A delta as a chunk of this response."""
        return ChatCompletionChunk(id="", model=self._model, delta=delta, **facts)


def _is_service_call(data: dict[str, Any]) -> bool:
    """Whether the service makes the call itself: nobody else is to answer it."""
    return data.get("type") == "server_tool_use"


def _call(index: int, data: dict[str, Any]) -> ToolCallDelta:
    try:
        return ToolCallDelta(index=index, id=str(data["toolUseId"]), name=str(data["name"]))
    except KeyError as error:
        raise msgspec.ValidationError(f"a tool call has no {error}") from error


def _usage(told: Usage | None) -> TokenUsage | None:
    """What a cache read and wrote is part of the input.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
    """
    if told is None or (told.inputTokens is None and told.outputTokens is None):
        return None
    is_whole = told.inputTokens is not None and told.outputTokens is not None
    read = told.cacheReadInputTokens or told.cacheReadInputTokenCount or 0
    write = told.cacheWriteInputTokens or told.cacheWriteInputTokenCount or 0
    return TokenUsage(
        input_tokens=(told.inputTokens or 0) + read + write,
        output_tokens=told.outputTokens or 0,
        cache_read_tokens=read,
        cache_write_tokens=write,
        cache_write_1h_tokens=sum(
            one.inputTokens for one in told.cacheDetails or () if one.ttl == "1h"
        ),
        quality="exact" if is_whole else "partial",
    )


def decode(body: bytes, target: Target) -> list[ChatCompletionChunk]:
    """A plain body as the chunks that its stream would have folded to.

    Raises:
        ProviderError: the body is an error.
        ProtocolError: the body cannot be read.
    """
    decoder = ConverseDecoder(target)
    try:
        whole = _decode_object(body)
        if "output" not in whole and ("message" in whole or "Message" in whole):
            raise decode_error(None, {}, body)
        answer = _decode_plain(body)
        content = answer.output.message.content if answer.output.message else []
        chunks = [decoder.chunk(decoder.whole(block)) for block in content]
    except UNREADABLE as error:
        raise ProtocolError(str(error), dialect=_DIALECT, frame=body) from error
    told = {name: value for name, value in whole.items() if name not in _READ_OF_PLAIN and value}
    stop = msgspec.json.encode(
        {
            "messageStop": {
                "stopReason": answer.stopReason,
                "additionalModelResponseFields": told.pop("additionalModelResponseFields", None),
            }
        }
    )
    last = decoder.feed(stop)
    facts = decoder.chunk(_EMPTY, usage=_usage(answer.usage), metadata=told or None)
    return [*chunks, *([last] if last else []), facts]
