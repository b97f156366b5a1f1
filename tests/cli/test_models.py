"""`aisopod models` and `aisopod usage`, as a user meets them."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aisopod.cli.usage import _show, _write_csv
from aisopod.simulator import SimulatedKey, Simulator
from aisopod.stores import Group
from aisopod.types import TokenUsage

Run = Callable[..., Any]


@pytest.fixture
def simulator() -> Any:
    keys = {key: SimulatedKey() for key in ("sk-0123456789", "sk-ant-0123456789")}
    with Simulator(keys=keys) as running:
        yield running


@pytest.fixture
def env(simulator: Simulator) -> dict[str, str]:
    return {
        "OPENAI_BASE_URL": simulator.url_for("openai"),
        "OPENAI_API_KEY": "sk-0123456789",
        "ANTHROPIC_BASE_URL": simulator.url_for("anthropic"),
        "ANTHROPIC_API_KEY": "sk-ant-0123456789",
    }


def lines(done: Any) -> list[Any]:
    assert done.returncode == 0, done.stderr
    return [msgspec.json.decode(line) for line in done.stdout.splitlines()]


class TestModels:
    def test_a_listing_is_asked_for_once(
        self, run: Run, simulator: Simulator, env: dict[str, str]
    ) -> None:
        first = run("models", env=env)
        asked = len(simulator.requests)
        assert asked == 2
        assert run("models", env=env).stdout == first.stdout
        assert len(simulator.requests) == asked
        assert run("models", "refresh", env=env).returncode == 0
        assert len(simulator.requests) == 2 * asked

    def test_a_listing_serves_when_nobody_answers(
        self, run: Run, simulator: Simulator, env: dict[str, str]
    ) -> None:
        first = run("models", env=env)
        for key in simulator.keys.values():
            key.revoked = True
        assert run("models", env=env).stdout == first.stdout
        done = run("models", "refresh", env=env)
        assert done.returncode == 1
        assert b"error: " in done.stderr
        assert run("models", env=env).stdout == first.stdout

    def test_all_that_are_known(self, run: Run) -> None:
        names = run("models", "--all").stdout.decode().split()
        assert len(names) > 150
        assert {name.partition("/")[0] for name in names} >= {"anthropic", "gemini", "openai"}

    @pytest.mark.parametrize(
        ("option", "known", "other"),
        [
            (("--vision",), "openai/gpt-4o", "openai/gpt-3.5-turbo"),
            (("--tools",), "anthropic/claude-sonnet-5", "openai/o1-mini"),
            (("--reasoning",), "openai/gpt-5", "openai/gpt-4o"),
            (("--min-context", "1000000"), "gemini/gemini-2.5-pro", "openai/gpt-4o"),
            (("--max-price", "0.5"), "openai/gpt-4.1-nano", "openai/gpt-4o"),
        ],
    )
    def test_filters(self, run: Run, option: tuple[str, ...], known: str, other: str) -> None:
        names = run("models", "--all", *option).stdout.decode().split()
        assert known in names
        assert other not in names

    def test_one_is_shown_with_its_sources(self, run: Run) -> None:
        shown = run("models", "show", "anthropic/claude-sonnet-4-5").stdout.decode()
        assert "context_window" in shown
        assert "200,000" in shown
        assert "models.dev" in shown
        [facts] = lines(run("models", "show", "anthropic/claude-sonnet-4-5", "--json"))
        assert facts["sources"]["price"]["as_of"].startswith("2026-")
        assert run("models", "show", "sonnet").stdout.startswith(b"anthropic/claude-sonnet")

    def test_an_unknown_one_gets_the_nearest_names(self, run: Run) -> None:
        done = run("models", "show", "anthropic/claude-sonet-4-5")
        assert b"did you mean anthropic/claude-sonnet-4-5" in done.stderr

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("claude-sonet-4-5", b"did you mean anthropic/claude-sonnet-4-5"),
            ("gpt-4o", b"did you mean openai/gpt-4o? "),
            ("sonet", b"the alias 'sonnet'"),
        ],
    )
    def test_a_name_without_a_provider_gets_the_right_one(
        self, run: Run, name: str, meant: bytes
    ) -> None:
        done = run("models", "show", name)
        assert meant in done.stderr
        assert done.returncode != 0

    def test_what_a_server_lists_is_among_the_nearest(
        self, run: Run, env: dict[str, str], home: Path
    ) -> None:
        assert run("models", "openai", env=env).returncode == 0
        [file] = (home / ".cache" / "aisopod" / "models").glob("openai-*.json")
        kept = msgspec.json.decode(file.read_bytes())
        kept["listing"]["models"].append({"id": "my-own-model", "provider": "openai"})
        file.write_bytes(msgspec.json.encode(kept))
        done = run("models", "show", "openai/my-onw-model", env=env)
        assert b"did you mean openai/my-own-model" in done.stderr

    def test_prices_of_longer_prompts_are_shown(self, run: Run) -> None:
        shown = run("models", "show", "openai/gpt-6-sol").stdout.decode()
        assert "USD per million; above 272,000 tokens input 4, output 15" in shown

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("openai", "--provider", "anthropic"), b"name one of them"),
            (("--all", "--max-price", "nan"), b"is no sum of money"),
            (("--all", "--max-price", "-1"), b"-1"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(
        self, run: Run, arguments: tuple[str, ...], told: bytes
    ) -> None:
        done = run("models", *arguments)
        assert done.returncode == 2
        assert told in done.stderr

    def test_no_bogus_name_is_offered(self, run: Run) -> None:
        assert b".ft" not in run("models", "--all").stdout

    def test_the_servers_word_goes_first_and_the_difference_is_told(
        self, run: Run, env: dict[str, str], home: Path
    ) -> None:
        assert run("models", env=env).returncode == 0
        [file] = (home / ".cache" / "aisopod" / "models").glob("anthropic-*.json")
        kept = msgspec.json.decode(file.read_bytes())
        entry = {"id": "claude-sonnet-4-5", "provider": "anthropic", "context_window": 123_456}
        kept["listing"]["models"].append(entry)
        file.write_bytes(msgspec.json.encode(kept))
        shown = run("models", "show", "anthropic/claude-sonnet-4-5", env=env).stdout.decode()
        assert "context_window     123,456" in shown
        assert "(live, 20" in shown
        assert "differs in context_window: 123,456, not 200,000" in shown

    def test_another_address_has_another_listing(
        self, run: Run, simulator: Simulator, env: dict[str, str]
    ) -> None:
        run("models", "openai", env=env)
        run("models", "openai", env={**env, "OPENAI_BASE_URL": simulator.url_for("openai") + "/"})
        with Simulator() as other:
            run("models", "openai", env={**env, "OPENAI_BASE_URL": other.url_for("openai")})
            assert len(other.requests) == 1

    def test_search(self, run: Run) -> None:
        names = run("models", "search", "OPUS", "4-6").stdout.decode().split()
        assert "anthropic/claude-opus-4-6" in names
        assert all("opus" in name for name in names)
        assert run("models", "search", "no-such-thing").returncode == 1


class TestUsage:
    def test_what_was_used_is_summed_up(self, run: Run, env: dict[str, str]) -> None:
        for model in ("openai/gpt-4o", "openai/gpt-4o", "anthropic/claude-sonnet-5"):
            assert run("chat", "-m", model, "hi", env=env).returncode == 0
        groups = lines(run("usage", "--by", "model", "--json", env=env))
        assert [(group["keys"]["model"], group["requests"]) for group in groups] == [
            ("claude-sonnet-5", 1),
            ("gpt-4o", 2),
        ]
        assert all(float(group["costs"]["USD"]) > 0 for group in groups)
        table = run("usage", "--by", "provider", "--by", "model", "--csv", env=env).stdout.decode()
        rows = list(csv.DictReader(io.StringIO(table)))
        assert [row["provider"] for row in rows] == ["anthropic", "openai"]
        assert rows[1]["cost_usd"] == groups[1]["costs"]["USD"]
        shown = run("usage", env=env).stdout.decode()
        assert "2 requests" in shown
        assert "█" in shown
        assert shown.splitlines()[-1].startswith("total")

    def test_times(self, run: Run, env: dict[str, str]) -> None:
        assert run("chat", "-m", "openai/gpt-4o", "hi", env=env).returncode == 0
        assert lines(run("usage", "--since", "1h", "--json", env=env))
        assert lines(run("usage", "--until", "1h", "--json", env=env)) == []
        assert b"nothing is in the ledger" in run("usage", "--until", "2020-01-01", env=env).stderr
        for value, words in (
            ("yesterday", b"is no time"),
            ("99999999d", b"is before all time"),
            ("99999999999999w", b"is before all time"),
        ):
            done = run("usage", "--since", value, env=env)
            assert done.returncode == 2
            assert words in done.stderr

    def test_what_told_no_tokens_is_said(self, capsys: pytest.CaptureFixture[str]) -> None:
        used = TokenUsage(input_tokens=5, output_tokens=1)
        keys = {"model": "m"}
        groups = [Group(keys=keys, requests=3, outcomes={"ok": 3}, usage=used, uncounted=2)] * 2
        _show(groups, ["model"])
        one, _, total = capsys.readouterr().out.splitlines()
        assert "2 without a count" in one
        assert "4 without a count" in total
        _write_csv(groups, ["model"])
        rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        assert [row["uncounted"] for row in rows] == ["2", "2"]

    def test_by_every_tag(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A request with two tags is in both sums: there is no total to be had of them."""
        groups = [Group(keys={"tag": tag}, requests=1) for tag in ("job=a", "user=x")]
        _show(groups, ["tag"])
        assert "total" not in capsys.readouterr().out

    def test_mistakes(self, run: Run, env: dict[str, str]) -> None:
        done = run("usage", "--by", "week", env=env)
        assert done.returncode == 2
        assert b"allowed are day, provider" in done.stderr
        assert run("usage", "--by", "tag", env=env).returncode == 0
        assert run("usage", "--json", "--csv", env=env).returncode == 2
