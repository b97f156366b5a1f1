"""Secrets that change, cannot be read, or come later, under a client that goes on running."""

import asyncio
from pathlib import Path
from typing import Any

import keyring
import keyring.errors
import pytest
from keyring.backend import KeyringBackend

from aisopod import (
    AllAttemptsFailedError,
    AsyncClient,
    AuthenticationError,
    ConfigurationError,
    CooldownConfig,
    MissingCredentialError,
    ProfileConfig,
    Secret,
)
from aisopod.config import stored
from failover.conftest import CLAUDE, OPENAI, World

KEY = "sk-{}-0123456789"
WRONG = "sk-wrong-0123456789"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at now and then is looked at each time."""
    monkeypatch.setattr("aisopod.routing.pool.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("aisopod.routing.keys.REREAD_SECONDS", 0.0)


async def by(client: AsyncClient, count: int = 1) -> list[str]:
    """Who answers so many requests, one after the other."""
    answers = [await client.complete(OPENAI, "hi") for _ in range(count)]
    return [answer.attempts[-1].profile.removeprefix("openai:") for answer in answers]


class Command:
    """A command that prints what a file holds, fails without it, and counts how often it runs."""

    def __init__(self, folder: Path) -> None:
        self.secret = folder / "secret"
        self._runs = folder / "runs"
        script = f"echo x >> {self._runs}; sleep 0.05; cat {self.secret}"
        self.profile = ProfileConfig(api_key_command=["sh", "-c", script])

    @property
    def runs(self) -> int:
        return self._runs.read_text().count("x") if self._runs.exists() else 0


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


class InMemory(KeyringBackend):
    """A keyring that works."""

    priority = 1

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> InMemory:
    made = InMemory()
    monkeypatch.setattr(keyring, "get_password", made.get_password)
    monkeypatch.setattr(keyring, "set_password", made.set_password)
    monkeypatch.setattr(keyring, "delete_password", made.delete_password)
    return made


# --- commands and keyrings -----------------------------------------------------------------------


async def test_a_command_s_secret_is_read_again_once_it_was_refused(
    world: World, command: Command, at_once: None
) -> None:
    command.secret.write_text(WRONG)
    client = world.client(provider={"profiles": {"pass": command.profile}})
    with pytest.raises(AuthenticationError):
        await client.complete(OPENAI, "hi")
    command.secret.write_text(KEY.format("a"))
    # It is out for ten minutes; who has nobody else waits for its secret, which is another now.
    assert await by(client, 2) == ["pass", "pass"]


async def test_a_refused_command_runs_seldom(world: World, command: Command) -> None:
    command.secret.write_text(WRONG)
    client = world.client("b", provider={"profiles": {"pass": command.profile}, "order": ["pass"]})
    assert await by(client, 10) == ["b"] * 10
    await asyncio.sleep(0.2)
    assert command.runs == 1


async def test_the_one_that_tries_again_does_so_with_the_secret_of_now(
    world: World, command: Command, at_once: None
) -> None:
    command.secret.write_text(WRONG)
    client = world.client(
        provider={"profiles": {"pass": command.profile}}, cooldowns=CooldownConfig(auth=(0.1,))
    )
    with pytest.raises(AuthenticationError):
        await client.complete(OPENAI, "hi")
    command.secret.write_text(KEY.format("a"))
    await asyncio.sleep(0.2)
    assert await by(client) == ["pass"]


async def test_a_reset_reads_the_secret_again(world: World, command: Command) -> None:
    command.secret.write_text(WRONG)
    client = world.client(provider={"profiles": {"pass": command.profile}})
    with pytest.raises(AuthenticationError):
        await client.complete(OPENAI, "hi")
    command.secret.write_text(KEY.format("a"))
    await client.reset_profile("openai:pass")
    assert await by(client, 3) == ["pass"] * 3
    assert command.runs == 2


async def test_a_check_is_of_the_secret_of_now(world: World, command: Command) -> None:
    command.secret.write_text(WRONG)
    client = world.client(provider={"profiles": {"pass": command.profile}})
    with pytest.raises(AuthenticationError):
        await client.complete(OPENAI, "hi")
    command.secret.write_text(KEY.format("a"))
    assert (await client.check_profile("openai:pass")).authorised
    assert await by(client) == ["pass"]


async def test_a_command_that_fails_is_not_run_for_each_request(
    world: World, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aisopod.routing.pool.LOOK_SECONDS", 0.0)
    client = world.client("b", provider={"profiles": {"pass": command.profile}, "order": ["pass"]})
    assert await by(client, 3) == ["b"] * 3
    assert command.runs == 1
    answer = await client.complete(OPENAI, "hi")
    assert [attempt.profile for attempt in answer.attempts] == ["openai:b"]
    explained = await client.explain(OPENAI)
    assert explained.considered[0].state == "unusable"
    assert "ended with" in explained.considered[0].reason
    command.secret.write_text(KEY.format("a"))
    monkeypatch.setattr("aisopod.routing.keys.REREAD_SECONDS", 0.0)
    assert await by(client, 2) == ["pass", "pass"]


async def test_a_command_that_fails_takes_no_secret_away(
    world: World, command: Command, at_once: None
) -> None:
    """A password manager may be locked by the time that the window ends."""
    command.secret.write_text(KEY.format("a"))
    client = world.client(
        provider={"profiles": {"pass": command.profile}}, cooldowns=CooldownConfig(auth=(0.1,))
    )
    world.fail("a", status=401)
    with pytest.raises(AuthenticationError):
        await client.complete(OPENAI, "hi")
    command.secret.unlink()
    await asyncio.sleep(0.2)
    assert await by(client) == ["pass"]


async def test_a_keyring_is_read_and_read_again(
    world: World, vault: InMemory, at_once: None
) -> None:
    stored.put_into_keyring("openai:ring", WRONG)
    client = world.client(provider={"profiles": {"ring": ProfileConfig(keyring=True)}})
    with pytest.raises(AuthenticationError):
        await client.complete(OPENAI, "hi")
    stored.put_into_keyring("openai:ring", KEY.format("a"))
    assert await by(client, 3) == ["ring"] * 3
    stored.delete_from_keyring("openai:ring")
    with pytest.raises(MissingCredentialError, match="the keyring holds no key for it"):
        await world.client(provider={"profiles": {"ring": ProfileConfig(keyring=True)}}).complete(
            OPENAI, "hi"
        )


async def test_no_keyring_at_all_is_told_with_what_to_do(
    world: World, vault: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(service: str, username: str) -> str:
        raise keyring.errors.NoKeyringError

    monkeypatch.setattr(keyring, "get_password", none)
    client = world.client("b", provider={"profiles": {"ring": ProfileConfig(keyring=True)}})
    states = {state.profile: state for state in await client.profile_states("openai")}
    assert states["openai:ring"].state == "unusable"
    assert "has no keyring" in states["openai:ring"].reason
    assert "--env, --file or --command" in states["openai:ring"].reason
    assert states["openai:b"].state == "ready"


# --- the credentials file ------------------------------------------------------------------------


class Stored:
    """A client of files, as most are, and what another process does to its credentials."""

    def __init__(self, world: World, folder: Path) -> None:
        self.file = folder / "credentials.toml"
        config = folder / "config.toml"
        config.write_text(
            f'state = "memory"\n[failover]\nmax_wait = 0\n[providers.openai]\n'
            f'base_url = "{world.simulator.url_for("openai")}"\n'
        )
        self._config = config
        self._world = world

    def keep(self, **keys: str) -> None:
        def change(values: dict[str, Any]) -> None:
            table = stored.stored_provider(values, "openai").setdefault("profiles", {})
            table.update({name: {"api_key": key} for name, key in keys.items()})

        stored.change_stored(change)

    def client(self) -> AsyncClient:
        client = AsyncClient(str(self._config))
        self._world.clients.append(client)
        return client


@pytest.fixture
def kept(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stored:
    made = Stored(world, tmp_path)
    monkeypatch.setenv("AISOPOD_CREDENTIALS", str(made.file))
    return made


async def test_a_key_that_is_replaced_counts_at_once(kept: Stored) -> None:
    kept.keep(a=WRONG)
    client = kept.client()
    with pytest.raises(AuthenticationError):
        await client.complete(OPENAI, "hi")
    with pytest.raises(AllAttemptsFailedError):
        await client.complete(OPENAI, "hi")
    kept.keep(a=KEY.format("a"))
    assert await by(client, 2) == ["a", "a"]


async def test_a_profile_that_is_added_helps_one_that_is_out(kept: Stored) -> None:
    kept.keep(a=WRONG)
    client = kept.client()
    with pytest.raises(AuthenticationError):
        await client.complete(OPENAI, "hi")
    kept.keep(b=KEY.format("b"))
    assert await by(client, 2) == ["b", "b"]


async def test_a_broken_credentials_file_takes_nothing_away(
    kept: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    kept.keep(a=WRONG, b=KEY.format("b"))
    client = kept.client()
    assert await by(client) == ["b"]
    kept.file.write_text("[providers")
    assert await by(client, 3) == ["b"] * 3
    assert caplog.text.count("the profiles stay as they were") == 1


async def test_what_a_stronger_file_says_stays(kept: Stored) -> None:
    kept.keep(a=KEY.format("a"))
    with kept._config.open("a") as file:
        file.write(f'[providers.openai.profiles.a]\napi_key = "{WRONG}"\n')
    client = kept.client()
    with pytest.raises(AuthenticationError):
        await client.complete(OPENAI, "hi")
    kept.keep(a=KEY.format("b"))
    with pytest.raises(AllAttemptsFailedError):
        await client.complete(OPENAI, "hi")


# --- what could not be read ----------------------------------------------------------------------


async def test_a_key_that_cannot_be_read_is_passed_over_until_it_can(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: None
) -> None:
    file = tmp_path / "key"
    monkeypatch.delenv("LATE", raising=False)
    profiles = {
        "file": ProfileConfig(api_key_file=str(file)),
        "late": ProfileConfig(api_key_env="LATE"),
    }
    client = world.client("b", provider={"profiles": profiles, "order": ["file", "late"]})
    assert await by(client, 2) == ["b", "b"]
    states = {state.profile: state for state in await client.profile_states("openai")}
    assert states["openai:file"].state == "unusable"
    assert "No such file" in states["openai:file"].reason
    monkeypatch.setenv("LATE", KEY.format("c"))
    assert await by(client) == ["late"]
    file.write_text(KEY.format("a"))
    assert await by(client) == ["file"]


async def test_a_candidate_without_any_key_may_get_one(
    world: World, monkeypatch: pytest.MonkeyPatch, at_once: None
) -> None:
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    client = world.client("b")
    chain = ["mistral/mistral-small", OPENAI]
    assert (await client.complete(models=chain, prompt="hi")).attempts[0].profile == "openai:b"
    monkeypatch.setenv("MISTRAL_API_KEY", "k-0123456789")
    explained = await client.explain(models=chain)
    assert explained.chosen is not None
    assert explained.chosen.profile == "mistral:default"


async def test_a_fallback_without_a_key_hides_no_renewal(world: World, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(WRONG)
    client = world.client(provider={"profiles": {"file": ProfileConfig(api_key_file=str(file))}})
    chain = [OPENAI, "mistral/mistral-small"]
    for _ in range(2):
        with pytest.raises((AuthenticationError, AllAttemptsFailedError)):
            await client.complete(models=chain, prompt="hi")
    file.write_text(KEY.format("a"))
    assert (await client.complete(models=chain, prompt="hi")).text == "fine"


async def test_a_healthy_client_looks_at_no_file(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text(KEY.format("a"))
    client = world.client(
        "b", provider={"profiles": {"file": ProfileConfig(api_key_file=str(file))}}
    )
    assert sorted(await by(client, 2)) == ["b", "file"]
    looks: list[object] = []
    monkeypatch.setattr("aisopod.config.profiles.file_stamp", looks.append)
    monkeypatch.setattr("aisopod.config.file_stamp", looks.append)
    await by(client, 4)
    assert looks == []


BAD = [
    ProfileConfig(api_key_command='pass "x'),
    ProfileConfig(api_key_command=""),
    ProfileConfig(api_key_command=[]),
    ProfileConfig(api_key=Secret("sk-\u201csmart\u201d")),
    ProfileConfig(),
    ProfileConfig(kind="token"),
    ProfileConfig(api_key_file="/nowhere/key"),
]


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_a_bad_profile_takes_nothing_from_the_others(
    world: World, bad: ProfileConfig, caplog: pytest.LogCaptureFixture
) -> None:
    client = world.client("b", provider={"profiles": {"bad": bad}, "order": ["bad", "b"]})
    assert await by(client, 3) == ["b"] * 3
    assert caplog.text.count("openai:bad is passed over: ") == 1
    explained = await client.explain(OPENAI)
    assert explained.considered[0].state == "unusable"
    assert "openai" in explained.considered[0].reason
    states = {state.profile: state.state for state in await client.profile_states("openai")}
    assert states == {"openai:bad": "unusable", "openai:b": "ready"}
    alone = world.client(provider={"profiles": {"bad": bad}})
    with pytest.raises(ConfigurationError, match=r"providers\.openai\.profiles\.bad"):
        await alone.complete(OPENAI, "hi")
    assert (await alone.complete(models=[OPENAI, CLAUDE], prompt="hi")).text == "fine"


@pytest.mark.parametrize("bad", ["OPENAI_API_KEY", "OPENAI_API_KEY_2"])
async def test_a_bad_variable_takes_nothing_from_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_API_KEY_2"):
        monkeypatch.setenv(name, "sk-\u201csmart\u201d" if name == bad else KEY.format("a"))
    client = world.client()
    assert (await client.complete(OPENAI, "hi")).text == "fine"
    reasons = [state.reason for state in await client.profile_states("openai")]
    assert sorted(reasons) == ["", f"{bad} holds characters that no key has, such as a line break"]


async def test_the_first_key_may_have_a_number(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY_1", KEY.format("a"))
    monkeypatch.setenv("OPENAI_API_KEY_2", KEY.format("b"))
    assert await by(world.client(), 2) == ["openai-api-key-1", "openai-api-key-2"]
    monkeypatch.setenv("OPENAI_API_KEY", KEY.format("a"))
    assert await by(world.client(), 3) == ["default", "openai-api-key-2", "default"]


async def test_a_numbered_variable_that_changes_counts_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEYS", f"{WRONG},{KEY.format('b')}")
    client = world.client()
    assert await by(client, 2) == ["openai-api-keys-2"] * 2
    monkeypatch.setenv("OPENAI_API_KEYS", f"{KEY.format('a')},{KEY.format('b')}")
    assert "openai-api-keys-1" in await by(client, 2)
