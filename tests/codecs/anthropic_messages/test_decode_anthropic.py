"""Reading the Messages wire: frames, blocks, endings, and what a peer may get wrong."""

import contextlib
from typing import Any

import msgspec
import pytest

from aisopod.codecs.anthropic_messages.codec import codec
from aisopod.errors import (
    AisopodError,
    ContentFilterError,
    OverloadedError,
    ProtocolError,
    StreamInterruptedError,
)
from aisopod.normalise.target import Target
from aisopod.types import (
    ChatCompletion,
    ChatCompletionChunk,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    TokenUsage,
    ToolCall,
    fold,
)

TARGET = Target(provider="anthropic", model="claude-sonnet-4-5")

Json = dict[str, Any]


def start(**fields: Any) -> Json:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x"}
    return {"type": "message_start", "message": {**message, "content": [], **fields}}


def opened(index: int, **block: Any) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def piece(index: int, kind: str, **fields: Any) -> Json:
    return {
        "type": "content_block_delta", "index": index, "delta": {"type": f"{kind}_delta", **fields},
    }  # fmt: skip


def stop(index: int) -> Json:
    return {"type": "content_block_stop", "index": index}


def ended(reason: str | None = "end_turn", **fields: Any) -> Json:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, **fields}


LAST: Json = {"type": "message_stop"}


def text(index: int, *pieces: str) -> list[Json]:
    deltas = [piece(index, "text", text=each) for each in pieces]
    return [opened(index, type="text", text=""), *deltas, stop(index)]


def tool(index: int, id_: str, *pieces: str, **fields: Any) -> list[Json]:
    deltas = [piece(index, "input_json", partial_json=each) for each in pieces]
    block = opened(index, type="tool_use", id=id_, name="look", input={}, **fields)
    return [block, *deltas, stop(index)]


def chunks(*events: Json) -> list[ChatCompletionChunk]:
    decoder = codec.stream_decoder(TARGET)
    made = [decoder.feed(msgspec.json.encode(event)) for event in events]
    made.append(decoder.close())
    return [chunk for chunk in made if chunk is not None]


def read(*events: Json) -> ChatCompletion:
    """Fold a stream of these events between a start and a stop."""
    return fold(chunks(start(), *events, LAST))


def parts(*events: Json) -> list[Part]:
    return read(*events).message.parts


def test_each_chunk_names_the_response() -> None:
    made = chunks(start(), *text(0, "a", "b"), ended(), LAST)
    assert {(chunk.id, chunk.model) for chunk in made} == {("msg_1", "claude-x")}
    assert made[0].delta.role == "assistant"
    assert [chunk.delta.content for chunk in made if chunk.delta.content] == ["a", "b"]


def test_two_texts_in_a_row_stay_two() -> None:
    assert parts(*text(0, "one"), *text(1, "two"), ended()) == [
        TextPart(text="one"),
        TextPart(text="two"),
    ]


def test_a_text_that_begins_with_its_block_stays_in_order() -> None:
    begun = [
        opened(1, type="text", text="t"),
        piece(1, "text", text="w"),
        piece(1, "text", text="o"),
    ]
    assert parts(*text(0, "one"), *begun, stop(1), *text(2, "three"), ended()) == [
        TextPart(text="one"),
        TextPart(text="two"),
        TextPart(text="three"),
    ]


def test_a_text_after_a_cited_text_stays_itself() -> None:
    cited = [
        opened(0, type="text", text="", citations=[]),
        piece(0, "text", text="one"),
        piece(0, "citations", citation={"cited_text": "x"}),
        piece(0, "citations", citation={"cited_text": "y"}),
        stop(0),
    ]
    citations = [{"cited_text": "x"}, {"cited_text": "y"}]
    assert parts(*cited, *text(1, "two"), ended()) == [
        TextPart(text="one", citations=citations, provider="anthropic"),
        TextPart(text="two"),
    ]


def thinking(index: int, text_: str, signature: str) -> list[Json]:
    return [
        opened(index, type="thinking", thinking="", signature=""),
        *([piece(index, "thinking", thinking=text_)] if text_ else []),
        piece(index, "signature", signature=signature),
        stop(index),
    ]


def test_every_thinking_block_keeps_its_own_signature() -> None:
    blocks = [*thinking(0, "hm", "s0"), *thinking(1, "", "s1"), *thinking(2, "so", "s2")]
    assert parts(*blocks, *text(3, "yes"), ended()) == [
        ThinkingPart(text="hm", signature="s0", provider="anthropic"),
        ThinkingPart(text="", signature="s1", provider="anthropic"),
        ThinkingPart(text="so", signature="s2", provider="anthropic"),
        TextPart(text="yes"),
    ]


def test_redacted_thinking_is_kept() -> None:
    assert parts(opened(0, type="redacted_thinking", data="EvA"), stop(0), ended()) == [
        ThinkingPart(redacted="EvA", provider="anthropic")
    ]


def test_tool_calls_have_an_index_of_their_own_and_a_place() -> None:
    answer = read(
        *text(0, "let me"), *tool(1, "t1", "", '{"a":', "1}"), *text(2, "and"), *tool(3, "t2"),
        ended("tool_use"),
    )  # fmt: skip
    assert answer.tool_calls == [
        ToolCall(id="t1", name="look", arguments='{"a":1}', position=1),
        ToolCall(id="t2", name="look", arguments="{}"),
    ]
    assert answer.finish_reason == "tool_calls"
    assert answer.raw_finish_reason == "tool_use"


def test_what_a_call_says_beside_its_arguments_is_kept() -> None:
    [call] = read(*tool(0, "t1", "{}", caller={"type": "direct"}), ended("tool_use")).tool_calls
    assert (call.provider, call.fields) == ("anthropic", {"caller": {"type": "direct"}})


def test_a_block_of_another_kind_is_gathered_whole() -> None:
    block = {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}}
    pieces = [piece(0, "input_json", partial_json=each) for each in ("", '{"query"', ':"x"}')]
    assert parts(opened(0, **block), *pieces, stop(0), ended()) == [
        OpaquePart(
            provider="anthropic", kind="server_tool_use", data={**block, "input": {"query": "x"}}
        )
    ]


def test_an_unknown_block_with_unknown_pieces_is_gathered_whole() -> None:
    events = [
        opened(0, type="dream", mood=None, text=""),
        piece(0, "dream", mood="blue", lines=[1]),
        piece(0, "dream", mood="ish", lines=[2]),
        piece(0, "text", text="inside"),  # a piece of the block, not of the answer's text
        stop(0),
    ]
    answer = read(*events, *text(1, "outside"), ended())
    assert answer.message.parts == [
        OpaquePart(
            provider="anthropic",
            kind="dream",
            data={"type": "dream", "mood": "blueish", "lines": [1, 2], "text": "inside"},
        ),
        TextPart(text="outside"),
    ]
    assert answer.text == "outside"


def test_blocks_that_interleave_are_told_apart() -> None:
    events = [
        opened(0, type="server_tool_use", id="s", name="n", input={}),
        opened(1, type="text", text=""),
        piece(1, "text", text="te"),
        piece(0, "input_json", partial_json='{"q":1}'),
        piece(1, "text", text="xt"),
        stop(0),
        stop(1),
    ]
    answer = read(*events, ended())
    assert answer.text == "text"
    assert [
        part.data["input"] for part in answer.message.parts if isinstance(part, OpaquePart)
    ] == [{"q": 1}]


def test_the_json_of_a_cut_server_tool_is_kept_as_text() -> None:
    events = [
        opened(0, type="server_tool_use", id="s", name="n", input={}),
        piece(0, "input_json", partial_json='{"q'),
        stop(0),
    ]
    [part] = parts(*events, ended("max_tokens"))
    assert isinstance(part, OpaquePart)
    assert part.data["input"] == '{"q'


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refusal"),
        ("pause_turn", "pause"),
        ("compaction", "pause"),
        ("something_new", "other"),
        (None, None),
    ],
)
def test_finish_reasons(reason: str | None, finish: str | None) -> None:
    answer = read(*text(0, "x"), ended(reason))
    assert (answer.finish_reason, answer.raw_finish_reason) == (finish, reason)
    assert answer.warnings == []


def test_a_cut_tool_call_is_a_tool_call_with_a_warning() -> None:
    answer = read(*tool(0, "t1", '{"a'), ended("max_tokens"))
    assert answer.finish_reason == "tool_calls"
    assert answer.raw_finish_reason == "max_tokens"
    assert [warning.rule for warning in answer.warnings] == ["tool_call_cut"]


def test_a_refusal_tells_why() -> None:
    delta = {
        "stop_reason": "refusal",
        "stop_details": {"type": "refusal", "category": "cyber", "explanation": "I will not."},
    }
    answer = read(*text(0, "x"), {"type": "message_delta", "delta": delta})
    assert answer.message.refusal == "I will not."
    assert answer.metadata["stop_details"]["category"] == "cyber"


def test_usage_is_cumulative_and_null_keeps_what_was_said() -> None:
    first = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 100,
        "output_tokens": 1,
    }
    last = {
        "input_tokens": None,
        "cache_read_input_tokens": None,
        "output_tokens": 42,
        "output_tokens_details": {"thinking_tokens": 30},
    }
    made = chunks(start(usage=first), *text(0, "x"), ended(usage=last), LAST)
    assert made[0].usage == TokenUsage(
        input_tokens=115, cache_read_tokens=100, cache_write_tokens=5, output_tokens=1
    )
    answer = fold(made)
    assert answer.usage == TokenUsage(
        input_tokens=115,
        cache_read_tokens=100,
        cache_write_tokens=5,
        output_tokens=42,
        reasoning_tokens=30,
    )
    assert answer.metadata["usage"] == {**first, **{k: v for k, v in last.items() if v is not None}}


def test_what_else_is_told_is_in_the_metadata() -> None:
    delta = {"stop_reason": "stop_sequence", "stop_sequence": "END", "container": {"id": "c"}}
    event = {"type": "message_delta", "delta": delta, "context_management": {"applied_edits": []}}
    answer = fold(chunks(start(diagnostics={"a": 1}), *text(0, "x"), event, LAST))
    assert answer.metadata == {
        "diagnostics": {"a": 1},
        "stop_sequence": "END",
        "container": {"id": "c"},
        "context_management": {"applied_edits": []},
    }


def test_pings_and_new_events_are_no_content() -> None:
    novel = {"type": "weather", "sky": "blue", "error": None}
    made = chunks(start(), {"type": "ping"}, novel, *text(0, "x"), ended(), LAST)
    [odd] = [chunk for chunk in made if chunk.metadata]
    assert odd.metadata == {"weather": novel}
    assert not odd.delta.has_content
    assert fold(made).text == "x"


def test_a_message_that_is_whole_from_its_start() -> None:
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "one"},
        {"type": "tool_use", "id": "t1", "name": "look", "input": {"a": 1}},
    ]
    answer = fold(
        chunks(start(content=content, stop_reason="tool_use", container={"id": "c"}), LAST)
    )
    assert answer.message.parts == [
        ThinkingPart(text="hm", signature="s", provider="anthropic"),
        TextPart(text="one"),
    ]
    assert answer.tool_calls == [ToolCall(id="t1", name="look", arguments='{"a":1}')]
    assert answer.finish_reason == "tool_calls"
    assert answer.metadata == {"container": {"id": "c"}}


def test_a_second_message_inside_the_stream_mixes_nothing() -> None:
    events = [
        *text(0, "first"),
        opened(1, type="tool_use", id="t1", name="look", input={}),
        piece(1, "input_json", partial_json='{"cut'),
        start(id="msg_2"),
        *text(0, "second"),
        *tool(1, "t2", '{"b":2}'),
        ended("tool_use"),
    ]
    answer = read(*events)
    assert [(call.id, call.arguments) for call in answer.tool_calls] == [
        ("t1", '{"cut'),
        ("t2", '{"b":2}'),
    ]
    assert [part.text for part in answer.message.parts if isinstance(part, TextPart)] == [
        "first",
        "second",
    ]
    assert [warning.rule for warning in answer.warnings] == ["spliced_message"]


def test_an_error_in_the_stream_is_raised() -> None:
    decoder = codec.stream_decoder(TARGET)
    decoder.feed(msgspec.json.encode(start()))
    error = {"type": "overloaded_error", "message": "Overloaded"}
    with pytest.raises(OverloadedError, match="Overloaded") as caught:
        decoder.feed(msgspec.json.encode({"type": "error", "error": error, "request_id": "req_1"}))
    assert (caught.value.status, caught.value.code) == (None, "overloaded_error")
    assert caught.value.request_id == "req_1"
    assert caught.value.retryable


def test_a_filtered_answer_is_a_content_filter_error() -> None:
    error = {
        "type": "invalid_request_error",
        "message": "Output blocked by content filtering policy",
    }
    with pytest.raises(ContentFilterError):
        chunks(start(), {"type": "error", "error": error})


def test_an_end_without_the_terminator_is_an_interruption() -> None:
    decoder = codec.stream_decoder(TARGET)
    for event in (start(), *text(0, "x"), ended()):
        decoder.feed(msgspec.json.encode(event))
    assert not decoder.done
    with pytest.raises(StreamInterruptedError, match="message_stop"):
        decoder.close()


def test_what_follows_the_terminator_is_not_read() -> None:
    decoder = codec.stream_decoder(TARGET)
    for event in (start(), LAST):
        decoder.feed(msgspec.json.encode(event))
    assert decoder.done
    assert decoder.feed(b"[DONE]") is None
    assert decoder.close() is None


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"[DONE]",
        b"<html>",
        b"null",
        b"[1]",
        b"{}",
        b'{"type": 5}',
        b'{"type": "ping"',
        b'{"type": "x\xff"}',
        b'{"type": "content_block_delta"}',
        b'{"type": "content_block_delta", "index": "0", "delta": {"type": "text_delta"}}',
        b'{"type": "content_block_delta", "index": 7, "delta": {"type": "input_json_delta"}}',
        b'{"type": "content_block_start", "index": 0, "content_block": {}}',
        b'{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": 1}}',
        b'{"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use"}}',
        b'{"type": "message_start", "message": {"id": 5}}',
        b'{"type": "message_start", "message": {"usage": {"input_tokens": "many"}}}',
        b'{"type": "message_delta", "delta": {"stop_reason": ["end_turn"]}}',
        b'{"type": "message_delta", "delta": {}, "usage": {"output_tokens_details": 3}}',
    ],
)
def test_what_cannot_be_read_is_a_protocol_error(frame: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        codec.stream_decoder(TARGET).feed(frame)
    assert caught.value.dialect == "anthropic_messages"


def test_a_citation_without_its_form_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError):
        chunks(start(), opened(0, type="text", text=""), piece(0, "citations"))


PLAIN: Json = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "one"},
        {"type": "text", "text": "two", "citations": [{"cited_text": "c"}]},
        {"type": "text", "text": "three"},
        {"type": "server_tool_use", "id": "s", "name": "n", "input": {"q": 1}},
        {"type": "tool_use", "id": "t1", "name": "look", "input": {"a": 1}},
        {"type": "tool_use", "id": "t2", "name": "look", "input": {}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "container": {"id": "c"},
    "usage": {"input_tokens": 1, "output_tokens": 2},
}


def test_a_plain_body() -> None:
    answer = fold(codec.decode(msgspec.json.encode(PLAIN), TARGET))
    assert answer == ChatCompletion(
        id="msg_1",
        model="claude-x",
        message=Message(
            role="assistant",
            content=[
                ThinkingPart(text="hm", signature="s", provider="anthropic"),
                TextPart(text="one"),
                TextPart(text="two", citations=[{"cited_text": "c"}], provider="anthropic"),
                TextPart(text="three"),
                OpaquePart(provider="anthropic", kind="server_tool_use", data=PLAIN["content"][4]),
            ],
            tool_calls=[
                ToolCall(id="t1", name="look", arguments='{"a":1}'),
                ToolCall(id="t2", name="look"),
            ],
        ),
        finish_reason="tool_calls",
        raw_finish_reason="tool_use",
        usage=TokenUsage(input_tokens=1, output_tokens=2),
        metadata={"container": {"id": "c"}, "usage": {"input_tokens": 1, "output_tokens": 2}},
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"content": "text"}', b'{"content": [1]}', b'{"a": "\xff"}'],
)
def test_a_plain_body_that_cannot_be_read_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        codec.decode(body, TARGET)


def test_a_plain_body_that_is_an_error_is_raised() -> None:
    with pytest.raises(OverloadedError):
        codec.decode(b'{"type": "error", "error": {"type": "overloaded_error"}}', TARGET)


ODD: tuple[Any, ...] = (None, 1, "x", [], {}, [1], {"a": 1}, True)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of a JSON value and of all that is in it."""
    entries: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        entries = list(value.items())
    elif isinstance(value, list):
        entries = list(enumerate(value))
    return [path, *(each for key, entry in entries for each in _places(entry, (*path, key)))]


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    key, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = _with(value[key], tuple(rest), new)
    return copy


STREAM = [
    start(usage={"input_tokens": 1, "output_tokens_details": {"thinking_tokens": 1}}),
    *thinking(0, "hm", "s"),
    opened(1, type="text", text="", citations=[]),
    piece(1, "text", text="one"),
    piece(1, "citations", citation={"cited_text": "x"}),
    stop(1),
    *text(2, "two"),
    *tool(3, "t1", '{"a":1}'),
    opened(4, type="redacted_thinking", data="E"),
    stop(4),
    opened(5, type="server_tool_use", id="s", name="n", input={}),
    piece(5, "input_json", partial_json="{}"),
    stop(5),
    ended("refusal", usage={"output_tokens": 3}),
    LAST,
]


def _survives(read_: Any, *given: Any) -> None:
    """Whatever stands there, it is read or it is one of our errors."""
    with contextlib.suppress(AisopodError):
        fold(read_(*given))


def test_no_odd_value_anywhere_makes_a_foreign_error() -> None:
    for index, event in enumerate(STREAM):
        for place in _places(event):
            for odd in ODD:
                _survives(chunks, *STREAM[:index], _with(event, place, odd), *STREAM[index + 1 :])
    for place in _places(PLAIN):
        for odd in ODD:
            _survives(codec.decode, msgspec.json.encode(_with(PLAIN, place, odd)), TARGET)
