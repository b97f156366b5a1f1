"""What Google's API refuses and takes, and how it says so."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
import pytest

from aisopod import ThinkingPart, ToolCall
from aisopod.simulator import Fault, Reply, Simulator

NEW = "gemini-3-pro-preview"
OLD = "gemini-2.5-flash"
SIGNATURE = base64.b64encode(b"signed").decode()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def send(url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else msgspec.json.encode(body)
    request = Request(url, data=data, headers=named, method="GET" if body is None else "POST")
    try:
        with urlopen(request, timeout=5) as response:
            return response.status, msgspec.json.decode(response.read())
    except HTTPError as error:
        with error:
            return error.code, msgspec.json.decode(error.read())


def ask(
    simulator: Simulator, body: dict[str, Any], model: str = "m", verb: str = "generateContent"
) -> tuple[int, Any]:
    full = {"contents": [ASK], **body}
    full = {name: value for name, value in full.items() if value is not ...}
    return send(f"{simulator.url_for('gemini')}/v1beta/models/{model}:{verb}", full)


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


def model(*parts: Any) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts)}


def call(name: str = "f", signature: str | None = None, **fields: Any) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"name": name, "args": {}, **fields}}
    return part if signature is None else {**part, "thoughtSignature": signature}


def result(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": {"output": "ok"}, **fields}}


def declared(**fields: Any) -> dict[str, Any]:
    return {"tools": [{"functionDeclarations": [{"name": "f", **fields}]}]}


def asked_with(parameters: Any) -> dict[str, Any]:
    return declared(parameters=parameters)


def shaped(schema: Any, **fields: Any) -> dict[str, Any]:
    config = {"responseMimeType": "application/json", "responseSchema": schema, **fields}
    return {"generationConfig": config}


def config(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": fields}


def thinking(**fields: Any) -> dict[str, Any]:
    return config(thinkingConfig=fields)


HI = {"text": "hi"}
ASK = user(HI)
OBJECT = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("m", {"contents": ...}, "contents is not specified"),
    ("m", {"contents": []}, "contents is not specified"),
    ("m", {"contents": ..., "systemInstruction": {"parts": [HI]}}, "contents is not specified"),
    ("m", {"contents": [user()]}, "must include at least one parts field"),
    ("m", {"contents": [{"role": "user"}]}, "must include at least one parts field"),
    ("m", {"contents": [user({})]}, "must have one initialized field"),
    ("m", {"contents": [user({"text": "a", "functionCall": {}})]}, "already set"),
    ("m", {"contents": [user({"txt": "a"})]}, "\"txt\" at 'contents[0].parts[0]'"),
    ("m", {"contents": [{"role": "tool", "parts": [HI]}]}, "valid role: user, model"),
    ("m", {"contents": [{"role": "function", "parts": [result()]}]}, "valid role: user, model"),
    ("m", {"messages": []}, 'Unknown name "messages": Cannot find field.'),
    ("m", {"temperature": 1}, 'Unknown name "temperature"'),
    ("m", config(maxTokens=5), "Unknown name \"maxTokens\" at 'generation_config'"),
    ("m", config(stopSequences=["a"] * 6), "at most 5"),
    ("m", config(temperature=3), "[0.0, 2.0]"),
    ("m", config(maxOutputTokens=0), "positive integer"),
    ("m", thinking(budget=5), 'Unknown name "budget"'),
    ("m", thinking(thinkingBudget=5, thinkingLevel="LOW"), "only one of thinking budget"),
    ("gemini-2.0-flash", thinking(includeThoughts=True), "not enabled for this model"),
    ("gemini-2.5-pro", thinking(thinkingBudget=0), "Budget 0 is invalid"),
    (OLD, thinking(thinkingLevel="LOW"), "level is not supported"),
    ("m", {"contents": [user({"inlineData": {"data": "YQ=="}})]}, "mime_type"),
    ("m", {"contents": [user({"inlineData": {"mimeType": "image/png"}})]}, "inline_data.data"),
    (
        "m",
        {"contents": [user({"inlineData": {"mimeType": "image/png", "data": "a%"}})]},
        "Base64 decoding failed",
    ),
    ("m", {"contents": [user({"fileData": {"mimeType": "image/png"}})]}, "file_uri"),
    ("m", {"systemInstruction": {"parts": [call()]}}, "only supports text"),
    # The turns of calls.
    ("m", {"contents": [ASK, model(call())]}, "number of function response parts"),
    ("m", {"contents": [ASK, model(call()), ASK]}, "number of function response parts"),
    ("m", {"contents": [ASK, model(call(), call()), user(result())]}, "number of function"),
    ("m", {"contents": [ASK, model(call()), user(result(), result())]}, "number of function"),
    (
        "m",
        {"contents": [ASK, model(call(), call()), user(result()), user(result())]},
        "number of function",
    ),
    ("m", {"contents": [model(call()), user(result())]}, "immediately after a user turn"),
    (
        "m",
        {"contents": [ASK, model(HI), model(call()), user(result())]},
        "immediately after a user turn",
    ),
    ("m", {"contents": [user(result())]}, "immediately after a function call turn"),
    ("m", {"contents": [ASK, model(call(args=[])), user(result())]}, "protobuf.Struct"),
    ("m", {"contents": [ASK, model(call()), user(result(response="x"))]}, "protobuf.Struct"),
    ("m", {"contents": [ASK, model(call()), user(result(name=""))]}, "Name cannot be empty"),
    ("m", {"contents": [ASK, model(call(arguments={})), user(result())]}, '"arguments"'),
    (
        "m",
        {
            "contents": [
                ASK,
                model(call()),
                user(result(parts=[{"inlineData": {"data": "YQ=="}}])),
            ]
        },
        "function_response.parts[0].inline_data.mime_type",
    ),
    # Tools.
    ("m", {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "without function_decl"),
    (
        "m",
        {**declared(), "toolConfig": {"functionCallingConfig": {"mode": "REQUIRED"}}},
        "TYPE_ENUM",
    ),
    (
        "m",
        {**declared(), "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["f"]}}},
        "only be set when the mode is ANY",
    ),
    (
        "m",
        {
            **declared(),
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g"]}},
        },
        "no function declaration: g",
    ),
    ("m", declared(name="1f"), "Invalid function name"),
    ("m", declared(strict=True), "Unknown name \"strict\" at 'tools[0].function_declarations[0]'"),
    ("m", declared(parameters=OBJECT, parametersJsonSchema={"type": "object"}), "cannot both"),
    (
        "m",
        {"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "f"}]}]},
        "Duplicate function declaration",
    ),
    (OLD, {"tools": [*declared()["tools"], {"googleSearch": {}}]}, "Tool use with function"),
    (OLD, {**declared(), **config(responseMimeType="application/json")}, "mime type"),
    # Schemas.
    ("m", asked_with({"type": "OBJECT"}), "should be non-empty for OBJECT type"),
    ("m", asked_with({"type": "object", "properties": {}}), "should be non-empty"),
    ("m", asked_with({**OBJECT, "$schema": "x"}), 'Unknown name "$schema" at \'tools[0]'),
    (
        "m",
        asked_with({"type": "OBJECT", "properties": {"a": {"const": 1}}}),
        "\"const\" at 'tools[0].function_declarations[0].parameters.properties[0].value'",
    ),
    ("m", asked_with({"type": "OBJECT", "properties": {"a": {"oneOf": []}}}), '"oneOf"'),
    (
        "m",
        asked_with({"type": "OBJECT", "properties": {"a": {"type": ["string", "null"]}}}),
        "cannot start list",
    ),
    ("m", asked_with({"type": "OBJECT", "properties": {"a": {"type": "text"}}}), "TYPE_ENUM"),
    ("m", asked_with({"type": "OBJECT", "properties": {"a": {"type": "ARRAY"}}}), "missing field"),
    ("m", asked_with({**OBJECT, "required": ["b"]}), "required[0]: property is not defined"),
    (
        "m",
        asked_with({"type": "OBJECT", "properties": {"a": {"type": "INTEGER", "enum": [1]}}}),
        "only allowed for STRING type",
    ),
    ("m", shaped({"type": "ARRAY", "items": {"not": {}}}), "response_schema.items"),
    ("m", shaped({"anyOf": [{"allOf": []}]}), "response_schema.any_of[0]"),
    ("m", shaped(OBJECT, responseJsonSchema={"type": "object"}), "cannot both"),
    ("m", shaped(OBJECT, responseMimeType="text/plain"), "response_mime_type"),
    # Signatures.
    (NEW, {"contents": [ASK, model(call()), user(result())]}, "missing a thought_signature"),
    (
        NEW,
        {
            "contents": [
                ASK,
                model(call(signature=SIGNATURE)),
                user(result()),
                model(call("g")),
                user(result("g")),
            ]
        },
        "function call `default_api:g` , position 4",
    ),
    (
        NEW,
        {"contents": [ASK, model(call(), call(signature=SIGNATURE)), user(result(), result())]},
        "missing a thought_signature",
    ),
    (NEW, {"contents": [ASK, model(call(signature="a b")), user(result())]}, "TYPE_BYTES"),
]


@pytest.mark.parametrize(("name", "body", "message"), REFUSED)
def test_it_refuses(simulator: Simulator, name: str, body: dict[str, Any], message: str) -> None:
    status, answer = ask(simulator, body, name)
    assert (status, answer["error"]["code"]) == (400, 400), answer
    assert answer["error"]["status"] == "INVALID_ARGUMENT"
    assert message in answer["error"]["message"]


def test_an_unknown_field_is_named_in_the_details(simulator: Simulator) -> None:
    _, answer = ask(simulator, config(maxTokens=5))
    violation = answer["error"]["details"][0]["fieldViolations"][0]
    assert violation["field"] == "generation_config"


DUMMY = "skip_thought_signature_validator"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("m", {"contents": [{"parts": [HI]}]}),
        ("m", {"contents": [ASK, model(HI)]}),
        ("m", {"contents": [ASK, ASK]}),
        ("m", {"contents": [ASK, model(call(), call("g")), user(result("g"), result())]}),
        ("m", {"contents": [ASK, model(call()), user(result(), {"text": "more"}), model(HI)]}),
        ("m", {"contents": [ASK, model(call()), user(result()), ASK]}),
        # Both spellings of a name are one.
        ("m", {"contents": [ASK], "system_instruction": {"parts": [HI]}}),
        ("m", {"generation_config": {"max_output_tokens": 5, "thinking_config": {}}}),
        (
            "m",
            {"tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {}}]}]},
        ),
        ("m", {"contents": [user({"inline_data": {"mime_type": "image/png", "data": "YQ"}})]}),
        # What is the user's own is not looked at.
        ("m", {"contents": [ASK, model(call(args={"a_b": 1, "x": {"y_z": 2}})), user(result())]}),
        ("m", declared(parametersJsonSchema={"type": "object", "const": {}, "oneOf": []})),
        ("m", declared(parameters={**OBJECT, "properties": {"a_b": {"type": "STRING"}}})),
        ("m", declared(parameters={**OBJECT, "property_ordering": ["a"], "nullable": True})),
        ("m", config(responseMimeType="application/json", responseJsonSchema={"type": ["null"]})),
        (OLD, asked_with({"type": "OBJECT", "properties": {}})),
        (NEW, {"tools": [*declared()["tools"], {"googleSearch": {}}]}),
        # Only the current turn is strict, and only the first call of each of its steps.
        (NEW, {"contents": [ASK, model(call()), user(result()), model(HI), ASK]}),
        (
            NEW,
            {"contents": [ASK, model(call(signature=SIGNATURE), call()), user(result(), result())]},
        ),
        (NEW, {"contents": [ASK, model(HI, call(signature="_-8")), user(result())]}),
        (NEW, {"contents": [ASK, model(call(signature=DUMMY)), user(result())]}),
        (
            NEW,
            {
                "contents": [
                    ASK,
                    model(call(signature=base64.b64encode(DUMMY.encode()).decode())),
                    user(result()),
                ]
            },
        ),
        (OLD, {"contents": [ASK, model(call()), user(result())]}),
    ],
)
def test_it_takes(simulator: Simulator, name: str, body: dict[str, Any]) -> None:
    status, answer = ask(simulator, body, name)
    assert status == 200, answer


def test_names_of_properties_stay_as_they_are(simulator: Simulator) -> None:
    schema = {"type": "OBJECT", "properties": {"my_city": {"type": "STRING"}}}
    body = {"tool_config": {"function_calling_config": {"mode": "ANY"}}, **asked_with(schema)}
    _, answer = ask(simulator, body)
    function = answer["candidates"][0]["content"]["parts"][0]["functionCall"]
    assert function["args"] == {"my_city": "simulated"}


def test_modes(simulator: Simulator) -> None:
    tools = {"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]}

    def parts(**wish: Any) -> Any:
        body = {**tools, "toolConfig": {"functionCallingConfig": wish}, "contents": [user(G)]}
        return ask(simulator, body)[1]["candidates"][0]["content"]["parts"]

    assert parts(mode="AUTO")[0]["functionCall"]["name"] == "g"
    assert parts(mode="ANY", allowedFunctionNames=["g"])[0]["functionCall"]["name"] == "g"
    assert "text" in parts(mode="NONE")[0]


G = {"text": "call g"}


def test_counting(simulator: Simulator) -> None:
    count = "countTokens"
    assert ask(simulator, {}, verb=count)[1]["totalTokens"] == 1
    inner = {"model": "models/m", "contents": [ASK], "systemInstruction": user({"text": "a b"})}
    wrapped = {"contents": ..., "generateContentRequest": inner}
    assert ask(simulator, wrapped, verb=count)[1]["totalTokens"] >= 3
    status, answer = ask(simulator, {**wrapped, "contents": [ASK]}, verb=count)
    assert (status, "Only one of" in answer["error"]["message"]) == (400, True)
    del inner["model"]
    assert ask(simulator, wrapped, verb=count)[0] == 400
    assert ask(simulator, {"toolConfig": {}}, verb=count)[0] == 400


def test_unknown_models(simulator: Simulator) -> None:
    for verb in ("generateContent", "countTokens", "streamGenerateContent?alt=sse"):
        status, answer = ask(simulator, {}, "no-such-model", verb)
        said = answer["error"]["message"]
        assert (status, answer["error"]["status"]) == (404, "NOT_FOUND")
        assert said.startswith("models/no-such-model is not found for API version v1beta")
        assert f"not supported for {verb.partition('?')[0]}." in said


def test_addresses(simulator: Simulator) -> None:
    where = "projects/p/locations/global/publishers/google/models/m"
    body = {"contents": [ASK]}
    for path in ("v1/models/m", "v1beta/tunedModels/mine", f"v1/{where}", f"v1beta1/{where}"):
        status, _ = send(f"{simulator.base_url}/{path}:generateContent", body)
        assert (status, simulator.requests[-1].wire) == (200, "gemini")
    status, answer = send(f"{simulator.base_url}/v1/models?pageSize=2", x_goog_api_key="any")
    assert (status, answer["nextPageToken"]) == (200, "simulated-embedding")
    assert len(answer["models"]) == 2
    status, answer = send(
        f"{simulator.base_url}/v1beta/models?pageSize=2&pageToken={answer['nextPageToken']}"
    )
    assert [model["name"] for model in answer["models"]] == ["models/simulated-embedding"]
    assert "nextPageToken" not in answer
    for query in ("pageSize=5000", "pageToken=x"):
        assert send(f"{simulator.base_url}/v1beta/models?{query}")[0] == 400
    with pytest.raises(HTTPError, match="404") as caught:
        urlopen(f"{simulator.base_url}/v1beta/nothing<b>", timeout=5)
    with caught.value as page:
        assert b"/v1beta/nothing&lt;b&gt; was not found" in page.read()
    # Without Google's headers the path that all share is another's.
    assert "data" in send(f"{simulator.base_url}/v1/models")[1]
    assert simulator.url_for("gemini") == simulator.url_for("vertex") == simulator.base_url


def test_keys() -> None:
    with Simulator(require_key="AIza-right") as simulator:
        url = f"{simulator.base_url}/v1beta/models"
        assert send(url, x_goog_api_key="AIza-right")[0] == 200
        assert send(url, authorization="Bearer AIza-right")[0] == 200
        status, answer = send(url, x_goog_api_key="AIza-wrong")
        assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
        assert answer["error"]["details"][0]["reason"] == "API_KEY_INVALID"
        status, answer = send(url, authorization="Bearer wrong")
        assert (status, answer["error"]["status"]) == (401, "UNAUTHENTICATED")
        status, answer = send(url)
        assert (status, answer["error"]["status"]) == (403, "PERMISSION_DENIED")
        status, answer = send(f"{url}?key=AIza-right")
        assert (status, "x-goog-api-key" in answer["error"]["message"]) == (400, True)
        assert "AIza" not in str(simulator.requests)


def stream(simulator: Simulator, query: str = "", body: Any = None) -> tuple[Any, bytes]:
    url = f"{simulator.base_url}/v1beta/models/gemini-3:streamGenerateContent{query}"
    data = msgspec.json.encode(body or {"contents": [ASK]})
    with urlopen(Request(url, data=data), timeout=5) as response:
        return response.headers["content-type"], response.read()


def test_both_forms_of_a_stream_say_the_same() -> None:
    reply = Reply(
        content=[ThinkingPart(text="hidden", signature=SIGNATURE)],
        tool_calls=[ToolCall(id="1", name="f"), ToolCall(id="2", name="g")],
    )
    with Simulator([reply]) as simulator:
        kind, events = stream(simulator, "?alt=sse")
        assert kind == "text/event-stream"
        assert events.endswith(b"\r\n\r\n")
        chunks = [
            msgspec.json.decode(event.removeprefix(b"data: "))
            for event in events.split(b"\r\n\r\n")[:-1]
        ]
        kind, array = stream(simulator)
        assert kind == "application/json"
        others = msgspec.json.decode(array)
        for chunk in [*chunks, *others]:
            del chunk["responseId"]
        assert others == chunks
        # Of parallel calls only the first is signed.
        parts = [chunk["candidates"][0]["content"]["parts"][0] for chunk in chunks]
        assert [part.get("thoughtSignature") for part in parts] == [SIGNATURE, None, None]
        assert [chunk["candidates"][0].get("finishReason") for chunk in chunks][-1] == "STOP"


def test_refusals_of_an_array_are_in_one() -> None:
    limited = Reply(fault=Fault(kind="status", status=429))
    with Simulator([limited]) as simulator:
        bodies: list[dict[str, Any]] = [{"contents": [ASK]}, {"contents": []}]
        for query, form in (("", list), ("?alt=sse", dict)):
            for body in bodies:
                url = f"{simulator.base_url}/v1beta/models/m:streamGenerateContent{query}"
                status, answer = send(url, body)
                assert (status, type(answer)) == (429 if body["contents"] else 400, form)
