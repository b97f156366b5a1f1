"""AWS's event stream, against botocore's reading."""

import struct
import zlib
from itertools import pairwise

import msgspec
import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from aisopod.errors import ProtocolError
from aisopod.framing import MAX_FRAME_BYTES, EventStreamFraming

JSON_OBJECTS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=3)
NAMES = st.text(st.characters(codec="ascii", min_codepoint=97, max_codepoint=122), min_size=1,
                max_size=12)  # fmt: skip

# A value of each type, as it stands on the wire.
VALUES = st.one_of(
    st.sampled_from([b"\x00", b"\x01"]),
    st.binary(min_size=1, max_size=1).map(lambda data: b"\x02" + data),
    st.binary(min_size=2, max_size=2).map(lambda data: b"\x03" + data),
    st.binary(min_size=4, max_size=4).map(lambda data: b"\x04" + data),
    st.binary(min_size=8, max_size=8).map(lambda data: b"\x05" + data),
    st.binary(max_size=20).map(lambda data: b"\x06" + struct.pack(">H", len(data)) + data),
    NAMES.map(lambda text: b"\x07" + struct.pack(">H", len(text)) + text.encode()),
    st.just(b"\x08" + struct.pack(">Q", 1_700_000_000_000)),
    st.binary(min_size=16, max_size=16).map(lambda data: b"\x09" + data),
)


def text(value: str) -> bytes:
    return b"\x07" + struct.pack(">H", len(value)) + value.encode()


def message(headers: dict[str, bytes], payload: bytes) -> bytes:
    head = b"".join(bytes([len(name)]) + name.encode() + value for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    whole = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


def event(kind: str, payload: bytes, **more: bytes) -> bytes:
    return message({":event-type": text(kind), ":message-type": text("event"), **more}, payload)


MESSAGES = st.lists(
    st.builds(
        lambda kind, payload, odd: event(
            kind,
            msgspec.json.encode(payload),
            **{f"x-{name}": value for name, value in odd.items()},
        ),
        NAMES,
        JSON_OBJECTS,
        st.dictionaries(NAMES, VALUES, max_size=4),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(MESSAGES, st.lists(st.integers(0, 10_000), max_size=5))
def test_any_split_is_botocore_s_reading(messages: list[bytes], places: list[int]) -> None:
    body = b"".join(messages)
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    theirs = [
        b'{"' + each.headers[":event-type"].encode() + b'":' + each.payload + b"}"
        for each in buffer
    ]
    framing = EventStreamFraming()
    cuts = sorted({place % (len(body) + 1) for place in places} | {0, len(body)})
    ours = [frame for start, end in pairwise(cuts) for frame in framing.feed(body[start:end])]
    assert ours == theirs
    assert framing.close() == []


@settings(max_examples=300, deadline=None)
@given(MESSAGES, st.integers(0), st.integers(0, 7))
def test_a_flipped_bit_is_never_a_frame(messages: list[bytes], place: int, bit: int) -> None:
    body = bytearray(b"".join(messages))
    whole = EventStreamFraming().feed(bytes(body))
    body[place % len(body)] ^= 1 << bit
    framing = EventStreamFraming()
    frames: list[bytes] = []
    with pytest.raises(ProtocolError):
        frames += framing.feed(bytes(body))
        framing.close()
    assert frames == whole[: len(frames)]


def test_exceptions_and_errors_are_events_too() -> None:
    kinds = {":message-type": text("exception"), ":exception-type": text("throttlingException")}
    error = {":message-type": text("error"), ":error-code": text("Internal"),
             ":error-message": text("why")}  # fmt: skip
    body = message(kinds, b'{"message":"slow"}') + message(error, b"")
    assert EventStreamFraming().feed(body) == [
        b'{"throttlingException":{"message":"slow"}}',
        b'{"error":{"code":"Internal","message":"why"}}',
    ]


def test_a_message_without_payload_is_an_empty_object() -> None:
    assert EventStreamFraming().feed(event("ping", b"")) == [b'{"ping":{}}']


def test_a_message_that_was_cut_is_given_as_what_nobody_can_read() -> None:
    framing = EventStreamFraming()
    body = event("a", b"{}")
    assert framing.feed(body[:-1]) == []
    assert framing.close() == [body[:-1]]


def test_headers_that_are_none() -> None:
    for headers in ({"x": b"\x0a"}, {"x": b"\x07\x00\x09abc"}, {"x": b"\x07\x00"}, {"x": b""}):
        with pytest.raises(ProtocolError, match="header"):
            EventStreamFraming().feed(message(headers, b"{}"))


def test_lengths_that_contradict_each_other() -> None:
    prelude = struct.pack(">II", 20, 100)
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + bytes(8)
    with pytest.raises(ProtocolError, match="contradict"):
        EventStreamFraming().feed(body)


def test_an_endless_message_is_refused_before_it_is_gathered() -> None:
    prelude = struct.pack(">II", MAX_FRAME_BYTES + 1, 0)
    with pytest.raises(ProtocolError, match="longer than"):
        EventStreamFraming().feed(prelude + struct.pack(">I", zlib.crc32(prelude)) + bytes(8))


def test_what_stood_before_a_broken_message_is_given_first() -> None:
    good, bad = event("a", b"{}"), bytearray(event("b", b"{}"))
    bad[-1] ^= 1
    framing = EventStreamFraming()
    assert framing.feed(good + bytes(bad)) == [b'{"a":{}}']
    with pytest.raises(ProtocolError, match="checksum"):
        framing.feed(b"")
    with pytest.raises(ProtocolError, match="checksum"):
        framing.close()


def test_many_kinds_of_headers_are_not_kept_for_ever() -> None:
    framing = EventStreamFraming()
    for number in range(500):
        framing.feed(event(f"kind{number}", b"{}"))
    assert len(framing._heads) <= 64
