"""What the simulator's wires refuse of a history: each rule bites, and spares what is sound."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from aisopod.simulator import anthropic_rules, bedrock_rules, gemini_rules, openai_rules
from aisopod.simulator.gemini_signatures import signature_of
from aisopod.simulator.ollama import OllamaWire
from aisopod.simulator.wire import Call, Refusal

ASK: dict[str, Any] = {"role": "user", "content": "hi"}


def call_of(body: dict[str, Any]) -> Call:
    headers = {"anthropic-version": "2023-06-01"}
    return Call(body, headers, {}, {}, 0, "POST", "/", msgspec.json.encode(body))


def refusal(check: Callable[[], object]) -> str:
    """What a body is refused with; empty where it is taken."""
    try:
        check()
    except Refusal as refused:
        return f"{refused.status} {refused.message}" if refused.status != 400 else refused.message
    return ""


# --- Anthropic ---


def said(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def heard(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def use(identity: str = "t1", name: str = "f") -> dict[str, Any]:
    return {"type": "tool_use", "id": identity, "name": name, "input": {}}


def result(identity: str = "t1") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": identity, "content": "ok"}


TEXT = {"type": "text", "text": "so"}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
BUDGET = {"type": "enabled", "budget_tokens": 1024}
ADAPTIVE = {"type": "adaptive"}
TOOLS = [{"name": "f", "input_schema": {"type": "object"}}]

ANTHROPIC: list[tuple[str, dict[str, Any], str]] = [
    ("m", {"tools": [{"name": "a b", "input_schema": {}}]}, "tools.0.custom.name: String should"),
    ("m", {"messages": [ASK, said(use(name="a.b")), heard(result())]}, "tool_use.name: String"),
    ("m", {"messages": [ASK, said(use(), use()), heard(result())]}, "ids must be unique"),
    (
        "m",
        {"messages": [ASK, said(use()), heard(result()), said(use()), heard(result())]},
        "messages.3: `tool_use` ids must be unique",
    ),
    ("m", {"messages": [ASK, said(use()), heard(result(), result())]}, "single result"),
    ("m", {"messages": [{"role": "user", "content": []}]}, "must have non-empty content"),
    ("m", {"messages": [ASK, said(), ASK]}, "must have non-empty content"),
    ("m", {"messages": [ASK, said()]}, ""),
    ("m", {"system": [{"type": "text", "text": " "}]}, "system.0: text content blocks must"),
    ("m", {"messages": [ASK, {"role": "assistant", "content": "so "}]}, "trailing whitespace"),
    ("m", {"messages": [ASK, {"role": "assistant", "content": "so"}]}, ""),
    ("claude-sonnet-4-6", {"messages": [ASK, said(TEXT)]}, "does not support assistant message"),
    ("claude-opus-5-5", {"messages": [ASK, said(TEXT)]}, "does not support assistant message"),
    (
        "m",
        {"thinking": BUDGET, "messages": [ASK, said(use()), heard(result())]},
        "messages.1.content.0.type: Expected `thinking`",
    ),
    ("m", {"thinking": BUDGET, "messages": [ASK, said(TEXT)]}, "but found `text`"),
    ("m", {"thinking": BUDGET, "messages": [ASK, said(THOUGHT, use()), heard(result())]}, ""),
    (
        "m",
        {
            "thinking": BUDGET,
            "messages": [ASK, said(THOUGHT, use()), heard(result()), said(use("t2")),
                         heard(result("t2"))],
        },
        "",
    ),
    ("m", {"thinking": BUDGET, "messages": [ASK, said(use()), heard(result()), said(TEXT), ASK]},
     ""),
    ("m", {"thinking": ADAPTIVE, "messages": [ASK, said(use()), heard(result())]}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("model", "body", "message"), ANTHROPIC)
def test_anthropic(model: str, body: dict[str, Any], message: str) -> None:
    whole = {"model": model, "max_tokens": 2000, "messages": [ASK], "tools": TOOLS, **body}
    found = refusal(lambda: anthropic_rules.check(call_of(whole), {}))
    assert message in found
    assert bool(message) == bool(found)


# --- OpenAI ---


def called(identity: str = "c1", name: str = "f") -> list[dict[str, Any]]:
    call = {"id": identity, "type": "function", "function": {"name": name, "arguments": "{}"}}
    return [
        ASK,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": identity, "content": "ok"},
    ]


PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}

OPENAI: list[tuple[str, dict[str, Any], str]] = [
    ("gpt-4.1", {"messages": called("x" * 41)}, "Expected a string with maximum length 40"),
    ("gpt-4.1", {"messages": called("x" * 40)}, ""),
    ("of-a-compatible-service", {"messages": called("x" * 41)}, ""),
    ("gpt-4.1", {"messages": called(name="a.b")}, "function.name': string does not match"),
    ("m", {"messages": [{"role": "model", "content": "x"}]}, "Invalid value: 'model'"),
    (
        "m",
        {
            "messages": [
                *called()[:2],
                {"role": "tool", "tool_call_id": "c1", "content": [PICTURE]},
            ]
        },
        "only allowed for messages with role 'user'",
    ),
    ("m", {"messages": [{"role": "user", "content": [PICTURE]}]}, ""),
    ("m", {"stop": list("abcde")}, "maximum length 4"),
    ("m", {"stop": list("abcd")}, ""),
]


@pytest.mark.parametrize(("model", "body", "message"), OPENAI)
def test_openai(model: str, body: dict[str, Any], message: str) -> None:
    found = refusal(lambda: openai_rules.check({"messages": [ASK], **body}, model))
    assert message in found
    assert bool(message) == bool(found)


# --- Gemini ---

FUNCTION = {"id": "c1", "name": "f", "args": {"b": 1, "a": "größer"}}
SIGNED = signature_of(FUNCTION)


def contents(call: dict[str, Any], signature: str | None) -> dict[str, Any]:
    part = {"functionCall": call, **({"thoughtSignature": signature} if signature else {})}
    response = {"functionResponse": {"name": call["name"], "response": {"output": "ok"}}}
    return {
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [part]},
            {"role": "user", "parts": [response]},
        ]
    }


NEW = "gemini-3-flash-preview"
GEMINI: list[tuple[str, dict[str, Any], str]] = [
    (NEW, contents(FUNCTION, SIGNED), ""),
    (NEW, contents({**FUNCTION, "args": {"a": "größer", "b": 1}}, SIGNED), ""),
    (NEW, contents({**FUNCTION, "args": {}}, SIGNED), "Corrupted thought signature"),
    (NEW, contents({**FUNCTION, "name": "g"}, SIGNED), "Corrupted thought signature"),
    (NEW, contents(FUNCTION, SIGNED[:-4]), "Corrupted thought signature"),
    (NEW, contents(FUNCTION, "ZWxzZXdoZXJl"), ""),
    (NEW, contents(FUNCTION, None), "missing a thought_signature"),
    ("gemini-2.5-flash", contents({**FUNCTION, "args": {}}, SIGNED), ""),
    (NEW, {"contents": [{"parts": [{"text": "a", "thoughtSignature": SIGNED}]}]}, "Corrupted"),
    ("m", contents({**FUNCTION, "name": "a b"}, None), "Invalid function name"),
    ("m", {"contents": [{"parts": [{"text": ""}]}]}, "must have a text parameter"),
    ("m", {"contents": [{"parts": [{"text": "", "thoughtSignature": "ZWxzZQ=="}]}]}, ""),
]


@pytest.mark.parametrize(("model", "body", "message"), GEMINI)
def test_gemini(model: str, body: dict[str, Any], message: str) -> None:
    found = refusal(lambda: gemini_rules.check(body, model))
    assert message in found
    assert bool(message) == bool(found)


# --- Bedrock ---

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
MISTRAL = "mistral.mistral-large-2407-v1:0"
POINT: dict[str, Any] = {"cachePoint": {"type": "default"}}
WORDS: dict[str, Any] = {"text": "hi"}
THINKS = {"additionalModelRequestFields": {"thinking": BUDGET}}


def used(identity: str = "t1", *before: dict[str, Any], **fields: Any) -> dict[str, Any]:
    call = {"toolUse": {"toolUseId": identity, "name": "f", "input": {}}}
    answer = {"toolResult": {"toolUseId": identity, "content": [WORDS], **fields}}
    tools = [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}]
    return {
        "toolConfig": {"tools": tools},
        "messages": [heard(WORDS), said(*before, call), heard(answer)],
    }


REASONED = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}}

BEDROCK: list[tuple[str, dict[str, Any], str]] = [
    (MISTRAL, used("t1"), "with a length of 9"),
    (MISTRAL, used("abcDEF123"), ""),
    ("writer.palmyra-x5-v1:0", used(status="error"), "doesn't support the status field"),
    (CLAUDE, used(status="error"), ""),
    (CLAUDE, {**used(), **THINKS}, "Expected `thinking`"),
    (CLAUDE, {**used("t1", REASONED), **THINKS}, ""),
    (CLAUDE, {"messages": [heard(POINT, WORDS)]}, "has to follow the content"),
    (CLAUDE, {"messages": [heard(WORDS, POINT, POINT)]}, "has to follow the content"),
    (CLAUDE, {"messages": [heard(*[WORDS, POINT] * 5)]}, "A maximum of 4"),
    (CLAUDE, {"messages": [heard(*[WORDS, POINT] * 4)]}, ""),
]


@pytest.mark.parametrize(("model", "body", "message"), BEDROCK)
def test_bedrock(model: str, body: dict[str, Any], message: str) -> None:
    found = refusal(lambda: bedrock_rules.check(body, model, {}))
    assert message in found
    assert bool(message) == bool(found)


# --- Ollama ---


@pytest.mark.parametrize(("image", "message"), [("data:image/png;base64,aGk=", "illegal base64"),
                                                ("aGk=", "")])  # fmt: skip
def test_ollama(image: str, message: str) -> None:
    body = {"model": "m", "messages": [{**ASK, "images": [image]}]}
    found = refusal(lambda: OllamaWire().read(call_of(body)))
    assert message in found
    assert bool(message) == bool(found)
