"""The login in a browser: OAuth 2.0 for installed applications, with PKCE and a loopback redirect.

Source: https://developers.google.com/identity/protocols/oauth2/native-app, RFC 8252 and RFC 7636.
"""

import contextlib
import errno
import logging
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar, cast
from urllib.parse import parse_qs, urlsplit

import msgspec

from aisopod.errors import AuthenticationError, ConfigurationError, ConnectError
from aisopod.providers._google.places import checked
from aisopod.providers._google.store import Login, missing_extra

__all__ = ["SCOPES", "client_config", "log_in", "read_client_secrets"]

SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/generative-language.retriever",
)
_AUTH_URI = "https://accounts.google.com/o/oauth2/v2/auth"
_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_HOST = "127.0.0.1"
_PAGE = (
    "<!doctype html><meta charset=utf-8><title>aisopod</title>"
    "<p>%s You can close this window and go back to the terminal."
)

ClientConfig = dict[str, dict[str, Any]]
Show = Callable[[str], None]


class _Installed(msgspec.Struct):
    client_id: str
    client_secret: str = ""
    auth_uri: str = _AUTH_URI
    token_uri: str = _TOKEN_URI


class _Secrets(msgspec.Struct):
    installed: _Installed | None = None


def read_client_secrets(file: str) -> ClientConfig:
    """The application to log in with, of the file that Google's console gives for it.

    Raises:
        ConfigurationError: it is no such file.
    """
    try:
        found = msgspec.json.decode(Path(file).read_bytes(), type=_Secrets).installed
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    if found is None:
        raise ConfigurationError(
            f'{file}: this is no file of a client of the type "Desktop app": make one at '
            "https://console.cloud.google.com/apis/credentials and download it"
        )
    return client_config(**msgspec.to_builtins(found))


def client_config(
    client_id: str,
    client_secret: str,
    auth_uri: str = _AUTH_URI,
    token_uri: str = _TOKEN_URI,
) -> ClientConfig:
    """The application to log in with."""
    return {
        "installed": {
            "client_id": client_id,
            "client_secret": client_secret,
            "auth_uri": auth_uri,
            "token_uri": token_uri,
        }
    }


def log_in(
    client: ClientConfig,
    *,
    show: Show,
    open_browser: bool = True,
    port: int = 0,
    timeout: float = 300.0,
    ask: Callable[[], str] | None = None,
    quota_project: str | None = None,
    scopes: tuple[str, ...] = SCOPES,
) -> Login:
    """Log in with a browser; blocks until it is done.

    Args:
        client: the application.
        show: told the link to open.
        open_browser: whether to open it too.
        port: the port of this machine that the browser is sent back to; 0 is any.
        timeout: how long to wait for that, in seconds.
        ask: for machines without a browser: gives the address that the browser elsewhere was
            sent back to. Nothing is listened to then.
        quota_project: the project that pays.
        scopes: what to ask for.

    Raises:
        AuthenticationError: consent was denied, or the answer is not for this login.
        ConfigurationError: the port is taken, nobody answered in time, or the application is wrong.
        ConnectError: the token service could not be reached.
        MissingDependencyError: the extra `google` is not installed.
    """
    try:
        from google_auth_oauthlib.flow import Flow
    except ImportError:
        raise missing_extra() from None
    if quota_project:
        checked("project", quota_project)
    flow = Flow.from_client_config(client, scopes=list(scopes), autogenerate_code_verifier=True)
    server = _Server(port) if ask is None else None
    try:
        bound = server.server_port if server is not None else port or 8085
        flow.redirect_uri = f"http://{_HOST}:{bound}/"
        link, state = _link(flow)
        show(link)
        if server is not None:
            if open_browser:
                webbrowser.open(link)
            answer = server.wait(timeout)
        else:
            answer = _pasted(ask() if ask is not None else "")
    finally:
        if server is not None:
            server.server_close()
    code = _code(answer, state)
    _fetch(flow, code)
    return _login(flow, client["installed"], quota_project)


def _link(flow: Any) -> tuple[str, str]:  # noqa: ANN401 - the library has no types
    from oauthlib.oauth2 import InsecureTransportError

    try:
        link, state = flow.authorization_url(access_type="offline", prompt="consent")
    except InsecureTransportError:
        raise ConfigurationError("the application's auth_uri must begin with https") from None
    return link, state


def _query(address: str) -> dict[str, str]:
    try:
        query = parse_qs(urlsplit(address.strip()).query)
    except ValueError:
        return {}
    return {name: values[0] for name, values in query.items()}


def _pasted(address: str) -> dict[str, str]:
    query = _query(address)
    if not query.keys() & {"code", "error"}:
        raise AuthenticationError(
            "what was pasted is not the address at which a login ends: log in again, and paste "
            f"the whole address, which begins with http://{_HOST}"
        )
    return query


def _code(answer: Mapping[str, str], state: str) -> str:
    if error := answer.get("error"):
        denied = "consent was denied" if error == "access_denied" else f"the login failed: {error}"
        raise AuthenticationError(f"{denied}: nothing was stored")
    # Without this an attacker could have the user log in as somebody else.
    if answer.get("state") != state:
        raise AuthenticationError("the answer is not for this login (state differs): log in again")
    if not answer.get("code"):
        raise AuthenticationError("the answer holds no code: log in again")
    return answer["code"]


def _fetch(flow: Any, code: str) -> None:  # noqa: ANN401 - the library has no types
    from oauthlib.oauth2 import OAuth2Error
    from requests import RequestException

    failure: AuthenticationError | ConnectError
    try:
        with _unlogged("requests_oauthlib"):
            flow.fetch_token(code=code)
    except OAuth2Error as error:
        # Its own text may hold what was sent.
        failure = AuthenticationError(f"the code was not taken ({error.error}): log in again")
    except RequestException as error:
        failure = ConnectError(f"the token service could not be reached: {type(error).__name__}")
    except Warning:
        failure = AuthenticationError("not everything that was asked for was allowed: log in "
                                      "again, and leave every box ticked")  # fmt: skip
    else:
        return
    raise failure


@contextlib.contextmanager
def _unlogged(library: str) -> Iterator[None]:
    """Keep quiet a library that logs bodies, and with them the code and the tokens."""
    here = threading.get_ident()

    def is_anothers(record: logging.LogRecord) -> bool:  # noqa: ARG001
        return threading.get_ident() != here

    # A filter holds for what a logger is told itself, not for those below it.
    loggers = [
        logger
        for name, logger in logging.root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger) and f"{name}.".startswith(f"{library}.")
    ]
    for logger in loggers:
        logger.addFilter(is_anothers)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_anothers)


def _login(flow: Any, client: Mapping[str, Any], quota_project: str | None) -> Login:  # noqa: ANN401
    # Not flow.credentials, which fails where the answer does not tell how long the token holds.
    answer = flow.oauth2session.token
    if not answer.get("refresh_token"):
        raise AuthenticationError(
            "the answer holds no refresh token: take aisopod's access away at "
            "https://myaccount.google.com/permissions and log in again"
        )
    return Login(
        client_id=client["client_id"],
        client_secret=client["client_secret"],
        refresh_token=answer["refresh_token"],
        token=answer["access_token"],
        expiry=answer.get("expires_at", time.time()),
        token_uri=client["token_uri"],
        scopes=list(flow.oauth2session.scope or ()),
        quota_project=quota_project,
    )


class _Handler(BaseHTTPRequestHandler):
    """Takes the browser's return; whatever else comes by gets a 404 and changes nothing."""

    # Of one who connects and says nothing.
    timeout: ClassVar[float | None] = 5.0

    def do_GET(self) -> None:
        query = _query(self.path)
        expected = urlsplit(self.path).path == "/" and ("code" in query or "error" in query)
        if expected:
            cast("_Server", self.server).answer = query
        said = "Thank you." if expected else "There is nothing here."
        body = (_PAGE % said).encode()
        self.send_response(200 if expected else 404)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: the address holds the code."""


class _Server(HTTPServer):
    # Where it is true, two programs can have the same port on some systems.
    allow_reuse_address = False

    def __init__(self, port: int) -> None:
        self.answer: dict[str, str] | None = None
        try:
            super().__init__((_HOST, port), _Handler)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "is taken by another program" if taken else f"cannot be used: {error.strerror}"
            raise ConfigurationError(
                f"port {port} {reason}: choose another with --port, or leave it out"
            ) from None

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Say nothing: a browser that hangs up is no fault, and ends nothing."""

    def wait(self, timeout: float) -> dict[str, str]:
        """The query with which the browser came back."""
        deadline = time.monotonic() + timeout
        while self.answer is None:
            self.timeout = deadline - time.monotonic()
            if self.timeout <= 0:
                raise ConfigurationError(f"nobody logged in within {timeout:g} s: try again")
            self.handle_request()
        return self.answer
