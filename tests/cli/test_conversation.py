"""The conversation, on a terminal."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aisopod import InvalidRequestError, Message, TextPart, ThinkingPart, ToolCall
from aisopod.cli.saved import load_conversation, save_conversation
from aisopod.simulator import Fault, Reply, Simulator

from .terminal import Terminal

At = Callable[[Simulator], dict[str, str]]
Simulate = Callable[..., Simulator]
Converse = Callable[..., Terminal]

ENTER = "\r"
NEW_LINE = "\x1b\r"
PROMPT = r"\n>"
CTRL_C = "\x03"
CTRL_D = "\x04"


@pytest.fixture
def converse(command: list[str], environ: dict[str, str], at: At, home: Path) -> Converse:
    def converse(simulator: Simulator, *arguments: str) -> Terminal:
        model = arguments or ("-m", "openai/gpt-4o")
        return Terminal([*command, "chat", *model], {**environ, **at(simulator)}, str(home))

    return converse


def sent(simulator: Simulator, index: int = -1) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = simulator.requests[index].body["messages"]
    return messages


def test_turns_follow_each_other_and_ctrl_d_leaves(
    converse: Converse, simulate: Simulate, home: Path
) -> None:
    simulator = simulate(Reply(content="first answer"), Reply(content="second answer"))
    with converse(simulator) as terminal:
        terminal.expect(r"openai/gpt-4o .*\n>")
        terminal.send("one" + NEW_LINE + "more" + ENTER)
        terminal.expect(r"first answer\n[^>]*>")
        terminal.send("two" + ENTER)
        terminal.expect(r"second answer\n[^>]*>")
        terminal.send("/usage" + ENTER)
        terminal.expect(r"\d+ tokens in .* 4 messages\n[^>]*>")
        terminal.send(CTRL_D)
        assert terminal.wait() == 0
    assert [(m["role"], m["content"]) for m in sent(simulator)] == [
        ("user", "one\nmore"),
        ("assistant", "first answer"),
        ("user", "two"),
    ]
    history = home / ".state" / "aisopod" / "history"
    assert "+one" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0
    assert history.parent.stat().st_mode & 0o077 == 0


def test_ctrl_c_stops_the_answer_and_not_the_conversation(
    converse: Converse, simulate: Simulate
) -> None:
    simulator = simulate(Reply(content="word " * 2000, delay=0.01), Reply(content="the second"))
    with converse(simulator) as terminal:
        terminal.expect(PROMPT)
        terminal.send("one" + ENTER)
        terminal.expect("word word word")
        pressed = time.monotonic()
        terminal.send(CTRL_C)
        terminal.expect(r"\(stopped\)\n[^>]*>")
        # The server sees it in a thread of its own, perhaps after the terminal has shown it.
        while (left := simulator.requests[0].disconnected_at) is None:
            assert time.monotonic() - pressed < 1.0
            time.sleep(0.01)
        assert left - pressed < 1.0
        terminal.send("two" + ENTER)
        terminal.expect(r"the second\n[^>]*>")
        # What had come of the first answer is part of the conversation.
        assert sent(simulator)[1]["content"].startswith("word word")
        terminal.send(CTRL_C)
        terminal.expect(r"\(Ctrl-D leaves\)\n[^>]*>")
        terminal.send(CTRL_D)
        assert terminal.wait() == 0


def test_ctrl_c_before_the_first_word_forgets_the_question(
    converse: Converse, simulate: Simulate
) -> None:
    simulator = simulate(Reply(content="late", first_delay=60), Reply(content="the second"))
    with converse(simulator) as terminal:
        terminal.expect(PROMPT)
        terminal.send("one" + ENTER)
        end = time.monotonic() + 10
        while not simulator.requests and time.monotonic() < end:
            time.sleep(0.02)
        terminal.send(CTRL_C)
        terminal.expect(r"\(stopped\)\n[^>]*>")
        terminal.send("two" + ENTER)
        terminal.expect("the second")
        assert [m["content"] for m in sent(simulator)] == ["two"]


def test_an_error_does_not_end_it(converse: Converse, simulate: Simulate) -> None:
    fault = Fault(kind="status", status=404)
    simulator = simulate(Reply(content="", fault=fault), Reply(content="fine now"))
    with converse(simulator, "-m", "openai/gpt-4o", "--max-wait", "0") as terminal:
        terminal.expect(PROMPT)
        terminal.send("one" + ENTER)
        terminal.expect(r"error: model not found: .*\n(.*\n)*\s*remedy: `aisopod models")
        terminal.send("again" + ENTER)
        terminal.expect("fine now")
        assert [m["content"] for m in sent(simulator)] == ["again"]
        terminal.send("/nonsense" + ENTER)
        terminal.expect("there is no command /nonsense")
        terminal.send("/exit" + ENTER)
        assert terminal.wait() == 0


def test_the_model_can_be_changed_and_all_begun_anew(
    converse: Converse, simulate: Simulate
) -> None:
    simulator = simulate(Reply(content="the answer"))
    with converse(simulator, "-s", "be brief") as terminal:
        terminal.expect("no model yet")
        terminal.send("hi" + ENTER)
        terminal.expect("error: unknown model")
        terminal.send("/model anthropic/claude-sonnet-4-5" + ENTER)
        terminal.expect("model: anthropic/claude-sonnet-4-5\n")
        terminal.send("one" + ENTER)
        terminal.expect("the answer")
        assert simulator.requests[-1].wire == "anthropic"
        terminal.send("/reset" + ENTER)
        terminal.expect("begun anew")
        terminal.send("two" + ENTER)
        terminal.expect("the answer")
        assert len(sent(simulator)) == 1
        assert "be brief" in str(simulator.requests[-1].body["system"])
        terminal.send("/help" + ENTER)
        terminal.expect("Alt-Enter")


def test_a_conversation_is_saved_and_gone_on_with(
    converse: Converse, simulate: Simulate, home: Path
) -> None:
    thought = Reply(content=[ThinkingPart(text="hm"), TextPart(text="Hello")])
    simulator = simulate(thought, Reply(content="Again"))
    claude = ("-m", "anthropic/claude-sonnet-4-5", "--thinking", "1024")
    with converse(simulator, *claude) as terminal:
        terminal.expect(PROMPT)
        terminal.send("one" + ENTER)
        terminal.expect("Hello")
        terminal.send("/save 'a file.json'" + ENTER)
        terminal.expect(r"saved 2 messages to a file\.json")
    with converse(simulator, "-m", "openai/gpt-4o", "--thinking", "1024") as terminal:
        terminal.expect(PROMPT)
        terminal.send("/load 'a file.json'" + ENTER)
        terminal.expect("2 messages, model anthropic/claude-sonnet-4-5")
        terminal.send("two" + ENTER)
        terminal.expect("Again")
    messages = sent(simulator)
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    kept = messages[1]["content"]
    assert [part["type"] for part in kept] == ["thinking", "text"]
    assert kept[0]["signature"]


def test_a_call_that_nobody_makes_does_not_spoil_the_next_turn(
    converse: Converse, simulate: Simulate, home: Path
) -> None:
    (home / "tool.json").write_text('{"name":"look"}')
    call = ToolCall(id="call_1", name="look", arguments='{"at":1}')
    simulator = simulate(Reply(tool_calls=[call]), Reply(content="as you wish"))
    with converse(simulator, "-m", "openai/gpt-4o", "--tool-schema", "tool.json") as terminal:
        terminal.expect(PROMPT)
        terminal.send("one" + ENTER)
        terminal.expect(r'tool call: look\(\{"at":1\}\)')
        terminal.send("two" + ENTER)
        terminal.expect("as you wish")
    roles = [message["role"] for message in sent(simulator)]
    assert roles == ["user", "assistant", "tool", "user"]


def test_attachments_belong_to_the_first_turn(
    converse: Converse, simulate: Simulate, home: Path
) -> None:
    (home / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    simulator = simulate(Reply(content="a cat"), Reply(content="yes"))
    with converse(simulator, "-m", "openai/gpt-4o", "--image", "cat.png") as terminal:
        terminal.expect(PROMPT)
        terminal.send("what?" + ENTER)
        terminal.expect("a cat")
        terminal.send("sure?" + ENTER)
        terminal.expect("yes")
    contents = [message["content"] for message in sent(simulator)]
    assert str(contents).count("image_url") == str(contents[0]).count("image_url") > 0
    assert contents[2] == "sure?"


def test_saved_files_are_never_taken_for_others(tmp_path: Path) -> None:
    turns = [Message(role="user", content="a"), Message(role="assistant", content="b")]
    file = tmp_path / "c.json"
    for _ in range(2):
        save_conversation(str(file), "a/b", None, turns)
    assert load_conversation(str(file)).messages == turns
    assert list(tmp_path.iterdir()) == [file]
    bare = tmp_path / "bare.json"
    bare.write_bytes(msgspec.json.encode(turns))
    assert load_conversation(str(bare)).messages == turns
    other = tmp_path / "other.json"
    other.write_text('{"precious":1}')
    with pytest.raises(InvalidRequestError, match="no saved conversation"):
        save_conversation(str(other), None, None, turns)
    assert other.read_text() == '{"precious":1}'
    for name, said in (
        ("", "a file's name"),
        (str(tmp_path / "no"), "No such file"),
        ("/", "Is a directory"),
    ):
        with pytest.raises(InvalidRequestError, match=said):
            load_conversation(name)
    with pytest.raises(InvalidRequestError, match="No such file"):
        save_conversation(str(tmp_path / "no" / "x"), None, None, turns)
