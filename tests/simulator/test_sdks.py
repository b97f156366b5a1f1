"""The vendors' own SDKs talk to the simulator and read what was scripted."""

import contextlib
from collections.abc import Iterator
from typing import Any

import anthropic
import ollama
import openai
import pytest

from aisopod import TextPart, ThinkingPart, TokenUsage, ToolCall
from aisopod.simulator import Fault, Reply, Simulator

pytestmark = pytest.mark.real

USAGE = TokenUsage(
    input_tokens=100,
    output_tokens=40,
    cache_read_tokens=30,
    cache_write_tokens=20,
    reasoning_tokens=10,
)
ANSWER = Reply(
    content=[
        ThinkingPart(text="Let me think about it.", signature="sig=="),
        TextPart(text="Two calls, one emoji 👍:"),
    ],
    tool_calls=[
        ToolCall(id="toolu_1", name="get_weather", arguments='{"city":"Bonn","days":2}'),
        ToolCall(id="toolu_2", name="now", arguments="{}"),
    ],
    usage=USAGE,
)
TOOL: dict[str, Any] = {
    "name": "get_weather",
    "description": "Weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
FUNCTIONS: Any = [{"type": "function", "function": TOOL}]


class TestAnthropic:
    @staticmethod
    def client(simulator: Simulator) -> anthropic.Anthropic:
        return anthropic.Anthropic(
            api_key="sk-key", base_url=simulator.url_for("anthropic"), max_retries=0
        )

    @staticmethod
    def check(message: Any) -> None:
        kinds = [block.type for block in message.content]
        assert kinds == ["thinking", "text", "tool_use", "tool_use"]
        thinking, text, weather, now = message.content
        assert (thinking.thinking, thinking.signature) == ("Let me think about it.", "sig==")
        assert text.text == "Two calls, one emoji 👍:"
        assert (weather.id, weather.name) == ("toolu_1", "get_weather")
        assert weather.input == {"city": "Bonn", "days": 2}
        assert (now.id, now.input) == ("toolu_2", {})
        assert message.stop_reason == "tool_use"
        assert message.usage.input_tokens == 50
        assert message.usage.cache_read_input_tokens == 30
        assert message.usage.cache_creation_input_tokens == 20
        assert message.usage.output_tokens == 40

    def test_plain_and_streamed(self) -> None:
        tool = {"name": "get_weather", "input_schema": TOOL["parameters"]}
        asked: dict[str, Any] = {
            "model": "claude-opus-4-6",
            "max_tokens": 100,
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [tool],
        }
        with Simulator([ANSWER]) as simulator, self.client(simulator) as client:
            self.check(client.messages.create(**asked))
            with client.messages.stream(**asked) as stream:
                self.check(stream.get_final_message())
            assert simulator.requests[0].headers["authorization"] == "***"
            assert simulator.requests[0].headers["anthropic-version"] == "2026-10-21"
            assert [request.completed for request in simulator.requests] == [True, True]

    async def test_the_async_client(self) -> None:
        async with (
            Simulator([ANSWER]) as simulator,
            anthropic.AsyncAnthropic(
                api_key="sk-key", base_url=simulator.url_for("anthropic"), max_retries=0
            ) as client,
            client.messages.stream(
                model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
            ) as stream,
        ):
            self.check(await stream.get_final_message())

    @pytest.mark.parametrize(
        ("reason", "said"),
        [
            ("length", "max_tokens"),
            ("refusal", "refusal"),
            ("content_filter", "refusal"),
            ("pause", "pause_turn"),
            ("model_context_window_exceeded", "model_context_window_exceeded"),
        ],
    )
    def test_reasons(self, reason: str, said: str) -> None:
        reply = Reply(content="x", finish_reason=reason)
        with Simulator([reply]) as simulator, self.client(simulator) as client:
            message = client.messages.create(
                model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
            )
            assert message.stop_reason == said
            assert (message.stop_details is not None) == (said == "refusal")

    def test_order_and_redacted_thinking_are_kept(self) -> None:
        """A call between texts stays between them; the scripted signature is remembered."""
        reply = Reply(
            content=[
                ThinkingPart(redacted="c2VjcmV0"),
                ThinkingPart(text="first", signature="s1"),
                TextPart(text="before"),
                ToolCall(id="toolu_9", name="now"),
                TextPart(text="after"),
            ]
        )
        asked: dict[str, Any] = {"model": "m", "max_tokens": 9}
        question = {"role": "user", "content": "x"}
        with Simulator([reply]) as simulator, self.client(simulator) as client:
            with client.messages.stream(messages=[question], **asked) as stream:  # type: ignore[list-item]
                content = stream.get_final_message().content
            assert [block.type for block in content] == [
                "redacted_thinking",
                "thinking",
                "text",
                "tool_use",
                "text",
            ]
            back = [block.model_dump(exclude_none=True) for block in content]
            result = {"type": "tool_result", "tool_use_id": "toolu_9", "content": "noon"}
            turns: list[Any] = [
                question,
                {"role": "assistant", "content": back},
                {"role": "user", "content": [result]},
            ]
            client.messages.create(messages=turns, **asked)
            back[1]["thinking"] = "altered"
            with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
                client.messages.create(messages=turns, **asked)

    def test_the_answer_comes_back(self) -> None:
        """The SDK sends our blocks back, and the documented rules hold for them."""
        with Simulator() as simulator, self.client(simulator) as client:
            asked: dict[str, Any] = {
                "model": "claude-opus-4-6",
                "max_tokens": 3000,
                "thinking": {"type": "adaptive"},
                "tools": [{"name": "get_weather", "input_schema": TOOL["parameters"]}],
            }
            messages: list[Any] = [{"role": "user", "content": "call get_weather"}]
            first = client.messages.create(messages=messages, **asked)
            assert [block.type for block in first.content] == ["thinking", "tool_use"]
            messages.append({"role": "assistant", "content": first.content})
            with pytest.raises(anthropic.BadRequestError, match="tool_result"):
                client.messages.create(
                    messages=[*messages, {"role": "user", "content": "well?"}], **asked
                )
            result = {"type": "tool_result", "tool_use_id": first.content[1].id, "content": "sun"}
            messages.append({"role": "user", "content": [result]})
            second = client.messages.create(messages=messages, **asked)
            assert "sun" in second.content[-1].text
            altered = [block.model_dump() for block in first.content]
            altered[0]["thinking"] += "!"
            messages[1] = {"role": "assistant", "content": altered}
            with pytest.raises(anthropic.BadRequestError, match="signature"):
                client.messages.create(messages=messages, **asked)

    def test_errors(self) -> None:
        limited = Reply(fault=Fault(kind="status", status=429, headers={"retry-after": "7"}))
        with (
            Simulator([limited], require_key="sk-key") as simulator,
            self.client(simulator) as client,
        ):
            asked: dict[str, Any] = {
                "max_tokens": 9,
                "messages": [{"role": "user", "content": "x"}],
            }
            with pytest.raises(anthropic.RateLimitError) as caught:
                client.messages.create(model="m", **asked)
            assert caught.value.response.headers["retry-after"] == "7"
            with pytest.raises(anthropic.NotFoundError):
                client.messages.create(model="no-such-model", **asked)
            with pytest.raises(anthropic.AuthenticationError):
                client.with_options(api_key="wrong").messages.create(model="m", **asked)

    def test_an_error_inside_the_stream(self) -> None:
        broken = Reply(content="one two three", fault=Fault(kind="error", after=2))
        with Simulator([broken]) as simulator, self.client(simulator) as client:
            stream = client.messages.create(
                model="m",
                max_tokens=9,
                messages=[{"role": "user", "content": "x"}],
                stream=True,
            )
            with pytest.raises(anthropic.APIStatusError, match="overload"):
                for _ in stream:
                    pass

    def test_models_and_counting(self) -> None:
        with Simulator() as simulator, self.client(simulator) as client:
            assert [model.id for model in client.models.list()] == ["simulated", "simulated-mini"]
            counted = client.messages.count_tokens(
                model="m", messages=[{"role": "user", "content": "three little words"}]
            )
            assert counted.input_tokens >= 3
            pages = client.models.list(limit=1)
            assert [model.id for model in pages] == ["simulated", "simulated-mini"]
            model = client.models.retrieve("simulated")
            assert model.capabilities is not None
            assert model.capabilities.thinking.types.adaptive.supported
            with pytest.raises(anthropic.NotFoundError):
                client.models.retrieve("no-such-model")


class TestOpenAI:
    @staticmethod
    def client(simulator: Simulator) -> openai.OpenAI:
        return openai.OpenAI(api_key="sk-key", base_url=simulator.url_for("openai"), max_retries=0)

    def test_plain(self) -> None:
        with Simulator([ANSWER]) as simulator, self.client(simulator) as client:
            completion = client.chat.completions.create(
                model="gpt-4o",
                messages=[{"role": "user", "content": "hi"}],
                tools=FUNCTIONS,
            )
            choice = completion.choices[0]
            assert choice.message.content == "Two calls, one emoji 👍:"
            assert choice.finish_reason == "tool_calls"
            self.check(choice.message.tool_calls, completion.usage)

    def test_streamed(self) -> None:
        with Simulator([ANSWER]) as simulator, self.client(simulator) as client:
            with client.chat.completions.stream(
                model="gpt-4o",
                messages=[{"role": "user", "content": "hi"}],
                tools=FUNCTIONS,
                stream_options={"include_usage": True},
            ) as stream:
                completion = stream.get_final_completion()
            message = completion.choices[0].message
            assert message.content == "Two calls, one emoji 👍:"
            assert completion.choices[0].finish_reason == "tool_calls"
            self.check(message.tool_calls, completion.usage)

    @staticmethod
    def check(calls: Any, usage: Any) -> None:
        assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
            ("toolu_1", "get_weather", '{"city":"Bonn","days":2}'),
            ("toolu_2", "now", "{}"),
        ]
        assert (usage.prompt_tokens, usage.completion_tokens) == (100, 40)
        assert usage.prompt_tokens_details.cached_tokens == 30
        assert usage.completion_tokens_details.reasoning_tokens == 10

    def test_usage_comes_only_when_asked_for(self) -> None:
        with Simulator([ANSWER]) as simulator, self.client(simulator) as client:
            chunks = list(
                client.chat.completions.create(
                    model="gpt-4o", messages=[{"role": "user", "content": "x"}], stream=True
                )
            )
            assert all(chunk.usage is None and chunk.choices for chunk in chunks)
            assert chunks[0].choices[0].delta.role == "assistant"
            assert chunks[-1].choices[0].finish_reason == "tool_calls"

    async def test_the_async_client(self) -> None:
        async with (
            Simulator([ANSWER]) as simulator,
            openai.AsyncOpenAI(
                api_key="sk-key", base_url=simulator.url_for("openai"), max_retries=0
            ) as client,
        ):
            completion = await client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "x"}]
            )
            self.check(completion.choices[0].message.tool_calls, completion.usage)

    def test_azure(self) -> None:
        with (
            Simulator([ANSWER]) as simulator,
            openai.AzureOpenAI(
                api_key="az-key", azure_endpoint=simulator.base_url, api_version="2026-01-01"
            ) as client,
        ):
            completion = client.chat.completions.create(
                model="my-deployment", messages=[{"role": "user", "content": "x"}]
            )
            assert completion.model == "my-deployment"
            assert "az-key" not in str(simulator.requests)

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_refusal(self, stream: bool) -> None:
        reply = Reply(content="I will not.", finish_reason="refusal")
        with Simulator([reply]) as simulator, self.client(simulator) as client:
            asked: dict[str, Any] = {
                "model": "gpt-4o",
                "messages": [{"role": "user", "content": "x"}],
            }
            if stream:
                with client.chat.completions.stream(**asked) as events:
                    completion: Any = events.get_final_completion()
            else:
                completion = client.chat.completions.create(**asked)
            choice = completion.choices[0]
            assert (choice.message.refusal, choice.message.content or "") == ("I will not.", "")
            assert choice.finish_reason == "stop"

    def test_the_answer_comes_back(self) -> None:
        with Simulator() as simulator, self.client(simulator) as client:
            asked: dict[str, Any] = {"model": "gpt-4o", "tools": FUNCTIONS}
            messages: list[Any] = [{"role": "user", "content": "now"}]
            first = client.chat.completions.create(
                messages=messages, tool_choice="required", **asked
            )
            message = first.choices[0].message
            assert message.tool_calls is not None
            messages.append(message)
            with pytest.raises(openai.BadRequestError, match="did not have response messages"):
                client.chat.completions.create(messages=messages, **asked)
            identity = message.tool_calls[0].id
            messages.append({"role": "tool", "tool_call_id": identity, "content": "sun"})
            second = client.chat.completions.create(messages=messages, **asked)
            assert "sun" in (second.choices[0].message.content or "")

    def test_a_schema_is_fitted(self) -> None:
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {"n": {"type": "integer"}, "tags": {"type": "array", "items": {}}},
            "required": ["n"],
        }
        with Simulator() as simulator, self.client(simulator) as client:
            completion = client.chat.completions.create(
                model="gpt-4o",
                messages=[{"role": "user", "content": "hi"}],
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": schema},
                },
            )
            assert completion.choices[0].message.content == '{"n":1,"tags":["simulated"]}'

    def test_errors(self) -> None:
        limited = Reply(fault=Fault(kind="status", status=429))
        with (
            Simulator([limited], require_key="sk-key") as simulator,
            self.client(simulator) as client,
        ):
            asked: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}]}
            with pytest.raises(openai.RateLimitError):
                client.chat.completions.create(model="gpt-4o", **asked)
            with pytest.raises(openai.NotFoundError):
                client.chat.completions.create(model="no-such-model", **asked)
            with pytest.raises(openai.AuthenticationError):
                client.with_options(api_key="wrong").chat.completions.create(
                    model="gpt-4o", **asked
                )
            with pytest.raises(openai.BadRequestError, match="max_completion_tokens"):
                client.chat.completions.create(model="gpt-5", max_tokens=5, **asked)
            with pytest.raises(openai.BadRequestError, match="temperature"):
                client.chat.completions.create(model="o3", temperature=0.2, **asked)

    def test_an_error_inside_the_stream(self) -> None:
        broken = Reply(content="one two three", fault=Fault(kind="error", after=2))
        with Simulator([broken]) as simulator, self.client(simulator) as client:
            stream = client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "x"}], stream=True
            )
            with pytest.raises(openai.APIError, match="overload"):
                for _ in stream:
                    pass

    def test_models(self) -> None:
        with Simulator() as simulator, self.client(simulator) as client:
            assert [model.id for model in client.models.list()] == ["simulated", "simulated-mini"]
            assert client.models.retrieve("org/any").id == "org/any"
            with pytest.raises(openai.NotFoundError, match="does not exist"):
                client.models.retrieve("no-such-model")


class TestOllama:
    @staticmethod
    @contextlib.contextmanager
    def client(simulator: Simulator) -> Iterator[ollama.Client]:
        client = ollama.Client(host=simulator.url_for("ollama"))
        try:
            yield client
        finally:
            # It has no close of its own, and would leave its sockets to the garbage collector.
            client._client.close()

    def test_plain_and_streamed(self) -> None:
        with Simulator([ANSWER]) as simulator, self.client(simulator) as client:
            asked: dict[str, Any] = {
                "model": "qwen3",
                "messages": [{"role": "user", "content": "hi"}],
                "tools": FUNCTIONS,
            }
            plain = client.chat(**asked)
            assert plain.message.content == "Two calls, one emoji 👍:"
            assert plain.message.thinking == "Let me think about it."
            self.check(plain)
            text, thinking, last = "", "", plain
            calls: list[Any] = []
            for last in client.chat(**asked, stream=True):
                text += last.message.content or ""
                thinking += last.message.thinking or ""
                calls += last.message.tool_calls or []
            assert (text, thinking) == ("Two calls, one emoji 👍:", "Let me think about it.")
            last.message.tool_calls = calls
            self.check(last)

    @staticmethod
    def check(answer: Any) -> None:
        calls = [(c.function.name, c.function.arguments) for c in answer.message.tool_calls]
        assert calls == [("get_weather", {"city": "Bonn", "days": 2}), ("now", {})]
        assert answer.done
        assert answer.done_reason == "stop"
        assert (answer.prompt_eval_count, answer.eval_count) == (100, 40)
        assert answer.total_duration > 0

    def test_the_answer_comes_back(self) -> None:
        with Simulator() as simulator, self.client(simulator) as client:
            messages: list[Any] = [{"role": "user", "content": "call get_weather"}]
            first = client.chat("qwen3", messages, tools=FUNCTIONS, think=True)
            assert first.message.thinking
            messages += [
                first.message,
                {"role": "tool", "content": "sun", "tool_name": "get_weather"},
            ]
            second = client.chat("qwen3", messages, tools=FUNCTIONS)
            assert "sun" in (second.message.content or "")

    def test_management(self) -> None:
        with Simulator() as simulator, self.client(simulator) as client:
            assert [model.model for model in client.list().models] == ["simulated:latest"]
            assert client.ps().models == []
            shown = client.show("simulated")
            assert shown.capabilities == ["completion", "tools", "thinking"]
            assert shown.modelinfo is not None
            assert shown.modelinfo["simulated.context_length"] == 8192
            steps = list(client.pull("simulated", stream=True))
            assert steps[0].status == "pulling manifest"
            assert [step.completed for step in steps if step.digest] == [None, 500, 1000]
            assert steps[-1].status == "success"
            assert client.pull("simulated").status == "success"
            with pytest.raises(ollama.ResponseError, match="file does not exist"):
                list(client.pull("no-such-model", stream=True))
            with pytest.raises(ollama.ResponseError, match="not found"):
                client.show("no-such-model:latest")
            paths = [request.path for request in simulator.requests]
            assert paths[:3] == ["/api/tags", "/api/ps", "/api/show"]

    def test_errors(self) -> None:
        asked: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}]}
        broken = Reply(content="one two three", fault=Fault(kind="error", after=2))
        with Simulator([broken]) as simulator, self.client(simulator) as client:
            with pytest.raises(ollama.ResponseError) as caught:
                client.chat(model="no-such-model", **asked)
            assert caught.value.status_code == 404
            with pytest.raises(ollama.ResponseError, match="overload"):
                list(client.chat(model="m", stream=True, **asked))
        with (
            Simulator(require_key="sk-key") as simulator,
            self.client(simulator) as client,
            pytest.raises(ollama.ResponseError) as caught,
        ):
            client.chat(model="m", **asked)
        assert caught.value.status_code == 401

    async def test_the_async_client(self) -> None:
        async with Simulator([ANSWER]) as simulator:
            client = ollama.AsyncClient(host=simulator.url_for("ollama"))
            try:
                answer = await client.chat("m", [{"role": "user", "content": "x"}])
            finally:
                await client._client.aclose()
            self.check(answer)
