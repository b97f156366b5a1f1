"""Much of everything: time grows with the size and not with its square."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from aisopod.normalise.target import Target
from aisopod.simulator import Reply
from aisopod.types import Fold, Message, Tool, ToolCall, fold
from hazards.ends import WEATHER, asked, meeting, on_each, said, user
from support.dialects import DIALECTS, Dialect, carried
from support.mutations import wire_body
from support.validity import problems

MEGABYTE = 1024 * 1024


def cost(act: Callable[[], Any]) -> float:
    """CPU seconds, the least of two."""

    def once() -> float:
        begun = time.process_time()
        act()
        return time.process_time() - begun

    return min(once() for _ in range(2))


def ratio(act: Callable[[int], Any], small: int, large: int) -> float:
    """How many times more the large one costs, for each time that it is larger."""
    few, many = cost(lambda: act(small)), cost(lambda: act(large))
    return many / max(few, 0.001) / (large / small)


def call_of(size: int) -> ToolCall:
    return ToolCall(id="c1", name="weather", arguments='{"city":"%s"}' % ("x" * size))


def read(dialect: Dialect, body: bytes, piece: int) -> ToolCall:
    codec = dialect.codec
    framing, decoder = codec.framing(), codec.stream_decoder(Target(provider="p", model="m"))
    gathered = Fold()
    for start in range(0, len(body), piece):
        for frame in framing.feed(body[start : start + piece]):
            chunk = decoder.feed(frame)
            if chunk is not None:
                gathered.add(chunk)
    [call] = gathered.result().tool_calls
    return call


@on_each
def test_long_arguments(dialect: Dialect) -> None:
    """Megabytes in pieces of a few hundred bytes, on the wire and on the network."""
    bodies = {
        size: wire_body(dialect.name, Reply(tool_calls=[call_of(size)], chunk_chars=400))
        for size in (MEGABYTE // 2, 5 * MEGABYTE)
    }
    whole = read(dialect, bodies[5 * MEGABYTE], 1400)
    assert len(whole.arguments) == 5 * MEGABYTE + len('{"city":""}')
    assert ratio(lambda size: read(dialect, bodies[size], 1400), *bodies) < 3


@on_each
def test_long_arguments_go_back(dialect: Dialect) -> None:
    history = {
        size: [
            user("hi"),
            Message(role="assistant", tool_calls=[call_of(size)]),
            Message(role="tool", tool_call_id="c1", content="y" * size),
        ]
        for size in (MEGABYTE // 2, 5 * MEGABYTE)
    }
    assert ratio(lambda size: carried(dialect, history[size], tools=[WEATHER]), *history) < 3


def tools(count: int) -> list[Tool]:
    schema = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(20)}}
    return [Tool(name=f"tool.{n}", description=f"Tool {n}", parameters=schema)
            for n in range(count)]  # fmt: skip


@on_each
async def test_five_hundred_tools(dialect: Dialect) -> None:
    """With names that most wires do not take; the answer's call has its tool's own."""
    many = tools(500)
    encoded = carried(dialect, [user("hi")], tools=many)
    assert problems(dialect.name, encoded.body, dialect.model) == []
    assert ratio(lambda count: carried(dialect, [user("hi")], tools=many[:count]), 50, 500) < 3
    body = msgspec.json.decode(encoded.body)
    sent = _names(body)
    assert len(set(sent)) == 500
    reply = Reply(tool_calls=[ToolCall(id="c1", name=sent[321], arguments="{}")])
    async with meeting([reply]) as (client, _):
        answer = await asked(client, dialect, [user("hi")], stream=True, tools=many)
    assert answer.tool_calls[0].name == "tool.321"


def _names(body: dict[str, Any]) -> list[str]:
    listed = body.get("tools") or body["toolConfig"]["tools"]
    if "functionDeclarations" in listed[0]:
        listed = listed[0]["functionDeclarations"]
    inner = [each.get("function") or each.get("toolSpec") or each for each in listed]
    return [each["name"] for each in inner]


def long_history(turns: int) -> list[Message]:
    messages = [Message(role="system", content="Be brief.")]
    for turn in range(turns // 4):
        call = ToolCall(id=f"call/{turn % 50}", name="weather", arguments='{"city":"Oslo"}')
        messages += [
            user(f"Question {turn}"),
            Message(role="assistant", content="I look.", tool_calls=[call]),
            Message(role="tool", tool_call_id=call.id, content=f"{turn} degrees"),
            Message(role="assistant", content=f"It is {turn} degrees."),
        ]
    return [*messages, user("And now?")]


@on_each
async def test_two_thousand_messages(dialect: Dialect) -> None:
    """With ids that are no wire's and come again."""
    history = {count: long_history(count) for count in (200, 2000)}
    encoded = carried(dialect, history[2000], tools=[WEATHER])
    assert problems(dialect.name, encoded.body, dialect.model) == []
    assert ratio(lambda count: carried(dialect, history[count], tools=[WEATHER]), *history) < 3
    async with meeting([said("Well.")]) as (client, _):
        answer = await asked(client, dialect, history[2000], stream=False, tools=[WEATHER])
    assert answer.text == "Well."


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for level in range(depth):
        schema = {
            "type": "object",
            "properties": {f"level{level}": schema},
            "required": [f"level{level}"],
        }
    return schema


_NODE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
    },
}
RECURSIVE: dict[str, Any] = {
    "type": "object", "properties": {"root": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": _NODE},
}  # fmt: skip
TO_ITSELF: dict[str, Any] = {
    "type": "object",
    "properties": {"next": {"$ref": "#"}, "value": {"type": "integer"}},
}
IN_CIRCLES: dict[str, Any] = {
    "type": "object", "properties": {"a": {"$ref": "#/$defs/A"}},
    "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}},
}  # fmt: skip
SCHEMAS = {
    "deep": nested(60), "recursive": RECURSIVE, "to-itself": TO_ITSELF, "in-circles": IN_CIRCLES,
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("dialect", DIALECTS, ids=[each.provider for each in DIALECTS])
def test_deep_and_recursive_schemas(dialect: Dialect, name: str) -> None:
    tool = Tool(name="weather", parameters=SCHEMAS[name])
    encoded = carried(dialect, [user("hi")], tools=[tool])
    assert problems(dialect.name, encoded.body, dialect.model) == []
    again = [user("hi"), Message(role="assistant", tool_calls=[call_of(1)]),
             Message(role="tool", tool_call_id="c1", content="ok")]  # fmt: skip
    assert problems(dialect.name, carried(dialect, again, tools=[tool]).body, dialect.model) == []


@pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemini-2.5-flash"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_older_gemini_has_its_own_form_of_schemas(name: str, model: str) -> None:
    old = msgspec.structs.replace(DIALECTS[2], model=model)
    encoded = carried(old, [user("hi")], tools=[Tool(name="weather", parameters=SCHEMAS[name])])
    assert problems(old.name, encoded.body, old.model) == []


def test_folding_is_linear_in_chunks() -> None:
    """Half a million pieces of one text."""
    from aisopod.types import ChatCompletionChunk, MessageDelta

    chunk = ChatCompletionChunk(id="", model="", delta=MessageDelta(content="x" * 10))
    assert ratio(lambda count: fold([chunk] * count), 20_000, 200_000) < 3
