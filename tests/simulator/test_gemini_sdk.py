"""Google's own SDK talks to the simulator and reads what was scripted."""

import base64
from typing import Any

import google.auth.credentials
import pytest
from google import genai
from google.genai import errors, types

from aisopod import ImagePart, OpaquePart, TextPart, ThinkingPart, TokenUsage, ToolCall
from aisopod.simulator import Fault, Reply, Simulator

pytestmark = pytest.mark.real

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 16
SIGNATURE = base64.b64encode(b"signed").decode()
USAGE = TokenUsage(input_tokens=100, output_tokens=40, cache_read_tokens=30, reasoning_tokens=10)
ANSWER = Reply(
    content=[
        ThinkingPart(text="Let me think about it.", signature=SIGNATURE),
        TextPart(text="Two calls, one emoji 👍:"),
    ],
    tool_calls=[
        ToolCall(
            id="call_1",
            name="get_weather",
            arguments='{"city":"Bonn","days":2}',
            fields={"thoughtSignature": base64.b64encode(b"call").decode()},
        ),
        ToolCall(id="call_2", name="now", arguments="{}"),
    ],
    usage=USAGE,
)
WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "Weather.",
    "parameters_json_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
ASKED: dict[str, Any] = {
    "model": "gemini-3-pro-preview",
    "contents": "hi",
    "config": {
        "thinking_config": {"include_thoughts": True},
        "tools": [{"function_declarations": [WEATHER]}],
        "automatic_function_calling": {"disable": True},
    },
}


def client(simulator: Simulator, version: str = "v1beta", key: str = "any") -> genai.Client:
    options = types.HttpOptions(base_url=simulator.url_for("gemini"), api_version=version)
    return genai.Client(api_key=key, http_options=options)


def parts_of(responses: list[Any]) -> list[types.Part]:
    return [
        part
        for response in responses
        for part in (response.candidates[0].content.parts if response.candidates[0].content else [])
    ]


def check(responses: list[Any]) -> None:
    parts = parts_of(responses)
    thoughts = "".join(part.text or "" for part in parts if part.thought)
    text = "".join(part.text or "" for part in parts if not part.thought)
    assert (thoughts, text) == ("Let me think about it.", "Two calls, one emoji 👍:")
    signed = [part.thought_signature for part in parts if part.thought_signature]
    assert signed == [b"signed", b"call"]
    calls = [part.function_call for part in parts if part.function_call]
    assert [(call.id, call.name, call.args) for call in calls] == [
        ("call_1", "get_weather", {"city": "Bonn", "days": 2}),
        ("call_2", "now", {}),
    ]
    last = responses[-1]
    assert last.candidates[0].finish_reason == types.FinishReason.STOP
    assert last.model_version == "gemini-3-pro-preview"
    assert last.response_id == responses[0].response_id
    usage = last.usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (100, 30)
    assert (usage.candidates_token_count, usage.thoughts_token_count) == (30, 10)
    assert usage.total_token_count == 140


def test_plain() -> None:
    with Simulator([ANSWER]) as simulator, client(simulator) as sdk:
        response = sdk.models.generate_content(**ASKED)
        check([response])
        assert len(parts_of([response])) == 4
        # The signature of the thinking stands on the text that came of it.
        assert parts_of([response])[1].thought_signature == b"signed"
        assert simulator.requests[0].headers["x-goog-api-key"] == "***"
        assert simulator.requests[0].completed


def test_streamed() -> None:
    with Simulator([ANSWER]) as simulator, client(simulator) as sdk:
        responses = list(sdk.models.generate_content_stream(**ASKED))
        check(responses)
        counts = [response.usage_metadata for response in responses]
        assert all(count is not None and count.prompt_token_count == 100 for count in counts)
        totals = [count.total_token_count or 0 for count in counts if count is not None]
        assert totals == sorted(totals)
        assert totals[0] < totals[-1]
        reasons = [response.candidates[0].finish_reason for response in responses]  # type: ignore[index]
        assert reasons[:-1] == [None] * (len(reasons) - 1)


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
async def test_the_async_client() -> None:
    async with Simulator([ANSWER]) as simulator, client(simulator).aio as sdk:
        check([await sdk.models.generate_content(**ASKED)])
        stream = await sdk.models.generate_content_stream(**ASKED)
        check([response async for response in stream])


def test_thinking_is_shown_only_when_asked_for() -> None:
    reply = Reply(content=[ThinkingPart(text="hm", signature="not base64!"), TextPart(text="a b")])
    with Simulator([reply]) as simulator, client(simulator) as sdk:
        responses = list(sdk.models.generate_content_stream(model="gemini-2.5-flash", contents="x"))
        parts = parts_of(responses)
        assert [part.text for part in parts] == ["a", " b", ""]
        assert not any(part.thought for part in parts)
        assert parts[-1].thought_signature == b"not base64!"
        usage = responses[-1].usage_metadata
        assert usage is not None
        assert usage.thoughts_token_count == 1


def test_images_and_raw_parts() -> None:
    raw = {"executableCode": {"language": "PYTHON", "code": "print(1)"}}
    grounding = {"webSearchQueries": ["x"]}
    reply = Reply(
        content=[
            OpaquePart(provider="gemini", kind="executableCode", data=raw),
            ImagePart(data=PNG),
            OpaquePart(provider="gemini", kind="groundingMetadata", data=grounding),
        ]
    )
    with Simulator([reply]) as simulator, client(simulator) as sdk:
        asked: dict[str, Any] = {"model": "gemini-2.5-flash-image", "contents": "x"}
        plain = sdk.models.generate_content(**asked)
        streamed = list(sdk.models.generate_content_stream(**asked))
        for responses in ([plain], streamed):
            code, image = parts_of(responses)[:2]
            assert code.executable_code is not None
            assert code.executable_code.code == "print(1)"
            assert image.inline_data is not None
            assert (image.inline_data.mime_type, image.inline_data.data) == ("image/png", PNG)
            candidate = responses[-1].candidates[0]  # type: ignore[index]
            assert candidate.grounding_metadata is not None
            assert candidate.grounding_metadata.web_search_queries == ["x"]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("length", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
        ("RECITATION", "RECITATION"),
        ("MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL"),
    ],
)
def test_reasons(reason: str, said: str) -> None:
    with Simulator([Reply(finish_reason=reason)]) as simulator, client(simulator) as sdk:
        response = sdk.models.generate_content(model="m", contents="x")
        assert response.candidates is not None
        assert response.candidates[0].finish_reason == said
        assert response.candidates[0].content is None


def test_a_blocked_prompt() -> None:
    feedback = OpaquePart(
        provider="gemini", kind="promptFeedback", data={"blockReason": "PROHIBITED_CONTENT"}
    )
    with Simulator([Reply(content=[feedback])]) as simulator, client(simulator) as sdk:
        plain = sdk.models.generate_content(model="m", contents="x")
        (streamed,) = sdk.models.generate_content_stream(model="m", contents="x")
        for response in (plain, streamed):
            assert response.candidates is None
            assert response.prompt_feedback is not None
            assert response.prompt_feedback.block_reason == "PROHIBITED_CONTENT"


def test_the_answer_comes_back() -> None:
    """The SDK sends our parts back with their signatures, and the rules hold for them."""
    with Simulator() as simulator, client(simulator) as sdk:
        config: Any = {"tools": [{"function_declarations": [WEATHER]}]}
        asked: dict[str, Any] = {"model": "gemini-3-flash-preview", "config": config}
        question = types.Content(role="user", parts=[types.Part(text="call get_weather")])
        first = sdk.models.generate_content(contents=question, **asked)
        assert first.candidates is not None
        answer = first.candidates[0].content
        assert answer is not None
        assert answer.parts is not None
        call = answer.parts[0].function_call
        assert call is not None
        assert call.name == "get_weather"
        assert call.args == {"city": "simulated"}
        assert answer.parts[0].thought_signature
        result = types.Part.from_function_response(name="get_weather", response={"output": "sun"})
        back = types.Content(role="user", parts=[result])
        second = sdk.models.generate_content(contents=[question, answer, back], **asked)
        assert "sun" in (second.text or "")
        with pytest.raises(errors.ClientError, match="number of function response parts"):
            sdk.models.generate_content(contents=[question, answer, question], **asked)
        answer.parts[0].thought_signature = None
        with pytest.raises(errors.ClientError, match="missing a thought_signature"):
            sdk.models.generate_content(contents=[question, answer, back], **asked)
        answer.parts[0].thought_signature = b"skip_thought_signature_validator"
        sdk.models.generate_content(contents=[question, answer, back], **asked)


def test_functions_are_called_by_the_sdk() -> None:
    def get_weather(city: str) -> str:
        """Weather."""
        return f"sun over {city}"

    with Simulator() as simulator, client(simulator) as sdk:
        response = sdk.models.generate_content(
            model="gemini-3-flash-preview",
            contents="call get_weather",
            config=types.GenerateContentConfig(tools=[get_weather]),
        )
        assert "sun over simulated" in (response.text or "")


def test_a_schema() -> None:
    with Simulator() as simulator, client(simulator) as sdk:
        for field in ("response_schema", "response_json_schema"):
            schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
            config: Any = {"response_mime_type": "application/json", field: schema}
            response = sdk.models.generate_content(model="m", contents="x", config=config)
            assert response.text == '{"n":1}'


@pytest.mark.parametrize("version", ["v1beta", "v1"])
def test_models_and_counting(version: str) -> None:
    with Simulator() as simulator, client(simulator, version) as sdk:
        every = ["models/simulated", "models/simulated-mini", "models/simulated-embedding"]
        assert [model.name for model in sdk.models.list()] == every
        assert [model.name for model in sdk.models.list(config={"page_size": 1})] == every
        # An empty last page is not asked for.
        assert len(simulator.requests) == 4
        model = sdk.models.get(model="simulated")
        assert model.supported_actions == ["generateContent", "countTokens"]
        assert model.input_token_limit == 1048576
        counted = sdk.models.count_tokens(model="simulated", contents="three little words")
        assert counted.total_tokens == 3
        with pytest.raises(errors.ClientError, match="no-such-model is not found for API version"):
            sdk.models.get(model="no-such-model")


def test_errors() -> None:
    limited = Reply(fault=Fault(kind="status", status=429))
    with Simulator([limited], require_key="AIza-key") as simulator:
        with client(simulator, key="AIza-key") as sdk:
            with pytest.raises(errors.ClientError) as caught:
                sdk.models.generate_content(model="m", contents="x")
            assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
            details = caught.value.details["error"]["details"]
            assert details[-1]["retryDelay"] == "0.1s"
            with pytest.raises(errors.ClientError) as caught:
                sdk.models.generate_content(model="no-such-model", contents="x")
            assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
        with client(simulator, key="wrong") as sdk:
            with pytest.raises(errors.ClientError, match="API key not valid") as caught:
                list(sdk.models.generate_content_stream(model="m", contents="x"))
            assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
            assert caught.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"


def test_an_error_inside_the_stream() -> None:
    broken = Reply(content="one two three", fault=Fault(kind="error", after=2))
    with Simulator([broken]) as simulator, client(simulator) as sdk:
        stream = sdk.models.generate_content_stream(model="m", contents="x")
        seen = [next(stream).text, next(stream).text]
        with pytest.raises(errors.ServerError, match="overload") as caught:
            next(stream)
        assert seen == ["one", " two"]
        assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")


class _Token(google.auth.credentials.Credentials):
    """Credentials that are there already."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = "ya29.token"

    def refresh(self, request: Any) -> None:
        raise AssertionError("it is valid")


def vertex(simulator: Simulator) -> genai.Client:
    return genai.Client(
        enterprise=True,
        project="project",
        location="europe-west1",
        credentials=_Token(),
        http_options=types.HttpOptions(base_url=simulator.url_for("vertex"), api_version="v1beta1"),
    )


def test_vertex() -> None:
    with Simulator([ANSWER], require_key="ya29.token") as simulator, vertex(simulator) as sdk:
        check([sdk.models.generate_content(**ASKED)])
        check(list(sdk.models.generate_content_stream(**ASKED)))
        where = "/v1beta1/projects/project/locations/europe-west1/publishers/google/models/"
        assert simulator.requests[0].path.startswith(where)
        assert simulator.requests[0].wire == "gemini"
        names = [model.name for model in sdk.models.list(config={"page_size": 2})]
        assert names[0] == "publishers/google/models/simulated"
        assert len(names) == 3
        assert sdk.models.count_tokens(model="m", contents="two words").total_tokens == 2
        with pytest.raises(errors.ClientError, match="Publisher Model `projects/project/"):
            sdk.models.generate_content(model="no-such-model", contents="x")
    with (
        Simulator(require_key="other") as simulator,
        vertex(simulator) as sdk,
        pytest.raises(errors.ClientError) as caught,
    ):
        sdk.models.generate_content(model="m", contents="x")
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")
