"""Renewal at an OAuth server that others wrote: expiry, a clock that is wrong, two processes."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest
import requests

from aisopod.providers._google.flow import client_config, log_in
from aisopod.providers._google.sources import LoginSource
from aisopod.providers._google.store import Login, LoginStore
from aisopod.providers.host import Host, Listing, Page
from aisopod.providers.provider import Provider
from aisopod.transport.aiohttp_transport import AiohttpTransport
from aisopod.types import ModelInfo

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:get_jwt_config")]

USER = "somebody@example.com"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    from oidc_provider_mock import run_server_in_thread

    caplog.set_level("INFO", "werkzeug")
    # Google takes the client's secret in the form; this server must be told to, for renewals.
    monkeypatch.setattr(
        "oidc_provider_mock._app.RefreshTokenGrant.TOKEN_ENDPOINT_AUTH_METHODS",
        ["client_secret_post"],
    )
    with run_server_in_thread(access_token_max_age=timedelta(seconds=2)) as running:
        yield f"http://localhost:{running.server_port}"


def log_in_at(server: str) -> Login:
    links: list[str] = []

    def ask() -> str:
        answer = requests.post(links[0], data={"sub": USER}, timeout=5, allow_redirects=False)
        return answer.headers["location"]

    client = client_config(
        "the-client", "secret-0123456789", f"{server}/oauth2/authorize", f"{server}/oauth2/token"
    )
    return log_in(client, show=links.append, ask=ask, scopes=("openid", "email"))


def renewals(caplog: pytest.LogCaptureFixture) -> int:
    """How often the token endpoint was asked, beside once for the login."""
    return sum("POST /oauth2/token" in record.getMessage() for record in caplog.records) - 1


def is_taken(server: str, token: str) -> bool:
    headers = {"authorization": f"Bearer {token}"}
    return requests.get(f"{server}/userinfo", headers=headers, timeout=5).ok


def _parse(body: bytes, provider: str) -> Page:
    told = msgspec.json.decode(body)
    return Page(models=[ModelInfo(id=told["sub"], provider=provider)])


async def test_an_expired_token_is_renewed_by_the_clock(server: str, store: LoginStore) -> None:
    first = await asyncio.to_thread(log_in_at, server)
    store.save(first)
    token = (await LoginSource(store).credential()).secret.reveal()
    assert token != first.token  # two seconds are less than what a request may take
    assert await asyncio.to_thread(is_taken, server, token)


async def test_a_clock_that_is_wrong_costs_one_refusal(
    server: str, store: LoginStore, caplog: pytest.LogCaptureFixture
) -> None:
    """The store says that the token is good for an hour; the server ended it a second ago."""
    login = await asyncio.to_thread(log_in_at, server)
    store.save(msgspec.structs.replace(login, expiry=time.time() + 3600))
    await asyncio.sleep(2.5)
    assert not await asyncio.to_thread(is_taken, server, login.token)
    host = Host(
        id="p",
        name="P",
        dialect="gemini_generate",
        chat_path="/",
        listing=Listing(path="/userinfo", parse=_parse),
    )
    provider = Provider(host, AiohttpTransport(), credential=LoginSource(store), base_url=server)
    try:
        assert [model.id for model in await provider.list_models()] == [USER]
    finally:
        await provider.close()
    assert renewals(caplog) == 1
    lines = [record.getMessage() for record in caplog.records if "/userinfo" in record.getMessage()]
    assert [line.split('" ')[-1][:3] for line in lines[-2:]] == ["401", "200"]


_RENEW = """
import asyncio, sys
from pathlib import Path
import aisopod.providers._google.store as module
from aisopod.providers._google.sources import LoginSource
module._keyring = lambda: None
store = module.LoginStore(Path(sys.argv[1]), "gemini")
print("ready", flush=True)
sys.stdin.readline()
print(asyncio.run(LoginSource(store).credential()).secret.reveal())
"""


def test_two_processes_that_renew_at_once_share_one_token(
    store: LoginStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oidc_provider_mock import run_server_in_thread

    monkeypatch.setattr(
        "oidc_provider_mock._app.RefreshTokenGrant.TOKEN_ENDPOINT_AUTH_METHODS",
        ["client_secret_post"],
    )
    caplog.set_level("INFO", "werkzeug")
    with run_server_in_thread() as running:
        server = f"http://localhost:{running.server_port}"
        store.save(msgspec.structs.replace(log_in_at(server), expiry=0.0))
        command = [sys.executable, "-c", _RENEW, str(store.file.parent)]
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
        one, other = [process.communicate(timeout=30)[0].strip() for process in both]
        assert one == other
        assert is_taken(server, one)
    assert renewals(caplog) == 1
    kept = store.load()
    assert kept is not None
    assert kept.token == one
