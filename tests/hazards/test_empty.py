"""Nothing, where something is usual: answers, texts, messages, results, arguments."""

import pytest

from aisopod.errors import InvalidRequestError
from aisopod.simulator import Reply
from aisopod.types import Message, Part, Role, TextPart, ThinkingPart, ToolCall
from hazards.ends import WEATHER, asked, meeting, on_each, said, user
from support.dialects import Dialect, carried
from support.validity import problems

streams = pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
NOTHING: dict[str, str | list[Part]] = {
    "text": "", "blank": " \n\t", "no-parts": [], "part": [TextPart(text="")],
    "blank-part": [TextPart(text=" ")], "parts": [TextPart(text=""), TextPart(text="\n")],
    "zero-width": "\u200b",
}  # fmt: skip
nothings = pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING)
ANSWERS = {
    "nothing": Reply(),
    "empty-text": Reply(content=[TextPart(text="")]),
    "thinking-alone": Reply(content=[ThinkingPart(text="Hm.")]),
    "cut-at-once": Reply(finish_reason="length"),
}


@streams
@pytest.mark.parametrize("reply", ANSWERS.values(), ids=ANSWERS)
@on_each
async def test_an_empty_answer(dialect: Dialect, reply: Reply, *, stream: bool) -> None:
    """It is an answer, not an error, and the conversation goes on behind it."""
    async with meeting([reply, said("Well.")]) as (client, _):
        first = await asked(client, dialect, [user("hi")], stream=stream, reasoning="medium")
        assert first.text == ""
        assert first.tool_calls == []
        assert first.finish_reason == ("length" if reply.finish_reason else "stop")
        history = [user("hi"), first.message, user("And?")]
        assert (await asked(client, dialect, history, stream=stream)).text == "Well."


@nothings
@on_each
def test_an_empty_message_anywhere(dialect: Dialect, nothing: str | list[Part]) -> None:
    empty = [Message(role=role, content=nothing) for role in ("system", "user", "assistant")]
    [system, mine, its] = empty
    histories = [
        [system, user("hi")],
        [user("hi"), its, user("there")],
        [mine, user("hi")],
        [user("hi"), mine],
        [user("hi"), Message(role="assistant", content="so"), mine, its, user("there")],
        [mine, its, user("hi"), its, mine, user("there")],
    ]
    for history in histories:
        encoded = carried(dialect, history)
        assert problems(dialect.name, encoded.body, dialect.model) == []


@nothings
@on_each
def test_nothing_but_empty_messages(dialect: Dialect, nothing: str | list[Part]) -> None:
    """Either the wire takes it, or it is told that there is nothing to answer."""
    messages = [Message(role="user", content=nothing)]
    shown = nothing == "\u200b"
    if shown or dialect.provider in {"openai", "ollama"} or _gemini_takes(dialect, messages):
        encoded = carried(dialect, messages)
        assert problems(dialect.name, encoded.body, dialect.model) == []
        return
    with pytest.raises(InvalidRequestError, match="nothing to answer") as caught:
        carried(dialect, messages)
    assert caught.value.field == "messages"
    assert caught.value.remedy


@nothings
@pytest.mark.parametrize("behind", [[], ["assistant"], ["system"]], ids=["", "assistant", "system"])
@on_each
def test_an_empty_question_behind_an_answer(
    dialect: Dialect, behind: list[Role], nothing: str | list[Part]
) -> None:
    """It leaves no prefill behind, which nobody asked for: there is nothing to answer."""
    messages = [
        user("hi"),
        Message(role="assistant", content="So "),
        Message(role="user", content=nothing),
        *(Message(role=role, content="") for role in behind),
    ]
    taken = nothing == "\u200b" or dialect.provider in {"openai", "ollama"}
    if taken or _gemini_takes(dialect, messages[2:]):
        encoded = carried(dialect, messages)
        assert problems(dialect.name, encoded.body, dialect.model) == []
        return
    with pytest.raises(InvalidRequestError, match="nothing to answer") as caught:
        carried(dialect, messages)
    assert caught.value.field == "messages[2]"
    assert caught.value.remedy


@nothings
@on_each
def test_an_empty_question_behind_results(dialect: Dialect, nothing: str | list[Part]) -> None:
    """The results are there to be answered."""
    call = ToolCall(id="call_1", name="weather", arguments="{}")
    history = [
        user("hi"),
        Message(role="assistant", tool_calls=[call]),
        Message(role="tool", tool_call_id="call_1", content="18 degrees"),
        Message(role="user", content=nothing),
    ]
    encoded = carried(dialect, history, tools=[WEATHER])
    assert problems(dialect.name, encoded.body, dialect.model) == []


def _gemini_takes(dialect: Dialect, messages: list[Message]) -> bool:
    """It refuses empty texts alone; white space is a text."""
    return dialect.provider == "gemini" and messages[0].text != ""


@nothings
@on_each
def test_an_empty_result(dialect: Dialect, nothing: str | list[Part]) -> None:
    call = ToolCall(id="call_1", name="weather", arguments="{}")
    history = [
        user("hi"),
        Message(role="assistant", content=nothing, tool_calls=[call]),
        Message(role="tool", tool_call_id="call_1", content=nothing),
    ]
    for failed in (False, True):
        history[2] = Message(role="tool", tool_call_id="call_1", content=nothing, is_error=failed)
        encoded = carried(dialect, history, tools=[WEATHER])
        assert problems(dialect.name, encoded.body, dialect.model) == []


@pytest.mark.parametrize("arguments", ["", "{}", " ", "null", "{ }"])
@on_each
async def test_empty_arguments(dialect: Dialect, arguments: str) -> None:
    """Sent back as none; and come as none, streamed and plain."""
    call = ToolCall(id="call_1", name="weather", arguments=arguments)
    result = Message(role="tool", tool_call_id="call_1", content="18 degrees")
    history = [user("hi"), Message(role="assistant", tool_calls=[call]), result]
    encoded = carried(dialect, history, tools=[WEATHER])
    assert problems(dialect.name, encoded.body, dialect.model) == []


@streams
@on_each
async def test_a_call_without_arguments(dialect: Dialect, *, stream: bool) -> None:
    reply = Reply(tool_calls=[ToolCall(id="call_1", name="weather", arguments="{}")])
    async with meeting([reply]) as (client, _):
        answer = await asked(client, dialect, [user("hi")], stream=stream, tools=[WEATHER])
    [call] = answer.tool_calls
    assert (call.name, call.parse()) == ("weather", {})
