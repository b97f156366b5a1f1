"""Newline-delimited JSON: one value a line; https://github.com/ndjson/ndjson-spec."""

from aisopod.framing.framing import MAX_FRAME_BYTES, too_long

__all__ = ["NdjsonFraming"]


class NdjsonFraming:
    """Splits a body into its lines; empty ones are skipped."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take in the next bytes; give the lines they complete.

        Raises:
            ProtocolError: a line is longer than MAX_FRAME_BYTES.
        """
        rest = self._rest
        if data.find(b"\n") < 0:
            self._rest = rest + data
            if len(self._rest) > MAX_FRAME_BYTES:
                raise too_long("ndjson", self._rest)
            return []
        lines = (rest + data if rest else data).split(b"\n")
        self._rest = lines.pop()
        return [line for line in lines if line.strip()]

    def close(self) -> list[bytes]:
        """Give a last line that was not ended."""
        rest, self._rest = self._rest, b""
        return [rest] if rest.strip() else []
