"""Texts that no UTF-8 can be made of, and those that only look so."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisopod import AsyncClient, Config, ProviderConfig, Secret
from aisopod.codecs.codec import Codec
from aisopod.codecs.halves import mending
from aisopod.codecs.text import sound
from aisopod.errors import ConfigurationError, InvalidRequestError, ProtocolError
from aisopod.normalise.target import Target
from aisopod.simulator import Reply, Simulator
from aisopod.types import (
    ChatCompletionRequest,
    Message,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCall,
    fold,
)
from hazards.ends import asked, meeting, on_each, user
from support.dialects import DIALECTS, PROVIDERS, Dialect, carried, named, texts
from support.halves import DECODED, escaped, read_stream, sign
from support.mutations import wire_body
from support.raw_server import Exchange, serving
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


# --- halves that an answer escapes --------------------------------------------------------------

HIGH, LOW = sign(0xD83D), sign(0xDC4D)
HALVED = {
    "whole": (f"a{HIGH}{LOW}b", "a👍b"),
    "high": (f"a{HIGH}b", "a\ufffdb"),
    "low": (f"a{LOW}b", "a\ufffdb"),
    "the-wrong-way": (f"{LOW}{HIGH}", "\ufffd\ufffd"),
    "twice-high": (f"{HIGH}{HIGH}{LOW}", "\ufffd👍"),
    "at-the-end": (f"ab{HIGH}", "ab\ufffd"),
    "behind-a-backslash": (f"\\{HIGH}{LOW}\\", "\\👍\\"),
    "beside-a-whole-one": (f"🎉{HIGH}{LOW}🎉{HIGH}", "🎉👍🎉\ufffd"),
}
halved = pytest.mark.parametrize(("said", "meant"), HALVED.values(), ids=HALVED)


@halved
@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize("dialect", DECODED, ids=named)
def test_halves_in_a_stream(dialect: Dialect, size: int, said: str, meant: str) -> None:
    assert read_stream(dialect, Reply(content=said, chunk_chars=size)).text == meant


@halved
@pytest.mark.parametrize("dialect", DECODED, ids=named)
def test_halves_in_thinking(dialect: Dialect, said: str, meant: str) -> None:
    reply = Reply(content=[ThinkingPart(text=said), TextPart(text="So.")], chunk_chars=1)
    answer = read_stream(dialect, reply)
    assert (answer.thinking, answer.text) == (meant, "So.")


@halved
@pytest.mark.parametrize("dialect", DECODED, ids=named)
def test_halves_in_arguments(dialect: Dialect, said: str, meant: str) -> None:
    arguments = msgspec.json.encode({"city": said}).decode()
    calls = [ToolCall(id=f"call_{at}", name="weather", arguments=arguments) for at in range(2)]
    reply = Reply(content=[TextPart(text=said)], tool_calls=calls, chunk_chars=1)
    answer = read_stream(dialect, reply)
    assert answer.text == meant
    assert [call.parse() for call in answer.tool_calls] == [{"city": meant}] * 2


@given(pieces=st.lists(st.sampled_from(["a", "\\", '"', "é", "👍", HIGH, LOW]), max_size=12))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("dialect", DECODED, ids=named)
def test_whatever_halves_a_stream_has(dialect: Dialect, pieces: list[str]) -> None:
    said = "".join(pieces)
    meant = sound(said.replace(HIGH, "\ud83d").replace(LOW, "\udc4d"))
    assert read_stream(dialect, Reply(content=said, chunk_chars=1)).text == meant


@halved
@pytest.mark.parametrize(
    ("dialect", "stream"),
    # Converse's streams are binary frames with sums: above.
    [
        (each, way)
        for each in DIALECTS
        for way in (True, False)
        if each.provider != "bedrock" or not way
    ],
)
async def test_halves_over_the_network(
    dialect: Dialect, said: str, meant: str, *, stream: bool
) -> None:
    """Through all that stands before the decoder, and in whole answers too."""
    body = wire_body(dialect.name, Reply(content=said, chunk_chars=1), stream=stream)
    kind = "text/event-stream" if stream else "application/json"

    async def answer(exchange: Exchange) -> None:
        await exchange.headers(kind)
        await exchange.chunk(escaped(body))
        await exchange.end()

    async with serving(answer) as server:
        region = {"region": "us-east-1"} if dialect.provider == "bedrock" else {}
        own = ProviderConfig(base_url=server.url, api_key=Secret("k-0123456789"), options=region)
        config = Config(providers={dialect.provider: own}, state="memory")
        async with AsyncClient(config) as client:
            response = await asked(client, dialect, [user("hi")], stream=stream)
    assert response.text == meant


async def test_halves_in_a_last_frame_without_its_end() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.headers("application/x-ndjson")
        await exchange.chunk(b'{"model":"m","message":{"content":"a\\ud83d"},"done":false}\n')
        await exchange.chunk(b'{"model":"m","message":{"content":"\\ude00\\udbff"},"done":true}')
        await exchange.end()

    async with serving(answer) as server:
        config = Config(providers={"ollama": ProviderConfig(base_url=server.url)}, state="memory")
        async with AsyncClient(config) as client, client.stream("ollama/m", "hi") as stream:
            async for _ in stream:
                pass
    assert stream.response.text == "a😀\ufffd"


@pytest.mark.parametrize("dialect", DIALECTS, ids=named)
def test_halves_in_an_error(dialect: Dialect) -> None:
    body = b'{"error":{"message":"no \\ud83d","type":"x","code":1},"message":"no \\ud83d"}'
    error = dialect.codec.decode_error(400, {}, body)
    assert "no \ufffd" in error.message


def test_another_broken_frame_stays_one() -> None:
    decoder = DIALECTS[0].codec.stream_decoder(Target(provider="p", model="m"))
    error = ProtocolError("broken", dialect="d", frame=b'{"a"')
    with pytest.raises(ProtocolError) as caught:
        mending(decoder, b'{"a":"\\\\ud83d', error)
    assert caught.value is error


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@on_each
async def test_over_the_network(dialect: Dialect, *, stream: bool) -> None:
    async with meeting([Reply(content=ANSWER, chunk_chars=1)]) as (client, simulator):
        answer = await asked(client, dialect, [user(ANSWER)], stream=stream)
    assert answer.text == ANSWER
    assert ANSWER in texts(simulator.requests[0].body)


def test_a_request_names_no_half_in_its_errors() -> None:
    """An error about such a text can itself be written."""
    from aisopod.normalise.validate import validate

    messages = [Message(role="tool", content="\ud83d", tool_call_id="")]
    with pytest.raises(InvalidRequestError) as caught:
        validate(ChatCompletionRequest(model="m", messages=messages))
    str(caught.value).encode()


@on_each
def test_words_that_differ_in_halves_alone_stay_apart(dialect: Dialect) -> None:
    halves = ("\ud83d", "\udc4d")
    calls = [ToolCall(id=f"i{half}", name=f"n{half}", arguments="{}") for half in halves]
    messages = [
        user("hi"),
        Message(role="assistant", tool_calls=calls),
        *(Message(role="tool", tool_call_id=call.id, content="ok") for call in calls),
    ]
    encoded = carried(dialect, messages, tools=[Tool(name=call.name) for call in calls])
    assert problems(dialect.name, encoded.body, dialect.model) == []
    assert len(encoded.tool_names) == 2
    assert "lone_surrogates" not in {warning.rule for warning in encoded.warnings}


async def test_a_model_with_half_a_character_is_refused_before_the_network() -> None:
    async with meeting() as (client, simulator):
        with pytest.raises(InvalidRequestError) as caught:
            await client.complete("openai/gpt-\ud83d", "hi")
        assert caught.value.field == "model"
        str(caught.value).encode()
        assert simulator.requests == []


# --- where else a text of somebody's goes -------------------------------------------------------

LISTINGS = {
    "halves": b'{"data":[{"id":"\\ud83d"}],"models":[{"name":"\\ud83d"}],"modelSummaries":[{"modelId":"\\ud83d"}]}',
    "nested": b'{"x":' + b"[" * 100_000,
    "no-utf-8": b'{"data":[{"id":"\xff"}],"models":[{"name":"\xff"}],"modelSummaries":[{"modelId":"\xff"}]}',
}


@pytest.mark.parametrize("body", LISTINGS.values(), ids=LISTINGS)
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_listing_that_cannot_be_read(provider: str, body: bytes) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.headers("application/json")
        await exchange.chunk(body)
        await exchange.end()

    region = {"region": "us-east-1"} if provider == "bedrock" else {}
    async with serving(answer) as server:
        own = ProviderConfig(base_url=server.url, api_key=Secret("k-0123456789"), options=region)
        async with AsyncClient(Config(providers={provider: own}, state="memory")) as client:
            with pytest.raises(ProtocolError):
                await client.list_models(provider)


@pytest.mark.parametrize(
    ("name", "value"),
    [("x-a", "v\ud83d"), ("x-a", "v\nx-b: c"), ("x-\ud83d", "v"), ("x\n", "v")],
)
async def test_headers_that_no_request_can_carry(name: str, value: str) -> None:
    """They came to the network cut, or as an exception of the HTTP library's."""
    own = ProviderConfig(api_key=Secret("k-0123456789"), headers={name: value})
    async with AsyncClient(Config(providers={"openai": own}, state="memory")) as client:
        with pytest.raises(ConfigurationError, match=r"providers\.openai\.headers: 'x") as caught:
            await client.complete("openai/gpt-4o", "hi")
    assert value == "v" or ascii(value)[1:-1] not in str(caught.value)


async def test_options_that_no_request_can_carry() -> None:
    own = ProviderConfig(api_key=Secret("k-0123456789"), options={"organization": "o\ud83d"})
    async with AsyncClient(Config(providers={"openai": own}, state="memory")) as client:
        with pytest.raises(ConfigurationError, match=r"options\.organization: 'o.ud83d'"):
            await client.complete("openai/gpt-4o", "hi")


async def test_tags_are_kept_with_the_row(tmp_path: Path) -> None:
    """A row that cannot be written would be a request that nobody counts."""
    with Simulator([Reply(content="ok")]) as simulator:
        own = ProviderConfig(base_url=simulator.url_for("openai"), api_key=Secret("k-0123456789"))
        config = Config(providers={"openai": own}, state=f"sqlite:///{tmp_path}/state.db")
        async with AsyncClient(config) as client:
            await client.complete("openai/gpt-4o", "hi", tags={"us\ud83der": "a\udc00"})
            rows = await client.usage(by=["tag:us\ufffder"])
    assert [list(row.keys.values()) for row in rows] == [["a\ufffd"]]
