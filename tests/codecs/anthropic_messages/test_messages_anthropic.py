"""Conversations on the Messages wire, rule by rule."""

import base64
from typing import Any

import msgspec
import pytest

from aisopod.codecs.anthropic_messages.codec import codec
from aisopod.codecs.codec import Encoded
from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.types import (
    CacheControl,
    ChatCompletionRequest,
    DocumentPart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
)

TARGET = Target(provider="anthropic", model="claude-sonnet-4-5")
PNG = b"\x89PNG\r\n\x1a\nrest"
PNG64 = base64.b64encode(PNG).decode()
PDF = b"%PDF-1.7"
PDF64 = base64.b64encode(PDF).decode()
HI = Message(role="user", content="hi")
MARK = CacheControl()
EPHEMERAL = {"type": "ephemeral"}


def encoded(*messages: Message) -> Encoded:
    request = ChatCompletionRequest(model=TARGET.model, messages=list(messages))
    return codec.encode(validate(request), TARGET)


def body(*messages: Message) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(encoded(*messages).body)
    return decoded


def turns(*messages: Message) -> list[Any]:
    return [[turn["role"], turn["content"]] for turn in body(*messages)["messages"]]


def rules(*messages: Message) -> list[tuple[str, int | None]]:
    return [(warning.rule, warning.message_index) for warning in encoded(*messages).warnings]


def text(text_: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": text_, **fields}


def result(id_: str, **fields: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id_, **fields}


def use(id_: str, input_: Any = None, **fields: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id_, "name": "look", "input": input_ or {}, **fields}


def call(id_: str, arguments: str = "{}", **fields: Any) -> ToolCall:
    return ToolCall(id=id_, name="look", arguments=arguments, **fields)


def said(*parts: Part, calls: tuple[ToolCall, ...] = (), **fields: Any) -> Message:
    return Message(role="assistant", content=list(parts), tool_calls=list(calls), **fields)


def answer(id_: str, content: Any = "ok", **fields: Any) -> Message:
    return Message(role="tool", tool_call_id=id_, content=content, **fields)


# --- system ----------------------------------------------------------------------------------


def test_system_messages_go_to_the_top_in_order() -> None:
    system = [Message(role="system", content="one"), Message(role="system", content="two")]
    made = body(*system, HI)
    assert made["system"] == [text("one"), text("two")]
    assert len(made["messages"]) == 1
    assert rules(*system, HI) == []


def test_a_system_message_in_mid_conversation_is_hoisted_with_a_warning() -> None:
    late = Message(role="system", content="late")
    assert body(HI, late, HI)["system"] == [text("late")]
    assert rules(HI, late, HI) == [("system_hoisted", 1)]


def test_a_system_message_keeps_its_cache_marks() -> None:
    parts: list[Part] = [TextPart(text="one", cache=CacheControl(ttl="1h")), TextPart(text="two")]
    system = Message(role="system", content=parts, cache=MARK)
    assert body(system, HI)["system"] == [
        text("one", cache_control={"type": "ephemeral", "ttl": "1h"}),
        text("two", cache_control=EPHEMERAL),
    ]


def test_a_picture_in_a_system_message_is_refused() -> None:
    with pytest.raises(UnsupportedFeatureError) as caught:
        encoded(Message(role="system", content=[ImagePart(data=PNG)]), HI)
    assert caught.value.field == "messages[0].content[0]"
    assert caught.value.remedy


@pytest.mark.parametrize(
    "messages",
    [[Message(role="system", content="one")], [Message(role="user", content=" ")]],
)
def test_nothing_to_answer_is_invalid(messages: list[Message]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        encoded(*messages)
    assert caught.value.field == "messages"


# --- tools -----------------------------------------------------------------------------------


def test_results_of_one_turn_are_one_user_turn_before_what_the_user_says() -> None:
    conversation = [
        HI,
        said(TextPart(text="let me"), calls=(call("a", '{"q": 1.0}'), call("b"))),
        answer("a"),
        answer("b", is_error=True),
        Message(role="user", content="quick"),
    ]
    assert turns(*conversation) == [
        ["user", [text("hi")]],
        ["assistant", [text("let me"), use("a", {"q": 1.0}), use("b")]],
        [
            "user",
            [
                result("a", content="ok"),
                result("b", content="ok", is_error=True),
                text("quick"),
            ],
        ],
    ]
    # However a host put them together, the wire's order holds.
    swapped = [*conversation[:2], conversation[4], *conversation[2:4]]
    assert turns(*swapped) == turns(*conversation)


def test_a_call_stands_where_it_stood() -> None:
    parts = (TextPart(text="one"), TextPart(text="two"))
    calls = (call("a", position=0), call("b", position=1), call("c"))
    [_, [_, content], _] = turns(HI, said(*parts, calls=calls), answer("a"))
    assert content == [use("a"), text("one"), use("b"), text("two"), use("c")]


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        ("", {"content": ""}),
        ([], {}),
        ([TextPart(text=" ")], {}),
        ([TextPart(text="x")], {"content": [text("x")]}),
        (
            [ImagePart(url="https://x/y.png")],
            {"content": [{"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}]},
        ),
    ],
)
def test_contents_of_results(content: Any, wire: dict[str, Any]) -> None:
    [_, _, [_, [block]]] = turns(HI, said(calls=(call("a"),)), answer("a", content))
    assert block == result("a", **wire)


@pytest.mark.parametrize(
    ("arguments", "wire"),
    [
        ('{"b":1,  "a":[1.50]}', '{"b":1,  "a":[1.50]}'),
        ("", "{}"),
        ("  ", "{}"),
        ('{"cut', '{"__invalid_arguments__":"{\\"cut"}'),
        ("[1]", '{"__invalid_arguments__":"[1]"}'),
    ],
)
def test_arguments_go_out_as_they_came(arguments: str, wire: str) -> None:
    made = encoded(HI, said(calls=(call("a", arguments),)), answer("a"))
    assert f'"input":{wire}' in made.body.decode()
    invalid = ["invalid_arguments"] if "invalid" in wire else []
    assert [warning.rule for warning in made.warnings] == invalid


def test_fields_of_a_call_go_back_to_their_maker_only() -> None:
    fields = {"caller": {"type": "direct"}}
    own = call("a", provider="anthropic", fields=fields)
    foreign = call("b", provider="gemini", fields={"signature": "s"})
    [_, [_, content], _] = turns(HI, said(calls=(own, foreign)), answer("a"), answer("b"))
    assert content == [use("a", **fields), use("b")]


def test_ids_of_other_providers_are_fitted_alike_in_call_and_result() -> None:
    ids = ["call.1", "call:1", "x" * 70, "x" * 71, "toolu_ok"]
    calls = tuple(call(id_) for id_ in ids)
    [_, [_, content], [_, results]] = turns(HI, said(calls=calls), *(answer(id_) for id_ in ids))
    fitted = [block["id"] for block in content]
    assert fitted == [block["tool_use_id"] for block in results]
    assert len(set(fitted)) == len(ids)
    assert fitted[-1] == "toolu_ok"
    assert all(len(id_) <= 64 and not set(id_) & set(".:") for id_ in fitted)
    assert turns(HI, said(calls=calls), *(answer(id_) for id_ in ids))[1][1] == content


# --- parts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "source"),
    [
        (ImagePart(data=PNG), {"type": "base64", "media_type": "image/png", "data": PNG64}),
        (
            ImagePart(data=b"?", media_type="image/webp"),
            {"type": "base64", "media_type": "image/webp", "data": "Pw=="},
        ),
        (ImagePart(url="https://x/y"), {"type": "url", "url": "https://x/y"}),
        (
            ImagePart(url="data:image/gif;base64,Pw=="),
            {"type": "base64", "media_type": "image/gif", "data": "Pw=="},
        ),
        (
            ImagePart(url="data:image/gif;name=a;base64,Pw=="),
            {"type": "base64", "media_type": "image/gif", "data": "Pw=="},
        ),
        (ImagePart(file_id="f"), {"type": "file", "file_id": "f"}),
    ],
)
def test_pictures(part: ImagePart, source: dict[str, Any]) -> None:
    assert turns(Message(role="user", content=[part])) == [
        ["user", [{"type": "image", "source": source}]]
    ]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            DocumentPart(data=PDF, name="a.pdf", context="c", citations=True),
            {
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF64},
                "title": "a.pdf",
                "context": "c",
                "citations": {"enabled": True},
            },
        ),
        (
            DocumentPart(data="né".encode()),
            {"source": {"type": "text", "media_type": "text/plain", "data": "né"}},
        ),
        (
            DocumentPart(url="data:text/plain;base64,bsOp"),
            {"source": {"type": "text", "media_type": "text/plain", "data": "né"}},
        ),
        (DocumentPart(url="https://x/y"), {"source": {"type": "url", "url": "https://x/y"}}),
        (DocumentPart(file_id="f"), {"source": {"type": "file", "file_id": "f"}}),
    ],
)
def test_documents(part: DocumentPart, block: dict[str, Any]) -> None:
    assert turns(Message(role="user", content=[part])) == [
        ["user", [{"type": "document", **block}]]
    ]


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (ImagePart(data=b"?", media_type="image/tiff"), "media_type"),
        (ImagePart(data=PDF), "media_type"),
        (ImagePart(url="data:image/png,raw"), "url"),
        (DocumentPart(data=b"?", media_type="application/zip"), "media_type"),
        (DocumentPart(data=b"\xff\xfe", media_type="text/plain"), "data"),
        (DocumentPart(url="data:text/plain;base64,!"), "url"),
    ],
)
def test_what_the_wire_cannot_show(part: Part, field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        encoded(Message(role="user", content=[part]))
    assert caught.value.field == f"messages[0].content[0].{field}"
    assert caught.value.remedy


def test_thinking_goes_back_to_its_maker_unaltered() -> None:
    signed = ThinkingPart(text=" hm\n", signature="s==", provider="anthropic")
    silent = ThinkingPart(signature="t", provider="anthropic")
    hidden = ThinkingPart(redacted="EvA=", provider="anthropic")
    message = said(signed, silent, hidden, TextPart(text="so"))
    assert turns(HI, message, HI)[1] == [
        "assistant",
        [
            {"type": "thinking", "thinking": " hm\n", "signature": "s=="},
            {"type": "thinking", "thinking": "", "signature": "t"},
            {"type": "redacted_thinking", "data": "EvA="},
            text("so"),
        ],
    ]


@pytest.mark.parametrize(
    ("part", "rule"),
    [
        (ThinkingPart(text="x", signature="s", provider="gemini"), "foreign_thinking"),
        (ThinkingPart(redacted="x", provider="bedrock"), "foreign_thinking"),
        (ThinkingPart(text="x", provider="anthropic"), "unsigned_thinking"),
        (ThinkingPart(text="x", signature="", provider="anthropic"), "unsigned_thinking"),
        (OpaquePart(provider="openai", kind="reasoning", data={}), "foreign_part"),
    ],
)
def test_what_only_another_can_read_is_left_out_with_a_warning(part: Part, rule: str) -> None:
    assert turns(HI, said(part, TextPart(text="so")), HI)[1] == ["assistant", [text("so")]]
    assert rules(HI, said(part, TextPart(text="so")), HI) == [(rule, 1)]


def test_own_opaque_blocks_go_back_as_they_came() -> None:
    data = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"a": None}]}
    part = OpaquePart(provider="anthropic", kind="web_search_tool_result", data=data)
    assert turns(HI, said(part), HI)[1] == ["assistant", [data]]


def test_citations_go_back_to_their_maker_in_an_assistants_message_only() -> None:
    cited = [{"type": "char_location", "cited_text": "x"}]
    own = TextPart(text="a", citations=cited, provider="anthropic")
    foreign = TextPart(text="b", citations=cited, provider="gemini")
    conversation = [Message(role="user", content=[own]), said(own, foreign), HI]
    assert turns(*conversation)[:2] == [
        ["user", [text("a")]],
        ["assistant", [text("a", citations=cited), text("b")]],
    ]
    assert rules(*conversation) == [("foreign_citations", 1)]


def test_texts_without_a_visible_character_are_left_out() -> None:
    conversation = [HI, said(TextPart(text=" \n"), TextPart(text="")), HI]
    assert turns(*conversation) == [["user", [text("hi"), text("hi")]]]
    assert rules(*conversation) == [("empty_message", 1)]


def test_cache_marks_stand_on_blocks_but_never_on_thinking() -> None:
    thought = ThinkingPart(text="x", signature="s", provider="anthropic")
    conversation = [
        Message(role="user", content=[TextPart(text="a", cache=MARK), TextPart(text="b")]),
        said(TextPart(text="c"), thought, cache=MARK),
        Message(role="user", content=[ImagePart(file_id="f", cache=MARK)]),
        said(calls=(call("t"),)),
        answer("t", cache=MARK),
    ]
    contents = [content for _, content in turns(*conversation)]
    marked = [[block.get("cache_control") for block in content] for content in contents]
    assert marked == [[EPHEMERAL, None], [EPHEMERAL, None], [EPHEMERAL], [None], [EPHEMERAL]]


def test_a_mark_does_not_alter_what_the_user_holds() -> None:
    data = {"type": "compaction", "content": "x"}
    part = OpaquePart(provider="anthropic", kind="compaction", data=data)
    assert turns(HI, said(part, cache=MARK), HI)[1][1] == [{**data, "cache_control": EPHEMERAL}]
    assert data == {"type": "compaction", "content": "x"}


def test_a_prefill_loses_its_trailing_space() -> None:
    prefill = Message(role="assistant", content="So: \n")
    assert turns(HI, prefill)[1] == ["assistant", [text("So:")]]
    assert rules(HI, prefill) == [("trailing_space", 1)]
    assert turns(HI, prefill, HI)[1] == ["assistant", [text("So: \n")]]
