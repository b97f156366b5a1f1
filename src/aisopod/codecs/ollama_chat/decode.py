"""Lines and plain bodies to chunks: https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion."""

import hashlib
from typing import Any

import msgspec

from aisopod.codecs.codec import UNREADABLE
from aisopod.codecs.ollama_chat.errors import decode_error
from aisopod.codecs.ollama_chat.schema import Chunk, Message, ToolCall
from aisopod.errors import ProtocolError, StreamInterruptedError
from aisopod.normalise.target import Target
from aisopod.types import (
    ChatCompletionChunk,
    FinishReason,
    MessageDelta,
    OpaquePart,
    Part,
    TokenUsage,
    ToolCallDelta,
)

__all__ = ["ChatDecoder", "decode"]

_DIALECT = "ollama_chat"

_decode_chunk = msgspec.json.Decoder(Chunk).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "load": "stop",
    "unload": "stop",
}
_READ = frozenset(Chunk.__struct_fields__)


class ChatDecoder:
    """Reads one streamed response.

    Attributes:
        done: whether the object with `done: true` has been seen.
    """

    __slots__ = ("_calls", "_provider", "done")

    def __init__(self, target: Target) -> None:
        self.done = False
        self._provider = target.provider
        self._calls = 0

    def feed(self, frame: bytes) -> ChatCompletionChunk | None:
        """Take in a line; give the chunk it makes, or None for one without content.

        Raises:
            ProviderError: the server reports an error inside the stream.
            ProtocolError: the line cannot be read.
        """
        try:
            chunk = _decode_chunk(frame)
            message = chunk.message
            if (
                message is None
                or chunk.done
                or message.tool_calls is not None
                or message.images is not None
                or chunk.logprobs is not None
                or chunk.error is not None
            ):
                # Arguments and what the types pass over are bytes until here, and may be no UTF-8.
                return self._read(chunk, frame)
        except UNREADABLE as error:
            raise ProtocolError(str(error), dialect=_DIALECT, frame=frame) from error
        if not (message.content or message.thinking):
            return None
        return ChatCompletionChunk(
            id="",
            model=chunk.model,
            delta=MessageDelta(content=message.content or None, thinking=message.thinking or None),
        )

    def close(self) -> ChatCompletionChunk | None:
        """The body has ended.

        Raises:
            StreamInterruptedError: it ended before `done: true`.
        """
        if not self.done:
            raise StreamInterruptedError(
                "the stream ended before its last object", provider=self._provider
            )
        return None

    def _read(self, chunk: Chunk, frame: bytes) -> ChatCompletionChunk:
        if chunk.error is not None:
            raise decode_error(None, {}, frame)
        message = chunk.message
        if message is None:
            if chunk.response is None and not chunk.done:
                raise ProtocolError("this is no answer", dialect=_DIALECT, frame=frame)
            message = Message(content=chunk.response, thinking=chunk.thinking)
        delta = MessageDelta(
            content=message.content or None,
            thinking=message.thinking or None,
            tool_calls=self._tool_calls(message.tool_calls or [], chunk.created_at) or None,
            parts=self._images(message) or None,
        )
        if not chunk.done:
            return ChatCompletionChunk(
                id="", model=chunk.model, delta=delta, logprobs=chunk.logprobs
            )
        self.done = True
        return ChatCompletionChunk(
            id="",
            model=chunk.model,
            delta=delta,
            # The wire has no reason for tool calls: it says stop.
            finish_reason="tool_calls" if self._calls else _finish(chunk.done_reason),
            raw_finish_reason=chunk.done_reason,
            usage=_usage(chunk),
            logprobs=chunk.logprobs,
            metadata=_metadata(frame),
        )

    def _tool_calls(self, calls: list[ToolCall], created_at: str) -> list[ToolCallDelta]:
        made = []
        for call in calls:
            made.append(
                ToolCallDelta(
                    index=self._calls,
                    id=call.id or _made_id(created_at, self._calls, call),
                    name=call.function.name,
                    arguments=bytes(call.function.arguments).decode(),
                )
            )
            self._calls += 1
        return made

    def _images(self, message: Message) -> list[Part]:
        if not message.images:
            return []
        return [OpaquePart(provider=self._provider, kind="images", data=message.images)]


def _made_id(created_at: str, index: int, call: ToolCall) -> str:
    """An id where the wire has none: the same for the same bytes, another in another turn."""
    seed = f"{created_at}|{index}|{call.function.name}|".encode() + bytes(call.function.arguments)
    return f"call_{hashlib.sha256(seed).hexdigest()[:12]}"


def _finish(reason: str | None) -> FinishReason:
    # Old servers leave the reason out of a normal ending.
    return "stop" if reason is None else _FINISH.get(reason, "other")


def _usage(chunk: Chunk) -> TokenUsage | None:
    """Counts stand in the last object only; old servers leave out a prompt that was cached."""
    prompt, answer = chunk.prompt_eval_count, chunk.eval_count
    if prompt is None and answer is None:
        return None
    return TokenUsage(
        input_tokens=prompt or 0,
        output_tokens=answer or 0,
        quality="partial" if prompt is None or answer is None else "exact",
    )


def _metadata(frame: bytes) -> dict[str, Any] | None:
    """What else the last object tells: durations in nanoseconds, the remote model."""
    told = _decode_object(frame)
    found = {name: value for name, value in told.items() if name not in _READ and value is not None}
    return found or None


def decode(body: bytes, target: Target) -> list[ChatCompletionChunk]:
    """A plain body as the chunk that its stream would have folded to.

    Raises:
        ProviderError: the body is an error.
        ProtocolError: the body cannot be read.
    """
    decoder = ChatDecoder(target)
    chunk = decoder.feed(body)
    if not decoder.done:
        raise ProtocolError("this is no whole answer", dialect=_DIALECT, frame=body)
    return [] if chunk is None else [chunk]
