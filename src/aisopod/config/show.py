"""Shows a configuration as TOML, without what must not be seen, and looks after its files."""

import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from aisopod.codecs.rules import Rule
from aisopod.config.network import without_userinfo
from aisopod.config.schema import Config, ProfileConfig, ProviderConfig
from aisopod.types import Secret

__all__ = ["exposed_files", "secrets_of", "table_text", "to_toml"]


def to_toml(config: Config) -> str:
    """The configuration as TOML; keys, tokens and headers' values are `***`."""
    values = {
        name: _plain(getattr(config, name))
        for name in config.__struct_fields__
        if name != "sources"
    }
    if config.network.proxy:
        values["network"]["proxy"] = without_userinfo(config.network.proxy)
    for name, provider in config.providers.items():
        table = values["providers"][name]
        if provider.base_url:
            table["base_url"] = without_userinfo(provider.base_url)
        for profile, settings in provider.profiles.items():
            if settings.base_url:
                table["profiles"][profile]["base_url"] = without_userinfo(settings.base_url)
    values["state"] = without_userinfo(config.state)
    return table_text(values)


def table_text(values: dict[str, Any]) -> str:
    """Values as TOML."""
    return "\n".join(_lines(values, ())).strip() + "\n"


def secrets_of(config: Config) -> list[str]:
    """Every text in the configuration that no output may hold."""
    found: list[str] = []
    for provider in config.providers.values():
        holders: list[ProviderConfig | ProfileConfig] = [provider, *provider.profiles.values()]
        for holder in holders:
            found += [secret.reveal() for secret in (holder.api_key, holder.token) if secret]
        found += provider.headers.values()
    return [secret for secret in found if len(secret) >= 8]


def exposed_files(config: Config) -> list[Path]:
    """Files that hold a key and that others on this machine may read."""
    named = [
        name
        for provider in config.providers.values()
        for name in (
            provider.api_key_file,
            *(profile.api_key_file for profile in provider.profiles.values()),
        )
    ]
    keys = [Path(name or "") for name in named]
    files = [*(file for file in config.sources if _holds_key(file)), *keys]
    return [file for file in files if file.name and _is_exposed(file)]


def _holds_key(file: Path) -> bool:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8-sig")).get("providers", {})
    except (OSError, ValueError):
        return False
    holders = [
        holder
        for table in tables.values()
        for holder in (table, *table.get("profiles", {}).values())
    ]
    return any("api_key" in holder or "token" in holder for holder in holders)


def _is_exposed(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Structs as dicts of what is set, secrets as `***`."""
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, Rule):
        return msgspec.to_builtins(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if not isinstance(value, msgspec.Struct):
        return value
    plain = {}
    for name in value.__struct_fields__:
        inner = getattr(value, name)
        hidden = isinstance(value, ProviderConfig) and name == "headers"
        plain[name] = dict.fromkeys(inner, "***") if hidden else _plain(inner)
    return plain


def _lines(table: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    arrays = {
        key: value
        for key, value in table.items()
        if isinstance(value, list) and value and isinstance(value[0], dict)
    }
    values = {
        key: value
        for key, value in table.items()
        if key not in tables and key not in arrays and value is not None and value != []
    }
    if path and values:
        yield ""
        yield f"[{'.'.join(path)}]"
    yield from _pairs(values)
    for key, inner in tables.items():
        yield from _lines(inner, (*path, _key(key)))
    for key, entries in arrays.items():
        for entry in entries:
            yield ""
            yield f"[[{'.'.join((*path, _key(key)))}]]"
            yield from _pairs(entry)


def _pairs(values: dict[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict):  # of a table in a list, which is written inline
            yield f"{_key(key)} = {{ {', '.join(_pairs(value))} }}"
            continue
        # A JSON text is a TOML text too, but for the one control character that JSON leaves be.
        text = msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
        yield f"{_key(key)} = {text}"


def _key(key: str) -> str:
    bare = key.replace("-", "").replace("_", "")
    return key if bare.isascii() and bare.isalnum() else msgspec.json.encode(key).decode()
