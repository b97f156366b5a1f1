"""The agent of the examples with a real model that changes its wire at every turn.

The model is tiny: what it can do is to follow two exchanges that went before, and to say again what
a tool told it. Its calls are its own words, held to their form by the server's grammar.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import agent
from aisopod import AsyncClient, Message, ToolCall
from support.cancelling import ended
from support.llama import Server, serving

pytest.importorskip("xllamacpp", reason="THE REAL SERVER IS NOT INSTALLED: run `make real`")

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

ORDERS = [(0, 1), (1, 0)]
QUESTIONS = {"17 * 23": "391", "451 - 78": "373"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("smollm2") as running:
        yield running


def exchange(number: int, expression: str, result: str) -> list[Message]:
    arguments = msgspec.json.encode({"expression": expression}).decode()
    call = ToolCall(id=f"call_{number}", name="calculate", arguments=arguments)
    return [
        Message(role="user", content=f"What is {expression}?"),
        Message(role="assistant", tool_calls=[call]),
        Message(role="tool", tool_call_id=call.id, name=call.name, content=result),
        Message(role="assistant", content=f"{expression} is {result}."),
    ]


BEGUN = [
    Message(role="system", content="Answer with the tool."),
    *exchange(1, "12 * 11", "132"),
    *exchange(2, "904 + 38", "942"),
]


class Loop:
    """The example on the server, over one wire and the other in turns, and a file."""

    def __init__(self, client: AsyncClient, models: list[str], file: Path) -> None:
        self.client = client
        self.models = models
        self.file = file

    def begin(self, question: str) -> None:
        self.save([*BEGUN, Message(role="user", content=f"What is {question}?")])

    def save(self, messages: list[Message]) -> None:
        self.file.write_bytes(msgspec.json.encode(messages))

    def saved(self) -> list[Message]:
        return msgspec.json.decode(self.file.read_bytes(), type=list[Message])

    async def run(self) -> str:
        tools: list[agent.Function] = [agent.calculate]
        asked = {"max_tokens": 60, "temperature": 0.0}
        return await agent.run(self.client, self.models, self.saved(), tools, self.save, **asked)

    def check(self, question: str, wires: list[str]) -> None:
        called, result, answer = self.saved()[len(BEGUN) + 1 :]
        [call] = called.tool_calls
        assert call.name == "calculate"
        assert call.id not in {"", "call_1", "call_2"}
        assert call.parse() == {"expression": question}
        assert result.tool_call_id == call.id
        assert result.content == QUESTIONS[question]
        assert not result.is_error
        assert answer.text == f"{question} is {QUESTIONS[question]}."
        assert [called.provider, answer.provider] == wires


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("question", QUESTIONS)
async def test_it_answers_with_what_the_tool_said(
    server: Server, tmp_path: Path, question: str, order: tuple[int, int]
) -> None:
    models = [server.models[place] for place in order]
    async with AsyncClient(server.config) as client:
        loop = Loop(client, models, tmp_path / "state.json")
        loop.begin(question)
        await loop.run()
        loop.check(question, [model.partition("/")[0] for model in models])


@pytest.mark.parametrize("order", ORDERS)
async def test_stopped_anywhere_and_taken_up_again(
    server: Server, tmp_path: Path, order: tuple[int, int]
) -> None:
    models = [server.models[place] for place in order]
    async with AsyncClient(server.config) as client:
        loop = Loop(client, models, tmp_path / "state.json")
        stopped = set()
        for place in itertools.count(0, 3):
            loop.begin("17 * 23")
            if await ended(loop.run(), place):
                break
            stopped.add(len(loop.saved()) - len(BEGUN))
            await loop.run()
            loop.check("17 * 23", [model.partition("/")[0] for model in models])
        # In each of the two answers at least; a result is there too soon to be met at every pace.
        assert stopped >= {1, 3}
