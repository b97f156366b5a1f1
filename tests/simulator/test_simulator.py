"""The simulator as a tool: its answers without a script, its life, and many at once."""

import asyncio
import socket
import subprocess
import sys
import threading
from typing import Any

import aiohttp
import msgspec
import pytest

from aisopod import TextPart, TokenUsage, ToolCall
from aisopod.simulator import Reply, Simulator, serve
from aisopod.simulator.responder import respond
from aisopod.simulator.schema import plausible
from aisopod.simulator.script import Asked, pieces_of

ASK = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


async def chat(session: aiohttp.ClientSession, simulator: Simulator, **fields: Any) -> Any:
    url = simulator.url_for("openai") + "/chat/completions"
    async with session.post(url, data=msgspec.json.encode({**ASK, **fields})) as response:
        return response, await response.read()


async def text_of(session: aiohttp.ClientSession, simulator: Simulator) -> str:
    _, raw = await chat(session, simulator)
    content: str = msgspec.json.decode(raw)["choices"][0]["message"]["content"]
    return content


async def test_replies_come_in_order_and_the_last_repeats() -> None:
    script = [Reply(content="one"), Reply(content="two")]
    async with Simulator(script) as simulator, aiohttp.ClientSession() as session:
        await chat(session, simulator, model="no-such-model")
        said = [await text_of(session, simulator) for _ in range(3)]
    assert said == ["one", "two", "two"]


async def test_a_function_answers() -> None:
    def reply(body: dict[str, Any]) -> Reply:
        return Reply(content=body["messages"][0]["content"] * 2)

    async with Simulator(reply) as simulator, aiohttp.ClientSession() as session:
        assert await text_of(session, simulator) == "hellohello"


async def test_without_a_script_it_says_what_it_is() -> None:
    async with Simulator() as simulator, aiohttp.ClientSession() as session:
        said = await text_of(session, simulator)
    assert said == "This is a simulated answer: no model was asked. You said: hello"


async def test_headers() -> None:
    reply = Reply(content="x", headers={"x-request-id": "mine"})
    async with Simulator([reply]) as simulator, aiohttp.ClientSession() as session:
        response, _ = await chat(session, simulator)
        assert response.headers["x-request-id"] == "mine"
        assert response.headers["x-ratelimit-remaining-tokens"] == "79999"


async def test_many_streams_at_once() -> None:
    """Each peer gets its own whole answer under its own id, though they overlap."""

    def reply(body: dict[str, Any]) -> Reply:
        return Reply(content=f"{body['user']} " * 20, delay=0.002)

    async def one(session: aiohttp.ClientSession, number: int) -> str:
        _, raw = await chat(session, simulator, stream=True, user=f"peer{number}")
        frames = [line[6:] for line in raw.split(b"\n\n") if line.startswith(b"data: {")]
        chunks = [msgspec.json.decode(frame) for frame in frames]
        ids = {chunk["id"] for chunk in chunks}
        assert len(ids) == 1
        deltas = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks]
        assert "".join(deltas) == f"peer{number} " * 20
        return str(ids.pop())

    async with Simulator(reply) as simulator:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            ids = await asyncio.gather(*(one(session, number) for number in range(200)))
        assert len(set(ids)) == 200
        assert simulator.open_streams == 0
        assert all(request.completed for request in simulator.requests)


async def test_a_peer_that_leaves_is_noticed_on_every_wire() -> None:
    reply = Reply(content="word " * 10_000, delay=0.01)
    paths = {"anthropic": "/v1/messages", "openai": "/v1/chat/completions", "ollama": "/api/chat"}
    async with Simulator([reply]) as simulator, aiohttp.ClientSession() as session:
        for number, (wire, path) in enumerate(paths.items()):
            extra = {"max_tokens": 9} if wire == "anthropic" else {}
            response = await session.post(
                simulator.base_url + path,
                data=msgspec.json.encode({**ASK, **extra, "stream": True}),
                headers={"anthropic-version": "2023-06-01"} if wire == "anthropic" else {},
            )
            await response.content.readany()
            response.close()
            async with asyncio.timeout(1):
                while simulator.requests[number].disconnected_at is None:
                    await asyncio.sleep(0.005)
            assert simulator.requests[number].wire == wire
            assert not simulator.requests[number].completed


def test_it_stops_with_an_answer_on_its_way() -> None:
    with Simulator([Reply(content="word " * 1000, delay=1)]) as simulator:
        peer = socket.create_connection(("127.0.0.1", int(simulator.base_url.rpartition(":")[2])))
        body = msgspec.json.encode({**ASK, "stream": True})
        peer.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s"
            % (len(body), body)
        )
        assert peer.recv(100).startswith(b"HTTP/1.1 200")
    peer.close()
    # The server ended it, not the peer.
    assert simulator.requests[0].disconnected_at is None
    assert not simulator.requests[0].completed


def test_a_port_that_is_taken() -> None:
    before = threading.active_count()
    with Simulator() as simulator:
        port = int(simulator.base_url.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            Simulator(port=port).__enter__()
        with pytest.raises(OSError, match="address already in use"):
            serve(port=port)
    assert threading.active_count() == before


def test_addresses() -> None:
    assert Simulator(host="::1", port=8).base_url == "http://[::1]:8"
    assert Simulator(host="0.0.0.0", port=8).base_url == "http://127.0.0.1:8"
    with pytest.raises(ValueError, match="no wire 'x'"):
        Simulator().url_for("x")


def test_serve_tells_when_it_is_ready() -> None:
    urls: list[str] = []

    def ready(simulator: Simulator) -> None:
        urls.append(simulator.url_for("openai"))
        raise KeyboardInterrupt

    serve(ready=ready)
    assert urls[0].endswith("/v1")


def test_the_library_loads_without_it() -> None:
    program = (
        "import aisopod, sys; print('aiohttp' in sys.modules, 'aisopod.simulator' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == [b"False", b"False"]


def asked(**fields: Any) -> Asked:
    return Asked(**{"model": "m", "stream": False, "prompt": "hi", **fields})


class TestResponder:
    def test_length_and_stop(self) -> None:
        short = respond(asked(max_tokens=3), 1)
        assert (short.text, short.reason) == ("This is a", "length")
        stopped = respond(asked(stop=["asked", "simulated"]), 1)
        assert (stopped.text, stopped.stop_sequence) == ("This is a ", "simulated")

    def test_tools(self) -> None:
        schema = {"type": "object", "properties": {"city": {"type": "string"}}}
        tools = {"now": {}, "weather": schema}
        assert respond(asked(tools=tools), 1).calls == []
        named = respond(asked(tools=tools, prompt="use weather"), 1)
        assert named.calls == [
            ToolCall(id="call_sim_1", name="weather", arguments='{"city":"simulated"}')
        ]
        assert respond(asked(tools=tools, forced_tool=""), 1).calls[0].name == "now"
        assert respond(asked(tools=tools, forced_tool="weather"), 1).calls[0].name == "weather"
        assert respond(asked(tools=tools, forced_tool="", tool_result="sun"), 1).calls == []

    def test_thinking(self) -> None:
        assert respond(asked(thinking=True), 1).thinking == "Simulated thinking."
        assert respond(asked(), 1).thinking == ""


class TestReply:
    def test_items(self) -> None:
        call = ToolCall(id="a", name="f")
        reply = Reply(content=[TextPart(text="x"), call], tool_calls=[call])
        assert reply.items == [TextPart(text="x"), call, call]
        assert (reply.reason, Reply(content="x").reason) == ("tool_calls", "stop")
        assert Reply(usage=TokenUsage(input_tokens=1)).items == []

    @pytest.mark.parametrize("text", ["", " ", "a", "a b", " a  b ", "a\nb c", "漢字 👍"])
    @pytest.mark.parametrize("size", [0, 1, 3])
    def test_pieces(self, text: str, size: int) -> None:
        assert "".join(pieces_of(text, size)) == text


class TestSchema:
    @pytest.mark.parametrize(
        ("schema", "value"),
        [
            ({}, {}),
            ({"type": "object", "properties": {"a": {"type": "null"}}}, {"a": None}),
            ({"enum": ["b", "c"]}, "b"),
            ({"const": 4}, 4),
            ({"type": ["integer", "null"], "minimum": 7}, 7),
            ({"type": "integer", "exclusiveMinimum": 3}, 4),
            ({"type": "integer", "minimum": 8, "multipleOf": 5}, 10),
            ({"type": "number", "maximum": 0.5}, 0.5),
            ({"type": "string", "format": "date"}, "2026-01-01"),
            ({"type": "string", "minLength": 12}, "simulated..."),
            ({"type": "string", "maxLength": 3}, "sim"),
            ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
            ({"type": "array", "items": {"type": "boolean"}, "maxItems": 0}, []),
            ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, True),
            (
                {
                    "allOf": [
                        {"type": "object", "properties": {"a": {"const": 1}}},
                        {"properties": {"b": {"const": 2}}},
                    ]
                },
                {"a": 1, "b": 2},
            ),
            (
                {
                    "$ref": "#/$defs/x~1y",
                    "$defs": {"x/y": {"$ref": "#/$defs/z"}, "z": {"const": 5}},
                },
                5,
            ),
        ],
    )
    def test_values(self, schema: dict[str, Any], value: Any) -> None:
        assert plausible(schema) == value

    def test_recursive_schemas_end(self) -> None:
        node: dict[str, Any] = {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name", "next", "children"],
        }
        value = plausible({"$ref": "#/$defs/node", "$defs": {"node": node}})
        while value["next"] is not None:
            value = value["next"]
        assert value["children"] == []
        assert plausible({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}) == {}
