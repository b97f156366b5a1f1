"""The login, through real redirects, at an OAuth server that others wrote."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
import requests

from aisopod.errors import AuthenticationError, ConfigurationError, ConnectError
from aisopod.providers._google.flow import client_config, log_in, read_client_secrets
from aisopod.providers._google.store import Login

# The server itself calls what its library has given up.
pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:get_jwt_config")]

SCOPES = ("openid", "email")
SECRET = "client-secret-0123456789"


@pytest.fixture
def provider() -> Iterator[str]:
    from oidc_provider_mock import run_server_in_thread

    with run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


def client(provider: str) -> dict[str, dict[str, Any]]:
    return client_config(
        "the-client", SECRET, f"{provider}/oauth2/authorize", f"{provider}/oauth2/token"
    )


class Browser:
    """Opens the link, fills in the server's form, and goes where it is sent."""

    def __init__(self, act: Callable[[str], Any]) -> None:
        self.link = ""
        self.failure: Exception | None = None
        self._act = act
        self._thread: threading.Thread | None = None

    def __call__(self, link: str) -> None:
        self.link = link
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._act(self.link)
        except Exception as error:  # noqa: BLE001 - told by done()
            self.failure = error

    def done(self) -> None:
        assert self._thread is not None
        self._thread.join(10)
        if self.failure is not None:
            raise self.failure


def agree(link: str) -> requests.Response:
    assert requests.get(link, timeout=5).ok  # the form
    answer = requests.post(link, data={"sub": "somebody@example.com"}, timeout=5)
    assert answer.history[0].status_code in {302, 303}
    return answer


def logged_in(provider: str, act: Callable[[str], Any] = agree, **options: Any) -> Login:
    browser = Browser(act)
    try:
        return log_in(
            client(provider), show=browser, open_browser=False, scopes=SCOPES,
            **{"timeout": 10.0, **options},
        )  # fmt: skip
    finally:
        browser.done()


def test_success(provider: str) -> None:
    seen: list[str] = []

    def act(link: str) -> None:
        answer = agree(link)
        seen.append(answer.text)
        query = parse_qs(urlsplit(link).query)
        assert query["code_challenge_method"] == ["S256"]
        assert len(query["code_challenge"][0]) == 43
        assert len(query["state"][0]) >= 16
        assert query["access_type"] == ["offline"]
        assert query["redirect_uri"][0].startswith("http://127.0.0.1:")

    login = logged_in(provider, act, quota_project="payer")
    assert login.token
    assert login.refresh_token
    assert login.quota_project == "payer"
    assert login.token_uri == f"{provider}/oauth2/token"
    assert "You can close this window" in seen[0]
    for secret in (login.token, login.refresh_token, SECRET):
        assert secret not in repr(login)
        assert secret not in seen[0]
    told = requests.get(
        f"{provider}/userinfo", headers={"authorization": f"Bearer {login.token}"}, timeout=5
    )
    assert told.json()["sub"] == "somebody@example.com"


def test_the_verifier_that_is_sent_is_the_challenge_s(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 7636: the server that is used here does not check it, so it is checked in passing."""
    import base64
    import hashlib

    sent: list[str] = []
    links: list[str] = []
    real = requests.Session.request

    def spy(self: Any, method: str, url: str, **options: Any) -> Any:
        if url.endswith("/oauth2/token"):
            sent.append(dict(options["data"])["code_verifier"])
        return real(self, method, url, **options)

    monkeypatch.setattr(requests.Session, "request", spy)

    def act(link: str) -> None:
        links.append(link)
        agree(link)

    logged_in(provider, act)
    digest = hashlib.sha256(sent[0].encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert parse_qs(urlsplit(links[0]).query)["code_challenge"] == [challenge]
    assert 43 <= len(sent[0]) <= 128


def test_denied_consent(provider: str) -> None:
    with pytest.raises(AuthenticationError, match="consent was denied"):
        logged_in(provider, lambda link: requests.post(link, data={"action": "deny"}, timeout=5))


def back(link: str, query: str) -> requests.Response:
    return requests.get(parse_qs(urlsplit(link).query)["redirect_uri"][0] + query, timeout=5)


def test_wrong_state(provider: str) -> None:
    with pytest.raises(AuthenticationError, match="state differs"):
        logged_in(provider, lambda link: back(link, "?code=stolen&state=guessed"))


def test_what_else_comes_by_changes_nothing(provider: str) -> None:
    def act(link: str) -> None:
        assert back(link, "favicon.ico").status_code == 404
        assert back(link, "").status_code == 404
        agree(link)

    assert logged_in(provider, act).token


def test_one_who_connects_and_says_nothing_does_not_stop_it(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aisopod.providers._google.flow._Handler.timeout", 0.3)

    def act(link: str) -> None:
        port = urlsplit(parse_qs(urlsplit(link).query)["redirect_uri"][0]).port
        with socket.create_connection(("127.0.0.1", port or 0)):
            agree(link)

    assert logged_in(provider, act).token


def test_a_code_that_was_used(provider: str) -> None:
    """The answer comes with the right state, but its code is not the server's."""

    def act(link: str) -> None:
        state = parse_qs(urlsplit(link).query)["state"][0]
        back(link, f"?code=used&state={state}")

    with pytest.raises(AuthenticationError, match="invalid_grant"):
        logged_in(provider, act)


def test_port_in_use(provider: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} is taken.*--port"):
            log_in(client(provider), show=lambda link: None, open_browser=False, port=port)


def test_nobody_comes(provider: str) -> None:
    with pytest.raises(ConfigurationError, match=r"within 0\.2 s"):
        log_in(client(provider), show=lambda link: None, open_browser=False, timeout=0.2)


def test_pasted_from_another_machine(provider: str) -> None:
    links: list[str] = []

    def ask() -> str:
        answer = requests.post(
            links[0], data={"sub": "s@example.com"}, timeout=5, allow_redirects=False
        )
        return answer.headers["location"] + "\n"

    login = log_in(client(provider), show=links.append, ask=ask, scopes=SCOPES)
    assert login.token


def test_no_refresh_token() -> None:
    from oidc_provider_mock import run_server_in_thread

    with (
        run_server_in_thread(issue_refresh_token=False) as server,
        pytest.raises(AuthenticationError, match="no refresh token"),
    ):
        logged_in(f"http://localhost:{server.server_port}")


def test_the_token_service_is_away(provider: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    config = client_config(
        "the-client", SECRET, f"{provider}/oauth2/authorize", f"http://127.0.0.1:{port}/token"
    )
    browser = Browser(agree)
    with pytest.raises(ConnectError) as caught:
        log_in(config, show=browser, open_browser=False, scopes=SCOPES, timeout=10)
    browser.done()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_the_file_of_the_console(tmp_path: Path) -> None:
    file = tmp_path / "client_secret.json"
    told = {"client_id": "i", "client_secret": "s", "project_id": "p"}
    file.write_bytes(msgspec.json.encode({"installed": told}))
    found = read_client_secrets(str(file))["installed"]
    assert found["client_id"] == "i"
    assert found["token_uri"] == "https://oauth2.googleapis.com/token"
    file.write_bytes(msgspec.json.encode({"web": told}))
    with pytest.raises(ConfigurationError, match="Desktop app"):
        read_client_secrets(str(file))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_client_secrets(str(tmp_path / "none.json"))
