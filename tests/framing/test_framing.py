"""Any split of the bytes gives the same frames; the frames are what was put in."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisopod.errors import ProtocolError
from aisopod.framing import MAX_FRAME_BYTES, Framing, NdjsonFraming, SseFraming

ENDINGS = st.sampled_from([b"\n", b"\r\n", b"\r"])
# Of the pieces that event streams are made of, in any order: most are no event at all.
SCRAPS = st.lists(
    st.sampled_from(
        [b"data: a", b"data:b", b"data", b"data: ", b"event: x", b"id: 3", b": ping", b"\n", b"\n\n",
         b"\r", b"\r\n", b"\xef\xbb\xbf", b"retry", "data: 👋".encode(), b"\n\ndata: z", b" "]
    ),
    max_size=24,
).map(b"".join)  # fmt: skip
LINES = st.text(
    alphabet=st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1
).map(str.encode)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[i:j] for i, j in pairwise(edges)]


def read(framing: Framing, pieces: list[bytes]) -> list[bytes]:
    frames = [frame for piece in pieces for frame in framing.feed(piece)]
    return frames + framing.close()


@given(SCRAPS, st.lists(st.integers(0, 10_000), max_size=12))
def test_any_split_of_an_event_stream(data: bytes, places: list[int]) -> None:
    whole = read(SseFraming(), [data])
    assert read(SseFraming(), cut(data, places)) == whole
    assert read(SseFraming(), [data[i : i + 1] for i in range(len(data))]) == whole


@given(st.lists(st.lists(LINES, min_size=1, max_size=3), max_size=8), ENDINGS, st.booleans())
def test_events_come_out_as_they_were_put_in(
    events: list[list[bytes]], ending: bytes, named: bool
) -> None:
    data = b"".join(
        (b"event: e" + ending if named else b"")
        + b"".join(b"data: " + line + ending for line in lines)
        + ending
        for lines in events
    )
    assert read(SseFraming(), [data]) == [b"\n".join(lines) for lines in events]


@given(st.lists(LINES.filter(bytes.strip), max_size=8), st.lists(st.integers(0, 10_000)))
def test_any_split_of_lines(lines: list[bytes], places: list[int]) -> None:
    data = b"\n".join(lines)
    assert read(NdjsonFraming(), cut(data, places)) == lines
    assert read(NdjsonFraming(), cut(data + b"\n\n", places)) == lines


def test_what_other_lines_say_is_left_out() -> None:
    data = b"\xef\xbb\xbf: hello\n\nid: 1\nevent: x\ndata: a\ndata:b\nretry: 3\n\n\n\ndata\n\n"
    assert read(SseFraming(), [data]) == [b"a\nb", b""]


def test_an_event_without_its_empty_line_is_given_at_the_end() -> None:
    framing = SseFraming()
    assert framing.feed(b"data: a\n\ndata: [DONE]\n") == [b"a"]
    assert framing.close() == [b"[DONE]"]
    assert framing.close() == []


@pytest.mark.parametrize(("framing", "start"), [(SseFraming(), b"data: "), (NdjsonFraming(), b"")])
def test_an_endless_frame_is_refused(framing: Framing, start: bytes) -> None:
    piece = b"x" * (1 << 20)
    with pytest.raises(ProtocolError, match="longer than"):
        framing.feed(start)
        for _ in range(MAX_FRAME_BYTES // len(piece) + 2):
            framing.feed(piece)
