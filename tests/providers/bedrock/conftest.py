"""An AWS environment of its own for every test: no variable, no file and no machine's role."""

import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest


class Home:
    """The shared files of one temporary home."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path / ".aws"

    def config(self, text: str) -> None:
        self._write("config", text)

    def credentials(self, text: str) -> None:
        self._write("credentials", text)

    def _write(self, name: str, text: str) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / name).write_text(text, encoding="utf-8")

    def script(self, name: str, text: str) -> Path:
        """A program of its own, such as a credential_process."""
        file = self.path / name
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)
        return file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # botocore works this folder out when it is imported.
    from botocore.credentials import SSOProvider
    from botocore.tokens import SSOTokenProvider

    for owner in (SSOProvider, SSOTokenProvider):
        monkeypatch.setattr(owner, "_SSO_TOKEN_CACHE_DIR", str(tmp_path / ".aws/sso/cache"))
    return Home(tmp_path)


class Endpoint:
    """Something on loopback that answers as `answer` says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[str, dict[str, str]], tuple[int, Any]] = lambda _path, _headers: (
            404,
            "",
        )
        self.url = ""

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length", "0")))
        self.asked.append((handler.path, headers, body))
        status, answer = self.answer(handler.path, headers)
        data = answer.encode() if isinstance(answer, str) else msgspec.json.encode(answer)
        handler.send_response(status)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    served = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            served.handle(self)

        do_POST = do_GET  # noqa: N815 - http.server's name
        do_PUT = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield served
    server.shutdown()
    server.server_close()
    thread.join()
