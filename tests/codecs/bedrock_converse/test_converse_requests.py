"""Converse's requests rule by rule; AWS's own model of the call and the simulator judge each body."""

import base64
from typing import Any

import msgspec
import pytest

from aisopod.codecs.bedrock_converse.codec import codec
from aisopod.codecs.bedrock_converse.counting import count_body
from aisopod.codecs.bedrock_converse.families import bare_name, family_of
from aisopod.codecs.codec import Encoded
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
from support.validity import converse_problems, converse_type_problems

PNG = b"\x89PNG\r\n\x1a\n1234"
PNG64 = base64.b64encode(PNG).decode()
HI = Message(role="user", content="hi")
TOOL = Tool(
    name="f", description="F",
    parameters={"$schema": "x", "properties": {"x": {"type": "integer"}}},
)  # fmt: skip
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS = "global.anthropic.claude-opus-4-7"
NOVA, MISTRAL = "us.amazon.nova-pro-v1:0", "mistral.mistral-large-2407-v1:0"
MARK = CacheControl()
POINT = {"cachePoint": {"type": "default"}}


def encode(
    *, drop: bool = False, judged: bool = True, **fields: Any
) -> tuple[dict[str, Any], Encoded]:
    request = ChatCompletionRequest(**{"model": SONNET, "messages": [HI], **fields})
    target = Target(
        provider="bedrock", model=request.model, on_unsupported="drop" if drop else "error"
    )
    encoded = codec.encode(validate(request), target)
    body: dict[str, Any] = msgspec.json.decode(encoded.body)
    judge = converse_problems if judged else converse_type_problems
    assert not judge(encoded.body, request.model)
    return body, encoded


def user(*parts: Part) -> Message:
    return Message(role="user", content=list(parts))


def rules(encoded: Encoded) -> list[str]:
    return [warning.rule for warning in encoded.warnings]


FIELDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"temperature": 0.0, "max_tokens": 9, "stop": ["a"]},
     {"inferenceConfig": {"temperature": 0.0, "maxTokens": 9, "stopSequences": ["a"]}}),
    ({"top_p": 0.5, "model": NOVA}, {"inferenceConfig": {"topP": 0.5}}),
    ({"metadata": {"team": "a"}}, {"requestMetadata": {"team": "a"}}),
    ({"extra": {"additionalModelRequestFields": {"top_k": 5}}},
     {"additionalModelRequestFields": {"top_k": 5}}),
    ({"reasoning": Reasoning(budget_tokens=2000), "max_tokens": 4000,
      "extra": {"additionalModelRequestFields": {"anthropic_beta": ["b"]}}},
     {"inferenceConfig": {"maxTokens": 4000}, "additionalModelRequestFields": {
         "thinking": {"type": "enabled", "budget_tokens": 2000}, "anthropic_beta": ["b"]}}),
    ({"model": OPUS, "reasoning": Reasoning(effort="high")},
     {"additionalModelRequestFields": {
         "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}}),
    ({"model": "openai.gpt-oss-120b-1:0", "reasoning": Reasoning(effort="low")},
     {"additionalModelRequestFields": {"reasoning_effort": "low"}}),
    ({"model": "us.amazon.nova-2-lite-v1:0", "reasoning": Reasoning(effort="low")},
     {"additionalModelRequestFields": {
         "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}}),
    ({"extra": {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}}},
     {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), FIELDS)
def test_fields(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    body, encoded = encode(**fields)
    assert body == {"messages": [{"role": "user", "content": [{"text": "hi"}]}], **expected}
    assert encoded.warnings == []


def test_a_thinking_budget_lies_within_the_longest_answer() -> None:
    body, _ = encode(reasoning=Reasoning(budget_tokens=2000))
    assert body["inferenceConfig"]["maxTokens"] == 64_000
    with pytest.raises(InvalidRequestError, match="budget"):
        encode(reasoning=Reasoning(budget_tokens=2000), max_tokens=1500)


def test_thinking_between_calls_asks_for_its_beta() -> None:
    body, _ = encode(reasoning=Reasoning(budget_tokens=2000), tools=[TOOL])
    assert body["additionalModelRequestFields"]["anthropic_beta"] == [
        "interleaved-thinking-2025-05-14"
    ]


@pytest.mark.parametrize(
    "model",
    [
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl",
        "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abcdefghijkl",
        "zai.glm-5",
        "minimax.minimax-m2.5",
        "moonshotai.kimi-k2.5",
        "mistral.magistral-small-2509",
    ],
)
def test_what_nobody_knows_of_a_model_does_not_block(model: str) -> None:
    """No document tells the form in which these are told how much to think."""
    body, encoded = encode(model=model, reasoning=Reasoning(effort="high"))
    assert "additionalModelRequestFields" not in body
    assert [(warning.rule, warning.field) for warning in encoded.warnings] == [
        ("effort", "reasoning")
    ]


@pytest.mark.parametrize(
    "model",
    ["mistral.mistral-large-3-675b-instruct", "mistral.magistral-small-2509",
     "mistral.ministral-3-3b-instruct", "us.mistral.pixtral-large-2502-v1:0"],
)  # fmt: skip
def test_mistrals_newer_models_take_images(model: str) -> None:
    picture = ImagePart(data=b"\x89PNG\r\n\x1a\n", media_type="image/png")
    body, _ = encode(model=model, messages=[Message(role="user", content=[picture])])
    assert "image" in body["messages"][0]["content"][0]


@pytest.mark.parametrize(
    "model", ["global.openai.gpt-5.6-sol", "openai.gpt-6-luna", "xai.grok-4.3"]
)
def test_thinking_is_turned_off_by_a_word(model: str) -> None:
    body, _ = encode(model=model, reasoning=Reasoning(effort="none"))
    assert body["additionalModelRequestFields"] == {"reasoning": {"effort": "none"}}


NOT_TAKEN: list[tuple[dict[str, Any], str]] = [
    ({"seed": 1}, "seed"),
    ({"model": OPUS, "temperature": 0.5}, "temperature"),
    ({"parallel_tool_calls": False, "tools": [TOOL]}, "parallel_tool_calls"),
    ({"model": NOVA, "reasoning": Reasoning(effort="low")}, "reasoning"),
    ({"model": "openai.gpt-oss-20b-1:0", "reasoning": Reasoning(effort="none")},
     "reasoning.effort"),
    ({"reasoning": Reasoning(budget_tokens=2000), "temperature": 0.5}, "temperature"),
    ({"reasoning": Reasoning(budget_tokens=2000), "tools": [TOOL], "tool_choice": "required"},
     "tool_choice"),
    ({"model": "meta.llama3-1-70b-instruct-v1:0", "tools": [TOOL], "tool_choice": "required"},
     "tool_choice"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "field"), NOT_TAKEN)
def test_what_is_not_taken_is_refused_or_left_out(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(UnsupportedFeatureError) as caught:
        encode(**fields)
    assert caught.value.field == field
    body, encoded = encode(drop=True, **fields)
    assert rules(encoded) == ["unsupported_parameter"]
    assert "temperature" not in body.get("inferenceConfig", {})


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"temperature": 1.5}, "temperature"),
    ({"response_format": "json"}, "response_format"),
    ({"model": "amazon.titan-text-lite-v1", "tools": [TOOL]}, "tools"),
    ({"tools": [OpaqueTool(provider="openai", data={})]}, "tools[0]"),
    ({"messages": [Message(role="system", content="x")]}, "messages"),
    ({"messages": [user(ImagePart(url="https://x/y.png"))]}, "messages[0].content[0]"),
    ({"messages": [user(ImagePart(data=b"x", media_type="image/bmp"))]},
     "messages[0].content[0].media_type"),
    ({"model": "us.amazon.nova-micro-v1:0", "messages": [user(ImagePart(data=PNG))]},
     "messages[0].content[0]"),
    ({"messages": [Message(role="system", content=[ImagePart(data=PNG)]), HI]},
     "messages[0].content[0]"),
]  # fmt: skip


def test_the_user_begins_and_says_what_nobody_else_may() -> None:
    assistant = Message(role="assistant", content="x")
    body, encoded = encode(messages=[assistant, HI])
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert rules(encoded) == ["user_first"]
    system = Message(role="system", content="x")
    body, encoded = encode(model="amazon.titan-text-lite-v1", messages=[system, HI])
    assert body["messages"] == [{"role": "user", "content": [{"text": "x"}, {"text": "hi"}]}]
    assert "system" not in body
    assert rules(encoded) == ["system_as_user"]


@pytest.mark.parametrize(("fields", "field"), REFUSED)
def test_what_cannot_be_sent_names_field_and_remedy(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        encode(drop=True, **fields)
    assert caught.value.field == field
    assert caught.value.remedy


PARTS: list[tuple[Part, dict[str, Any]]] = [
    (ImagePart(data=PNG), {"image": {"format": "png", "source": {"bytes": PNG64}}}),
    (ImagePart(url=f"data:image/png;base64,{PNG64}"),
     {"image": {"format": "png", "source": {"bytes": PNG64}}}),
    (DocumentPart(data=b"%PDF-1", name="My_report (v2).final.pdf", context="c", citations=True),
     {"document": {"format": "pdf", "name": "My report (v2) final", "context": "c",
                   "source": {"bytes": "JVBERi0x"}, "citations": {"enabled": True}}}),
    (DocumentPart(data=b"a,b", media_type="text/csv", name="x.csv"),
     {"document": {"format": "csv", "name": "x", "source": {"bytes": "YSxi"}}}),
]  # fmt: skip


@pytest.mark.parametrize(("part", "wire"), PARTS)
def test_parts(part: Part, wire: dict[str, Any]) -> None:
    body, encoded = encode(messages=[user(TextPart(text="see"), part)])
    assert body["messages"][0]["content"] == [{"text": "see"}, wire]
    assert encoded.warnings == []


PLACES: list[tuple[Part, dict[str, Any]]] = [
    (ImagePart(file_id="s3://b/a.jpg"),
     {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://b/a.jpg"}}}}),
    (MediaPart(file_id="s3://b/a.mp4", media_type="video/mp4"),
     {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/a.mp4"}}}}),
    (MediaPart(data=b"ID3x"), {"audio": {"format": "mp3", "source": {"bytes": "SUQzeA=="}}}),
]  # fmt: skip


@pytest.mark.parametrize(("part", "wire"), PLACES)
def test_places_films_and_sounds(part: Part, wire: dict[str, Any]) -> None:
    body, _ = encode(model=NOVA, judged=False, messages=[user(TextPart(text="see"), part)])
    assert body["messages"][0]["content"][1] == wire


def test_documents_have_names_of_their_own_and_text_beside_them() -> None:
    pdf = DocumentPart(data=b"%PDF-1", name="a.pdf")
    body, encoded = encode(messages=[user(pdf, pdf)])
    first, second, text = body["messages"][0]["content"]
    assert (first["document"]["name"], second["document"]["name"]) == ("a", "a 2")
    assert text == {"text": "a, a 2"}
    assert rules(encoded) == ["document_alone"]


def test_turns_alternate_and_nothing_empty_is_sent() -> None:
    body, encoded = encode(messages=[
        Message(role="system", content="s"), HI, user(TextPart(text=" \n"), TextPart(text="b")),
        Message(role="assistant", content=" "), Message(role="system", content="t"), HI,
        Message(role="assistant", content="so \n"),
    ])  # fmt: skip
    assert body["system"] == [{"text": "s"}, {"text": "t"}]
    assert body["messages"] == [
        {"role": "user", "content": [{"text": "hi"}, {"text": "b"}, {"text": "hi"}]},
        {"role": "assistant", "content": [{"text": "so"}]},
    ]
    assert rules(encoded) == ["empty_message", "system_hoisted", "trailing_space"]


CALL = ToolCall(id="tooluse_1", name="f", arguments='{"x": 1.0}')
OTHER = ToolCall(id="call|2", name="f", arguments="")


def turn(*calls: ToolCall, **fields: Any) -> Message:
    return Message(role="assistant", tool_calls=list(calls), **fields)


def result(call: ToolCall, content: Any = "ok", **fields: Any) -> Message:
    return Message(role="tool", tool_call_id=call.id, content=content, **fields)


def test_results_come_first_in_the_next_turn_under_legal_ids() -> None:
    body, _ = encode(
        tools=[TOOL],
        messages=[
            HI,
            turn(CALL, OTHER),
            result(CALL, "18"),
            result(OTHER, "no", is_error=True),
            HI,
        ],
    )
    _, asked, answered = body["messages"]
    ids = [block["toolUse"]["toolUseId"] for block in asked["content"]]
    assert ids[0] == "tooluse_1"
    assert ids[1] != "call|2"
    first, second, text = answered["content"]
    assert first == {"toolResult": {"toolUseId": ids[0], "content": [{"text": "18"}]}}
    assert second["toolResult"] == {
        "toolUseId": ids[1], "content": [{"text": "no"}], "status": "error"
    }  # fmt: skip
    assert text == {"text": "hi"}


def test_mistral_s_ids_are_nine_characters_and_stay_apart() -> None:
    calls = [ToolCall(id=f"tooluse_{number}", name="f") for number in range(40)]
    body, _ = encode(
        model=MISTRAL, tools=[TOOL], judged=False,
        messages=[HI, turn(*calls), *(result(call) for call in calls)],
    )  # fmt: skip
    asked = [block["toolUse"]["toolUseId"] for block in body["messages"][1]["content"]]
    answered = [block["toolResult"]["toolUseId"] for block in body["messages"][2]["content"]]
    assert asked == answered
    assert len(set(asked)) == 40
    assert {len(id_) for id_ in asked} == {9}


RESULTS: list[tuple[Any, list[dict[str, Any]]]] = [
    ("", [{"text": "(no output)"}]),
    ([TextPart(text="a"), ImagePart(data=PNG)],
     [{"text": "a"}, {"image": {"format": "png", "source": {"bytes": PNG64}}}]),
    ([TextPart(text="a", cache=MARK)], [{"text": "a"}]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "wire"), RESULTS)
def test_results(content: Any, wire: list[dict[str, Any]]) -> None:
    body, _ = encode(tools=[TOOL], messages=[HI, turn(CALL), result(CALL, content)])
    assert body["messages"][2]["content"][0]["toolResult"]["content"] == wire


def test_writer_is_not_told_that_a_call_failed_by_a_field() -> None:
    body, _ = encode(model="us.writer.palmyra-x5-v1:0", tools=[TOOL], judged=False,
                     messages=[HI, turn(CALL), result(CALL, "no", is_error=True)])  # fmt: skip
    assert "status" not in body["messages"][2]["content"][0]["toolResult"]


def test_a_history_with_calls_declares_its_tools() -> None:
    history = [HI, turn(CALL), result(CALL)]
    body, encoded = encode(messages=history)
    assert [t["toolSpec"]["name"] for t in body["toolConfig"]["tools"]] == ["f"]
    assert rules(encoded) == ["tools_of_history"]
    body, encoded = encode(messages=history, tools=[TOOL], tool_choice="none")
    assert "toolChoice" not in body["toolConfig"]
    assert rules(encoded) == ["tool_choice"]
    body, encoded = encode(tools=[TOOL], tool_choice="none")
    assert "toolConfig" not in body
    assert encoded.warnings == []


CHOICES: list[tuple[Any, dict[str, Any] | None]] = [
    (None, None),
    ("auto", {"auto": {}}),
    ("required", {"any": {}}),
    (ToolChoice(name="f"), {"tool": {"name": "f"}}),
]


@pytest.mark.parametrize(("choice", "wire"), CHOICES)
def test_tools_and_their_choice(choice: Any, wire: dict[str, Any] | None) -> None:
    system = OpaqueTool(provider="bedrock", data={"systemTool": {"name": "nova_code_interpreter"}})
    body, _ = encode(model=NOVA, tools=[TOOL, system], tool_choice=choice, judged=False)
    spec, other = body["toolConfig"]["tools"]
    assert spec["toolSpec"]["inputSchema"] == {
        "json": {"type": "object", "properties": {"x": {"type": "integer"}}}
    }
    assert other == system.data
    assert body["toolConfig"].get("toolChoice") == wire


def test_a_schema_is_a_text_on_this_wire() -> None:
    schema = JsonSchema(schema={"type": "object", "properties": {}}, name="n", description="d")
    form = encode(response_format=schema)[0]["outputConfig"]["textFormat"]
    told = form["structure"]["jsonSchema"]
    closed = {**schema.schema, "additionalProperties": False}
    assert msgspec.json.decode(told["schema"]) == closed
    assert (told["name"], told["description"]) == ("n", "d")
    with pytest.raises(UnsupportedFeatureError, match="neither a schema"):
        encode(model="amazon.titan-text-express-v1", response_format=schema)


def test_thinking_goes_back_unaltered_or_not_at_all() -> None:
    parts: list[Part] = [
        ThinkingPart(text="t", signature="s", provider="bedrock"),
        ThinkingPart(redacted="aGk=", provider="bedrock"),
        ThinkingPart(text="cut", provider="bedrock"),
        ThinkingPart(text="t", signature="s", provider="anthropic"),
        OpaquePart(provider="bedrock", kind="x", data={"text": "raw"}),
        OpaquePart(provider="openai", kind="o", data={}),
        TextPart(text="so"),
    ]
    body, encoded = encode(messages=[HI, Message(role="assistant", content=parts), HI])
    assert body["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "aGk="}},
        {"text": "raw"},
        {"text": "so"},
    ]
    assert rules(encoded) == ["unsigned_thinking", "foreign_thinking", "foreign_part"]


def test_citations_go_back_to_their_maker() -> None:
    cited = TextPart(text="a", citations=[{"title": "t"}], provider="bedrock")
    body, _ = encode(messages=[HI, Message(role="assistant", content=[cited]), HI])
    assert body["messages"][1]["content"] == [
        {"citationsContent": {"content": [{"text": "a"}], "citations": [{"title": "t"}]}}
    ]


def test_cache_points_stand_behind_what_they_mark() -> None:
    tool = msgspec.structs.replace(TOOL, cache=MARK)
    body, _ = encode(
        tools=[tool],
        messages=[
            Message(role="system", content="s", cache=CacheControl(ttl="1h")),
            user(TextPart(text="a", cache=MARK), TextPart(text="b")),
        ],
        cache=MARK,
    )
    assert body["system"] == [{"text": "s"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert body["toolConfig"]["tools"][1] == POINT
    assert body["messages"][0]["content"] == [{"text": "a"}, POINT, {"text": "b"}, POINT]
    body, encoded = encode(model="meta.llama3-3-70b-instruct-v1:0", cache=MARK,
                           messages=[user(TextPart(text="a", cache=MARK))])  # fmt: skip
    assert body["messages"][0]["content"] == [{"text": "a"}]
    assert rules(encoded) == ["cache_marks"]


def test_no_two_cache_points_in_a_row() -> None:
    message = Message(role="user", content=[TextPart(text="a", cache=MARK)], cache=MARK)
    body, _ = encode(messages=[message], cache=MARK)
    assert body["messages"][0]["content"] == [{"text": "a"}, POINT]


NAMES = [
    ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5-20250929"),
    ("anthropic.claude-opus-4-7", "anthropic.claude-opus-4-7"),
    ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0", "amazon.nova-pro"),
    ("arn:aws:bedrock:us-east-1:1:inference-profile/us-gov.meta.llama3-1-70b-instruct-v1:0",
     "meta.llama3-1-70b-instruct"),
    ("anthropic.claude-3-sonnet-20240229-v1:0:200k", "anthropic.claude-3-sonnet-20240229"),
    ("openai.gpt-oss-120b-1:0", "openai.gpt-oss-120b-1"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "name"), NAMES)
def test_bare_names(model: str, name: str) -> None:
    assert bare_name(model) == name


def test_a_profile_of_somebody_s_own_may_be_anything() -> None:
    family = family_of("arn:aws:bedrock:us-east-1:123:application-inference-profile/abc123")
    assert family.claude is None
    assert family.tools
    assert family.images


def test_counting_takes_what_costs_tokens() -> None:
    _, encoded = encode(messages=[Message(role="system", content="s"), HI], tools=[TOOL],
                        max_tokens=5, metadata={"a": "b"})  # fmt: skip
    counted = msgspec.json.decode(count_body(encoded.body, SONNET))["input"]["converse"]
    assert set(counted) == {"messages", "system", "toolConfig"}


def test_half_characters_and_large_arguments() -> None:
    big = ToolCall(id="c", name="f", arguments=msgspec.json.encode({"a": "x" * 5_000_000}).decode())
    body, encoded = encode(
        tools=[TOOL], messages=[user(TextPart(text="a\ud83d")), turn(big), result(big)]
    )
    assert body["messages"][0]["content"] == [{"text": "a\ufffd"}]
    assert len(body["messages"][1]["content"][0]["toolUse"]["input"]["a"]) == 5_000_000
    assert rules(encoded) == ["lone_surrogates"]


def test_cache_points_are_four_at_most_and_the_last_count() -> None:
    tool = msgspec.structs.replace(TOOL, cache=MARK)
    parts = [TextPart(text=name, cache=MARK) for name in "abcde"]
    body, encoded = encode(messages=[user(*parts)], tools=[tool], cache=MARK)
    content = body["messages"][0]["content"]
    assert [block.get("text") for block in content] == ["a", "b", "c", None, "d", None, "e", None]
    assert rules(encoded) == ["cache_marks"]


def test_marks_on_and_in_results_stand_behind_all_of_them() -> None:
    second = ToolCall(id="tooluse_2", name="f")
    body, _ = encode(
        tools=[TOOL],
        messages=[
            HI, turn(CALL, second), result(CALL, [TextPart(text="x", cache=MARK)]),
            result(second, cache=MARK),
        ],
    )  # fmt: skip
    kinds = [next(iter(block)) for block in body["messages"][2]["content"]]
    assert kinds == ["toolResult", "toolResult", "cachePoint"]


def test_a_marked_prefill_is_trimmed() -> None:
    body, _ = encode(messages=[HI, Message(role="assistant", content="a ", cache=MARK)])
    assert body["messages"][1]["content"] == [{"text": "a"}, POINT]


def test_what_is_added_is_merged_to_its_depth() -> None:
    body, _ = encode(
        reasoning=Reasoning(budget_tokens=2000), tools=[TOOL], judged=False,
        extra={"additionalModelRequestFields": {"thinking": {"display": "omitted"},
                                                "anthropic_beta": ["other"]}},
    )  # fmt: skip
    fields = body["additionalModelRequestFields"]
    assert fields["thinking"] == {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}
    assert fields["anthropic_beta"] == ["interleaved-thinking-2025-05-14", "other"]


def test_a_result_holds_no_sound() -> None:
    sound = MediaPart(data=b"ID3x")
    with pytest.raises(UnsupportedFeatureError) as caught:
        encode(model=NOVA, tools=[TOOL], messages=[HI, turn(CALL), result(CALL, [sound])])
    assert caught.value.field == "messages[2].content[0]"


def test_the_service_s_tools_of_a_history_are_declared_as_such() -> None:
    call = {
        "toolUseId": "s",
        "name": "nova_code_interpreter",
        "input": {},
        "type": "server_tool_use",
    }
    part = OpaquePart(provider="bedrock", kind="toolUse", data={"toolUse": call})
    body, _ = encode(model="us.amazon.nova-2-lite-v1:0", judged=False,
                     messages=[HI, Message(role="assistant", content=[part]), HI])  # fmt: skip
    assert body["toolConfig"]["tools"] == [{"systemTool": {"name": "nova_code_interpreter"}}]


def test_ids_that_were_made_are_nobody_else_s() -> None:
    made = encode(tools=[TOOL], messages=[HI, turn(OTHER), result(OTHER)])[0]
    taken = ToolCall(id=made["messages"][1]["content"][0]["toolUse"]["toolUseId"], name="f")
    body, _ = encode(tools=[TOOL], messages=[HI, turn(OTHER, taken), result(OTHER), result(taken)])
    ids = [block["toolUse"]["toolUseId"] for block in body["messages"][1]["content"]]
    assert len(set(ids)) == 2
    assert ids[1] == taken.id


def test_a_document_s_name_loses_its_ending_only() -> None:
    document = DocumentPart(data=b"%PDF-1", name="Report v1.2 final")
    body, _ = encode(messages=[user(TextPart(text="a"), document)])
    assert body["messages"][0]["content"][1]["document"]["name"] == "Report v1 2 final"


def test_nova_thinks_as_much_as_it_likes_unless_told() -> None:
    body, _ = encode(model="us.amazon.nova-2-lite-v1:0", reasoning=Reasoning())
    assert body["additionalModelRequestFields"] == {
        "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}
    }
