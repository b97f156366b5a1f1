"""What an import pulls in, and that the public names are what the modules say is public."""

import subprocess
import sys
from importlib import import_module

import pytest

import aisopod


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter loads for `code`, beyond what it starts with."""
    program = f"import sys; before = set(sys.modules); {code}; print(*(set(sys.modules) - before))"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


def test_importing_pulls_in_nothing() -> None:
    assert loaded_by("import aisopod") == {"aisopod"}


def test_types_and_errors_need_no_network_library() -> None:
    loaded = loaded_by("import aisopod; aisopod.Message; aisopod.RateLimitError; aisopod.fold")
    assert "aisopod.types.messages" in loaded
    assert not loaded & {"asyncio", "aiohttp", "ssl", "socket", "platformdirs"}


def test_a_client_that_sends_nothing_needs_no_http_library() -> None:
    loaded = loaded_by("import aisopod; aisopod.AsyncClient(aisopod.Config())")
    assert not loaded & {"aiohttp", "click", "rich", "prompt_toolkit", "pydantic"}


def test_looking_at_every_provider_needs_none_of_their_extras() -> None:
    loaded = loaded_by(
        "import aisopod; aisopod.AsyncClient(aisopod.Config()).usable_providers(); "
        "import aisopod.providers.bedrock, aisopod.providers.vertex"
    )
    assert not loaded & {
        "botocore", "google.auth", "google_auth_oauthlib", "requests", "filelock", "keyring",
        "aiohttp", "webbrowser",
    }  # fmt: skip


def test_the_catalogue_needs_no_network_library_and_no_client_reads_it() -> None:
    loaded = loaded_by("import aisopod.catalogue as c; c.facts_for('openai', 'gpt-4o')")
    assert not loaded & {"asyncio", "aiohttp", "ssl", "socket", "pydantic", "aisopod.client"}
    assert "aisopod.catalogue" not in loaded_by("import aisopod; aisopod.ChatCompletion")


def test_reading_what_was_listed_loads_nothing_that_asks() -> None:
    """Most of what `aisopod models` takes is imports."""
    loaded = loaded_by(
        "import aisopod; from aisopod.routing import known as k; c = aisopod.Config(); "
        "l = k.kept_listings(c); k.known(k.build_directory(c, l), c, l, None).names; "
        "import aisopod.cli.models"
    )
    assert not loaded & {
        "asyncio", "aiohttp", "ssl", "subprocess", "aisopod.client", "aisopod.stores",
        "aisopod.providers.provider", "aisopod.normalise.prepare", "aisopod.codecs.codec",
    }  # fmt: skip


@pytest.mark.parametrize("name", aisopod.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(aisopod, name) is not None
    assert name in dir(aisopod)


@pytest.mark.parametrize("module", ["errors", "types", "client", "sync", "providers.protocol"])
def test_public_modules_are_public_whole(module: str) -> None:
    for name in import_module(f"aisopod.{module}").__all__:
        assert name in aisopod.__all__, name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = aisopod.no_such_name  # type: ignore[attr-defined]


def test_the_command_line_runs_as_a_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "aisopod", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == f"aisopod {aisopod.__version__}"
