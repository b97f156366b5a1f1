"""The decoder over the habits of the dialect's servers."""

from typing import Any

import msgspec
import pytest

from aisopod.codecs.openai_chat.codec import codec
from aisopod.errors import (
    BadRequestError,
    ContentFilterError,
    ProtocolError,
    ProviderError,
    RateLimitError,
    StreamInterruptedError,
)
from aisopod.normalise.target import Target
from aisopod.types import (
    ChatCompletion,
    ChatCompletionChunk,
    OpaquePart,
    TextPart,
    ThinkingPart,
    TokenUsage,
    fold,
)

TARGET = Target(provider="here", model="m")


def frame(delta: Any = None, finish: str | None = None, **top: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return msgspec.json.encode({"id": "r1", "model": "m1", "choices": [choice], **top})


def chunks(*frames: bytes, done: bool = True) -> list[ChatCompletionChunk]:
    decoder = codec.stream_decoder(TARGET)
    got = [decoder.feed(each) for each in (*frames, *([b"[DONE]"] if done else []))]
    assert decoder.done == done
    got.append(decoder.close())
    return [chunk for chunk in got if chunk is not None]


def folded(*frames: bytes, done: bool = True) -> ChatCompletion:
    return fold(chunks(*frames, done=done))


def plain(message: Any, finish: str | None = "stop", **top: Any) -> ChatCompletion:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    body = msgspec.json.encode({"id": "r1", "model": "m1", "choices": [choice], **top})
    return fold(codec.decode(body, TARGET))


def call(**fields: Any) -> dict[str, Any]:
    function = {key: fields.pop(key) for key in ("name", "arguments") if key in fields}
    return {"function": function, **fields}


STOP = frame({}, "stop")


@pytest.mark.parametrize(
    "delta",
    [None, {}, {"content": ""}, {"content": None}, {"content": "", "refusal": None}],
)
def test_empty_delta_gives_no_chunk(delta: Any) -> None:
    decoder = codec.stream_decoder(TARGET)
    assert decoder.feed(frame({"role": "assistant", "content": ""})) is not None
    assert decoder.feed(frame(delta)) is None


@pytest.mark.parametrize("choices", [None, [], "absent"])
def test_chunk_without_choices_carries_usage(choices: Any) -> None:
    top: dict[str, Any] = {"id": "r1", "model": "m1", "usage": {"prompt_tokens": 3}}
    if choices != "absent":
        top["choices"] = choices
    response = folded(frame({"content": "a"}), STOP, msgspec.json.encode(top))
    assert response.text == "a"
    assert response.usage == TokenUsage(input_tokens=3, quality="partial")
    assert response.metadata["usage"] == {"prompt_tokens": 3}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": None},
            TokenUsage(input_tokens=9, output_tokens=4),
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            TokenUsage(
                input_tokens=9,
                output_tokens=4,
                cache_read_tokens=5,
                cache_write_tokens=2,
                reasoning_tokens=3,
            ),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "prompt_cache_hit_tokens": 8},
            TokenUsage(input_tokens=9, output_tokens=4, cache_read_tokens=8),
        ),
        (  # xAI: reasoning stands beside the answer
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "total_tokens": 20,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            TokenUsage(input_tokens=9, output_tokens=11, reasoning_tokens=7),
        ),
        ({"prompt_tokens": 9.0, "completion_tokens": "4"}, TokenUsage(input_tokens=9, output_tokens=4)),
        ({"prompt_tokens": None, "completion_tokens": 4}, TokenUsage(output_tokens=4, quality="partial")),
    ],
)  # fmt: skip
def test_usage_follows_one_convention(usage: dict[str, Any], expected: TokenUsage) -> None:
    assert folded(frame({"content": "a"}), STOP, frame({}, usage=usage)).usage == expected
    assert plain({"content": "a"}, usage=usage).usage == expected


def test_usage_in_every_chunk_overwrites() -> None:
    frames = [
        frame({"content": "a"}, usage={"prompt_tokens": 3, "completion_tokens": count})
        for count in (1, 2, 3)
    ]
    assert folded(*frames, STOP).usage == TokenUsage(input_tokens=3, output_tokens=3)


def test_groq_usage_in_its_own_corner() -> None:
    end = frame({}, "stop", x_groq={"id": "q", "usage": {"prompt_tokens": 7}})
    response = folded(frame({"content": "a"}), end)
    assert response.usage == TokenUsage(input_tokens=7, quality="partial")
    assert response.metadata["x_groq"]["id"] == "q"


@pytest.mark.parametrize(
    ("delta", "thinking"),
    [
        ({"reasoning": "t"}, "t"),
        ({"reasoning_content": "t"}, "t"),
        ({"reasoning": "t", "reasoning_content": "t"}, "t"),
        ({"reasoning": None, "reasoning_content": "t", "content": None}, "t"),
        ({"reasoning": "t", "reasoning_content": "u"}, "tu"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}]}, "t"),
        ({"content": [{"type": "thinking", "thinking": "t"}]}, "t"),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "t"}]}, "t"),
    ],
)
def test_reasoning_is_shown_once(delta: dict[str, Any], thinking: str) -> None:
    response = folded(frame({"role": "assistant"}), frame(delta), frame({"content": "a"}), STOP)
    assert response.thinking == thinking
    assert response.text == "a"
    assert plain(delta).thinking == thinking


def test_content_parts_keep_their_order_and_foreign_types() -> None:
    reference = {"type": "reference", "reference_ids": [1]}
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]},
        {"type": "text", "text": "a"},
        reference,
        {"type": "text", "text": "b"},
    ]
    wanted = [
        ThinkingPart(text="t"),
        TextPart(text="a"),
        OpaquePart(provider="here", kind="reference", data=reference),
        TextPart(text="b"),
    ]
    assert plain({"content": content}).message.content == wanted
    streamed = folded(*[frame({"content": [part]}) for part in content], STOP)
    assert streamed.message.content == wanted


CALLS: dict[str, tuple[list[list[dict[str, Any]]], list[tuple[str, str, str]]]] = {
    "by index": (
        [
            [call(index=0, id="a", name="f", arguments="")],
            [call(index=0, arguments='{"x"')],
            [call(index=1, id="b", name="g", arguments="{}"), call(index=0, arguments=":1}")],
        ],
        [("a", "f", '{"x":1}'), ("b", "g", "{}")],
    ),
    "index from 1": ([[call(index=1, id="a", name="f", arguments="{}")]], [("a", "f", "{}")]),
    "no index": (
        [
            [call(id="a", name="f", arguments="{")],
            [call(arguments="}")],
            [call(id="b", name="g", arguments="{}")],
        ],
        [("a", "f", "{}"), ("b", "g", "{}")],
    ),
    "index always 0": (
        [
            [call(index=0, id="a", name="f", arguments="{}")],
            [call(index=0, id="b", name="g", arguments="{}")],
        ],
        [("a", "f", "{}"), ("b", "g", "{}")],
    ),
    "index always 0 and no ids": (
        [
            [call(index=0, id="", name="f", arguments="{}")],
            [call(index=0, id="", name="g", arguments="{}")],
        ],
        [("call_r1_0", "f", "{}"), ("call_r1_1", "g", "{}")],
    ),
    "id and name repeated": (
        [
            [call(index=0, id="a", name="f", arguments="")],
            [call(index=0, id="a", name="f", arguments="{}")],
        ],
        [("a", "f", "{}")],
    ),
    "empty id and name later": (
        [
            [call(index=0, id="a", name="f", arguments="{")],
            [call(index=0, id="", name="", arguments="}")],
        ],
        [("a", "f", "{}")],
    ),
    "another id later without a name": (
        [
            [call(index=0, id="a", name="f", arguments="{")],
            [call(index=0, id="zzz", name=None, arguments="}")],
        ],
        [("a", "f", "{}")],
    ),
    "arguments null": ([[call(index=0, id="a", name="f", arguments=None)]], [("a", "f", "{}")]),
    "arguments an object": (
        [[call(index=0, id="a", name="f", arguments={"x": 1})]],
        [("a", "f", '{"x":1}')],
    ),
    "index a text, id a number": (
        [[call(index="0", id=7, name="f", arguments="{}")]],
        [("7", "f", "{}")],
    ),
    "id used twice": (
        [
            [
                call(index=0, id="a", name="f", arguments="{}"),
                call(index=1, id="a", name="g", arguments="{}"),
            ]
        ],
        [("a", "f", "{}"), ("a_1", "g", "{}")],
    ),
    "no id at all": (
        [[call(index=0, name="f", arguments="{}")]],
        [("call_r1_0", "f", "{}")],
    ),
    "placeholder": ([[{"index": 0, "function": {}}]], []),
}


@pytest.mark.parametrize("name", CALLS)
def test_tool_calls_over_the_habits_of_servers(name: str) -> None:
    pieces, wanted = CALLS[name]
    response = folded(*[frame({"tool_calls": piece}) for piece in pieces], STOP)
    assert [(c.id, c.name, c.arguments) for c in response.tool_calls] == wanted
    assert response.finish_reason == ("tool_calls" if wanted else "stop")
    assert response.raw_finish_reason == "stop"


@pytest.mark.parametrize("name", ["by index", "index always 0 and no ids", "no id at all"])
def test_tool_calls_of_a_plain_body_are_the_same(name: str) -> None:
    pieces, wanted = CALLS[name]
    whole = [
        call(index=number, id=id_ if "call_" not in id_ else "", name=tool, arguments=text)
        for number, (id_, tool, text) in enumerate(wanted)
    ]
    streamed = folded(*[frame({"tool_calls": piece}) for piece in pieces], STOP)
    assert plain({"content": None, "tool_calls": whole}).tool_calls == streamed.tool_calls


def test_old_function_call_is_a_tool_call() -> None:
    frames = [
        frame({"function_call": {"name": "f", "arguments": ""}}),
        frame({"function_call": {"arguments": "{}"}}),
        frame({}, "function_call"),
    ]
    response = folded(*frames)
    assert [(c.id, c.name, c.arguments) for c in response.tool_calls] == [("call_r1_0", "f", "{}")]
    assert response.finish_reason == "tool_calls"
    assert response.raw_finish_reason == "function_call"


def test_custom_tool_call_streams_its_input() -> None:
    frames = [
        frame({"tool_calls": [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "f"}}]}),
        frame({"tool_calls": [{"index": 0, "custom": {"input": "4 +"}}]}),
        frame({"tool_calls": [{"index": 0, "custom": {"input": " 4"}}]}),
        frame({}, "tool_calls"),
    ]
    (made,) = folded(*frames).tool_calls
    assert (made.name, made.arguments, made.fields) == ("f", "4 + 4", {"type": "custom"})
    assert made.provider == "here"


def test_thought_signature_of_a_call_is_kept() -> None:
    extra = {"google": {"thought_signature": "s"}}
    piece = {**call(index=0, id="a", name="f", arguments="{}"), "extra_content": extra}
    (made,) = folded(frame({"tool_calls": [piece]}), STOP).tool_calls
    assert made.fields == {"extra_content": extra}
    assert made.provider == "here"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("eos", "stop"),
        ("model_length", "length"),
        ("something new", "other"),
        (None, "other"),
        ("", "other"),
    ],
)
def test_finish_reasons(raw: str | None, reason: str) -> None:
    streamed = folded(frame({"content": "a"}), frame({}, raw))
    assert streamed.finish_reason == reason
    assert streamed.raw_finish_reason == (raw or None)
    assert plain({"content": "a"}, raw).finish_reason == reason


def test_cut_tool_call_is_warned_of_once() -> None:
    piece = call(index=0, id="a", name="f", arguments='{"x')
    response = folded(
        frame({"tool_calls": [piece]}), frame({}, "length"), frame({"content": ""}, "length")
    )
    assert response.finish_reason == "tool_calls"
    assert [warning.rule for warning in response.warnings] == ["tool_call_cut"]


def test_refusal() -> None:
    response = folded(frame({"refusal": "I "}), frame({"refusal": "won't"}), STOP)
    assert response.message.refusal == "I won't"
    assert response.finish_reason == "refusal"
    assert plain({"content": None, "refusal": "I won't"}) == response


def test_missing_finish_reason_with_calls() -> None:
    piece = call(index=0, id="a", name="f", arguments="{}")
    assert folded(frame({"tool_calls": [piece]})).finish_reason == "tool_calls"


def test_other_answers_are_left_out_with_one_warning() -> None:
    def both(first: str, second: str) -> bytes:
        return msgspec.json.encode(
            {
                "id": "r1",
                "choices": [
                    {"index": 1, "delta": {"content": second}},
                    {"index": 0, "delta": {"content": first}},
                ],
            }
        )

    response = folded(both("a", "x"), both("b", "y"), STOP)
    assert response.text == "ab"
    assert [warning.rule for warning in response.warnings] == ["extra_choices"]


DETAILS = [
    [{"type": "reasoning.text", "text": "a", "signature": "", "format": None, "index": 0}],
    [{"type": "reasoning.text", "text": "b", "format": "x", "index": 0}],
    [{"type": "reasoning.text", "signature": "sig", "index": 0}],
    [{"type": "reasoning.encrypted", "data": "d1", "id": "rs_1", "index": 0}],
    [{"type": "reasoning.encrypted", "data": "d2", "id": "rs_2", "index": 1}],
]
JOINED = [
    {"type": "reasoning.text", "text": "ab", "signature": "sig", "format": "x", "index": 0},
    {"type": "reasoning.encrypted", "data": "d1", "id": "rs_1", "index": 0},
    {"type": "reasoning.encrypted", "data": "d2", "id": "rs_2", "index": 1},
]


@pytest.mark.parametrize("done", [True, False])
def test_reasoning_details_are_joined_and_given_once(done: bool) -> None:
    frames = [frame({"reasoning_details": piece}) for piece in DETAILS]
    parts = folded(*frames, STOP, done=done).message.parts
    assert parts == [
        ThinkingPart(text="ab"),
        OpaquePart(provider="here", kind="reasoning_details", data=JOINED),
    ]
    assert plain({"content": None, "reasoning_details": JOINED}).message.parts == parts


def test_annotations_and_message_fields_are_kept() -> None:
    first, second = {"type": "url_citation", "n": 1}, {"type": "url_citation", "n": 2}
    frames = [
        frame({"content": "a", "annotations": [first]}),
        frame({"annotations": [second], "thought_signature": "s"}),
        STOP,
    ]
    parts = folded(*frames).message.parts
    assert parts == [
        TextPart(text="a"),
        OpaquePart(provider="here", kind="annotations", data=[first, second]),
        OpaquePart(provider="here", kind="thought_signature", data="s"),
    ]
    message = {"content": "a", "annotations": [first, second], "thought_signature": "s"}
    assert plain(message).message.parts == parts


def test_streamed_audio_is_joined() -> None:
    frames = [
        frame({"audio": {"id": "audio_1", "transcript": "He"}}),
        frame({"audio": {"data": "QQ=="}}),
        frame({"audio": {"data": "Qg==", "transcript": "y"}}),
        frame({"audio": {"expires_at": 9}}),
        STOP,
    ]
    (part,) = folded(*frames).message.parts
    audio = {"id": "audio_1", "transcript": "Hey", "data": "QUI=", "expires_at": 9}
    assert part == OpaquePart(provider="here", kind="audio", data=audio)
    assert plain({"content": None, "audio": audio}).message.parts == [part]


def test_executed_tools_are_told_whole() -> None:
    frames = [
        frame({"executed_tools": [{"index": 0, "type": "search"}]}),
        frame({"executed_tools": [{"index": 1, "type": "visit"}]}),
        frame({"executed_tools": [{"index": 0, "type": "search", "output": "o"}]}),
        STOP,
    ]
    assert folded(*frames).metadata["executed_tools"] == [
        {"index": 0, "type": "search", "output": "o"},
        {"index": 1, "type": "visit"},
    ]


def test_logprobs_and_metadata() -> None:
    choice = {"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [{"token": "a"}]}}
    body = {"id": "r1", "model": "m1", "choices": [choice]}
    end = {
        "id": "r1",
        "service_tier": "default",
        "system_fingerprint": None,
        "choices": [
            {
                "index": 0,
                "delta": {},
                "finish_reason": "stop",
                "native_finish_reason": "STOP",
                "content_filter_results": {"hate": {"filtered": False}},
            }
        ],
    }
    response = folded(msgspec.json.encode(body), msgspec.json.encode(end))
    assert response.logprobs == [{"token": "a"}]
    assert response.metadata == {
        "service_tier": "default",
        "native_finish_reason": "STOP",
        "content_filter_results": {"hate": {"filtered": False}},
    }


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "no", "code": 429}}, RateLimitError),
        ({"id": "r1", "choices": [], "error": {"message": "no", "code": 400}}, BadRequestError),
        (
            {"choices": [{"index": 0, "delta": {}}], "error": {"message": "no", "code": 400}},
            BadRequestError,
        ),
        ({"error": "no"}, ProviderError),
        ({"message": "no", "code": "content_filter"}, ContentFilterError),
        ({"object": "error", "message": "no", "code": 400}, BadRequestError),
        ({"detail": "no"}, ProviderError),
    ],
)
def test_errors_inside_a_success(body: dict[str, Any], kind: type[ProviderError]) -> None:
    encoded = msgspec.json.encode(body)
    decoder = codec.stream_decoder(TARGET)
    with pytest.raises(ProviderError, match="no") as caught:
        decoder.feed(encoded)
    assert type(caught.value) is kind
    with pytest.raises(ProviderError, match="no") as caught:
        codec.decode(encoded, TARGET)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "data",
    [b"", b"not json", b"[1]", b'"ping"', b'{"choices":[3]}', b'{"choices":[{"delta":4}]}'],
)
def test_unreadable_frames(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        codec.stream_decoder(TARGET).feed(data)
    with pytest.raises(ProtocolError):
        codec.decode(data, TARGET)


@pytest.mark.parametrize("body", [b"{}", b'{"choices":null}', b'{"status":"ok"}'])
def test_plain_body_without_choices(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="no choices"):
        codec.decode(body, TARGET)


def test_plain_body_with_whitespace_and_without_message() -> None:
    body = b'\n \n{"id":"r","choices":[{"index":0,"finish_reason":"content_filter"}]}'
    response = fold(codec.decode(body, TARGET))
    assert response.text == ""
    assert response.finish_reason == "content_filter"


def test_end_without_done_is_clean_after_a_finish_reason() -> None:
    response = folded(frame({"content": "a"}), STOP, done=False)
    assert response.finish_reason == "stop"


def test_end_without_either_is_an_interruption() -> None:
    decoder = codec.stream_decoder(TARGET)
    decoder.feed(frame({"content": "a"}))
    with pytest.raises(StreamInterruptedError):
        decoder.close()


def test_first_chunk_tells_the_role() -> None:
    first, *_ = chunks(frame({"role": "assistant", "content": ""}), frame({"content": "a"}), STOP)
    assert first.delta.role == "assistant"
    assert not first.delta.has_content
    assert first.id == "r1"
