"""The other commands, and the command line as a whole."""

import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import aisopod
from aisopod.cli import main
from aisopod.cli.app import aisopod as group
from aisopod.cli.failures import exit_code, told
from aisopod.cli.text import visible
from aisopod.simulator import Simulator

from .conftest import KEY, Run
from .terminal import Terminal, plain

At = Callable[[Simulator], dict[str, str]]
Simulate = Callable[..., Simulator]
DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_version_needs_no_extra(run: Run) -> None:
    code = (
        "import sys; sys.modules['click'] = None; from aisopod.cli import main; "
        "code = main(['--version']); assert code == 0; assert 'msgspec' not in sys.modules; "
        "sys.exit(main(['chat']))"
    )
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.stdout.decode() == f"aisopod {aisopod.__version__}\n"
    assert done.returncode == 3
    assert b"pip install 'aisopod[cli]'" in done.stderr
    assert b"Traceback" not in done.stderr


def test_help_names_every_command_and_exit_code(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capfd.readouterr().out
    for name in (
        "chat",
        "models",
        "usage",
        "pull",
        "auth",
        "doctor",
        "config",
        "simulate",
        "demo",
        "130",
        "broke off",
    ):
        assert name in shown
    assert main([]) == 2
    assert capfd.readouterr().out == shown
    assert main(["config"]) == 2
    assert "check" in capfd.readouterr().out
    assert main(["chta"]) == 2
    assert "usage: " in capfd.readouterr().err


def test_the_document_names_every_option_and_exit_code() -> None:
    import click

    text = (DOCS / "cli.md").read_text()
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        assert f"aisopod {name}" in text
        below = command.commands.values() if isinstance(command, click.Group) else ()
        for parameter in [*command.params, *(p for each in below for p in each.params)]:
            for option in parameter.opts:
                if option.startswith("--") and name != "demo":
                    assert f"`{option}" in text or f", `{option}" in text, option
    for code in (0, 1, 2, 3, 4, 130):
        assert f"| {code} |" in text


@pytest.mark.parametrize(
    "name", [name for name in aisopod.errors.__all__ if name.endswith("Error")]
)
def test_every_error_has_a_code_and_a_block(name: str) -> None:
    kind = getattr(aisopod, name)
    needed: dict[str, Any] = {
        "InvalidRequestError": {"field": "messages", "remedy": "Give one"},
        "UnsupportedFeatureError": {"field": "messages", "remedy": "Give one"},
        "OutputValidationError": {"text": ""},
        "ProtocolError": {"dialect": "sse"},
    }
    error = kind("it went wrong\nvery", **needed.get(name, {}))
    wanted = 1
    if isinstance(error, aisopod.ConfigurationError):
        wanted = 3
    if isinstance(error, aisopod.InvalidRequestError):
        wanted = 2
    assert exit_code(error) == wanted
    block = told(error)
    assert re.match(r"error: [a-z ]+: ", block)
    assert all(line.startswith("  ") for line in block.splitlines()[1:])
    error.partial = aisopod.ChatCompletion(
        id="", model="", message=aisopod.Message(role="assistant", content="half")
    )
    assert exit_code(error) == 4


def test_a_fault_of_our_own_is_told_as_one() -> None:
    assert exit_code(ZeroDivisionError()) == 1
    assert "report it" in told(ZeroDivisionError("x"))


def test_text_from_elsewhere_cannot_steer_the_terminal() -> None:
    assert visible("a\x1b[2Jb\x9b1m\x07c\r\n\td\x7f") == "a�[2Jb�1m�c\n\td�"
    assert visible("grüße 🙂\n") == "grüße 🙂\n"


def test_models_are_listed_for_pipes_and_programs(run: Run, simulate: Simulate, at: At) -> None:
    simulator = simulate()
    done = run("models", "openai", env=at(simulator))
    assert done.returncode == 0, done.stderr
    assert all(line.startswith(b"openai/") for line in done.stdout.splitlines())
    done = run("models", env=at(simulator))
    providers = {line.partition(b"/")[0] for line in done.stdout.splitlines()}
    assert providers >= {b"openai", b"anthropic"}
    done = run("models", "ollama", "--json", env=at(simulator))
    found = [
        msgspec.json.decode(line, type=aisopod.ModelFacts) for line in done.stdout.splitlines()
    ]
    assert {model.provider for model in found} == {"ollama"}


def test_one_provider_that_fails_does_not_hide_the_others(
    run: Run, simulate: Simulate, at: At
) -> None:
    env = {**at(simulate()), "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    done = run("models", env=env)
    assert done.returncode == 1
    assert b"anthropic/" in done.stdout
    assert done.stderr.startswith(b"error: connect: ")


def test_without_a_provider_models_says_what_to_set(run: Run) -> None:
    done = run("models")
    assert done.returncode == 3
    assert b"ANTHROPIC_API_KEY" in done.stderr
    assert run("models", "opnai").returncode == 3


def test_a_terminal_gets_columns(
    command: list[str], environ: dict[str, str], simulate: Simulate, at: At, home: Path
) -> None:
    env = {**environ, **at(simulate())}
    with Terminal([*command, "models", "anthropic"], env, str(home)) as terminal:
        assert terminal.wait() == 0
    assert re.search(r"anthropic/\S+", terminal.seen)


def test_a_download_shows_its_progress(
    run: Run, command: list[str], environ: dict[str, str], simulate: Simulate, at: At, home: Path
) -> None:
    simulator = simulate()
    done = run("pull", "ollama/qwen3", env=at(simulator))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "pulling manifest"
    assert "100% of 1,000 bytes" in done.stdout.decode()
    assert lines[-1] == "ollama/qwen3 is here"
    assert b"\x1b" not in done.stdout
    with Terminal([*command, "pull", "ollama/qwen3"], {**environ, **at(simulator)}, str(home)) as t:
        assert t.wait() == 0
    assert "ollama/qwen3 is here" in plain(t.seen)
    assert "━" in t.seen


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [("qwen3", 3, "provider/model"), ("openai/x", 2, "downloads no models"), ("opnai/x", 3, "")],
)
def test_a_download_that_cannot_be(
    run: Run, simulate: Simulate, at: At, model: str, code: int, said: str
) -> None:
    done = run("pull", model, env=at(simulate()))
    assert done.returncode == code, done.stderr
    assert said in done.stderr.decode()


def test_the_configuration_is_shown_without_its_keys(run: Run, home: Path) -> None:
    file = home / "aisopod.toml"
    file.write_text(
        f'default_model = "a/b"\n[providers.openai]\napi_key = "{KEY}"\n'
        f'headers = {{ x-key = "{KEY}" }}\n'
    )
    done = run("config", "show", env={"AISOPOD_MODEL": "openai/c"})
    shown = done.stdout.decode()
    assert shown.startswith(f"# from {file}\n")
    assert 'default_model = "openai/c"' in shown
    assert 'api_key = "***"' in shown
    assert KEY not in shown


def test_the_files_that_count_are_named(run: Run, home: Path) -> None:
    done = run("config", "path")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"config.toml" in done.stderr
    file = home / "aisopod.toml"
    file.touch()
    assert run("config", "path").stdout.decode() == f"{file}\n"
    other = home / "other.toml"
    other.touch()
    assert run("--config", "other.toml", "config", "path").stdout.decode() == "other.toml\n"
    done = run("--config", "gone.toml", "config", "path")
    assert done.returncode == 3


CHECKS: list[tuple[str, str, dict[str, str], int, str]] = [
    ("sound", '[providers.openai]\napi_key_env = "K"', {"K": "k"}, 0, "is sound (1 file)"),
    ("key", "[providers.openai]\ntimeouts.idel = 1", {}, 3, "did you mean idle?"),
    ("no credential", "[providers.openai]", {}, 3, "OPENAI_API_KEY"),
    ("address", '[providers.ollama]\nbase_url = "ftp://x"', {}, 3, "providers.ollama.base_url"),
    ("provider", "[providers.opnai]", {}, 3, "openai"),
    ("option", '[providers.openai]\napi_key_env = "K"\noptions.orga = "x"', {"K": "k"}, 3, "providers.openai.options.orga"),
    ("default", 'default_model = "gpt-4o"', {}, 3, "default_model: 'gpt-4o'"),
    ("default's key", 'default_model = "groq/x"', {}, 3, "GROQ_API_KEY"),
    ("ca bundle", '[network]\nca_bundle = "no.pem"\n[providers.ollama]', {}, 3, "no.pem"),
    ("proxy", '[network]\nproxy = "socks5://x"', {}, 3, "SOCKS is not supported"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "env", "code", "said"), [row[1:] for row in CHECKS], ids=[row[0] for row in CHECKS]
)
def test_the_configuration_is_checked(
    run: Run, home: Path, text: str, env: dict[str, str], code: int, said: str
) -> None:
    (home / "aisopod.toml").write_text(text)
    done = run("config", "check", env=env)
    assert done.returncode == code, done.stderr
    assert said in (done.stdout + done.stderr).decode()
    assert b"Traceback" not in done.stderr


def test_a_key_that_others_may_read_is_warned_of(run: Run, home: Path) -> None:
    file = home / "aisopod.toml"
    file.write_text(f'[providers.openai]\napi_key = "{KEY}"')
    file.chmod(0o644)
    done = run("config", "check")
    assert done.returncode == 0
    assert f"chmod 600 {file}" in done.stdout.decode()
    file.chmod(0o600)
    assert "warning" not in run("config", "check").stdout.decode()


def test_the_simulator_says_where_and_what_it_is(start: Any, run: Run) -> None:
    process = start("simulate", env={})
    first = process.stdout.readline()
    assert b"SIMULATED" in first
    urls = dict(process.stdout.readline().decode().split() for _ in range(3))
    done = run(
        "chat", "-m", "openai/any", "hi", "--base-url", urls["openai"], env={"OPENAI_API_KEY": KEY}
    )
    assert b"simulated" in done.stdout
    port = urls["openai"].split(":")[2].partition("/")[0]
    done = run("simulate", "--port", port)
    assert done.returncode == 3
    assert b"cannot listen" in done.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert process.stderr.read() == b""
