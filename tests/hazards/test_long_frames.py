"""Frames of megabytes that come in small pieces: time grows with their length, not its square."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from aisopod.errors import ProtocolError
from aisopod.framing import (
    MAX_FRAME_BYTES,
    EventStreamFraming,
    Framing,
    NdjsonFraming,
    SseFraming,
)
from aisopod.simulator.eventstream import event

MEGABYTE = 1024 * 1024
PIECE = 512


def line(size: int) -> bytes:
    return b'{"a":"%s"}' % (b"x" * size)


MAKERS: dict[str, tuple[Callable[[], Framing], Callable[[int], bytes]]] = {
    "sse": (SseFraming, lambda size: b"data: %s\n\n" % line(size)),
    "sse-crlf": (SseFraming, lambda size: b"data: %s\r\n\r\n" % line(size)),
    "sse-lines": (SseFraming, lambda size: b"data: x\n" * (size // 8) + b"\n"),
    "ndjson": (NdjsonFraming, lambda size: line(size) + b"\n"),
    "eventstream": (EventStreamFraming, lambda size: event("chunk", line(size))),
}
framings = pytest.mark.parametrize("name", MAKERS)


def fed(framing: Framing, body: bytes, piece: int = PIECE) -> list[bytes]:
    frames: list[bytes] = []
    for start in range(0, len(body), piece):
        frames += framing.feed(body[start : start + piece])
    return frames + framing.close()


def cost(act: Callable[[], Any]) -> float:
    """CPU seconds, the least of three."""

    def once() -> float:
        begun = time.process_time()
        act()
        return time.process_time() - begun

    return min(once() for _ in range(3))


@framings
def test_time_is_linear(name: str) -> None:
    make, body_of = MAKERS[name]
    small, large = body_of(MEGABYTE), body_of(8 * MEGABYTE)
    ratio = cost(lambda: fed(make(), large)) / cost(lambda: fed(make(), small))
    assert ratio < 24, f"8 times the length costs {ratio:.0f} times the time"


@framings
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_any_piece_gives_the_same(name: str, piece: int) -> None:
    make, body_of = MAKERS[name]
    body = body_of(3000) + body_of(40) + body_of(2000)
    assert fed(make(), body, piece) == fed(make(), body, len(body))
    assert len(fed(make(), body)) == 3


@pytest.mark.parametrize(
    ("framing", "start"),
    [(SseFraming(), b"data: "), (NdjsonFraming(), b"{"), (SseFraming(), b"\xef\xbb\xbfdata: ")],
    ids=["sse", "ndjson", "sse-bom"],
)
def test_an_endless_line_ends_in_an_error(framing: Framing, start: bytes) -> None:
    piece = b"x" * MEGABYTE
    framing.feed(start)
    with pytest.raises(ProtocolError, match=f"longer than {MAX_FRAME_BYTES} bytes"):
        for _ in range(40):
            framing.feed(piece)


def test_a_binary_message_may_not_claim_to_be_endless() -> None:
    import struct
    from binascii import crc32

    prelude = struct.pack(">II", 2**31, 0)
    head = prelude + struct.pack(">I", crc32(prelude)) + b"xxxx"
    with pytest.raises(ProtocolError, match="longer than"):
        EventStreamFraming().feed(head)


def test_a_whole_frame_below_the_limit_is_given() -> None:
    body = b"data: " + msgspec.json.encode({"a": "x" * (MAX_FRAME_BYTES - 100)}) + b"\n\n"
    assert [len(frame) for frame in fed(SseFraming(), body, 64 * 1024)] == [len(body) - 8]
