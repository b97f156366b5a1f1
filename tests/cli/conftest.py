"""The command line as its users meet it: a process with streams, and sometimes a terminal."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aisopod.simulator import Reply, Simulator

KEY = "sk-planted-7c1f0e9d"

Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    """What every process gets; no key, no file and no proxy of this machine's user."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_STATE_HOME": str(home / ".state"),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        # What is left open would show on stderr.
        "PYTHONWARNINGS": "error",
    }


@pytest.fixture
def command() -> list[str]:
    return [sys.executable, "-m", "aisopod.cli"]


@pytest.fixture
def run(command: list[str], environ: dict[str, str], home: Path) -> Run:
    """Run aisopod to its end, with `stdin` as its input."""

    def run(
        *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*command, *arguments],
            input=stdin,
            capture_output=True,
            env={**environ, **(env or {})},
            cwd=options.pop("cwd", home),
            timeout=30,
            check=False,
        )

    return run


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulator]]:
    """Start a simulator in a thread; every one is stopped at the end."""
    started: list[Simulator] = []

    def simulate(*replies: Reply, **options: Any) -> Simulator:
        simulator = Simulator(list(replies) or None, **options)
        simulator.__enter__()
        started.append(simulator)
        return simulator

    yield simulate
    for simulator in started:
        simulator.__exit__(None, None, None)


@pytest.fixture
def at(environ: dict[str, str]) -> Callable[[Simulator], dict[str, str]]:
    """The environment in which all three providers are the simulator, with the planted key."""

    def at(simulator: Simulator) -> dict[str, str]:
        return {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": simulator.url_for("openai"),
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": simulator.url_for("anthropic"),
            "OLLAMA_HOST": simulator.url_for("ollama"),
        }

    return at


@pytest.fixture
def start(command: list[str], environ: dict[str, str], home: Path) -> Iterator[Any]:
    """Start aisopod and leave it running; it is ended at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, env: dict[str, str], **options: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*command, *arguments],
            env={**environ, **env},
            cwd=home,
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()
