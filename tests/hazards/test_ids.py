"""Ids of calls: every alphabet and length, there and back, the same in every turn, none twice."""

import random
import re
import string
from typing import Any

import msgspec
import pytest

from aisopod.simulator import Reply
from aisopod.types import Message, ToolCall
from hazards.ends import PAIRS, WEATHER, asked, meeting, on_pairs, user
from support.dialects import EVERY, Dialect, carried, named
from support.validity import problems

ALPHABETS = {
    "anthropic": string.ascii_letters + string.digits + "_-",
    "letters": string.ascii_letters,
    "digits": string.digits,
    "bedrock": string.ascii_letters + "_.:-",
    "other": "/|+=.: \n\t~",
    "foreign": "ключ号👍é",
}
LENGTHS = [1, 2, 8, 9, 10, 36, 39, 40, 41, 63, 64, 65, 128, 500]


def ids_of(seed: int = 1) -> list[str]:
    """One of each alphabet and length, and some that differ only in what wires do not take."""
    chance = random.Random(seed)
    made = ["".join(chance.choices(alphabet, k=length))
            for alphabet in ALPHABETS.values() for length in LENGTHS]  # fmt: skip
    near = ["a b", "a_b", "a.b", "a/b", "a:b", "A_B", "x" * 64, "x" * 65, "x" * 66, "y" * 64 + "z"]
    return list(dict.fromkeys([*made, *near]))


def history(ids: list[str]) -> list[Message]:
    messages = [user("hi")]
    for at in range(0, len(ids), 3):
        calls = [ToolCall(id=id_, name="weather") for id_ in ids[at : at + 3]]
        messages.append(Message(role="assistant", tool_calls=calls))
        messages += [Message(role="tool", tool_call_id=call.id, content=f"of {call.id}")
                     for call in calls]  # fmt: skip
    return messages


def found_ids(value: Any) -> tuple[list[str], list[str]]:
    """The ids of the calls, and those of the results, in a body, in order."""
    calls: list[str] = []
    results: list[str] = []

    def walk(each: Any) -> None:
        if isinstance(each, list):
            for inner in each:
                walk(inner)
        elif isinstance(each, dict):
            _one(each, calls, results)
            for inner in each.values():
                walk(inner)

    walk(value)
    return calls, results


def _one(each: dict[str, Any], calls: list[str], results: list[str]) -> None:
    if each.get("type") == "tool_use" or ("function" in each and "id" in each):
        calls.append(each["id"])
    for name, kept in (("toolUse", calls), ("toolResult", results)):
        if name in each:
            kept.append(each[name]["toolUseId"])
    results.extend(each[name] for name in ("tool_use_id", "tool_call_id") if name in each)


@pytest.mark.parametrize("dialect", EVERY, ids=named)
def test_every_alphabet_and_length(dialect: Dialect) -> None:
    ids = ids_of()
    encoded = carried(dialect, history(ids), tools=[WEATHER])
    assert problems(dialect.name, encoded.body, dialect.model) == []
    calls, results = found_ids(msgspec.json.decode(encoded.body))
    if dialect.name == "gemini_generate":  # calls without a signature's id are known by order
        return
    assert calls == results
    assert len(set(calls)) == len(calls) == len(ids)


@pytest.mark.parametrize("dialect", EVERY, ids=named)
def test_stable_over_turns(dialect: Dialect) -> None:
    """What was sent in one turn is sent in the next, or the prompt's cache is cold."""
    ids = ids_of(2)
    whole = found_ids(msgspec.json.decode(carried(dialect, history(ids), tools=[WEATHER]).body))
    for count in range(3, len(ids), 9):
        body = carried(dialect, history(ids[:count]), tools=[WEATHER]).body
        calls, _ = found_ids(msgspec.json.decode(body))
        assert calls == whole[0][: len(calls)]


@pytest.mark.parametrize("dialect", EVERY, ids=named)
def test_a_legal_id_stays(dialect: Dialect) -> None:
    calls, _ = found_ids(
        msgspec.json.decode(carried(dialect, history(["abcDEF123"]), tools=[WEATHER]).body)
    )
    assert set(calls) <= {"abcDEF123"}


@pytest.mark.parametrize("length", [9, 40])
def test_made_ones_do_not_collide(length: int) -> None:
    """Of all ids that differ in one foreign character only, no two become one."""
    from aisopod.normalise.words import _made

    words = [f"call{chr(code)}x" for code in range(0x20, 0x3000)]
    made = {_made(word, length) for word in words}
    assert len(made) == len(words)
    assert all(re.fullmatch(rf"[a-zA-Z0-9_-]{{1,{length}}}", word) for word in made)


@on_pairs
async def test_there_and_back_again(one: Dialect, other: Dialect) -> None:
    """The user's own program sees the ids that it was given, on whichever wire they go."""
    odd = "functions.weather:0" if one.provider == "bedrock" else "functions/weather|0"
    call = ToolCall(id=odd, name="weather", arguments='{"city":"Oslo"}')
    replies = [Reply(tool_calls=[call]), Reply(tool_calls=[call]), Reply(content="So.")]
    messages = [user("hi")]
    async with meeting(replies) as (client, simulator):
        for end in (one, other, one):
            answer = await asked(client, end, messages, stream=True, tools=[WEATHER])
            messages += [answer.message]
            messages += [Message(role="tool", tool_call_id=each.id, content="18 degrees")
                         for each in answer.tool_calls]  # fmt: skip
    assert [message.tool_calls[0].id for message in messages if message.tool_calls] == [odd, odd]
    assert len(simulator.requests) == 3
    assert len(PAIRS) == 24
