"""Tokens that expire, of a stored login or of Application Default Credentials."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from aisopod.errors import (
    AisopodError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    MissingCredentialError,
)
from aisopod.providers._google.store import Login, LoginStore, missing_extra
from aisopod.providers.host import Credential
from aisopod.providers.renewal import Renewal
from aisopod.types import Secret

__all__ = ["AdcSource", "LoginSource"]

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# A token is renewed this long before its end, in seconds: requests last, and clocks differ.
_EARLY_SECONDS = 300.0
# Of one answer; with the library's two retries it is less than what others wait for the lock.
_SERVICE_SECONDS = 15.0


class LoginSource:
    """The token of a stored login, renewed in time; processes that share the store renew once.

    Args:
        store: where the login is.
    """

    def __init__(self, store: LoginStore) -> None:
        self._store = store
        self._login: Login | None = None
        self._refused = ""
        self._renewal = Renewal(self._renewed)

    async def credential(self) -> Credential:
        """The token.

        Raises:
            MissingCredentialError: there is no login any more.
            AuthenticationError: the login was revoked or has expired; names the command.
            ConnectError: the token service could not be reached.
        """
        if self._login is not None and self._is_good(self._login):
            return _credential(self._login.token, self._login.quota_project)
        return await self._renewal.credential()

    def refused(self, credential: Credential) -> bool:
        """Whether a new token may be had; the clock's word counts no more for this one."""
        self._refused = credential.secret.reveal()
        return True

    def _is_good(self, login: Login) -> bool:
        return login.token != self._refused and login.expiry - time.time() > _EARLY_SECONDS

    def _renewed(self) -> Credential:
        """Blocks: waits for other processes, and asks the token service."""
        with self._store.lock():
            login = self._store.load()
            if login is None:
                raise MissingCredentialError(
                    "there is no login any more: call `aisopod auth login gemini`"
                )
            # Another process may have renewed it while this one waited.
            if not self._is_good(login):
                login = _refreshed(login)
                self._store.save(login)
        self._login = login
        return _credential(login.token, login.quota_project)


def _refreshed(login: Login) -> Login:
    try:
        from google.oauth2.credentials import Credentials
    except ImportError:
        raise missing_extra() from None
    credentials = Credentials(  # type: ignore[no-untyped-call]
        token=None,
        refresh_token=login.refresh_token,
        token_uri=login.token_uri,
        client_id=login.client_id,
        client_secret=login.client_secret,
    )
    _refresh(credentials, "the login was revoked or has expired: call `aisopod auth login gemini`")
    return msgspec.structs.replace(
        login,
        token=credentials.token,
        expiry=_seconds(credentials.expiry),
        # Google keeps the old one; others may give a new one each time.
        refresh_token=credentials.refresh_token or login.refresh_token,
    )


class AdcSource:
    """Google's Application Default Credentials, or those of one file.

    Args:
        file: a service account's or user's credentials; None for what the environment offers.
    """

    def __init__(self, file: str | None = None) -> None:
        self._file = file
        self._found: Any = None
        self._refused = ""
        self._renewal = Renewal(self._renewed)

    async def credential(self) -> Credential:
        """The token.

        Raises:
            MissingCredentialError: there are no such credentials; names the ways.
            AuthenticationError: they cannot be renewed.
            ConnectError: the token service could not be reached.
        """
        if self._is_good():
            return self._credential()
        return await self._renewal.credential()

    def refused(self, credential: Credential) -> bool:
        """Whether a new token may be had; the clock's word counts no more for this one."""
        self._refused = credential.secret.reveal()
        return True

    def _is_good(self) -> bool:
        found = self._found
        if found is None or not found.token or found.token == self._refused:
            return False
        return found.expiry is None or _seconds(found.expiry) - time.time() > _EARLY_SECONDS

    def _credential(self) -> Credential:
        project = os.environ.get("GOOGLE_CLOUD_QUOTA_PROJECT", "").strip()
        project = project or getattr(self._found, "quota_project_id", None) or ""
        return _credential(self._found.token, project or None)

    def _renewed(self) -> Credential:
        """Blocks: reads files, and asks the token service or the metadata server."""
        if self._found is None:
            self._found = _default(self._file)
        if not self._is_good():
            _refresh(
                self._found,
                "the credentials cannot be renewed: call `gcloud auth application-default login`, "
                "or look at the service account's key",
            )
        return self._credential()


def _default(file: str | None) -> Any:  # noqa: ANN401 - the library has no types
    """Credentials without a token yet."""
    try:
        import google.auth
        from google.auth.exceptions import DefaultCredentialsError
    except ImportError:
        raise missing_extra() from None
    if file is not None:
        return _of_file(Path(os.path.expanduser(file)))  # noqa: PTH111 - it never raises
    try:
        found, _ = google.auth.default(scopes=[_SCOPE])
    except DefaultCredentialsError as error:
        raise MissingCredentialError(
            f"Google has no credentials here ({str(error).splitlines()[0]}): call `gcloud auth "
            "application-default login`, set GOOGLE_APPLICATION_CREDENTIALS to a service account's "
            "file, or set the option credentials_file"
        ) from None
    return found


def _of_file(file: Path) -> Any:  # noqa: ANN401 - the library has no types
    """A service account's or a user's credentials; of other kinds the library warns."""
    from google.oauth2.credentials import Credentials
    from google.oauth2.service_account import Credentials as ServiceAccount

    try:
        told = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
        if told.get("type") == "service_account":
            return ServiceAccount.from_service_account_info(  # type: ignore[no-untyped-call]
                told, scopes=[_SCOPE]
            )
        if told.get("type") == "authorized_user":
            return Credentials.from_authorized_user_info(  # type: ignore[no-untyped-call]
                told, scopes=[_SCOPE]
            )
        reason = f"its type is {told.get('type')!r}"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except (ValueError, UnicodeDecodeError):  # without their text, which may hold the key
        reason = "it has not the form"
    raise ConfigurationError(
        f"credentials_file: {file} is no service account's or user's credentials: {reason}. Files "
        "of other types are taken by GOOGLE_APPLICATION_CREDENTIALS"
    )


def _refresh(credentials: Any, remedy: str) -> None:  # noqa: ANN401 - the library has no types
    """Have a new token; the library's errors as ours."""
    try:
        from google.auth.exceptions import GoogleAuthError, TransportError
        from google.auth.transport.requests import Request
    except ImportError:
        raise missing_extra() from None
    statuses: list[int] = []
    failure: AisopodError
    try:
        credentials.refresh(_noted(Request(), statuses))
    except TransportError as error:
        kind = type(error.args[0]).__name__ if error.args else type(error).__name__
        failure = ConnectError(f"the token service could not be reached: {kind}")
    except GoogleAuthError as error:
        if error.retryable or (statuses and statuses[-1] >= 500):
            failure = ConnectError("the token service fails" + _status(statuses))
        else:
            failure = AuthenticationError(_reason(error) + remedy)
    except (TypeError, ValueError):
        # The library takes the answer for an object without looking, such as a proxy's page.
        failure = ConnectError("the token service's answer cannot be read" + _status(statuses))
    else:
        return
    # Outside of the handler: the library's error holds the answer, which may hold tokens.
    raise failure


def _noted(request: Callable[..., Any], statuses: list[int]) -> Callable[..., Any]:
    """The library's request, which does not wait for minutes, with the statuses put down."""

    def asked(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the library has no types
        answer = request(*arguments, **{"timeout": _SERVICE_SECONDS, **options})
        statuses.append(answer.status)
        return answer

    return asked


def _status(statuses: list[int]) -> str:
    return f": HTTP {statuses[-1]}" if statuses else ""


def _reason(error: Exception) -> str:
    """The token service's own word, such as `invalid_grant`."""
    word = str(error.args[0]).partition(":")[0].strip() if error.args else ""
    return f"{word}: " if word.isascii() and word.replace("_", "").isalpha() else ""


def _credential(token: str, quota_project: str | None) -> Credential:
    headers = {"x-goog-user-project": quota_project} if quota_project else {}
    return Credential(secret=Secret(token), kind="token", headers=headers)


def _seconds(expiry: datetime | None) -> float:
    """Seconds since the epoch; the library tells UTC without saying so."""
    return time.time() if expiry is None else expiry.replace(tzinfo=UTC).timestamp()
