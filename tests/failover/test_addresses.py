"""What is remembered is about an address: another one's troubles are its own."""

from pathlib import Path

import pytest

from aisopod import (
    AisopodError,
    AsyncClient,
    AuthenticationError,
    Config,
    ConnectError,
    FailoverConfig,
    ProfileConfig,
    ProviderConfig,
    Secret,
)
from aisopod.providers.registry import custom, find
from aisopod.routing.subjects import address_mark, are_about
from aisopod.simulator import Simulator
from aisopod.stores.sqlite import SqliteStore
from failover.conftest import OPENAI, World

DEAD = "http://127.0.0.1:9/v1"
ONCE = FailoverConfig(max_wait=0, max_retries=0)


def one_key(url: str | None, state: str, **profile: str) -> AsyncClient:
    settings = {"a": ProfileConfig(api_key=Secret("sk-a-0123456789"), **profile)}  # type: ignore[arg-type]
    provider = ProviderConfig(base_url=url, profiles=settings)
    return AsyncClient(Config(providers={"openai": provider}, failover=ONCE, state=state))


async def test_a_dead_address_of_one_call_is_its_own(world: World) -> None:
    client = world.client("a", failover=ONCE)
    with pytest.raises(ConnectError):
        await client.complete(OPENAI, "hi", base_url=DEAD)
    assert (await client.complete(OPENAI, "hi")).text == "fine"
    # And it is remembered there.
    with pytest.raises(AisopodError) as caught:
        await client.complete(OPENAI, "hi", base_url=DEAD)
    assert caught.value.attempts == ()


async def test_a_refusal_at_the_address_of_one_call_is_its_own(world: World) -> None:
    async with Simulator(require_key="another") as strict:
        client = world.client("a", failover=ONCE)
        elsewhere = strict.url_for("openai")
        with pytest.raises(AuthenticationError):
            await client.complete(OPENAI, "hi", base_url=elsewhere)
        assert (await client.complete(OPENAI, "hi")).text == "fine"
        assert (await client.explain(OPENAI)).chosen is not None
        asked = len(strict.requests)
        with pytest.raises(AisopodError):
            await client.complete(OPENAI, "hi", base_url=elsewhere)
        assert len(strict.requests) == asked
        # What is forgotten by hand, is forgotten everywhere.
        await client.reset_profile("openai:a")
        with pytest.raises(AuthenticationError):
            await client.complete(OPENAI, "hi", base_url=elsewhere)
        assert len(strict.requests) == asked + 1


@pytest.mark.parametrize("by", ["configuration", "variable", "profile"])
async def test_a_gateway_of_another_project_is_another(
    by: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = f"sqlite:{tmp_path / 'state.sqlite'}"
    if by == "variable":
        monkeypatch.setenv("OPENAI_BASE_URL", DEAD)
    given = {"base_url": DEAD} if by == "profile" else {}
    client = one_key(DEAD if by == "configuration" else None, state, **given)
    async with client:
        with pytest.raises(ConnectError):
            await client.complete(OPENAI, "hi")
        [own] = [each for each in await client.profile_states("openai") if not each.model]
        assert own.state in {"out", "probe"}
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    async with one_key(world.simulator.url_for("openai"), state) as other:
        assert (await other.complete(OPENAI, "hi")).text == "fine"


async def test_no_secret_of_an_address_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite"
    address = "http://127.0.0.1:9/planted-1?key=planted-2"
    async with one_key(None, f"sqlite:{file}", base_url=address) as client:
        with pytest.raises(AisopodError):
            await client.complete(OPENAI, "hi")
    keys = list(SqliteStore(file).scan().records)
    assert keys
    assert all("127.0.0.1-" in key and "planted" not in key for key in keys)


def test_the_own_address_has_the_plain_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    openai = find("openai")
    assert address_mark(openai, Config(), None) == ""  # type: ignore[arg-type]
    assert address_mark(openai, Config(), "https://api.openai.com/v1/") == ""  # type: ignore[arg-type]
    assert "planted" not in address_mark(openai, Config(), "https://planted:planted@gw/")  # type: ignore[arg-type]
    marks = {address_mark(openai, Config(), url) for url in (DEAD, DEAD + "/x", "http://b/v1")}  # type: ignore[arg-type]
    assert len(marks) == 3
    assert "" not in marks
    monkeypatch.setenv("OPENAI_BASE_URL", DEAD)
    assert address_mark(openai, Config(), None) in marks  # type: ignore[arg-type]


def test_what_only_a_configuration_knows_has_no_own_address() -> None:
    config = Config(providers={"mine": ProviderConfig(base_url=DEAD)})
    assert address_mark(custom("mine", "openai", DEAD), config, None) != ""


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("profile/openai:a", True),
        ("profile/openai:a~gw-12", True),
        ("profile/openai:ab", False),
        ("pair/openai:a~gw-12/gpt-4o", True),
        ("pair/openai:b/gpt-4o", False),
        ("model/openai/gpt-4o", True),
        ("model/openai~gw-12/gpt-4o", True),
        ("model/openai-2/gpt-4o", False),
        ("provider/openai~gw-12", True),
        ("session/openai/1234", False),
    ],
)
def test_which_keys_a_profile_is_kept_under(key: str, expected: bool) -> None:
    assert are_about(key, "openai:a") is expected
