"""The folded whole of a response.

The law: folding a stream and folding the plain response give the same, and the message keeps
all that is needed to send it back: ids, signatures, opaque blocks, order.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from aisopod.errors import OutputValidationError
from aisopod.types.attempts import Attempt
from aisopod.types.chunks import (
    ChatCompletionChunk,
    FinishReason,
    MessageDelta,
    ToolCallDelta,
)
from aisopod.types.content import Part, TextPart, ThinkingPart
from aisopod.types.http import RateLimit, ResponseInfo
from aisopod.types.messages import Message, ToolCall
from aisopod.types.schema import parse_as
from aisopod.types.usage import TokenUsage
from aisopod.types.warnings import ResponseWarning

__all__ = ["ChatCompletion", "Fold", "fold"]


class ChatCompletion(msgspec.Struct, frozen=True, kw_only=True):
    """A whole response.

    Attributes:
        id: the provider's id of the response; empty where it gives none.
        model: the model that answered, in the provider's words.
        message: the assistant's message, fit to be appended to the conversation.
        finish_reason: why it ended; None when it broke off.
        raw_finish_reason: the provider's own word for it.
        usage: tokens, with how far they can be trusted; None when the provider told none.
        cost: what they cost at list price, in US dollars; None when that is not known. What failed
            attempts cost stands with those.
        warnings: what could not be carried.
        logprobs: log probabilities of the tokens, when they were asked for.
        metadata: what else the provider told, in its own names.
        info: facts of the HTTP exchange.
        response_type: the type that `parsed` gives, when one was asked for.
        attempts: what a client tried, in order; the last one gave this answer.
    """

    id: str
    model: str
    message: Message
    finish_reason: FinishReason | None = None
    raw_finish_reason: str | None = None
    usage: TokenUsage | None = None
    cost: Decimal | None = None
    warnings: list[ResponseWarning] = []
    logprobs: list[Any] | None = None
    metadata: dict[str, Any] = {}
    info: ResponseInfo | None = None
    response_type: Any = None
    attempts: list[Attempt] = []

    @property
    def text(self) -> str:
        """All text, joined."""
        return self.message.text

    @property
    def thinking(self) -> str:
        """All thinking that was shown, joined."""
        parts = self.message.parts
        return "".join([part.text for part in parts if isinstance(part, ThinkingPart)])

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The calls that the model wants made."""
        return self.message.tool_calls

    @property
    def parsed(self) -> Any:  # noqa: ANN401 - a value of `response_type`
        """The text as a value of the `response_format` type, or as plain JSON without one.

        Raises:
            OutputValidationError: the text is no JSON, or not of that type.
        """
        if not self.text:
            raise OutputValidationError(
                f"there is no text to read (finish reason: {self.finish_reason})", text=""
            )
        return parse_as(self.text, Any if self.response_type is None else self.response_type)

    @property
    def request_id(self) -> str | None:
        """The provider's id of the exchange, for its support."""
        return self.info.request_id if self.info else None

    @property
    def rate_limits(self) -> dict[str, RateLimit]:
        """What the response's headers said of rate limits, by name."""
        return self.info.rate_limits if self.info else {}


class _Call:
    """A tool call in the making."""

    __slots__ = ("arguments", "fields", "id", "name", "position", "provider")

    def __init__(self, position: int) -> None:
        self.position = position
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.provider: str | None = None
        self.fields: dict[str, Any] | None = None

    def add(self, delta: ToolCallDelta) -> None:
        self.id = delta.id or self.id
        self.name = delta.name or self.name
        if delta.arguments:
            self.arguments.append(delta.arguments)
        if delta.fields is not None:
            self.provider = delta.provider
            self.fields = {**(self.fields or {}), **delta.fields}

    def build(self, part_count: int) -> ToolCall:
        return ToolCall(
            id=self.id,
            name=self.name,
            arguments="".join(self.arguments) or "{}",
            position=None if self.position == part_count else self.position,
            provider=self.provider,
            fields=self.fields,
        )


class Fold:
    """Gathers chunks into a ChatCompletion; `add` is on the hot path, `result` may come at any time."""

    __slots__ = (
        "_calls", "_finish", "_id", "_info", "_logprobs", "_metadata", "_model", "_parts",
        "_pieces", "_provider", "_raw_finish", "_refusal", "_thinking", "_usage", "_warnings",
    )  # fmt: skip

    def __init__(self) -> None:
        self._id = ""
        self._model = ""
        self._parts: list[Part] = []
        self._pieces: list[str] = []
        self._thinking = False
        self._calls: dict[int, _Call] = {}
        self._refusal: list[str] = []
        self._finish: FinishReason | None = None
        self._raw_finish: str | None = None
        self._usage: TokenUsage | None = None
        self._warnings: list[ResponseWarning] = []
        self._logprobs: list[Any] | None = None
        self._metadata: dict[str, Any] = {}
        self._info: ResponseInfo | None = None
        self._provider: str | None = None

    def add(self, chunk: ChatCompletionChunk) -> None:
        """Take in the next chunk."""
        delta = chunk.delta
        if (
            delta.content
            and not self._thinking
            and delta.thinking is None
            and delta.tool_calls is None
            and delta.parts is None
        ):
            # The common chunk: a piece of text, and seldom anything beside it.
            self._pieces.append(delta.content)
            if delta.refusal:
                self._refusal.append(delta.refusal)
        else:
            self._add_delta(delta)
        self._add_facts(chunk)

    def _add_delta(self, delta: MessageDelta) -> None:
        if delta.thinking:
            if not self._thinking:
                self._end_run()
                self._thinking = True
            self._pieces.append(delta.thinking)
        if delta.content:
            if self._thinking:
                self._end_run()
            self._pieces.append(delta.content)
        for call in delta.tool_calls or ():
            self._add_call(call)
        for part in delta.parts or ():
            self._add_part(part)
        if delta.refusal:
            self._refusal.append(delta.refusal)

    def _add_call(self, delta: ToolCallDelta) -> None:
        call = self._calls.get(delta.index)
        if call is None:
            self._end_run()
            call = self._calls[delta.index] = _Call(len(self._parts))
        call.add(delta)

    def _add_part(self, part: Part) -> None:
        run = "".join(self._pieces)
        if isinstance(part, ThinkingPart if self._thinking else TextPart):
            part = msgspec.structs.replace(part, text=run + part.text)
        else:
            self._end_run()
        self._pieces.clear()
        self._thinking = False
        if part != _EMPTY_TEXT:
            self._parts.append(part)

    def _end_run(self) -> None:
        """Close the open run of text or thinking, if there is one."""
        if self._pieces:
            self._parts.append(self._run())
            self._pieces.clear()
        self._thinking = False

    def _run(self) -> Part:
        text = "".join(self._pieces)
        return (
            ThinkingPart(text=text, provider=self._provider)
            if self._thinking
            else TextPart(text=text)
        )

    def _add_facts(self, chunk: ChatCompletionChunk) -> None:
        if not self._id:
            self._id = chunk.id
        if chunk.model:
            self._model = chunk.model
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.finish_reason is not None or chunk.raw_finish_reason is not None:
            self._finish = chunk.finish_reason or self._finish
            self._raw_finish = chunk.raw_finish_reason or self._raw_finish
        if chunk.info is not None:
            self._info = chunk.info
            self._provider = chunk.info.provider
        if chunk.logprobs is not None:
            self._logprobs = (self._logprobs or []) + chunk.logprobs
        if chunk.warnings is not None:
            self._warnings.extend(chunk.warnings)
        if chunk.metadata is not None:
            self._metadata.update(chunk.metadata)

    @property
    def usage(self) -> TokenUsage | None:
        """Tokens as far as they were told; without a finish reason they are not final."""
        if self._usage is None or self._finish is not None:
            return self._usage
        return self._usage.unfinished()

    @property
    def metadata(self) -> dict[str, Any]:
        """What the provider tells beside the answer; filled as it comes."""
        return self._metadata

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the answer ended; None while it has not."""
        return self._finish

    def count(self, usage: TokenUsage) -> None:
        """Tokens that were told beside the chunks, such as with a failure."""
        self._usage = usage

    def result(self, *, response_type: Any = None) -> ChatCompletion:  # noqa: ANN401
        """The response as far as it has come."""
        parts = list(self._parts)
        if self._pieces:
            parts.append(self._run())
        usage = self.usage
        calls = [self._calls[index].build(len(parts)) for index in sorted(self._calls)]
        return ChatCompletion(
            id=self._id,
            model=self._model,
            message=Message(
                role="assistant",
                content=_simplest(parts),
                tool_calls=calls,
                refusal="".join(self._refusal) or None,
                provider=self._provider,
                model=self._info.model if self._info is not None else None,
            ),
            finish_reason=self._finish,
            raw_finish_reason=self._raw_finish,
            usage=usage,
            warnings=[*self._warnings, *_contradictions(usage)],
            logprobs=self._logprobs,
            metadata=dict(self._metadata),
            info=self._info,
            response_type=response_type,
        )


_EMPTY_TEXT = TextPart(text="")


def _contradictions(usage: TokenUsage | None) -> list[ResponseWarning]:
    """What is wrong with the counts: they are given as they were told, but not in silence."""
    found = usage.contradictions() if usage is not None else ()
    return [
        ResponseWarning(rule="usage_contradiction", message=f"the provider counts {words}")
        for words in found
    ]


def _simplest(parts: list[Part]) -> str | list[Part]:
    """One plain text as a string, anything more as parts."""
    match parts:
        case []:
            return ""
        case [TextPart(text=text) as part] if part == TextPart(text=text):
            return text
        case _:
            return parts


def fold(chunks: Iterable[ChatCompletionChunk]) -> ChatCompletion:
    """Fold chunks, streamed or of a plain response, into the whole."""
    gathered = Fold()
    for chunk in chunks:
        gathered.add(chunk)
    return gathered.result()
