"""The rules that the real services enforce, and the words they do it with."""

from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
import pytest

from aisopod.simulator import Simulator

PATHS = {
    "anthropic": "/v1/messages",
    "openai": "/v1/chat/completions",
    "ollama": "/api/chat",
}
ASK: dict[str, Any] = {"role": "user", "content": "x"}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def send(
    url: str, data: bytes | None = None, method: str = "POST", **headers: str
) -> tuple[int, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(url, data=data, headers=named, method=method)
    try:
        with urlopen(request, timeout=5) as response:
            return response.status, msgspec.json.decode(response.read())
    except HTTPError as error:
        with error:
            raw = error.read()
        is_json = "json" in error.headers["content-type"]
        return error.code, msgspec.json.decode(raw) if is_json else raw


def ask(simulator: Simulator, wire: str, body: Any, path: str | None = None) -> tuple[int, Any]:
    headers = (
        {"anthropic_version": body.pop("version", "2023-06-01")} if wire == "anthropic" else {}
    )
    if wire == "anthropic":
        body.setdefault("max_tokens", 2000)
    full = {"model": "m", "messages": [ASK], "stream": False, **body}
    full = {name: value for name, value in full.items() if value is not ...}
    url = simulator.base_url + (path or PATHS[wire])
    return send(url, msgspec.json.encode(full), **headers)


def said(body: Any) -> str:
    error = body["error"]
    return error if isinstance(error, str) else str(error["message"])


def use(identity: str = "toolu_1") -> dict[str, Any]:
    block = {"type": "tool_use", "id": identity, "name": "f", "input": {}}
    return {"role": "assistant", "content": [block]}


def result(identity: str = "toolu_1", **fields: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": identity, "content": "ok", **fields}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


TEXT = {"type": "text", "text": "hi"}
ENTRY = {"role": "system", "content": "brief"}
ENTRIES = {"model": "claude-opus-5"}
SAID = {"role": "assistant", "content": "so"}
IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
DROP = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
TOOLS = [{"name": "f", "input_schema": {"type": "object"}}]
ANTHROPIC_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": ...}, "max_tokens: Field required"),
    ({"model": ...}, "model: Field required"),
    ({"messages": ...}, "messages: Field required"),
    ({"messages": []}, "at least one message"),
    ({"tool": 1}, "tool: Extra inputs are not permitted"),
    ({"messages": "x"}, "not of the documented form"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "Input should be 'user'"),
    ({"messages": [ASK, {"role": "system", "content": "x"}]}, "role 'system' is not supported"),
    ({"model": "claude-sonnet-5", "messages": [ASK, ENTRY]}, "role 'system' is not supported"),
    ({**ENTRIES, "messages": [ENTRY, ASK]}, "messages.0: use the top-level 'system' parameter"),
    ({**ENTRIES, "messages": [ASK, ENTRY, ENTRY]}, "messages.1: a system message must be the last"),
    ({**ENTRIES, "messages": [ASK, ENTRY, ASK]}, "messages.1: a system message must be the last"),
    ({**ENTRIES, "messages": [ASK, SAID, ENTRY, ASK]}, "must immediately follow a user turn"),
    ({**ENTRIES, "messages": [ASK, {**ENTRY, "content": []}]}, "at least one block"),
    ({**ENTRIES, "messages": [ASK, {**ENTRY, "content": [IMAGE]}]}, "text blocks only"),
    ({"thinking": DROP, "model": "claude-opus-5-5"}, "block_binding: Extra inputs"),
    ({"messages": [user({"type": "text", "text": ""})]}, "must be non-empty"),
    ({"messages": [user({"type": "text", "text": " \n"})]}, "non-whitespace"),
    ({"messages": [ASK, use()]}, "without `tool_result` blocks immediately after: toolu_1"),
    ({"messages": [ASK, use(), ASK]}, "without `tool_result`"),
    ({"messages": [ASK, use(), user(TEXT, result())]}, "immediately after"),
    ({"messages": [ASK, use(), user(result(), result("toolu_2"))]}, "unexpected `tool_use_id`"),
    ({"messages": [user(result())]}, "unexpected `tool_use_id`"),
    ({"messages": [ASK, use(), user(result(content=[]))]}, "at least 1 item"),
    ({"messages": [ASK, use("a b"), user(result("a b"))]}, "should match pattern"),
    (
        {
            "messages": [
                ASK,
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}]},
            ]
        },
        "signature: Field required",
    ),
    (
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": [{"type": "thinking", "thinking": "x", "signature": "sim-0"}],
                }
            ]
        },
        "Invalid `signature`",
    ),
    ({"temperature": 0.5, "version": "2026-10-21"}, "temperature: Extra inputs"),
    ({"temperature": 0.5, "model": "claude-opus-4-8"}, "not supported on this model"),
    ({"temperature": 2}, "range: 0..1"),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "model": "claude-opus-5"},
        '"thinking.type.enabled" is not supported',
    ),
    ({"thinking": {"type": "adaptive"}, "model": "claude-sonnet-4-5"}, "is not supported"),
    ({"thinking": {"type": "disabled"}, "model": "claude-fable-5-2"}, "is not supported"),
    ({"thinking": {"type": "enabled", "budget_tokens": 9}}, "greater than or equal to 1024"),
    ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "must be greater than"),
    (
        {
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": TOOLS,
            "tool_choice": {"type": "any"},
        },
        "forces tool use",
    ),
    ({"tools": TOOLS, "tool_choice": {"type": "tool", "name": "g"}}, "'g' not found"),
    ({"tools": TOOLS * 2}, "unique"),
    ({"tool_choice": {"type": "any"}}, "while providing `tools`"),
]


@pytest.mark.parametrize(("body", "message"), ANTHROPIC_REFUSED)
def test_anthropic_refuses(simulator: Simulator, body: dict[str, Any], message: str) -> None:
    status, answer = ask(simulator, "anthropic", dict(body))
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")
    assert message in said(answer)
    assert answer["request_id"].startswith("req_")


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [ASK, use(), user(result(), TEXT)]},
        {"messages": [ASK, use(), user(result()), user(TEXT)]},
        {"messages": [ASK, use("a"), use("b"), user(result("b")), user(result("a"))]},
        {**ENTRIES, "messages": [ASK, ENTRY]},
        {**ENTRIES, "messages": [ASK, ENTRY, SAID, ASK]},
        {**ENTRIES, "messages": [ASK, use(), user(result()), ENTRY]},
        {"temperature": 0.5},
        {"max_tokens": 0},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "model": "claude-sonnet-4-5"},
    ],
)
def test_anthropic_takes(simulator: Simulator, body: dict[str, Any]) -> None:
    status, answer = ask(simulator, "anthropic", dict(body))
    assert status == 200, answer


def test_anthropic_wants_its_version(simulator: Simulator) -> None:
    data = msgspec.json.encode({"model": "m", "max_tokens": 1, "messages": [ASK]})
    status, answer = send(simulator.base_url + "/v1/messages", data)
    assert status == 400
    assert "anthropic-version" in said(answer)


def test_counting_takes_no_limits(simulator: Simulator) -> None:
    path = "/v1/messages/count_tokens"
    status, answer = ask(simulator, "anthropic", {"max_tokens": 5, "stream": ...}, path)
    assert (status, said(answer)) == (400, "max_tokens: Extra inputs are not permitted")


def calls(identity: str = "c1", arguments: Any = "{}") -> dict[str, Any]:
    call = {"id": identity, "type": "function", "function": {"name": "f", "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def answer_to(identity: str = "c1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": identity, "content": "ok"}


FUNCTIONS = [{"type": "function", "function": {"name": "f"}}]
OPENAI_REFUSED: list[tuple[dict[str, Any], str, str | None, str | None]] = [
    ({"model": ...}, "must provide a model", None, None),
    ({"messages": ...}, "Missing required", "messages", "missing_required_parameter"),
    ({"messages": []}, "empty array", "messages", "empty_array"),
    ({"tools": []}, "empty array", "tools", "empty_array"),
    ({"messages": 1}, "not of the documented form", None, None),
    ({"messages": [ASK, answer_to()]}, "preceeding message", "messages.[1].role", None),
    ({"messages": [ASK, calls()]}, "response messages: c1", "messages.[1].role", None),
    ({"messages": [ASK, calls(), ASK]}, "response messages: c1", "messages.[1].role", None),
    (
        {"messages": [ASK, calls(arguments={}), answer_to()]},
        "expected a string",
        "messages[1].tool_calls[0].function.arguments",
        "invalid_type",
    ),
    (
        {"messages": [ASK, {"role": "assistant", "content": None}]},
        "got null",
        "messages.[1].content",
        None,
    ),
    ({"model": "o3", "temperature": 0}, "does not support 0", "temperature", "unsupported_value"),
    ({"model": "o1", "top_p": 0.5}, "top_p", "top_p", "unsupported_value"),
    ({"model": "gpt-5", "temperature": 0.2}, "(1) value", "temperature", "unsupported_value"),
    (
        {"model": "gpt-5.2", "temperature": 0.2, "reasoning_effort": "low"},
        "temperature",
        "temperature",
        "unsupported_value",
    ),
    ({"model": "gpt-6-astra", "temperature": 0.2}, "temp", "temperature", "unsupported_value"),
    ({"model": "gpt-5.1", "max_tokens": 5}, "max_comp", "max_tokens", "unsupported_parameter"),
    ({"model": "o4-mini", "stop": ["x"]}, "'stop'", "stop", "unsupported_parameter"),
    ({"model": "o3", "logprobs": True}, "'logprobs'", "logprobs", "unsupported_parameter"),
    ({"stream_options": {"include_usage": True}}, "only allowed when", "stream_options", None),
    ({"tool_choice": "required"}, "only allowed when", "tool_choice", None),
    ({"response_format": {"type": "json_object"}}, "the word 'json'", "messages", None),
    (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "strict": True, "schema": {"type": "object"}},
            }
        },
        "additionalProperties",
        "response_format",
        "invalid_json_schema",
    ),
]


@pytest.mark.parametrize(("body", "message", "param", "code"), OPENAI_REFUSED)
def test_openai_refuses(
    simulator: Simulator, body: dict[str, Any], message: str, param: str | None, code: str | None
) -> None:
    status, answer = ask(simulator, "openai", dict(body))
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")
    assert message in said(answer)
    assert (answer["error"]["param"], answer["error"]["code"]) == (param, code)


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [ASK, calls(), answer_to(), ASK]},
        {"model": "gpt-4o", "temperature": 0.2, "max_tokens": 3},
        {"model": "gpt-5", "temperature": 1},
        {"model": "gpt-5-chat-latest", "temperature": 0.2},
        {"model": "gpt-5.2", "temperature": 0.2},
        {"model": "gpt-5.6-sol", "temperature": 0.2, "reasoning_effort": "none"},
        {"tools": FUNCTIONS, "tool_choice": {"type": "function", "function": {"name": "f"}}},
    ],
)
def test_openai_takes(simulator: Simulator, body: dict[str, Any]) -> None:
    status, answer = ask(simulator, "openai", dict(body))
    assert status == 200, answer


def test_ollama_refuses(simulator: Simulator) -> None:
    arguments = {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
    refused: list[tuple[dict[str, Any], str]] = [
        ({"messages": [{"role": "user", "content": [TEXT]}]}, "cannot unmarshal array"),
        ({"messages": [ASK, {"role": "assistant", **arguments}]}, "cannot unmarshal string"),
        ({"model": ...}, "model is required"),
        ({"think": "hard"}, "invalid think value"),
        ({"options": {"stop": "x"}}, "must be of type array"),
    ]
    for body, message in refused:
        status, answer = ask(simulator, "ollama", body)
        assert (status, message in answer["error"]) == (400, True), answer


def test_ollama_loads_and_lets_go(simulator: Simulator) -> None:
    assert ask(simulator, "ollama", {"messages": []})[1]["done_reason"] == "load"
    gone = ask(simulator, "ollama", {"messages": ..., "keep_alive": 0})[1]
    assert (gone["done_reason"], gone["message"]["content"]) == ("unload", "")


@pytest.mark.parametrize("wire", PATHS)
@pytest.mark.parametrize("raw", [b"{", b"[]", b'"\xff"', b""])
def test_no_json(simulator: Simulator, wire: str, raw: bytes) -> None:
    headers = {"anthropic_version": "2023-06-01"} if wire == "anthropic" else {}
    status, answer = send(simulator.base_url + PATHS[wire], raw, **headers)
    assert status == 400
    assert "JSON" in said(answer)


@pytest.mark.parametrize("wire", PATHS)
def test_unknown_models(simulator: Simulator, wire: str) -> None:
    status, answer = ask(simulator, wire, {"model": "no-such-model"})
    assert status == 404
    assert "no-such-model" in said(answer)
    if wire == "openai":
        assert answer["error"]["code"] == "model_not_found"


def test_unknown_paths(simulator: Simulator) -> None:
    url = simulator.base_url
    status, answer = send(url + "/v1/nothing", b"{}", anthropic_version="x")
    assert (status, answer["error"]["type"]) == (404, "not_found_error")
    status, answer = send(url + "/v1/nothing", b"{}")
    assert (status, answer["error"]["code"]) == (404, None)
    assert "Invalid URL (POST /v1/nothing)" in said(answer)
    assert send(url + "/api/nothing", method="GET") == (404, b"404 page not found")


def test_keys() -> None:
    with Simulator(require_key="sk-right") as simulator:
        urls = [simulator.base_url + path for path in (*PATHS.values(), "/v1/models", "/api/tags")]
        for url in urls:
            method = "GET" if url.endswith(("models", "tags")) else "POST"
            data = None if method == "GET" else b"{}"
            status, answer = send(url, data, method, authorization="Bearer sk-wrong")
            assert status == 401
            assert "sk-" not in said(answer)
            status, _ = send(url, data, method, authorization="Bearer sk-right")
            assert status != 401
        status, _ = send(urls[0], b"{}", x_api_key="sk-right", anthropic_version="2023-06-01")
        assert status == 400
        send(f"{simulator.base_url}/v1/models?key=sk-right&limit=2", method="GET")
        assert simulator.requests[-1].path == "/v1/models?key=***&limit=2"
        assert "sk-" not in str(simulator.requests)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "object", "properties": {}}, "'additionalProperties' must be explicitly set"),
        (
            {
                "type": "object",
                "properties": {"a": {"anyOf": [{"type": "integer", "minimum": 1}]}},
                "additionalProperties": False,
            },
            "For 'integer' type, properties minimum are not supported",
        ),
    ],
)
def test_schemas_that_no_grammar_holds(
    simulator: Simulator, schema: dict[str, Any], words: str
) -> None:
    form = {"format": {"type": "json_schema", "schema": schema}}
    status, body = ask(simulator, "anthropic", {"output_config": form})
    assert status == 400
    assert words in said(body)
    tool = {"name": "f", "input_schema": schema, "strict": True}
    status, body = ask(simulator, "anthropic", {"tools": [tool]})
    assert status == 400
    assert words in said(body)
    status, _ = ask(simulator, "anthropic", {"tools": [{**tool, "strict": False}]})
    assert status == 200


@pytest.mark.parametrize(("kind", "status"), [("image/png", 200), ("image/jpeg", 400)])
def test_anthropic_looks_at_images(kind: str, status: int) -> None:
    source = {"type": "base64", "media_type": kind, "data": "iVBORw0KGgo="}
    message = {"role": "user", "content": [{"type": "image", "source": source}]}
    with Simulator() as simulator:
        told, body = ask(simulator, "anthropic", {"messages": [message]})
    assert told == status
    assert status == 200 or "appears to be a image/png image" in said(body)
