"""A conversation with thinking and calls goes to another provider, and back."""

from typing import Any

import msgspec
import pytest

from aisopod import AsyncClient
from aisopod.simulator import Reply, Simulator
from aisopod.types import ChatCompletion, Message, ThinkingPart, ToolCall
from hazards.ends import PAIRS, WEATHER, asked, meeting, on_pairs, user
from support.dialects import DIALECTS, Dialect

ways = pytest.mark.parametrize(
    ("stream", "ask_between"), [(True, False), (False, True)],
    ids=["streamed-in-the-loop", "plain-by-the-user"],
)  # fmt: skip


def calling(*cities: str) -> Reply:
    calls = [ToolCall(id=f"call_{city}", name="weather", arguments=f'{{"city": "{city}"}}')
             for city in cities]  # fmt: skip
    thought = ThinkingPart(text=f"Let me see: {' '.join(cities)}.")
    return Reply(content=[thought], tool_calls=calls)


def results_of(answer: ChatCompletion) -> list[Message]:
    return [Message(role="tool", tool_call_id=call.id, content="18 degrees")
            for call in answer.tool_calls]  # fmt: skip


def signatures(value: Any) -> list[str]:
    """Every signature of a body, whatever its wire calls them."""
    if isinstance(value, list):
        return [found for each in value for found in signatures(each)]
    if not isinstance(value, dict):
        return []
    own = [value[name] for name in ("signature", "thoughtSignature") if value.get(name)]
    return own + [found for each in value.values() for found in signatures(each)]


async def conversation(
    client: AsyncClient, ends: list[Dialect], *, stream: bool, ask_between: bool
) -> list[ChatCompletion]:
    """Each end answers in turn; the user speaks between them, or a tool's results alone do."""
    messages: list[Message] = [user("The weather in Paris and Rome?")]
    answers = []
    for end in ends:
        answer = await asked(
            client, end, messages, stream=stream, tools=[WEATHER], reasoning="medium"
        )
        answers.append(answer)
        messages += [answer.message, *results_of(answer)]
        if ask_between:
            messages.append(user("And then?"))
    return answers


async def test_the_simulator_signs() -> None:
    """Where wires sign, what is signed is there to be altered."""
    async with meeting([calling("Paris")]) as (client, simulator):
        for dialect in DIALECTS:
            if dialect.provider in {"openai", "ollama"}:
                continue
            await conversation(client, [dialect] * 2, stream=True, ask_between=False)
            assert signatures(simulator.requests[-1].body), dialect.name


@ways
@on_pairs
async def test_there_and_back(
    one: Dialect, other: Dialect, *, stream: bool, ask_between: bool
) -> None:
    """The simulator refuses altered signatures, missing results, ids that are not the wire's."""
    replies = [
        calling("Paris", "Rome"),
        calling("Oslo"),
        calling("Bern", "Köln"),
        Reply(content="So."),
    ]
    ends = [one, other, one, one]
    async with meeting(replies) as (client, simulator):
        answers = await conversation(client, ends, stream=stream, ask_between=ask_between)
    assert [len(answer.tool_calls) for answer in answers] == [2, 1, 2, 0]
    _all_is_told(simulator, ends)
    own = signatures(msgspec.to_builtins([answers[0].message, answers[2].message]))
    back = signatures(simulator.requests[-1].body)
    foreign = signatures(msgspec.to_builtins(answers[1].message))
    assert set(own) <= set(back)
    assert not set(foreign) & set(back)
    for answer, end in zip(answers[1:3], ends[1:3], strict=True):
        # A question beside results does not end the turn that another model began.
        if "thinking_off" in {warning.rule for warning in answer.warnings}:
            assert end.provider in {"anthropic", "bedrock", "bedrock-anthropic"}


def _all_is_told(simulator: Simulator, ends: list[Dialect]) -> None:
    """Every call and every result, whoever made it, is in the last request."""
    assert [received.completed for received in simulator.requests] == [True] * len(ends)
    body = msgspec.json.encode(simulator.requests[-1].body).decode()
    for city in ("Paris", "Rome", "Oslo", "Bern", "Köln"):
        assert city in body
    assert body.count("18 degrees") == 5


@pytest.mark.parametrize("begin", DIALECTS, ids=[each.provider for each in DIALECTS])
async def test_through_all_five(begin: Dialect) -> None:
    """Round and round: what was sent to an end before is sent to it again."""
    order = DIALECTS[DIALECTS.index(begin) :] + DIALECTS[: DIALECTS.index(begin)]
    replies = [calling(f"city{number}") for number in range(2 * len(order))]
    async with meeting(replies) as (client, simulator):
        answers = await conversation(client, order * 2, stream=True, ask_between=True)
    assert all(answer.tool_calls for answer in answers)
    assert len(PAIRS) == 24
    body = msgspec.json.encode(simulator.requests[-1].body).decode()
    assert all(f"city{number}" in body for number in range(2 * len(order) - 1))
