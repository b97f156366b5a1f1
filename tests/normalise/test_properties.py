"""What holds of every rule, on every wire, whatever the conversation."""

import re
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.bedrock_converse.codec import codec as converse
from aisopod.codecs.codec import Codec
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.codecs.ollama_chat.codec import codec as ollama
from aisopod.codecs.openai_chat.codec import codec as openai
from aisopod.errors import InvalidRequestError
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed
from aisopod.normalise.prepare import STEPS, Step, prepare
from aisopod.normalise.target import NormaliseConfig, Target
from aisopod.normalise.validate import validate
from aisopod.providers.compatible.hosts import HOSTS
from aisopod.types import ChatCompletionRequest, Message, Tool
from normalise.strategies import CONVERSATIONS, snapshot

MISTRAL = HOSTS["mistral"]


@dataclass
class Wire:
    name: str
    codec: Codec
    model: str
    quirks: object = None
    config: NormaliseConfig = field(default_factory=lambda: NormaliseConfig(late_system="user"))

    @property
    def target(self) -> Target:
        return Target(provider="p", model=self.model, quirks=self.quirks, normalise=self.config)


WIRES = [
    Wire("anthropic", anthropic, "claude-sonnet-4-5"),
    Wire("converse", converse, "anthropic.claude-sonnet-4-5-v1:0"),
    Wire("nova", converse, "amazon.nova-lite-v1:0"),
    Wire("titan", converse, "amazon.titan-text-lite-v1"),
    Wire("gemini", gemini, "gemini-3-pro"),
    Wire("gemma", gemini, "gemma-3"),
    Wire("ollama", ollama, "llama3"),
    Wire("openai", openai, "gpt-4o"),
    Wire("mistral", openai, "mistral-large", MISTRAL.quirks),
    Wire("as text", anthropic, "claude-sonnet-4-5", None,
         NormaliseConfig(foreign_thinking="text", repair_json=True, late_system="user")),
]  # fmt: skip
wires = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)


def fitted(messages: list[Message], wire: Wire) -> list[Placed]:
    request = ChatCompletionRequest(model=wire.model, messages=messages)
    return prepare(request, wire.codec.limits(wire.target), Notes(wire.target)).turns


def prepared(messages: list[Message], wire: Wire) -> list[Message]:
    return [placed.message for placed in fitted(messages, wire)]


def last_turn(messages: list[Message]) -> int:
    """Index of the first of the assistant's messages that stand last together."""
    roles = [message.role for message in messages]
    end = len(roles) - 1
    while end >= 0 and roles[end] != "assistant":
        end -= 1
    while end > 0 and roles[end - 1] == "assistant":
        end -= 1
    return max(end, 0)


@wires
@settings(max_examples=150, deadline=None)
@given(CONVERSATIONS)
def test_once_is_enough_and_nothing_is_changed_in_place(
    wire: Wire, messages: list[Message]
) -> None:
    before = snapshot(messages)
    try:
        once = prepared(messages, wire)
    except InvalidRequestError:
        assume(False)
        return
    assert snapshot(messages) == before
    assert prepared(once, wire) == once


@wires
@settings(max_examples=150, deadline=None)
@given(CONVERSATIONS, st.data())
def test_what_was_sent_before_stays_as_it_was(
    wire: Wire, messages: list[Message], data: st.DataObject
) -> None:
    """Up to the last turn, which may go on: else no prompt cache would ever be warm."""
    count = data.draw(st.integers(1, len(messages)))
    try:
        short, long = fitted(messages[:count], wire), fitted(messages, wire)
    except InvalidRequestError:
        assume(False)
        return
    end = last_turn(messages[:count])
    settled = [placed for placed in short if placed.index < end]
    assert long[: len(settled)] == settled


@pytest.mark.parametrize("step", STEPS, ids=[step.__name__ for step in STEPS])
@wires
@settings(max_examples=40, deadline=None)
@given(CONVERSATIONS)
def test_every_rule_by_itself_is_idempotent(
    step: Step, wire: Wire, messages: list[Message]
) -> None:
    limits, target = wire.codec.limits(wire.target), wire.target
    before = snapshot(messages)
    try:
        once = step([Placed(i, m) for i, m in enumerate(messages)], limits, Notes(target))
        again = step(once, limits, Notes(target))
    except InvalidRequestError:
        assume(False)
        return
    assert [placed.message for placed in again] == [placed.message for placed in once]
    assert snapshot(messages) == before


@wires
@settings(max_examples=150, deadline=None)
@given(CONVERSATIONS)
def test_calls_and_results_fit(wire: Wire, messages: list[Message]) -> None:
    try:
        found = prepared(messages, wire)
    except InvalidRequestError:
        assume(False)
        return
    limits = wire.codec.limits(wire.target)
    waiting: list[str] = []
    seen: set[str] = set()
    for message in found:
        if message.role == "tool":
            if limits.results_required:
                assert message.tool_call_id == waiting[0]
            waiting.remove(message.tool_call_id or "")
            continue
        if limits.results_required:
            assert waiting == []
        waiting = [call.id for call in message.tool_calls]
        for call in message.tool_calls:
            assert call.id not in seen
            seen.add(call.id)
            if limits.tool_ids is not None:
                assert limits.tool_ids.legal.fullmatch(call.id)
            if limits.tool_names is not None:
                assert limits.tool_names.legal.fullmatch(call.name)


@wires
@settings(max_examples=100, deadline=None)
@given(CONVERSATIONS)
def test_places_name_what_the_user_gave(wire: Wire, messages: list[Message]) -> None:
    notes = Notes(wire.target)
    request = ChatCompletionRequest(model=wire.model, messages=messages)
    try:
        found = prepare(request, wire.codec.limits(wire.target), notes)
    except InvalidRequestError:
        assume(False)
        return
    for placed in found.turns:
        for position in range(len(placed.message.parts)):
            index, place = placed.place(position)
            assert 0 <= place < max(len(messages[index].parts), 1) + 1
    for warning in notes.warnings:
        assert warning.message_index is not None
        assert re.match(rf"{warning.rule}: messages\[\d+\]", str(warning)) or warning.field


@wires
@settings(max_examples=60, deadline=None)
@given(CONVERSATIONS)
def test_every_conversation_becomes_a_body(wire: Wire, messages: list[Message]) -> None:
    request = ChatCompletionRequest(model=wire.model, messages=messages, tools=[Tool(name="f")])
    try:
        encoded = wire.codec.encode(validate(request), wire.target)
    except InvalidRequestError as error:
        refusal = error
    else:
        assert msgspec.json.decode(encoded.body)
        return
    assert refusal.remedy
