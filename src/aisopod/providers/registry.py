"""Finds a provider by its name: a folder here, a compatible host, or a third party's entry point.

Nothing is listed in this file: adding a provider touches its own folder only.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, cast

import msgspec

from aisopod import providers
from aisopod.errors import UnknownProviderError
from aisopod.providers.host import Host
from aisopod.providers.protocol import ModelProvider

__all__ = ["ENTRY_POINT_GROUP", "custom", "find", "names"]

ENTRY_POINT_GROUP = "aisopod.providers"

Factory = Callable[..., ModelProvider]


def find(provider: str) -> Host | Factory:
    """The host of this name, or a third party's factory of a ModelProvider.

    Raises:
        UnknownProviderError: there is none; names the nearest.
    """
    folder = provider.replace("-", "_")
    if folder in _folders():
        host = getattr(import_module(f"{providers.__name__}.{folder}"), "host", None)
        if host is not None:
            return cast("Host", host)
    return _compatible().get(provider) or _third_party(provider) or _unknown(provider)


def names() -> list[str]:
    """Every provider that can be found, sorted."""
    hosts = [name.replace("_", "-") for name in _folders() if name != "compatible"]
    return sorted({*hosts, *_compatible(), *(entry.name for entry in _entry_points())})


def custom(provider: str, dialect: str, base_url: str) -> Host:
    """A service that only the configuration knows, on a dialect that is known here.

    Args:
        provider: the name that the configuration gives it.
        dialect: the provider whose wire it speaks: `openai`, `anthropic`, `gemini` or `ollama`.
        base_url: where it answers.

    Raises:
        UnknownProviderError: no provider has the dialect's name.
    """
    if dialect == "openai":
        from aisopod.providers.compatible import custom_host

        return custom_host(provider, base_url)
    model = find(dialect)
    if not isinstance(model, Host):
        return _unknown(dialect)
    return msgspec.structs.replace(
        model,
        id=provider,
        name=provider,
        base_url=base_url,
        key_variables=(),
        token_variables=(),
        base_url_variables=(),
        platform=None,
        key_required=False,
    )


@cache
def _folders() -> frozenset[str]:
    return frozenset(
        module.name
        for module in iter_modules(providers.__path__)
        # What several hosts share is in folders with an underscore before their names.
        if module.ispkg and not module.name.startswith("_")
    )


@cache
def _compatible() -> dict[str, Host]:
    from aisopod.providers.compatible import HOSTS

    return HOSTS


def _entry_points() -> Any:  # noqa: ANN401 - importlib.metadata's own collection
    if not _are_declared():
        return ()
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINT_GROUP)


def _are_declared() -> bool:
    """Whether anything installed has providers; most have none, and the import above costs more."""
    group = f"[{ENTRY_POINT_GROUP}]".encode()
    try:
        return any(
            group in told for folder in dict.fromkeys(sys.path) for told in _declared(folder)
        )
    except OSError:
        return True  # an archive, for one: importlib.metadata knows how to look into it


def _declared(folder: str) -> Iterator[bytes]:
    """The entry points of all that is installed in a folder."""
    with suppress(FileNotFoundError):
        for name in os.listdir(folder or "."):  # noqa: PTH208 - a path for each costs too much
            if name.endswith("-info") or name == "EGG-INFO":
                with suppress(FileNotFoundError, NotADirectoryError):
                    yield Path(folder, name, "entry_points.txt").read_bytes()


def _third_party(provider: str) -> Host | Factory | None:
    for entry in _entry_points():
        if entry.name == provider:
            return cast("Host | Factory", entry.load())
    return None


def _unknown(provider: str) -> Host:
    known = names()
    from difflib import get_close_matches

    near = get_close_matches(provider, known, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join(known)}"
    raise UnknownProviderError(
        f"there is no provider {provider!r}: {hint} "
        "Any other service can be named in the configuration, with its base_url"
    )
