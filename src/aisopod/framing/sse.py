"""Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream.

Only the `data` of an event is given on: the wires read here repeat the event's name inside it.
"""

from aisopod.framing.framing import MAX_FRAME_BYTES, too_long

__all__ = ["SseFraming"]

_BOM = b"\xef\xbb\xbf"


class SseFraming:
    """Splits an event stream into the payloads of its events."""

    __slots__ = ("_after_cr", "_crlf", "_fresh", "_held", "_rest", "_size", "_start")

    def __init__(self) -> None:
        self._rest = b""
        # What has come behind the rest without ending its event, and the size of both: joined
        # once, or a long event costs its length squared.
        self._held: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._start = True
        # Whether nothing but the rest of the last read is to be remembered.
        self._fresh = False
        # Whether the rest is as it came, with lines that end in CR LF.
        self._crlf = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take in the next bytes; give the payloads of the events they complete.

        Raises:
            ProtocolError: an event is longer than MAX_FRAME_BYTES.
        """
        # Nearly every read is of events of one line of data, perhaps behind the event's name.
        # (13 is CR: looking for a number is ten times faster than for a byte string.)
        if self._fresh and not self._held:
            rest = self._rest
            buffer = rest + data if rest else data
            separator = b"\n\n" if 13 not in data and not self._crlf else b"\r\n\r\n"
            end = buffer.rfind(separator)
            payloads = _simple_payloads(buffer, end, separator) if end > 0 else None
            if payloads is not None:
                self._rest = buffer[end + len(separator) :]
                self._crlf = len(separator) == 4
                return payloads
            if self._crlf:
                data, self._rest, self._crlf = buffer, b"", False
        payloads = self._feed_any(data)
        self._fresh = not (self._after_cr or self._start)
        return payloads

    def close(self) -> list[bytes]:
        """Give an event that was not followed by its empty line; some servers end so."""
        rest = b"".join([self._rest, *self._held])
        self._rest, self._held = b"", []
        payload = _payload(self._with_lf(rest) if self._crlf else rest)
        return [] if payload is None else [payload]

    def _feed_any(self, data: bytes) -> list[bytes]:
        if self._after_cr or b"\r" in data:
            data = self._with_lf(data)
        rest = self._rest
        if self._held:
            if not self._ends(data):
                return self._hold(data)
            rest = b"".join([rest, *self._held])
            self._held = []
        buffer = rest + data if rest else data
        if self._start:
            # A byte order mark may open the stream; wait until it can be told from other bytes.
            if len(buffer) < len(_BOM) and _BOM.startswith(buffer):
                self._rest = buffer
                return []
            self._start = False
            buffer = buffer.removeprefix(_BOM)
            rest = b""
        if buffer.find(b"\n\n", max(len(rest) - 1, 0)) < 0:
            self._rest, self._size = b"", 0
            return self._hold(buffer)
        events = buffer.split(b"\n\n")
        self._rest = events.pop()
        return [payload for event in events if (payload := _payload(event)) is not None]

    def _ends(self, data: bytes) -> bool:
        """Whether an event ends in the data, perhaps with the line end that came before it."""
        return b"\n\n" in data or (data[:1] == b"\n" and self._held[-1][-1:] == b"\n")

    def _hold(self, data: bytes) -> list[bytes]:
        if data:
            self._held.append(data)
            self._size += len(data)
        if self._size > MAX_FRAME_BYTES:
            raise too_long("sse", b"".join(self._held))
        return []

    def _with_lf(self, data: bytes) -> bytes:
        """Make every line end in LF; a CR LF pair may be split over two reads."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            if not data:
                self._after_cr = False
                return data
        if data:
            self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _simple_payloads(buffer: bytes, end: int, separator: bytes) -> list[bytes] | None:
    """The payloads of the events before `end`, if each has its data in one line; else None.

    The separators found, counting line ends proves that there are no further lines.
    """
    if buffer[:6] == b"data: ":
        payloads = buffer[6:end].split(separator + b"data: ")
        lines = 2 * len(payloads) - 2
    elif buffer[:7] == b"event: ":
        events = buffer[7:end].split(separator + b"event: ")
        payloads = [
            event.partition(separator[: len(separator) // 2] + b"data: ")[2] for event in events
        ]
        lines = 3 * len(payloads) - 2
        if b"" in payloads:
            return None
    else:
        return None
    if buffer.count(b"\n", 0, end) != lines:
        return None
    # Where lines end in CR LF all of them must: a line may end in LF or CR alone, too.
    if len(separator) == 4 and buffer.count(b"\r", 0, end) != lines:
        return None
    return payloads


def _payload(event: bytes) -> bytes | None:
    """The data of one event: lines joined by LF, one leading space each left out."""
    lines = [
        line[5:].removeprefix(b" ")
        for line in event.split(b"\n")
        if line.startswith(b"data:") or line == b"data"
    ]
    if not lines and event.startswith(b"{"):
        # No field of an event: services that fail in mid-stream write their error so, as it would
        # stand in a plain answer. Google does; it is no valid event stream.
        return event
    return b"\n".join(lines) if lines else None
