"""The agent of the examples: over all providers in turns, stopped anywhere and taken up again."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import agent
from aisopod import AsyncClient, Config, FailoverConfig, Message, Stream, ToolCall
from aisopod.simulator import Reply, Simulator
from aisopod.types import TextPart, ThinkingPart
from matrix.cases import TARGETS, Target
from matrix.configured import AWS, KEY, configured
from support.cancelling import ended

FIVE = TARGETS[:5]
ROTATIONS = [[*FIVE[first:], *FIVE[:first]] for first in range(len(FIVE))]
QUESTION = Message(role="user", content="How many screws remain, and as of when?")
ANSWER = "101400 screws remain."
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")
rotations = pytest.mark.parametrize("targets", ROTATIONS, ids=[r[0].provider for r in ROTATIONS])
# A result without its call, or a call without its result, would be told by these.
LOST = {"missing_result", "orphan_result", "empty_message", "repaired_arguments"}


def call(name: str, arguments: str, number: int = 0) -> ToolCall:
    # The same ids at every turn, as some servers have them.
    return ToolCall(id=f"call_{number}", name=name, arguments=arguments)


def said(*calls: ToolCall) -> Reply:
    thinking = ThinkingPart(text="What else?", signature="c2lnbmF0dXJl")
    return Reply(content=[thinking, TextPart(text="I look.")], tool_calls=calls)


def script(body: dict[str, Any]) -> Reply:
    """What a model says that knows only what the request holds."""
    known = msgspec.json.encode(body).decode()
    if "37 boxes of 2741" not in known:
        return said(call("read_file", '{"name":"order.txt"}'))
    if "101417" not in known or TIME.search(known) is None:
        return said(call("calculate", '{"expression":"37 * 2741"}'), call("clock", "{}", 1))
    if "is outside the folder" not in known:
        return said(call("read_file", '{"name":"../used.txt"}'))
    if "101400" not in known:
        return said(call("calculate", '{"expression":"101417 - (20 - 3)"}'))
    return Reply(content=ANSWER)


def slowly(body: dict[str, Any]) -> Reply:
    """The same, so that each piece of it is waited for."""
    return msgspec.structs.replace(script(body), delay=0.001)


slow_answers = pytest.mark.parametrize("simulator", [slowly], ids=[""], indirect=True)


class Watched(AsyncClient):
    """A client that keeps its streams, to look at them afterwards."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.streams: list[Stream] = []

    def stream(self, *args: Any, **asked: Any) -> Stream:
        self.streams.append(super().stream(*args, **asked))
        return self.streams[-1]

    def lost(self) -> set[str]:
        warnings = [warning for stream in self.streams for warning in stream.response.warnings]
        return LOST & {warning.rule for warning in warnings}


class Agent:
    """The example with its tools, and a file."""

    def __init__(self, client: Watched, folder: Path) -> None:
        self.client = client
        self.file = folder / "state.json"
        shelf = folder / "shelf"
        shelf.mkdir()
        (shelf / "order.txt").write_text("37 boxes of 2741 screws")
        (folder / "used.txt").write_text("a secret")
        self.tools: list[agent.Function] = [agent.calculate, agent.clock, agent.reader(shelf)]

    def begin(self) -> None:
        self.save([Message(role="system", content=agent.SYSTEM), QUESTION])

    def save(self, messages: list[Message]) -> None:
        self.file.write_bytes(msgspec.json.encode(messages))

    def saved(self) -> list[Message]:
        return msgspec.json.decode(self.file.read_bytes(), type=list[Message])

    async def run(self, targets: Sequence[Target]) -> str:
        """From the file, as a new process would."""
        models = [f"{target.provider}/{target.thinker}" for target in targets]
        return await agent.run(
            self.client, models, self.saved(), self.tools, self.save, reasoning="medium"
        )

    def check(self, answer: str, targets: Sequence[Target]) -> None:
        assert answer == ANSWER
        assert self.client.lost() == set()
        messages = self.saved()
        answers = [message for message in messages if message.role == "assistant"]
        assert [message.provider for message in answers] == [each.provider for each in targets]
        results = [message for message in messages if message.role == "tool"]
        assert [(result.name, result.is_error) for result in results] == [
            ("read_file", False), ("calculate", False), ("clock", False),
            ("read_file", True), ("calculate", False),
        ]  # fmt: skip
        assert "a secret" not in str(messages)

    def place(self) -> str:
        """Where it was stopped."""
        messages = self.saved()
        if agent.unanswered(messages):
            return "a result" if messages[-1].role == "assistant" else "the next result"
        begun = self.client.streams and self.client.streams[-1].response.message.parts
        if messages[-1].role == "assistant":
            return "the end"
        return "the rest of an answer" if begun else "an answer"


@pytest.fixture(autouse=True)
def aws_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    [(key_id, secret)] = AWS.items()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=[script])
async def simulator(request: pytest.FixtureRequest) -> AsyncIterator[Simulator]:
    async with Simulator(request.param, require_key=KEY, aws_secret=AWS) as running:
        yield running


@pytest.fixture
async def subject(simulator: Simulator, tmp_path: Path) -> AsyncIterator[Agent]:
    providers = [configured(target, simulator).providers for target in FIVE]
    config = Config(
        providers={name: found for each in providers for name, found in each.items()},
        failover=FailoverConfig(max_wait=0),
        state="memory",
    )
    async with Watched(config) as client:
        yield Agent(client, tmp_path)


async def test_every_order_of_providers_ends_with_the_answer(
    subject: Agent, simulator: Simulator
) -> None:
    for targets in itertools.permutations(FIVE):
        subject.begin()
        subject.client.streams.clear()
        subject.check(await subject.run(targets), targets)
    assert len(simulator.requests) == 5 * 120


@slow_answers
@rotations
async def test_cancelled_anywhere_and_taken_up_again(
    subject: Agent, simulator: Simulator, targets: list[Target]
) -> None:
    places = set()
    for place in itertools.count():
        subject.begin()
        subject.client.streams.clear()
        if await ended(subject.run(targets), place):
            break
        places.add(subject.place())
        subject.check(await subject.run(targets), targets)
    assert places >= {"an answer", "the rest of an answer", "a result", "the next result"}
    await asyncio.sleep(0.05)
    assert simulator.open_streams == 0


@slow_answers
@rotations
async def test_cancelled_again_and_again(subject: Agent, targets: list[Target]) -> None:
    subject.begin()
    places = itertools.count()
    while not await ended(subject.run(targets), next(places)):
        pass
    subject.check(subject.saved()[-1].text, targets)
