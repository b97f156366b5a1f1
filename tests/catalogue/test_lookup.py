"""Finding models: by their names, by mistyped ones, by aliases; and the file itself."""

import re
import subprocess
import sys
from importlib.resources import files
from typing import Literal

import pytest

from aisopod.catalogue import Facts, ModelFacts, Source, aliases, facts_for, nearest, newest
from aisopod.catalogue.families import RULES, Rule
from aisopod.catalogue.ids import canonical, keys
from aisopod.catalogue.snapshot import Row, load, rows_of

PROVIDERS = ("anthropic", "azure", "bedrock", "bedrock-anthropic", "gemini", "openai", "vertex")


@pytest.mark.parametrize(
    ("provider", "mistyped", "meant"),
    [
        # As the recorded 404s have them.
        ("anthropic", "claude-sonet-4-5", "claude-sonnet-4-5"),
        ("openai", "gpt-5.2-proo", "gpt-5.2-pro"),
        ("gemini", "gemini-3.6-flahs", "gemini-3.6-flash"),
        ("bedrock", "us.amazon.nova-micro-v1:O", "amazon.nova-micro-v1:0"),
        ("bedrock", "claude-sonnet-5", "global.anthropic.claude-sonnet-5"),
        ("openai", "gpt4o", "gpt-4o"),
    ],
)
def test_a_mistyped_name_finds_the_one_that_was_meant(
    provider: str, mistyped: str, meant: str
) -> None:
    assert nearest(provider, mistyped, 1) == [meant]


def test_nothing_is_near_to_nonsense() -> None:
    assert nearest("openai", "%%%%") == []
    assert nearest("ollama", "llama3.2") == []
    assert nearest("nobody", "gpt-4o") == []


@pytest.mark.parametrize(
    ("provider", "alias", "line"),
    [
        ("anthropic", "sonnet", r"claude-sonnet-\d(-\d)?"),
        ("anthropic", "opus", r"claude-opus-\d(-\d)?"),
        ("anthropic", "haiku", r"claude-haiku-\d(-\d)?"),
        ("vertex", "opus", r"claude-opus-\d(-\d)?"),
        ("bedrock", "sonnet", r"global\.anthropic\.claude-sonnet-\d(-\d)?"),
        ("openai", "gpt", r"gpt-\d(\.\d)?-sol"),
        ("azure", "gpt-mini", r"gpt-\d(\.\d)?-mini"),
        ("gemini", "gemini-flash", r"gemini-\d(\.\d)?-flash"),
        ("gemini", "gemini-pro", r"gemini-\d(\.\d)?-pro(-preview)?"),
    ],
)
def test_an_alias_is_the_newest_of_its_line(provider: str, alias: str, line: str) -> None:
    model = newest(provider, alias)
    assert model is not None
    assert re.fullmatch(line, model)

    def version(name: str) -> list[int]:
        return [int(n) for n in re.findall(r"\d+", canonical(name))]

    line_of = [name for name in rows_of(provider) if re.fullmatch(line, name)]
    assert version(model) >= max(map(version, line_of), default=[])


def test_an_alias_never_means_a_model_that_is_going_away() -> None:
    for provider in PROVIDERS:
        for model in aliases(provider).values():
            assert facts_for(provider, model).lifecycle not in {"deprecated", "retired"}


def test_where_there_is_no_such_line_there_is_no_alias() -> None:
    assert newest("openai", "sonnet") is None
    assert newest("bedrock", "gpt") is not None
    assert newest("bedrock-anthropic", "gpt") is None
    assert newest("ollama", "gpt") is None
    assert newest("anthropic", "no-such-alias") is None
    assert aliases("nobody") == {}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_row_is_found_by_its_names(provider: str) -> None:
    for name, row in rows_of(provider).items():
        for asked in {name, row.id or name}:
            facts = facts_for(provider, asked)
            assert facts.price or facts.context_window, (name, asked)
            assert facts.id == asked


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_stored_makes_sense(provider: str) -> None:
    for name in rows_of(provider):
        facts = facts_for(provider, name)
        window, longest = facts.context_window, facts.max_output_tokens
        assert window is None or 1_000 <= window <= 20_000_000, name
        assert longest is None or window is None or longest <= window, name
        if facts.price:
            assert facts.price.source
            assert facts.price.as_of
            above = [tier.above for tier in facts.price.tiers]
            assert above == sorted(set(above))


def test_the_snapshot_is_small_and_says_of_what_day_it_is() -> None:
    assert files("aisopod.catalogue").joinpath("snapshot.json").stat().st_size < 400_000  # type: ignore[attr-defined]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", s.as_of or "") for s in load().sources.values())


def test_rows_are_sorted_and_under_a_key_that_is_asked_for() -> None:
    for table in load().models.values():
        assert list(table) == sorted(table)
        for name, row in table.items():
            assert name in {key.id for key in keys(row.id or name)}


def test_every_rule_says_where_it_is_from_and_none_stands_twice() -> None:
    for tables in RULES.values():
        for table in tables:
            beginnings = [(rule.beginning, rule.exact) for rule in table]
            assert len(beginnings) == len(set(beginnings))
            assert all(rule.source.name for rule in table)


def test_nothing_is_read_before_the_first_question() -> None:
    program = (
        "import aisopod, aisopod.catalogue as c; from aisopod.catalogue import snapshot;"
        "before = snapshot.load.cache_info().currsize; c.facts_for('openai', 'gpt-4o');"
        "print(before, snapshot.load.cache_info().currsize)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert result.stdout.split() == [b"0", b"1"]


def test_an_alias_passes_over_deprecated_models_and_prefers_what_is_no_preview(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lifecycles: dict[str, Literal["active", "deprecated", "retired"] | None] = {
        "gemini-8-pro": None,
        "gemini-8-pro-preview": None,
        "gemini-9-pro": "deprecated",
        "gemini-10-pro": "retired",
        "gemini-8.5-flash": None,
    }
    monkeypatch.setattr(
        "aisopod.catalogue.lines.rows_of", lambda _: dict.fromkeys(lifecycles, Row({}))
    )
    monkeypatch.setattr(
        "aisopod.catalogue.lines.offline_facts",
        lambda provider, model: ModelFacts(
            id=model, provider=provider, lifecycle=lifecycles[model]
        ),
    )
    assert newest.__wrapped__("gemini", "gemini-pro") == "gemini-8-pro"


@pytest.mark.parametrize(
    ("beginning", "name", "holds"),
    [
        ("gpt-5", "gpt-5", True),
        ("gpt-5", "gpt-5-mini", True),
        ("gpt-5", "gpt-50", False),
        ("gpt-5.", "gpt-5.9-sol", True),
        ("gpt-5.", "gpt-5", False),
        ("o1", "o1-pro", True),
        ("o1", "o10", False),
        ("claude-", "claude-opus-9", True),
    ],
)
def test_a_rule_is_for_names_that_begin_so_in_whole_parts(
    beginning: str, name: str, *, holds: bool
) -> None:
    assert Rule(beginning, Facts(), Source("here")).holds_for(name) == holds


def test_a_later_point_release_is_no_first_release() -> None:
    assert facts_for("anthropic", "claude-opus-4-20250514").sampling == "allowed"
    assert facts_for("anthropic", "claude-opus-4-9").sampling == "rejected"
    assert facts_for("anthropic", "claude-opus-4-9").sources["sampling"].name.startswith("aisopod:")


@pytest.mark.parametrize("provider", ["gemini", "vertex"])
@pytest.mark.parametrize("line", ["gemini-pro", "gemini-flash", "gemini-flash-lite"])
@pytest.mark.parametrize("path", ["", "models/", "publishers/google/models/"])
def test_latest_is_the_newest_of_its_line(provider: str, line: str, path: str) -> None:
    found = facts_for(provider, f"{path}{line}-latest")
    now = newest(provider, line)
    assert now
    assert found.context_window == facts_for(provider, now).context_window
    assert (found.context_window or 0) >= 1_000_000
    assert found.reasoning == "always"
    assert found.display_name == facts_for(provider, now).display_name
