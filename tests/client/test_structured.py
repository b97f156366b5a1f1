"""Structured output on models that have no schema for it, and answers that are asked for again."""

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

import aisopod
from aisopod import (
    AsyncClient,
    Client,
    InvalidRequestError,
    JsonSchema,
    Message,
    OutputValidationError,
    RateLimitError,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCall,
)
from aisopod.simulator import Fault, Reply, Simulator
from aisopod.types import TokenUsage
from matrix.cases import Target
from matrix.configured import AWS, KEY, configured

pytestmark = pytest.mark.usefixtures("aws")

# Models without a schema for their answer (Gemini's beside tools, below), one a dialect.
BEDROCK = {"wire": "bedrock", "options": {"region": "us-east-1"}}
TARGETS = [
    Target(provider="anthropic", model="claude-3-5-haiku-20241022", thinker="", wire="anthropic"),
    Target(provider="bedrock", model="amazon.nova-pro-v1:0", thinker="", **BEDROCK),  # type: ignore[arg-type]
    Target(provider="bedrock", model="anthropic.claude-3-haiku-20240307-v1:0", thinker="", **BEDROCK),  # type: ignore[arg-type]
    Target(provider="bedrock-anthropic", model="anthropic.claude-3-haiku-20240307-v1:0", thinker="",
           **BEDROCK),  # type: ignore[arg-type]
    Target(provider="deepseek", model="deepseek-chat", thinker="", wire="openai"),
    Target(provider="openai", model="gpt-4-turbo", thinker="", wire="openai"),
]  # fmt: skip
UNFORCED = [
    Target(provider="bedrock", model="meta.llama3-1-70b-instruct-v1:0", thinker="", **BEDROCK),  # type: ignore[arg-type]
    Target(provider="anthropic", model="claude-3-7-sonnet-20250219", thinker="", wire="anthropic"),
]
NATIVE = [
    Target(provider="openai", model="gpt-4.1", thinker="", wire="openai"),
    Target(provider="anthropic", model="claude-sonnet-4-5", thinker="", wire="anthropic"),
    Target(provider="gemini", model="gemini-2.5-flash", thinker="", wire="gemini"),
    Target(provider="gemini", model="gemini-2.0-flash", thinker="", wire="gemini"),
    Target(provider="bedrock", model="us.anthropic.claude-sonnet-4-5-20250929-v1:0", thinker="",
           **BEDROCK),  # type: ignore[arg-type]
    Target(provider="ollama", model="qwen3", thinker="", wire="ollama"),
]  # fmt: skip
GEMINI = NATIVE[2]
OPENAI = NATIVE[0]
LOOK = Tool(name="look")
USED = TokenUsage(input_tokens=10, output_tokens=5)


class City(msgspec.Struct):
    name: str
    size: int


@dataclasses.dataclass
class Place:
    at: list[float]
    near: "City | None"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    [(key_id, secret)] = AWS.items()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def name(target: Target) -> str:
    return f"{target.provider}/{target.model}"


class World:
    """One target at a simulator that says what the test put into `script`."""

    def __init__(self) -> None:
        self.script: list[Reply] = []

    def __call__(self, _body: dict[str, Any]) -> Reply | None:
        return self.script.pop(0) if self.script else None

    async def complete(
        self, target: Target, prompt: str = "hi", *, stream: bool = False, **fields: Any
    ) -> aisopod.ChatCompletion:
        fields = {"response_format": City, **fields}
        async with AsyncClient(configured(target, self.simulator)) as client:
            if stream:
                return await client.stream(name(target), prompt, **fields).collect()
            return await client.complete(name(target), prompt, **fields)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [each.body for each in self.simulator.requests]

    def sent(self, number: int) -> str:
        """A body as text; what is quoted in it as it was."""
        return msgspec.json.encode(self.bodies[number]).decode().replace('\\"', '"')

    simulator: Simulator


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    async with Simulator(made, require_key=KEY, aws_secret=AWS) as made.simulator:  # type: ignore[arg-type]
        yield made


def rules(answer: aisopod.ChatCompletion) -> list[str]:
    return [warning.rule for warning in answer.warnings]


def by_tool(text: str, tool: str = "City", **fields: Any) -> Reply:
    return Reply(tool_calls=[ToolCall(id="call_1", name=tool, arguments=text)], **fields)


def choice(body: dict[str, Any]) -> Any:
    """What must be called, in the wire's words."""
    config = body.get("toolConfig", {})
    return body.get("tool_choice", config.get("toolChoice", config.get("functionCallingConfig")))


FORCED = [
    {"type": "tool", "name": "City"},
    {"tool": {"name": "City"}},
    {"type": "function", "function": {"name": "City"}},
]
REQUIRED = [{"type": "any"}, {"any": {}}, "required", {"mode": "ANY"}]

targets = pytest.mark.parametrize("target", TARGETS, ids=name)
streams = pytest.mark.parametrize("stream", [True, False])


@targets
@streams
async def test_an_answer_by_tool(world: World, target: Target, stream: bool) -> None:
    world.script = [by_tool('{"name":"Lima","size":10}', chunk_chars=3)]
    answer = await world.complete(target, stream=stream)
    assert answer.parsed == City("Lima", 10)
    assert (answer.finish_reason, answer.tool_calls) == ("stop", [])
    assert rules(answer) == ["schema_by_tool"]
    assert choice(world.bodies[0]) in FORCED
    # It goes on as a text: the next turn shows no call.
    messages = [Message(role="user", content="hi"), answer.message]
    again = await world.complete(target, "and?", messages=messages, response_format=None)
    assert again.text


@targets
async def test_what_is_no_object_by_tool(world: World, target: Target) -> None:
    answer = await world.complete(target, response_format=list[City])
    assert answer.parsed == [City("simulated", 1)]
    assert (await world.complete(target, response_format=Place)).parsed.at


@pytest.mark.parametrize("target", NATIVE, ids=name)
@streams
async def test_what_is_no_object_natively(world: World, target: Target, stream: bool) -> None:
    answer = await world.complete(target, stream=stream, response_format=list[City])
    assert answer.parsed == [City("simulated", 1)]
    assert answer.text.startswith("[")
    assert rules(answer) == []


@pytest.mark.parametrize("target", [*TARGETS, GEMINI], ids=name)
@streams
async def test_beside_tools_other_calls_stay(world: World, target: Target, stream: bool) -> None:
    world.script = [by_tool("{}", "look"), by_tool('{"name":"Lima","size":10}')]
    first = await world.complete(target, stream=stream, tools=[LOOK])
    assert [call.name for call in first.tool_calls] == ["look"]
    assert first.finish_reason == "tool_calls"
    assert choice(world.bodies[0]) in REQUIRED
    result = Message(role="tool", tool_call_id=first.tool_calls[0].id, content="seen")
    messages = [Message(role="user", content="hi"), first.message, result]
    answer = await world.complete(target, None, stream=stream, tools=[LOOK], messages=messages)  # type: ignore[arg-type]
    assert answer.parsed == City("Lima", 10)
    assert answer.finish_reason == "stop"


@pytest.mark.parametrize("target", UNFORCED, ids=name)
@streams
async def test_where_no_tool_can_be_forced(world: World, target: Target, stream: bool) -> None:
    fields: dict[str, Any] = {"reasoning": 2048} if target.provider == "anthropic" else {}
    world.script = [
        by_tool('{"name":"Lima","size":10}', content=[TextPart(text="Here it is:")]),
        Reply(content='{"name":"Lima","size":10}'),
    ]
    answer = await world.complete(target, stream=stream, **fields)
    assert answer.parsed == City("Lima", 10)
    assert set(rules(answer)) == {"schema_by_tool", "schema_unforced", "beside_answer"}
    assert choice(world.bodies[0]) is None
    assert "City" in msgspec.json.encode(world.bodies[0]["system"]).decode()
    answer = await world.complete(target, stream=stream, **fields)
    assert answer.parsed == City("Lima", 10)
    assert "answered_in_text" in rules(answer)


# --- asked for again --------------------------------------------------------------------------

BAD, GOOD = '{"name":"Lima"}', '{"name":"Lima","size":10}'


@pytest.mark.parametrize("target", NATIVE, ids=name)
async def test_an_answer_that_does_not_fit_is_asked_for_again(world: World, target: Target) -> None:
    world.script = [Reply(content=BAD, usage=USED), Reply(content=GOOD, usage=USED)]
    answer = await world.complete(target, output_retries=1)
    assert answer.parsed == City("Lima", 10)
    assert answer.usage == USED + USED
    assert [attempt.outcome for attempt in answer.attempts] == ["ok", "ok"]
    assert rules(answer) == ["output_retried"]
    assert "missing required field `size`" in world.sent(1)
    assert BAD in world.sent(1)


@targets
async def test_a_call_that_does_not_fit_has_failed(world: World, target: Target) -> None:
    world.script = [by_tool(BAD, usage=USED), by_tool(GOOD, usage=USED)]
    answer = await world.complete(target, output_retries=1)
    assert answer.parsed == City("Lima", 10)
    assert answer.usage == USED + USED
    assert "missing required field `size`" in world.sent(1)
    assert rules(answer) == ["output_retried", "schema_by_tool"]


async def test_thinking_stays_before_the_call_that_failed(world: World) -> None:
    thought = ThinkingPart(text="hm", signature="c2ln")
    world.script = [by_tool(BAD, content=[thought]), by_tool(GOOD)]
    await world.complete(UNFORCED[1], reasoning=2048, output_retries=1)
    said = world.bodies[1]["messages"]
    assert [block["type"] for block in said[1]["content"]] == ["thinking", "tool_use"]
    assert said[2]["content"][0]["is_error"] is True


async def test_when_the_next_one_takes_schemas(world: World) -> None:
    refused = Reply(fault=Fault(kind="status", status=529))
    world.script = [by_tool(BAD), refused, Reply(content=GOOD)]
    target = TARGETS[0]
    async with AsyncClient(configured(target, world.simulator)) as client:
        answer = await client.complete(
            models=[name(target), "anthropic/claude-sonnet-4-5"], prompt="hi",
            response_format=City, output_retries=1,
        )  # fmt: skip
    assert answer.parsed == City("Lima", 10)
    assert answer.attempts[-1].model == "claude-sonnet-4-5"
    assert [message["role"] for message in world.bodies[-1]["messages"]] == [
        "user", "assistant", "user",
    ]  # fmt: skip
    assert "tool_use" not in world.sent(-1)


async def test_what_never_fits(world: World) -> None:
    world.script = [Reply(content=BAD, usage=USED)] * 3
    with pytest.raises(OutputValidationError, match="size") as caught:
        await world.complete(OPENAI, output_retries=2)
    assert len(world.bodies) == 3
    assert caught.value.text == BAD
    assert caught.value.partial is None  # it is whole, and wrong
    assert [attempt.usage for attempt in caught.value.attempts] == [USED] * 3


async def test_a_failure_has_the_attempts_of_both(world: World) -> None:
    world.script = [Reply(content=BAD), Reply(fault=Fault(kind="status", status=429))]
    with pytest.raises(RateLimitError) as caught:
        await world.complete(OPENAI, output_retries=1)
    assert [attempt.outcome for attempt in caught.value.attempts] == ["ok", "failed"]


async def test_both_requests_are_booked(world: World) -> None:
    world.script = [Reply(content=BAD, usage=USED), Reply(content=GOOD, usage=USED)]
    config = msgspec.structs.replace(configured(OPENAI, world.simulator), state="memory")
    async with AsyncClient(config) as client:
        answer = await client.complete(
            name(OPENAI), "hi", response_format=City, output_retries=1, tags={"job": "x"}
        )
        [row] = await client.usage(by=["tag:job"])
    assert row.requests == 2
    assert row.usage == answer.usage == USED + USED
    assert row.costs == {"USD": answer.cost}


@pytest.mark.parametrize(
    "reply",
    [Reply(content=GOOD), by_tool("{}", "look"), Reply(content=BAD, finish_reason="length")],
)
async def test_what_is_not_asked_for_again(world: World, reply: Reply) -> None:
    world.script = [reply]
    await world.complete(OPENAI, tools=[LOOK], output_retries=3)
    assert len(world.bodies) == 1


async def test_without_retries_nothing_is_checked(world: World) -> None:
    world.script = [Reply(content=BAD)]
    answer = await world.complete(OPENAI)
    with pytest.raises(OutputValidationError):
        _ = answer.parsed


async def test_plain_schemas(world: World) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    world.script = [Reply(content='{"n":"1"}'), Reply(content='{"n":1}')]
    answer = await world.complete(OPENAI, response_format=schema, output_retries=1)
    assert answer.parsed == {"n": 1}
    assert "at $.n" in world.sent(1)


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"type": "object", "properties": {"n": {"type": "no"}}}, "response_format.schema"),
        ({"type": "object", "properties": {"n": {"$ref": "http://h/x"}}}, "response_format.schema"),
    ],
)
async def test_a_schema_that_cannot_be_checked_by(world: World, schema: Any, field: str) -> None:
    world.script = [Reply(content='{"n":"1"}')]
    with pytest.raises(InvalidRequestError) as caught:
        await world.complete(OPENAI, response_format=JsonSchema(schema=schema), output_retries=1)
    assert caught.value.field == field


async def test_a_number_of_retries(world: World) -> None:
    with pytest.raises(InvalidRequestError, match="output_retries"):
        await world.complete(OPENAI, output_retries=-1)
    assert world.bodies == []


def test_blocking() -> None:
    with (
        Simulator([Reply(content=BAD), Reply(content=GOOD)], require_key=KEY) as simulator,
        Client(configured(OPENAI, simulator)) as client,
    ):
        answer = client.complete(name(OPENAI), "hi", response_format=City, output_retries=1)
    assert answer.parsed == City("Lima", 10)
