"""An OAuth server that others wrote, on loopback."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aisopod.providers._google.store import LoginStore


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials of the machine's own, no keyring, and loopback without TLS."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT",
                 "GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION", "CLOUDSDK_CONFIG",
                 "GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_CLOUD_QUOTA_PROJECT"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    # The libraries refuse plain HTTP; a real token service is never without TLS.
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setattr("aisopod.providers._google.store._keyring", lambda: None)


@pytest.fixture
def store(tmp_path: Path) -> LoginStore:
    return LoginStore(tmp_path / "logins", "gemini")


class TokenService:
    """A token endpoint for what the other server does not do: counts, delays, and odd answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.status = 200
        self.answer: dict[str, Any] = {"access_token": "at-{n}", "expires_in": 3600}
        self.delay = 0.0
        self.url = ""

    def reply(self) -> tuple[int, bytes]:
        text = msgspec.json.encode(self.answer).decode().replace("{n}", str(len(self.asked)))
        return self.status, text.encode()


@pytest.fixture
def tokens() -> Iterator[TokenService]:
    with serving_tokens() as service:
        yield service


@contextlib.contextmanager
def serving_tokens() -> Iterator[TokenService]:
    service = TokenService()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            import time
            from urllib.parse import parse_qsl

            body = self.rfile.read(int(self.headers["content-length"])).decode()
            service.asked.append(dict(parse_qsl(body)))
            time.sleep(service.delay)
            status, answer = service.reply()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}/token"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
