"""The credentials file: profiles that `aisopod auth` keeps, in the configuration's own form.

It is the weakest source of the configuration, readable by its owner alone. Comments in it are
not kept: aisopod writes it anew.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aisopod.config.check import find_problems
from aisopod.config.load import credentials_file, read_values
from aisopod.config.secrets import KEYRING_SERVICE
from aisopod.config.show import table_text
from aisopod.errors import ConfigurationError, MissingDependencyError

__all__ = ["change_stored", "delete_from_keyring", "put_into_keyring", "stored_provider"]

LOCK_SECONDS = 10.0
HEADER = "# Written by `aisopod auth`. It may hold keys: keep it to yourself.\n\n"

Values = dict[str, Any]


def stored_provider(values: Values, provider: str) -> Values:
    """The provider's table in the file's values, made when missing."""
    table: Values = values.setdefault("providers", {}).setdefault(provider, {})
    return table


def change_stored(change: Callable[[Values], None]) -> Path:
    """Change what the file holds, one process at a time; gives the file.

    Args:
        change: changes the file's values in place; what it raises leaves the file as it was.

    Raises:
        ConfigurationError: the file is wrong already, or cannot be written.
    """
    file = credentials_file()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(file):
            values = read_values(file) if file.exists() else {}
            change(values)
            # What cannot be read again must not be written: nobody could chat any more.
            for problem in find_problems(values):
                place = ".".join(str(key) for key in problem.keys)
                raise ConfigurationError(f"{place}: {problem.reason}")
            _write(file, HEADER + table_text(values))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(f"{file}: cannot be written: {reason}") from error
    return file


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        with FileLock(file.with_suffix(".lock"), timeout=LOCK_SECONDS, mode=0o600):
            yield
    except Timeout:
        raise ConfigurationError(
            f"{file}: another process has held its lock for {LOCK_SECONDS:g} s"
        ) from None


def _write(file: Path, text: str) -> None:
    """In one step, so that nobody ever reads half of it; mkstemp makes it its owner's alone."""
    import tempfile

    number, name = tempfile.mkstemp(prefix=file.name, dir=file.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as output:
            output.write(text)
            output.flush()
            os.fsync(output.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def put_into_keyring(profile: str, secret: str) -> None:
    """Keep a profile's secret in the system's keyring.

    Raises:
        MissingDependencyError: the extra `keyring` is not installed.
        ConfigurationError: there is no keyring, or it is locked.
    """
    keyring, failure = _keyring()
    try:
        keyring.set_password(KEYRING_SERVICE, profile, secret)
    except failure as error:
        raise ConfigurationError(
            f"{profile}: the keyring takes no key ({type(error).__name__}): unlock it, or use "
            "--env, --file or --command"
        ) from None


def delete_from_keyring(profile: str) -> None:
    """Take a profile's secret out of the system's keyring, if it is there.

    Raises:
        MissingDependencyError: the extra `keyring` is not installed.
    """
    keyring, failure = _keyring()
    try:
        keyring.delete_password(KEYRING_SERVICE, profile)
    except failure:
        return


def _keyring() -> tuple[Any, type[Exception]]:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        raise MissingDependencyError(
            'keys in the system\'s keyring need its client: pip install "aisopod[keyring]"'
        ) from error
    return keyring, KeyringError
