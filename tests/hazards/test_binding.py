"""Models that take their signed thinking back only behind what it was made behind."""

from typing import Any

import msgspec
import pytest

from aisopod import Tool
from aisopod.errors import BadRequestError
from aisopod.simulator import Reply
from aisopod.types import CacheControl, Message, TextPart, ThinkingPart, ToolCall
from hazards.ends import WEATHER, asked, meeting, said, user
from support.dialects import DIALECTS, INVOKE, Dialect

MODELS = ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-1"]
ENDS = [
    *(msgspec.structs.replace(DIALECTS[0], model=model) for model in MODELS),
    msgspec.structs.replace(INVOKE, model="us.anthropic.claude-opus-5-5-v1:0"),
    msgspec.structs.replace(DIALECTS[3], model="us.anthropic.claude-opus-5-5-v1:0"),
]
on_each_end = pytest.mark.parametrize(
    "end", ENDS, ids=[f"{end.provider}-{end.model}" for end in ENDS]
)
streams = pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])

CALL = ToolCall(id="call_1", name="weather", arguments='{"city": "Bonn"}')
REPLIES = [
    Reply(content=[ThinkingPart(text="Let me see.")], tool_calls=[CALL]),
    Reply(content=[ThinkingPart(text="So."), TextPart(text="Sunny.")]),
    Reply(content=[ThinkingPart(text="Well."), TextPart(text="No.")]),
    said("Bye."),
]


def system(text: str) -> Message:
    return Message(role="system", content=text)


@streams
@on_each_end
async def test_a_conversation_that_grows_keeps_its_thinking(end: Dialect, *, stream: bool) -> None:
    """Whatever the wire has no place for: nothing of it changes what stands before."""
    messages = [system("Be brief."), user("The weather?")]
    async with meeting(REPLIES) as (client, simulator):

        async def ask() -> None:
            answer = await asked(
                client, end, messages, stream=stream, tools=[WEATHER], reasoning="low"
            )
            messages.append(answer.message)

        await ask()
        messages.append(Message(role="tool", tool_call_id="call_1", content="18 degrees"))
        messages.append(system("Be kind."))
        await ask()
        messages.extend([system("Be honest."), Message(role="user", content="Sure?",
                                                       cache=CacheControl())])  # fmt: skip
        await ask()
        messages.extend([user("Really?"), system("Say good-bye.")])
        await ask()
    last = msgspec.json.encode(simulator.requests[-1].body).decode()
    for told in ("Let me see.", "So.", "Well.", "Be kind.", "Be honest.", "Say good-bye."):
        assert told in last


OTHER = Tool(name="other", description="Another.")
CHANGES: dict[str, tuple[list[Message], list[Tool]]] = {
    "system": ([system("Be long."), user("hi")], [WEATHER]),
    "message": ([system("Be brief."), user("ho")], [WEATHER]),
    "tools": ([system("Be brief."), user("hi")], [WEATHER, OTHER]),
}


@pytest.mark.parametrize("change", CHANGES)
@on_each_end
async def test_what_the_user_changes_before_it_is_refused_with_the_remedy(
    end: Dialect, change: str
) -> None:
    replies = [Reply(content=[ThinkingPart(text="Hm."), TextPart(text="Hi.")]), said("So.")]
    async with meeting(replies) as (client, _):
        begin = [system("Be brief."), user("hi")]
        first = await asked(client, end, begin, stream=False, tools=[WEATHER], reasoning="low")
        head, tools = CHANGES[change]
        changed: dict[str, Any] = {"stream": False, "tools": tools, "reasoning": "low"}
        with pytest.raises(BadRequestError, match="bound to a different conversation") as caught:
            await asked(client, end, [*head, first.message, user("And?")], **changed)
        assert "drop_block" in str(caught.value)
        assert (caught.value.rule or "").endswith("/bound-thinking")
        bare = first.message.text
        without = [*head, Message(role="assistant", content=bare), user("And?")]
        assert (await asked(client, end, without, **changed)).text == "So."
