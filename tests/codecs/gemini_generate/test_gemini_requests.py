"""Gemini's requests rule by rule; Google's own types and the simulator's rules judge every body."""

import base64
from typing import Any

import msgspec
import pytest

from aisopod.codecs.codec import Encoded
from aisopod.codecs.gemini_generate.codec import codec
from aisopod.codecs.gemini_generate.counting import count_body, vertex_count_body
from aisopod.codecs.gemini_generate.quirks import Quirks
from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.types import (
    CacheControl,
    ChatCompletionRequest,
    DocumentPart,
    ImagePart,
    JsonSchema,
    MediaPart,
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
)
from support.validity import gemini_problems, gemini_type_problems

PNG = b"\x89PNG\r\n\x1a\n1234"
PNG64 = base64.b64encode(PNG).decode()
HI = Message(role="user", content="hi")
TOOL = Tool(
    name="f", description="F",
    parameters={"type": "object", "properties": {"x": {"type": "integer"}}},
)  # fmt: skip
FLASH, THREE, OLD = "gemini-2.5-flash", "gemini-3-flash-preview", "gemini-2.0-flash"
DUMMY = "skip_thought_signature_validator"


def encode(
    *, drop: bool = False, quirks: Quirks | None = None, judged: bool = True, **fields: Any
) -> tuple[dict[str, Any], Encoded]:
    request = ChatCompletionRequest(**{"model": FLASH, "messages": [HI], **fields})
    target = Target(
        provider="gemini", model=request.model, on_unsupported="drop" if drop else "error",
        quirks=quirks,
    )  # fmt: skip
    encoded = codec.encode(validate(request), target)
    body: dict[str, Any] = msgspec.json.decode(encoded.body)
    judge = gemini_problems if judged else gemini_type_problems
    assert not judge(encoded.body, request.model)
    return body, encoded


def contents(*messages: Message, **fields: Any) -> list[Any]:
    found: list[Any] = encode(messages=list(messages), **fields)[0]["contents"]
    return found


def user(*parts: Part) -> Message:
    return Message(role="user", content=list(parts))


def rules(encoded: Encoded) -> list[str]:
    return [warning.rule for warning in encoded.warnings]


FIELDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"temperature": 0.0, "top_p": 0.5, "seed": 3, "max_tokens": 9, "stop": ["a"]},
     {"temperature": 0.0, "topP": 0.5, "seed": 3, "maxOutputTokens": 9, "stopSequences": ["a"]}),
    ({"response_format": "json"}, {"responseMimeType": "application/json"}),
    ({"response_format": "text"}, {}),
    ({"reasoning": Reasoning()}, {"thinkingConfig": {"includeThoughts": True}}),
    ({"reasoning": Reasoning(effort="low")},
     {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 1024}}),
    ({"reasoning": Reasoning(effort="max")},
     {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 24576}}),
    ({"reasoning": Reasoning(effort="none")}, {"thinkingConfig": {"thinkingBudget": 0}}),
    ({"reasoning": Reasoning(budget_tokens=-1, display="omitted")},
     {"thinkingConfig": {"thinkingBudget": -1}}),
    ({"model": THREE, "reasoning": Reasoning(effort="minimal")},
     {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "MINIMAL"}}),
    ({"model": THREE, "reasoning": Reasoning(budget_tokens=2000)},
     {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 2000}}),
    ({"extra": {"generationConfig": {"candidateCount": 1}}, "seed": 1},
     {"seed": 1, "candidateCount": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "config"), FIELDS)
def test_the_generation_config(fields: dict[str, Any], config: dict[str, Any]) -> None:
    body, encoded = encode(**fields)
    assert body.get("generationConfig", {}) == config
    assert encoded.warnings == []
    assert set(body) <= {"contents", "generationConfig"}


NOT_TAKEN: list[tuple[dict[str, Any], str]] = [
    ({"metadata": {"a": "b"}}, "metadata.a"),
    ({"parallel_tool_calls": False, "tools": [TOOL]}, "parallel_tool_calls"),
    ({"model": OLD, "reasoning": Reasoning(effort="low")}, "reasoning"),
    ({"model": "gemini-2.5-pro", "reasoning": Reasoning(effort="none")}, "reasoning.effort"),
    ({"model": THREE, "reasoning": Reasoning(effort="none")}, "reasoning.effort"),
]


@pytest.mark.parametrize(("fields", "field"), NOT_TAKEN)
def test_what_is_not_taken_is_refused_or_left_out(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(UnsupportedFeatureError) as caught:
        encode(**fields)
    assert caught.value.field == field
    assert 'on_unsupported="drop"' in caught.value.remedy
    _, encoded = encode(drop=True, **fields)
    assert rules(encoded) == ["unsupported_parameter"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"stop": list("abcdef")}, "stop"),
    ({"reasoning": Reasoning(budget_tokens=99_999)}, "reasoning.budget_tokens"),
    ({"tools": [TOOL], "response_format": "json"}, "response_format"),
    ({"tools": [TOOL, OpaqueTool(provider="gemini", data={"googleSearch": {}})]}, "tools"),
    ({"tools": [OpaqueTool(provider="openai", data={})]}, "tools[0]"),
    ({"messages": [Message(role="system", content="x")]}, "messages"),
    ({"messages": [user(ImagePart(data=b"GIF89a..."))]}, "messages[0].content[0].media_type"),
    ({"messages": [user(ImagePart(url="https://x/y"))]}, "messages[0].content[0].media_type"),
    ({"messages": [user(ImagePart(url="data:,x"))]}, "messages[0].content[0].url"),
    ({"messages": [Message(role="system", content=[ImagePart(data=PNG)]), HI]},
     "messages[0].content[0]"),
    ({"extra": {"cachedContent": "cachedContents/1"}, "tools": [TOOL]}, "extra.cachedContent"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "field"), REFUSED)
def test_what_cannot_be_sent_names_field_and_remedy(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        encode(drop=True, **fields)
    assert caught.value.field == field
    assert caught.value.remedy


def test_a_level_that_a_family_lacks_is_sent_as_the_nearest() -> None:
    body, encoded = encode(model="gemini-3-pro-preview", reasoning=Reasoning(effort="minimal"))
    assert body["generationConfig"]["thinkingConfig"]["thinkingLevel"] == "LOW"
    assert rules(encoded) == ["effort"]


PARTS: list[tuple[Part, dict[str, Any]]] = [
    (TextPart(text=" a "), {"text": " a "}),
    (ImagePart(data=PNG), {"inlineData": {"mimeType": "image/png", "data": PNG64}}),
    (ImagePart(url=f"data:image/png;base64,{PNG64}"),
     {"inlineData": {"mimeType": "image/png", "data": PNG64}}),
    (ImagePart(data=PNG, detail="low"),
     {"inlineData": {"mimeType": "image/png", "data": PNG64},
      "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}}),
    (ImagePart(url="https://x/a.webp?b=c#d"),
     {"fileData": {"fileUri": "https://x/a.webp?b=c#d", "mimeType": "image/webp"}}),
    (ImagePart(url="https://x/a", media_type="image/png"),
     {"fileData": {"fileUri": "https://x/a", "mimeType": "image/png"}}),
    (DocumentPart(data=b"%PDF-1"),
     {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0x"}}),
    (DocumentPart(data=b"text"), {"inlineData": {"mimeType": "text/plain", "data": "dGV4dA=="}}),
    (DocumentPart(file_id="files/abc"), {"fileData": {
        "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}}),
    (DocumentPart(file_id="gs://bucket/a.pdf"),
     {"fileData": {"fileUri": "gs://bucket/a.pdf", "mimeType": "application/pdf"}}),
    (MediaPart(data=b"ID3xyz"), {"inlineData": {"mimeType": "audio/mpeg", "data": "SUQzeHl6"}}),
    (MediaPart(url="https://youtu.be/abc"),
     {"fileData": {"fileUri": "https://youtu.be/abc", "mimeType": "video/mp4"}}),
    (OpaquePart(provider="gemini", kind="x", data={"text": "raw", "videoMetadata": {"fps": 1}}),
     {"text": "raw", "videoMetadata": {"fps": 1}}),
]  # fmt: skip


@pytest.mark.parametrize(("part", "wire"), PARTS)
def test_parts(part: Part, wire: dict[str, Any]) -> None:
    [content] = contents(user(part))
    assert content == {"role": "user", "parts": [wire]}


def test_a_document_s_context_is_told_as_text() -> None:
    [content] = contents(user(DocumentPart(data=b"%PDF-1", context="An invoice.")))
    assert content["parts"][0] == {"text": "An invoice."}


def test_system_messages_become_the_instruction_wherever_they_stand() -> None:
    body, encoded = encode(
        messages=[Message(role="system", content="a"), HI, Message(role="system", content="b")]
    )
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert len(body["contents"]) == 1
    assert rules(encoded) == ["system_hoisted"]


def test_gemma_has_the_instruction_before_the_first_text() -> None:
    body, encoded = encode(
        model="gemma-3-27b-it", messages=[Message(role="system", content="a"), HI]
    )
    assert body["contents"] == [{"role": "user", "parts": [{"text": "a"}, {"text": "hi"}]}]
    assert "systemInstruction" not in body
    assert rules(encoded) == ["system_as_user"]


def test_messages_of_a_role_are_one_turn_and_empty_ones_none() -> None:
    body, encoded = encode(messages=[HI, user(TextPart(text="b")), Message(role="assistant"), HI])
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "hi"}, {"text": "b"}, {"text": "hi"}]}
    ]
    assert rules(encoded) == ["empty_message"]


OWN = ToolCall(
    id="w1", name="f", arguments='{"x": 1.0}', provider="gemini",
    fields={"id": "w1", "thoughtSignature": "sig"},
)  # fmt: skip
MADE = ToolCall(id="call_2", name="g", arguments="")


def turn(*calls: ToolCall, **fields: Any) -> Message:
    return Message(role="assistant", tool_calls=list(calls), **fields)


def result(call: ToolCall, content: Any = "ok", **fields: Any) -> Message:
    return Message(role="tool", tool_call_id=call.id, content=content, **fields)


def test_calls_go_back_with_their_signature_and_their_own_ids_only() -> None:
    _, model, answers = contents(HI, turn(OWN, MADE), result(MADE), result(OWN, "18"))
    assert model["parts"] == [
        {"functionCall": {"id": "w1", "name": "f", "args": {"x": 1.0}}, "thoughtSignature": "sig"},
        {"functionCall": {"name": "g", "args": {}}},
    ]
    # In the calls' order, however they came.
    assert answers["parts"] == [
        {"functionResponse": {"id": "w1", "name": "f", "response": {"output": "18"}}},
        {"functionResponse": {"name": "g", "response": {"output": "ok"}}},
    ]


def test_numbers_in_arguments_stay_as_they_were_written() -> None:
    _, encoded = encode(messages=[HI, turn(OWN), result(OWN)])
    assert b'{"x": 1.0}' in encoded.body


def test_foreign_calls_carry_the_mark_where_signatures_are_wanted() -> None:
    body, encoded = encode(
        model=THREE, messages=[HI, turn(MADE, ToolCall(id="c3", name="f")), result(MADE),
                               result(ToolCall(id="c3", name="f"))],
    )  # fmt: skip
    first, second = body["contents"][1]["parts"]
    assert first["thoughtSignature"] == DUMMY
    assert "thoughtSignature" not in second
    assert rules(encoded) == ["foreign_signature"]
    body, encoded = encode(messages=[HI, turn(MADE), result(MADE)])
    assert "thoughtSignature" not in body["contents"][1]["parts"][0]
    assert encoded.warnings == []


def test_the_mark_does_not_change_what_was_sent_before() -> None:
    """Prompt caches depend on it: a longer conversation has the shorter one as its beginning."""
    short = contents(HI, turn(MADE), result(MADE), model=THREE)
    longer = contents(HI, turn(MADE), result(MADE), turn(content="so"), HI, model=THREE)
    assert longer[: len(short)] == short


def test_another_provider_s_signatures_stay_at_home() -> None:
    foreign = ToolCall(id="c", name="f", provider="vertex", fields={"thoughtSignature": "v"})
    message = turn(
        foreign,
        content=[
            ThinkingPart(text="t", signature="s", provider="anthropic"),
            TextPart(text="x", signature="v", provider="vertex"),
            OpaquePart(provider="openai", kind="o", data={}),
        ],
    )
    body, encoded = encode(messages=[HI, message, result(foreign)])
    assert body["contents"][1]["parts"] == [
        {"text": "x"}, {"functionCall": {"name": "f", "args": {}}}
    ]  # fmt: skip
    told = ["foreign_fields", "foreign_part", "foreign_signature", "foreign_thinking"]
    assert sorted(rules(encoded)) == told


RESULTS: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    ("text", {}, {"output": "text"}),
    ('{"a": [1.0]}', {}, {"output": {"a": [1.0]}}),
    ("[1]", {}, {"output": "[1]"}),
    ("no", {"is_error": True}, {"error": "no"}),
    ([TextPart(text="a"), TextPart(text="b")], {}, {"output": "a\nb"}),
    ("", {}, {"output": ""}),
]


@pytest.mark.parametrize(("content", "fields", "response"), RESULTS)
def test_results(content: Any, fields: dict[str, Any], response: dict[str, Any]) -> None:
    answer = contents(HI, turn(OWN), result(OWN, content, **fields))[2]
    assert answer["parts"][0]["functionResponse"]["response"] == response


def test_images_in_results_are_inside_or_beside_by_family() -> None:
    shown = [TextPart(text="see"), ImagePart(data=PNG)]
    blob = {"inlineData": {"mimeType": "image/png", "data": PNG64}}
    answer = contents(HI, turn(OWN), result(OWN, shown), model=THREE)[2]
    assert answer["parts"][0]["functionResponse"]["parts"] == [blob]
    answer = contents(HI, turn(OWN), result(OWN, shown))[2]
    assert answer["parts"][1] == blob


def test_arguments_that_are_no_object_are_kept_as_text() -> None:
    body, encoded = encode(messages=[HI, turn(ToolCall(id="c", name="f", arguments='{"a": tru')),
                                     result(ToolCall(id="c", name="f"))])  # fmt: skip
    args = body["contents"][1]["parts"][0]["functionCall"]["args"]
    assert args == {"__invalid_arguments__": '{"a": tru'}
    assert rules(encoded) == ["invalid_arguments"]


CHOICES: list[tuple[Any, dict[str, Any] | None]] = [
    (None, None),
    ("auto", {"mode": "AUTO"}),
    ("none", {"mode": "NONE"}),
    ("required", {"mode": "ANY"}),
    (ToolChoice(name="f"), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
]


@pytest.mark.parametrize(("choice", "mode"), CHOICES)
def test_tool_choice(choice: Any, mode: dict[str, Any] | None) -> None:
    body, _ = encode(tools=[TOOL], tool_choice=choice)
    assert body.get("toolConfig", {}).get("functionCallingConfig") == mode


def test_strict_tools_are_validated() -> None:
    strict = msgspec.structs.replace(TOOL, strict=True)
    assert encode(tools=[strict])[0]["toolConfig"] == {
        "functionCallingConfig": {"mode": "VALIDATED"}
    }
    assert "toolConfig" not in encode(tools=[strict], model=OLD)[0]


def test_a_tool_without_parameters_has_none() -> None:
    body, _ = encode(tools=[Tool(name="now"), TOOL])
    [entry] = body["tools"]
    assert entry["functionDeclarations"][0] == {"name": "now", "description": ""}
    assert "parametersJsonSchema" in entry["functionDeclarations"][1]


def test_the_service_s_tools_stand_beside_functions_where_that_goes() -> None:
    search = OpaqueTool(provider="gemini", data={"googleSearch": {}})
    body, _ = encode(model=THREE, tools=[search, TOOL])
    assert [next(iter(entry)) for entry in body["tools"]] == [
        "functionDeclarations",
        "googleSearch",
    ]
    assert body["toolConfig"]["includeServerSideToolInvocations"] is True
    body, _ = encode(model=THREE, tools=[search, TOOL], quirks=Quirks(mixed_tools_flag=False))
    assert "toolConfig" not in body


def test_a_schema_goes_in_the_form_of_the_family() -> None:
    schema = JsonSchema(
        schema={"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    )
    config = encode(response_format=schema)[0]["generationConfig"]
    assert config["responseJsonSchema"] == schema.schema
    config = encode(response_format=schema, model=OLD)[0]["generationConfig"]
    assert config["responseSchema"]["properties"]["a"] == {"type": "string", "nullable": True}


def test_labels_are_metadata_where_the_host_has_them() -> None:
    body, _ = encode(metadata={"team": "a"}, quirks=Quirks(labels=True), judged=False)
    assert body["labels"] == {"team": "a"}


def test_cached_content_stands_alone() -> None:
    body, _ = encode(extra={"cachedContent": "cachedContents/1"})
    assert body["cachedContent"] == "cachedContents/1"


def test_cache_marks_are_met_without_being_sent_but_not_for_how_long() -> None:
    mark, kept = CacheControl(), CacheControl(ttl="1h")
    body, encoded = encode(messages=[user(TextPart(text="a", cache=mark))], cache=mark)
    assert body["contents"][0]["parts"] == [{"text": "a"}]
    assert encoded.warnings == []
    _, encoded = encode(messages=[user(TextPart(text="a", cache=kept))], cache=mark)
    [warning] = encoded.warnings
    assert (warning.rule, warning.message_index, warning.part_index) == ("cache_marks", 0, 0)
    assert "time to live" in warning.message


def test_half_characters_are_replaced_and_told() -> None:
    body, encoded = encode(messages=[user(TextPart(text="a\ud83d"))])
    assert body["contents"][0]["parts"] == [{"text": "a\ufffd"}]
    assert rules(encoded) == ["lone_surrogates"]


def test_large_arguments() -> None:
    big = ToolCall(id="c", name="f", arguments=msgspec.json.encode({"a": "x" * 5_000_000}).decode())
    model = contents(HI, turn(big), result(big))[1]
    assert len(model["parts"][0]["functionCall"]["args"]["a"]) == 5_000_000


def test_counting_takes_the_whole_request() -> None:
    _, encoded = encode(messages=[Message(role="system", content="s"), HI], tools=[TOOL])
    body = msgspec.json.decode(count_body(encoded.body, FLASH))["generateContentRequest"]
    assert body["model"] == f"models/{FLASH}"
    assert {"contents", "systemInstruction", "tools"} <= set(body)
    body = msgspec.json.decode(vertex_count_body(encoded.body, FLASH))
    assert set(body) == {"contents", "systemInstruction", "tools"}


def test_the_request_is_not_changed() -> None:
    message = turn(OWN, content=[TextPart(text="a")])
    request = ChatCompletionRequest(model=THREE, messages=[HI, message, result(OWN)], tools=[TOOL],
                                    extra={"generationConfig": {"topK": 1}})  # fmt: skip
    before = msgspec.json.encode(request)
    codec.encode(validate(request), Target(provider="gemini", model=THREE))
    assert msgspec.json.encode(request) == before


def test_what_is_added_is_merged_to_its_depth() -> None:
    body, _ = encode(
        reasoning=Reasoning(effort="low"),
        extra={"generationConfig": {"thinkingConfig": {"includeThoughts": False}}},
    )
    assert body["generationConfig"]["thinkingConfig"] == {
        "includeThoughts": False, "thinkingBudget": 1024,
    }  # fmt: skip
