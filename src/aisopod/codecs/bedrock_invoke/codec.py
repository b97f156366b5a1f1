"""Anthropic's Messages dialect inside Bedrock's InvokeModel.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html.
The events are Anthropic's own, each in base64 inside an event of AWS's stream; the failures are
AWS's. So this is little more than the one codec inside the other's frames.
"""

import binascii
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.anthropic_messages.decode import MessagesDecoder
from aisopod.codecs.bedrock_converse.errors import decode_error, rate_limits, read_failure
from aisopod.codecs.bedrock_converse.rules import RULES
from aisopod.codecs.codec import UNREADABLE, Codec, Decoder, Encoded
from aisopod.codecs.halves import mending
from aisopod.errors import ProtocolError
from aisopod.framing import EventStreamFraming
from aisopod.normalise.limits import Limits, reads_none
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Prepared
from aisopod.normalise.target import Target
from aisopod.types import ChatCompletionChunk, MessageDelta
from aisopod.types.json_text import read_text

__all__ = ["codec"]

_VERSION = "bedrock-2023-05-31"
_MOST_IMAGE_BYTES = 5 * 1024 * 1024 * 3 // 4  # 5 MB in base64
_METRICS = "amazon-bedrock-invocationMetrics"


class _Chunk(msgspec.Struct, gc=False):
    bytes: str


class _Event(msgspec.Struct, gc=False):
    """One event: a piece of the model's stream, or an exception."""

    chunk: _Chunk | None = None


_decode_event = msgspec.json.Decoder(_Event).decode


def write(prepared: Prepared, notes: Notes) -> Encoded:
    """Anthropic's body without the model and the stream flag, which the address has here.

    Raises:
        InvalidRequestError: the request cannot be put on this wire.
        UnsupportedFeatureError: the model does not take what is asked.
    """
    encoded = anthropic.write(prepared, notes)
    body: dict[str, Any] = msgspec.json.decode(encoded.body)
    for name in ("model", "stream"):
        body.pop(name, None)
    body.setdefault("anthropic_version", _VERSION)
    betas = _betas(encoded.headers)
    if betas:
        body["anthropic_beta"] = list(dict.fromkeys([*body.get("anthropic_beta", ()), *betas]))
    return Encoded(body=msgspec.json.encode(body), warnings=encoded.warnings)


def limits(target: Target) -> Limits:
    """Anthropic's, but the service reads no address, and its images are smaller.

    Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html,
    `source`: base64 alone.
    """
    return _limits(target.known_as)


@lru_cache(maxsize=256)
def _limits(model: str) -> Limits:
    theirs = anthropic.limits(Target(provider="bedrock-anthropic", model=model))
    images = msgspec.structs.replace(theirs.images, reads=reads_none, max_bytes=_MOST_IMAGE_BYTES)
    documents = msgspec.structs.replace(theirs.documents, reads=reads_none)
    return msgspec.structs.replace(theirs, images=images, documents=documents)


def _betas(headers: Mapping[str, str]) -> list[str]:
    """Beta flags, which are a header elsewhere and a field here."""
    return [flag.strip() for flag in headers.get("anthropic-beta", "").split(",") if flag.strip()]


class InvokeDecoder:
    """Reads one streamed response: the events inside the events."""

    __slots__ = ("_inner",)

    def __init__(self, target: Target) -> None:
        self._inner: Decoder = MessagesDecoder(target)

    @property
    def done(self) -> bool:
        """Whether the inner stream's terminator has been seen."""
        return self._inner.done

    def feed(self, frame: bytes) -> ChatCompletionChunk | None:
        """Take in an event; give the chunk it makes, or None for one without content.

        Raises:
            ProviderError: the provider reports an error inside the stream.
            ProtocolError: the event cannot be read.
        """
        try:
            event = _decode_event(frame)
            if event.chunk is not None:
                return self._with_metrics(binascii.a2b_base64(event.chunk.bytes))
            kind = next(iter(msgspec.json.decode(frame, type=dict[str, Any])), "")
        except (*UNREADABLE, ValueError) as error:
            raise ProtocolError(str(error), dialect="bedrock_invoke", frame=frame) from error
        if kind == "error" or kind.endswith("Exception"):
            raise decode_error(None, {}, frame)
        return None

    def _with_metrics(self, inner: bytes) -> ChatCompletionChunk | None:
        """The inner event's chunk; the last one brings the service's own figures."""
        try:
            chunk = self._inner.feed(inner)
        except ProtocolError as error:
            self._inner = mending(self._inner, inner, error)
            chunk = self._inner.feed(inner)
        if not self._inner.done or _METRICS.encode() not in inner:
            return chunk
        told: dict[str, Any] = read_text(inner.decode())
        told = {name: told[name] for name in told if name == _METRICS}
        if chunk is None:
            chunk = ChatCompletionChunk(id="", model="", delta=MessageDelta())
        return msgspec.structs.replace(chunk, metadata={**(chunk.metadata or {}), **told})

    def close(self) -> ChatCompletionChunk | None:
        """The body has ended.

        Raises:
            StreamInterruptedError: it ended without the inner stream's terminator.
        """
        return self._inner.close()


codec = Codec(
    dialect="bedrock_invoke",
    framing=EventStreamFraming,
    limits=limits,
    write=write,
    stream_decoder=InvokeDecoder,
    decode=anthropic.decode,
    decode_error=decode_error,
    read_failure=read_failure,
    rules=RULES,
    rate_limits=rate_limits,
)
