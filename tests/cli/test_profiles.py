"""Profiles at the command line, as a user meets them: processes, files, one state for all."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aisopod.simulator import Simulator
from aisopod.simulator.keys import SimulatedKey

Run = Callable[..., Any]
NAMES = ("one", "two", "three")
SECRETS = {name: f"sk-{name}-0123456789" for name in NAMES}
VARIABLES = dict(zip(("OPENAI_API_KEY", "OPENAI_API_KEY_2", "OPENAI_API_KEY_3"), SECRETS.values(), strict=True))  # fmt: skip


@pytest.fixture
def simulator() -> Any:
    keys = {secret: SimulatedKey() for secret in SECRETS.values()}
    with Simulator(keys=keys) as running:
        yield running


@pytest.fixture
def env(simulator: Simulator, home: Path) -> dict[str, str]:
    return {
        "OPENAI_BASE_URL": simulator.url_for("openai"),
        "XDG_DATA_HOME": str(home / ".data"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


def states(run: Run, env: dict[str, str]) -> dict[str, dict[str, Any]]:
    done = run("auth", "status", "openai", "--json", env=env)
    assert done.returncode == 0, done.stderr
    lines = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    return {line["profile"]: line for line in lines}


def test_one_revoked_one_limited_and_an_answer_at_once(
    run: Run, simulator: Simulator, env: dict[str, str], home: Path
) -> None:
    env = {**env, **VARIABLES}
    first, second = (simulator.keys[SECRETS[name]] for name in NAMES[:2])
    first.revoked = True
    second.limit, second.window, second.opened, second.used = 0, 3600.0, None, 0
    outputs = []
    for _ in range(3):
        done = run("chat", "-m", "openai/gpt-4o", "-v", "hi", env=env)
        outputs += [done.stdout, done.stderr]
        assert done.returncode == 0, done.stderr
        assert b"simulated answer" in done.stdout
    assert b"attempt 3: openai/gpt-4o by openai:openai-api-key-3: ok" in outputs[1]
    assert b"attempt 2" not in outputs[-1]  # the next process knows better
    assert first.refused == 1

    done = run("auth", "status", env=env)
    told = done.stdout.decode()
    outputs.append(done.stdout)
    assert "openai:default                disabled" in told
    assert "remedy: correct its key" in told
    assert "openai:openai-api-key-2" in told
    assert "the profile for this model is out for rate_limit, back in" in told
    assert "openai:openai-api-key-3       healthy" in told
    found = states(run, env)
    assert found["openai:default"]["health"] == "disabled"
    assert found["openai:default"]["reason"] == "auth"
    assert found["openai:default"]["rule"].startswith("openai/")
    assert found["openai:openai-api-key-2"]["health"] == "cooling"
    assert found["openai:openai-api-key-3"]["health"] == "healthy"

    done = run("explain", "-m", "openai/gpt-4o", env=env)
    outputs.append(done.stdout)
    assert done.returncode == 0
    assert b"-> openai:openai-api-key-3" in done.stdout

    first.revoked = False
    done = run("auth", "test", "openai:default", env=env)
    assert (done.returncode, done.stdout.strip()[-2:]) == (0, b"ok")
    assert states(run, env)["openai:default"]["health"] == "healthy"
    second.limit = None
    assert run("auth", "reset", "openai:openai-api-key-2", env=env).returncode == 0
    assert {state["health"] for state in states(run, env).values()} == {"healthy"}

    written = b"".join(outputs)
    written += b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    for secret in SECRETS.values():
        assert secret.encode() not in written


def test_profiles_are_added_listed_ordered_and_removed(
    run: Run, simulator: Simulator, env: dict[str, str], home: Path
) -> None:
    secret = SECRETS["one"]
    done = run(
        "auth", "add", "openai:work", "--weight", "2", env=env, stdin=secret.encode() + b"\n"
    )
    assert done.returncode == 0, done.stderr
    file = home / ".data" / "aisopod" / "credentials.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    done = run("auth", "add", "openai:work", env=env, stdin=b"other-0123456789\n")
    assert done.returncode == 2
    assert b"add --replace" in done.stderr
    key = home / "key"
    key.write_text(SECRETS["two"])
    limits = ("--models", "gpt-4*", "--option", "organization=org-1")
    assert run("auth", "add", "openai:spare", "--file", str(key), *limits, env=env).returncode == 0
    assert run("auth", "add", "openai:env", "--env", "MY_KEY", env=env).returncode == 0
    listed = run("auth", "list", "openai", env=env).stdout.decode()
    assert listed.splitlines()[0].split()[:2] == ["openai:work", "api_key"]
    assert "models gpt-4*  organization=org-1" in listed
    assert "MY_KEY" in listed
    assert run("auth", "order", "openai", "spare", "work", env=env).returncode == 0
    assert run("auth", "order", "openai", env=env).stdout.split()[:2] == [b"0", b"openai:spare"]
    done = run("chat", "-m", "openai/gpt-4o", "-v", "hi", env=env)
    assert b"by openai:spare: ok" in done.stderr, done.stderr
    assert run("auth", "add", "openai:off", "--env", "A", "--disabled", env=env).returncode == 0
    assert b"openai:off                    disabled" in run("auth", "list", env=env).stdout
    assert run("auth", "remove", "openai:off", env=env).returncode == 0
    shown = run("config", "show", env=env).stdout
    assert secret.encode() not in shown + listed.encode()
    assert run("auth", "remove", "openai:spare", env=env).returncode == 0
    assert b"spare" not in run("auth", "list", env=env).stdout
    done = run("auth", "remove", "openai:spare", env=env)
    assert done.returncode == 3
    assert b"holds no profile openai:spare" in done.stderr
    for profile in ("work", "env"):
        assert run("auth", "remove", f"openai:{profile}", env=env).returncode == 0
    assert b"profiles." not in file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (("opnai:x",), b"k\n", 3, "did you mean openai"),
        (("openai:x",), b"\n", 2, "no key was given"),
        (("openai:x",), b"sk\x01bad\n", 3, "characters that no key has"),
        (("openai:x", "--env", "A", "--file", "b"), b"", 2, "in one place"),
        (("openai:a b", "--env", "A"), b"", 3, "allowed is a profile's name"),
        (("openai:x", "--base-url", "nope", "--env", "A"), b"", 3, "is no http or https URL"),
        (("openai:x", "--option", "a", "--env", "A"), b"", 2, "NAME=VALUE"),
    ],
)
def test_what_is_wrong_is_told(
    run: Run, env: dict[str, str], home: Path, arguments: tuple[str, ...], stdin: bytes, code: int, said: str
) -> None:  # fmt: skip
    done = run("auth", "add", *arguments, env=env, stdin=stdin)
    assert said in done.stderr.decode()
    assert done.returncode == code
    file = home / ".data" / "aisopod" / "credentials.toml"
    assert not file.exists() or b"profiles" not in file.read_bytes()


def test_a_file_that_is_wrong_is_not_overwritten(run: Run, env: dict[str, str], home: Path) -> None:
    file = home / ".data" / "aisopod" / "credentials.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[providers.openai\nbroken")
    done = run("auth", "add", "openai:x", "--env", "A", env=env)
    assert done.returncode == 3
    assert b"credentials.toml:1: this is no TOML" in done.stderr
    assert file.read_text() == "[providers.openai\nbroken"


def test_a_keyring_that_is_not_there_is_told(run: Run, env: dict[str, str]) -> None:
    env = {**env, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    done = run("auth", "add", "openai:x", "--keyring", env=env, stdin=b"sk-0123456789\n")
    assert done.returncode == 3
    assert b"the keyring takes no key" in done.stderr


def test_nobody_can_be_asked(run: Run, simulator: Simulator, env: dict[str, str]) -> None:
    env = {**env, "OPENAI_API_KEY": SECRETS["one"]}
    simulator.keys[SECRETS["one"]].exhausted = True
    assert run("chat", "-m", "openai/gpt-4o", "hi", env=env).returncode == 1
    done = run("chat", "-m", "openai/gpt-4o", "hi", env=env)
    assert done.returncode == 1
    assert b"out for billing" in done.stderr
    assert b"aisopod auth reset openai:default" in done.stderr
    done = run("explain", "-m", "openai/gpt-4o", "--json", env=env)
    assert done.returncode == 1
    assert msgspec.json.decode(done.stdout)["considered"][0]["reason"] == "billing"
    # That the key is taken does not mean that somebody pays for it.
    assert run("auth", "test", "openai", env=env).returncode == 0
    assert states(run, env)["openai:default"]["reason"] == "billing"
