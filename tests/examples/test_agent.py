"""The agent of the examples: over all providers in turns, stopped anywhere and taken up again."""

import asyncio
import itertools
import os
import re
import signal
import subprocess
import sys
import time
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

EXAMPLE = Path(agent.__file__)

FIVE = TARGETS[:5]
ROTATIONS = [[*FIVE[first:], *FIVE[:first]] for first in range(len(FIVE))]
PAIRS = [*itertools.permutations(FIVE, 2), *ROTATIONS]
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


def waits_in_the_end(body: dict[str, Any]) -> Reply:
    """The same, with time to be stopped while the third answer is awaited, or is coming."""
    return msgspec.structs.replace(script(body), first_delay=0.3, delay=0.05)


def clock() -> str:
    """Tell the date and the time."""
    return "2026-11-24T01:02:03+00:00"


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
        (shelf / "link.txt").symlink_to(folder / "used.txt")
        self.tools: list[agent.Function] = [agent.calculate, agent.clock, agent.reader(shelf)]

    def begin(self) -> None:
        self.save([Message(role="system", content=agent.SYSTEM), QUESTION])

    def save(self, messages: list[Message]) -> None:
        self.file.write_bytes(msgspec.json.encode(messages))
        assert self.saved() == messages

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


class NextStep(Exception):  # noqa: N818 - it is no failure
    """The process is to end here, and another one to go on."""


@pytest.mark.parametrize("targets", PAIRS, ids=lambda pair: "-".join(t.provider for t in pair))
async def test_a_new_process_at_every_step_sends_the_same(
    subject: Agent, simulator: Simulator, targets: list[Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a file does not keep would be missing on the wire."""
    subject.tools[1] = clock
    subject.begin()
    assert await subject.run(targets) == ANSWER
    at_once = [received.body for received in simulator.requests]
    simulator.requests.clear()
    save = subject.save

    def last(messages: list[Message]) -> None:
        save(messages)
        raise NextStep

    subject.begin()
    monkeypatch.setattr(subject, "save", last)
    while subject.saved()[-1].text != ANSWER:
        with pytest.raises(NextStep):
            await subject.run(targets)
    assert [received.body for received in simulator.requests] == at_once
    assert subject.client.lost() == set()


@pytest.mark.parametrize("target", FIVE, ids=lambda target: target.provider)
async def test_another_question_between_two_results(subject: Agent, target: Target) -> None:
    subject.begin()
    place = itertools.count()
    while subject.place() != "the next result":
        subject.begin()
        assert not await ended(subject.run([target]), next(place))
    subject.save([*subject.saved(), QUESTION])
    assert await subject.run([target]) == ANSWER
    assert subject.client.lost() <= {"missing_result"}


def environment(simulator: Simulator, home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONWARNINGS": "error",
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": simulator.url_for("openai"),
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": simulator.url_for("anthropic"),
    }


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_program_is_killed_and_goes_on(tmp_path: Path, how: signal.Signals) -> None:
    shelf, state = tmp_path / "shelf", tmp_path / "state.json"
    shelf.mkdir()
    (shelf / "order.txt").write_text("37 boxes of 2741 screws")
    command = [sys.executable, str(EXAMPLE), "--models", "openai/gpt-5.2,anthropic/claude-opus-4-8"]
    command += ["--folder", str(shelf), "--state", str(state)]
    with Simulator(waits_in_the_end, require_key=KEY) as simulator:
        given: dict[str, Any] = {"env": environment(simulator, tmp_path), "cwd": tmp_path}
        with subprocess.Popen([*command, "How many?"], stderr=subprocess.PIPE, **given) as begun:
            deadline = time.monotonic() + 20
            while len(simulator.requests) < 3:
                assert time.monotonic() < deadline
                assert begun.poll() is None
                time.sleep(0.01)
            begun.send_signal(how)
            assert begun.wait(20) != 0
        done = subprocess.run(command, capture_output=True, timeout=20, check=True, **given)
    assert done.stdout.decode().endswith(ANSWER)
    # Of a request whose process was killed, the ledger can tell that it was, and no more.
    told = done.stderr.decode().splitlines()
    assert len(told) == (how == signal.SIGKILL)
    assert all("is unknown" in line for line in told)
    messages = msgspec.json.decode(state.read_bytes(), type=list[Message])
    assert [m.name for m in messages if m.role == "tool"] == [
        "read_file", "calculate", "clock", "read_file", "calculate",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "result"),
    [("2 + 3 * 4", "14"), (" (2 + 3) * -4 ", "-20"), ("7 / 2", "3.5"), ("1 - -1", "2")],
)
def test_the_calculator(expression: str, result: str) -> None:
    assert agent.calculate(expression) == result


@pytest.mark.parametrize(
    "made_up",
    [
        call("calculate", '{"expression":"__import__(\'os\').getcwd()"}'),
        call("calculate", '{"expression":"9 ** 9 ** 9"}'),
        call("calculate", '{"expression":"1 / 0"}'),
        call("calculate", '{"expression":"1 +"}'),
        call("calculate", '{"expression":"' + "-" * 9999 + '1"}'),
        call("calculate", '{"expression":"1 +'),
        call("calculate", '{"formula":"1"}'),
        call("calculate", "[1]"),
        call("read_file", '{"name":"../used.txt"}'),
        call("read_file", '{"name":"link.txt"}'),
        call("read_file", '{"name":"/etc/hostname"}'),
        call("read_file", '{"name":"absent.txt"}'),
        call("read_file", '{"name":"."}'),
        call("search", "{}"),
    ],
    ids=lambda made_up: f"{made_up.name} {made_up.arguments}"[:40],
)
async def test_what_a_model_makes_up_fails_and_is_told(subject: Agent, made_up: ToolCall) -> None:
    result = await agent.result_of(made_up, subject.tools)
    assert result.is_error
    assert result.text
    assert result.tool_call_id == made_up.id
    assert "a secret" not in result.text
