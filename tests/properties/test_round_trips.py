"""What a body says, read back, is what was said; what it cannot hold, the warnings name."""

import base64
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from aisopod.codecs.codec import Encoded
from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.types import (
    DocumentPart,
    ImagePart,
    MediaPart,
    Message,
    OpaquePart,
    Part,
    ResponseWarning,
    TextPart,
    ThinkingPart,
    ToolCall,
)
from aisopod.types.json_text import without_halves
from support.conversations import answers, conversations
from support.dialects import DIALECTS, Dialect, blocks, carried, named
from support.readers import READERS

# More of them: AISOPOD_EXAMPLES=2000.
moderate = settings(
    max_examples=int(os.environ.get("AISOPOD_EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much,
                           HealthCheck.large_base_example],
)  # fmt: skip
dialects = pytest.mark.parametrize("dialect", DIALECTS, ids=named)
REFUSALS = (InvalidRequestError, UnsupportedFeatureError)

# Which rules may take something of a kind out of its form; of a text, none.
LOSSES = {
    "text": frozenset[str](),
    "media": frozenset({"document_as_text"}),
    "thinking": frozenset({"foreign_thinking", "unsigned_thinking", "misplaced_thinking"}),
    "signature": frozenset({"foreign_thinking", "unsigned_thinking", "misplaced_thinking",
                            "foreign_signature", "foreign_citations", "foreign_fields"}),
    "own": frozenset({"foreign_part", "system_part"}),
    "citations": frozenset({"foreign_citations", "citations"}),
    "name": frozenset({"name"}),
}  # fmt: skip


# What a wire may have no field for, and which of a part it is; tests/normalise/test_nothing_in_silence.py
# has the rest.
HINTS = {
    "image_detail": "detail",
    "document_name": "name",
    "cache_marks": "cache",
    "cache_key": "cache",
}


class Fact(NamedTuple):
    """Something that a conversation holds, told from all else by its value.

    Attributes:
        kind: what it is.
        value: as it stands on any wire.
        message: its index.
        part: its part; None where it belongs to the message or a call.
    """

    kind: str
    value: str
    message: int
    part: int | None = None


# --- a conversation in which nothing is said twice --------------------------------------------


class _Marker:
    """Marks everything with a number of its own, so that what is lost is seen."""

    def __init__(self) -> None:
        self._count = 0

    def _next(self) -> str:
        self._count += 1
        return f"{self._count:04d}"

    def text(self, text: str) -> str:
        mark = self._next()
        return f"<{mark}>{text}</{mark}>" if text.strip() else text

    def seal(self) -> str:
        return base64.b64encode(f"seal {self._next()}".encode()).decode()

    def message(self, message: Message) -> Message:
        content = message.content
        marked: Any = (
            self.text(content)
            if isinstance(content, str)
            else [self._part(part) for part in content]
        )
        name = f"ada{self._next()}" if message.name and message.role != "tool" else message.name
        return msgspec.structs.replace(
            message,
            content=marked,
            name=name,
            refusal=self.text(message.refusal) if message.refusal else None,
            tool_calls=[self._call(call) for call in message.tool_calls],
        )

    def _part(self, part: Part) -> Part:
        match part:
            case TextPart():
                signature = self.seal() if part.signature else None
                return msgspec.structs.replace(part, text=self.text(part.text), signature=signature)
            case ThinkingPart():
                return msgspec.structs.replace(
                    part,
                    text=self.text(part.text),
                    signature=self.seal() if part.signature else None,
                    redacted=self.seal() if part.redacted else None,
                )
            case OpaquePart():
                data = (
                    {**part.data, "id": self._next()} if isinstance(part.data, dict) else part.data
                )
                return msgspec.structs.replace(part, data=data)
            case _:
                return self._file(part)

    def _file(self, part: ImagePart | DocumentPart | MediaPart) -> Part:
        changed: dict[str, Any] = {}
        if part.data is not None:
            changed["data"] = part.data + f" {self._next()}".encode()
        if part.file_id is not None:
            changed["file_id"] = f"{part.file_id}{self._next()}"
        if part.url is not None and part.url.startswith("https:"):
            changed["url"] = part.url.replace("example.com/", f"example.com/{self._next()}/")
        if isinstance(part, DocumentPart) and part.context:
            changed["context"] = self.text(part.context)
        if isinstance(part, ImagePart) and part.signature:
            changed["signature"] = self.seal()
        return msgspec.structs.replace(part, **changed)

    def _call(self, call: ToolCall) -> ToolCall:
        if not call.fields or "thoughtSignature" not in call.fields:
            return call
        return msgspec.structs.replace(
            call, fields={**call.fields, "thoughtSignature": self.seal()}
        )


def marked(messages: list[Message]) -> list[Message]:
    marker = _Marker()
    return [marker.message(message) for message in messages]


# --- what it holds ----------------------------------------------------------------------------


def facts(messages: list[Message]) -> Iterator[Fact]:
    for index, message in enumerate(messages):
        for position, part in enumerate(message.parts):
            for kind, value in _of_part(part):
                yield Fact(kind, value, index, position)
        for call in message.tool_calls:
            if (call.fields or {}).get("thoughtSignature"):
                yield Fact("signature", (call.fields or {})["thoughtSignature"], index)
        if message.refusal:
            yield Fact("text", message.refusal, index)
        if message.name and message.role != "tool":
            yield Fact("name", message.name, index)


def _of_part(part: Part) -> Iterator[tuple[str, str]]:
    match part:
        case TextPart(text=text):
            told = {"text": text.strip() and text, "citations": part.citations and text,
                    "signature": part.signature}  # fmt: skip
            yield from ((kind, value) for kind, value in told.items() if value)
        case ThinkingPart(text=text):
            if text.strip() and not part.redacted:
                yield "thinking", text
            for seal in (part.signature, part.redacted):
                if seal:
                    yield "signature", seal
        case OpaquePart(data=data):
            yield "own", str(data["id"]) if isinstance(data, dict) else repr(data)
        case _:
            yield from _of_file(part)


def _of_file(part: ImagePart | DocumentPart | MediaPart) -> Iterator[tuple[str, str]]:
    yield "media", _source(part)
    if isinstance(part, DocumentPart) and (part.context or "").strip():
        yield "text", part.context or ""
    if isinstance(part, ImagePart) and part.signature:
        yield "signature", part.signature


def _source(part: ImagePart | DocumentPart | MediaPart) -> str:
    if part.data is not None:
        return base64.b64encode(part.data).decode()
    address = part.url or part.file_id or ""
    return address.partition(";base64,")[2] if address.startswith("data:") else address


class _Held:
    """What was read, to be asked whether it holds something."""

    def __init__(self, messages: list[Message]) -> None:
        found = list(facts(messages))
        self._texts = [value for kind, value, _, _ in found if kind == "text"]
        self._rest = {(kind, value) for kind, value, _, _ in found if kind != "text"}
        self._thinking = [value for kind, value, _, _ in found if kind == "thinking"]

    def __contains__(self, fact: Fact) -> bool:
        match fact.kind:
            case "text":  # some wires join what stands side by side
                return any(fact.value in text for text in self._texts)
            case "thinking":
                return any(fact.value in text for text in self._thinking)
            case _:
                return (fact.kind, fact.value) in self._rest


def names(warning: ResponseWarning, fact: Fact) -> bool:
    """Whether a warning tells of the loss of just this."""
    return (
        warning.rule in LOSSES[fact.kind]
        and warning.message_index == fact.message
        and (warning.part_index in (None, fact.part) or fact.part is None)
    )


def written(dialect: Dialect, messages: list[Message]) -> Encoded:
    try:
        return carried(dialect, messages, drop=True)
    except REFUSALS:
        reject()


def read(dialect: Dialect, encoded: Encoded) -> list[Message]:
    body = msgspec.json.decode(encoded.body)
    return READERS[dialect.name](body, dialect.provider).messages


def compared(dialect: Dialect, messages: list[Message]) -> None:
    encoded = written(dialect, messages)
    back = read(dialect, encoded)
    held = _Held(back)
    lost = [fact for fact in facts(messages) if fact not in held]
    for fact in lost:
        assert any(names(warning, fact) for warning in encoded.warnings), fact
    for warning in encoded.warnings:
        if warning.rule in HINTS and warning.message_index is not None:
            told = messages[warning.message_index].parts[warning.part_index or 0]
            assert getattr(told, HINTS[warning.rule]), warning
        elif warning.action == "left_out" and warning.part_index is not None:
            assert any(names(warning, fact) for fact in lost), warning
    _compare_calls(messages, back, encoded)


def _compare_calls(messages: list[Message], back: list[Message], encoded: Encoded) -> None:
    """Every call is there in its order, and each result answers the same one as before."""
    given_calls = [(i, call) for i, message in enumerate(messages) for call in message.tool_calls]
    read_calls = [call for message in back for call in message.tool_calls]
    assert [call.name for _, call in given_calls] == [call.name for call in read_calls]
    for (index, mine), theirs in zip(given_calls, read_calls, strict=True):
        if _value(mine.arguments) == _value(theirs.arguments):
            continue
        told = {each.rule for each in encoded.warnings if each.message_index == index}
        if _value(without_halves(mine.arguments)) == _value(theirs.arguments):
            assert "lone_surrogates" in told, mine
        else:
            assert "invalid_arguments" in told, mine
            assert mine.arguments in _value(theirs.arguments).values()
    answered = {message.tool_call_id: message for message in back if message.role == "tool"}
    ids = {mine.id: theirs.id for (_, mine), theirs in zip(given_calls, read_calls, strict=True)}
    assert len(set(ids.values())) == len(given_calls)
    for message in messages:
        if message.role != "tool":
            continue
        result = answered[ids[message.tool_call_id or ""]]
        assert not message.is_error or result.is_error or result.text.startswith("Error: ")
        for part in message.parts:
            if isinstance(part, TextPart) and part.text.strip():
                assert part.text in result.text


def _value(text: str) -> Any:
    """The arguments as JSON, or as they are where they are none."""
    try:
        return msgspec.json.decode(text.strip() or "{}")
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text


# --- there and back ---------------------------------------------------------------------------


def _result(call: ToolCall) -> Message:
    return Message(role="tool", tool_call_id=call.id, name=call.name, content="done")


@st.composite
def journeys(draw: Any, *, least: int = 1) -> list[Message]:
    """A conversation that goes from provider to provider, each answering in its own way."""
    messages: list[Message] = []
    taken: set[str] = set()
    for _ in range(draw(st.integers(least, 4))):
        dialect = draw(st.sampled_from(DIALECTS))
        messages.append(Message(role="user", content="Go on."))
        answer = draw(answers(dialect.provider, dialect.model))
        if taken & {call.id for call in answer.tool_calls}:
            answer = msgspec.structs.replace(answer, tool_calls=[])
        taken |= {call.id for call in answer.tool_calls}
        messages += [answer, *map(_result, answer.tool_calls)]
    return [*messages, Message(role="user", content="And now?")]


@dialects
@moderate
@given(messages=conversations())
def test_what_was_said_is_there_or_named(dialect: Dialect, messages: list[Message]) -> None:
    compared(dialect, marked(messages))


@dialects
@moderate
@given(messages=journeys())
def test_what_providers_made_is_there_or_named(dialect: Dialect, messages: list[Message]) -> None:
    compared(dialect, marked(messages))


@dialects
@moderate
@given(messages=journeys())
def test_nothing_is_left_out_at_home(dialect: Dialect, messages: list[Message]) -> None:
    """What a provider made is all there when it is asked, whoever spoke in between."""
    messages = marked(messages)
    own = {i for i, message in enumerate(messages) if message.provider == dialect.provider}
    encoded = written(dialect, messages)
    held = _Held(read(dialect, encoded))
    assert [fact for fact in facts(messages) if fact.message in own and fact not in held] == []
    assert not [warning for warning in encoded.warnings if warning.message_index in own]


@pytest.mark.parametrize("other", DIALECTS, ids=lambda dialect: f"by-{dialect.provider}")
@dialects
@moderate
@given(data=st.data())
def test_home_again_it_is_what_it_was(dialect: Dialect, other: Dialect, data: Any) -> None:
    """A made it, B went on: A reads byte for byte what it read before."""
    messages = marked(data.draw(journeys()))
    before = blocks(written(dialect, messages))
    answer = data.draw(answers(other.provider, other.model))
    answer = msgspec.structs.replace(
        answer,
        tool_calls=[msgspec.structs.replace(c, id=f"again_{c.id}") for c in answer.tool_calls],
    )
    written(other, messages)
    longer = [
        *messages,
        answer,
        *map(_result, answer.tool_calls),
        Message(role="user", content="?"),
    ]
    after = blocks(written(dialect, longer))
    encode = msgspec.json.encode
    assert encode(after[: len(before)]) == encode(before)
