"""Frames and plain bodies to chunks.

Source: https://platform.openai.com/docs/api-reference/chat-streaming and what the recorded
exchanges of a dozen other hosts show.
"""

from typing import Any

import msgspec

from aisopod.codecs.codec import UNREADABLE
from aisopod.codecs.openai_chat.errors import decode_error, is_failure
from aisopod.codecs.openai_chat.lenient import parse, read_leniently
from aisopod.codecs.openai_chat.pieces import CallTracker, Keeper, reasoning_text
from aisopod.codecs.openai_chat.schema import (
    CallPiece,
    Choice,
    Chunk,
    Delta,
    PlainChunk,
)
from aisopod.codecs.openai_chat.usage import usage_of
from aisopod.errors import ProtocolError, StreamInterruptedError
from aisopod.normalise.target import Target
from aisopod.types import (
    ChatCompletionChunk,
    FinishReason,
    MessageDelta,
    OpaquePart,
    Part,
    ResponseWarning,
    fold,
)

__all__ = ["ChatDecoder", "decode"]

_DIALECT = "openai_chat"
_DONE = b"[DONE]"

_decode_chunk = msgspec.json.Decoder(Chunk).decode
_decode_plain = msgspec.json.Decoder(PlainChunk).decode
# How many chunks may turn out to be more than text before a stream is read as one of those.
_MISSES = 4

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",  # Together, text-generation-inference
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "model_length": "length",  # Mistral: the context window is full
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
    "insufficient_system_resource": "error",  # DeepSeek
}

# What is not told a second time as metadata.
_READ_AT_TOP = frozenset({"id", "object", "model", "choices", "error", "obfuscation", "p"})
_READ_IN_CHOICE = frozenset({"index", "delta", "message", "finish_reason", "logprobs"})
_READ_IN_MESSAGE = frozenset(Delta.__struct_fields__) | {"index"}
_NOTHING: tuple[Any, ...] = (None, "", [], {})


class ChatDecoder:
    """Reads one streamed response.

    Attributes:
        done: whether `[DONE]` has been seen.
    """

    __slots__ = (
        "_calls", "_cut", "_extra", "_finish", "_id", "_keeper", "_misses", "_model", "_provider", "_raw",
        "_refused", "_started", "done",
    )  # fmt: skip

    def __init__(self, target: Target) -> None:
        self.done = False
        self._provider = target.provider
        self._calls = CallTracker(target.provider)
        self._keeper = Keeper(target.provider)
        self._id = ""
        self._model = ""
        self._started = False
        self._refused = False
        self._raw: str | None = None
        self._finish: FinishReason | None = None
        self._cut = False
        self._extra = False
        self._misses = 0

    def feed(self, frame: bytes) -> ChatCompletionChunk | None:
        """Take in a frame; give the chunk it makes, or None for one without content.

        Raises:
            ProviderError: the provider reports an error inside the stream.
            ProtocolError: the frame cannot be read.
        """
        if frame == _DONE:
            return self._end()
        if self._started and self._misses < _MISSES:
            try:
                plain = _decode_plain(frame)
            except UNREADABLE:
                self._misses += 1
            else:
                if len(plain.choices) == 1:
                    text = plain.choices[0].delta.content
                    if not text:
                        return None
                    return ChatCompletionChunk(
                        id=plain.id, model=plain.model, delta=MessageDelta(content=text)
                    )
        return self._feed_any(frame)

    def _feed_any(self, frame: bytes) -> ChatCompletionChunk | None:
        """Any frame but the terminator."""
        try:
            chunk = _decode_chunk(frame)
        except UNREADABLE:
            chunk = read_leniently(frame)
        choices = chunk.choices
        if choices and self._started and len(choices) == 1:
            choice = choices[0]
            delta = choice.delta
            if (
                delta is not None
                and choice.index == 0
                and choice.finish_reason is None
                and choice.logprobs is None
                and chunk.error is None
                and _is_plain(delta)
            ):
                # Text or reasoning; a usage beside it (vLLM, Perplexity) is taken along.
                content = delta.content
                thinking = delta.reasoning
                if delta.reasoning_content:
                    thinking = reasoning_text(delta)
                if content or thinking:
                    return ChatCompletionChunk(
                        id=chunk.id or "",
                        model=chunk.model or "",
                        delta=MessageDelta(
                            content=content or None,  # type: ignore[arg-type]  # _is_plain saw it
                            thinking=thinking or None,
                        ),
                        usage=None if chunk.usage is None else usage_of(chunk.usage),
                    )
                if chunk.usage is None:
                    return None
        return self._read(chunk, frame)

    def close(self) -> ChatCompletionChunk | None:
        """The body has ended; some servers leave `[DONE]` out, but none the finish reason.

        Raises:
            StreamInterruptedError: it ended before the answer did.
        """
        if self.done:
            return None
        if self._raw is None:
            raise StreamInterruptedError(
                "the stream ended without a finish reason and without [DONE]",
                provider=self._provider,
            )
        return self._end()

    def _read(self, chunk: Chunk, frame: bytes) -> ChatCompletionChunk | None:
        """Every chunk that is not plain text."""
        _raise_failure(chunk, frame)
        self._id = chunk.id or self._id
        self._model = chunk.model or self._model
        choice = _answer(chunk)
        warnings = self._warn_of_others(chunk)
        delta = choice.delta or Delta()
        message = self._read_delta(delta)
        finish = self._note_finish(choice.finish_reason, warnings)
        usage = chunk.usage or (chunk.x_groq.usage if chunk.x_groq else None)
        metadata: dict[str, Any] = {}
        if choice.finish_reason or not chunk.choices or (usage and not message.has_content):
            metadata = _metadata(frame)
        if delta.executed_tools or (metadata and self._keeper.executed_tools):
            metadata["executed_tools"] = self._keeper.executed_tools
        logprobs = _logprobs(choice)
        if not (message.has_content or message.role or finish or usage or metadata or warnings):
            return None
        return ChatCompletionChunk(
            id=self._id,
            model=self._model,
            delta=message,
            finish_reason=finish,
            raw_finish_reason=choice.finish_reason or None,
            usage=usage_of(usage),
            logprobs=logprobs,
            metadata=metadata or None,
            warnings=warnings or None,
        )

    def _read_delta(self, delta: Delta) -> MessageDelta:
        thinking, content, parts = _texts(delta, self._provider)
        calls = None
        if delta.tool_calls or delta.function_call is not None:
            calls = self._calls.read(_call_pieces(delta), self._id)
        self._keeper.add(delta)
        self._refused = self._refused or bool(delta.refusal)
        role = None if self._started else delta.role
        self._started = self._started or bool(self._id or self._model)
        return MessageDelta(
            role="assistant" if role else None,
            content=content or None,
            thinking=thinking or None,
            tool_calls=calls,
            parts=parts or None,
            refusal=delta.refusal or None,
        )

    def _note_finish(self, raw: str | None, warnings: list[ResponseWarning]) -> FinishReason | None:
        """Why the answer ended, when this chunk says so."""
        if not raw:
            return None
        self._raw = raw
        self._finish = self._reason()
        if raw == "length" and self._calls and not self._cut:
            self._cut = True
            warnings.append(
                ResponseWarning(
                    rule="tool_call_cut",
                    message="the answer reached its limit: the last tool call may be cut short",
                )
            )
        return self._finish

    def _reason(self) -> FinishReason:
        if self._calls:
            return "tool_calls"
        if self._refused and self._raw == "stop":
            return "refusal"
        return _FINISH.get(self._raw or "", "other")

    def _warn_of_others(self, chunk: Chunk) -> list[ResponseWarning]:
        """Further answers (`n` > 1) have no place in one message."""
        if self._extra or not chunk.choices or not any(choice.index for choice in chunk.choices):
            return []
        self._extra = True
        return [
            ResponseWarning(
                rule="extra_choices",
                message="the response holds several answers: only the first is kept",
            )
        ]

    def _end(self) -> ChatCompletionChunk | None:
        """The last chunk: the kept blocks, and the finish reason when it is not yet told."""
        self.done = True
        parts = self._keeper.parts()
        finish = self._reason()
        if finish == self._finish and parts is None:
            return None
        self._finish = finish
        return ChatCompletionChunk(
            id=self._id,
            model=self._model,
            delta=MessageDelta(parts=parts),
            finish_reason=finish,
            raw_finish_reason=self._raw,
        )

    def read_whole(self, body: bytes) -> list[ChatCompletionChunk]:
        """A plain body, as chunks that fold to what its stream would."""
        try:
            whole = _decode_chunk(body)
        except UNREADABLE:
            whole = read_leniently(body)
        _raise_failure(whole, body)
        if whole.choices is None:
            raise ProtocolError("the response has no choices", dialect=_DIALECT, frame=body)
        self._id, self._model = whole.id or "", whole.model or ""
        choice = _answer(whole)
        warnings = self._warn_of_others(whole)
        message = choice.message or choice.delta or Delta()
        deltas = self._whole_deltas(message)
        self._raw = choice.finish_reason or None
        self._note_finish(self._raw, warnings)
        usage = whole.usage or (whole.x_groq.usage if whole.x_groq else None)
        chunks = [
            ChatCompletionChunk(id=self._id, model=self._model, delta=delta) for delta in deltas
        ]
        chunks[-1] = msgspec.structs.replace(
            chunks[-1],
            finish_reason=self._reason(),
            raw_finish_reason=self._raw,
            usage=usage_of(usage),
            logprobs=_logprobs(choice),
            metadata=self._whole_metadata(body),
            warnings=warnings or None,
        )
        self.done = True
        return chunks

    def _whole_metadata(self, body: bytes) -> dict[str, Any] | None:
        metadata = _metadata(body)
        if executed := self._keeper.executed_tools:
            metadata["executed_tools"] = executed
        return metadata or None

    def _whole_deltas(self, message: Delta) -> list[MessageDelta]:
        """A message's pieces; content parts stand each for itself, so their order is kept."""
        parts = message.content if isinstance(message.content, list) else []
        deltas = [self._read_delta(Delta(content=[part])) for part in parts[:-1]]
        last = msgspec.structs.replace(message, content=parts[-1:]) if parts else message
        final = self._read_delta(last)
        self._keeper.take(message)
        blocks = self._keeper.parts() or []
        return [
            *deltas,
            msgspec.structs.replace(
                final, role="assistant", parts=[*(final.parts or ()), *blocks] or None
            ),
        ]


def decode(body: bytes, target: Target) -> list[ChatCompletionChunk]:
    """A plain body to chunks, which fold to the same as the stream would.

    Raises:
        ProviderError: the body of a successful exchange is an error all the same.
        ProtocolError: it is no response of this dialect.
    """
    return ChatDecoder(target).read_whole(body)


def _is_plain(delta: Delta) -> bool:
    """Whether a delta adds text or reasoning and nothing else."""
    content = delta.content
    return (
        (content is None or content.__class__ is str)
        and delta.tool_calls is None
        and delta.refusal is None
        and delta.reasoning_details is None
        and delta.function_call is None
        and delta.annotations is None
        and delta.audio is None
        and delta.executed_tools is None
        and delta.extra_content is None
        and delta.thought_signature is None
    )


def _answer(chunk: Chunk) -> Choice:
    """The first answer; an empty one where the chunk holds none of it."""
    return next((choice for choice in chunk.choices or () if not choice.index), Choice())


def _raise_failure(chunk: Chunk, frame: bytes) -> None:
    """Raise the error that a frame holds, beside other keys or in place of an answer."""
    if chunk.error or (not chunk.choices and chunk.usage is None and is_failure(parse(frame))):
        error = decode_error(None, {}, frame)
        if (usage := usage_of(chunk.usage)) is not None:
            # OpenRouter counts and bills what was generated before the failure.
            told = ChatCompletionChunk(
                id=chunk.id or "", model=chunk.model or "", delta=MessageDelta(), usage=usage
            )
            error.partial = fold([told])
        raise error


def _texts(delta: Delta, provider: str) -> tuple[str, str, list[Part]]:
    """Thinking, text, and parts of other types that stand in a content list."""
    content = delta.content
    if not isinstance(content, list):
        return reasoning_text(delta), content or "", []
    thinking, texts, parts = [reasoning_text(delta)], [], []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(text := part.get("text") or "", str):
            texts.append(text)
        elif kind == "thinking":
            thinking.append(_thinking(part.get("thinking")))
        else:
            parts.append(OpaquePart(provider=provider, kind=str(kind), data=part))
    return "".join(thinking), "".join(texts), list[Part](parts)


def _thinking(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """The text of Mistral's thinking part: a list of text parts."""
    if isinstance(value, str):
        return value
    found = value if isinstance(value, list) else []
    pieces = [piece.get("text") for piece in found if isinstance(piece, dict)]
    return "".join(piece for piece in pieces if isinstance(piece, str))


def _call_pieces(delta: Delta) -> list[CallPiece]:
    pieces = delta.tool_calls or []
    if delta.function_call is not None:
        # The form before tools; there is one such call at most.
        pieces = [*pieces, CallPiece(index=0, function=delta.function_call)]
    return pieces


def _logprobs(choice: Choice) -> list[Any] | None:
    if choice.logprobs is None:
        return None
    return choice.logprobs.content or choice.logprobs.refusal or None


def _metadata(frame: bytes) -> dict[str, Any]:
    """What a chunk tells besides the answer, in its own names; a second parse, off the hot path."""
    value = parse(frame)
    facts = _rest(value, _READ_AT_TOP)
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if isinstance(first, dict) and not first.get("index"):
        facts.update(_rest(first, _READ_IN_CHOICE))
        facts.update(_rest(first.get("message") or first.get("delta"), _READ_IN_MESSAGE))
    return facts


def _rest(value: Any, read: frozenset[str]) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, dict):
        return {}
    return {name: fact for name, fact in value.items() if name not in read and fact not in _NOTHING}
