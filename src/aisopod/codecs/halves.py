r"""Answers whose JSON escapes half a character: a pair such as `\ud83d\ude00` that was cut in two.

JSON takes such a text (RFC 8259, section 8.2, calls what readers make of it unpredictable), msgspec
does not, and services cut tokens where they like. So a frame that cannot be read is looked at for
halves; they are written as marks, which the decoders read as any character, and joined in the
chunks, or replaced where their other half never comes. Streams without them pay nothing.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from aisopod.codecs.codec import Decoder, Target
from aisopod.codecs.text import sound
from aisopod.errors import ProtocolError, ProviderError
from aisopod.types import ChatCompletionChunk, MessageDelta, ThinkingPart, ToolCallDelta

__all__ = ["MendingDecoder", "decode_mended", "marked", "mending"]

# The marks: as many characters for private use, at the end of Unicode, as there are halves.
_FIRST_HALF = 0xD800
_FIRST_MARK = 0x10F800
_HALVES = {_FIRST_MARK + at: _FIRST_HALF + at for at in range(0x800)}
# An escaped backslash and a whole pair are passed over, so that what is left is alone. A text may
# have one of the marks' characters for itself, as an escape or as it is: it is written as two marks.
_MARKED = re.compile(
    rb"\\\\"
    rb"|\\u(?P<first>[dD][bB][fF][eEfF])\\u(?P<second>[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u(?P<half>[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|(?P<own>\xf4\x8f[\xa0-\xbf][\x80-\xbf])"
)
_HIGH_MARKS = range(_FIRST_MARK, _FIRST_MARK + 0x400)
_TEXTS = ("thinking", "content", "refusal")


def marked(frame: bytes) -> bytes | None:
    """JSON with a mark for every lone half; None where there is nothing to mark."""
    found = _MARKED.sub(_mark, frame)
    return found if found != frame else None


def _mark(match: re.Match[bytes]) -> bytes:
    if own := match["own"]:
        halves = own.decode().encode("utf-16-be")
        return (_of(halves[:2].hex()) + _of(halves[2:].hex())).encode()
    digits = [found for name in ("first", "second", "half") if (found := match[name])]
    return "".join(_of(half.decode()) for half in digits).encode() or match[0]


def _of(half: str) -> str:
    return chr(_FIRST_MARK + int(half, 16) - _FIRST_HALF)


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
        ProviderError: the body is an error.
    """
    mended = marked(body)
    if mended is None:
        raise error
    joiner = _Joiner()
    try:
        chunks = [joiner.read(chunk) for chunk in decode(mended, target)]
    except (ProtocolError, RecursionError):
        raise error from None
    except ProviderError as refusal:
        raise _said(refusal) from None
    return [*chunks, *filter(None, [joiner.close(None)])]


class MendingDecoder:
    """A decoder that joins halves of characters across the pieces of a text.

    Args:
        decoder: reads everything else.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._joiner = _Joiner()

    @property
    def done(self) -> bool:
        """Whether the answer has come to its end."""
        return self._decoder.done

    def feed(self, frame: bytes) -> ChatCompletionChunk | None:
        """Take in a frame; give the chunk it makes, or None for one without content.

        Raises:
            ProviderError: the provider reports an error inside the stream.
            ProtocolError: the frame cannot be read.
        """
        mended = marked(frame)
        try:
            chunk = self._decoder.feed(frame if mended is None else mended)
            # Also without a mark in this frame: some things are kept, and given on at their end.
            return None if chunk is None else self._joiner.read(chunk)
        except ProviderError as error:
            raise _said(error) from error.__cause__
        except (ProtocolError, RecursionError) as error:
            if mended is not None:
                self._decoder.feed(frame)  # tells what is wrong in the peer's own bytes
            if isinstance(error, ProtocolError):
                raise
            raise ProtocolError("too deep a nesting", dialect="halves", frame=frame) from error

    def close(self) -> ChatCompletionChunk | None:
        """The body has ended: what is held has no other half.

        Raises:
            StreamInterruptedError: it ended without its terminator.
            ProviderError: the provider had reported an error.
        """
        try:
            return self._joiner.close(self._decoder.close())
        except ProviderError as error:
            raise _said(error) from error.__cause__


class _Joiner:
    """Joins the halves in the chunks of one answer.

    A half is held until its text or its call goes on or ends, as the fold tells these.
    """

    def __init__(self) -> None:
        # By kind of text, or by a call's index.
        self._held: dict[str | int, str] = {}

    def read(self, chunk: ChatCompletionChunk, *, end: bool = False) -> ChatCompletionChunk:
        """The chunk with whole characters."""
        delta = chunk.delta
        end = end or chunk.finish_reason is not None
        ending = set(_TEXTS) if end else _ended(delta)
        texts = {
            name: self._text(name, getattr(delta, name), end=name in ending) for name in _TEXTS
        }
        calls = self._calls(delta.tool_calls or [], end=end)
        delta = msgspec.structs.replace(delta, tool_calls=calls or None, **texts)
        said: ChatCompletionChunk = _unmarked(msgspec.structs.replace(chunk, delta=delta))
        return said

    def close(self, chunk: ChatCompletionChunk | None) -> ChatCompletionChunk | None:
        """The last chunk, with what is still held."""
        if chunk is None and not self._held:
            return None
        empty = ChatCompletionChunk(id="", model="", delta=MessageDelta())
        return self.read(chunk or empty, end=True)

    def _calls(self, calls: list[ToolCallDelta], *, end: bool) -> list[ToolCallDelta]:
        if end:
            told = {call.index for call in calls}
            calls = [
                *calls,
                *(
                    ToolCallDelta(index=key)
                    for key in self._held
                    if isinstance(key, int) and key not in told
                ),
            ]
        return [
            msgspec.structs.replace(
                call, arguments=self._text(call.index, call.arguments, end=end) or ""
            )
            for call in calls
        ]

    def _text(self, key: str | int, piece: str | None, *, end: bool) -> str | None:
        """A piece behind the half that is held for it, and without one that it ends in."""
        text = self._held.pop(key, "") + (piece or "")
        if text and not end and ord(text[-1]) in _HIGH_MARKS:
            self._held[key] = text[-1]
            text = text[:-1]
        return text or None


def _ended(delta: MessageDelta) -> set[str]:
    """The texts that nothing can go on with behind this delta."""
    # A call's first piece has its id; the later ones end no text.
    called = any(call.id for call in delta.tool_calls or ())
    ended = {"thinking"} if delta.content or delta.parts or called else set()
    # Within a delta thinking stands first: to end a text there would cut the thinking in two, and
    # what is signed must stay whole. So it waits until the thinking is over.
    if called or (delta.parts and not isinstance(delta.parts[0], ThinkingPart)):
        ended.add("content")
    return ended


def _said(error: ProviderError) -> ProviderError:
    """An error without marks."""
    error.args = tuple(map(_unmarked, error.args))
    for name, value in vars(error).items():
        vars(error)[name] = _unmarked(value)
    return error


def _unmarked(value: Any) -> Any:  # noqa: ANN401 - a chunk and whatever it holds
    """The same with the characters that marks make together, or what stands for a broken one."""
    if isinstance(value, str):
        return value if value.isascii() else sound(value.translate(_HALVES))
    if isinstance(value, list):
        return [_unmarked(each) for each in value]
    if isinstance(value, dict):
        return {_unmarked(name): _unmarked(each) for name, each in value.items()}
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        changed = {name: new for name, old in fields.items() if (new := _unmarked(old)) != old}
        return msgspec.structs.replace(value, **changed) if changed else value
    return value
