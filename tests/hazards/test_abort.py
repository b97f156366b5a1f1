"""A stream that is left, or whose task is cancelled, at every chunk."""

import asyncio
import contextlib

import pytest

from aisopod import AsyncClient
from aisopod.simulator import Reply, Simulator
from aisopod.types import Message, TextPart, ThinkingPart, ToolCall
from hazards.ends import WEATHER, address, asked, meeting, on_each, quality_of_cut, user
from support.dialects import Dialect

CALL = ToolCall(id="call_1", name="weather", arguments='{"city": "Paris", "unit": "C"}')
# Slow enough that the next piece is still to come when the one before it is left.
ANSWER = Reply(
    content=[ThinkingPart(text="Let me see."), *Reply(content="I will look.").items],
    tool_calls=[CALL], delay=0.02,
)  # fmt: skip
ASK = user("The weather in Paris?")
pieces = pytest.mark.parametrize("count", range(10))


async def _ended(simulator: Simulator) -> None:
    """The server sees at once that it was left."""
    async with asyncio.timeout(2):
        while simulator.open_streams:
            await asyncio.sleep(0.001)


async def _goes_on(client: AsyncClient, dialect: Dialect, partial: Message) -> None:
    """The history with what had come is taken, by all its rules, and asks the model to go on."""
    answer = await asked(
        client, dialect, [ASK, partial, user("Go on.")], stream=False, tools=[WEATHER],
        reasoning="medium",
    )  # fmt: skip
    assert answer.text == "Well."


def _is_beginning(partial: Message) -> bool:
    said = "".join(part.text for part in partial.parts if isinstance(part, TextPart))
    thought = "".join(part.text for part in partial.parts if isinstance(part, ThinkingPart))
    called = [call.arguments for call in partial.tool_calls]
    return (
        "I will look.".startswith(said)
        and "Let me see.".startswith(thought)
        and len(called) <= 1
        and (not called or CALL.arguments.startswith(called[0]) or called[0] in {"{}", _compact()})
    )


def _compact() -> str:
    return CALL.arguments.replace(": ", ":").replace(", ", ",")


@pieces
@on_each
async def test_left(dialect: Dialect, count: int) -> None:
    async with meeting([ANSWER, Reply(content="Well.")]) as (client, simulator):
        stream = client.stream(
            address(dialect), messages=[ASK], tools=[WEATHER], reasoning="medium"
        )
        left = False
        async with stream:
            seen = 0
            async for chunk in stream:
                seen += chunk.delta.has_content
                if seen > count:
                    left = True
                    break
        await _ended(simulator)
        [received] = simulator.requests
        partial = stream.response
        assert _is_beginning(partial.message)
        assert not (count < 3 and received.completed), "the test looks at nothing"
        if left and not received.completed:
            assert received.disconnected_at is not None
            assert partial.finish_reason is None
            assert partial.usage is not None
            assert partial.usage.quality == quality_of_cut(dialect)
        await _goes_on(client, dialect, partial.message)


@pytest.mark.parametrize("count", [0, 1, 3, 6])
@on_each
async def test_cancelled(dialect: Dialect, count: int) -> None:
    """Cancelled while it waits for the next bytes, which is where a task is cancelled."""
    async with meeting([ANSWER, Reply(content="Well.")]) as (client, simulator):
        stream = client.stream(
            address(dialect), messages=[ASK], tools=[WEATHER], reasoning="medium"
        )
        reached = asyncio.Event()

        async def read() -> None:
            seen = 0
            async with stream:
                async for chunk in stream:
                    seen += chunk.delta.has_content
                    if seen >= count:
                        reached.set()

        task = asyncio.create_task(read())
        await reached.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await _ended(simulator)
        assert _is_beginning(stream.response.message)
        if task.cancelled() and simulator.requests and not simulator.requests[0].completed:
            assert simulator.requests[0].disconnected_at is not None
        if simulator.requests:
            await _goes_on(client, dialect, stream.response.message)
