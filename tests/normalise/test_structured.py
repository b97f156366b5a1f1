"""A schema where the wire has none: the tool that stands for it, and its call as the answer's text."""

from itertools import pairwise
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisopod.errors import UnsupportedFeatureError
from aisopod.normalise.answers import AnswerReader
from aisopod.normalise.limits import Limits
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import AnswerForm, Prepared
from aisopod.normalise.prepare import prepare
from aisopod.normalise.structured import WRAPPED, wrapped
from aisopod.normalise.target import Target
from aisopod.types import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    JsonSchema,
    Message,
    MessageDelta,
    OpaqueTool,
    Reasoning,
    ResponseWarning,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCallDelta,
    ToolChoice,
    fold,
)

HI = Message(role="user", content="hi")
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
WISH = JsonSchema(schema=SCHEMA, name="City")
F = Tool(name="f")
BY_TOOL = Limits(schema="tool")
FORM = AnswerForm(tool="City")


def prepared(limits: Limits = BY_TOOL, **fields: Any) -> tuple[Prepared, list[str]]:
    notes = Notes(Target(provider="p", model="m"))
    fields = {"model": "m", "messages": [HI], "response_format": WISH, **fields}
    made = prepare(ChatCompletionRequest(**fields), limits, notes)
    return made, [warning.rule for warning in notes.warnings]


# --- what is asked ----------------------------------------------------------------------------


def test_the_schema_is_a_tool_that_must_be_called() -> None:
    made, told = prepared()
    assert made.request.tools == [
        Tool(name="City", description="Gives the final answer to the user.", parameters=SCHEMA)
    ]
    assert made.request.tool_choice == ToolChoice(name="City")
    assert made.request.response_format is None
    assert made.answer == FORM
    assert told == ["schema_by_tool"]


CHOICES: list[tuple[Any, Any, Any]] = [
    # asked, sent, sent where no tool can be forced
    (None, "required", None),
    ("auto", "required", "auto"),
    ("required", "required", "required"),
    ("none", ToolChoice(name="City"), None),
    (ToolChoice(name="f"), ToolChoice(name="f"), ToolChoice(name="f")),
]


@pytest.mark.parametrize(("asked", "sent", "unforced"), CHOICES)
def test_beside_other_tools(asked: Any, sent: Any, unforced: Any) -> None:
    made, _ = prepared(tools=[F], tool_choice=asked)
    assert made.request.tool_choice == sent
    assert [tool.name for tool in made.request.tools if isinstance(tool, Tool)] == ["f", "City"]
    made, told = prepared(Limits(schema="tool", forced_tool="never"), tools=[F], tool_choice=asked)
    assert made.request.tool_choice == unforced
    assert ("schema_unforced" in told) == (unforced != sent)


@pytest.mark.parametrize("limits", [BY_TOOL, Limits(schema="tool", forced_tool="resting")])
def test_what_rests_can_be_forced(limits: Limits) -> None:
    for reasoning in (None, Reasoning(effort="none")):
        assert prepared(limits, reasoning=reasoning)[1] == ["schema_by_tool"]
    told = prepared(limits, reasoning=Reasoning(effort="low"))[1]
    assert ("schema_unforced" in told) == (limits is not BY_TOOL)


def test_the_instruction_follows_the_users_own() -> None:
    messages = [Message(role="system", content="s"), HI]
    made, _ = prepared(Limits(schema="tool", forced_tool="never"), messages=messages)
    assert [placed.message.role for placed in made.turns] == ["system", "system", "user"]
    assert "City" in made.turns[1].message.text
    assert made.request.messages == messages
    made, _ = prepared(Limits(schema="tool", forced_tool="never"))
    assert [placed.message.role for placed in made.turns] == ["system", "user"]


def test_a_schema_apart_from_tools() -> None:
    apart = Limits(schema="apart")
    for fields in ({}, {"tools": [F], "tool_choice": "none"}):
        made, told = prepared(apart, **fields)
        assert (made.request.response_format, made.answer, told) == (WISH, None, [])
    assert prepared(apart, tools=[F])[0].answer == FORM
    assert prepared(apart, tools=[OpaqueTool(provider="p", data={})])[0].answer is None


def test_a_model_without_tools() -> None:
    with pytest.raises(UnsupportedFeatureError, match="another model") as caught:
        prepared(Limits(schema="none"))
    assert caught.value.field == "response_format"


@given(st.text(min_size=1, max_size=80), st.lists(st.text(max_size=70), max_size=4))
def test_a_name_is_legal_and_no_other_tools(name: str, others: list[str]) -> None:
    tools = [Tool(name=other) for other in [*others, name]]
    made, _ = prepared(tools=tools, response_format=JsonSchema(schema=SCHEMA, name=name))
    assert made.answer is not None
    assert made.answer.tool is not None
    assert made.answer.tool not in {*others, name}
    assert 0 < len(made.answer.tool) <= 64
    assert made.answer.tool[0].isalpha()
    assert made.answer.tool.replace("_", "a").replace("-", "a").isalnum()
    assert made.answer.tool.isascii()


# --- what is no object ------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(st.sampled_from('a{}":,\\ \n}ä')),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
TREE = {
    "anyOf": [
        {"type": "integer"},
        {"type": "array", "items": {"$ref": "#"}},
        {"$ref": "#/$defs/n"},
    ],
    "$defs": {"n": {"type": "null"}},
}


@given(JSON)
def test_a_wrapped_schema_takes_the_wrapped_values(value: Any) -> None:
    plain = jsonschema.Draft202012Validator(TREE).is_valid(value)
    schema = wrapped(TREE)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert jsonschema.Draft202012Validator(schema).is_valid({WRAPPED: value}) == plain


def test_only_what_is_no_object_is_wrapped() -> None:
    schemas: list[dict[str, Any]] = [
        {"type": "array"},
        {"anyOf": [SCHEMA, SCHEMA]},
        {"type": ["object", "null"]},
    ]
    for schema in schemas:
        made, told = prepared(Limits(), response_format=JsonSchema(schema=schema))
        assert made.answer == AnswerForm(wrapped=True)
        assert isinstance(made.request.response_format, JsonSchema)
        assert made.request.response_format.schema["type"] == "object"
        assert told == []
    objects: list[dict[str, Any]] = [SCHEMA, {}, {"properties": {}}]
    for schema in objects:
        assert prepared(Limits(), response_format=JsonSchema(schema=schema))[0].answer is None


# --- what is answered -------------------------------------------------------------------------


def chunk(finish: Any = None, warnings: Any = None, **delta: Any) -> ChatCompletionChunk:
    return ChatCompletionChunk(
        id="i", model="m", delta=MessageDelta(**delta), finish_reason=finish, warnings=warnings
    )


def call(arguments: str = "", index: int = 0, name: str | None = None) -> ChatCompletionChunk:
    id_ = f"c{index}" if name else None
    delta = ToolCallDelta(index=index, id=id_, name=name, arguments=arguments)
    return chunk(tool_calls=[delta])


def read(*chunks: ChatCompletionChunk, form: AnswerForm = FORM) -> ChatCompletion:
    reader = AnswerReader(form)
    made = [reader.read(each) for each in chunks]
    end = reader.close()
    return fold([*made, *([end] if end else [])])


def rules(answer: ChatCompletion) -> list[str]:
    return [warning.rule for warning in answer.warnings]


DONE = chunk("tool_calls")


def pieces(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    return [text[a:b] for a, b in pairwise(places)]


@given(JSON, st.lists(st.integers(0, 60)), st.sampled_from(["{%s}", " {\n%s }\n"]), st.booleans())
def test_a_wrapped_answer_however_it_is_cut(
    value: Any, cuts: list[int], around: str, by_tool: bool
) -> None:
    inner = msgspec.json.encode(value).decode()
    text = around % f'"{WRAPPED}" :  {inner}'
    if by_tool:
        sent = [call(name="City"), *map(call, pieces(text, cuts)), DONE]
        answer = read(*sent, form=AnswerForm(tool="City", wrapped=True))
    else:
        sent = [*(chunk(content=piece) for piece in pieces(text, cuts)), chunk("stop")]
        answer = read(*sent, form=AnswerForm(wrapped=True))
    assert answer.text == inner
    assert answer.finish_reason == "stop"
    assert answer.tool_calls == []


@given(st.text(), st.lists(st.integers(0, 60)))
def test_what_is_not_wrapped_stays(text: str, cuts: list[int]) -> None:
    text = f"[{text}"
    sent = [*(chunk(content=piece) for piece in pieces(text, cuts)), chunk("stop")]
    assert read(*sent, form=AnswerForm(wrapped=True)).text == text
    assert read(*sent[:-1], form=AnswerForm(wrapped=True)).text == text


def test_the_call_is_the_text_as_it_comes() -> None:
    reader = AnswerReader(FORM)
    sent = [call(name="City"), call('{"a"'), call(": 1}"), DONE]
    made = [reader.read(each) for each in sent]
    assert [each.delta.content for each in made] == [None, '{"a"', ": 1}", None]
    answer = fold(made)
    assert (answer.finish_reason, answer.message.tool_calls) == ("stop", [])
    assert rules(answer) == []


def test_other_calls_stay_calls() -> None:
    answer = read(chunk(content="let me see"), call("{}", 0, "f"), call("{}", 1, "g"), DONE)
    assert [each.name for each in answer.tool_calls] == ["f", "g"]
    assert answer.text == "let me see"
    assert answer.finish_reason == "tool_calls"
    answer = read(call('{"a":1}', 0, "City"), call("{}", 1, "f"), DONE)
    assert (answer.text, answer.tool_calls[0].name) == ('{"a":1}', "f")
    assert answer.finish_reason == "tool_calls"


def test_what_is_said_beside_the_answer_is_left_out() -> None:
    thought = ThinkingPart(text="", signature="s")
    answer = read(
        chunk(thinking="hm"), chunk(parts=[thought]), chunk(content="Here: "),
        chunk(parts=[TextPart(text="")]), call('{"a":1}', 0, "City"), call("{}", 1, "City"), DONE,
    )  # fmt: skip
    assert answer.text == '{"a":1}'
    assert answer.thinking == "hm"
    assert answer.tool_calls == []
    assert rules(answer) == ["beside_answer"]


def test_an_answer_in_text_is_told() -> None:
    answer = read(chunk(content='{"a":'), chunk(content="1}"), chunk("stop"))
    assert answer.text == '{"a":1}'
    assert rules(answer) == ["answered_in_text"]
    assert read(chunk(content="cut"), chunk("length")).text == "cut"
    assert read(chunk(content="broken off")).text == "broken off"


def test_an_answer_that_was_cut() -> None:
    cut = ResponseWarning(rule="tool_call_cut", message="")
    answer = read(call('{"a"', 0, "City"), chunk("tool_calls", [cut]))
    assert (answer.text, answer.finish_reason) == ('{"a"', "length")


def test_a_call_without_arguments_is_an_empty_object() -> None:
    assert read(call("", 0, "City"), DONE).parsed == {}
