"""Finds, reads and checks the files; what is wrong is named by file, line and path."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from aisopod.config.schema import Config
from aisopod.errors import ConfigurationError
from aisopod.types import Secret

__all__ = ["find_files", "load_config"]

_PROJECT_FILE = "aisopod.toml"

# Variables of aisopod's own, and where their value goes.
_VARIABLES: dict[str, tuple[str, ...]] = {
    "AISOPOD_MODEL": ("default_model",),
    "AISOPOD_CA_BUNDLE": ("network", "ca_bundle"),
    "AISOPOD_CLIENT_CERT": ("network", "client_certificate"),
    "AISOPOD_CLIENT_KEY": ("network", "client_key"),
}


def load_config(
    path: str | os.PathLike[str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Config:
    """Read the configuration; later sources win: user's file, project's file, environment.

    Args:
        path: a file that stands in for both; AISOPOD_CONFIG does the same.
        environ: the environment; os.environ when None.
        cwd: where the project's file is looked for, upwards; the working folder when None.

    Raises:
        ConfigurationError: a file is missing or wrong; names file, line, path, what was found
            and what is allowed.
    """
    environ = os.environ if environ is None else environ
    merged: dict[str, Any] = {}
    for file in find_files(path, environ=environ, cwd=cwd):
        values, text = _read(file)
        _check(values, text, file)
        merged = _merged(merged, values)
    for variable, place in _VARIABLES.items():
        if value := environ.get(variable):
            merged = _merged(merged, _nested(place, value))
    return msgspec.convert(merged, Config, dec_hook=_secret)


def find_files(
    path: str | os.PathLike[str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> list[Path]:
    """The files that count, the weaker first.

    Raises:
        ConfigurationError: a file that was named does not exist.
    """
    environ = os.environ if environ is None else environ
    named = path or environ.get("AISOPOD_CONFIG")
    if named:
        file = Path(named).expanduser()
        if not file.is_file():
            raise ConfigurationError(f"{file}: there is no such configuration file")
        return [file]
    user = platformdirs.user_config_path("aisopod") / "config.toml"
    found = [user] if user.is_file() else []
    folder = (cwd or Path.cwd()).resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / _PROJECT_FILE).is_file():
            found.append(candidate / _PROJECT_FILE)
            break
        if candidate == Path.home():
            break
    return found


def _read(file: Path) -> tuple[dict[str, Any], str]:
    try:
        text = file.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file}: this is no TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: cannot be read: {error}") from error


def _check(values: dict[str, Any], text: str, file: Path) -> None:
    """Check one file on its own, so that what is wrong is told of the file it stands in."""
    try:
        msgspec.convert(values, Config, dec_hook=_secret)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        path = place.rstrip("`").lstrip(".").replace("[...]", "")
        unknown = re.search(r"unknown field `(.+?)`", reason)
        if unknown:
            path = f"{path}.{unknown[1]}".lstrip(".")
            reason = "there is no such key"
        keys = _located(values, path)
        where = f"{file}:{_line(text, keys)}: {'.'.join(keys)}: "
        raise ConfigurationError(where + reason + _found(values, keys) + _allowed(keys)) from error


def _located(values: dict[str, Any], path: str) -> list[str]:
    """The keys of msgspec's path; it writes `[...]` for the key of a table of tables."""
    keys = [key for key in path.split(".") if key]
    if keys[:1] == ["providers"]:
        rest = keys[1:]
        tables = values.get("providers", {})
        for name, table in tables.items() if isinstance(tables, dict) else ():
            if not rest or _rejects(table, rest):
                return ["providers", name, *rest]
    return keys


def _rejects(table: object, rest: list[str]) -> bool:
    """Whether this provider's table is one that msgspec could have meant."""
    wrong = _nested(("providers", "x"), table)
    try:
        msgspec.convert(wrong, Config, dec_hook=_secret)
    except msgspec.ValidationError as error:
        return rest[-1] in str(error)
    return False


def _line(text: str, keys: list[str]) -> int:
    """The line where the last key stands, in the table that holds it; tomllib tells none."""
    table: list[str] = []
    last = 1
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            table = [part.strip(" \"'") for part in stripped.strip("[] ").split(".")]
            if table == keys[: len(table)]:
                last = number
            if table == keys:
                return number
        elif "=" in stripped and not stripped.startswith("#"):
            name = [part.strip(" \"'") for part in stripped.partition("=")[0].split(".")]
            whole = table + name
            if whole == keys[: len(whole)]:
                return number
    return last


def _found(values: dict[str, Any], keys: list[str]) -> str:
    value: Any = values
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return ""
        value = value[key]
    # A key in the wrong place is still a key.
    secret = keys[-1] in {"api_key", "token"}
    return f" (found {'***' if secret else repr(value)})"


def _allowed(keys: list[str]) -> str:
    """What may stand there, with the nearest name first."""
    struct: Any = Config
    for key in keys[:-1]:
        fields = {field.name: field.type for field in msgspec.structs.fields(struct)}
        if key not in fields:
            continue  # a provider's name
        inner = fields[key]
        struct = next(
            (
                arg
                for arg in (*getattr(inner, "__args__", ()), inner)
                if hasattr(arg, "__struct_fields__")
            ),
            struct,
        )
    names = list(struct.__struct_fields__)
    if keys[-1] in names:
        return ""
    near = difflib.get_close_matches(keys[-1], names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{hint} Allowed: {', '.join(sorted(names))}"


def _merged(weak: dict[str, Any], strong: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(weak)
    for key, value in strong.items():
        old = both.get(key)
        both[key] = (
            _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return both


def _nested(place: tuple[str, ...], value: object) -> dict[str, Any]:
    for key in reversed(place):
        value = {key: value}
    return value  # type: ignore[return-value] # `place` is never empty


def _secret(type_: type, value: object) -> object:
    if type_ is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError(f"{type_} of {type(value)}")
