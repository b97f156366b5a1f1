"""Answers that escape halves of characters, which the simulator's own texts cannot hold."""

import base64
import re

import msgspec

from aisopod.codecs.bedrock_invoke.codec import codec as invoke
from aisopod.codecs.codec import Decoder
from aisopod.codecs.halves import decode_mended, mending
from aisopod.errors import ProtocolError
from aisopod.normalise.target import Target
from aisopod.simulator import Reply
from aisopod.types import ChatCompletion, fold
from support.dialects import DIALECTS, Dialect
from support.mutations import wire_body

__all__ = ["DECODED", "escaped", "in_halves", "read_frames", "read_plain", "read_stream", "sign"]

INVOKE = Dialect(
    name="bedrock_invoke",
    codec=invoke,
    provider="bedrock-anthropic",
    model="anthropic.claude-sonnet-4-5",
)
DECODED = [*DIALECTS, INVOKE]
# As many characters as there are halves: U+F0000 to U+F07FF.
_SIGN = re.compile(rb"\xf3\xb0[\x80-\x9f][\x80-\xbf]")


def sign(half: int) -> str:
    """What stands for a half in the simulator's answers."""
    return chr(half - 0xD800 + 0xF0000)


def in_halves(text: str) -> str:
    """A text with two signs for each character that takes two escapes."""
    return "".join(
        char
        if ord(char) < 0x10000
        else sign(0xD800 + (ord(char) - 0x10000 >> 10)) + sign(0xDC00 + (ord(char) & 0x3FF))
        for char in text
    )


def escaped(frame: bytes) -> bytes:
    """With escaped halves for their signs, also in the frames within InvokeModel's."""
    found = msgspec.json.decode(frame) if frame.startswith(b'{"chunk"') else None
    if found is not None:
        inner = escaped(base64.b64decode(found["chunk"]["bytes"]))
        return msgspec.json.encode({"chunk": {"bytes": base64.b64encode(inner).decode()}})
    return _SIGN.sub(_escape, frame)


def _escape(match: re.Match[bytes]) -> bytes:
    half = ord(match[0].decode()) - 0xF0000 + 0xD800
    # Both ways to spell it are JSON.
    return b"\\u" + (b"%04x" if half < 0xDC00 else b"%04X") % half


def read_stream(dialect: Dialect, reply: Reply) -> ChatCompletion:
    """What an exchange makes of the simulator's stream with halves in it."""
    framing = dialect.codec.framing()
    frames = [*framing.feed(wire_body(dialect.name, reply)), *framing.close()]
    return read_frames(dialect, list(map(escaped, frames)))


def read_frames(dialect: Dialect, frames: list[bytes]) -> ChatCompletion:
    """What an exchange makes of frames."""
    decoder: Decoder = dialect.codec.stream_decoder(Target(provider=dialect.provider, model="m"))
    chunks = []
    for frame in frames:
        try:
            chunks.append(decoder.feed(frame))
        except ProtocolError as error:
            decoder = mending(decoder, frame, error)
            chunks.append(decoder.feed(frame))
    chunks.append(decoder.close())
    return fold([chunk for chunk in chunks if chunk is not None])


def read_plain(dialect: Dialect, body: bytes) -> ChatCompletion:
    """What an exchange makes of a plain body."""
    target = Target(provider=dialect.provider, model="m")
    try:
        return fold(dialect.codec.decode(body, target))
    except ProtocolError as error:
        return fold(decode_mended(dialect.codec.decode, body, target, error))
