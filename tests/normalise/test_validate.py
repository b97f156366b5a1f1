"""Bad input is refused before any network, naming field, value and remedy."""

from typing import Any

import pytest

from aisopod.errors import InvalidRequestError
from aisopod.normalise.coerce import build_request
from aisopod.normalise.validate import validate
from aisopod.types import (
    ChatCompletionRequest,
    DocumentPart,
    ImagePart,
    JsonSchema,
    Message,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
)

USER = Message(role="user", content="hi")
CALL = Message(role="assistant", tool_calls=[ToolCall(id="a", name="f")])
RESULT = Message(role="tool", tool_call_id="a", content="1")
TOOL = Tool(name="f")


def request(**fields: Any) -> ChatCompletionRequest:
    return ChatCompletionRequest(**{"model": "m", "messages": [USER], **fields})


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"model": ""}, "model", "Name a model"),
    ({"messages": []}, "messages", "at least one message"),
    (
        {"messages": [Message(role="robot", content="x")]},  # type: ignore[arg-type]
        "messages[0].role",
        "system, user, assistant, tool",
    ),
    (
        {"messages": [Message(role="assistant", tool_calls=[ToolCall(id="", name="f")])]},
        "messages[0].tool_calls[0].id",
        "every call an id",
    ),
    ({"messages": [Message(role="tool", content="x")]}, "messages[0].tool_call_id", "ToolCall"),
    (
        {"messages": [Message(role="user", tool_calls=[ToolCall(id="a", name="f")])]},
        "messages[0].tool_calls",
        "assistant",
    ),
    (
        {"messages": [Message(role="user", content=[ImagePart(data=b"BM1234")])]},
        "messages[0].content[0].media_type",
        "PNG",
    ),
    (
        {"messages": [Message(role="user", content=[ImagePart()])]},
        "messages[0].content[0]",
        "data, url or file_id",
    ),
    (
        {"messages": [Message(role="user", content=[ImagePart(data=b"x", url="https://x")])]},
        "messages[0].content[0]",
        "data, url or file_id",
    ),
    (
        {"messages": [Message(role="user", content=[ImagePart(url="cat.png")])]},
        "messages[0].content[0].url",
        "from_file",
    ),
    (
        {"messages": [Message(role="user", content=[DocumentPart(data=b"\x00\x01binary")])]},
        "messages[0].content[0].media_type",
        "PDF",
    ),
    (
        {"messages": [Message(role="user", content=["text"])]},  # type: ignore[list-item]
        "messages[0].content[0]",
        "TextPart",
    ),
    ({"temperature": 2.5}, "temperature", "in that range"),
    ({"temperature": -0.1}, "temperature", "in that range"),
    ({"temperature": float("nan")}, "temperature", "in that range"),
    ({"top_p": 1.5}, "top_p", "in that range"),
    ({"max_tokens": 0}, "max_tokens", ""),
    ({"stop": ["END", ""]}, "stop[1]", "empty"),
    ({"tools": [Tool(name="")]}, "tools[0].name", "Name the tool"),
    ({"tools": [TOOL, TOOL]}, "tools[1].name", "of its own"),
    ({"tools": [Tool(name="f", parameters={"type": "array"})]}, "tools[0].parameters", "Wrap"),
    ({"response_format": JsonSchema(schema=[])}, "response_format.schema", ""),  # type: ignore[arg-type]
    ({"tool_choice": "required"}, "tool_choice", ""),
    ({"tools": [TOOL], "tool_choice": ToolChoice(name="g")}, "tool_choice.name", "f"),
]


@pytest.mark.parametrize(("fields", "field", "remedy"), BAD, ids=[bad[1] for bad in BAD])
def test_refused_with_field_and_remedy(fields: dict[str, Any], field: str, remedy: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        validate(request(**fields))
    assert caught.value.field == field
    assert remedy in caught.value.remedy
    assert field in str(caught.value)


def test_a_whole_conversation_is_accepted() -> None:
    validate(
        request(
            messages=[
                Message(role="system", content="s"),
                Message(
                    role="user",
                    content=[TextPart(text="t"), ImagePart(data=b"\x89PNG\r\n\x1a\nrest")],
                ),
                CALL,
                RESULT,
                Message(role="user", content=[DocumentPart(data=b"plain text", name="a.txt")]),
            ],
            tools=[TOOL],
            tool_choice=ToolChoice(name="f"),
            temperature=0.0,
        )
    )


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"temprature": 1}, "temprature"),
    ({"temperature": "hot"}, "temperature"),
    ({"max_tokens": "many"}, "max_tokens"),
    ({"reasoning": "deep"}, "reasoning.effort"),
    ({"tools": [3]}, "tools[0]"),
    ({"tools": [{"nam": "f"}]}, "tools[0]"),
    ({"tool_choice": "f"}, "tool_choice"),
    ({"response_format": object}, "response_format"),
    ({"messages": [{"role": "user", "contents": "x"}]}, "messages[0].contents"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": [{"type": "pic"}]}]}, "messages[0].content[0].type"),
]


@pytest.mark.parametrize(("fields", "field"), BAD_FIELDS, ids=[bad[1] for bad in BAD_FIELDS])
def test_what_cannot_be_read_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        build_request("m", "hi", **fields)
    assert caught.value.field == field


def test_plain_python_becomes_a_request() -> None:
    def weather(city: str, days: int = 1) -> str:
        """Forecast.

        Args:
            city: where
        """
        raise NotImplementedError

    made = build_request(
        "m",
        "and tomorrow?",
        messages=[{"role": "user", "content": "hi"}, Message(role="assistant", content="yes?")],
        system="be brief",
        tools=[weather, {"name": "g", "description": "G"}],
        stop="END",
        reasoning="low",
        response_format={"type": "object"},
        top_p=None,
    )
    assert [message.role for message in made.messages] == ["system", "user", "assistant", "user"]
    assert [tool.name for tool in made.tools if isinstance(tool, Tool)] == ["weather", "g"]
    assert isinstance(made.tools[0], Tool)
    assert made.tools[0].parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "where"},
            "days": {"type": "integer", "default": 1},
        },
        "required": ["city"],
    }
    assert made.stop == ["END"]
    assert made.reasoning is not None
    assert made.reasoning.effort == "low"
    assert isinstance(made.response_format, JsonSchema)
    assert made.top_p is None
