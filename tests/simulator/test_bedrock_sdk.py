"""AWS's own SDK talks to the simulator and reads what was scripted."""

import base64
import contextlib
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.eventstream
import botocore.exceptions
import msgspec
import pytest
from botocore.config import Config

from aisopod import ImagePart, TextPart, ThinkingPart, TokenUsage, ToolCall
from aisopod.simulator import Fault, Reply, Simulator

pytestmark = pytest.mark.real

SECRETS = {"AKIDEXAMPLE": "secret/of+it"}
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{CLAUDE}"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 16
USAGE = TokenUsage(input_tokens=100, output_tokens=40, cache_read_tokens=30, cache_write_tokens=20)
ANSWER = Reply(
    content=[
        ThinkingPart(text="Let me think about it.", signature="sig=="),
        ThinkingPart(redacted=base64.b64encode(b"hidden").decode()),
        TextPart(text="Two calls, one emoji 👍:"),
    ],
    tool_calls=[
        ToolCall(id="tooluse_1", name="get_weather", arguments='{"city":"Bonn","days":2}'),
        ToolCall(id="tooluse_2", name="now", arguments="{}"),
    ],
    usage=USAGE,
)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = {"tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": SCHEMA}}}]}
HELLO: dict[str, Any] = {"role": "user", "content": [{"text": "three little words"}]}
ASKED: dict[str, Any] = {"modelId": CLAUDE, "messages": [HELLO], "toolConfig": TOOLS}
BODY: dict[str, Any] = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hi"}],
}


CLIENTS: list[Any] = []


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[None]:
    """Keep the SDK from what this machine has, and close what it left open."""
    for name in ("AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield
    while CLIENTS:
        CLIENTS.pop().close()


def client(simulator: Simulator, name: str = "bedrock-runtime", **fields: Any) -> Any:
    keys = {
        "aws_access_key_id": "AKIDEXAMPLE",
        "aws_secret_access_key": SECRETS["AKIDEXAMPLE"],
        "region_name": "us-east-1",
    }
    url = simulator.url_for("bedrock")
    once = Config(retries={"total_max_attempts": 1})
    made = boto3.client(name, endpoint_url=url, config=once, **{**keys, **fields})
    CLIENTS.append(made)
    return made


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator([ANSWER], aws_secret=SECRETS) as simulator:
        yield simulator


@pytest.mark.parametrize("model", [CLAUDE, ARN, "anthropic.claude-opus-4-6", "deepseek.r1-v1:0"])
def test_converse(simulator: Simulator, model: str) -> None:
    answer = client(simulator).converse(**{**ASKED, "modelId": model})
    assert answer["output"]["message"] == {
        "role": "assistant",
        "content": [
            {
                "reasoningContent": {
                    "reasoningText": {"text": "Let me think about it.", "signature": "sig=="}
                }
            },
            {"reasoningContent": {"redactedContent": b"hidden"}},
            {"text": "Two calls, one emoji 👍:"},
            {
                "toolUse": {
                    "toolUseId": "tooluse_1",
                    "name": "get_weather",
                    "input": {"city": "Bonn", "days": 2},
                }
            },
            {"toolUse": {"toolUseId": "tooluse_2", "name": "now", "input": {}}},
        ],
    }
    assert answer["stopReason"] == "tool_use"
    assert answer["usage"] == {
        "inputTokens": 50,
        "outputTokens": 40,
        "totalTokens": 140,
        "cacheReadInputTokens": 30,
        "cacheWriteInputTokens": 20,
    }
    assert answer["ResponseMetadata"]["RequestId"].endswith("1")
    assert simulator.requests[0].wire == "bedrock"
    assert simulator.requests[0].headers["authorization"] == "***"
    assert ("%2F" in simulator.requests[0].path) == (model == ARN)


def test_converse_stream(simulator: Simulator) -> None:
    events = list(client(simulator).converse_stream(**ASKED)["stream"])
    kinds = [next(iter(event)) for event in events]
    assert (kinds[0], kinds[-2:]) == ("messageStart", ["messageStop", "metadata"])
    starts = [event["contentBlockStart"] for event in events if "contentBlockStart" in event]
    # Only tools are announced.
    assert [start["contentBlockIndex"] for start in starts] == [3, 4]
    assert starts[0]["start"]["toolUse"] == {"toolUseId": "tooluse_1", "name": "get_weather"}
    deltas: dict[int, list[Any]] = {}
    for event in events:
        if "contentBlockDelta" in event:
            found = event["contentBlockDelta"]
            deltas.setdefault(found["contentBlockIndex"], []).append(found["delta"])
    thinking = [delta["reasoningContent"] for delta in deltas[0]]
    assert "".join(delta.get("text", "") for delta in thinking) == "Let me think about it."
    assert thinking[-1] == {"signature": "sig=="}
    assert deltas[1] == [{"reasoningContent": {"redactedContent": b"hidden"}}]
    assert "".join(delta["text"] for delta in deltas[2]) == "Two calls, one emoji 👍:"
    assert len(deltas[3]) > 1
    arguments = "".join(delta["toolUse"]["input"] for delta in deltas[3])
    assert msgspec.json.decode(arguments) == {"city": "Bonn", "days": 2}
    assert 4 not in deltas
    assert kinds.count("contentBlockStop") == 5
    assert events[-2]["messageStop"]["stopReason"] == "tool_use"
    assert events[-1]["metadata"]["usage"]["totalTokens"] == 140
    assert simulator.requests[0].completed


def test_the_answer_comes_back() -> None:
    """The SDK sends our blocks back, and the rules hold for them."""
    with Simulator(aws_secret=SECRETS) as simulator:
        sdk = client(simulator)
        fields = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
        asked = {
            "modelId": CLAUDE,
            "toolConfig": TOOLS,
            "additionalModelRequestFields": fields,
            "inferenceConfig": {"maxTokens": 2000},
        }
        question = {"role": "user", "content": [{"text": "call get_weather"}]}
        first = sdk.converse(messages=[question], **asked)["output"]["message"]
        thinking, use = first["content"]
        assert thinking["reasoningContent"]["reasoningText"]["text"] == "Simulated thinking."
        assert use["toolUse"]["input"] == {"city": "simulated"}
        identity = use["toolUse"]["toolUseId"]
        result = {"toolResult": {"toolUseId": identity, "content": [{"text": "sun"}]}}
        messages = [question, first, {"role": "user", "content": [result]}]
        second = sdk.converse(messages=messages, **asked)["output"]["message"]
        assert "sun" in second["content"][-1]["text"]
        with pytest.raises(sdk.exceptions.ValidationException, match="toolConfig field must be"):
            sdk.converse(messages=messages, modelId=CLAUDE)
        with pytest.raises(sdk.exceptions.ValidationException, match="Expected toolResult"):
            sdk.converse(messages=[question, first, question], **asked)
        thinking["reasoningContent"]["reasoningText"]["text"] = "altered"
        with pytest.raises(sdk.exceptions.ValidationException, match="Invalid `signature`"):
            sdk.converse(messages=messages, **asked)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("length", "max_tokens"),
        ("content_filter", "content_filtered"),
        ("guardrail_intervened", "guardrail_intervened"),
    ],
)
def test_reasons(reason: str, said: str) -> None:
    with Simulator([Reply(content="x", finish_reason=reason)]) as simulator:
        assert client(simulator).converse(modelId="m", messages=[HELLO])["stopReason"] == said


def test_images() -> None:
    with Simulator([Reply(content=[ImagePart(data=PNG)])]) as simulator:
        sdk = client(simulator)
        answer = sdk.converse(modelId="m", messages=[HELLO])
        image = answer["output"]["message"]["content"][0]["image"]
        assert image == {"format": "png", "source": {"bytes": PNG}}
        events = list(sdk.converse_stream(modelId="m", messages=[HELLO])["stream"])
        delta = events[2]["contentBlockDelta"]["delta"]
        assert delta["image"]["source"]["bytes"] == PNG


def test_a_schema() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "additionalProperties": False,
    }
    structure = {"jsonSchema": {"schema": msgspec.json.encode(schema).decode(), "name": "n"}}
    with Simulator() as simulator:
        answer = client(simulator).converse(
            modelId="m",
            messages=[HELLO],
            outputConfig={"textFormat": {"type": "json_schema", "structure": structure}},
        )
        assert answer["output"]["message"]["content"] == [{"text": '{"n":1}'}]


def check_message(message: Any) -> None:
    kinds = [block["type"] for block in message["content"]]
    assert kinds == ["thinking", "redacted_thinking", "text", "tool_use", "tool_use"]
    assert message["content"][0]["signature"] == "sig=="
    assert message["content"][3]["input"] == {"city": "Bonn", "days": 2}
    assert message["model"] == "claude-sonnet-4-5-20250929"
    assert message["usage"]["input_tokens"] == 50


def test_invoke(simulator: Simulator) -> None:
    answer = client(simulator).invoke_model(modelId=CLAUDE, body=msgspec.json.encode(BODY))
    assert answer["contentType"] == "application/json"
    with answer["body"] as body:
        check_message(msgspec.json.decode(body.read()))


def test_invoke_with_a_stream(simulator: Simulator) -> None:
    answer = client(simulator).invoke_model_with_response_stream(
        modelId=ARN, body=msgspec.json.encode(BODY)
    )
    events = [msgspec.json.decode(event["chunk"]["bytes"]) for event in answer["body"]]
    kinds = [event["type"] for event in events]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert "ping" not in kinds
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    text = "".join(delta.get("text", "") for delta in deltas)
    assert text == "Two calls, one emoji 👍:"
    assert {"type": "signature_delta", "signature": "sig=="} in deltas
    metrics = events[-1]["amazon-bedrock-invocationMetrics"]
    assert (metrics["inputTokenCount"], metrics["outputTokenCount"]) == (50, 40)


@pytest.mark.parametrize(
    ("model", "body", "message"),
    [
        ("amazon.titan-text-lite-v1", BODY, "Malformed input request"),
        (CLAUDE, {**BODY, "anthropic_version": "2023-06-01"}, "bedrock-2023-05-31"),
        (CLAUDE, {**BODY, "stream": True}, "stream: Extra inputs are not permitted"),
        (CLAUDE, {**BODY, "messages": []}, "at least one message"),
        (
            "anthropic.claude-opus-4-8",
            {**BODY, "temperature": 0.5},
            "`temperature` is not supported on this model",
        ),
    ],
)
def test_invoke_refuses(simulator: Simulator, model: str, body: Any, message: str) -> None:
    sdk = client(simulator)
    with pytest.raises(sdk.exceptions.ValidationException, match=message):
        sdk.invoke_model(modelId=model, body=msgspec.json.encode(body))


def test_counting(simulator: Simulator) -> None:
    sdk = client(simulator)
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    counted = sdk.count_tokens(modelId=model, input={"converse": {"messages": [HELLO]}})
    assert counted["inputTokens"] == 3
    body = {"invokeModel": {"body": msgspec.json.encode(BODY)}}
    assert sdk.count_tokens(modelId=model, input=body)["inputTokens"] >= 1
    for other in (CLAUDE, "amazon.nova-lite-v1:0"):
        with pytest.raises(sdk.exceptions.ValidationException, match="doesn't support counting"):
            sdk.count_tokens(modelId=other, input={"converse": {"messages": [HELLO]}})


def test_listings(simulator: Simulator) -> None:
    sdk = client(simulator, "bedrock")
    every = sdk.list_foundation_models()["modelSummaries"]
    assert [model["providerName"] for model in every] == ["Anthropic", "Amazon", "Amazon"]
    found = sdk.list_foundation_models(
        byProvider="amazon", byOutputModality="TEXT", byInferenceType="ON_DEMAND"
    )["modelSummaries"]
    assert [model["modelId"] for model in found] == ["amazon.simulated-v1:0"]
    pages = sdk.get_paginator("list_inference_profiles").paginate(
        typeEquals="SYSTEM_DEFINED", PaginationConfig={"PageSize": 1}
    )
    profiles = [one for page in pages for one in page["inferenceProfileSummaries"]]
    assert [one["inferenceProfileId"] for one in profiles] == [
        "us.anthropic.claude-simulated-v1:0",
        "eu.anthropic.claude-simulated-v1:0",
    ]
    assert profiles[0]["models"][0]["modelArn"] == every[0]["modelArn"]


def test_signatures(simulator: Simulator) -> None:
    """Every byte of path, query and body is signed; a wrong secret or another's key shows."""
    wrong = client(simulator, aws_secret_access_key="wrong")
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        wrong.converse(**ASKED)
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403

    altered = client(simulator)
    altered.meta.events.register(
        "before-send.bedrock-runtime.Converse",
        lambda request, **_: setattr(request, "body", request.body.replace(b"three", b"seven")),
    )
    with pytest.raises(botocore.exceptions.ClientError, match="signature we calculated"):
        altered.converse(**ASKED)

    stranger = client(simulator, "bedrock", aws_access_key_id="AKIDSTRANGER")
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        stranger.list_inference_profiles(maxResults=2)
    assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_session_tokens_are_signed(simulator: Simulator) -> None:
    sdk = client(simulator, region_name="eu-central-1", aws_session_token="a token")
    assert sdk.converse(**ASKED)["stopReason"] == "tool_use"
    assert simulator.requests[0].headers["x-amz-security-token"] == "***"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (429, "ThrottlingException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (408, "ModelTimeoutException"),
        (424, "ModelErrorException"),
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
    ],
)
def test_errors(status: int, code: str) -> None:
    with Simulator([Reply(fault=Fault(kind="status", status=status))]) as simulator:
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            client(simulator).converse_stream(modelId="m", messages=[HELLO])
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["Error"]["Message"] == f"simulated status {status}"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_an_error_of_a_chosen_kind() -> None:
    headers = {"x-amzn-errortype": "ModelNotReadyException", "retry-after": "7"}
    fault = Fault(kind="status", status=429, headers=headers, body=b'{"message":"soon"}')
    with Simulator([Reply(fault=fault)]) as simulator:
        sdk = client(simulator)
        with pytest.raises(sdk.exceptions.ModelNotReadyException, match="soon") as caught:
            sdk.converse(modelId="m", messages=[HELLO])
        told = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
        assert told["retry-after"] == "7"


def test_the_stop_sequence_is_told_when_asked_for() -> None:
    asked: dict[str, Any] = {
        "modelId": "m",
        "messages": [HELLO],
        "inferenceConfig": {"stopSequences": ["little"]},
    }
    fields = {"additionalModelResponseFieldPaths": ["/stop_sequence"]}
    with Simulator() as simulator:
        sdk = client(simulator)
        answer = sdk.converse(**asked, **fields)
        assert answer["stopReason"] == "stop_sequence"
        assert answer["additionalModelResponseFields"] == {"stop_sequence": "little"}
        *_, end, _ = sdk.converse_stream(**asked, **fields)["stream"]
        assert end["messageStop"]["additionalModelResponseFields"] == {"stop_sequence": "little"}
        assert "additionalModelResponseFields" not in sdk.converse(**asked)


def test_an_unknown_model(simulator: Simulator) -> None:
    sdk = client(simulator)
    with pytest.raises(sdk.exceptions.ValidationException, match="identifier is invalid"):
        sdk.converse(modelId="us.anthropic.no-such-model", messages=[HELLO])


@contextlib.contextmanager
def broken(fault: Fault) -> Iterator[Iterator[Any]]:
    """The events of an answer in which something goes wrong."""
    with Simulator([Reply(content="one two three", fault=fault)]) as simulator:
        stream = client(simulator).converse_stream(modelId="m", messages=[HELLO])["stream"]
        with contextlib.closing(stream):
            yield iter(stream)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (None, "serviceUnavailableException"),
        (400, "validationException"),
        (424, "modelStreamErrorException"),
        (429, "throttlingException"),
        (500, "internalServerException"),
    ],
)
def test_an_exception_inside_the_stream(status: int | None, code: str) -> None:
    fault = Fault(kind="error", after=2, status=status)
    with broken(fault) as events:
        seen = [next(events) for _ in range(3)]
        assert seen[-1]["contentBlockDelta"]["delta"] == {"text": " two"}
        with pytest.raises(botocore.exceptions.EventStreamError) as caught:
            next(events)
        assert caught.value.response["Error"]["Code"] == code


def test_an_exception_inside_an_invocation() -> None:
    fault = Fault(kind="error", after=2, status=429)
    with Simulator([Reply(content="one two three", fault=fault)]) as simulator:
        answer = client(simulator).invoke_model_with_response_stream(
            modelId=CLAUDE, body=msgspec.json.encode(BODY)
        )
        with contextlib.closing(answer["body"]) as stream:
            events = iter(stream)
            seen = [msgspec.json.decode(next(events)["chunk"]["bytes"]) for _ in range(4)]
            assert seen[-1]["delta"]["text"] == " two"
            with pytest.raises(botocore.exceptions.EventStreamError) as caught:
                next(events)
        assert caught.value.response["Error"]["Code"] == "throttlingException"


def test_a_stream_without_its_end() -> None:
    """Everything that was said came, and nothing tells that it is over."""
    with broken(Fault(kind="no_terminator")) as events:
        kinds = [next(iter(event)) for event in events]
    assert kinds[-1] == "contentBlockStop"


def test_a_flipped_bit() -> None:
    with broken(Fault(kind="garbage", after=2)) as events:
        assert [next(iter(next(events))) for _ in range(3)][-1] == "contentBlockDelta"
        with pytest.raises(botocore.eventstream.ChecksumMismatch):
            next(events)
