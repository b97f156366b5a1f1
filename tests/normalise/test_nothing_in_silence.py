"""Every field of a request is sent, refused or told of, on every wire."""

from typing import Any

import msgspec
import pytest

from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.bedrock_converse.codec import codec as converse
from aisopod.codecs.bedrock_invoke.codec import codec as invoke
from aisopod.codecs.codec import Codec
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.codecs.ollama_chat.codec import codec as ollama
from aisopod.codecs.openai_chat.codec import codec as openai
from aisopod.errors import InvalidRequestError
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.providers.host import Host
from aisopod.providers.registry import find
from aisopod.types import (
    CacheControl,
    ChatCompletionRequest,
    DocumentPart,
    ImagePart,
    JsonSchema,
    MediaPart,
    Message,
    Reasoning,
    TextPart,
    Tool,
    ToolCall,
)

WIRES: dict[str, tuple[Codec, str, str]] = {
    "anthropic": (anthropic, "anthropic", "claude-sonnet-4-5"),
    "openai": (openai, "openai", "gpt-4o"),
    "openai marked": (openai, "openai", "gpt-6"),
    "gemini": (gemini, "gemini", "gemini-2.5-flash"),
    "converse": (converse, "bedrock", "anthropic.claude-sonnet-4-5-v1:0"),
    "nova": (converse, "bedrock", "amazon.nova-2-lite-v1:0"),
    "mistral": (converse, "bedrock", "mistral.mistral-large-2402-v1:0"),
    "invoke": (invoke, "bedrock-anthropic", "anthropic.claude-sonnet-4-5-v1:0"),
    "ollama": (ollama, "ollama", "llama3"),
}
# Of a kind that is not known by its bytes: else they, and not the field, say what they are.
PICTURE = b"a picture"
FILES: dict[type, dict[str, Any]] = {
    ImagePart: {"data": PICTURE, "media_type": "image/png"},
    DocumentPart: {"data": b"text", "media_type": "text/plain", "name": "old"},
    MediaPart: {"data": b"ID3", "media_type": "audio/mpeg"},
}
CALL = ToolCall(id="call_1", name="look")
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
KEPT = CacheControl(ttl="1h")

# By struct and field, another value than the default.
VALUES: dict[type, dict[str, Any]] = {
    CacheControl: {"ttl": "1h", "key": "group"},
    TextPart: {"text": "other", "citations": [{"a": 1}], "signature": "sig", "cache": KEPT},
    ImagePart: {
        "data": PICTURE + b"2", "url": "https://example.com/a.gif", "file_id": "file-1",
        "media_type": "image/webp", "detail": "low", "signature": "sig", "cache": KEPT,
    },
    DocumentPart: {
        "data": b"other", "url": "https://example.com/a.pdf", "file_id": "file-1",
        "media_type": "text/markdown", "name": "n.txt", "context": "about", "citations": True,
        "cache": KEPT,
    },
    MediaPart: {
        "data": b"ID32", "url": "https://example.com/a.mp3", "file_id": "file-1",
        "media_type": "audio/wav", "cache": KEPT,
    },
    ToolCall: {
        "id": "call_2", "name": "other", "arguments": '{"a": 1}', "position": 0,
        "fields": {"z": 1},
    },
    Message: {
        "content": "other", "tool_calls": [CALL], "name": "bob", "is_error": True,
        "refusal": "no", "cache": KEPT,
    },
    Tool: {
        "name": "other", "description": "looks", "parameters": SCHEMA, "strict": True,
        "cache": KEPT,
    },
    JsonSchema: {"schema": {**SCHEMA, "title": "T"}, "description": "for the answer"},
    Reasoning: {"effort": "low", "budget_tokens": 2000, "display": "omitted"},
    ChatCompletionRequest: {
        "messages": [Message(role="user", content="other")], "tools": [Tool(name="f")],
        "tool_choice": "required", "temperature": 0.3, "top_p": 0.4, "max_tokens": 77,
        "stop": ["z"], "response_format": "json", "reasoning": Reasoning(effort="high"),
        "seed": 7, "parallel_tool_calls": False, "metadata": {"user_id": "u"}, "cache": KEPT,
        "extra": {"zz": 1},
    },
}  # fmt: skip
# What nothing is lost by: (struct, field) -> why.
NOTHING_LOST: dict[tuple[type, str], str] = {
    (TextPart, "provider"): "says whose citations and signature are",
    (ImagePart, "provider"): "says whose the signature is",
    (ToolCall, "provider"): "says whose the fields are",
    (Message, "provider"): "says whose it was; never sent",
    (Message, "model"): "says whose it was; never sent",
    (Message, "role"): "every test of roles",
    (Message, "tool_call_id"): "tests/hazards, by its call",
    (JsonSchema, "name"): "names what only some wires name",
    (JsonSchema, "strict"): "who takes a schema as such holds the answer to it",
    (ChatCompletionRequest, "model"): "in the address on some wires",
    (ChatCompletionRequest, "stream"): "in the address on some wires",
}
# The same, on one wire.
NOTHING_LOST_ON: dict[tuple[str, type, str], str] = {
    ("ollama", ImagePart, "media_type"): "the server looks at the bytes",
    ("anthropic", DocumentPart, "media_type"): "every text is plain text",
    ("invoke", DocumentPart, "media_type"): "every text is plain text",
    ("ollama", DocumentPart, "media_type"): "every text is plain text",
    ("gemini", ToolCall, "id"): "calls and results belong together by their order",
    ("openai", ToolCall, "position"): "calls have a field of their own",
    ("ollama", ToolCall, "position"): "calls have a field of their own",
    ("openai", Reasoning, "display"): "it never shows any",
}


def spoken(*parts: Any, **fields: Any) -> ChatCompletionRequest:
    content = [TextPart(text="hello"), *parts]
    return ChatCompletionRequest(
        model="", messages=[Message(role="user", content=content)], **fields
    )


def called(call: ToolCall = CALL, **result: Any) -> ChatCompletionRequest:
    """A conversation with a call; `result` are fields of the call's result."""
    messages = [
        Message(role="user", content="hello"),
        Message(role="assistant", content="I look.", tool_calls=[call]),
        Message(role="tool", tool_call_id=call.id, content="seen", **result),
        Message(role="user", content="and?"),
    ]
    return ChatCompletionRequest(model="", messages=messages, tools=[Tool(name="look")])


def pair(struct: type, name: str, value: Any) -> tuple[ChatCompletionRequest, ...]:
    """A request without and with the field."""
    if struct is CacheControl:
        return spoken(), spoken(cache=CacheControl(**{name: value}))
    if struct is TextPart:
        plain = TextPart(text="there")
        return spoken(plain), spoken(msgspec.structs.replace(plain, **{name: value}))
    if struct in FILES:
        rest = FILES[struct]
        if name in {"url", "file_id"}:
            rest = {key: given for key, given in rest.items() if key == "media_type"}
        return spoken(struct(**FILES[struct])), spoken(struct(**{**rest, name: value}))
    if struct is ToolCall:
        other = msgspec.structs.replace(CALL, provider="another", **{name: value})
        return called(), called(other)
    if struct is Message:
        return of_message(name, value)
    if struct is Tool:
        plain_tool = Tool(name="f", parameters=SCHEMA if name == "strict" else {"type": "object"})
        return spoken(tools=[plain_tool]), spoken(
            tools=[msgspec.structs.replace(plain_tool, **{name: value})]
        )
    if struct is JsonSchema:
        form = JsonSchema(schema=SCHEMA)
        other_form = msgspec.structs.replace(form, **{name: value})
        return spoken(response_format=form), spoken(response_format=other_form)
    if struct is Reasoning:
        plain_wish = Reasoning(effort="high") if name == "display" else None
        wish = msgspec.structs.replace(plain_wish or Reasoning(), **{name: value})
        return spoken(reasoning=plain_wish), spoken(reasoning=wish)
    tools = [Tool(name="f")] if name in {"tool_choice", "parallel_tool_calls"} else []
    return spoken(tools=tools), msgspec.structs.replace(spoken(tools=tools), **{name: value})


def of_message(name: str, value: Any) -> tuple[ChatCompletionRequest, ...]:
    if name == "is_error":
        return called(), called(is_error=True)
    first = Message(role="user", content="hello")
    plain = Message(role="user", content="I am here")
    if name in {"tool_calls", "refusal"}:
        plain = msgspec.structs.replace(plain, role="assistant")
    last = Message(role="user", content="and?")
    changed = msgspec.structs.replace(plain, **{name: value})
    return (
        ChatCompletionRequest(model="", messages=[first, plain, last]),
        ChatCompletionRequest(model="", messages=[first, changed, last]),
    )


CASES = [(struct, name) for struct, values in VALUES.items() for name in values]


def test_every_field_is_in_the_table() -> None:
    fields = {(struct, field.name) for struct in VALUES for field in msgspec.structs.fields(struct)}
    assert fields == {*CASES, *NOTHING_LOST}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("struct", "name"), CASES, ids=[f"{s.__name__}.{n}" for s, n in CASES])
def test_a_field_is_sent_refused_or_told_of(wire: str, struct: type, name: str) -> None:
    codec, provider, model = WIRES[wire]
    host = find(provider)
    assert isinstance(host, Host)
    target = Target(provider=provider, model=model, on_unsupported="drop", quirks=host.quirks)
    without, with_it = (
        msgspec.structs.replace(each, model=model)
        for each in pair(struct, name, VALUES[struct][name])
    )
    try:
        made = codec.encode(validate(with_it), target)
    except InvalidRequestError:
        return
    try:
        plain = codec.encode(validate(without), target)
    except InvalidRequestError:
        return  # the field made it possible
    is_sent = (made.body, made.headers) != (plain.body, plain.headers)
    told = {str(each) for each in made.warnings} - {str(each) for each in plain.warnings}
    assert is_sent or told or (wire.partition(" ")[0], struct, name) in NOTHING_LOST_ON
