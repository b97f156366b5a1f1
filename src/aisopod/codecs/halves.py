r"""Answers whose JSON escapes half a character: a pair such as `\ud83d\ude00` that was cut in two.

JSON takes such a text (RFC 8259, section 8.2, calls what readers make of it unpredictable), msgspec
does not, and services cut tokens where they like. So a frame that cannot be read is looked at for
halves; they are written as characters that nobody uses, and joined in the chunks, or replaced where
their other half never comes. Streams without them pay nothing.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from aisopod.codecs.codec import Decoder, Target
from aisopod.codecs.text import sound
from aisopod.errors import ProtocolError
from aisopod.types import ChatCompletionChunk, MessageDelta, ToolCallDelta

__all__ = ["MendingDecoder", "decode_mended", "marked", "mending", "without_halves"]

# An escaped backslash and a whole pair are passed over, so that what is left is alone.
_LONE = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u([dD][89a-fA-F][0-9a-fA-F]{2})"
)
# As many characters for private use at the end of Unicode as there are halves.
_FIRST_HALF = 0xD800
_FIRST_MARK = 0x10F800
_HALVES = {_FIRST_MARK + at: _FIRST_HALF + at for at in range(0x800)}
_HIGH_MARKS = range(_FIRST_MARK, _FIRST_MARK + 0x400)


def marked(frame: bytes) -> bytes | None:
    """JSON with every lone half as a mark; None where there is none."""
    found = _LONE.sub(_mark, frame)
    return found if found != frame else None


def without_halves(body: bytes) -> bytes:
    """JSON in which every lone half is replaced by what stands for a broken character."""
    return _LONE.sub(lambda match: match[0] if match[1] is None else rb"\ufffd", body)


def _mark(match: re.Match[bytes]) -> bytes:
    half = match[1]
    if half is None:
        return match[0]
    return chr(_FIRST_MARK + int(half, 16) - _FIRST_HALF).encode()


def mending(decoder: Decoder, frame: bytes, error: ProtocolError) -> "MendingDecoder":
    """A decoder to go on with, for one that could not read a frame.

    Raises:
        ProtocolError: the given one, where it is not for halves.
    """
    if isinstance(decoder, MendingDecoder) or marked(frame) is None:
        raise error
    return MendingDecoder(decoder)


def decode_mended(
    decode: Callable[[bytes, Target], list[ChatCompletionChunk]],
    body: bytes,
    target: Target,
    error: ProtocolError,
) -> list[ChatCompletionChunk]:
    """The chunks of a plain body that could not be read.

    Raises:
        ProtocolError: the given one, where it is not for halves.
    """
    mended = marked(body)
    if mended is None:
        raise error
    return [_clean(chunk) for chunk in decode(mended, target)]


class MendingDecoder:
    """A decoder that joins halves of characters across the pieces of a text.

    Args:
        decoder: reads everything else.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        # By kind of text, or by a call's index: a half whose other one may come next.
        self._held: dict[str | int, str] = {}

    @property
    def done(self) -> bool:
        """Whether the answer has come to its end."""
        return self._decoder.done

    def feed(self, frame: bytes) -> ChatCompletionChunk | None:
        """Take in a frame; give the chunk it makes, or None for one without content."""
        mended = marked(frame)
        chunk = self._decoder.feed(frame if mended is None else mended)
        if chunk is None or (mended is None and not self._held):
            return chunk
        return self._joined(chunk)

    def close(self) -> ChatCompletionChunk | None:
        """The body has ended: what is held has no other half."""
        chunk = self._decoder.close()
        if not self._held:
            return chunk
        if chunk is None:
            chunk = ChatCompletionChunk(id="", model="", delta=MessageDelta())
        return self._joined(chunk, end=True)

    def _joined(self, chunk: ChatCompletionChunk, *, end: bool = False) -> ChatCompletionChunk:
        delta = chunk.delta
        end = end or chunk.finish_reason is not None
        # What is said elsewhere ends a text; calls may take turns.
        turn = end or delta.has_content or bool(delta.parts)
        calls = [
            msgspec.structs.replace(
                call, arguments=self._text(call.index, call.arguments, end=end) or ""
            )
            for call in delta.tool_calls or ()
        ]
        if end:
            told = {call.index for call in calls}
            calls += [
                ToolCallDelta(index=index, arguments=self._text(index, "", end=True) or "")
                for index in [key for key in self._held if isinstance(key, int)]
                if index not in told
            ]
        texts = {
            name: self._text(name, piece, end=end or (turn and not piece))
            for name in ("content", "thinking", "refusal")
            for piece in (getattr(delta, name),)
        }
        delta = msgspec.structs.replace(delta, tool_calls=calls or None, **texts)
        return _clean(msgspec.structs.replace(chunk, delta=delta))

    def _text(self, key: str | int, piece: str | None, *, end: bool) -> str | None:
        """A piece behind the half that is held for it, and without one that it ends in."""
        text = self._held.pop(key, "") + (piece or "")
        if text and not end and ord(text[-1]) in _HIGH_MARKS:
            self._held[key] = text[-1]
            text = text[:-1]
        return _plain(text) or None


def _plain(text: str) -> str:
    """Marks as the characters that they make together, or as what stands for a broken one."""
    return sound(text.translate(_HALVES))


def _clean(chunk: ChatCompletionChunk) -> ChatCompletionChunk:
    found: ChatCompletionChunk = _unmarked(chunk)
    return found


def _unmarked(value: Any) -> Any:  # noqa: ANN401 - a chunk and whatever it holds
    """The same without marks."""
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, list):
        return [_unmarked(each) for each in value]
    if isinstance(value, dict):
        return {_unmarked(name): _unmarked(each) for name, each in value.items()}
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        changed = {name: new for name, old in fields.items() if (new := _unmarked(old)) != old}
        return msgspec.structs.replace(value, **changed) if changed else value
    return value
