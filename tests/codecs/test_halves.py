r"""Halves of characters that answers escape: joined where both come, else replaced, and nothing lost."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisopod.codecs.arguments import arguments_object
from aisopod.codecs.halves import mending
from aisopod.errors import ContentFilterError, OverloadedError, ProtocolError
from aisopod.normalise.notes import Notes
from aisopod.normalise.target import Target
from aisopod.simulator import Reply
from aisopod.types import Message, OpaquePart, Part, TextPart, ThinkingPart, ToolCall
from support.dialects import Dialect, named
from support.halves import DECODED, escaped, in_halves, read_frames, read_plain, read_stream, sign
from support.mutations import wire_body

BY_NAME = {dialect.name: dialect for dialect in DECODED}
HIGH, LOW = sign(0xD83D), sign(0xDE00)
on_each = pytest.mark.parametrize("dialect", DECODED, ids=named)

# Any text, with many characters that take two escapes, some of which the marks are made of; without
# those that stand for halves here.
texts = st.text(
    st.one_of(
        st.characters(min_codepoint=0x10000, max_codepoint=0xEFFFF),
        st.characters(min_codepoint=0x10F700),
        st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]),
    ),
    min_size=1,
    max_size=20,
)


@on_each
@given(text=texts, size=st.integers(1, 5))
@settings(max_examples=80, deadline=None)
def test_a_text_in_escapes_cut_anywhere(dialect: Dialect, text: str, size: int) -> None:
    arguments = msgspec.json.encode({"a": in_halves(text)}).decode()
    reply = Reply(
        content=[ThinkingPart(text=f"T{in_halves(text)}"), TextPart(text=f"A{in_halves(text)}")],
        tool_calls=[ToolCall(id="call_1", name="weather", arguments=arguments)],
        chunk_chars=size,
    )
    answer = read_stream(dialect, reply)
    assert (answer.thinking, answer.text) == (f"T{text}", f"A{text}")
    assert answer.tool_calls[0].parse() == {"a": text}


@on_each
@pytest.mark.parametrize("said", [f"a{HIGH}{LOW}b", f"{HIGH}", f"{LOW}{HIGH}", f"\U0010ffff{HIGH}"])
def test_plain_and_streamed_fold_to_the_same(dialect: Dialect, said: str) -> None:
    arguments = msgspec.json.encode({"a": said}).decode()
    reply = Reply(
        content=[ThinkingPart(text=said), TextPart(text=said)],
        tool_calls=[ToolCall(id="call_1", name="weather", arguments=arguments)],
        chunk_chars=1,
    )
    plain = read_plain(dialect, escaped(wire_body(dialect.name, reply, stream=False)))
    streamed = read_stream(dialect, reply)
    assert plain.text == streamed.text
    assert plain.thinking == streamed.thinking
    assert plain.tool_calls[0].parse() == streamed.tool_calls[0].parse()


# --- frames by hand -----------------------------------------------------------------------------

START = (
    b'{"type":"message_start","message":{"id":"m","role":"assistant","model":"x","content":[],'
    b'"usage":{"input_tokens":1,"output_tokens":1}}}'
)
END = [
    b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}',
    b'{"type":"message_stop"}',
]


def begun(index: int, block: bytes) -> bytes:
    return b'{"type":"content_block_start","index":%d,"content_block":%s}' % (index, block)


def piece(index: int, delta: bytes) -> bytes:
    return b'{"type":"content_block_delta","index":%d,"delta":%s}' % (index, delta)


def stopped(index: int) -> bytes:
    return b'{"type":"content_block_stop","index":%d}' % index


def anthropic(*frames: bytes) -> Message:
    return read_frames(BY_NAME["anthropic_messages"], [START, *frames, *END]).message


def openai(*deltas: bytes, finish: bytes = b"stop") -> Message:
    choice = b'{"id":"i","model":"m","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}'
    frames = [choice % (delta, b"null") for delta in (b'{"role":"assistant"}', *deltas)]
    frames += [choice % (b"{}", b'"%s"' % finish), b"[DONE]"]
    return read_frames(BY_NAME["openai_chat"], frames).message


TEXT = b'{"type":"text","text":""}'


def opaque(part: Part) -> OpaquePart:
    assert isinstance(part, OpaquePart)
    return part


def test_what_a_block_gathers_till_its_end() -> None:
    message = anthropic(
        begun(0, b'{"type":"server_tool_use","id":"s","name":"w","input":{}}'),
        piece(0, rb'{"type":"input_json_delta","partial_json":"{\"q\":\"\ud83d"}'),
        piece(0, rb'{"type":"input_json_delta","partial_json":"\ude00 \\udc00\"}"}'),
        stopped(0),
    )
    assert opaque(message.parts[0]).data["input"] == {"q": "😀 \ufffd"}


def test_a_citation() -> None:
    message = anthropic(
        begun(0, TEXT),
        piece(0, b'{"type":"text_delta","text":"a"}'),
        piece(0, rb'{"type":"citations_delta","citation":{"cited_text":"\ud83d"}}'),
        stopped(0),
    )
    assert message.parts == [
        TextPart(text="a", citations=[{"cited_text": "\ufffd"}], provider="anthropic")
    ]


def test_details_that_go_back_whole() -> None:
    details = b'{"reasoning_details":[{"type":"reasoning.text","text":"%s"}]}'
    message = openai(details % rb"\ud83d", details % rb"\ude00", b'{"content":"a"}')
    assert opaque(message.parts[-1]).data == [{"type": "reasoning.text", "text": "😀"}]


def test_signed_thinking_stays_whole_behind_a_half() -> None:
    message = anthropic(
        begun(0, TEXT),
        piece(0, rb'{"type":"text_delta","text":"a\ud83d"}'),
        stopped(0),
        begun(1, b'{"type":"thinking","thinking":""}'),
        piece(1, b'{"type":"thinking_delta","thinking":"b"}'),
        piece(1, b'{"type":"thinking_delta","thinking":"c"}'),
        piece(1, b'{"type":"signature_delta","signature":"s"}'),
        stopped(1),
    )
    assert message.parts == [
        TextPart(text="a"),
        ThinkingPart(text="bc", signature="s", provider="anthropic"),
        TextPart(text="\ufffd"),
    ]


def test_a_half_waits_while_others_speak() -> None:
    call = rb'{"tool_calls":[{"index":%d%s,"function":{%s"arguments":"%s"}}]}'
    message = openai(
        rb'{"refusal":"r\ud83d"}',
        call % (0, b',"id":"a"', b'"name":"n",', rb"\"\ud83d"),
        call % (1, b',"id":"b"', b'"name":"n",', rb"\"\ud83d"),
        rb'{"content":"t\ud83d"}',
        call % (0, b"", b"", rb"\ude00\""),
        rb'{"content":"\ude00"}',
        call % (1, b"", b"", rb"\ude01\""),
        rb'{"refusal":"\ude00"}',
        finish=b"tool_calls",
    )
    assert message.text == "t😀"
    assert message.refusal == "r😀"
    assert [call.parse(str) for call in message.tool_calls] == ["😀", "😁"]


def test_a_call_that_ends_in_a_half() -> None:
    """What stands for it comes with the reason of the end: nothing is kept in silence."""
    call = rb'{"tool_calls":[{"index":0,"id":"a","function":{"name":"n","arguments":"\"\ud83d"}}]}'
    assert openai(call, finish=b"length").tool_calls[0].arguments == '"\ufffd'


def test_pieces_of_a_plain_answer() -> None:
    body = (
        rb'{"responseId":"r","candidates":[{"content":{"parts":[{"text":"a\ud83d"},'
        rb'{"text":"\ude00"}]},"finishReason":"STOP"}]}'
    )
    assert read_plain(BY_NAME["gemini_generate"], body).text == "a😀"


@pytest.mark.parametrize("own", ["\U0010ffff", "\U0010f83d", "\U0010fe00"])
@pytest.mark.parametrize("written", [b"%s \\ud83d", b"\\ud83d %s", b"%s"])
def test_a_text_may_have_the_marks_for_itself(own: str, written: bytes) -> None:
    units = own.encode("utf-16-be").hex()
    for spelled in (own.encode(), f"\\u{units[:4]}\\u{units[4:].upper()}".encode()):
        message = openai(rb'{"content":"\ude00"}', b'{"content":"%s"}' % (written % spelled))
        expected = written.replace(b"\\ud83d", "\ufffd".encode()).decode().replace("%s", own)
        assert message.text == f"\ufffd{expected}"


def test_an_error_inside_a_stream() -> None:
    with pytest.raises(OverloadedError) as caught:
        anthropic(rb'{"type":"error","error":{"type":"overloaded_error","message":"a\ud83d"}}')
    assert caught.value.message == "a\ufffd"


@pytest.mark.parametrize("plain", [True, False])
def test_a_blocked_prompt(*, plain: bool) -> None:
    frame = rb'{"promptFeedback":{"blockReason":"SAFETY","blockReasonMessage":"a\ud83d"}}'
    gemini = BY_NAME["gemini_generate"]
    with pytest.raises(ContentFilterError) as caught:
        _ = read_plain(gemini, frame) if plain else read_frames(gemini, [frame])
    assert "a\ufffd" in str(caught.value)


@on_each
@pytest.mark.parametrize(
    "broken",
    [b"[" * 100_000, b'{"a":' * 400 + b"1" + b"}" * 399, b"9" * 5000 + b".", b'"\\q"', b"\xff"],
)
def test_what_is_broken_otherwise_stays_broken(dialect: Dialect, broken: bytes) -> None:
    """The error is that of the frame as it came."""
    frame = rb'{"a":"\ud83d","b":' + broken
    decoder = dialect.codec.stream_decoder(Target(provider="p", model="m"))
    with pytest.raises(ProtocolError) as first:
        decoder.feed(frame)
    with pytest.raises(ProtocolError) as caught:
        mending(decoder, frame, first.value).feed(frame)
    assert str(caught.value) == str(first.value)


def test_what_only_mending_cannot_walk() -> None:
    """As deep as msgspec reads, and deeper than one looks for halves in."""
    depth = 900
    event = b'{"type":"new","half":"%s","a":' + b"[" * depth + b"]" * depth + b"}"
    with pytest.raises(ProtocolError):
        anthropic(event % rb"\ud83d")
    with pytest.raises(ProtocolError):
        anthropic(rb'{"type":"new","half":"\ud83d"}', event % b"")


# --- what models write --------------------------------------------------------------------------


def test_halves_in_the_text_of_arguments() -> None:
    call = ToolCall(id="c", name="n", arguments=r'{"a":"\\ud83d \ud83d \ud83d\ude00"}')
    assert call.parse() == {"a": "\\ud83d \ufffd 😀"}
    notes = Notes(Target(provider="p", model="m"))
    sent = msgspec.json.decode(msgspec.json.encode(arguments_object(call, 0, notes)))
    assert sent == call.parse()
    assert [warning.rule for warning in notes.warnings] == ["lone_surrogates"]
