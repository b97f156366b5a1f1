"""Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream.

Only the `data` of an event is given on: the wires read here repeat the event's name inside it.
"""

from aisopod.framing.framing import MAX_FRAME_BYTES, too_long

__all__ = ["SseFraming"]

_BOM = b"\xef\xbb\xbf"


class SseFraming:
    """Splits an event stream into the payloads of its events."""

    __slots__ = ("_after_cr", "_rest", "_start", "_whole")

    def __init__(self) -> None:
        self._rest = b""
        self._after_cr = False
        self._start = True
        # Whether the last read ended with an event, and nothing is to be remembered.
        self._whole = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take in the next bytes; give the payloads of the events they complete.

        Raises:
            ProtocolError: an event is longer than MAX_FRAME_BYTES.
        """
        # The usual read is one event: a line of data, or an event's name and its data. (The
        # number 13 is CR: looking for a number is ten times faster than for a byte string.)
        if self._whole and 13 not in data:
            lines = data.split(b"\n")
            if len(lines) == 4 and lines[0][:6] == b"event:":
                del lines[0]
            if len(lines) == 3 and lines[0][:6] == b"data: " and not (lines[1] or lines[2]):
                return [lines[0][6:]]
        payloads = self._feed_any(data)
        self._whole = not (self._rest or self._after_cr or self._start)
        return payloads

    def close(self) -> list[bytes]:
        """Give an event that was not followed by its empty line; some servers end so."""
        payload = _payload(self._rest)
        self._rest = b""
        return [] if payload is None else [payload]

    def _feed_any(self, data: bytes) -> list[bytes]:
        if self._after_cr or b"\r" in data:
            data = self._with_lf(data)
        rest = self._rest
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
            if len(buffer) > MAX_FRAME_BYTES:
                raise too_long("sse", buffer)
            self._rest = buffer
            return []
        events = buffer.split(b"\n\n")
        self._rest = events.pop()
        return [payload for event in events if (payload := _payload(event)) is not None]

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


def _payload(event: bytes) -> bytes | None:
    """The data of one event: lines joined by LF, one leading space each left out."""
    # One line of data, perhaps after the event's name, is nearly every event. (10 is LF.)
    line = event.partition(b"\n")[2] if event[:6] == b"event:" else event
    if line[:6] == b"data: " and 10 not in line:
        return line[6:]
    lines = [
        line[5:].removeprefix(b" ")
        for line in event.split(b"\n")
        if line.startswith(b"data:") or line == b"data"
    ]
    return b"\n".join(lines) if lines else None
