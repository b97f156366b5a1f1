"""What every codec is: a value made of pure functions."""

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from aisopod.codecs.rules import Evidence, Rule
from aisopod.errors import ProviderError
from aisopod.framing import Framing
from aisopod.normalise.limits import Limits
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import AnswerForm, Prepared
from aisopod.normalise.prepare import prepare
from aisopod.normalise.target import Target
from aisopod.types import (
    ChatCompletionChunk,
    ChatCompletionRequest,
    RateLimit,
    ResponseWarning,
)
from aisopod.types.json_text import UNREADABLE

__all__ = ["TOOL_CALL_CUT", "UNREADABLE", "Codec", "Decoder", "Encoded", "Notes", "Target"]

TOOL_CALL_CUT = ResponseWarning(
    rule="tool_call_cut",
    message="the answer was cut at its length limit: a tool call may be missing or incomplete",
)


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """A request on the wire.

    Attributes:
        body: the JSON body.
        headers: headers that this body needs, such as beta flags; names in lower case.
        warnings: what could not be carried.
        tool_names: names of tools that the wire does not take, by what stands for them in the
            body and, until they are put back, in the answer.
        answer: how the answer will stand on the wire; None where it is its text.
    """

    body: bytes
    headers: Mapping[str, str] = {}
    warnings: list[ResponseWarning] = []
    tool_names: Mapping[str, str] = {}
    answer: AnswerForm | None = None


class Decoder(Protocol):
    """Reads one streamed response. It never waits, retries or logs."""

    @property
    def done(self) -> bool:
        """Whether the wire's terminator has been seen."""

    def feed(self, frame: bytes) -> ChatCompletionChunk | None:
        """Take in a frame; give the chunk it makes, or None for one without content.

        Raises:
            ProviderError: the provider reports an error inside the stream.
            ProtocolError: the frame cannot be read.
        """

    def close(self) -> ChatCompletionChunk | None:
        """The body has ended.

        Raises:
            StreamInterruptedError: it ended without its terminator.
        """


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    """One wire dialect.

    Attributes:
        dialect: its name, such as `anthropic_messages`.
        framing: makes the framing of a streamed body.
        limits: what the wire takes of a conversation, for one model on one host.
        write: a request that fits the limits to its body.
        stream_decoder: makes the decoder of one streamed response.
        decode: a plain body to chunks, which fold to the same as the stream would.
        decode_error: status (None inside a stream), headers and body of a failure to its error.
        read_failure: the same to what they say, which `rules` tell apart.
        rules: what tells one failure from another; the first that matches wins.
        rate_limits: what headers say of rate limits, by name; the second argument is the time
            in seconds since the epoch.
    """

    dialect: str
    framing: Callable[[], Framing]
    limits: Callable[[Target], Limits]
    write: Callable[[Prepared, Notes], Encoded]
    stream_decoder: Callable[[Target], Decoder]
    decode: Callable[[bytes, Target], list[ChatCompletionChunk]]
    decode_error: Callable[[int | None, Mapping[str, str], bytes], ProviderError]
    read_failure: Callable[[int | None, Mapping[str, str], bytes], Evidence]
    rules: tuple[Rule, ...]
    rate_limits: Callable[[Mapping[str, str], float], dict[str, RateLimit]]

    def encode(self, request: ChatCompletionRequest, target: Target) -> Encoded:
        """The body of a request, what it needs of headers, and what could not be carried.

        Raises:
            InvalidRequestError: the request cannot be put on this wire.
            UnsupportedFeatureError: the model or the host has no such thing.
        """
        if request.model != target.model:
            target = msgspec.structs.replace(target, model=request.model, like=None)
        notes = Notes(target)
        prepared = prepare(request, self.limits(target), notes)
        encoded = self.write(prepared, notes)
        notes.warnings.sort(key=_place)
        if not prepared.tool_names and prepared.answer is None:
            return encoded
        return msgspec.structs.replace(
            encoded, tool_names=prepared.tool_names, answer=prepared.answer
        )


def _place(warning: ResponseWarning) -> float:
    return math.inf if warning.message_index is None else warning.message_index
