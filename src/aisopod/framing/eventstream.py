"""AWS's binary event stream: https://smithy.io/2.0/aws/amazon-eventstream.html.

A frame is given as the JSON object `{"type of the event": payload}`: the union that the services'
models describe. So whoever reads it needs to know nothing of binary headers.
"""

import struct
from binascii import crc32

import msgspec

from aisopod.errors import ProtocolError
from aisopod.framing.framing import MAX_FRAME_BYTES, too_long

__all__ = ["EventStreamFraming"]

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LEAST = 16  # a prelude of 12 bytes, and the checksum at the end
# Lengths of values by their type; bytes (6) and strings (7) say their own.
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_KINDS = {"event": ":event-type", "exception": ":exception-type"}
_MOST_HEADS = 64


class EventStreamFraming:
    """Splits a body into its messages; both checksums of each are checked."""

    __slots__ = ("_broken", "_heads", "_held", "_missing", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        # What has come behind the rest, and how many bytes its message lacks: joined once, or a
        # long message costs its length squared.
        self._held: list[bytes] = []
        self._missing = 0
        self._broken: ProtocolError | None = None
        # A stream has a handful of different headers, and thousands of messages.
        self._heads: dict[bytes, bytes] = {}

    def feed(self, data: bytes) -> list[bytes]:
        """Take in the next bytes; give the messages they complete.

        Raises:
            ProtocolError: a checksum is wrong, or a message has not its form; what stood before
                it in the same bytes is given first, and the error by the next call.
        """
        if self._broken is not None:
            raise self._broken
        if len(data) < self._missing:
            self._held.append(data)
            self._missing -= len(data)
            return []
        buffer = b"".join([self._rest, *self._held, data]) if self._rest else data
        self._held, self._missing = [], 0
        frames: list[bytes] = []
        start, end = 0, len(buffer)
        try:
            while end - start >= _LEAST:
                after = start + _length(buffer, start)
                if after > end:
                    self._missing = after - end
                    break
                frames.append(self._message(buffer, start, after))
                start = after
        except ProtocolError as error:
            if not frames:
                raise
            self._broken = error
        self._rest = buffer[start:]
        return frames

    def close(self) -> list[bytes]:
        """Give a message that was cut short, which nobody can read.

        Raises:
            ProtocolError: what `feed` had yet to tell.
        """
        if self._broken is not None:
            raise self._broken
        rest = b"".join([self._rest, *self._held])
        self._rest, self._held, self._missing = b"", [], 0
        return [rest] if rest else []

    def _message(self, buffer: bytes, start: int, after: int) -> bytes:
        if crc32(buffer[start : after - 4]) != _CRC.unpack_from(buffer, after - 4)[0]:
            raise _broken("the checksum of a message is wrong", buffer[start:after])
        body = start + 12 + _CRC.unpack_from(buffer, start + 4)[0]
        return self._frame(buffer[start + 12 : body], buffer[body : after - 4])

    def _frame(self, headers: bytes, payload: bytes) -> bytes:
        head = self._heads.get(headers)
        if head is None:
            found = _headers(headers)
            kind = found.get(":message-type", "event")
            if kind == "error":
                # An error of the stream itself: all of it stands in the headers.
                told = {"code": found.get(":error-code"), "message": found.get(":error-message")}
                return msgspec.json.encode({"error": told})
            name = found.get(_KINDS.get(kind, ":event-type"), "")
            head = b"{" + msgspec.json.encode(name) + b":"
            if len(self._heads) < _MOST_HEADS:
                self._heads[headers] = head
        return head + (payload or b"{}") + b"}"


def _length(buffer: bytes, start: int) -> int:
    """The length of a message in bytes; its beginning has a checksum of its own."""
    total, headers, checksum = _PRELUDE.unpack_from(buffer, start)
    if crc32(buffer[start : start + 8]) != checksum:
        raise _broken("the checksum of a message's beginning is wrong", buffer[start:])
    if total > MAX_FRAME_BYTES:
        raise too_long("eventstream", buffer[start:])
    if total < _LEAST + headers:
        raise _broken("the lengths of a message contradict each other", buffer[start:])
    length: int = total
    return length


def _headers(data: bytes) -> dict[str, str]:
    """The headers that hold text."""
    found: dict[str, str] = {}
    place = 0
    try:
        while place < len(data):
            length = data[place]
            name = data[place + 1 : place + 1 + length].decode()
            place += length + 1
            kind = data[place]
            place += 1
            if kind in _FIXED:
                place += _FIXED[kind]
                continue
            if kind not in (6, 7):
                raise _broken(f"a header's value is of no known type ({kind})", data)
            size = int.from_bytes(data[place : place + 2], "big")
            if kind == 7:
                found[name] = data[place + 2 : place + 2 + size].decode()
            place += size + 2
    except (IndexError, UnicodeDecodeError) as error:
        raise _broken("the headers of a message cannot be read", data) from error
    if place != len(data):
        raise _broken("the headers of a message are cut short", data)
    return found


def _broken(reason: str, data: bytes) -> ProtocolError:
    return ProtocolError(reason, dialect="eventstream", frame=data[:200])
