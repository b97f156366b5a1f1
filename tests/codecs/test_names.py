"""Names of tools and schemas on every wire, as its service takes them."""

from typing import Any, Generic, TypeVar

import msgspec
import pytest
from pydantic import BaseModel

from aisopod.codecs.openai_chat.codec import codec as openai
from aisopod.normalise.coerce import build_request
from aisopod.normalise.target import Target
from aisopod.providers.compatible import HOSTS
from aisopod.types import JsonSchema, Message, Tool, ToolCall
from support.dialects import DIALECTS, Dialect, carried, named
from support.validity import problems

HI = Message(role="user", content="hi")
Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    items: list[Item]


class It(BaseModel):
    a: int


@pytest.mark.parametrize("dialect", DIALECTS, ids=named)
@pytest.mark.parametrize(
    "wish", [Page[It], {"title": "a page of items", "type": "object", "properties": {}}, "long", ""]
)
def test_a_schema_may_be_named_anything(dialect: Dialect, wish: Any) -> None:
    if isinstance(wish, str):
        wish = JsonSchema(schema=It.model_json_schema(), name=wish * 30)
    wish = build_request("m", "hi", response_format=wish).response_format
    encoded = carried(dialect, [HI], response_format=wish)
    assert problems(dialect.codec.dialect, encoded.body, dialect.model) == []


def test_a_schema_s_name_stays_readable() -> None:
    request = build_request("gpt-4.1", "hi", response_format=Page[It])
    body = openai.encode(request, Target(provider="openai", model="gpt-4.1")).body
    name = msgspec.json.decode(body)["response_format"]["json_schema"]["name"]
    assert name == "Page_It_"


@pytest.mark.parametrize("host", HOSTS)
def test_compatible_services_take_openai_s_names(host: str) -> None:
    target = Target(provider=host, model="m", quirks=HOSTS[host].quirks)
    call = ToolCall(id="123456789", name="files.read/all", arguments="{}")
    request = build_request(
        "m",
        messages=[
            HI,
            Message(role="assistant", tool_calls=[call]),
            Message(role="tool", tool_call_id=call.id, content="done"),
        ],
        tools=[Tool(name=call.name)],
    )
    encoded = openai.encode(request, target)
    assert list(encoded.tool_names.values()) == [call.name]
    assert problems("openai_chat", encoded.body, "m") == []
