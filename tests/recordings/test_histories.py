"""Every recorded conversation goes on with every other provider, and comes home unaltered."""

from collections import Counter
from functools import cache
from typing import Any, NamedTuple

import msgspec
import pytest

from aisopod.codecs.codec import Encoded
from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.framing import Framing
from aisopod.types import ChatCompletionChunk, Message, TextPart, Tool, ToolCall, fold
from support.dialects import DIALECTS, EVERY, Dialect, blocks, carried, named
from support.readers import READERS, Unreadable
from support.recordings import Recording, load_all, opening
from support.validity import problems

REFUSALS = (InvalidRequestError, UnsupportedFeatureError)
GO_ON = Message(role="user", content="Go on.")
BY_NAME = {dialect.name: dialect for dialect in DIALECTS}
# What answers is some other host of OpenAI's dialect; what it made is not OpenAI's.
COMPATIBLE = next(dialect for dialect in EVERY if dialect.provider == "openrouter")
# Which dialect a recorded call speaks.
SPOKEN = {
    ("anthropic", "messages"): "anthropic_messages",
    ("anthropic", "count_tokens"): "anthropic_messages",
    ("openai", "chat.completions"): "openai_chat",
    ("openai-compatible", "chat.completions"): "openai_chat",
    ("gemini", "generateContent"): "gemini_generate",
    ("gemini", "streamGenerateContent"): "gemini_generate",
    ("gemini", "countTokens"): "gemini_generate",
    ("bedrock", "converse"): "bedrock_converse",
    ("bedrock", "converse-stream"): "bedrock_converse",
    ("bedrock", "count-tokens"): "bedrock_converse",
    ("ollama", "api/chat"): "ollama_chat",
}


class History(NamedTuple):
    """A recorded request as a conversation, and the answer that it was given, if it was."""

    name: str
    home: Dialect
    messages: list[Message]
    tools: list[Tool]
    answer: Message | None

    @property
    def whole(self) -> list[Message]:
        """The conversation as it stands before the next question."""
        if self.answer is None:
            return self.messages
        results = [_result(call) for call in self.answer.tool_calls]
        return [*self.messages, self.answer, *(results or [GO_ON])]


def _result(call: ToolCall) -> Message:
    return Message(role="tool", tool_call_id=call.id, content="done")


def _history(recording: Recording) -> History | None:
    name = SPOKEN.get((recording.provider, recording.api))
    body = recording.request.get("json")
    if name is None or not isinstance(body, dict):
        return None
    home = COMPATIBLE if recording.provider == "openai-compatible" else BY_NAME[name]
    try:
        read = READERS[name](body, home.provider)
    except Unreadable:
        return None
    if not read.messages:
        return None
    return History(recording.name, home, read.messages, read.tools, _answer(recording, home))


def _answer(recording: Recording, home: Dialect) -> Message | None:
    """The answer, where it is whole and says something."""
    if recording.status != 200 or not (recording.expect or {}) or "count" in recording.api.lower():
        return None
    if (recording.expect or {}).get("error"):
        return None
    try:
        chunks = _chunks(recording, home)
    except Exception:  # noqa: BLE001 - broken answers are looked at by the tests of each provider
        return None
    message = fold([opening(home.provider), *chunks]).message
    return message if message.content or message.tool_calls else None


def _chunks(recording: Recording, home: Dialect) -> list[ChatCompletionChunk]:
    target = home.target()
    if not recording.stream:
        return home.codec.decode(recording.body, target)
    framing: Framing = home.codec.framing()
    decoder = home.codec.stream_decoder(target)
    frames = [*framing.feed(recording.body), *framing.close()]
    chunks = [decoder.feed(frame) for frame in frames]
    return [chunk for chunk in [*chunks, decoder.close()] if chunk is not None]


@cache
def histories() -> tuple[History, ...]:
    return tuple(found for each in load_all() if (found := _history(each)) is not None)


PAIRS = [
    (each, to)
    for each in histories()
    for to in [*DIALECTS, *([each.home] if each.home not in DIALECTS else [])]
]
pairs = pytest.mark.parametrize(
    ("history", "to"), PAIRS, ids=[f"{each.name}->{named(to)}" for each, to in PAIRS]
)
at_home = pytest.mark.parametrize("history", histories(), ids=[each.name for each in histories()])


def moved(history: History, to: Dialect) -> Encoded | InvalidRequestError | UnsupportedFeatureError:
    try:
        return carried(to, history.whole, tools=history.tools)
    except REFUSALS as error:
        return error


@pairs
def test_a_conversation_goes_on_elsewhere(history: History, to: Dialect) -> None:
    encoded = moved(history, to)
    if isinstance(encoded, Exception):
        assert encoded.field
        assert encoded.remedy
        return
    found = problems(to.name, encoded.body, to.model)
    assert not found, "\n".join(found)


@pairs
def test_every_word_is_carried(history: History, to: Dialect) -> None:
    encoded = moved(history, to)
    if isinstance(encoded, Exception):
        pytest.skip(f"refused: {encoded}")
    body = encoded.body.decode()
    for message in history.whole:
        for part in message.parts:
            if isinstance(part, TextPart):
                said = part.text.strip()
                # Where a result is an object, it stands as one.
                assert _escaped(said) in body or said in body, said
    for call in (call for message in history.whole for call in message.tool_calls):
        assert f'"{call.name}"' in body


def _escaped(text: str) -> str:
    return msgspec.json.encode(text).decode()[1:-1]


@at_home
def test_what_was_made_at_home_is_back_unaltered(history: History) -> None:
    """A asked, B went on, A is asked again: A sees what it made as if B had never been."""
    before = moved(history, history.home)
    if isinstance(before, Exception):
        pytest.skip(f"refused: {before}")
    elsewhere = Message(role="assistant", content="Elsewhere said.")
    after = carried(history.home, [*history.whole, elsewhere, GO_ON], tools=history.tools)
    assert blocks(after)[: len(blocks(before))] == blocks(before)
    again = [warning for warning in after.warnings if warning not in before.warnings]
    assert not again


def test_hundreds_of_conversations_are_carried(capsys: pytest.CaptureFixture[str]) -> None:
    if not histories():
        pytest.skip("no recordings")
    carried_: Counter[tuple[str, str]] = Counter()
    refused: Counter[tuple[str, str]] = Counter()
    warned: Counter[tuple[str, str]] = Counter()
    for history, to in PAIRS:
        pair = history.home.provider, to.provider
        encoded: Any = moved(history, to)
        if isinstance(encoded, Exception):
            refused[pair] += 1
            continue
        carried_[pair] += 1
        warned[pair] += len(encoded.warnings)
    with capsys.disabled():
        print()  # noqa: T201 - the table is what this test is for
        for pair, count in sorted(carried_.items()):
            rest = f"{warned[pair]:3} warnings, {refused[pair]:2} refused"
            print(f"{pair[0]:10} -> {pair[1]:10} {count:3} carried, {rest}")  # noqa: T201
        print(f"{len(histories())} conversations, {carried_.total()} times carried")  # noqa: T201
    assert carried_.total() > 500
    assert refused.total() < carried_.total() / 20
