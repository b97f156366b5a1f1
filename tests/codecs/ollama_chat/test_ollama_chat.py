"""Ollama's codec rule by rule; its own client's types judge every body."""

from typing import Any

import msgspec
import pytest
from ollama._types import ChatRequest

from aisopod import errors
from aisopod.codecs.codec import Encoded
from aisopod.codecs.ollama_chat.codec import codec
from aisopod.errors import InvalidRequestError, StreamInterruptedError, UnsupportedFeatureError
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.types import (
    ChatCompletionRequest,
    DocumentPart,
    ImagePart,
    JsonSchema,
    Message,
    OpaquePart,
    OpaqueTool,
    Part,
    Reasoning,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCall,
    ToolChoice,
    fold,
)

PNG = b"\x89PNG\r\n\x1a\n1234"
HI = Message(role="user", content="hi")
TOOL = Tool(name="f", description="F", parameters={"properties": {"x": {"type": "integer"}}})


def encode(*, drop: bool = False, **fields: Any) -> tuple[dict[str, Any], Encoded]:
    request = ChatCompletionRequest(**{"model": "qwen3", "messages": [HI], **fields})
    target = Target(
        provider="ollama", model=request.model, on_unsupported="drop" if drop else "error"
    )
    encoded = codec.encode(validate(request), target)
    body: dict[str, Any] = msgspec.json.decode(encoded.body)
    ChatRequest(**body)
    return body, encoded


FIELDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"stream": True, "truncate": False, "shift": False}),
    ({"stream": False}, {"stream": False}),
    ({"temperature": 0.0, "top_p": 0.5, "seed": 3}, {"options": {"temperature": 0.0, "top_p": 0.5, "seed": 3}}),
    ({"max_tokens": 5, "stop": ["x"]}, {"options": {"num_predict": 5, "stop": ["x"]}}),
    ({"extra": {"options": {"num_ctx": 9}, "keep_alive": "5m"}, "max_tokens": 5}, {"options": {"num_predict": 5, "num_ctx": 9}, "keep_alive": "5m"}),
    ({"extra": {"truncate": True}}, {"truncate": True}),
    ({"response_format": "json"}, {"format": "json"}),
    ({"response_format": JsonSchema(schema={"type": "object"})}, {"format": {"type": "object"}}),
    ({"reasoning": Reasoning(effort="none")}, {"think": False}),
    ({"reasoning": Reasoning()}, {"think": True}),
    ({"reasoning": Reasoning(effort="high")}, {"think": True}),
    ({"reasoning": Reasoning(effort="xhigh"), "model": "gpt-oss:20b"}, {"think": "high"}),
    ({"tools": [TOOL]}, {"tools": [{"type": "function", "function": {"name": "f", "description": "F", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}}}]}),
    ({"messages": [Message(role="user", content=[TextPart(text="a"), ImagePart(data=PNG)])]}, {"messages": [{"role": "user", "content": "a", "images": ["iVBORw0KGgoxMjM0"]}]}),
    ({"messages": [Message(role="assistant", content=[ThinkingPart(text="t"), TextPart(text="a")])]}, {"messages": [{"role": "assistant", "content": "a", "thinking": "t"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), FIELDS)
def test_fields(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    body, _ = encode(**fields)
    for name, value in expected.items():
        assert body[name] == value


def test_no_tools_when_none_may_be_called() -> None:
    body, _ = encode(tools=[TOOL], tool_choice="none")
    assert "tools" not in body


def test_calls_and_results() -> None:
    call = ToolCall(id="c1", name="f", arguments='{"x":  1}')
    cut = ToolCall(id="c2", name="f", arguments='{"x"')
    body, encoded = encode(
        messages=[
            HI,
            Message(role="assistant", tool_calls=[call, cut]),
            Message(role="tool", tool_call_id="c1", content="one"),
            Message(role="tool", tool_call_id="c2", content="two", name="named"),
        ]
    )
    _, assistant, first, second = body["messages"]
    assert assistant["tool_calls"][0] == {
        "id": "c1",
        "function": {"name": "f", "arguments": {"x": 1}},
    }
    assert assistant["tool_calls"][1]["function"]["arguments"] == {"__invalid_arguments__": '{"x"'}
    assert (first["tool_name"], first["tool_call_id"]) == ("f", "c1")
    assert second["tool_name"] == "named"
    assert [warning.rule for warning in encoded.warnings] == ["invalid_arguments"]


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"messages": [Message(role="user", content=[ImagePart(url="https://x/y.png")])]}, UnsupportedFeatureError, "messages[0].content[0]"),
    ({"messages": [Message(role="user", content=[ImagePart(data=b"x", media_type="image/bmp")])]}, InvalidRequestError, "messages[0].content[0].media_type"),
    ({"messages": [Message(role="user", content=[DocumentPart(data=b"%PDF-1")])]}, UnsupportedFeatureError, "messages[0].content[0]"),
    ({"tools": [OpaqueTool(provider="openai", data={})]}, UnsupportedFeatureError, "tools[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "error", "field"), REFUSED, ids=[r[2] for r in REFUSED])
def test_what_would_be_lost_is_refused(
    fields: dict[str, Any], error: type[InvalidRequestError], field: str
) -> None:
    for drop in (False, True):
        with pytest.raises(error) as caught:
            encode(drop=drop, **fields)
        assert caught.value.field == field
        assert caught.value.remedy


UNSUPPORTED: list[tuple[dict[str, Any], str]] = [
    ({"tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
    ({"tools": [TOOL], "tool_choice": ToolChoice(name="f")}, "tool_choice"),
    ({"tools": [TOOL], "parallel_tool_calls": False}, "parallel_tool_calls"),
    ({"metadata": {"a": "b"}}, "metadata.a"),
    ({"reasoning": Reasoning(budget_tokens=99)}, "reasoning.budget_tokens"),
]


@pytest.mark.parametrize(("fields", "field"), UNSUPPORTED)
def test_what_the_wire_lacks_follows_the_policy(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(UnsupportedFeatureError) as caught:
        encode(**fields)
    assert caught.value.field == field
    _, encoded = encode(drop=True, **fields)
    assert field in [warning.field for warning in encoded.warnings]


def test_what_is_another_providers_is_left_out_with_a_warning() -> None:
    foreign: list[Part] = [
        ThinkingPart(text="t", provider="anthropic", signature="s"),
        ThinkingPart(redacted="r", provider="ollama"),
        OpaquePart(provider="anthropic", kind="server_tool_use", data={}),
        TextPart(text="a"),
    ]
    body, encoded = encode(messages=[HI, Message(role="assistant", content=foreign)])
    assert body["messages"][1] == {"role": "assistant", "content": "a"}
    assert [warning.rule for warning in encoded.warnings] == [
        "foreign_thinking",
        "foreign_thinking",
        "foreign_part",
    ]


def test_a_text_document_becomes_text() -> None:
    part = DocumentPart(data=b"words", name="a.txt")
    body, encoded = encode(messages=[Message(role="user", content=[part])])
    assert "a.txt:\nwords" in body["messages"][0]["content"]
    assert encoded.warnings[0].rule == "document_as_text"


ERRORS: list[tuple[int | None, bytes, type[Exception]]] = [
    (404, b'{"error":"model \'x\' not found"}', errors.ModelNotFoundError),
    (404, b'{"error":"model \\"x\\" not found, try pulling it first"}', errors.ModelNotFoundError),
    (None, b'{"error":"pull model manifest: file does not exist"}', errors.ModelNotFoundError),
    (400, b'{"error":"\\"x\\" does not support thinking"}', errors.BadRequestError),
    (400, b'{"error":"the input length exceeds the context length"}', errors.ContextLengthError),
    (401, b'{"error":"unauthorized","signin_url":"https://s"}', errors.AuthenticationError),
    (403, b'{"error":"needs a plan"}', errors.PermissionDeniedError),
    (429, b'{"error":"usage limit"}', errors.RateLimitError),
    (500, b'{"error":"model requires more system memory (9 GiB)"}', errors.ServerError),
    (502, b"<html>bad gateway", errors.ServerError),
    (503, b'{"error":"server busy, please try again.  maximum pending requests exceeded"}', errors.OverloadedError),
    (None, b'{"error":"oops","status":503}', errors.OverloadedError),
    (None, b'{"error":{"message":"oops"}}', errors.ProviderError),
    (418, b"", errors.ProviderError),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "expected"), ERRORS)
def test_errors(status: int | None, body: bytes, expected: type[Exception]) -> None:
    error = codec.decode_error(status, {"retry-after": "3"}, body)
    assert type(error) is expected
    assert error.retry_after == 3.0
    assert error.message


def test_errors_say_what_to_do() -> None:
    missing = codec.decode_error(404, {}, b'{"error":"model \'x\' not found"}')
    assert "aisopod pull ollama/x" in str(missing)
    refused = codec.decode_error(401, {}, b'{"error":"unauthorized","signin_url":"https://s"}')
    assert "https://s" in str(refused)
    long = b'{"error":"request (2007 tokens) exceeds the available context size (512 tokens)"}'
    error = codec.decode_error(400, {}, long)
    assert isinstance(error, errors.ContextLengthError)
    assert (error.size, error.limit) == (2007, 512)


def test_made_ids_are_stable_and_differ() -> None:
    line = (
        b'{"model":"m","created_at":"%s","message":{"content":"","tool_calls":['
        b'{"function":{"name":"f","arguments":{"x":1}}},{"function":{"name":"f","arguments":{"x":1}}}'
        b']},"done":true,"done_reason":"stop"}'
    )

    def ids(created: bytes) -> list[str]:
        target = Target(provider="ollama", model="m")
        return [call.id for call in fold(codec.decode(line % created, target)).tool_calls]

    assert ids(b"2026-01-01") == ids(b"2026-01-01")
    assert len({*ids(b"2026-01-01"), *ids(b"2026-01-02")}) == 4


def test_an_end_without_the_last_object_is_an_interruption() -> None:
    decoder = codec.stream_decoder(Target(provider="ollama", model="m"))
    decoder.feed(b'{"model":"m","message":{"content":"a"},"done":false}')
    with pytest.raises(StreamInterruptedError):
        decoder.close()
