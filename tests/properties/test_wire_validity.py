"""Whatever a conversation is made of: every wire takes what is written, or the user is told why not."""

import copy
import os
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aisopod.codecs.codec import Encoded
from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.types import JsonSchema, Message, Tool, ToolCall
from support.conversations import FORMATS, TOOLS, conversations, plain_conversations
from support.dialects import DIALECTS, EVERY, Dialect, blocks, carried, named, texts
from support.validity import problems

# More of them: AISOPOD_EXAMPLES=2000.
moderate = settings(
    max_examples=int(os.environ.get("AISOPOD_EXAMPLES", "6")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)
dialects = pytest.mark.parametrize("dialect", DIALECTS, ids=named)
everywhere = pytest.mark.parametrize("dialect", EVERY, ids=named)
REFUSALS = (InvalidRequestError, UnsupportedFeatureError)


def judged(dialect: Dialect, encoded: Encoded) -> None:
    found = problems(dialect.name, encoded.body, dialect.model)
    assert not found, "\n".join(found)


def written(dialect: Dialect, messages: list[Message], **fields: Any) -> Encoded | None:
    """The body, which its vendor takes; None where the user was told what to change."""
    if fields.get("response_format") == "json" and dialect.provider not in {"openai", "ollama"}:
        fields["response_format"] = None  # the word that OpenAI wants beside it is OpenAI's rule
    try:
        encoded = carried(dialect, messages, **fields)
    except REFUSALS as error:
        refusal: InvalidRequestError | UnsupportedFeatureError = error
    else:
        judged(dialect, encoded)
        return encoded
    assert refusal.field
    assert refusal.remedy, str(refusal)
    return None


@everywhere
@moderate
@given(messages=conversations(), tools=TOOLS, form=FORMATS, stream=st.booleans())
def test_every_body_is_valid(
    dialect: Dialect, messages: list[Message], tools: list[Tool], form: Any, stream: bool
) -> None:
    written(dialect, messages, tools=tools, response_format=form, stream=stream, drop=True)


@dialects
@moderate
@given(
    messages=conversations("missing", "duplicate", "orphan", "late", "same_ids", "surrogates"),
    tools=TOOLS,
)
def test_disorder_is_told_or_mended_never_sent(
    dialect: Dialect, messages: list[Message], tools: list[Tool]
) -> None:
    written(dialect, messages, tools=tools, drop=True)


def _unanswered(messages: list[Message]) -> bool:
    """Whether a call has no result before something else is said."""
    waiting: set[str] = set()
    for message in messages:
        if message.role == "tool":
            waiting.discard(message.tool_call_id or "")
        elif waiting:
            return True
        waiting |= {call.id for call in message.tool_calls}
    return bool(waiting)


@dialects
@moderate
@given(messages=plain_conversations(), tools=TOOLS)
def test_words_calls_and_results_are_refused_by_no_wire(
    dialect: Dialect, messages: list[Message], tools: list[Tool]
) -> None:
    judged(dialect, carried(dialect, messages, tools=tools))


@dialects
@moderate
@given(messages=plain_conversations())
def test_every_word_arrives_in_its_order(dialect: Dialect, messages: list[Message]) -> None:
    messages = [msgspec.structs.replace(message, refusal=None) for message in messages]
    body = msgspec.json.decode(carried(dialect, messages).body)
    head = texts(body.get("system", body.get("systemInstruction", "")))
    sent = "".join([*head, *texts(body.get("contents", body.get("messages")))])
    places = [sent.find(message.text) for message in messages if message.text]
    assert -1 not in places
    assert places == sorted(places)


@everywhere
@moderate
@given(messages=conversations("surrogates"), tools=TOOLS)
def test_writing_changes_nothing_and_gives_the_same_bytes_again(
    dialect: Dialect, messages: list[Message], tools: list[Tool]
) -> None:
    before = copy.deepcopy((messages, tools))
    try:
        first = carried(dialect, messages, tools=tools, drop=True)
    except REFUSALS:
        assert (messages, tools) == before
        return
    assert (messages, tools) == before
    second = carried(dialect, messages, tools=tools, drop=True)
    assert first == second


def begins_with(
    now: list[tuple[str, Any]], before: list[tuple[str, Any]], dialect: Dialect
) -> bool:
    """Whether what was sent before is the beginning of what is sent now.

    Where an instruction may stand only at the end of what the user says, it stays at its end while
    that still grows, unanswered.
    """
    if now[: len(before)] == before:
        return True
    if dialect.codec.limits(dialect.target()).system != "behind_user":
        return False
    said = list(before)
    while said and said[-1][0] == "system":
        said.pop()
    return now[: len(said)] == said and now[len(said)][0] == "user"


@everywhere
@moderate
@given(messages=plain_conversations())
def test_a_further_turn_changes_nothing_before_it(
    dialect: Dialect, messages: list[Message]
) -> None:
    """Providers keep the beginning of a prompt; it must be the same at every turn."""
    before: list[tuple[str, Any]] = []
    for end in range(1, len(messages) + 1):
        head = messages[:end]
        if head[-1].role not in {"user", "tool"} or _unanswered(head):
            continue
        now = blocks(carried(dialect, head))
        assert begins_with(now, before, dialect)
        before = now


# An assistant's words that nobody answered are no prefill.
UNANSWERED = [
    Message(role="assistant", content="ends in space "),
    Message(role="user", content=[]),
    Message(role="user", content="there"),
]


@everywhere
@moderate
@given(messages=conversations())
@example(messages=UNANSWERED)
def test_a_further_turn_changes_nothing_whatever_was_shown(
    dialect: Dialect, messages: list[Message]
) -> None:
    before: list[tuple[str, Any]] = []
    for end in range(1, len(messages) + 1):
        head = messages[:end]
        if head[-1].role not in {"user", "tool"} or _unanswered(head):
            continue
        try:
            now = blocks(carried(dialect, head, drop=True))
        except REFUSALS:
            continue
        assert begins_with(now, before, dialect)
        before = now


# --- what one of them refuses -----------------------------------------------------------------

CALL = ToolCall(id="call_1", name="f")
GEMINI = DIALECTS[2]
OLD = next(dialect for dialect in EVERY if dialect.model == "gemini-2.0-flash")


@pytest.mark.parametrize(
    "before", [[], [Message(role="user", content="")]], ids=["nothing", "an_empty_text"]
)
def test_a_call_that_no_user_stands_before(before: list[Message]) -> None:
    messages = [
        *before,
        Message(role="assistant", tool_calls=[CALL]),
        Message(role="tool", tool_call_id="call_1", content="r"),
    ]
    judged(GEMINI, carried(GEMINI, messages))


USER = Message(role="user", content="hi")
ANY_OBJECT: dict[str, Any] = {"type": "object", "properties": {}}
OPEN: dict[str, dict[str, Any]] = {
    "any_object": {"type": "object", "properties": {"a": {"type": "object"}}},
    "any_list": {"type": "object", "properties": {"a": {"type": "array"}}},
}


@pytest.mark.parametrize("schema", OPEN.values(), ids=OPEN)
def test_what_a_schema_leaves_open_is_named(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=r"without (properties|items)") as format_:
        carried(OLD, [USER], response_format=JsonSchema(schema=schema))
    assert (format_.value.field or "").startswith("response_format.schema.properties.a")
    with pytest.raises(InvalidRequestError, match=r"without (properties|items)") as tool:
        carried(OLD, [USER], tools=[Tool(name="f", parameters=schema)])
    assert (tool.value.field or "").startswith("tools[0].parameters.properties.a")


RECURSIVE: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/N"}, "v": {"type": "string"}},
    "$defs": {"N": {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}}},
}


def test_what_a_schema_holds_of_itself_is_left_out_and_told() -> None:
    ways: dict[str, dict[str, Any]] = {
        "tools[0].parameters": {"tools": [Tool(name="f", parameters=RECURSIVE)]},
        "response_format.schema": {"response_format": JsonSchema(schema=RECURSIVE)},
    }
    for field, asked in ways.items():
        encoded = carried(OLD, [USER], **asked)
        judged(OLD, encoded)
        [told] = encoded.warnings
        assert (told.field or "").startswith(field)
        assert "$ref" in told.message


def test_an_object_of_anything_is_what_json_says() -> None:
    encoded = carried(OLD, [USER], response_format=JsonSchema(schema=ANY_OBJECT))
    judged(OLD, encoded)
    assert msgspec.json.decode(encoded.body)["generationConfig"] == {
        "responseMimeType": "application/json"
    }
