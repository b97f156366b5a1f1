"""Where the secrets of profiles are, how they are read, and what shows that they have changed."""

import os
from collections.abc import Mapping
from pathlib import Path

from aisopod.config.resolve import sendable
from aisopod.errors import ConfigurationError, MissingCredentialError, MissingDependencyError
from aisopod.types import Secret

__all__ = [
    "KEYRING_SERVICE",
    "command_words",
    "file_stamp",
    "in_keyring",
    "in_variable",
    "printed",
]

KEYRING_SERVICE = "aisopod"
COMMAND_SECONDS = 30.0
"""A password manager may ask its user, but not for ever."""


def in_variable(environ: Mapping[str, str], variable: str, id_: str) -> Secret:
    """What a variable holds now.

    Raises:
        MissingCredentialError: it is not set.
    """
    value = environ.get(variable, "").strip()
    if not value:
        raise MissingCredentialError(f"{id_}: the variable {variable} is not set")
    return sendable(value, variable)


def command_words(command: str | list[str], place: str) -> list[str]:
    """A command's words.

    Raises:
        ConfigurationError: it has none, or a quotation mark without its other one.
    """
    import shlex

    try:
        words = shlex.split(command) if isinstance(command, str) else command
    except ValueError as error:
        raise ConfigurationError(
            f"{place}.api_key_command: this is no command line ({error}); a list of its words "
            'needs no quoting: ["pass", "show", "openai"]'
        ) from None
    if not words or not words[0]:
        raise ConfigurationError(
            f"{place}.api_key_command is empty: name a command that prints the key, as in "
            '"pass show openai"'
        )
    return words


def printed(words: list[str], place: str) -> Secret:
    """What a command prints, such as a password manager's.

    Raises:
        MissingCredentialError: it printed nothing.
        ConfigurationError: it cannot be run, failed, or took too long.
    """
    import subprocess

    try:
        done = subprocess.run(  # noqa: S603 - it is the user's own, from the user's own file
            words,
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        # Without its cause, which may hold what was printed.
        raise ConfigurationError(
            f"{place}.api_key_command did not end within {COMMAND_SECONDS:g} s"
        ) from None
    except (OSError, ValueError) as error:  # a NUL in a word is a ValueError
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigurationError(f"{place}.api_key_command: {words[:1]}: {reason}") from error
    if done.returncode != 0:
        raise ConfigurationError(
            f"{place}.api_key_command ended with {done.returncode}: run it by hand to see why"
        )
    text = done.stdout.decode("utf-8", "replace").strip()
    if not text:
        raise MissingCredentialError(f"{place}.api_key_command printed nothing")
    return sendable(text, f"{place}.api_key_command")


def in_keyring(id_: str) -> Secret:
    """What the system's keyring holds for a profile.

    Raises:
        MissingDependencyError: the extra `keyring` is not installed.
        MissingCredentialError: it holds nothing.
        ConfigurationError: there is no keyring, or it cannot be read.
    """
    try:
        import keyring
        from keyring.errors import KeyringError, NoKeyringError
    except ImportError as error:
        raise MissingDependencyError(
            'keys in the system\'s keyring need its client: pip install "aisopod[keyring]"'
        ) from error
    try:
        text = keyring.get_password(KEYRING_SERVICE, id_)
    except NoKeyringError:
        raise ConfigurationError(
            f"{id_}: this system has no keyring (such as GNOME's, KDE's or macOS's): install one, "
            f"or keep the key elsewhere: `aisopod auth add {id_} --replace` with --env, --file or "
            "--command"
        ) from None
    except KeyringError as error:
        raise ConfigurationError(
            f"{id_}: the keyring cannot be read ({type(error).__name__}): unlock it"
        ) from None
    if not text:
        raise MissingCredentialError(
            f"{id_}: the keyring holds no key for it: `aisopod auth add {id_} --keyring --replace`"
        )
    return sendable(text, f"{id_} in the keyring")


def file_stamp(file: str | os.PathLike[str] | None) -> object:
    """What changes when a file does: its content, its rights, or which file has the name.

    None while it cannot be looked at. A time alone does not do: a copied file may bring its own.
    """
    if not file:
        return None
    try:
        found = Path(os.path.expanduser(file)).stat()  # noqa: PTH111 - it never raises
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
