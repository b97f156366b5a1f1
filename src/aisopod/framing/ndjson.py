"""Newline-delimited JSON: one value a line; https://github.com/ndjson/ndjson-spec."""

from aisopod.framing.framing import MAX_FRAME_BYTES, too_long

__all__ = ["NdjsonFraming"]


class NdjsonFraming:
    """Splits a body into its lines; empty ones are skipped."""

    __slots__ = ("_held", "_size")

    def __init__(self) -> None:
        # Pieces of a line without its end: joined once, or a long line costs its length squared.
        self._held: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take in the next bytes; give the lines they complete.

        Raises:
            ProtocolError: a line is longer than MAX_FRAME_BYTES.
        """
        held = self._held
        if data.find(b"\n") < 0:
            held.append(data)
            self._size += len(data)
            if self._size > MAX_FRAME_BYTES:
                raise too_long("ndjson", b"".join(held))
            return []
        lines = (b"".join([*held, data]) if held else data).split(b"\n")
        rest = lines.pop()
        self._held = [rest] if rest else []
        self._size = len(rest)
        return [line for line in lines if line.strip()]

    def close(self) -> list[bytes]:
        """Give a last line that was not ended."""
        rest = b"".join(self._held)
        self._held, self._size = [], 0
        return [rest] if rest.strip() else []
