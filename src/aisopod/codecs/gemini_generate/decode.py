"""Events and plain bodies to chunks.

Source: https://ai.google.dev/api/generate-content. The parts of a stream are pieces: text goes on
until a part of another kind, or one with a signature. No event says that the stream has ended.
"""

import base64
from typing import Any, NamedTuple

import msgspec

from aisopod.codecs.codec import TOOL_CALL_CUT, UNREADABLE
from aisopod.codecs.gemini_generate.calls import Calls
from aisopod.codecs.gemini_generate.errors import blocked_error, decode_error
from aisopod.codecs.gemini_generate.schema import (
    Blob,
    Candidate,
    DetailedUsage,
    Modality,
    Piece,
    Response,
    Usage,
)
from aisopod.codecs.gemini_generate.schema import Part as WirePart
from aisopod.errors import ContentFilterError, ProtocolError, ProviderError, StreamInterruptedError
from aisopod.normalise.target import Target
from aisopod.types import (
    ChatCompletionChunk,
    FinishReason,
    ImagePart,
    MessageDelta,
    OpaquePart,
    Part,
    ResponseWarning,
    TextPart,
    ThinkingPart,
    TokenUsage,
    ToolCallDelta,
    fold,
)

__all__ = ["GenerateDecoder", "decode"]

_DIALECT = "gemini_generate"
_EMPTY = MessageDelta()
_BOUNDARY = TextPart(text="")

_decode_piece = msgspec.json.Decoder(Piece).decode
_decode_response = msgspec.json.Decoder(Response).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_decode_any = msgspec.json.Decoder().decode

_FINISH: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",
    "MALFORMED_FUNCTION_CALL": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
    "MALFORMED_RESPONSE": "error",
    "CONTINUATION": "pause",
}
_READ = frozenset(Response.__struct_fields__) - {"usageMetadata"}
_READ_OF_CANDIDATE = frozenset({"content", "finishReason", "index", "logprobsResult"})
_SIDE = frozenset(
    {"thought", "thoughtSignature", "mediaResolution", "videoMetadata", "partMetadata"}
)
_REFUSED_CALL = ResponseWarning(
    rule="unexpected_tool_call",
    message="the service found fault with the tool calls: see raw_finish_reason",
)
_MORE_CANDIDATES = ResponseWarning(
    rule="more_candidates", message="only the first candidate is read: ask once for each"
)


class _Sound(NamedTuple):
    """Tokens of sound: in the input, in the output, and what a cache served of the input's."""

    input: int
    output: int
    cached: int


_SILENT = _Sound(0, 0, 0)


class GenerateDecoder:
    """Reads one streamed response.

    Attributes:
        done: never true: only the body's end tells.
    """

    __slots__ = (
        "_audio", "_blocked", "_calls", "_finished", "_id", "_model", "_others", "_provider", "_started", "done",
    )  # fmt: skip

    def __init__(self, target: Target) -> None:
        self.done = False
        self._provider = target.provider
        self._id = ""
        self._model = ""
        self._audio = _SILENT
        self._calls = Calls(target.provider)
        self._started = False
        self._finished = False
        self._others = False
        self._blocked: ProviderError | None = None

    def feed(self, frame: bytes) -> ChatCompletionChunk | None:
        """Take in an event; give the chunk it makes, or None for one without content.

        Raises:
            ProviderError: the provider reports an error inside the stream.
            ProtocolError: the event cannot be read.
        """
        if self._started:
            try:
                piece = _decode_piece(frame)
            except UNREADABLE:
                return self._read(frame)
            candidate = piece.candidates[0] if len(piece.candidates) == 1 else None
            if candidate is not None and candidate.index == 0:
                parts = candidate.content.parts
                if len(parts) == 1 and parts[0].text:
                    text, usage = parts[0].text, piece.usageMetadata
                    return ChatCompletionChunk(
                        id=self._id,
                        model=self._model,
                        delta=MessageDelta(thinking=text)
                        if parts[0].thought
                        else MessageDelta(content=text),
                        usage=None if usage is None else _usage(usage, self._audio),
                    )
        return self._read(frame)

    def close(self) -> ChatCompletionChunk | None:
        """The body has ended.

        Raises:
            ContentFilterError: the prompt was blocked.
            StreamInterruptedError: it ended without a finish reason.
        """
        if self._blocked is not None:
            raise self._blocked
        if not self._finished:
            raise StreamInterruptedError(
                "the stream ended without a finish reason", provider=self._provider
            )
        return None

    def _read(self, frame: bytes) -> ChatCompletionChunk | None:
        """Everything but the common piece of text."""
        try:
            response = _decode_response(frame)
            # What the types pass over is read here for the first time, and may be no UTF-8.
            whole = {} if response.error is not None else _decode_object(frame)
        except UNREADABLE as error:
            raise _unreadable(str(error), frame) from error
        if response.error is not None:
            raise decode_error(None, {}, frame)
        if not whole:
            return None
        if response.candidates is None and response.usageMetadata is None:
            _check_answer(response, frame)
        self._started = True
        self._id = response.responseId or self._id
        self._model = response.modelVersion or self._model
        candidate, raw = self._first(response, whole)
        delta = self._delta(candidate, raw, frame) if candidate else _EMPTY
        finish, warnings = self._finish(candidate)
        if self._others:
            warnings = [*warnings, _MORE_CANDIDATES]
            self._others = False
        usage = response.usageMetadata
        if usage is not None:
            self._audio = _audio(usage)
        return ChatCompletionChunk(
            id=self._id,
            model=self._model,
            delta=delta,
            finish_reason=finish,
            raw_finish_reason=candidate.finishReason if candidate else None,
            usage=None if usage is None else _usage(usage, self._audio),
            logprobs=[raw["logprobsResult"]] if "logprobsResult" in raw else None,
            metadata=_metadata(whole, raw),
            warnings=warnings or None,
        )

    def _note_block(self, whole: dict[str, Any]) -> None:
        feedback = whole.get("promptFeedback")
        if isinstance(feedback, dict) and feedback.get("blockReason"):
            self._blocked = blocked_error(feedback, whole)

    def _first(
        self, response: Response, whole: dict[str, Any]
    ) -> tuple[Candidate | None, dict[str, Any]]:
        """The first candidate, as struct and as object."""
        found: Candidate | None = None
        raw: dict[str, Any] = {}
        for place, candidate in enumerate(response.candidates or ()):
            if candidate.index == 0 and found is None:
                found, raw = candidate, whole["candidates"][place]
            else:
                self._others = True
        if found is None:
            self._note_block(whole)
        return found, raw

    def _delta(self, candidate: Candidate, raw: dict[str, Any], frame: bytes) -> MessageDelta:
        """The parts of one event as one delta, in which calls stand before other parts."""
        thinking: list[str] = []
        content: list[str] = []
        calls: list[ToolCallDelta] = []
        parts: list[Part] = []
        wire_parts = (candidate.content.parts or []) if candidate.content else []
        for place, part in enumerate(wire_parts):
            if part.functionCall is not None:
                calls += self._calls.add(part.functionCall, part.thoughtSignature, self._id, frame)
            elif part.text is not None and part.thoughtSignature is None:
                if calls or parts or (part.thought and content):
                    parts += _as_parts(part, self._provider)
                else:
                    (thinking if part.thought else content).append(part.text)
            else:
                entry = raw["content"]["parts"][place]
                parts += self._other(part, entry, parts=parts, frame=frame)
        return MessageDelta(
            thinking="".join(thinking) or None,
            content="".join(content) or None,
            tool_calls=calls or None,
            parts=parts or None,
        )

    def _other(
        self, part: WirePart, entry: dict[str, Any], *, parts: list[Part], frame: bytes
    ) -> list[Part]:
        """A part that is no plain text and no call."""
        if part.text is not None:
            # What is signed stands for itself: text before it must not become part of it.
            return [*([] if parts else [_BOUNDARY]), *_as_parts(part, self._provider)]
        if part.inlineData is not None and part.inlineData.mimeType.startswith("image/"):
            return [_image(part.inlineData, part.thoughtSignature, self._provider, frame)]
        kind = next((name for name in entry if name not in _SIDE), None)
        if kind is None:
            return []  # `{}`, or a signature on nothing
        return [OpaquePart(provider=self._provider, kind=kind, data=entry)]

    def _finish(
        self, candidate: Candidate | None
    ) -> tuple[FinishReason | None, list[ResponseWarning]]:
        """The reason in our words: with tool calls it is them, whatever the wire said."""
        reason = candidate.finishReason if candidate else None
        if reason is None or reason == "FINISH_REASON_UNSPECIFIED":
            return None, []
        self._finished = True
        finish = _FINISH.get(reason, "other")
        if not self._calls.count:
            return finish, []
        cut = {"length": [TOOL_CALL_CUT], "error": [_REFUSED_CALL]}.get(finish, [])
        return "tool_calls", cut


def _check_answer(response: Response, frame: bytes) -> None:
    """An event without candidates and counts blocks the prompt, or is no answer at all."""
    if response.promptFeedback is None and not response.responseId:
        raise _unreadable("this is no answer", frame)


def _as_parts(part: WirePart, provider: str) -> list[Part]:
    """Text that has a place among other parts."""
    text, signature = part.text or "", part.thoughtSignature
    if not text and signature is None:
        return []
    if part.thought:
        return [ThinkingPart(text=text, signature=signature, provider=provider)]
    return [TextPart(text=text, signature=signature, provider=provider if signature else None)]


def _image(blob: Blob, signature: str | None, provider: str, frame: bytes) -> ImagePart:
    try:
        data = base64.b64decode(blob.data, validate=True)
    except ValueError as error:  # characters that are no base64, or no ASCII
        raise _unreadable(f"an image is no base64: {error}", frame) from error
    return ImagePart(
        data=data,
        media_type=blob.mimeType,
        signature=signature,
        provider=provider if signature else None,
    )


def _usage(told: Usage, sound: _Sound) -> TokenUsage | None:
    """Thoughts are part of the output, and what the service's tools read part of the input.

    https://ai.google.dev/api/generate-content#UsageMetadata. Vertex's events before the last tell
    their `trafficType` there and no count. An answer without text is told without a count of it:
    then the total says that nothing is missing, as JSON of Protocol Buffers leaves out zeros.
    """
    prompt, answer = told.promptTokenCount, told.candidatesTokenCount
    thoughts, total = told.thoughtsTokenCount, told.totalTokenCount
    if prompt is None and answer is None and not thoughts:
        return None
    inputs = (prompt or 0) + told.toolUsePromptTokenCount
    outputs = (answer or 0) + thoughts
    is_whole = prompt is not None and (answer is not None or total == inputs + outputs)
    return TokenUsage(
        input_tokens=inputs,
        output_tokens=outputs,
        cache_read_tokens=told.cachedContentTokenCount,
        reasoning_tokens=thoughts,
        input_audio_tokens=sound.input,
        output_audio_tokens=sound.output,
        cache_read_audio_tokens=sound.cached,
        quality="exact" if is_whole else "partial",
    )


def _audio(told: DetailedUsage) -> _Sound:
    heard = [*(told.promptTokensDetails or ()), *(told.toolUsePromptTokensDetails or ())]
    return _Sound(
        _sound(heard),
        _sound(told.candidatesTokensDetails or []),
        _sound(told.cacheTokensDetails or []),
    )


def _sound(details: list[Modality]) -> int:
    return sum(one.tokenCount for one in details if one.modality == "AUDIO")


def _metadata(whole: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any] | None:
    """What else the event tells; the counts by modality with the last one."""
    found = {name: value for name, value in whole.items() if name not in _READ}
    if not raw.get("finishReason"):
        found.pop("usageMetadata", None)
    if "promptFeedback" in whole:
        found["promptFeedback"] = whole["promptFeedback"]
    found |= {name: value for name, value in raw.items() if name not in _READ_OF_CANDIDATE}
    return found or None


def _unreadable(reason: str, frame: bytes) -> ProtocolError:
    return ProtocolError(reason, dialect=_DIALECT, frame=frame)


def decode(body: bytes, target: Target) -> list[ChatCompletionChunk]:
    """A plain body as the chunks that its stream would have folded to.

    A stream that was asked for without `alt=sse` is one list of answers.

    Raises:
        ContentFilterError: the prompt was blocked; `partial` has what was told beside it.
        ProviderError: the body is an error.
        ProtocolError: the body cannot be read.
    """
    try:
        value = _decode_any(body)
    except UNREADABLE as error:
        raise _unreadable(str(error), body) from error
    events = value if isinstance(value, list) else [value]
    decoder = GenerateDecoder(target)
    chunks = [
        chunk
        for event in events
        for single in _by_part(event)
        if (chunk := decoder.feed(msgspec.json.encode(single))) is not None
    ]
    try:
        last = decoder.close()
    except ContentFilterError as error:
        error.partial = fold(chunks)
        raise
    except StreamInterruptedError as error:
        raise _unreadable("this is no whole answer", body) from error
    return [*chunks, last] if last is not None else chunks


def _by_part(event: Any) -> list[Any]:  # noqa: ANN401 - any JSON value
    """An answer as one event for each of its parts, so that their order is kept exactly."""
    try:
        [candidate] = event["candidates"]
        parts = candidate["content"]["parts"]
    except (KeyError, TypeError, ValueError):
        return [event]
    if not isinstance(parts, list) or len(parts) < 2:
        return [event]
    told = {name: event[name] for name in ("modelVersion", "responseId") if name in event}
    pieces = [{**told, "candidates": [{"content": {"parts": [part]}}]} for part in parts[:-1]]
    last = {**candidate, "content": {**candidate["content"], "parts": parts[-1:]}}
    return [*pieces, {**event, "candidates": [last]}]
