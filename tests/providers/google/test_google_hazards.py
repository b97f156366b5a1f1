"""What goes wrong around a login: services that fail, disks, keyrings, logs, missing packages."""

import asyncio
import logging
import os
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from aisopod.errors import (
    AisopodError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    MissingDependencyError,
)
from aisopod.providers._google.flow import client_config, log_in
from aisopod.providers._google.platform import gemini_platform, vertex_platform
from aisopod.providers._google.revoke import revoke
from aisopod.providers._google.sources import AdcSource, LoginSource
from aisopod.providers._google.store import Login, LoginStore

SECRET = "client-secret-0123456789"
REFRESH = "refresh-token-0123456789"
CODE = "authorization-code-0123456789"


def login(token_uri: str = "http://x/token", token: str = "stored-token-0123456789") -> Login:
    return Login(
        client_id="the-client", client_secret=SECRET, refresh_token=REFRESH, token=token,
        expiry=0.0, token_uri=token_uri,
    )  # fmt: skip


class Visitor:
    """Comes to the redirect address with what it is given, in a thread of its own."""

    def __init__(self, visit: Callable[[str, str, int], None]) -> None:
        self._visit = visit
        self._threads: list[threading.Thread] = []

    def __call__(self, link: str) -> None:
        state = re.search(r"state=([^&]+)", link)
        port = re.search(r"127\.0\.0\.1%3A(\d+)", link)
        assert state is not None
        assert port is not None
        arguments = (link, state[1], int(port[1]))
        thread = threading.Thread(target=self._visit, args=arguments)
        thread.start()
        self._threads.append(thread)

    def gone(self) -> None:
        for thread in self._threads:
            thread.join(10)


def ask_raw(port: int, text: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(text.encode("latin-1"))
        answer = b""
        while more := connection.recv(4096):
            answer += more
        return answer


def come_back(port: int, state: str) -> bytes:
    return ask_raw(port, f"GET /?code={CODE}&state={state} HTTP/1.0\r\n\r\n")


def agree(link: str, state: str, port: int) -> None:
    come_back(port, state)


def logged_in(tokens: Any, visit: Callable[[str, str, int], None], **options: Any) -> Login:
    client = client_config("the-client", SECRET, "http://127.0.0.1:9/authorize", tokens.url)
    visitor = Visitor(visit)
    try:
        return log_in(
            client, show=visitor, open_browser=False, scopes=("a",), timeout=10.0, **options
        )
    finally:
        visitor.gone()


def test_the_logs_hold_no_secret(tokens: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The library that exchanges the code writes bodies to its log."""
    tokens.answer = {"access_token": "access-token-0123456789", "refresh_token": REFRESH,
                     "expires_in": 3600, "token_type": "Bearer", "scope": "a"}  # fmt: skip
    caplog.set_level(logging.DEBUG)
    found = logged_in(tokens, agree)
    for secret in (SECRET, REFRESH, CODE, found.token, tokens.asked[0]["code_verifier"]):
        assert secret not in caplog.text
    # What others log meanwhile and afterwards is theirs.
    logging.getLogger("requests_oauthlib.oauth2_session").debug("heard")
    assert "heard" in caplog.text


async def test_nor_do_they_in_renewals(
    store: LoginStore, tokens: Any, caplog: pytest.LogCaptureFixture
) -> None:
    tokens.answer = {"access_token": "access-token-0123456789", "expires_in": 3600}
    store.save(login(tokens.url))
    caplog.set_level(logging.DEBUG)
    credential = await LoginSource(store).credential()
    assert credential.secret.reveal() == "access-token-0123456789"
    revoke(login(tokens.url))
    shown = caplog.text + repr(credential) + repr(store.load())
    for secret in (SECRET, REFRESH, "access-token-0123456789"):
        assert secret not in shown


def test_an_answer_that_does_not_tell_when_it_ends(tokens: Any) -> None:
    """RFC 6749, 5.1: `expires_in` may be left out. It is renewed before it is used, then."""
    tokens.answer = {"access_token": "at", "refresh_token": REFRESH, "token_type": "Bearer"}
    found = logged_in(tokens, agree)
    assert found.expiry <= time.time()
    assert found.scopes == ["a"]


def test_a_login_shows_no_secret_to_who_prints_prettily() -> None:
    rich = pytest.importorskip("rich.pretty")
    shown = rich.pretty_repr(login())
    for secret in (SECRET, REFRESH, "stored-token-0123456789"):
        assert secret not in shown


@pytest.mark.parametrize("status", [500, 503])
async def test_a_service_that_fails_has_not_revoked_anything(
    store: LoginStore, tokens: Any, status: int
) -> None:
    """To be tried again, and no reason to log in anew."""
    tokens.status, tokens.answer = status, {"error": "temporarily_unavailable"}
    store.save(login(tokens.url))
    with pytest.raises(ConnectError, match="token service") as caught:
        await LoginSource(store).credential()
    assert caught.value.retryable
    assert "aisopod auth login" not in str(caught.value)


@pytest.mark.parametrize("answer", ["<html>Sign in to the café's network", 5, [], {"nothing": 1}])
async def test_an_answer_that_is_none(store: LoginStore, tokens: Any, answer: Any) -> None:
    tokens.answer = answer
    store.save(login(tokens.url))
    with pytest.raises(AisopodError) as caught:
        await LoginSource(store).credential()
    assert isinstance(caught.value, ConnectError | AuthenticationError)
    kept = store.load()
    assert kept is not None
    assert kept.token == "stored-token-0123456789"


async def test_a_service_that_hangs_is_given_up(
    store: LoginStore, tokens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is held meanwhile: other processes wait for it."""
    monkeypatch.setattr("aisopod.providers._google.sources._SERVICE_SECONDS", 0.2)
    tokens.delay = 1.5
    store.save(login(tokens.url))
    started = time.monotonic()
    with pytest.raises(ConnectError, match="token service"):
        await LoginSource(store).credential()
    assert time.monotonic() - started < 1.4


async def test_one_who_waits_is_not_stopped_by_another_s_end(
    store: LoginStore, tokens: Any
) -> None:
    """Who started the renewal is cancelled; nobody else is, and it is asked for once."""
    tokens.delay = 0.3
    store.save(login(tokens.url))
    source = LoginSource(store)
    tasks = [asyncio.create_task(source.credential()) for _ in range(3)]
    await asyncio.sleep(0.1)
    for task in tasks[:2]:
        task.cancel()
    assert (await tasks[2]).secret.reveal() == "at-1"
    assert [task.cancelled() for task in tasks] == [True, True, False]
    assert len(tokens.asked) == 1


def test_who_hangs_up_or_asks_nonsense_changes_nothing(
    tokens: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    tokens.answer |= {"refresh_token": REFRESH, "token_type": "Bearer", "scope": "a"}

    def visit(link: str, state: str, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as rude:
            reset = struct.pack("ii", 1, 0)
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            rude.sendall(b"GET /?code")
        ask_raw(port, "GET http://[ HTTP/1.0\r\n\r\n")
        ask_raw(port, "\x16\x03\x01 what TLS says\r\n\r\n")
        ask_raw(port, f"POST /?code={CODE}&state={state} HTTP/1.0\r\n\r\n")
        come_back(port, state)

    assert logged_in(tokens, visit).refresh_token == REFRESH
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("pasted", ["", "\n", "http://[::1", "no address at all"])
def test_what_is_pasted_is_no_address(tokens: Any, pasted: str) -> None:
    client = client_config("the-client", SECRET, "https://x/authorize", tokens.url)
    with pytest.raises(AuthenticationError, match="paste the whole address"):
        log_in(client, show=lambda link: None, ask=lambda: pasted)
    assert tokens.asked == []


def test_pasted_from_another_login(tokens: Any) -> None:
    client = client_config("the-client", SECRET, "https://x/authorize", tokens.url)
    pasted = f"http://127.0.0.1:8085/?code={CODE}&state=another"
    with pytest.raises(AuthenticationError, match="state differs") as caught:
        log_in(client, show=lambda link: None, ask=lambda: pasted)
    assert CODE not in str(caught.value)
    assert tokens.asked == []


def test_an_application_without_tls() -> None:
    client = client_config("the-client", SECRET, "http://accounts.example/authorize")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OAUTHLIB_INSECURE_TRANSPORT")
        with pytest.raises(ConfigurationError, match="https"):
            log_in(client, show=lambda link: None, ask=lambda: "")


def test_the_browser_is_opened(tokens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens.answer |= {"refresh_token": REFRESH, "token_type": "Bearer", "scope": "a"}
    visitor = Visitor(agree)
    monkeypatch.setattr("webbrowser.open", visitor)
    client = client_config("the-client", SECRET, "http://127.0.0.1:9/authorize", tokens.url)
    shown: list[str] = []
    assert log_in(client, show=shown.append, scopes=("a",), timeout=10.0).refresh_token == REFRESH
    visitor.gone()
    assert len(shown) == 1


def keyring_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    import keyring.backend
    import keyring.errors

    class Locked(keyring.backend.KeyringBackend):
        priority: ClassVar[float] = 1

        def get_password(self, service: str, username: str) -> str | None:
            raise keyring.errors.KeyringLocked("locked")

        def set_password(self, service: str, username: str, password: str) -> None:
            raise keyring.errors.PasswordSetError(password)

        def delete_password(self, service: str, username: str) -> None:
            raise keyring.errors.KeyringLocked("locked")

    monkeypatch.setattr(keyring, "get_keyring", Locked)
    monkeypatch.setattr("keyring.core._keyring_backend", Locked())  # type: ignore[no-untyped-call]
    monkeypatch.setattr("aisopod.providers._google.store._keyring", lambda: keyring)


def test_a_keyring_that_is_locked(store: LoginStore, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring_that_fails(monkeypatch)
    with pytest.raises(ConfigurationError, match=r"keyring.*unlock") as caught:
        store.save(login())
    assert REFRESH not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert not store.exists()
    store.file.parent.mkdir(parents=True, exist_ok=True)
    store.file.touch(0o600)
    for act in (store.load, store.delete):
        with pytest.raises(ConfigurationError, match=r"keyring.*unlock"):
            act()
    assert store.exists()


def test_a_keyring_that_was_taken_out(store: LoginStore) -> None:
    """The login is in a keyring that this process has not."""
    store.file.parent.mkdir(parents=True)
    store.file.touch(0o600)
    with pytest.raises(ConfigurationError, match=r"keyring.*aisopod auth login gemini"):
        store.load()
    assert store.delete()
    assert not store.exists()


@pytest.mark.parametrize("broken", ["mode", "text"])
def test_what_cannot_be_read_can_be_forgotten(store: LoginStore, broken: str) -> None:
    store.save(login())
    if broken == "mode":
        store.file.chmod(0o644)
    else:
        store.file.write_text("{")
    assert store.delete()
    assert not store.exists()
    assert not store.delete()


@pytest.mark.skipif(os.name != "posix", reason="paths of POSIX")
async def test_a_place_that_cannot_be_written(tmp_path: Path, tokens: Any) -> None:
    """A file where the folder should be: not even root can write there."""
    (tmp_path / "taken").write_text("")
    store = LoginStore(tmp_path / "taken", "gemini")
    with pytest.raises(ConfigurationError, match="taken"):
        store.save(login())
    with pytest.raises(ConfigurationError, match="taken"), store.lock():
        pass


def test_a_write_that_fails_leaves_the_old_login(
    store: LoginStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(login())

    def full(self: Path, target: Any) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ConfigurationError, match="No space left"):
        store.save(login(token="another"))
    kept = store.load()
    assert kept is not None
    assert kept.token == "stored-token-0123456789"
    assert [file.name for file in store.file.parent.iterdir()] == ["gemini.json"]


@pytest.mark.parametrize("module", ["google.oauth2.credentials", "google.auth.transport.requests"])
async def test_a_missing_package_names_the_extra(
    store: LoginStore, tokens: Any, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    store.save(login(tokens.url))
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=r'pip install "aisopod\[google\]"'):
        await LoginSource(store).credential()
    assert tokens.asked == []


async def test_nor_for_default_credentials_or_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.auth", None)
    monkeypatch.setitem(sys.modules, "google_auth_oauthlib.flow", None)
    with pytest.raises(MissingDependencyError, match="aisopod\\[google\\]"):
        await AdcSource().credential()
    with pytest.raises(MissingDependencyError, match="aisopod\\[google\\]"):
        log_in(client_config("c", SECRET), show=lambda link: None, ask=lambda: "")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type": "service_account"}', "\xff"])
async def test_a_credentials_file_that_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "account.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=re.escape(str(file))):
        await AdcSource(str(file)).credential()


@pytest.mark.parametrize(
    "options",
    [
        {"project": "p", "location": "evil.example:443"},
        {"project": "p", "location": "us-central1."},
        {"project": "p", "location": "-x"},
        {"project": "p", "location": "US"},
        {"project": "p?x", "location": "us"},
        {"project": "p\r\nx: y"},
    ],
)
def test_what_is_no_place(options: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="of Google Cloud"):
        vertex_platform.settle(options)


def test_a_project_of_a_domain() -> None:
    settled = vertex_platform.settle({"project": "example.com:its-project", "location": "us-east5"})
    assert settled["project"] == "example.com:its-project"
    assert settled["base_url"] == "https://us-east5-aiplatform.googleapis.com"


def test_the_login_for_vertex(tmp_path: Path, store: LoginStore) -> None:
    store.save(login())
    source = vertex_platform.open({"credentials": "login"}, store.file.parent)
    assert isinstance(source, LoginSource)
    assert isinstance(gemini_platform.open({}, store.file.parent), LoginSource)
    with pytest.raises(ConfigurationError, match="aisopod auth login gemini"):
        vertex_platform.open({"credentials": "login"}, tmp_path)


@pytest.mark.parametrize("platform", [gemini_platform, vertex_platform])
def test_a_choice_that_there_is_not(platform: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"credentials.*adc.*login"):
        platform.open({"credentials": "gcloud"}, tmp_path)
