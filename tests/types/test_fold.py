"""The laws of the fold: how an answer is cut into chunks does not change what it is."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aisopod.types import (
    ChatCompletionChunk,
    Fold,
    MessageDelta,
    OpaquePart,
    TextPart,
    ThinkingPart,
    TokenUsage,
    ToolCallDelta,
    fold,
)


def chunk(**fields: Any) -> ChatCompletionChunk:
    names = ("content", "thinking", "tool_calls", "parts", "refusal")
    delta = {name: fields.pop(name) for name in names if name in fields}
    return ChatCompletionChunk(id="1", model="m", delta=MessageDelta(**delta), **fields)


TEXTS = st.text(min_size=1, max_size=12)
RUNS = st.lists(st.tuples(st.sampled_from(["content", "thinking"]), TEXTS), max_size=8)


@given(RUNS, st.integers(1, 4))
def test_the_size_of_pieces_does_not_matter(runs: list[tuple[str, str]], size: int) -> None:
    coarse = [chunk(**{kind: text}) for kind, text in runs]
    fine = [
        chunk(**{kind: text[i : i + size]})
        for kind, text in runs
        for i in range(0, len(text), size)
    ]
    assert fold(fine) == fold(coarse)


@given(RUNS)
def test_texts_are_kept_whole_and_apart(runs: list[tuple[str, str]]) -> None:
    answer = fold([chunk(**{kind: text}) for kind, text in runs])
    assert answer.text == "".join(text for kind, text in runs if kind == "content")
    assert answer.thinking == "".join(text for kind, text in runs if kind == "thinking")


@given(RUNS)
def test_a_result_on_the_way_changes_nothing(runs: list[tuple[str, str]]) -> None:
    chunks = [chunk(**{kind: text}) for kind, text in runs]
    gathered = Fold()
    for piece in chunks:
        gathered.add(piece)
        gathered.result()
    assert gathered.result() == fold(chunks)


CALLS = st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4)


@given(CALLS, st.integers(1, 4))
def test_calls_whose_pieces_come_mixed_are_not(calls: list[tuple[str, str]], size: int) -> None:
    whole = [
        ToolCallDelta(index=i, id=f"c{i}", name=name, arguments=arguments)
        for i, (name, arguments) in enumerate(calls)
    ]
    starts = [ToolCallDelta(index=c.index, id=c.id, name=c.name) for c in whole]
    longest = max(len(c.arguments) for c in whole)
    mixed = [
        ToolCallDelta(index=c.index, arguments=c.arguments[i : i + size])
        for i in range(0, longest, size)
        for c in whole
    ]
    streamed = [chunk(tool_calls=[piece]) for piece in [*starts, *mixed]]
    assert fold(streamed).tool_calls == fold([chunk(tool_calls=whole)]).tool_calls
    assert [call.arguments for call in fold(streamed).tool_calls] == [a for _, a in calls]


def test_parts_end_what_stands_open_and_keep_their_order() -> None:
    opaque = OpaquePart(provider="p", kind="search", data={"q": 1})
    answer = fold(
        [
            chunk(thinking="hm"),
            chunk(thinking="m", parts=[ThinkingPart(signature="s", provider="p")]),
            chunk(content="see "),
            chunk(content="here", parts=[TextPart(text="", citations=[{"n": 1}], provider="p")]),
            chunk(parts=[opaque]),
            chunk(content="a"),
            chunk(parts=[TextPart(text="")]),
            chunk(content="b"),
            chunk(tool_calls=[ToolCallDelta(index=0, id="c", name="f")]),
            chunk(content="after"),
        ]
    )
    assert answer.message.content == [
        ThinkingPart(text="hmm", signature="s", provider="p"),
        TextPart(text="see here", citations=[{"n": 1}], provider="p"),
        opaque,
        TextPart(text="a"),
        TextPart(text="b"),
        TextPart(text="after"),
    ]
    assert answer.tool_calls[0].position == 5


def test_thinking_beside_text_in_one_chunk_stands_before_it() -> None:
    answer = fold([chunk(content="text", thinking="first")])
    assert answer.message.content == [ThinkingPart(text="first"), TextPart(text="text")]


def test_later_facts_replace_and_gather() -> None:
    first, last = TokenUsage(input_tokens=1), TokenUsage(input_tokens=1, output_tokens=5)
    answer = fold(
        [
            chunk(usage=first, metadata={"a": 1}, logprobs=[1]),
            chunk(content="x", usage=last, metadata={"b": 2}, logprobs=[2]),
            chunk(finish_reason="stop", raw_finish_reason="end_turn"),
            chunk(),
        ]
    )
    assert answer.usage == last
    assert answer.metadata == {"a": 1, "b": 2}
    assert answer.logprobs == [1, 2]
    assert (answer.finish_reason, answer.raw_finish_reason) == ("stop", "end_turn")
    assert fold([]).message.content == ""


COUNTS = [name for name in TokenUsage.__struct_fields__ if name != "quality"]
QUALITIES = ["exact", "partial", "estimated"]
USAGES = st.builds(
    TokenUsage,
    **{name: st.integers(0, 10**9) for name in COUNTS},
    quality=st.sampled_from(QUALITIES),
)


@given(USAGES, USAGES, USAGES)
def test_usage_adds_up(a: TokenUsage, b: TokenUsage, c: TokenUsage) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + TokenUsage() == a
    assert (a + b).total_tokens == a.total_tokens + b.total_tokens
    for name in COUNTS:
        assert getattr(a + b, name) == getattr(a, name) + getattr(b, name)
    assert (a + b).quality == QUALITIES[max(QUALITIES.index(each.quality) for each in (a, b))]
