"""A conversation that began at one provider goes on at another when the first one fails."""

from typing import Any

import msgspec
import pytest

import aisopod
from aisopod import Message
from aisopod.simulator import Reply, Simulator
from aisopod.types import TextPart, ThinkingPart, ToolCall
from matrix.cases import TARGETS, WEATHER, Target
from matrix.configured import AWS, KEY, configured

SIGNATURE = "c2lnbmF0dXJlLW9mLXRoZS1maXJzdA=="
PAIRS = [(one, two) for one in TARGETS for two in TARGETS if one.wire != two.wire]
# Different addresses of one wire of the simulator fail together.
SAME = [{"gemini", "vertex"}, {"openai", "azure"}]


def first_answer() -> Reply:
    thinking = ThinkingPart(text="Let me see.", signature=SIGNATURE)
    call = ToolCall(id="call_7", name="weather", arguments='{"city":"Paris"}')
    return Reply(content=[thinking, TextPart(text="I look.")], tool_calls=[call])


def both(one: Target, two: Target, simulator: Simulator) -> aisopod.Config:
    first, second = configured(one, simulator), configured(two, simulator)
    return msgspec.structs.replace(first, providers={**first.providers, **second.providers})


def name(target: Target) -> str:
    return f"{target.provider}/{target.thinker}"


@pytest.mark.usefixtures("aws_keys")
@pytest.mark.parametrize(
    ("one", "two"),
    [pair for pair in PAIRS if {pair[0].wire, pair[1].wire} not in SAME],
    ids=lambda target: target.provider,
)
async def test_the_next_provider_can_go_on(one: Target, two: Target) -> None:
    replies = [first_answer(), Reply(content="18 degrees.")]
    asked: dict[str, Any] = {"tools": [WEATHER], "reasoning": "medium"}
    async with (
        Simulator(replies, require_key=KEY, aws_secret=AWS) as simulator,
        aisopod.AsyncClient(both(one, two, simulator)) as client,
    ):
        history = [Message(role="user", content="The weather in Paris?")]
        answer = await client.stream(name(one), messages=history, **asked).collect()
        [call] = answer.tool_calls
        history += [
            answer.message,
            Message(role="tool", tool_call_id=call.id, content="18 degrees"),
        ]
        simulator.down = {one.wire if one.wire != "azure" else "openai"}
        chain = [name(one), name(two)]
        answer = await client.stream(models=chain, messages=history, **asked).collect()
        assert answer.text == "18 degrees."
        assert [attempt.provider for attempt in answer.attempts] == [one.provider, two.provider]
        body = msgspec.json.encode(simulator.requests[-1].body).decode()
        assert SIGNATURE not in body
        assert "18 degrees" in body
        assert "weather" in body
        # And back again: what the first made is sent back to it as it was.
        simulator.down = set()
        await client.reset_profile(f"{one.provider}:default")
        history += [answer.message, Message(role="user", content="And now?")]
        await client.stream(name(one), messages=history, **asked).collect()
        assert (SIGNATURE in msgspec.json.encode(simulator.requests[-1].body).decode()) == (
            SIGNATURE in msgspec.json.encode(msgspec.to_builtins(history)).decode()
        )
