"""Each rule by an example; tests/normalise/test_properties.py has what holds of all."""

from typing import Any

import msgspec
import pytest

from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.bedrock_converse.codec import codec as converse
from aisopod.codecs.codec import Codec, Encoded
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.codecs.ollama_chat.codec import codec as ollama
from aisopod.codecs.openai_chat.codec import codec as openai
from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.normalise.arguments import repaired
from aisopod.normalise.target import NormaliseConfig, Target
from aisopod.normalise.validate import validate
from aisopod.providers.compatible.hosts import HOSTS
from aisopod.types import (
    ChatCompletionRequest,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCall,
    ToolChoice,
)

SONNET = "claude-sonnet-4-5"
HI = Message(role="user", content="hi")
PNG = b"\x89PNG\r\n\x1a\nrest"


def call(id_: str, name: str = "f", **fields: Any) -> ToolCall:
    return ToolCall(id=id_, name=name, **fields)


def assistant(*calls: ToolCall, content: str | list[Part] = "", **fields: Any) -> Message:
    return Message(role="assistant", content=content, tool_calls=list(calls), **fields)


def result(id_: str, content: str = "done", **fields: Any) -> Message:
    return Message(role="tool", tool_call_id=id_, content=content, **fields)


def encode(
    *messages: Message,
    codec: Codec = anthropic,
    model: str = SONNET,
    quirks: Any = None,
    tools: list[Tool] | None = None,
    **config: Any,
) -> tuple[dict[str, Any], Encoded]:
    target = Target(provider="p", model=model, quirks=quirks, normalise=NormaliseConfig(**config))
    request = ChatCompletionRequest(model=model, messages=list(messages), tools=tools or [])  # type: ignore[arg-type]
    encoded = codec.encode(validate(request), target)
    return msgspec.json.decode(encoded.body), encoded


def told(encoded: Encoded) -> list[tuple[str, int | None, str]]:
    return [(each.rule, each.message_index, each.action) for each in encoded.warnings]


def test_results_follow_their_calls_in_the_calls_order() -> None:
    body, encoded = encode(HI, assistant(call("a"), call("b")), HI, result("b"), result("a"))
    user = body["messages"][2]["content"]
    assert [block.get("tool_use_id", block["type"]) for block in user] == ["a", "b", "text"]
    assert encoded.warnings == []


def test_a_call_without_a_result_gets_one_that_says_so() -> None:
    body, encoded = encode(HI, assistant(call("a"), call("b")), result("b"))
    assert body["messages"][2]["content"][0] == {
        "type": "tool_result", "tool_use_id": "a", "content": "(no result)", "is_error": True,
    }  # fmt: skip
    assert told(encoded) == [("missing_result", 1, "added")]


LOST = [
    ("no call", [HI, result("a")], 1),
    ("before its call", [HI, result("a"), assistant(call("a")), result("a")], 1),
    ("twice", [HI, assistant(call("a")), result("a"), result("a", "again")], 3),
    ("late", [HI, assistant(call("a")), result("a"), assistant(content="x"), result("a")], 4),
]


@pytest.mark.parametrize(("_", "messages", "place"), LOST, ids=[lost[0] for lost in LOST])
def test_a_result_without_its_call_is_text_or_refused(
    _: str, messages: list[Message], place: int
) -> None:
    body, encoded = encode(*messages)
    assert told(encoded) == [("orphan_result", place, "changed")]
    assert "Result of a tool call (a):" in str(body["messages"])
    with pytest.raises(InvalidRequestError) as caught:
        encode(*messages, on_orphan_result="error")
    assert caught.value.field == f"messages[{place}].tool_call_id"
    assert caught.value.remedy


def test_ids_that_come_in_every_turn_are_told_apart() -> None:
    body, _ = encode(HI, assistant(call("call_0")), result("call_0", "one"),
                     assistant(call("call_0")), result("call_0", "two"))  # fmt: skip
    first, second = (body["messages"][i]["content"][0]["id"] for i in (1, 3))
    assert first == "call_0"
    assert first != second
    assert body["messages"][4]["content"][0] == {
        "type": "tool_result", "tool_use_id": second, "content": "two",
    }  # fmt: skip


def test_names_that_the_wire_does_not_take_are_fitted_everywhere() -> None:
    target = Target(provider="p", model=SONNET)
    request = ChatCompletionRequest(
        model=SONNET,
        messages=[HI, assistant(call("a", "files.read")), result("a", name="files.read")],
        tools=[Tool(name="files.read"), Tool(name="fine")],
        tool_choice=ToolChoice(name="files.read"),
    )
    encoded = anthropic.encode(validate(request), target)
    body = msgspec.json.decode(encoded.body)
    [made] = encoded.tool_names
    assert encoded.tool_names == {made: "files.read"}
    assert [tool["name"] for tool in body["tools"]] == [made, "fine"]
    assert body["messages"][1]["content"][0]["name"] == made
    assert body["tool_choice"] == {"type": "tool", "name": made}


BROKEN = [
    ('{"a": 1', '{"a": 1}'),
    ('{"a": "', '{"a": ""}'),
    ('{"a": "x, y', '{"a": "x, y"}'),
    ('{"a": "x\\', '{"a": "x"}'),
    ('{"a": "x\\\\', '{"a": "x\\\\"}'),
    ('{"a": "x\\u00e', '{"a": "x"}'),
    ('{"a": "x\\ud83d\\ude', '{"a": "x"}'),
    ('```json\n{"a": 1,}\n```', '{"a": 1}'),
    ('```json\n{"a": 1\n```', '{"a": 1}'),
    ('{"a": [1, {"b": "c', '{"a": [1, {"b": "c"}]}'),
    ('{"a": 1, "b":', '{"a": 1}'),
    ('{"a": 1,', '{"a": 1}'),
    ('{"a": tru', "{}"),
    ('{"a":1}{"a":1}', '{"a":1}'),
    ('{"path":"a.txt"} done', '{"path":"a.txt"}'),
    ('{"a":1}}', '{"a":1}'),
    ('{"a":1,"b":2} // c', '{"a":1,"b":2}'),
    ('{"a":"x\r\n\ty\x00"}', '{"a":"x\\r\\n\\ty\\u0000"}'),
    ("{'city': 'Bonn'}", None),
    ("{'city': 'Bonn', 'at", None),
    ('{"a": True, "b": 1', None),
    ('{"a": 1 "b": 2', None),
    ("{a: 1}", None),
    ('{"a": "\\d"}', None),
    ('{"a": NaN}', None),
    ('[{"a": 1}, {"a": 2}]', None),
    ('"{\\"a\\": 1}"', None),
    ("no JSON", None),
]


@pytest.mark.parametrize(("text", "wanted"), BROKEN)
def test_arguments_are_repaired_when_that_is_asked(text: str, wanted: str | None) -> None:
    plain, _ = encode(HI, assistant(call("a", arguments=text)), result("a"))
    block = plain["messages"][1]["content"][0]
    assert block["input"] == {"__invalid_arguments__": text}
    fixed, encoded = encode(HI, assistant(call("a", arguments=text)), result("a"), repair_json=True)
    if wanted is None:
        assert repaired(text) is None
        assert fixed == plain
        assert told(encoded)[0] == ("unrepaired_arguments", 1, "changed")
    else:
        assert fixed["messages"][1]["content"][0]["input"] == msgspec.json.decode(wanted)
        assert told(encoded) == [("repaired_arguments", 1, "changed")]


def test_what_was_left_out_of_arguments_is_told() -> None:
    def how(text: str) -> str:
        found = repaired(text)
        assert found is not None
        return found.how

    assert how('{"a": "x') == "closed where they were cut"
    assert how('{"a": tru') == "closed before the member that was cut"
    assert "left out" in how('{"a": 1} {"b": 2}')
    assert "left out" in how('So: {"a": 1}')
    assert "left out" not in how('```json\n{"a": "x\ny"}\n```')


def thought(**fields: Any) -> Message:
    part = ThinkingPart(text="hm", signature="s", provider="p")
    part = msgspec.structs.replace(part, **fields)
    return assistant(content=[part, TextPart(text="so")], model=SONNET)


def test_thinking_goes_back_to_its_maker_unaltered() -> None:
    body, encoded = encode(HI, thought(), HI)
    assert body["messages"][1]["content"][0] == {
        "type": "thinking", "thinking": "hm", "signature": "s",
    }  # fmt: skip
    assert encoded.warnings == []


@pytest.mark.parametrize(
    ("message", "model"),
    [(thought(provider="q"), SONNET), (thought(), "claude-opus-4-5")],
    ids=["another provider", "another family"],
)
def test_foreign_thinking_is_left_out_or_marked_text(message: Message, model: str) -> None:
    body, encoded = encode(HI, message, HI, model=model)
    assert body["messages"][1]["content"] == [{"type": "text", "text": "so"}]
    assert told(encoded) == [("foreign_thinking", 1, "left_out")]
    assert encoded.warnings[0].part_index == 0
    body, encoded = encode(HI, message, HI, model=model, foreign_thinking="text")
    assert body["messages"][1]["content"][0]["text"] == "<thinking>\nhm\n</thinking>"
    assert told(encoded) == [("foreign_thinking", 1, "changed")]


def test_a_dated_name_is_of_the_same_family() -> None:
    _, encoded = encode(HI, thought(), HI, model="claude-sonnet-4-5-20250929")
    assert encoded.warnings == []


def test_a_signature_of_another_generation_stays_at_home() -> None:
    signed = call("a", provider="p", fields={"id": "a", "thoughtSignature": "s"})
    old = assistant(signed, model="gemini-2.5-pro")
    body, _ = encode(HI, old, result("a"), codec=gemini, model="gemini-3-pro")
    [part] = body["contents"][1]["parts"]
    assert part["thoughtSignature"] == "skip_thought_signature_validator"
    assert part["functionCall"]["id"] == "a"
    body, _ = encode(HI, old, result("a"), codec=gemini, model="gemini-2.5-flash")
    assert body["contents"][1]["parts"][0]["thoughtSignature"] == "s"


def test_a_late_system_message_is_hoisted_or_stays_as_text() -> None:
    messages = [HI, assistant(content="x"), Message(role="system", content="s"), HI]
    body, encoded = encode(*messages)
    assert body["system"] == [{"type": "text", "text": "s"}]
    assert told(encoded) == [("system_hoisted", 2, "moved")]
    body, encoded = encode(*messages, late_system="user")
    assert "system" not in body
    assert body["messages"][2]["content"][0]["text"] == "<system>\ns\n</system>"
    assert told(encoded) == [("system_as_user", 2, "changed")]


def late(text: str) -> Message:
    return Message(role="system", content=text)


LATE_TAKEN = ["claude-opus-4-8", "claude-opus-5", "claude-fable-5-1", "claude-haiku-5-5-20260901"]


@pytest.mark.parametrize("model", LATE_TAKEN)
def test_a_late_system_message_stays_among_the_turns(model: str) -> None:
    messages = [late("a"), HI, late("s"), assistant(content="x"), HI, late("t"), late("u")]
    body, encoded = encode(*messages, model=model)
    assert body["system"] == [{"type": "text", "text": "a"}]
    assert [(each["role"], len(each["content"])) for each in body["messages"]] == [
        ("user", 1), ("system", 1), ("assistant", 1), ("user", 1), ("system", 2),
    ]  # fmt: skip
    assert encoded.warnings == []


def test_a_late_system_message_goes_behind_what_the_user_says_next() -> None:
    messages = [HI, assistant(content="x"), late("s"), HI, assistant(call("a")), late("t"),
                result("a"), late("u"), HI]  # fmt: skip
    body, encoded = encode(*messages, model="claude-opus-5")
    assert [each["role"] for each in body["messages"]] == [
        "user", "assistant", "user", "system", "assistant", "user", "system",
    ]  # fmt: skip
    assert [block["type"] for block in body["messages"][5]["content"]] == ["tool_result", "text"]
    assert [block["text"] for block in body["messages"][6]["content"]] == ["t", "u"]
    assert told(encoded) == [("system_moved", index, "moved") for index in (2, 5, 7)]


def test_what_shows_nothing_is_gone_before_system_messages_find_their_place() -> None:
    nothing = Message(role="user", content=" ")
    messages = [HI, assistant(content="x"), nothing, late("s"), assistant(content="y"), HI]
    body, _ = encode(*messages, model="claude-opus-5")
    roles = [each["role"] for each in body["messages"]]
    assert roles == ["user", "assistant", "assistant", "user", "system"]


def test_an_instruction_is_no_turn() -> None:
    with pytest.raises(UnsupportedFeatureError, match="does not continue"):
        encode(HI, assistant(content="x"), late("s"), model="claude-opus-5")
    with pytest.raises(InvalidRequestError, match="nothing to answer"):
        encode(late("s"), model="claude-opus-5")


def test_where_thinking_is_bound_nothing_moves_to_the_top() -> None:
    messages = [HI, assistant(content="x"), late("s"), HI]
    body, encoded = encode(*messages, codec=converse, model="anthropic.claude-opus-5-5-v1:0")
    assert "system" not in body
    assert body["messages"][2]["content"][0]["text"] == "<system>\ns\n</system>"
    assert told(encoded) == [("system_as_user", 2, "changed")]
    body, encoded = encode(*messages, codec=converse, model="anthropic.claude-opus-5-v1:0")
    assert told(encoded) == [("system_hoisted", 2, "moved")]


@pytest.mark.parametrize("codec", [anthropic, converse])
def test_a_prefill_is_refused_where_the_model_continues_nothing(codec: Codec) -> None:
    prefix = "anthropic." if codec is converse else ""
    with pytest.raises(UnsupportedFeatureError) as caught:
        encode(HI, assistant(content="{"), codec=codec, model=f"{prefix}claude-opus-4-6")
    assert caught.value.field == "messages[1]"
    assert "user message" in caught.value.remedy
    body, _ = encode(HI, assistant(content="{ "), codec=codec, model=f"{prefix}{SONNET}")
    assert body["messages"][1]["content"][0]["text"] == "{"


def test_a_paused_turn_goes_back_unless_it_ends_in_text() -> None:
    block = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    paused = OpaquePart(provider="p", kind="server_tool_use", data=block)
    body, _ = encode(HI, assistant(content=[paused]), model="claude-opus-5")
    assert body["messages"][1]["content"] == [block]
    ended = assistant(content=[paused, TextPart(text="so ")])
    with pytest.raises(UnsupportedFeatureError, match="does not continue"):
        encode(HI, ended, model="claude-opus-5")
    body, _ = encode(HI, ended)
    assert body["messages"][1]["content"][1]["text"] == "so"


def test_a_refusal_is_told_in_words() -> None:
    body, encoded = encode(HI, assistant(content="Well.", refusal="No."), HI)
    assert [block["text"] for block in body["messages"][1]["content"]] == ["Well.", "\nNo."]
    assert told(encoded) == [("refusal_as_text", 1, "changed")]


def test_an_image_of_the_assistant_s_goes_to_the_user_behind_the_results() -> None:
    message = assistant(call("a"), content=[TextPart(text="see"), ImagePart(data=PNG)])
    body, encoded = encode(HI, message, result("a"), HI, codec=openai, model="gpt-4o",
                           quirks=HOSTS["groq"].quirks)  # fmt: skip
    assert [each["role"] for each in body["messages"]] == [
        "user",
        "assistant",
        "tool",
        "user",
        "user",
    ]
    assert body["messages"][3]["content"][0]["text"] == "From the assistant's answer:"
    assert told(encoded) == [("assistant_media", 1, "moved")]
    assert encoded.warnings[0].part_index == 1


@pytest.mark.parametrize("codec", [openai, ollama])
def test_a_failed_result_that_was_an_image_says_so_and_where_it_is(codec: Codec) -> None:
    picture = Message(role="tool", tool_call_id="a", content=[ImagePart(data=PNG)], is_error=True)
    body, encoded = encode(HI, assistant(call("a")), picture, codec=codec, model="gpt-4o")
    if codec is openai:
        assert body["messages"][2]["content"] == "Error: See the next user message."
        assert body["messages"][3]["role"] == "user"
        assert [(each.rule, each.part_index) for each in encoded.warnings] == [("tool_media", 0)]
    else:
        assert body["messages"][2]["content"] == "Error: "
        assert len(body["messages"][2]["images"]) == 1


PARTS: list[Part] = [
    TextPart(text="What is this?"),
    TextPart(text="Answer\n"),
    TextPart(text="now."),
]
LINES = "What is this?\nAnswer\nnow."


def test_texts_of_one_message_stay_apart_where_a_wire_holds_one_text() -> None:
    cited: list[Part] = [
        TextPart(text="It is 18", provider="q", citations=[{}]),
        TextPart(text="°."),
    ]
    messages = [
        Message(role="system", content=PARTS),
        Message(role="user", content=PARTS),
        assistant(call("a"), content=cited),
        Message(role="tool", tool_call_id="a", content=PARTS),
        assistant(content=[TextPart(text="one"), TextPart(text="two")], refusal="No."),
        HI,
    ]
    body, _ = encode(*messages, codec=ollama, model="qwen3")
    said = [each["content"] for each in body["messages"]]
    assert said == [LINES, LINES, "It is 18°.", LINES, "onetwo\nNo.", "hi"]
    body, _ = encode(*messages, codec=openai, model="gpt-4o", quirks=HOSTS["groq"].quirks)
    said = [each["content"] for each in body["messages"]]
    assert said[2:] == ["It is 18°.", LINES, "onetwo\nNo.", "hi"]
    body, _ = encode(*messages, codec=gemini, model="gemini-2.5-flash",
                     tools=[Tool(name="f", parameters={})])  # fmt: skip
    [given] = body["contents"][2]["parts"]
    assert given["functionResponse"]["response"] == {"output": LINES}


def test_a_marked_system_message_keeps_its_texts_apart() -> None:
    messages = [HI, assistant(content="x"), Message(role="system", content=PARTS), HI]
    body, _ = encode(*messages, late_system="user")
    assert body["messages"][2]["content"][0]["text"] == f"<system>\n{LINES}\n</system>"


def test_a_warning_says_rule_place_and_what_happened_in_one_line() -> None:
    _, encoded = encode(HI, thought(provider="q"), HI)
    assert str(encoded.warnings[0]).startswith("foreign_thinking: messages[1].content[0]: ")


def test_the_provider_s_own_remark_about_a_refusal_does_not_become_the_model_s_words() -> None:
    body, _ = encode(HI, assistant(content="Well.", refusal="Blocked.", provider="p"), HI)
    assert [block["text"] for block in body["messages"][1]["content"]] == ["Well."]
    body, _ = encode(HI, assistant(refusal="No.", provider="q"), HI)
    assert body["messages"][1]["content"] == [{"type": "text", "text": "No."}]


def test_a_result_answers_the_last_call_of_its_id() -> None:
    target = Target(provider="p", model="llama3")
    request = ChatCompletionRequest(
        model="llama3",
        messages=[HI, assistant(call("c")), HI, assistant(call("c")), result("c")],
    )
    body = msgspec.json.decode(ollama.encode(validate(request), target).body)
    first, second = (body["messages"][i]["tool_calls"][0]["id"] for i in (1, 3))
    assert first != second
    assert body["messages"][4]["tool_call_id"] == second
