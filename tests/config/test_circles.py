"""Names that stand for others: circles are refused when a file is read, chains are followed."""

from pathlib import Path

import pytest

from aisopod.config import Config, ModelConfig, likes_for, likes_of, load_config
from aisopod.config.circles import find_circle
from aisopod.errors import ConfigurationError
from aisopod.routing.candidates import Candidate, chain_of


def read(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "config.toml"
    file.write_text(text)
    return load_config(file, environ={})


def test_a_circle_is_found_wherever_it_begins() -> None:
    assert find_circle({"a": ["b", "x"], "b": ["c"], "c": ["y", "b"]}) == ("b", "c", "b")
    assert find_circle({"a": ["a"]}) == ("a", "a")


def test_names_that_meet_again_are_no_circle() -> None:
    assert find_circle({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": ["x"]}) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[aliases]\nok = "a/b"\nfast = ["cheap", "a/b"]\ncheap = "fast"\n',
         ":3: aliases.fast: fast -> cheap -> fast: this goes in a circle"),
        ('[models."azure/a"]\nlike = "azure/b"\n[models."azure/b"]\nlike = "azure/a"\n',
         ":2: models.'azure/a'.like: azure/a -> azure/b -> azure/a: this goes in a circle"),
        ('[models."azure/prod"]\nlike = "gpt-4o"\n',
         ":2: models.'azure/prod'.like: found 'gpt-4o', allowed is provider/model, such as"),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)
    assert told in str(caught.value)


def test_a_chain_of_likes_is_followed(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        '[models."azure/a"]\nlike = "azure/b"\n[models."azure/b"]\nlike = "openai/o3"\n',
    )
    assert likes_of(config.models) == {"azure/a": "openai/o3", "azure/b": "openai/o3"}
    assert likes_for("azure", config) == {"a": "o3", "b": "o3"}
    assert likes_for("openai", config) == {}


@pytest.mark.parametrize("like", ["gpt-4o", "openai/", "/gpt-4o"])
def test_a_like_in_python_is_checked_too(like: str) -> None:
    with pytest.raises(ConfigurationError, match="provider/model"):
        likes_of({"azure/prod": ModelConfig(like=like)})


def test_a_long_chain_of_aliases_is_followed() -> None:
    aliases = {f"a{n}": f"a{n + 1}" for n in range(3000)} | {"a3000": "openai/gpt-5"}
    assert find_circle({name: [to] for name, to in aliases.items()}) is None
    assert chain_of(["a0"], aliases) == (Candidate("openai", "gpt-5"),)
