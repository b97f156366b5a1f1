"""Where a login is kept: the system's keyring if there is one, else a file for its owner only."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import msgspec

from aisopod.errors import ConfigurationError, MissingDependencyError

__all__ = ["Login", "LoginStore", "missing_extra"]

_SERVICE = "aisopod"
_LOCK_SECONDS = 60.0

_T = TypeVar("_T")


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a login gave.

    Attributes:
        client_id: the application that asked for it.
        client_secret: its secret; for a desktop application no secret in truth.
        refresh_token: what new access tokens are had with.
        token: the access token.
        expiry: when that ends, in seconds since the epoch.
        token_uri: where new ones are had.
        scopes: what it allows.
        quota_project: the project that pays, where one is named.
    """

    client_id: str
    client_secret: str
    refresh_token: str
    token: str
    expiry: float
    token_uri: str
    scopes: list[str] = []
    quota_project: str | None = None

    def __repr__(self) -> str:
        """Without tokens and secrets."""
        return f"Login(client_id={self.client_id!r}, scopes={self.scopes})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The same for who prints prettily; the one that structs have shows every field."""
        return [("client_id", self.client_id), ("scopes", self.scopes)]


class LoginStore:
    """The one login of a provider.

    Args:
        folder: where files are kept.
        name: the provider's id.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.file = folder / f"{name}.json"
        self._name = name

    def exists(self) -> bool:
        """Whether there is a login, told without opening the keyring."""
        return os.path.isfile(self.file)  # noqa: PTH113 - Path.is_file raises where it may not look

    def place(self) -> str:
        """Where the login is, for people."""
        if self._is_in_keyring():
            return f"the system's keyring ({_SERVICE}, {self._name})"
        return str(self.file)

    def load(self) -> Login | None:
        """The login, or None.

        Raises:
            ConfigurationError: it cannot be read, or others can read it too.
        """
        if not self.exists():
            return None
        text = self._read_keyring() if self._is_in_keyring() else self._read_file()
        if text is None:
            return None
        try:
            return msgspec.json.decode(text, type=Login)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Without its cause, which holds the text.
            raise ConfigurationError(
                f"{self.place()}: the login cannot be read: call `aisopod auth login {self._name}`"
            ) from None

    def save(self, login: Login) -> None:
        """Keep a login, in place of the one before.

        Raises:
            ConfigurationError: it cannot be written; the one before is still there.
        """
        text = msgspec.json.encode(login)
        keyring = _keyring()
        if keyring is not None:
            secret = text.decode()
            _asked(keyring, lambda: keyring.set_password(_SERVICE, self._name, secret))
            # What tells, without asking the keyring, that there is one.
            text = b""
        self._write(text)

    def delete(self) -> bool:
        """Forget the login, readable or not; whether there was one.

        Raises:
            ConfigurationError: the keyring or the folder does not let it be deleted.
        """
        found = self.exists()
        if found and self._is_in_keyring() and (keyring := _keyring()) is not None:
            with contextlib.suppress(keyring.errors.PasswordDeleteError):
                _asked(keyring, lambda: keyring.delete_password(_SERVICE, self._name))
        with self._writing(), contextlib.suppress(FileNotFoundError):
            self.file.unlink()
        return found

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from changing the login meanwhile; blocks.

        Raises:
            ConfigurationError: another process holds it for too long, or it cannot be made.
        """
        from filelock import FileLock, Timeout

        with self._writing():
            self._make_folder()
            lock = FileLock(self.file.with_suffix(".lock"), timeout=_LOCK_SECONDS, mode=0o600)
            try:
                lock.acquire()
            except Timeout:
                raise ConfigurationError(
                    f"{self.file}: another process has held its lock for {_LOCK_SECONDS:g} s"
                ) from None
        try:
            yield
        finally:
            lock.release()

    def _make_folder(self) -> None:
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ConfigurationError(f"{self.file}: cannot be written: {reason}") from None

    def _is_in_keyring(self) -> bool:
        """An empty file stands for an entry of the keyring."""
        try:
            return self.file.stat().st_size == 0
        except OSError:
            return False

    def _read_keyring(self) -> bytes | None:
        keyring = _keyring()
        if keyring is None:
            raise ConfigurationError(
                "the login is in the system's keyring, which cannot be had here: install "
                f'"aisopod[keyring]", or call `aisopod auth login {self._name}` anew'
            )
        secret = _asked(keyring, lambda: keyring.get_password(_SERVICE, self._name))
        return None if secret is None else secret.encode()

    def _read_file(self) -> bytes:
        try:
            mode = self.file.stat().st_mode
            text = self.file.read_bytes()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ConfigurationError(f"{self.file}: cannot be read: {reason}") from None
        if os.name == "posix" and mode & 0o077:
            raise ConfigurationError(
                f"{self.file}: others can read this login: `chmod 600 {self.file}`, or log in anew"
            )
        return text

    def _write(self, text: bytes) -> None:
        """Whole or not at all, and never readable by others, not even for a moment."""
        fresh = self.file.with_suffix(f".{os.getpid()}.new")
        with self._writing():
            self._make_folder()
            fresh.unlink(missing_ok=True)
            handle = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(text)
                    file.flush()
                    # Else the new name may outlive a power cut, and what is in the file may not:
                    # an empty one would stand for an entry of the keyring.
                    os.fsync(handle)
                fresh.replace(self.file)
            finally:
                fresh.unlink(missing_ok=True)


def _keyring() -> ModuleType | None:
    """The keyring, if it is installed and the system has one."""
    try:
        import keyring
    except ImportError:
        return None
    module = type(keyring.get_keyring()).__module__
    if module in {"keyring.backends.fail", "keyring.backends.null"}:
        return None
    return keyring


def _asked(keyring: ModuleType, act: Callable[[], _T]) -> _T:
    """What the keyring says; its failures as ours, without its text, which may hold the login."""
    failure: ConfigurationError
    try:
        return act()
    except keyring.errors.PasswordDeleteError:
        raise
    except keyring.errors.KeyringError as error:
        failure = ConfigurationError(
            f"the system's keyring fails ({type(error).__name__}): unlock it, or set "
            "PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring to keep logins in files"
        )
    raise failure


def missing_extra() -> MissingDependencyError:
    """The error for what the extra `google` brings."""
    return MissingDependencyError(
        'Google\'s logins need more packages: `pip install "aisopod[google]"`'
    )
