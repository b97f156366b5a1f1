"""`aisopod chat`, against the simulator."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aisopod import ChatCompletion, ChatCompletionChunk, TextPart, ThinkingPart, ToolCall
from aisopod.simulator import Fault, Reply, Simulator

from .conftest import KEY, Run
from .terminal import Terminal

At = Callable[[Simulator], dict[str, str]]
Simulate = Callable[..., Simulator]

MODELS = ["openai/gpt-4o", "anthropic/claude-sonnet-4-5", "ollama/llama"]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)

THOUGHT = Reply(
    content=[ThinkingPart(text="hm, a greeting"), TextPart(text="Hello, world")],
    tool_calls=[ToolCall(id="call_1", name="get_weather", arguments='{"city":\n"Bonn"}')],
)


def body(simulator: Simulator) -> dict[str, Any]:
    found: dict[str, Any] = simulator.requests[-1].body
    return found


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("plain", [False, True])
def test_a_pipe_gets_the_answer_and_nothing_else(
    run: Run, simulate: Simulate, at: At, model: str, plain: bool
) -> None:
    simulator = simulate(Reply(content="Hello, wörld"))
    done = run("chat", "-m", model, "hi", *["--no-stream"] * plain, env=at(simulator))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == "Hello, wörld\n"
    assert body(simulator)["messages"][-1]["content"] in ("hi", [{"type": "text", "text": "hi"}])
    assert body(simulator).get("stream", False) is not plain


def test_thinking_stays_out_of_pipes_and_calls_are_one_line_each(
    run: Run, simulate: Simulate, at: At
) -> None:
    done = run("chat", "-m", MODELS[1], "hi", env=at(simulate(THOUGHT)))
    text, call = done.stdout.decode().splitlines()
    assert text == "Hello, world"
    assert call.replace(" ", "") == 'toolcall:get_weather({"city":"Bonn"})'
    assert b"\x1b" not in done.stdout + done.stderr


def test_what_looks_like_colour_in_an_answer_goes_to_a_pipe_as_it_is(
    run: Run, simulate: Simulate, at: At
) -> None:
    done = run("chat", "-m", MODELS[0], "hi", env=at(simulate(Reply(content="\x1b[31mred\x1b[0m"))))
    assert done.stdout == b"\x1b[31mred\x1b[0m\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "prompt"),
    [
        ([], b"from the pipe\n", "from the pipe\n"),
        (["Review this"], b"a diff", "Review this\n\na diff"),
        (["alone"], b"", "alone"),
        (["alone"], b" \n", "alone"),
    ],
)
def test_what_is_piped_in_is_the_prompt_or_its_document(
    run: Run, simulate: Simulate, at: At, arguments: list[str], stdin: bytes, prompt: str
) -> None:
    simulator = simulate()
    done = run("chat", "-m", MODELS[0], *arguments, stdin=stdin, env=at(simulator))
    assert done.returncode == 0
    assert body(simulator)["messages"] == [{"role": "user", "content": prompt}]


def test_every_option_reaches_the_wire(run: Run, simulate: Simulate, at: At, home: Path) -> None:
    (home / "cat.png").write_bytes(PNG)
    (home / "notes.md").write_text("# Notes")
    (home / "tools.json").write_bytes(
        msgspec.json.encode(
            [
                {"name": "a", "parameters": {"type": "object", "properties": {}}},
                {"type": "function", "function": {"name": "b", "description": "B"}},
                {"name": "c", "input_schema": {"type": "object", "properties": {}}},
            ]
        )
    )
    simulator = simulate()
    done = run(
        "chat", "what?", "--model", MODELS[1], "--system", "be brief", "--image", "cat.png",
        "--image", "https://example.com/dog.png", "--file", "notes.md", "--tool-schema",
        "tools.json", "--temperature", "1", "--max-tokens", "5000", "--stop", "END", "--stop",
        "FIN", "--thinking", "2048", env=at(simulator),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sent = body(simulator)
    kinds = [part["type"] for part in sent["messages"][0]["content"]]
    assert kinds == ["image", "image", "document", "text"]
    assert sent["messages"][0]["content"][-1]["text"] == "what?"
    assert "be brief" in str(sent["system"])
    assert [tool["name"] for tool in sent["tools"]] == ["a", "b", "c"]
    assert sent["max_tokens"] == 5000
    assert sent["stop_sequences"] == ["END", "FIN"]
    assert sent["thinking"]["budget_tokens"] == 2048
    assert sent["temperature"] == 1


def test_a_document_may_come_through_the_pipe(run: Run, simulate: Simulate, at: At) -> None:
    simulator = simulate()
    done = run("chat", "-m", MODELS[1], "what?", "--image", "-", stdin=PNG, env=at(simulator))
    assert done.returncode == 0, done.stderr
    assert body(simulator)["messages"][0]["content"][0]["type"] == "image"


@pytest.mark.parametrize("inline", [True, False])
def test_a_json_schema_is_asked_for_and_its_answer_checked(
    run: Run, simulate: Simulate, at: At, home: Path, inline: bool
) -> None:
    text = '{"type":"object","title":"A City!","properties":{"name":{"type":"string"}}}'
    (home / "city.json").write_text(text)
    simulator = simulate(Reply(content='{"name":"Lima"}'), Reply(content="Lima"))
    asked = ("chat", "-m", MODELS[0], "which?", "--json-schema", text if inline else "city.json")
    done = run(*asked, env=at(simulator))
    assert (done.returncode, done.stdout) == (0, b'{"name":"Lima"}\n')
    schema = body(simulator)["response_format"]["json_schema"]
    assert (schema["name"], schema["schema"]["type"]) == ("A_City_", "object")
    done = run(*asked, env=at(simulator))
    assert (done.returncode, done.stdout) == (1, b"Lima\n")
    assert done.stderr.startswith(b"error: output validation: ")


def test_an_answer_that_does_not_fit_is_asked_for_again(
    run: Run, simulate: Simulate, at: At
) -> None:
    schema = '{"type":"object","required":["name"]}'
    simulator = simulate(Reply(content="{}"), Reply(content='{"name":"Lima"}'), Reply(content="{}"))
    asked = ("chat", "-m", MODELS[0], "which?", "--json-schema", schema, "--output-retries", "1")
    done = run(*asked, env=at(simulator))
    assert (done.returncode, done.stdout) == (0, b'{"name":"Lima"}\n')
    assert b"asked for again: the answer does not fit its schema at $" in done.stderr
    assert len(simulator.requests) == 2
    done = run(*asked, env=at(simulator))
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"'name' is a required property" in done.stderr
    assert "Traceback" not in done.stderr.decode()


@pytest.mark.parametrize("plain", [False, True])
def test_json_is_one_object_a_line(run: Run, simulate: Simulate, at: At, plain: bool) -> None:
    flags = ["--no-stream"] * plain
    done = run("chat", "-m", MODELS[1], "hi", "--json", *flags, env=at(simulate(THOUGHT)))
    assert done.returncode == 0
    lines = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    *chunks, last = lines
    assert bool(chunks) is not plain
    read = [msgspec.convert(line["chunk"], ChatCompletionChunk) for line in chunks]
    whole = msgspec.convert(last["response"], ChatCompletion)
    assert (whole.text, whole.thinking) == ("Hello, world", "hm, a greeting")
    assert whole.tool_calls[0].parse() == {"city": "Bonn"}
    assert whole.usage is not None
    if not plain:
        assert "".join(chunk.delta.content or "" for chunk in read) == "Hello, world"
    assert "headers" not in last["response"]["info"]
    assert b"null" not in done.stdout


def test_a_broken_off_answer_is_kept_and_told(run: Run, simulate: Simulate, at: At) -> None:
    reply = Reply(content="one two three four", fault=Fault(kind="drop", after=2))
    simulator = simulate(reply)
    done = run("chat", "-m", MODELS[0], "hi", env=at(simulator))
    assert done.returncode == 4
    assert done.stdout == b"one two\n"
    assert done.stderr.startswith(b"error: stream interrupted: openai/gpt-4o: ")
    assert b"the answer above is not whole" in done.stderr
    done = run("chat", "-m", MODELS[0], "hi", "--json", env=at(simulator))
    last = msgspec.json.decode(done.stdout.splitlines()[-1])
    assert done.returncode == 4
    assert last["error"]["type"] == "StreamInterruptedError"
    assert last["error"]["retryable"] is True
    assert last["partial"]["message"]["content"] == "one two"


def test_a_total_limit_can_be_given(run: Run, simulate: Simulate, at: At) -> None:
    simulator = simulate(Reply(content="one two three", fault=Fault(kind="stall", after=1)))
    began = time.monotonic()
    done = run("chat", "-m", MODELS[0], "hi", "--timeout", "0.5", env=at(simulator))
    assert done.returncode == 4
    assert done.stderr.startswith(b"error: total timeout: ")
    assert b"--timeout" in done.stderr
    assert time.monotonic() - began < 10


def test_verbose_tells_the_facts_on_stderr(run: Run, simulate: Simulate, at: At) -> None:
    done = run("chat", "-m", MODELS[0], "hi", "-v", env=at(simulate(Reply(content="Hello"))))
    assert done.stdout == b"Hello\n"
    for fact in (b"model: ", b"finish reason: stop", b"tokens: ", b"first token", b"request id: "):
        assert fact in done.stderr


def test_an_answer_that_was_cut_off_is_noted(run: Run, simulate: Simulate, at: At) -> None:
    reply = Reply(content="Hello", finish_reason="length")
    done = run("chat", "-m", MODELS[0], "hi", env=at(simulate(reply)))
    assert done.returncode == 0
    assert done.stderr == b"note: the answer was cut off at its token limit (--max-tokens)\n"


FAILURES: list[tuple[str, list[str], bytes, int, str]] = [
    ("no model", ["hi"], b"", 3, "default_model"),
    ("no provider", ["hi", "-m", "gpt-4o"], b"", 3, "provider/model"),
    ("unknown provider", ["hi", "-m", "opnai/x"], b"", 3, "openai"),
    ("no key", ["hi", "-m", "groq/x"], b"", 3, "GROQ_API_KEY"),
    ("bad base url", ["hi", "-m", "openai/x", "--base-url", "nowhere"], b"", 3, "http"),
    ("no prompt", ["-m", "openai/x"], b"", 2, "no prompt"),
    ("empty prompt", ["-m", "openai/x"], b"\n", 2, "no prompt"),
    ("no text", ["-m", "openai/x"], b"\xff\xfe", 2, "no UTF-8 text"),
    ("option", ["hi", "--modle", "x"], b"", 2, "--model"),
    ("thinking", ["hi", "--thinking", "hard"], b"", 2, "none, minimal, low"),
    ("max tokens", ["hi", "--max-tokens", "0"], b"", 2, "--max-tokens"),
    ("temperature", ["hi", "-m", "openai/x", "--temperature", "3"], b"", 2, "temperature"),
    ("temperature nan", ["hi", "-m", "openai/x", "--temperature", "nan"], b"", 2, "temperature"),
    ("timeout", ["hi", "--timeout", "0"], b"", 2, "--timeout"),
    ("image gone", ["hi", "--image", "no.png"], b"", 2, "--image: it cannot be read: No such file"),
    ("no image", ["hi", "--image", "text"], b"", 2, "unknown type"),
    ("no file", ["hi", "--file", "binary"], b"", 2, "neither a PDF, nor sound or film, nor UTF-8 text"),
    ("folder", ["hi", "--file", "."], b"", 2, "Is a directory"),
    ("stdin twice", ["hi", "--file", "-", "--image", "-"], b"", 2, "once only"),
    ("tools no json", ["hi", "--tool-schema", "text"], b"", 2, "--tool-schema: this is no JSON"),
    ("tools no tool", ["hi", "--tool-schema", "number"], b"", 2, "--tool-schema[0]: this is no tool"),
    ("schema no json", ["hi", "--json-schema", "{x"], b"", 2, "--json-schema: this is no JSON"),
    ("schema no object", ["hi", "--json-schema", "number"], b"", 2, "a JSON schema is an object"),
    ("conversation", ["--json"], b"", 2, "no prompt"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [row[1:] for row in FAILURES],
    ids=[row[0] for row in FAILURES],
)
def test_bad_input_ends_before_the_network_in_one_block(
    run: Run, home: Path, arguments: list[str], stdin: bytes, code: int, said: str
) -> None:
    (home / "text").write_text("text")
    (home / "number").write_text("5")
    (home / "binary").write_bytes(b"\xff\x00")
    # A port where nobody listens: a request would fail with 1.
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    done = run("chat", *arguments, stdin=stdin, env=env)
    told = done.stderr.decode()
    assert done.returncode == code, told
    assert done.stdout == b""
    assert told.startswith("error: ")
    assert said in told
    assert told.count("error: ") == 1
    assert "Traceback" not in told
    assert KEY not in told


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(kind="status", status=401), "error: authentication: "),
        (Fault(kind="status", status=404), "error: model not found: "),
        (
            Fault(kind="status", status=429, headers={"retry-after": "7"}),
            "remedy: try again in 7 s",
        ),
        (Fault(kind="status", status=500), "error: server: "),
        (Fault(kind="garbage"), "error: protocol: "),
    ],
)
def test_a_provider_s_refusal_is_told_with_a_remedy(
    run: Run, simulate: Simulate, at: At, fault: Fault, said: str
) -> None:
    simulator = simulate(Reply(content="x", fault=fault))
    done = run("chat", "-m", MODELS[0], "--max-wait", "0", "hi", env=at(simulator))
    assert done.returncode == 1
    assert said in done.stderr.decode()
    assert "remedy: " in done.stderr.decode()


def test_nobody_there_is_told(run: Run) -> None:
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    done = run("chat", "-m", "openai/x", "hi", env=env)
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: connect: ")


def test_a_traceback_comes_only_when_it_is_wanted(run: Run) -> None:
    env = {"OPENAI_API_KEY": KEY, "AISOPOD_TRACEBACK": "1"}
    done = run("chat", "-m", "nobody/x", "hi", env=env)
    assert b"Traceback" in done.stderr
    assert KEY.encode() not in done.stderr


@pytest.mark.parametrize("model", MODELS[:2])
@pytest.mark.parametrize("fault", [None, Fault(kind="status", status=401), Fault(kind="garbage")])
def test_the_wire_is_shown_without_the_key(
    run: Run, simulate: Simulate, at: At, home: Path, model: str, fault: Fault | None
) -> None:
    gateway = "gw-planted-55aa55aa"
    if fault is not None:
        echo = f'{{"error":{{"message":"bad key {KEY} {gateway}"}}}}'.encode()
        fault = msgspec.structs.replace(fault, body=echo, headers={"x-echo": KEY})
    (home / "aisopod.toml").write_text(
        f'[providers.{model.partition("/")[0]}.headers]\nx-gateway = "{gateway}"'
    )
    simulator = simulate(Reply(content="Hello", fault=fault))
    done = run("chat", "-m", model, "a question", "--debug", "-v", env=at(simulator))
    shown = done.stdout + done.stderr
    assert b"> POST http://" in shown
    assert b"a question" in shown
    assert b"< " in shown
    assert KEY.encode() not in shown
    # The gateway's key was sent and is shown nowhere.
    assert simulator.requests[0].headers["x-gateway"] == gateway
    assert b"x-gateway" in shown
    assert gateway.encode() not in shown


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_reader_that_has_enough_ends_it_quietly(
    start: Any, simulate: Simulate, at: At, flags: list[str]
) -> None:
    simulator = simulate(Reply(content="word " * 2000, delay=0.005))
    process = start("chat", "-m", MODELS[0], "hi", *flags, env=at(simulator))
    process.stdout.read(5)
    process.stdout.close()
    assert process.wait(10) == 0
    assert process.stderr.read() == b""
    wait_for(lambda: simulator.requests[0].disconnected_at is not None)


@pytest.mark.parametrize("model", MODELS)
def test_ctrl_c_closes_the_connection_at_once(
    start: Any, simulate: Simulate, at: At, model: str
) -> None:
    simulator = simulate(Reply(content="word " * 2000, delay=0.01))
    process = start("chat", "-m", model, "hi", env=at(simulator))
    process.stdout.read(5)
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    wait_for(lambda: simulator.requests[0].disconnected_at is not None)
    left = simulator.requests[0].disconnected_at
    assert left is not None
    assert left - pressed < 1.0
    assert process.stderr.read() == b""


def test_ctrl_c_before_the_first_word_ends_it_too(start: Any, simulate: Simulate, at: At) -> None:
    simulator = simulate(Reply(content="word", first_delay=60))
    process = start("chat", "-m", MODELS[0], "hi", env=at(simulator))
    wait_for(lambda: bool(simulator.requests))
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert time.monotonic() - pressed < 2.0
    wait_for(lambda: simulator.requests[0].disconnected_at is not None)


def test_a_pipe_that_stays_open_can_be_stopped(start: Any) -> None:
    process = start("chat", "-m", MODELS[0], env={}, stdin=subprocess.PIPE)
    timer = threading.Timer(1.5, process.send_signal, [signal.SIGINT])
    timer.start()
    assert process.wait(10) == 130
    timer.join()


def test_a_terminal_gets_dimmed_thinking_and_no_control_characters(
    command: list[str], environ: dict[str, str], simulate: Simulate, at: At, home: Path
) -> None:
    bad = Reply(content=[ThinkingPart(text="hm"), TextPart(text="a\x1b]52;c;x\x07b")])
    env = {**environ, **at(simulate(bad))}
    arguments = [*command, "chat", "-m", MODELS[1], "hi"]
    with Terminal(arguments, env, str(home)) as terminal:
        assert terminal.wait() == 0
    assert "\x1b[2mhm\x1b[0m" in terminal.seen
    assert "\x1b]52" not in terminal.seen
    with Terminal(arguments, {**env, "NO_COLOR": "1"}, str(home)) as terminal:
        assert terminal.wait() == 0
    assert "\x1b" not in terminal.seen
    assert "hm\r\n\r\na" in terminal.seen


def wait_for(condition: Callable[[], bool], seconds: float = 2.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
