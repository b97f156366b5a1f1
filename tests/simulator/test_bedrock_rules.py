"""What Bedrock refuses and takes, and how it says so."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import msgspec
import pytest
from botocore.eventstream import EventStreamBuffer

from aisopod.simulator import Reply, Simulator, eventstream
from aisopod.simulator.anthropic_binding import signature_of

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
DATA = base64.b64encode(b"data").decode()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def send(
    simulator: Simulator, path: str, body: Any = None, authorization: str | None = "Bearer any"
) -> tuple[int, Any, str]:
    data = None if body is None else msgspec.json.encode(body)
    headers = {} if authorization is None else {"authorization": authorization}
    request = Request(simulator.url_for("bedrock") + path, data=data, headers=headers)
    try:
        with urlopen(request, timeout=5) as response:
            return response.status, msgspec.json.decode(response.read()), ""
    except HTTPError as error:
        with error:
            kind = error.headers["x-amzn-errortype"].partition(":")[0]
            return error.code, msgspec.json.decode(error.read()), kind


def ask(
    simulator: Simulator, body: dict[str, Any], model: str = CLAUDE, verb: str = "converse"
) -> tuple[int, Any, str]:
    full = {"messages": [ASK], **body}
    full = {name: value for name, value in full.items() if value is not ...}
    return send(simulator, f"/model/{quote(model, safe='')}/{verb}", full)


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def use(identity: str = "t1", **fields: Any) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": identity, "name": "f", "input": {}, **fields}}


def result(identity: str = "t1", **fields: Any) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": identity, "content": [HI], **fields}}


def tools(*specs: Any, **fields: Any) -> dict[str, Any]:
    return {"toolConfig": {"tools": [{"toolSpec": spec} for spec in specs or [SPEC]], **fields}}


def talk(*messages: Any) -> dict[str, Any]:
    return {"messages": list(messages), **tools()}


def image(**fields: Any) -> dict[str, Any]:
    return {"image": {"format": "png", "source": {"bytes": DATA}, **fields}}


def document(name: str = "A file (1)", **fields: Any) -> dict[str, Any]:
    return {"document": {"format": "pdf", "name": name, "source": {"bytes": DATA}, **fields}}


def thought(text: str = "hm", **fields: Any) -> dict[str, Any]:
    return {"reasoningContent": {"reasoningText": {"text": text, **fields}}}


def thinking(kind: str = "enabled", **fields: Any) -> dict[str, Any]:
    return {"additionalModelRequestFields": {"thinking": {"type": kind, **fields}}}


HI = {"text": "hi"}
ASK = user(HI)
SPEC = {"name": "f", "inputSchema": {"json": {"type": "object"}}}

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("m", {"messages": ...}, "greater than or equal to 1"),
    ("m", {"messages": []}, "greater than or equal to 1"),
    ("m", {"messages": [assistant(HI)]}, "must start with a user message"),
    ("m", {"messages": [ASK, ASK]}, "roles must alternate"),
    ("m", {"messages": [ASK, assistant(HI), assistant(HI)]}, "roles must alternate"),
    ("m", {"messages": [{"role": "tool", "content": [HI]}]}, "[user, assistant]"),
    ("m", {"messages": [user()]}, "at messages.0 is empty"),
    ("m", {"messages": [{"role": "user", "content": "hi"}]}, "messages.0.content is invalid"),
    ("m", {"messages": [user({"text": ""})]}, "messages.0.content.0 is blank"),
    ("m", {"messages": [user(HI, {"text": " \n"})]}, "messages.0.content.1 is blank"),
    ("m", {"messages": [user({})]}, "must set one of the following keys"),
    ("m", {"messages": [user({"text": "a", **image()})]}, "must set one of the following keys"),
    ("m", {"messages": [user({"type": "text"})]}, "extraneous key [type]"),
    ("m", {"messages": [{**ASK, "name": "x"}]}, "extraneous key [name]"),
    ("m", {"model": "m"}, "extraneous key [model]"),
    ("m", {"stream": True}, "extraneous key [stream]"),
    ("m", {"system": "x"}, "has to be a list"),
    ("m", {"system": [{"text": " "}]}, "at system.0 is blank"),
    ("m", {"inferenceConfig": {"topK": 5}}, "extraneous key [topK]"),
    ("m", {"inferenceConfig": {"temperature": 2}}, "inferenceConfig.temperature"),
    ("m", {"inferenceConfig": {"maxTokens": 0}}, "inferenceConfig.maxTokens"),
    # Media.
    ("m", {"messages": [user(image(format="jpg"))]}, "[png, jpeg, gif, webp]"),
    ("m", {"messages": [user(image(source={}))]}, "must set one of the following keys"),
    ("m", {"messages": [user(image(source={"bytes": "%"}))]}, "no base64"),
    ("m", {"messages": [user(image(source={"url": "x"}))]}, "extraneous key [url]"),
    ("m", {"messages": [user(HI, document("a.pdf"))]}, "document file name can only contain"),
    ("m", {"messages": [user(HI, document("a  b"))]}, "document file name can only contain"),
    ("m", {"messages": [user(HI, document("a_b"))]}, "document file name can only contain"),
    ("m", {"messages": [user(HI, document(format="rtf"))]}, "enum value set"),
    ("m", {"messages": [user(document())]}, "must also include a text block"),
    # Tools.
    ("m", {"toolConfig": {"tools": []}}, "toolConfig.tools"),
    ("m", {"toolConfig": {}}, "toolConfig.tools"),
    ("m", tools({**SPEC, "name": "a b"}), "regular expression pattern"),
    ("m", tools({**SPEC, "parameters": {}}), "extraneous key [parameters]"),
    ("m", tools({**SPEC, "inputSchema": {"type": "object"}}), "the one key json"),
    ("m", tools({**SPEC, "inputSchema": {"json": {"type": "string"}}}), "following: object"),
    ("m", tools({**SPEC, "description": ""}), "toolSpec.description"),
    ("m", tools(SPEC, SPEC), "already defined"),
    ("m", tools(toolChoice={"tool": {"name": "g"}}), "g in toolChoice"),
    ("m", tools(toolChoice={"none": {}}), "extraneous key [none]"),
    ("m", tools(toolChoice={"auto": {}, "any": {}}), "must set one of the following keys"),
    ("m", talk(ASK, assistant(use())), "Expected toolResult blocks at messages.2.content"),
    ("m", talk(ASK, assistant(use()), ASK), "for the following Ids: t1"),
    ("m", talk(ASK, assistant(use(), use("t2")), user(result())), "following Ids: t2"),
    ("m", talk(ASK, assistant(use()), user(result(), result("t2"))), "exceeds the number"),
    ("m", talk(ASK, assistant(use()), user(result(), result())), "exceeds the number"),
    ("m", talk(user(result())), "exceeds the number"),
    ("m", talk(ASK, assistant(use()), user(HI, result())), "immediately after"),
    ("m", talk(ASK, assistant(use(), use()), user(result())), "ids must be unique"),
    ("m", talk(ASK, assistant(use(input="{}")), user(result())), "Provide a json object"),
    ("m", talk(ASK, assistant(use("a b")), user(result("a b"))), "toolUseId"),
    ("m", talk(ASK, assistant(use()), user(result(content=[]))), "is empty"),
    ("m", talk(ASK, assistant(use()), user(result(status="ok"))), "[success, error]"),
    (
        "m",
        talk(ASK, assistant(use()), user(result(content=[{"json": [1]}]))),
        "Provide a json object",
    ),
    (
        "m",
        talk(ASK, assistant(use()), user(result(content=[image(format="jpg")]))),
        "[png, jpeg, gif, webp]",
    ),
    ("m", talk(user(use())), "can only be in a message of the assistant role"),
    ("m", talk(ASK, assistant(result())), "can only be in a message of the user role"),
    (
        "m",
        {"messages": [ASK, assistant(use()), user(result())]},
        "toolConfig field must be defined",
    ),
    # What Anthropic's models add.
    (CLAUDE, {"messages": [ASK, assistant({"text": "so "})]}, "trailing whitespace"),
    (CLAUDE, {"messages": [ASK, assistant(thought(), HI)]}, "signature: Field required"),
    (
        CLAUDE,
        {"messages": [ASK, assistant(thought(signature="sim-0"), HI)]},
        "Invalid `signature`",
    ),
    (CLAUDE, thinking("adaptive"), "not supported for this model"),
    (CLAUDE, thinking(budget_tokens=9), "greater than or equal to 1024"),
    (
        CLAUDE,
        {**thinking(budget_tokens=2000), "inferenceConfig": {"maxTokens": 2000}},
        "must be greater than",
    ),
    (
        CLAUDE,
        {**thinking(budget_tokens=2000), "inferenceConfig": {"temperature": 0.5}},
        "may only be set to 1",
    ),
    (
        CLAUDE,
        {**thinking(budget_tokens=2000), **tools(toolChoice={"any": {}})},
        "forces tool use",
    ),
    (
        "global.anthropic.claude-opus-4-8",
        {"inferenceConfig": {"topP": 0.5}},
        "`top_p` is not supported",
    ),
    ("meta.llama3-v1:0", {"system": [HI, {"cachePoint": {"type": "default"}}]}, "prompt caching"),
    (NOVA, {"messages": [user(HI, {"cachePoint": {"type": "x"}})]}, "[default]"),
    (
        CLAUDE,
        {"messages": [user(image(source={"s3Location": {"uri": "s3://b/k"}}))]},
        "doesn't support the s3Uri field",
    ),
    ("us.anthropic.no-such-model", {}, "The provided model identifier is invalid."),
]


@pytest.mark.parametrize(("model", "body", "message"), REFUSED)
def test_it_refuses(simulator: Simulator, model: str, body: dict[str, Any], message: str) -> None:
    status, answer, kind = ask(simulator, body, model)
    assert (status, kind) == (400, "ValidationException"), answer
    assert message in answer["message"]


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("m", {"system": [HI], "inferenceConfig": {"maxTokens": 5, "stopSequences": ["x"]}}),
        ("m", {"messages": [ASK, assistant({"text": "so "})]}),
        ("m", {"messages": [ASK, assistant(thought(), HI)]}),
        ("m", {"messages": [user(HI, image(), document())]}),
        (
            "m",
            {
                "messages": [
                    ASK,
                    assistant({"reasoningContent": {"redactedContent": DATA}}, HI),
                    ASK,
                ]
            },
        ),
        ("m", talk(ASK, assistant(HI, use(), use("t2")), user(result("t2"), result(), HI))),
        ("m", talk(ASK, assistant(use()), user(result(status="error"), *[HI]))),
        ("m", tools(toolChoice={"tool": {"name": "f"}})),
        (
            NOVA,
            talk(
                ASK,
                assistant(
                    use("s1", type="server_tool_use"), result("s1", type="f_result"), use("t1")
                ),
                user(result("t1")),
            ),
        ),
        (NOVA, {"messages": [user(image(source={"s3Location": {"uri": "s3://b/k"}}))]}),
        ("amazon.titan-text-express-v1", {"messages": [ASK, ASK]}),
        ("m", {"requestMetadata": {"a": "b"}, "performanceConfig": {"latency": "standard"}}),
        (CLAUDE, {"messages": [ASK, assistant(thought(signature="of theirs"), HI), ASK]}),
        (
            CLAUDE,
            {"messages": [ASK, assistant(thought("a", signature=signature_of("a")), HI), ASK]},
        ),
        (CLAUDE, thinking(budget_tokens=1024)),
        (CLAUDE, {"system": [HI, {"cachePoint": {"type": "default", "ttl": "1h"}}]}),
        (NOVA, {"messages": [user(HI, {"cachePoint": {"type": "default"}})]}),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/ab12", {}),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", {}),
    ],
)
def test_it_takes(simulator: Simulator, model: str, body: dict[str, Any]) -> None:
    status, answer, _ = ask(simulator, body, model)
    assert status == 200, answer


def test_signatures_are_only_anthropics(simulator: Simulator) -> None:
    fields = {"additionalModelRequestFields": {"thinking": {"type": "enabled"}}}
    _, answer, _ = ask(simulator, fields, "deepseek.r1-v1:0")
    assert answer["output"]["message"]["content"][0] == thought("Simulated thinking.")


def test_a_path_is_matched_as_it_was_sent(simulator: Simulator) -> None:
    arn = f"arn:aws:bedrock:us-east-1:1:inference-profile/{CLAUDE}"
    assert ask(simulator, {}, arn)[0] == 200
    # A slash that is not escaped makes another path.
    status, _, kind = send(simulator, f"/model/{arn}/converse", {"messages": [ASK]})
    assert (status, kind) == (404, "UnknownOperationException")
    status, _, kind = send(simulator, "/model/m/talk", {})
    assert (status, kind) == (404, "UnknownOperationException")


def test_counting_refuses(simulator: Simulator) -> None:
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    refused: list[tuple[Any, str]] = [
        ({"converse": {"messages": [ASK], "inferenceConfig": {}}}, "[inferenceConfig]"),
        ({"converse": {"messages": []}}, "greater than or equal to 1"),
        ({"messages": [ASK]}, "extraneous key [messages]"),
        ({"invokeModel": {"body": "%"}}, "Malformed input request"),
        ({"invokeModel": {"body": base64.b64encode(b"{}").decode()}}, "anthropic_version"),
    ]
    for wanted, message in refused:
        status, answer, _ = send(simulator, f"/model/{model}/count-tokens", {"input": wanted})
        assert (status, message in answer["message"]) == (400, True), answer


def test_credentials() -> None:
    path = "/model/m/converse"
    body = {"messages": [ASK]}
    signature = (
        "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/bedrock/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    )
    with Simulator() as simulator:
        # Without the secrets the form is enough.
        assert send(simulator, path, body, signature)[0] == 200
        assert send(simulator, path, body, None)[2] == "MissingAuthenticationToken"
        assert send(simulator, path, body, "Bearer ")[2] == "MissingAuthenticationToken"
        status, _, kind = send(simulator, path, body, signature[:-1])
        assert (status, kind) == (403, "IncompleteSignatureException")
        assert send(simulator, path, body, "Basic eA==")[2] == "IncompleteSignatureException"
    with Simulator(require_key="ABSK-right", aws_secret={"AKID": "secret"}) as simulator:
        assert send(simulator, path, body, "Bearer ABSK-right")[0] == 200
        status, answer, kind = send(simulator, path, body, "Bearer ABSK-wrong")
        assert (status, kind) == (403, "UnrecognizedClientException")
        assert "ABSK" not in answer["message"]
        status, _, kind = send(simulator, path, body, signature)
        assert (status, kind) == (403, "InvalidSignatureException")
        assert "ABSK" not in str(simulator.requests)


def test_frames() -> None:
    """AWS's own reader takes what is written, in pieces of any size."""
    frames = [eventstream.event("e", b"{}"), eventstream.exception("x", b'{"message":"\xc3\xa9"}')]
    buffer = EventStreamBuffer()
    read = []
    for byte in b"".join(frames):
        buffer.add_data(bytes([byte]))
        read += list(buffer)
    assert [event.headers[":message-type"] for event in read] == ["event", "exception"]
    assert read[0].headers[":event-type"] == "e"
    assert read[1].headers[":exception-type"] == "x"
    assert read[1].payload == b'{"message":"\xc3\xa9"}'


def test_padding_differs_and_repeats() -> None:
    lengths: list[list[int]] = []
    for _ in range(2):
        with Simulator([Reply(content="one two three four five six")]) as simulator:
            data = msgspec.json.encode({"messages": [ASK]})
            request = Request(
                f"{simulator.base_url}/model/m/converse-stream",
                data=data,
                headers={"authorization": "Bearer any"},
            )
            buffer = EventStreamBuffer()
            with urlopen(request, timeout=5) as response:
                assert response.headers["content-type"] == "application/vnd.amazon.eventstream"
                buffer.add_data(response.read())
            payloads = [msgspec.json.decode(event.payload) for event in buffer]
            lengths.append([len(payload["p"]) for payload in payloads])
    assert lengths[0] == lengths[1]
    assert len(set(lengths[0])) > 3
