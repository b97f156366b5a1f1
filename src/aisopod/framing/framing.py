"""What every framing is."""

from typing import Protocol

from aisopod.errors import ProtocolError

__all__ = ["MAX_FRAME_BYTES", "Framing", "too_long"]

MAX_FRAME_BYTES = 32 * 1024 * 1024
"""The longest frame that is gathered. Anthropic's largest request is 32 MB; answers are smaller."""


class Framing(Protocol):
    """Turns the bytes of one body into frames. It never waits and holds at most one frame."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take in the next bytes; give the payloads of the frames they complete.

        Raises:
            ProtocolError: a frame is longer than MAX_FRAME_BYTES.
        """

    def close(self) -> list[bytes]:
        """The body has ended: give what a peer left without its last separator."""


def too_long(dialect: str, start: bytes) -> ProtocolError:
    """The error for a frame that does not end."""
    return ProtocolError(
        f"a frame is longer than {MAX_FRAME_BYTES} bytes", dialect=dialect, frame=start[:80]
    )
