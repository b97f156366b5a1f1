"""Texts that no UTF-8 can be made of, and those that only look so."""

from typing import Any

import msgspec
import pytest

from aisopod.codecs.codec import Codec
from aisopod.normalise.target import Target
from aisopod.simulator import Reply
from aisopod.types import ChatCompletionRequest, Message, Tool, ToolCall, fold
from hazards.ends import asked, meeting, on_each, user
from support.dialects import Dialect, carried, texts
from support.mutations import wire_body
from support.validity import problems

# Each with what is to arrive.
ODD = {
    "emoji": ("👍🏽👨‍👩‍👧", "👍🏽👨‍👩‍👧"),
    "right-to-left": ("\u202eשלמ\u202c a\u200fb", "\u202eשלמ\u202c a\u200fb"),
    "nul": ("a\x00b", "a\x00b"),
    "controls": ("a\x01\x1f\x7f\u0085\u2028\u2029b", "a\x01\x1f\x7f\u0085\u2028\u2029b"),
    "bom": ("\ufeffa", "\ufeffa"),
    "combining": ("e\u0301 ﬀ \u1100\u1161", "e\u0301 ﬀ \u1100\u1161"),
    "noncharacters": ("a\uffff\U0010ffffb", "a\uffff\U0010ffffb"),
    "high-half": ("a\ud83db", "a\ufffdb"),
    "low-half": ("a\udc4db", "a\ufffdb"),
    "halves-apart": ("\udc4d\ud83d", "\ufffd\ufffd"),
    "both-halves": ("a\ud83d\udc4db", "a👍b"),
}
odd = pytest.mark.parametrize(("text", "arriving"), ODD.values(), ids=ODD)


def history(text: str) -> list[Message]:
    arguments = msgspec.json.encode({"city": "x"}).decode().replace("x", _in_json(text))
    call = ToolCall(id="call_1", name="weather", arguments=arguments)
    return [
        Message(role="system", content=f"S{text}"),
        Message(role="user", content=f"U{text}"),
        Message(role="assistant", content=f"A{text}", tool_calls=[call]),
        Message(role="tool", tool_call_id="call_1", content=f"T{text}"),
    ]


def _in_json(text: str) -> str:
    """As it may stand between the quotes of a JSON text; halves stay as they are."""
    return "".join(f"\\u{ord(char):04x}" if ord(char) < 32 else char for char in text)


@odd
@on_each
def test_in_a_request(dialect: Dialect, text: str, arriving: str) -> None:
    """What can be said arrives; what cannot is replaced, and told."""
    tool = Tool(name="weather", description=f"D{text}", parameters={"type": "object"})
    encoded = carried(dialect, history(text), tools=[tool])
    body = msgspec.json.decode(encoded.body)
    assert problems(dialect.name, encoded.body, dialect.model) == []
    found = "\n".join(texts(body))
    for letter in "SUATD":
        assert f"{letter}{arriving}" in found
    rules = {warning.rule for warning in encoded.warnings}
    assert ("lone_surrogates" in rules) == any("\ud800" <= char <= "\udfff" for char in text)


@odd
@on_each
def test_in_arguments(dialect: Dialect, text: str, arriving: str) -> None:
    encoded = carried(dialect, history(text), tools=[Tool(name="weather")])
    assert arriving in _arguments(msgspec.json.decode(encoded.body))["city"]


def _arguments(value: Any) -> dict[str, Any]:
    """The arguments of the one call, object or text."""
    if isinstance(value, list):
        return next((found for each in value if (found := _arguments(each))), {})
    if not isinstance(value, dict):
        return {}
    for name in ("input", "args", "arguments"):
        given = value.get(name)
        if isinstance(given, str):
            return dict(msgspec.json.decode(given))
        if isinstance(given, dict) and "city" in given:
            return given
    return next((found for each in value.values() if (found := _arguments(each))), {})


@odd
@on_each
def test_in_names(dialect: Dialect, text: str, arriving: str) -> None:
    """A tool with a name that no wire has is called by one that it has."""
    name = f"n{text}"
    call = ToolCall(id=f"i{text}", name=name, arguments="{}")
    messages = [
        user("hi"),
        Message(role="assistant", tool_calls=[call]),
        Message(role="tool", tool_call_id=call.id, content="ok"),
    ]
    encoded = carried(dialect, messages, tools=[Tool(name=name)])
    assert problems(dialect.name, encoded.body, dialect.model) == []


ANSWER = "👍🏽 שלום\u202e ☂ e\u0301 \U0010ffff größer"


@on_each
def test_split_at_every_byte(dialect: Dialect) -> None:
    """A character that is cut by the network is whole when it is given on."""
    call = ToolCall(
        id="c1", name="weather", arguments=msgspec.json.encode({"city": ANSWER}).decode()
    )
    body = wire_body(dialect.name, Reply(content=ANSWER, tool_calls=[call], chunk_chars=3))
    whole = _read(dialect.codec, [body])
    assert whole.text == ANSWER
    assert whole.tool_calls[0].parse() == {"city": ANSWER}
    for cut in range(1, len(body)):
        assert _read(dialect.codec, [body[:cut], body[cut:]]) == whole
    assert _read(dialect.codec, [body[at : at + 1] for at in range(len(body))]) == whole


def _read(codec: Codec, pieces: list[bytes]) -> Any:
    framing, decoder = codec.framing(), codec.stream_decoder(Target(provider="p", model="m"))
    frames = [frame for piece in pieces for frame in framing.feed(piece)]
    chunks = [decoder.feed(frame) for frame in [*frames, *framing.close()]]
    return fold([chunk for chunk in chunks if chunk is not None])


# What a stream escapes may be a half; each chunk of the wire has one of the two.
HALVES: dict[str, list[bytes]] = {
    "openai_chat": [
        b'{"choices":[{"index":0,"delta":{"content":"a\\ud83d"}}]}',
        b'{"choices":[{"index":0,"delta":{"content":"\\udc4db"},"finish_reason":"stop"}]}',
    ],
    "ollama_chat": [
        b'{"model":"m","message":{"content":"a\\ud83d"},"done":false}',
        b'{"model":"m","message":{"content":"\\udc4db"},"done":true}',
    ],
    "anthropic_messages": [
        b'{"type":"message_start","message":{"id":"m","model":"m","content":[],"usage":{}}}',
        b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\\ud83d"}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\udc4db"}}',
    ],
}


@pytest.mark.parametrize("name", HALVES)
def test_an_answer_with_halves_is_a_broken_frame(name: str) -> None:
    """JSON that escapes half a character is none that can be read: it is told, not guessed."""
    from aisopod.errors import ProtocolError
    from support.dialects import DIALECTS

    codec = next(each.codec for each in DIALECTS if each.name == name)
    decoder = codec.stream_decoder(Target(provider="p", model="m"))
    with pytest.raises(ProtocolError):
        for frame in HALVES[name]:
            decoder.feed(frame)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@on_each
async def test_over_the_network(dialect: Dialect, *, stream: bool) -> None:
    async with meeting([Reply(content=ANSWER, chunk_chars=1)]) as (client, simulator):
        answer = await asked(client, dialect, [user(ANSWER)], stream=stream)
    assert answer.text == ANSWER
    assert ANSWER in texts(simulator.requests[0].body)


def test_a_request_names_no_half_in_its_errors() -> None:
    """An error about such a text can itself be written."""
    from aisopod.errors import InvalidRequestError
    from aisopod.normalise.validate import validate

    messages = [Message(role="tool", content="\ud83d", tool_call_id="")]
    with pytest.raises(InvalidRequestError) as caught:
        validate(ChatCompletionRequest(model="m", messages=messages))
    str(caught.value).encode()
