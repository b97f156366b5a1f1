"""Requests to bodies, rule by rule."""

import base64
import re
from typing import Any

import msgspec
import pytest

from aisopod.codecs.codec import Encoded
from aisopod.codecs.openai_chat.codec import codec
from aisopod.codecs.openai_chat.quirks import Quirks
from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.providers.compatible import HOSTS
from aisopod.providers.host import Host
from aisopod.providers.openai import host as openai
from aisopod.types import (
    CacheControl,
    ChatCompletionRequest,
    DocumentPart,
    ImagePart,
    JsonSchema,
    Message,
    OpaquePart,
    OpaqueTool,
    Reasoning,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCall,
    ToolChoice,
)

PNG = b"\x89PNG\r\n\x1a\n0"
PDF = b"%PDF-1.7"
USER = Message(role="user", content="hi")
TOOL = Tool(name="f", description="d")
PNG_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
PDF_URL = f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}"


def encoded(
    *messages: Message, host: Host | str = openai, on_unsupported: Any = "error", **fields: Any
) -> Encoded:
    if isinstance(host, str):
        host = HOSTS[host]
    fields = {"model": "gpt-4o", "stream": False, **fields}
    request = ChatCompletionRequest(messages=list(messages) or [USER], **fields)
    target = Target(
        provider=host.id,
        model=request.model,
        quirks=host.quirks,
        on_unsupported=on_unsupported,
    )
    return codec.encode(validate(request), target)


def body(*messages: Message, **options: Any) -> dict[str, Any]:
    value: dict[str, Any] = msgspec.json.decode(encoded(*messages, **options).body)
    return value


def sent(*messages: Message, **options: Any) -> list[dict[str, Any]]:
    value: list[dict[str, Any]] = body(*messages, **options)["messages"]
    return value


def rules(*messages: Message, **options: Any) -> list[str]:
    return [warning.rule for warning in encoded(*messages, **options).warnings]


def answer(*calls: ToolCall, **fields: Any) -> Message:
    return Message(role="assistant", tool_calls=list(calls), **fields)


def result(id_: str, content: Any = "r", **fields: Any) -> Message:
    return Message(role="tool", tool_call_id=id_, content=content, **fields)


# --- parameters ------------------------------------------------------------------------------


def test_the_plainest_request_has_two_fields() -> None:
    assert body() == {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


PARAMETERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
    ({"stream": True, "host": "mistral"}, {"stream": True}),
    ({"max_tokens": 5}, {"max_completion_tokens": 5}),
    ({"max_tokens": 5, "host": "deepseek"}, {"max_tokens": 5}),
    ({"temperature": 0.0, "top_p": 0.5}, {"temperature": 0.0, "top_p": 0.5}),
    ({"seed": 7}, {"seed": 7}),
    ({"seed": 7, "host": "mistral"}, {"random_seed": 7}),
    ({"stop": ["a"]}, {"stop": ["a"]}),
    ({"stop": [*"abcde"], "host": "vllm"}, {"stop": [*"abcde"]}),
    ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
    ({"cache": CacheControl(key="k")}, {"prompt_cache_key": "k"}),
    ({"response_format": "text"}, {}),
    ({"extra": {"verbosity": "low", "n": 1}}, {"verbosity": "low", "n": 1}),
    ({"max_tokens": 5, "extra": {"max_completion_tokens": 9}}, {"max_completion_tokens": 9}),
    ({"parallel_tool_calls": False}, {}),
    ({"tool_choice": "auto"}, {}),
    ({"tool_choice": "none"}, {}),
    ({"reasoning": Reasoning(effort="none")}, {}),
    ({"model": "o3", "reasoning": Reasoning(effort="low")}, {"reasoning_effort": "low"}),
    ({"model": "gpt-5.6-sol", "reasoning": Reasoning(effort="xhigh")}, {"reasoning_effort": "xhigh"}),
    ({"model": "o3", "temperature": 1.0, "top_p": 1.0}, {}),
    (
        {"model": "gpt-5.5", "temperature": 0.2, "reasoning": Reasoning(effort="none")},
        {"temperature": 0.2, "reasoning_effort": "none"},
    ),
    ({"model": "gpt-5.2", "temperature": 0.2}, {"temperature": 0.2}),
    (
        {"host": "openrouter", "reasoning": Reasoning(budget_tokens=9, display="omitted")},
        {"reasoning": {"max_tokens": 9, "exclude": True}},
    ),
    ({"host": "openrouter", "reasoning": Reasoning(effort="low")}, {"reasoning": {"effort": "low"}}),
    (
        {"host": "deepseek", "reasoning": Reasoning(effort="max")},
        {"thinking": {"type": "enabled"}, "reasoning_effort": "max"},
    ),
    ({"host": "deepseek", "reasoning": Reasoning(effort="none")}, {"thinking": {"type": "disabled"}}),
    ({"host": "mistral", "reasoning": Reasoning(effort="high")}, {"reasoning_effort": "high"}),
    ({"host": "groq", "reasoning": Reasoning(effort="medium")}, {"reasoning_effort": "medium"}),
]  # fmt: skip


def test_a_cache_key_goes_where_there_is_a_field_for_it() -> None:
    key = CacheControl(key="k")
    assert "prompt_cache_key" not in body(cache=key, host="groq")
    assert rules(cache=key, host="groq") == ["cache_key"]


@pytest.mark.parametrize(("fields", "wanted"), PARAMETERS)
def test_parameters(fields: dict[str, Any], wanted: dict[str, Any]) -> None:
    got = body(**fields)
    del got["model"], got["messages"]
    assert got == wanted
    assert rules(**fields) == []


UNSUPPORTED: list[tuple[dict[str, Any], str]] = [
    ({"model": "o3", "temperature": 0.2}, "temperature"),
    ({"model": "gpt-5", "top_p": 0.2}, "top_p"),
    ({"model": "gpt-5.5", "temperature": 0.2}, "temperature"),
    (
        {"model": "gpt-5.2", "temperature": 0.2, "reasoning": Reasoning(effort="low")},
        "temperature",
    ),
    ({"model": "o4-mini", "stop": ["a"]}, "stop"),
    ({"model": "o3", "reasoning": Reasoning(effort="none")}, "reasoning.effort"),
    ({"model": "gpt-4o", "reasoning": Reasoning(effort="low")}, "reasoning.effort"),
    ({"model": "gpt-5.1", "reasoning": Reasoning(effort="minimal")}, "reasoning.effort"),
    ({"model": "gpt-6-astra", "reasoning": Reasoning(effort="max")}, "reasoning.effort"),
    ({"model": "own-name", "reasoning": Reasoning(effort="max")}, "reasoning.effort"),
    ({"model": "o3", "reasoning": Reasoning(budget_tokens=9)}, "reasoning.budget_tokens"),
    ({"model": "o3", "reasoning": Reasoning(display="summarized")}, "reasoning.display"),
    ({"host": "mistral", "reasoning": Reasoning(effort="low")}, "reasoning.effort"),
    (
        {"host": "openrouter", "reasoning": Reasoning(effort="low", budget_tokens=9)},
        "reasoning.effort",
    ),
    ({"host": "deepseek", "seed": 7}, "seed"),
    ({"host": "groq", "metadata": {"a": "b"}}, "metadata"),
    ({"host": "perplexity", "response_format": "json"}, "response_format"),
    ({"host": "cerebras", "tools": [TOOL], "parallel_tool_calls": False}, "parallel_tool_calls"),
    (
        {"host": "deepseek", "tools": [Tool(name="f", strict=True)]},
        "tools[0].strict",
    ),
]


@pytest.mark.parametrize(("fields", "field"), UNSUPPORTED)
def test_what_a_model_does_not_take_is_refused_or_noted(fields: dict[str, Any], field: str) -> None:
    json = Message(role="user", content="as JSON")
    with pytest.raises(UnsupportedFeatureError) as caught:
        encoded(json, **fields)
    assert caught.value.field == field
    assert caught.value.remedy
    got = encoded(json, **fields, on_unsupported="drop")
    assert [(warning.rule, warning.field) for warning in got.warnings] == [
        ("unsupported_parameter", field)
    ]
    assert msgspec.json.decode(got.body)["messages"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"top_p": 1.1}, "top_p"),
        ({"stop": [*"abcde"]}, "stop"),
        ({"extra": {"n": 2}}, "extra.n"),
        ({"response_format": "json"}, "response_format"),
        ({"model": "o1-mini", "response_format": JsonSchema(schema={})}, "response_format"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": ToolChoice(name="f")}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": ToolChoice(name="g")}, "tool_choice.name"),
        ({"tools": [OpaqueTool(provider="anthropic", data={})]}, "tools[0]"),
    ],
)
def test_wrong_requests(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        encoded(**fields, on_unsupported="drop")
    assert caught.value.field == field
    assert caught.value.remedy


# --- tools and formats -----------------------------------------------------------------------


def test_tools() -> None:
    own = {"type": "custom", "custom": {"name": "c"}}
    got = body(
        tools=[TOOL, Tool(name="g"), OpaqueTool(provider="openai", data=own)],
        tool_choice=ToolChoice(name="f"),
        parallel_tool_calls=False,
    )
    empty = {"type": "object", "properties": {}}
    assert got["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": empty}},
        {"type": "function", "function": {"name": "g", "parameters": empty}},
        own,
    ]
    assert got["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert got["parallel_tool_calls"] is False


@pytest.mark.parametrize(("host", "word"), [("groq", "required"), ("mistral", "any")])
def test_word_for_some_tool(host: str, word: str) -> None:
    assert body(host=host, tools=[TOOL], tool_choice="required")["tool_choice"] == word


STRICT = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/A"}}},
    "required": ["a"],
    "additionalProperties": False,
    "$defs": {
        "A": {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    },
}


def _loosened(*path: str, **changes: Any) -> dict[str, Any]:
    schema: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(STRICT))
    place = schema
    for step in path:
        place = place[step]
    place.update(changes)
    return schema


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        (_loosened(additionalProperties=True), ""),
        (_loosened("$defs", "A", additionalProperties={"type": "string"}), ".$defs.A"),
        (
            _loosened(
                "properties", a={"anyOf": [{"properties": {}, "additionalProperties": True}]}
            ),
            ".properties.a.anyOf[0]",
        ),
    ],
)
def test_what_cannot_be_closed_goes_without_strict(schema: dict[str, Any], path: str) -> None:
    tool = Tool(name="f", parameters=schema, strict=True)
    assert body(tools=[tool]) == body(tools=[msgspec.structs.replace(tool, strict=None)])
    [told] = encoded(tools=[tool]).warnings
    assert (told.rule, told.field, told.action) == (
        "strict_tools",
        "tools[0].parameters",
        "left_out",
    )
    assert f"{path.removeprefix('.') or 'its root'} may have any keys" in told.message
    wish = JsonSchema(schema=schema, strict=True)
    sent = body(response_format=wish)["response_format"]["json_schema"]
    assert sent == {"name": "answer", "schema": schema}
    [told] = encoded(response_format=wish).warnings
    assert (told.rule, told.field) == ("schema", "response_format.strict")


def test_what_strict_asks_for_is_done() -> None:
    schema = _loosened("$defs", "A", additionalProperties=None, properties={"b": {"type": "null"}})
    for name in ("additionalProperties", "required"):
        schema.pop(name)
    tool = Tool(name="f", parameters=schema, strict=True)
    function = body(tools=[tool])["tools"][0]["function"]
    assert function["strict"] is True
    assert function["parameters"] == {
        **STRICT,
        "$defs": {
            "A": {
                "type": "object",
                "properties": {"b": {"type": "null"}},
                "required": ["b"],
                "additionalProperties": False,
            }
        },
    }
    told = [str(each) for each in encoded(tools=[tool]).warnings]
    assert [each.partition(": ")[2] for each in told] == [
        "tools[0].parameters.$defs.A: b became required",
        "tools[0].parameters: a became required",
    ]


def test_response_formats() -> None:
    json = Message(role="system", content="Answer in json.")
    assert body(json, USER, response_format="json")["response_format"] == {"type": "json_object"}
    assert body(host="vllm", response_format="json")["response_format"] == {"type": "json_object"}
    wanted = JsonSchema(schema=STRICT, name="n", description="d", strict=True)
    assert body(response_format=wanted)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": STRICT, "description": "d", "strict": True},
    }
    loose = JsonSchema(schema=STRICT, strict=False)
    assert body(response_format=loose)["response_format"]["json_schema"]["strict"] is False
    by_tool = body(json, host="deepseek", response_format=wanted)
    assert "response_format" not in by_tool
    assert by_tool["tool_choice"] == {"type": "function", "function": {"name": "n"}}


# --- messages --------------------------------------------------------------------------------

SYSTEM = Message(role="system", content="s")


@pytest.mark.parametrize(
    ("model", "host", "role"),
    [
        ("gpt-4o", "openai", "system"),
        ("gpt-4.1-mini", "openai", "system"),
        ("ft:gpt-4o:org::1", "openai", "system"),
        ("o3", "openai", "developer"),
        ("gpt-5", "openai", "developer"),
        ("gpt-6.1-sol", "openai", "developer"),
        ("o3", "azure", "developer"),
        ("own-deployment", "azure", "system"),
        ("openai/gpt-5", "openrouter", "system"),
        ("o3", "vllm", "system"),
    ],
)
def test_role_of_instructions(model: str, host: str, role: str) -> None:
    chosen = openai if host == "openai" else HOSTS[host]
    got = sent(SYSTEM, USER, SYSTEM, model=model, host=chosen)
    assert [message["role"] for message in got] == [role, "user", role]


def test_models_without_instructions_read_them_in_the_first_user_message() -> None:
    parts = Message(role="user", content=[TextPart(text="a"), TextPart(text="b")])
    got = sent(SYSTEM, SYSTEM, USER, model="o1-mini")
    assert got == [{"role": "user", "content": text} for text in ("s", "s", "hi")]
    assert sent(SYSTEM, parts, model="o1-preview")[0]["content"] == "s"
    assert sent(SYSTEM, model="o1-mini") == [{"role": "user", "content": "s"}]
    assert rules(SYSTEM, USER, model="o1-mini") == ["system_as_user"]


IMAGES: list[tuple[ImagePart, dict[str, Any]]] = [
    (ImagePart(data=PNG), {"url": PNG_URL}),
    (ImagePart(data=b"x", media_type="image/webp"), {"url": "data:image/webp;base64,eA=="}),
    (ImagePart(url="https://x/y.png", detail="low"), {"url": "https://x/y.png", "detail": "low"}),
    (ImagePart(url=PNG_URL), {"url": PNG_URL}),
]


@pytest.mark.parametrize(("part", "wanted"), IMAGES)
def test_images(part: ImagePart, wanted: dict[str, Any]) -> None:
    (message,) = sent(Message(role="user", content=[TextPart(text="a"), part]))
    assert message["content"] == [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": wanted},
    ]


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (ImagePart(data=b"BM..."), ".media_type"),
        (ImagePart(data=b"<svg/>", media_type="image/svg+xml"), ".media_type"),
        (ImagePart(url="data:image/bmp;base64,AA=="), ".media_type"),
        (ImagePart(), ""),
        (ImagePart(file_id="file-1"), ""),
        (DocumentPart(url="https://x/y.pdf"), ""),
        (DocumentPart(data=b"PK", media_type="application/zip"), ".media_type"),
        (DocumentPart(data=b"\xff", media_type="text/plain"), ".data"),
        (DocumentPart(), ""),
    ],
)
def test_media_that_cannot_be_carried(part: Any, field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        encoded(Message(role="user", content=[part]), on_unsupported="drop")
    assert caught.value.field == f"messages[0].content[0]{field}"
    assert caught.value.remedy


def test_documents() -> None:
    def content(part: DocumentPart, host: Any = openai) -> Any:
        return sent(Message(role="user", content=[part]), host=host)[0]["content"]

    assert content(DocumentPart(data=PDF, name="a.pdf")) == [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF_URL}}
    ]
    assert content(DocumentPart(file_id="file-1", context="c")) == [
        {"type": "text", "text": "c"},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]
    url = DocumentPart(url="https://x/y.pdf")
    assert content(url, "openrouter")[0]["file"]["file_data"] == "https://x/y.pdf"
    text = DocumentPart(data=b"body", media_type="text/plain", name="a.txt")
    assert content(text, "groq") == "# a.txt\n\nbody"
    assert rules(Message(role="user", content=[text])) == ["document_as_text"]
    with pytest.raises(UnsupportedFeatureError):
        content(DocumentPart(data=PDF), "groq")


CALL = ToolCall(id="call_1", name="f", arguments='{ "x" : 1 }')
WIRE_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "f", "arguments": '{ "x" : 1 }'},
}


@pytest.mark.parametrize(("host", "content"), [("groq", None), ("mistral", "")])
def test_assistant_with_calls_and_without_text(host: str, content: Any) -> None:
    call = msgspec.structs.replace(CALL, id="abcdef123")
    message, _ = sent(answer(call), result("abcdef123"), host=host)
    assert message["content"] == content
    assert message["tool_calls"] == [{**WIRE_CALL, "id": "abcdef123"}]


def test_assistant_messages() -> None:
    texts = [TextPart(text="a"), TextPart(text="b")]
    assert sent(Message(role="assistant", content=list(texts))) == [
        {"role": "assistant", "content": "ab"}
    ]
    assert sent(Message(role="assistant")) == [{"role": "assistant", "content": ""}]
    refused = Message(role="assistant", refusal="no")
    assert sent(refused) == [{"role": "assistant", "content": None, "refusal": "no"}]
    assert sent(refused, host="groq") == [{"role": "assistant", "content": "no"}]
    named = Message(role="user", content="a", name="ann")
    assert sent(named) == [{"role": "user", "name": "ann", "content": "a"}]
    assert rules(named, host="mistral") == ["name"]
    empty = answer(msgspec.structs.replace(CALL, arguments=""))
    assert sent(empty)[0]["tool_calls"][0]["function"]["arguments"] == "{}"
    drawn = Message(role="assistant", content=[TextPart(text="here"), ImagePart(data=PNG)])
    assert [message["role"] for message in sent(drawn)] == ["assistant", "user"]
    assert rules(drawn) == ["assistant_media"]
    with pytest.raises(UnsupportedFeatureError):
        sent(Message(role="system", content=[ImagePart(data=PNG)]))


def test_fields_of_a_call_go_back_to_their_maker_only() -> None:
    fields = {"extra_content": {"google": {"thought_signature": "s"}}}
    own = msgspec.structs.replace(CALL, provider="groq", fields=fields)
    assert sent(answer(own), host="groq")[0]["tool_calls"] == [{**WIRE_CALL, **fields}]
    assert sent(answer(own))[0]["tool_calls"] == [WIRE_CALL]
    assert rules(answer(own), result("call_1")) == ["foreign_fields"]
    custom = ToolCall(
        id="a", name="c", arguments="4 + 4", provider="openai", fields={"type": "custom"}
    )
    assert sent(answer(custom))[0]["tool_calls"] == [
        {"id": "a", "type": "custom", "custom": {"name": "c", "input": "4 + 4"}}
    ]


THINKING: list[tuple[str, list[Any], dict[str, Any], list[str]]] = [
    ("deepseek", [ThinkingPart(text="t")], {"reasoning_content": "t"}, []),
    ("groq", [ThinkingPart(text="t")], {"reasoning": "t"}, []),
    ("deepseek", [ThinkingPart(text="t", provider="deepseek")], {"reasoning_content": "t"}, []),
    ("deepseek", [ThinkingPart(text="t", provider="anthropic")], {}, ["foreign_thinking"]),
    ("deepseek", [ThinkingPart(redacted="x", provider="anthropic")], {}, ["foreign_thinking"]),
    ("xai", [ThinkingPart(text="t")], {}, ["foreign_thinking"]),
    (
        "openrouter",
        [
            ThinkingPart(text="t"),
            OpaquePart(provider="openrouter", kind="reasoning_details", data=[{"x": 1}]),
        ],
        {"reasoning_details": [{"x": 1}]},
        [],
    ),
    (
        "groq",
        [OpaquePart(provider="openrouter", kind="reasoning_details", data=[])],
        {},
        ["foreign_part"],
    ),
]


@pytest.mark.parametrize(("host", "parts", "fields", "warned"), THINKING)
def test_thinking_goes_back_where_it_is_wanted(
    host: str, parts: list[Any], fields: dict[str, Any], warned: list[str]
) -> None:
    message = Message(role="assistant", content=[*parts, TextPart(text="a")])
    assert sent(message, host=host) == [{"role": "assistant", "content": "a", **fields}]
    assert rules(message, host=host) == warned


def test_mistral_takes_thinking_as_content() -> None:
    message = Message(role="assistant", content=[ThinkingPart(text="t"), TextPart(text="a")])
    assert sent(message, host="mistral")[0]["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]},
        {"type": "text", "text": "a"},
    ]


def test_opaque_parts() -> None:
    audio_in = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
    own = Message(
        role="user", content=[OpaquePart(provider="openai", kind="input_audio", data=audio_in)]
    )
    assert sent(own) == [{"role": "user", "content": [audio_in]}]
    audio = OpaquePart(provider="openai", kind="audio", data={"id": "audio_1", "data": "AA=="})
    assert sent(Message(role="assistant", content=[audio])) == [
        {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}
    ]
    forged = OpaquePart(provider="openai", kind="role", data="system")
    assert sent(Message(role="assistant", content=[forged])) == [
        {"role": "assistant", "content": ""}
    ]
    assert rules(Message(role="user", content=[forged, ThinkingPart(text="t")])) == [
        "misplaced_thinking",
        "foreign_part",
    ]


def test_tool_results() -> None:
    got = sent(answer(CALL), result("call_1", [TextPart(text="a"), TextPart(text="b")]))
    assert got[1] == {"role": "tool", "tool_call_id": "call_1", "content": "a\nb"}
    failed = result("call_1", "boom", is_error=True, name="f")
    assert sent(answer(CALL), failed)[1] == {
        "role": "tool",
        "tool_call_id": "call_1",
        "content": "Error: boom",
    }
    assert rules(answer(CALL), result("call_1", [ThinkingPart(text="t")])) == ["misplaced_thinking"]


@pytest.mark.parametrize("after", [[], [USER]])
def test_images_of_results_follow_all_results_of_the_turn(after: list[Message]) -> None:
    second = msgspec.structs.replace(CALL, id="call_2")
    image = ImagePart(data=PNG)
    messages = [
        answer(CALL, second),
        result("call_1", [image], name="f"),
        result("call_2", [TextPart(text="t"), image]),
        *after,
    ]
    got = sent(*messages)
    roles = ["assistant", "tool", "tool", "user", *[message.role for message in after]]
    assert [message["role"] for message in got] == roles
    assert [got[1]["content"], got[2]["content"]] == ["See the next user message.", "t"]
    shown = {"type": "image_url", "image_url": {"url": PNG_URL}}
    assert got[3]["content"] == [
        {"type": "text", "text": "From the result of f:"},
        shown,
        {"type": "text", "text": "From the result of call_2:"},
        shown,
    ]
    assert rules(*messages) == ["tool_media", "tool_media"]


@pytest.mark.parametrize(
    ("host", "id_", "pattern"),
    [
        ("openai", "call_1", r"call_1"),
        ("openai", "functions.f:0", r"functions_f_0_[0-9a-f]{12}"),
        ("openai", "x" * 41, r"x{26}_[0-9a-f]{12}"),
        ("groq", "functions.f:0", r"functions\.f:0"),
        ("mistral", "abcDEF123", r"abcDEF123"),
        ("mistral", "call_1", r"[a-zA-Z0-9]{9}"),
    ],
)
def test_tool_ids_fit_their_host(host: str, id_: str, pattern: str) -> None:
    chosen = openai if host == "openai" else HOSTS[host]
    call = msgspec.structs.replace(CALL, id=id_)
    got = sent(answer(call), result(id_), host=chosen)
    made = got[0]["tool_calls"][0]["id"]
    assert re.fullmatch(pattern, made)
    assert got[1]["tool_call_id"] == made
    assert sent(USER, answer(call), result(id_), host=chosen)[2]["tool_call_id"] == made


def test_made_tool_ids_do_not_collide() -> None:
    first = sent(answer(msgspec.structs.replace(CALL, id="a:b")))[0]["tool_calls"][0]["id"]
    calls = [msgspec.structs.replace(CALL, id=id_) for id_ in ("a:b", first, "a;b")]
    ids = [call["id"] for call in sent(answer(*calls))[0]["tool_calls"]]
    assert len(set(ids)) == 3
    assert ids[1] == first


# --- caching ---------------------------------------------------------------------------------

MARKED = Message(
    role="user", content=[TextPart(text="a", cache=CacheControl(ttl="30m")), TextPart(text="b")]
)


@pytest.mark.parametrize(
    ("model", "host", "mark"),
    [
        ("gpt-5.6-sol", "openai", {"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}}),
        ("gpt-5.5", "openai", {}),
        ("gpt-4o", "openai", {}),
        ("anthropic/claude-x", "openrouter", {"cache_control": {"type": "ephemeral", "ttl": "30m"}}),
        ("meta/llama", "openrouter", {}),
        ("gpt-5.6-sol", "groq", {}),
    ],
)  # fmt: skip
def test_cache_marks_on_parts(model: str, host: str, mark: dict[str, Any]) -> None:
    chosen = openai if host == "openai" else HOSTS[host]
    (message,) = sent(MARKED, model=model, host=chosen)
    assert message["content"][0] == {"type": "text", "text": "a", **mark}
    assert rules(MARKED, model=model, host=chosen) == ([] if mark else ["cache_marks"])


def test_cache_marks_on_messages() -> None:
    cache = CacheControl()
    got = sent(
        Message(role="system", content="s", cache=cache),
        answer(CALL, content="a", cache=cache),
        result("call_1", "r", cache=cache),
        model="anthropic/claude-x",
        host="openrouter",
    )
    mark = {"cache_control": {"type": "ephemeral"}}
    assert got[0]["content"] == [{"type": "text", "text": "s", **mark}]
    assert got[1]["content"] == [{"type": "text", "text": "a", **mark}]
    assert got[2]["content"] == [{"type": "text", "text": "r", **mark}]
    plain = sent(Message(role="system", content="s", cache=cache), host="groq")
    assert plain == [{"role": "system", "content": "s"}]


def test_citations_are_noted() -> None:
    cited = TextPart(text="a", citations=[{"x": 1}], provider="anthropic")
    assert rules(Message(role="assistant", content=[cited])) == ["foreign_citations"]
    own = TextPart(text="a", citations=[{"x": 1}], provider="openai")
    assert rules(Message(role="assistant", content=[own])) == ["citations"]
    asked = DocumentPart(data=PDF, citations=True)
    assert rules(Message(role="user", content=[asked])) == ["citations"]


def test_without_quirks_only_what_every_server_takes_is_sent() -> None:
    request = ChatCompletionRequest(model="gpt-5", messages=[SYSTEM, USER], max_tokens=5)
    got = msgspec.json.decode(
        codec.encode(validate(request), Target(provider="x", model="gpt-5")).body
    )
    assert got["messages"][0]["role"] == "system"
    assert got["max_tokens"] == 5
    assert Quirks() == Quirks(max_tokens_field="max_tokens")
