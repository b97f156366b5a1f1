"""The public client over three wires, against a server that was written apart from the codecs."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pydantic
import pytest

import aisopod
from aisopod import (
    AsyncClient,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Client,
    ImagePart,
    InvalidRequestError,
    Message,
    MessageDelta,
    MissingCredentialError,
    ModelInfo,
    OutputValidationError,
    OverloadedError,
    ProtocolError,
    ProviderHealth,
    RateLimitError,
    StreamInterruptedError,
    TextPart,
    ThinkingPart,
    TokenUsage,
    ToolCall,
    UnknownModelError,
    UnknownProviderError,
)
from aisopod.config import Config, FailoverConfig, ProviderConfig
from aisopod.simulator import Fault, Reply, Simulator

WIRES = ("anthropic", "openai", "ollama")
MODELS = {"anthropic": "claude-opus-4-6", "openai": "gpt-4o", "ollama": "qwen3"}
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 16


def config_for(simulator: Simulator) -> Config:
    return Config(
        providers={
            wire: ProviderConfig(
                base_url=simulator.url_for(wire), api_key=aisopod.Secret("sk-test")
            )
            for wire in WIRES
        },
        failover=FailoverConfig(max_wait=0),
    )


def model(wire: str) -> str:
    return f"{wire}/{MODELS[wire]}"


def get_weather(city: str) -> str:
    """Today's weather in a city."""
    return f"sunny in {city}"


ANSWER = Reply(
    content=[ThinkingPart(text="Let me think."), TextPart(text="Grüße 👋 to you")],
    tool_calls=[
        ToolCall(id="call_1", name="get_weather", arguments='{"city":"Bonn"}'),
        ToolCall(id="call_2", name="get_weather", arguments='{"city":"Rome"}'),
    ],
    usage=TokenUsage(input_tokens=20, output_tokens=9),
    chunk_chars=3,
)


@pytest.mark.parametrize("wire", WIRES)
async def test_streamed_and_plain_say_the_same(wire: str) -> None:
    async with Simulator([ANSWER]) as simulator, AsyncClient(config_for(simulator)) as client:
        async with client.stream(model(wire), "hi", tools=[get_weather]) as stream:
            pieces = [chunk.delta.content or "" async for chunk in stream]
        streamed = stream.response
        plain = await client.complete(model(wire), "hi", tools=[get_weather])
    assert "".join(pieces) == "Grüße 👋 to you"
    for answer in (streamed, plain):
        assert answer.text == "Grüße 👋 to you"
        assert answer.thinking == "Let me think."
        assert [(c.id, c.name, c.parse()) for c in answer.tool_calls] == [
            ("call_1", "get_weather", {"city": "Bonn"}),
            ("call_2", "get_weather", {"city": "Rome"}),
        ]
        assert answer.finish_reason == "tool_calls"
        assert answer.usage is not None
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (20, 9)
    assert streamed.message == plain.message


@pytest.mark.parametrize("wire", WIRES)
async def test_a_tool_round_trip(wire: str) -> None:
    """The answer goes back whole: the simulator refuses altered thinking and orphan results."""
    async with Simulator() as simulator, AsyncClient(config_for(simulator)) as client:
        messages = [Message(role="user", content="please call get_weather")]
        first = await client.stream(
            model(wire), messages=messages, tools=[get_weather], **thinking(wire)
        ).collect()
        assert first.finish_reason == "tool_calls"
        messages.append(first.message)
        for call in first.tool_calls:
            result = get_weather(**call.parse())
            messages.append(Message(role="tool", tool_call_id=call.id, content=result))
        second = await client.complete(
            model(wire), messages=messages, tools=[get_weather], **thinking(wire)
        )
    assert "sunny in simulated" in second.text
    assert second.finish_reason == "stop"


def thinking(wire: str) -> dict[str, Any]:
    return {} if wire == "openai" else {"reasoning": "medium"}


@pytest.mark.parametrize("wire", WIRES)
async def test_limits_and_stop_sequences(wire: str) -> None:
    async with Simulator() as simulator, AsyncClient(config_for(simulator)) as client:
        cut = await client.complete(model(wire), "hi", max_tokens=3)
        assert (cut.finish_reason, len(cut.text.split())) == ("length", 3)
        stopped = await client.stream(model(wire), "hi", stop="no model").collect()
        assert stopped.text.strip() == "This is a simulated answer:"


class Struct(msgspec.Struct):
    name: str
    tags: list[int]


@dataclasses.dataclass
class Plain:
    name: str
    tags: list[int]


class Model(pydantic.BaseModel):
    name: str
    tags: list[int]


@pytest.mark.parametrize("type_", [Struct, Plain, Model])
@pytest.mark.parametrize("wire", WIRES)
async def test_answers_as_types(wire: str, type_: Any) -> None:
    async with Simulator() as simulator, AsyncClient(config_for(simulator)) as client:
        for answer in (
            await client.complete(model(wire), "hi", response_format=type_),
            await client.stream(model(wire), "hi", response_format=type_).collect(),
        ):
            assert answer.parsed == type_(name="simulated", tags=[1])
        by_schema = await client.complete(
            model(wire), "hi", response_format=aisopod.JsonSchema(schema={"type": "object"})
        )
        assert by_schema.parsed == {}


async def test_an_answer_that_does_not_fit_says_so() -> None:
    async with (
        Simulator([Reply(content="no json")]) as simulator,
        AsyncClient(config_for(simulator)) as client,
    ):
        answer = await client.complete("openai/gpt-4o", "hi", response_format=Struct)
    with pytest.raises(OutputValidationError, match="Struct") as caught:
        _ = answer.parsed
    assert caught.value.text == "no json"


@pytest.mark.parametrize("wire", WIRES)
async def test_images_arrive(wire: str) -> None:
    async with Simulator() as simulator, AsyncClient(config_for(simulator)) as client:
        parts: list[aisopod.Part] = [TextPart(text="what is it?"), ImagePart(data=PNG)]
        messages = [Message(role="user", content=parts)]
        answer = await client.complete(model(wire), messages=messages)
        assert "what is it?" in answer.text
        assert "iVBORw0KGgo" in str(simulator.requests[0].body)


FAULTS: list[tuple[Fault, type[Exception]]] = [
    (Fault(kind="status", status=429, headers={"retry-after": "7"}), RateLimitError),
    (Fault(kind="status", status=529), aisopod.ProviderError),
    (Fault(kind="drop", after=2), StreamInterruptedError),
    (Fault(kind="no_terminator"), StreamInterruptedError),
    (Fault(kind="garbage", after=2), ProtocolError),
    (Fault(kind="truncate", after=2), StreamInterruptedError),
    (Fault(kind="error", after=2), aisopod.ProviderError),
    (Fault(kind="stall", after=2), aisopod.IdleTimeoutError),
    (Fault(kind="stall", after=2, pings=True), aisopod.IdleTimeoutError),
    (Fault(kind="stall", pings=True), aisopod.FirstTokenTimeoutError),
]


@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=lambda v: getattr(v, "kind", ""))
@pytest.mark.parametrize("wire", WIRES)
async def test_faults_have_their_error_and_keep_what_arrived(
    wire: str, fault: Fault, expected: type[aisopod.AisopodError]
) -> None:
    reply = Reply(content="one two three four", fault=fault)
    limits = aisopod.Timeouts(first_token=0.5, idle=0.3)
    async with (
        Simulator([reply]) as simulator,
        AsyncClient(config_for(simulator), timeouts=limits) as client,
    ):
        if (wire, fault.kind) == ("openai", "no_terminator"):
            # On this wire some services end with the finish reason and without [DONE].
            answer = await client.stream(model(wire), "hi").collect()
            assert (answer.text, answer.finish_reason) == ("one two three four", "stop")
            return
        with pytest.raises(expected) as caught:
            await client.stream(model(wire), "hi").collect()
    error = caught.value
    assert error.partial is not None
    assert error.partial.text == ("one two" if fault.after == 2 else error.partial.text)
    if isinstance(error, RateLimitError):
        assert error.retry_after == 7.0
        assert error.status == 429
    if isinstance(error, aisopod.ProviderError):
        assert (error.provider, error.model) == (wire, MODELS[wire])


async def test_an_overload_inside_the_stream_is_told_as_one() -> None:
    reply = Reply(content="one two three", fault=Fault(kind="error", after=1))
    async with Simulator([reply]) as simulator, AsyncClient(config_for(simulator)) as client:
        for wire in ("anthropic", "openai"):
            with pytest.raises(OverloadedError) as caught:
                await client.stream(model(wire), "hi").collect()
            assert caught.value.retryable
            assert caught.value.scope == "model"


@pytest.mark.parametrize("wire", WIRES)
async def test_leaving_early_is_seen_by_the_server(wire: str) -> None:
    reply = Reply(content="one two three four five six", delay=0.2)
    async with Simulator([reply]) as simulator, AsyncClient(config_for(simulator)) as client:
        async with client.stream(model(wire), "hi") as stream:
            async for chunk in stream:
                if chunk.delta.content:
                    break
        left = time.monotonic()
        while simulator.open_streams:
            await asyncio.sleep(0.01)
            assert time.monotonic() - left < 1
        seen = simulator.requests[0].disconnected_at
        assert seen is not None
        assert seen - left < 1


@pytest.mark.parametrize("wire", WIRES)
async def test_models_and_health(wire: str) -> None:
    async with Simulator() as simulator, AsyncClient(config_for(simulator)) as client:
        models = await client.list_models(wire)
        assert models
        assert {entry.provider for entry in models} == {wire}
        health = await client.health_check(wire)
        assert health.ok
        assert health.latency_seconds is not None
        everything = await client.list_models()
        assert {entry.provider for entry in everything} == set(WIRES)
    async with AsyncClient(config_for(simulator)) as client:
        gone = await client.health_check(wire)
        assert not gone.reachable
        assert gone.problem


async def test_counting_and_pulling() -> None:
    async with Simulator() as simulator, AsyncClient(config_for(simulator)) as client:
        counted = await client.count_tokens("anthropic/claude-opus-4-6", "three little words")
        assert counted.tokens >= 3
        assert (counted.quality, counted.method) == ("exact", "provider")
        guessed = await client.count_tokens("ollama/simulated", "three little words")
        assert (guessed.quality, guessed.method) == ("estimated", "length")
        assert guessed.tokens == 5 + 4
        steps = [step async for step in client.pull("ollama/simulated")]
        assert steps[-1].status == "success"
        assert (steps[2].completed, steps[2].total) == (500, 1000)
        with pytest.raises(aisopod.ModelNotFoundError):
            async for _ in client.pull("ollama/no-such-model"):
                pass
        shown = await client.show_model("ollama/simulated")
        assert shown.context_window == 8192
        assert shown.capabilities == frozenset({"completion", "tools", "reasoning"})


@pytest.mark.parametrize("wire", WIRES)
async def test_an_unknown_model_is_told(wire: str) -> None:
    async with Simulator() as simulator, AsyncClient(config_for(simulator)) as client:
        with pytest.raises(aisopod.ModelNotFoundError) as caught:
            await client.complete(f"{wire}/no-such-model", "hi")
        assert caught.value.status == 404


async def test_what_cannot_be_told_is_refused_before_the_network() -> None:
    async with Simulator() as simulator, AsyncClient(config_for(simulator)) as client:
        with pytest.raises(UnknownProviderError, match="anthropic"):
            client.stream("antropic/claude", "hi")
        with pytest.raises(UnknownModelError, match="openai/gpt-4o"):
            client.stream("gpt-4o", "hi")
        with pytest.raises(UnknownModelError, match="AISOPOD_MODEL"):
            client.stream(None, "hi")
        with pytest.raises(InvalidRequestError):
            client.stream("openai/gpt-4o")
        with pytest.raises(InvalidRequestError, match="max_tokens"):
            client.stream("openai/gpt-4o", "hi", max_token=3)
        assert not simulator.requests


async def test_a_missing_key_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with AsyncClient(Config()) as client:
        with pytest.raises(MissingCredentialError, match="OPENAI_API_KEY"):
            client.stream("openai/gpt-4o", "hi")


async def test_a_service_known_by_its_address_only() -> None:
    async with Simulator() as simulator:
        config = Config(providers={"mine": ProviderConfig(base_url=simulator.url_for("openai"))})
        async with AsyncClient(config) as client:
            answer = await client.complete("mine/some/model", "hi")
        assert "simulated" in answer.text
        assert simulator.requests[0].body["model"] == "some/model"


async def test_many_streams_at_once() -> None:
    reply = Reply(content="one two three", usage=TokenUsage(input_tokens=1, output_tokens=3))
    async with Simulator([reply]) as simulator, AsyncClient(config_for(simulator)) as client:
        answers = await asyncio.gather(
            *(client.stream(model(WIRES[i % 3]), "hi").collect() for i in range(90))
        )
    assert {answer.text for answer in answers} == {"one two three"}


class TestBlocking:
    def test_stream_and_complete(self) -> None:
        with Simulator([ANSWER]) as simulator, Client(config_for(simulator)) as client:
            with client.stream("openai/gpt-4o", "hi") as stream:
                text = "".join(chunk.delta.content or "" for chunk in stream)
            assert text == "Grüße 👋 to you"
            assert stream.response.message == client.complete("openai/gpt-4o", "hi").message
            assert client.list_models("openai")
            assert client.health_check("openai").ok
            assert [step.status for step in client.pull("ollama/x")][-1] == "success"

    def test_errors_come_through_with_what_arrived(self) -> None:
        reply = Reply(content="one two three", fault=Fault(kind="drop", after=2))
        with Simulator([reply]) as simulator, Client(config_for(simulator)) as client:
            stream = client.stream("openai/gpt-4o", "hi")
            with pytest.raises(StreamInterruptedError) as caught:
                stream.collect()
            assert caught.value.partial is not None
            assert caught.value.partial.text == "one two"

    def test_leaving_early_closes_the_connection(self) -> None:
        reply = Reply(content="one two three four five six", delay=0.2)
        with Simulator([reply]) as simulator, Client(config_for(simulator)) as client:
            with client.stream("openai/gpt-4o", "hi") as stream:
                for chunk in stream:
                    if chunk.delta.content:
                        break
            deadline = time.monotonic() + 1
            while simulator.open_streams and time.monotonic() < deadline:
                time.sleep(0.01)
            assert simulator.requests[0].disconnected_at is not None


class Third:
    """A provider of somebody else's, by the protocol alone."""

    id = "third"

    async def list_models(self) -> list[ModelInfo]:
        return [ModelInfo(id="m", provider="third")]

    async def chat_completion(
        self, request: ChatCompletionRequest
    ) -> AsyncIterator[ChatCompletionChunk]:
        text = request.messages[-1].text
        yield ChatCompletionChunk(id="1", model="m", delta=MessageDelta(content=text))
        yield ChatCompletionChunk(id="1", model="m", delta=MessageDelta(), finish_reason="stop")

    async def health_check(self) -> ProviderHealth:
        return ProviderHealth(provider="third", reachable=True)


async def test_a_third_party_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    from aisopod.providers import registry

    monkeypatch.setattr(registry, "_third_party", lambda name: Third if name == "third" else None)
    async with AsyncClient(Config()) as client:
        assert isinstance(client.provider("third"), aisopod.ModelProvider)
        answer = await client.complete("third/m", "echo")
        assert (answer.text, answer.finish_reason) == ("echo", "stop")
        assert [entry.id for entry in await client.list_models("third")] == ["m"]
