"""Tokens that expire: renewed in time, once, and told in words when they cannot be."""

import asyncio
import base64
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import aisopod
from aisopod.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    MissingCredentialError,
)
from aisopod.providers._google.platform import gemini_platform, vertex_platform
from aisopod.providers._google.sources import AdcSource, LoginSource
from aisopod.providers._google.store import Login, LoginStore
from aisopod.simulator import Simulator
from aisopod.types import Secret

REFRESH = "rt-refresh-secret-1"
SECRET = "client-secret-0123456789"


def login(token_uri: str, *, lasts: float = 0.0, token: str = "at-stored") -> Login:
    return Login(
        client_id="the-client", client_secret=SECRET, refresh_token=REFRESH, token=token,
        expiry=time.time() + lasts, token_uri=token_uri,
    )  # fmt: skip


async def test_a_good_token_is_used_as_it_is(store: LoginStore, tokens: Any) -> None:
    store.save(login(tokens.url, lasts=3600))
    credential = await LoginSource(store).credential()
    assert credential.secret == Secret("at-stored")
    assert credential.kind == "token"
    assert tokens.asked == []


async def test_it_is_renewed_before_it_ends(store: LoginStore, tokens: Any) -> None:
    store.save(login(tokens.url, lasts=200))
    source = LoginSource(store)
    assert (await source.credential()).secret.reveal() == "at-1"
    assert (await source.credential()).secret.reveal() == "at-1"
    [asked] = tokens.asked
    assert asked["grant_type"] == "refresh_token"
    assert asked["refresh_token"] == REFRESH
    kept = store.load()
    assert kept is not None
    assert (kept.token, kept.refresh_token) == ("at-1", REFRESH)
    assert 3500 < kept.expiry - time.time() <= 3600


async def test_a_new_refresh_token_is_kept(store: LoginStore, tokens: Any) -> None:
    tokens.answer["refresh_token"] = "rt-2"
    store.save(login(tokens.url))
    await LoginSource(store).credential()
    kept = store.load()
    assert kept is not None
    assert kept.refresh_token == "rt-2"


async def test_however_many_wait_one_asks(store: LoginStore, tokens: Any) -> None:
    tokens.delay = 0.3
    store.save(login(tokens.url))
    source = LoginSource(store)
    waiting = [asyncio.create_task(source.credential()) for _ in range(50)]
    await asyncio.sleep(0.1)
    waiting[0].cancel()
    rest = await asyncio.gather(*waiting[1:])
    assert {credential.secret.reveal() for credential in rest} == {"at-1"}
    assert waiting[0].cancelled()
    assert len(tokens.asked) == 1


async def test_the_loop_goes_on_meanwhile(store: LoginStore, tokens: Any) -> None:
    tokens.delay = 0.5
    store.save(login(tokens.url))
    await LoginSource(store).credential()  # the libraries are imported once
    source = LoginSource(store)
    source.refused(await source.credential())
    gaps: list[float] = []

    async def tick() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - last)
            last = time.monotonic()

    ticking = asyncio.create_task(tick())
    await source.credential()
    ticking.cancel()
    assert len(gaps) > 10
    assert max(gaps) < 0.3


async def test_revoked(store: LoginStore, tokens: Any) -> None:
    tokens.status = 400
    tokens.answer = {"error": "invalid_grant", "error_description": f"{REFRESH} has been revoked"}
    store.save(login(tokens.url))
    with pytest.raises(
        AuthenticationError, match=r"invalid_grant.*aisopod auth login gemini"
    ) as caught:
        await LoginSource(store).credential()
    shown = str(caught.value) + repr(caught.value)
    assert REFRESH not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_the_service_is_away(store: LoginStore, tokens: Any) -> None:
    store.save(login("http://127.0.0.1:9/token"))
    with pytest.raises(ConnectError, match="token service"):
        await LoginSource(store).credential()


async def test_logged_out_meanwhile(store: LoginStore, tokens: Any) -> None:
    store.save(login(tokens.url))
    source = LoginSource(store)
    await source.credential()
    store.delete()
    source.refused(await source.credential())
    with pytest.raises(MissingCredentialError, match="aisopod auth login gemini"):
        await source.credential()


async def test_the_clock_says_good_and_the_service_does_not(
    tmp_path: Path, tokens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that is slow: the stored token ended long ago. It is renewed once, and asked again."""
    async with Simulator(require_key="at-1") as simulator:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", simulator.url_for("gemini"))
        from aisopod import config

        store = LoginStore(config.logins_folder(), "gemini")
        store.save(login(tokens.url, lasts=3600))
        async with aisopod.AsyncClient(aisopod.Config()) as client:
            assert "gemini" in client.usable_providers()
            await client.list_models("gemini")
    assert len(tokens.asked) == 1
    assert len(simulator.requests) == 2


_OTHER = """
import asyncio, sys
from pathlib import Path
from aisopod.providers._google.sources import LoginSource
from aisopod.providers._google.store import LoginStore
store = LoginStore(Path(sys.argv[1]), "gemini")
import aisopod.providers._google.store as module
module._keyring = lambda: None
print("ready", flush=True)
sys.stdin.readline()
print(asyncio.run(LoginSource(store).credential()).secret.reveal())
"""


def test_two_processes_renew_once(store: LoginStore, tokens: Any) -> None:
    tokens.delay = 0.5
    store.save(login(tokens.url))
    command = [sys.executable, "-c", _OTHER, str(store.file.parent)]
    both = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=30)[0].strip() for process in both]
    assert outputs == ["at-1", "at-1"]
    assert len(tokens.asked) == 1


@pytest.mark.real
@pytest.mark.filterwarnings("ignore:get_jwt_config")
async def test_a_real_server_renews_and_revokes(
    store: LoginStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    import requests
    from oidc_provider_mock import run_server_in_thread

    from aisopod.providers._google.flow import client_config, log_in

    # Google takes the client's secret in the form; this server must be told to, for renewals.
    monkeypatch.setattr(
        "oidc_provider_mock._app.RefreshTokenGrant.TOKEN_ENDPOINT_AUTH_METHODS",
        ["client_secret_post"],
    )
    with run_server_in_thread() as server:
        provider = f"http://localhost:{server.server_port}"
        config = client_config(
            "the-client", SECRET, f"{provider}/oauth2/authorize", f"{provider}/oauth2/token"
        )
        links: list[str] = []

        def ask() -> str:
            form = {"sub": "s@example.com"}
            answer = requests.post(links[0], data=form, timeout=5, allow_redirects=False)
            return answer.headers["location"]

        found = log_in(config, show=links.append, ask=ask, scopes=("openid", "email"))
        store.save(msgspec.structs.replace(found, expiry=0.0))
        source = LoginSource(store)
        first = (await source.credential()).secret.reveal()
        assert first != found.token
        headers = {"authorization": f"Bearer {first}"}
        told = await asyncio.to_thread(requests.get, f"{provider}/userinfo", headers=headers)
        assert told.ok
        await asyncio.to_thread(requests.post, f"{provider}/users/s@example.com/revoke-tokens")
        source.refused(await source.credential())
        with pytest.raises(AuthenticationError, match="aisopod auth login gemini"):
            await source.credential()


def test_files_are_their_owner_s(store: LoginStore) -> None:
    previous = os.umask(0)
    try:
        store.save(login("http://x"))
    finally:
        os.umask(previous)
    assert stat.S_IMODE(store.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.file.parent.stat().st_mode) == 0o700
    assert [file.name for file in store.file.parent.iterdir()] == ["gemini.json"]
    store.file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        store.load()


def test_a_broken_file(store: LoginStore) -> None:
    store.save(login("http://x"))
    store.file.write_text(f'{{"client_secret": "{SECRET}"')
    with pytest.raises(ConfigurationError, match="aisopod auth login gemini") as caught:
        store.load()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_keyring_is_preferred(store: LoginStore, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    import keyring.backend

    class Memory(keyring.backend.KeyringBackend):
        priority = 1
        kept: ClassVar[dict[tuple[str, str], str]] = {}

        def get_password(self, service: str, username: str) -> str | None:
            return self.kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.kept[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del self.kept[service, username]

    monkeypatch.undo()
    before = keyring.get_keyring()
    keyring.set_keyring(Memory())  # type: ignore[no-untyped-call]
    try:
        kept = login("http://x")
        store.save(kept)
        assert store.exists()
        assert store.file.read_bytes() == b""
        assert store.load() == kept
        assert "keyring" in store.place()
        assert store.delete()
        assert Memory.kept == {}
        assert store.load() is None
    finally:
        keyring.set_keyring(before)


def service_account(folder: Path, token_uri: str) -> tuple[Path, rsa.RSAPublicKey]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "account.json"
    told = {
        "type": "service_account", "project_id": "sa-project", "private_key_id": "k1",
        "private_key": pem.decode(), "client_email": "a@sa-project.iam.gserviceaccount.com",
        "client_id": "1", "token_uri": token_uri,
    }  # fmt: skip
    file.write_bytes(msgspec.json.encode(told))
    return file, key.public_key()


def verified(assertion: str, public: rsa.RSAPublicKey) -> dict[str, Any]:
    """The claims of a signed token: RFC 7515, read without the library that wrote it."""
    head, claims, signature = assertion.split(".")
    public.verify(
        base64.urlsafe_b64decode(signature + "=="),
        f"{head}.{claims}".encode(),
        padding.PKCS1v15(),
        hashes.SHA256(),
    )
    told: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(claims + "=="))
    return told


async def test_a_service_account(
    tmp_path: Path, tokens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, public = service_account(tmp_path, tokens.url)
    credential = await AdcSource(str(file)).credential()
    assert credential.secret.reveal() == "at-1"
    [asked] = tokens.asked
    claims = verified(asked["assertion"], public)
    assert claims["aud"] == "https://oauth2.googleapis.com/token"
    assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    settled = vertex_platform.settle({})
    assert settled["project"] == "sa-project"
    assert vertex_platform.present(os.environ, tmp_path)
    source = vertex_platform.open(settled, tmp_path)
    assert (await source.credential()).secret.reveal() == "at-2"
    source.refused(await source.credential())
    assert (await source.credential()).secret.reveal() == "at-3"


async def test_a_user_s_default_credentials(
    tmp_path: Path, tokens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {
        "type": "authorized_user", "client_id": "c", "client_secret": SECRET,
        "refresh_token": REFRESH, "quota_project_id": "payer", "token_uri": tokens.url,
    }  # fmt: skip
    folder = tmp_path / "gcloud"
    folder.mkdir()
    (folder / "application_default_credentials.json").write_bytes(msgspec.json.encode(told))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(folder))
    monkeypatch.setattr("google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", tokens.url)
    source = gemini_platform.open({"credentials": "adc"}, tmp_path)
    credential = await source.credential()
    assert credential.headers == {"x-goog-user-project": "payer"}
    assert vertex_platform.settle({})["project"] == "payer"
    tokens.status, tokens.answer = 400, {"error": "invalid_grant"}
    source.refused(credential)
    with pytest.raises(AuthenticationError, match="gcloud auth application-default login"):
        await source.credential()


async def test_nothing_at_all(tmp_path: Path) -> None:
    assert not gemini_platform.present({}, tmp_path)
    with pytest.raises(MissingCredentialError, match=r"GEMINI_API_KEY.*aisopod auth login gemini"):
        gemini_platform.open({}, tmp_path)
    with pytest.raises(MissingCredentialError, match="gcloud auth application-default login"):
        await AdcSource().credential()
    with pytest.raises(ConfigurationError, match="GOOGLE_CLOUD_PROJECT"):
        vertex_platform.settle({})


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("global", "https://aiplatform.googleapis.com"),
        ("us-central1", "https://us-central1-aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_vertex_s_addresses(location: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settled = vertex_platform.settle({"project": "p", "location": location})
    assert settled["base_url"] == address
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", location)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "from-environment")
    settled = vertex_platform.settle({"base_url": "http://127.0.0.1:1"})
    assert settled["base_url"] == "http://127.0.0.1:1"
    assert settled["location"] == location
    assert settled["project"] == "from-environment"


@pytest.mark.parametrize("options", [{"project": "a/../b"}, {"project": "p", "location": "x/y"}])
def test_what_cannot_be_in_an_address(options: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="of Google Cloud"):
        vertex_platform.settle(options)


async def test_health_tells_of_a_login_that_is_over(
    store: LoginStore, tokens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider itself is not asked then, and not said to be reachable."""
    tokens.status, tokens.answer = 400, {"error": "invalid_grant"}
    monkeypatch.setattr("aisopod.config.logins_folder", lambda: store.file.parent)
    store.save(login(tokens.url))
    async with aisopod.AsyncClient(aisopod.Config()) as client:
        health = await client.health_check("gemini")
    assert (health.reachable, health.authorised, health.ok) == (False, False, False)
    assert "aisopod auth login gemini" in (health.problem or "")
