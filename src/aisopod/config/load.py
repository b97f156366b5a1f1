"""Finds, reads and joins the files; what is wrong is named by file, line and path."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import platformdirs

from aisopod.config.check import (
    CREDENTIAL_KEYS,
    Keys,
    Problem,
    find_line,
    find_problems,
    make_secret,
)
from aisopod.config.circles import find_circle, likes_of
from aisopod.config.schema import Config, ProviderConfig
from aisopod.errors import ConfigurationError

__all__ = [
    "PROJECT_FILE",
    "VARIABLES",
    "credentials_file",
    "find_files",
    "load_config",
    "read_values",
    "user_file",
    "with_stored",
]

PROJECT_FILE = "aisopod.toml"

VARIABLES: dict[str, tuple[str, ...]] = {
    "AISOPOD_MODEL": ("default_model",),
    "AISOPOD_STATE": ("state",),
    "AISOPOD_CA_BUNDLE": ("network", "ca_bundle"),
    "AISOPOD_CLIENT_CERT": ("network", "client_certificate"),
    "AISOPOD_CLIENT_KEY": ("network", "client_key"),
}
"""Variables of aisopod's own, and where their value goes."""

_NETWORK_FILES = ("ca_bundle", "client_certificate", "client_key")


def load_config(
    path: str | os.PathLike[str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Config:
    """Read the configuration; later sources win: credentials, user's file, project's, environment.

    Args:
        path: a file that stands in for the user's and the project's; AISOPOD_CONFIG does the same.
        environ: the environment; os.environ when None.
        cwd: where the project's file is looked for, upwards; the working folder when None.

    Raises:
        ConfigurationError: a file is missing or wrong; names file, line, path, what was found
            and what is allowed.
    """
    environ = os.environ if environ is None else environ
    files = find_files(path, environ=environ, cwd=cwd)
    merged: dict[str, Any] = {}
    for file in files:
        values = read_values(file)
        if file.name == PROJECT_FILE and not path:
            _refuse_commands(values, file)
        merged = _joined(merged, _anchored(values, file.parent))
    config = msgspec.convert(
        _joined(merged, _of_environment(environ)), Config, dec_hook=make_secret
    )
    if config.network.client_key and not config.network.client_certificate:
        raise ConfigurationError("AISOPOD_CLIENT_KEY needs AISOPOD_CLIENT_CERT beside it")
    _refuse_circles(config)
    return msgspec.structs.replace(config, sources=tuple(files))


def with_stored(config: Config, stored: Path) -> Config:
    """A configuration with the profiles that the credentials file holds by now.

    What stronger files say something of stays as it was, and so does everything else.

    Args:
        config: a configuration that was read from files.
        stored: the credentials file.

    Raises:
        ConfigurationError: one of the files is wrong by now.
    """
    if not _is_file(stored):
        return config
    values = _anchored(read_values(stored), stored.parent)
    fresh = msgspec.convert(values, Config, dec_hook=make_secret).providers
    stronger = [read_values(file) for file in config.sources if file != stored]
    providers = dict(config.providers)
    for name, now in fresh.items():
        tables = [other.get("providers", {}).get(name, {}) for other in stronger]
        elsewhere = {profile for table in tables for profile in table.get("profiles", {})}
        before = providers.get(name, ProviderConfig())
        own = {each: now.profiles[each] for each in now.profiles if each not in elsewhere}
        is_ordered = any("order" in table for table in tables)
        providers[name] = msgspec.structs.replace(
            before,
            profiles={**before.profiles, **own},
            order=before.order if is_ordered else now.order,
        )
    return msgspec.structs.replace(config, providers=providers)


def credentials_file(environ: Mapping[str, str] | None = None) -> Path:
    """Where `aisopod auth` keeps profiles: a configuration that only its owner can read."""
    environ = os.environ if environ is None else environ
    named = environ.get("AISOPOD_CREDENTIALS", "").strip()
    if named:
        return Path(_expanded(named))
    return platformdirs.user_data_path("aisopod") / "credentials.toml"


def user_file() -> Path:
    """Where the user's own file is, or would be."""
    return platformdirs.user_config_path("aisopod") / "config.toml"


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
    stored = [file for file in (credentials_file(environ),) if _is_file(file)]
    named = path or environ.get("AISOPOD_CONFIG")
    if named:
        file = Path(_expanded(os.fspath(named)))
        if not file.is_file():
            source = "" if path else " (named by AISOPOD_CONFIG)"
            raise ConfigurationError(f"{file}: there is no such configuration file{source}")
        return [*stored, file]
    project = _project_file(cwd)
    found = [file for file in (user_file(), project) if file is not None and _is_file(file)]
    return stored + found


def _project_file(cwd: Path | None) -> Path | None:
    """The nearest one, upwards to the home folder."""
    try:
        folder = (cwd or Path.cwd()).resolve()
    except OSError:  # the working folder is gone
        return None
    home = Path(_expanded("~"))
    for candidate in (folder, *folder.parents):
        if _is_file(candidate / PROJECT_FILE):
            return candidate / PROJECT_FILE
        if candidate == home:
            break
    return None


def _is_file(file: Path) -> bool:
    # Not Path.is_file, which raises for a folder that may not be read.
    return os.path.isfile(file)  # noqa: PTH113


def _expanded(path: str) -> str:
    # Not Path.expanduser, which raises where the user has no home, as in some containers.
    return os.path.expanduser(path)  # noqa: PTH111


def read_values(file: Path) -> dict[str, Any]:
    """The values of one file, checked on its own so that what is wrong is told of that file."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: this is no UTF-8 text") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(f"{file}: cannot be read: {reason}") from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Before Python 3.14 the place stands in the message only.
        place = re.search(r" \(at line (\d+), column \d+\)\Z", str(error))
        line = place[1] if place else text.count("\n") + 1
        reason = str(error).removesuffix(place[0] if place else "")
        raise ConfigurationError(f"{file}:{line}: this is no TOML: {reason}") from error
    except (ValueError, RecursionError) as error:  # absurd numbers, absurd nesting
        raise ConfigurationError(f"{file}: this is no TOML that can be read") from error
    if problems := list(find_problems(values)):
        lines = [_told(problem, text, file) for problem in problems]
        raise ConfigurationError("\n".join(lines))
    return values


def _refuse_circles(config: Config) -> None:
    """Names that lead back to themselves only when several files are joined."""
    likes_of(config.models)
    circle = find_circle(
        {name: [to] if isinstance(to, str) else to for name, to in config.aliases.items()}
    )
    if circle is not None:
        raise ConfigurationError(f"aliases: {' -> '.join(circle)}: this goes in a circle")


def _refuse_commands(values: dict[str, Any], file: Path) -> None:
    """A folder that somebody else made must not run commands here."""
    for name, table in values.get("providers", {}).items():
        for profile, settings in table.get("profiles", {}).items():
            if "api_key_command" in settings:
                raise ConfigurationError(
                    f"{file}: {_dotted(('providers', name, 'profiles', profile))}.api_key_command: "
                    f"a project's file cannot run commands: put it into {user_file()}"
                )


def _told(problem: Problem, text: str, file: Path) -> str:
    line = find_line(text, problem.keys)
    return f"{file}:{line}: {_dotted(problem.keys)}: {problem.reason}"


def _dotted(keys: Keys) -> str:
    """Keys as TOML writes them, quoted where they are not bare; entries of lists by number."""
    bare = re.compile(r"[A-Za-z0-9_-]+\Z")
    steps = (
        f"[{key}]" if isinstance(key, int) else f".{key if bare.match(key) else repr(key)}"
        for key in keys
    )
    return "".join(steps).removeprefix(".")


def _anchored(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The values with file names that hold from everywhere: relative ones are to their file."""
    anchored = dict(values)
    if "network" in values:
        anchored["network"] = _with_paths(values["network"], _NETWORK_FILES, folder)
    if "providers" in values:
        anchored["providers"] = {
            name: _anchored_provider(table, folder) for name, table in values["providers"].items()
        }
    return anchored


def _anchored_provider(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    anchored = _with_paths(table, ("api_key_file",), folder)
    if "profiles" in table:
        anchored["profiles"] = {
            name: _with_paths(profile, ("api_key_file",), folder)
            for name, profile in table["profiles"].items()
        }
    return anchored


def _with_paths(table: dict[str, Any], keys: tuple[str, ...], folder: Path) -> dict[str, Any]:
    paths = {key: str(folder / _expanded(table[key])) for key in keys if table.get(key)}
    return {**table, **paths}


def _joined(weak: dict[str, Any], strong: dict[str, Any]) -> dict[str, Any]:
    """Two sources as one. What belongs together comes from one of them, never from both."""
    kept = dict(weak)
    if "client_certificate" in strong.get("network", {}):
        kept["network"] = _without(weak.get("network", {}), {"client_key"})
    kept["providers"] = _without_replaced(weak.get("providers", {}), strong.get("providers", {}))
    return _merged(kept, strong)


def _without_replaced(weak: dict[str, Any], strong: dict[str, Any]) -> dict[str, Any]:
    """Tables of the weak without the credentials that the strong has others for."""
    kept = {}
    for name, table in weak.items():
        over = strong.get(name, {})
        names_one = any(key in over for key in CREDENTIAL_KEYS)
        kept[name] = _without(table, set(CREDENTIAL_KEYS)) if names_one else dict(table)
        if "profiles" in table:
            kept[name]["profiles"] = _without_replaced(table["profiles"], over.get("profiles", {}))
    return kept


def _without(table: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys}


def _merged(weak: dict[str, Any], strong: dict[str, Any]) -> dict[str, Any]:
    both = dict(weak)
    for key, value in strong.items():
        old = both.get(key)
        tables = isinstance(old, dict) and isinstance(value, dict)
        both[key] = _merged(cast("dict[str, Any]", old), value) if tables else value
    return both


def _of_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable, (table, *rest) in VARIABLES.items():
        if value := environ.get(variable, "").strip():
            if rest:
                values.setdefault(table, {})[rest[0]] = _expanded(value)
            else:
                values[table] = value
    return values
