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


def test_an_order_of_another_shell_locks_nobody_out(
    run: Run, simulator: Simulator, env: dict[str, str]
) -> None:
    names = ("openai-api-key-3", "default")
    done = run("auth", "order", "openai", *names, env={**env, **VARIABLES})
    assert done.returncode == 0, done.stderr
    less = {**env, "OPENAI_API_KEY": SECRETS["one"]}
    done = run("chat", "-m", "openai/gpt-4o", "hi", env=less)
    assert done.returncode == 0, done.stderr
    told = b"there is no profile 'openai-api-key-3' now, it is passed over; there are default"
    for command in (("auth", "status"), ("auth", "order", "openai")):
        done = run(*command, env=less)
        assert (done.returncode, told in done.stderr) == (0, True), done.stderr
    done = run("auth", "order", "openai", "openai-api-key-3", env=less)
    assert done.returncode == 3
    assert b"no profile openai:openai-api-key-3; there are openai:default" in done.stderr
    # With no profile at all, too.
    assert run("auth", "order", "openai", "--clear", env=env).returncode == 0
    assert told not in run("auth", "status", env=less).stderr


def test_one_provider_without_a_key_keeps_no_other_from_being_looked_at(
    run: Run, env: dict[str, str], home: Path
) -> None:
    env = {**env, "OPENAI_API_KEY": SECRETS["one"], "AISOPOD_CONFIG": str(home / "c.toml")}
    (home / "c.toml").write_text("[providers.anthropic]\n[providers.openai]\n")
    done = run("auth", "test", env=env)
    assert done.returncode == 1
    lines = done.stdout.decode().splitlines()
    assert lines[0].split() == ["openai:default", "ok"]
    assert lines[1].startswith("anthropic ")
    assert "not ok: Anthropic needs a key: set ANTHROPIC_API_KEY" in lines[1]
    done = run("auth", "reset", "--all", env=env)
    assert done.returncode == 1
    assert b"openai:default: its failures are forgotten" in done.stderr
    assert b"anthropic: Anthropic needs a key" in done.stderr


def test_a_profile_may_leave_its_credential_to_the_vendor_s_tools(
    run: Run, env: dict[str, str], home: Path
) -> None:
    options = ("--option", "region=eu-west-1", "--option", "profile=work")
    done = run("auth", "add", "bedrock:eu", "--platform", *options, env=env)
    assert done.returncode == 0, done.stderr
    stored = (home / ".data" / "aisopod" / "credentials.toml").read_text()
    assert 'kind = "aws"' in stored
    assert "api_key" not in stored
    listed = run("auth", "list", "bedrock", env=env).stdout.decode()
    assert listed.split()[:2] == ["bedrock:eu", "aws"]
    assert "region=eu-west-1  profile=work" in listed
    done = run("auth", "add", "openai:x", "--platform", env=env)
    assert done.returncode == 2
    assert b"no tools of a vendor find a credential for openai:x: give a key" in done.stderr
    done = run("auth", "add", "bedrock:us", *options, env=env)
    assert done.returncode == 2
    assert b"give --platform" in done.stderr


BAD_PROFILES = [
    ("api_key_command = 'pass \"x'", "this is no command line"),
    ('api_key_command = ""', "api_key_command is empty"),
    ("api_key_command = []", "api_key_command is empty"),
    ("keyring = true", "this system has no keyring"),
    ("", "names no credential"),
]


@pytest.mark.parametrize(("settings", "said"), BAD_PROFILES)
def test_a_bad_profile_is_told_wherever_profiles_are(
    run: Run, env: dict[str, str], home: Path, settings: str, said: str
) -> None:
    file = home / "c.toml"
    file.write_text(f"[providers.openai.profiles.bad]\n{settings}\n")
    env = {
        **env,
        "AISOPOD_CONFIG": str(file),
        "OPENAI_API_KEY": SECRETS["one"],
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    done = run("chat", "-m", "openai/gpt-4o", "hi", env=env)
    assert done.returncode == 0, done.stderr
    state = states(run, env)["openai:bad"]
    assert state["health"] == "unusable"
    assert said in state["reason"]
    done = run("config", "check", env=env)
    assert (done.returncode, done.stderr.decode().count(said)) == (3, 1)
    done = run("explain", "-m", "openai/gpt-4o", env=env)
    assert "openai:bad" in done.stdout.decode()
    del env["OPENAI_API_KEY"]
    done = run("chat", "-m", "openai/gpt-4o", "hi", env=env)
    assert (done.returncode, done.stderr.decode().count(said)) == (3, 1)
    assert b"fault of aisopod" not in done.stderr


@pytest.mark.parametrize("default", ["good", "sonnet", "anthropic/claude-opus-4-8"])
def test_a_default_model_may_be_what_chat_takes(
    run: Run, env: dict[str, str], home: Path, default: str
) -> None:
    file = home / "c.toml"
    file.write_text(
        f'default_model = "{default}"\n[aliases]\n'
        'good = ["mistral/mistral-small", "anthropic/claude-opus-4-8"]\n'
    )
    env = {**env, "AISOPOD_CONFIG": str(file), "ANTHROPIC_API_KEY": "sk-0123456789"}
    done = run("config", "check", env=env)
    assert done.returncode == 0, done.stderr
    del env["ANTHROPIC_API_KEY"]
    assert run("config", "check", env=env).returncode == 3


def test_a_default_model_that_is_none_is_told(run: Run, env: dict[str, str], home: Path) -> None:
    file = home / "c.toml"
    file.write_text('default_model = "goood"\n[aliases]\ngood = "openai/gpt-4o"\n')
    done = run("config", "check", env={**env, "AISOPOD_CONFIG": str(file)})
    assert done.returncode == 3
    assert (
        b"default_model: 'goood' names no provider: did you mean the alias 'good'?" in done.stderr
    )
