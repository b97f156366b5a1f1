"""Listings are asked for once, kept, shared by processes, and never stop anybody."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from aisopod import AsyncClient, Config, ProviderConfig, Secret
from aisopod.discovery.cache import Listing, ListingCache
from aisopod.discovery.listings import Discovery
from aisopod.errors import AisopodError, AuthenticationError, TotalTimeoutError
from aisopod.simulator import Reply, Simulator
from aisopod.types import ModelInfo

LISTER = """
import asyncio, sys, time
from pathlib import Path
from aisopod.discovery.cache import ListingCache
from aisopod.discovery.listings import Discovery
from aisopod.types import ModelInfo
folder, asked, start = sys.argv[1:]
async def ask(provider):
    with open(asked, "a") as file:
        file.write("x")
    await asyncio.sleep(0.5)
    return [ModelInfo(id="m", provider=provider)]
discovery = Discovery(ask, lambda _: "", ListingCache(Path(folder)))
time.sleep(max(float(start) - time.time(), 0))
found = asyncio.run(discovery.refresh(["p"]))
assert [model.id for model in found.listings["p"].models] == ["m"], found
"""


class Providers:
    """Providers of the test's own; `tell` says what they list, or raise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tell: dict[str, list[str] | AisopodError] = {"a": ["a1", "a2"], "b": ["b1"]}
        self.asked: list[str] = []
        self.delay = 0.0

    async def ask(self, provider: str) -> list[ModelInfo]:
        self.asked.append(provider)
        await asyncio.sleep(self.delay)
        told = self.tell[provider]
        if isinstance(told, AisopodError):
            raise told
        return [
            ModelInfo(id=name, provider=provider, capabilities=frozenset({"tools"}), raw={"n": 1})
            for name in told
        ]

    def discovery(self, account: str = "", **settings: float) -> Discovery:
        return Discovery(self.ask, lambda _: account, ListingCache(self.folder), **settings)


@pytest.fixture
def providers(tmp_path: Path) -> Providers:
    return Providers(tmp_path / "listings")


def names(listing: Listing) -> list[str]:
    return [model.id for model in listing.models]


async def test_a_provider_is_asked_once_and_then_known(providers: Providers) -> None:
    found = await providers.discovery().find(["a", "b"])
    assert names(found.listings["a"]) == ["a1", "a2"]
    again = await providers.discovery().find(["a", "b"])
    assert again == found
    assert sorted(providers.asked) == ["a", "b"]
    assert providers.discovery().known(["a"]).listings == {"a": found.listings["a"]}
    assert found.problems == {}
    assert found.stale == frozenset()


async def test_an_old_listing_serves_and_is_said_to_be_old(
    providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await providers.discovery().find(["a"])
    for later in (3601.0, -100.0):  # and of a clock that was set back
        then = time.time() + later
        monkeypatch.setattr(time, "time", partial(float, then))
        found = await providers.discovery(ttl=3600).find(["a"])
        assert names(found.listings["a"]) == ["a1", "a2"]
        assert found.stale == {"a"}
        monkeypatch.undo()
    assert providers.asked == ["a"]


async def test_who_fails_keeps_what_was_known_and_hides_nobody(providers: Providers) -> None:
    await providers.discovery().find(["a", "b"])
    providers.tell = {"a": AuthenticationError("no"), "b": ["b2"]}
    found = await providers.discovery().refresh(["a", "b"])
    assert names(found.listings["a"]) == ["a1", "a2"]
    assert names(found.listings["b"]) == ["b2"]
    assert isinstance(found.problems["a"], AuthenticationError)
    providers.tell["c"] = AuthenticationError("no")
    found = await providers.discovery().find(["b", "c"])
    assert found.listings.keys() == {"b"}
    assert found.problems.keys() == {"c"}


async def test_who_takes_too_long_is_told(providers: Providers) -> None:
    providers.delay = 30
    found = await providers.discovery(deadline=0.05).find(["a"])
    assert isinstance(found.problems["a"], TotalTimeoutError)
    assert "0.05 s" in str(found.problems["a"])


async def test_all_are_asked_at_the_same_time(providers: Providers) -> None:
    providers.tell = {str(number): [f"m{number}"] for number in range(20)}
    providers.delay = 0.2
    found = await providers.discovery(deadline=3).find(providers.tell)
    assert len(found.listings) == 20


async def test_accounts_have_listings_of_their_own(providers: Providers) -> None:
    await providers.discovery("one").find(["a"])
    providers.tell["a"] = ["other"]
    assert names((await providers.discovery("two").find(["a"])).listings["a"]) == ["other"]
    assert names((await providers.discovery("one").find(["a"])).listings["a"]) == ["a1", "a2"]


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:40])


def newer(file: Path) -> None:
    kept = msgspec.json.decode(file.read_bytes())
    file.write_bytes(msgspec.json.encode(kept | {"format": 99}))


def with_bytes_that_are_no_text(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"a1", b"a\xff"))


def of_a_time(at: float) -> Callable[[Path], None]:
    def spoil(file: Path) -> None:
        kept = msgspec.json.decode(file.read_bytes())
        kept["listing"]["at"] = at
        file.write_bytes(msgspec.json.encode(kept))

    return spoil


def of_somebody_else(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"provider":"a"', b'"provider":"b"'))


def deep(file: Path) -> None:
    file.write_bytes(b"[" * 100_000)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGES = [cut, with_bytes_that_are_no_text, of_a_time(1e300), of_a_time(-1e18), of_somebody_else, deep]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_file_is_set_aside(
    providers: Providers, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    await providers.discovery().find(["a"])
    [file] = providers.folder.glob("*.json")
    damage(file)
    data = file.read_bytes()
    assert providers.discovery().known(["a"]).listings == {}
    assert "damaged" in caplog.text
    assert [each.read_bytes() for each in providers.folder.glob("*.damaged")] == [data]
    assert not file.exists()


@pytest.mark.parametrize("spoil", [*DAMAGES, newer, a_folder])
async def test_no_kept_listing_costs_an_answer(
    spoil: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it cost was looked up when all of it was there, and lost it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    async with Simulator([Reply(content="all of it")]) as simulator:
        settings = ProviderConfig(base_url=simulator.url_for("openai"), api_key=Secret("sk-0123"))
        config = Config(providers={"openai": settings}, state="memory")
        async with AsyncClient(config) as client:
            await client.models("openai")
        [file] = (tmp_path / "aisopod" / "models").glob("*.json")
        spoil(file)
        async with AsyncClient(config) as client:
            assert (await client.stream("openai/gpt-4o", "hi").collect()).text == "all of it"
            assert (await client.models("openai")).problems == {}
            assert client.model("openai/gpt-4o").context_window == 128_000


@pytest.mark.parametrize("spoil", [cut, newer])
async def test_a_spoiled_file_is_asked_for_again(
    providers: Providers, spoil: Callable[[Path], None]
) -> None:
    await providers.discovery().find(["a"])
    [file] = providers.folder.glob("*.json")
    spoil(file)
    assert names((await providers.discovery().find(["a"])).listings["a"]) == ["a1", "a2"]
    assert providers.asked == ["a", "a"]
    assert providers.discovery().known(["a"]).listings


async def test_a_folder_that_cannot_be_is_no_hindrance(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    providers = Providers(tmp_path / "file" / "listings")
    found = await providers.discovery().find(["a"])
    assert names(found.listings["a"]) == ["a1", "a2"]
    assert "cannot be written" in caplog.text


async def test_two_at_once_ask_once(providers: Providers) -> None:
    providers.delay = 0.2
    first, second = providers.discovery(), providers.discovery()
    found = await asyncio.gather(first.refresh(["a"]), second.refresh(["a"]))
    assert [names(each.listings["a"]) for each in found] == [["a1", "a2"]] * 2
    assert providers.asked == ["a"]


def test_many_processes_at_once_ask_once(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    arguments = [str(tmp_path / "listings"), str(asked), str(time.time() + 1.5)]
    command = [sys.executable, "-c", LISTER, *arguments]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert asked.read_text() == "x"
