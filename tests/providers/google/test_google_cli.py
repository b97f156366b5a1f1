"""`aisopod auth` as a program, where something is amiss."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from aisopod.providers._google.store import Login

Run = Callable[..., subprocess.CompletedProcess[bytes]]
REFRESH = "refresh-token-0123456789"
SECRET = "client-secret-0123456789"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def env(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8",
        "XDG_CONFIG_HOME": str(home / ".config"), "XDG_DATA_HOME": str(home / ".data"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "PYTHONWARNINGS": "default",
    }  # fmt: skip


@pytest.fixture
def run(home: Path, env: dict[str, str]) -> Run:
    def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "aisopod", "auth", *arguments],
            input=stdin, capture_output=True, env=env, cwd=home, timeout=30, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def file(home: Path) -> Path:
    file = home / ".data" / "aisopod" / "logins" / "gemini.json"
    file.parent.mkdir(parents=True, mode=0o700)
    return file


def keep(file: Path, service: str) -> None:
    login = Login(
        client_id="c", client_secret=SECRET, refresh_token=REFRESH, token="access-0123456789",
        expiry=1800000000.0, token_uri=f"{service}/token",
    )  # fmt: skip
    file.touch(mode=0o600)
    file.write_bytes(msgspec.json.encode(login))


@pytest.fixture
def service() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Where tokens are revoked: what it was asked."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            asked.append((self.path, form["token"][0]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_logout_revokes(run: Run, file: Path, service: tuple[str, list[tuple[str, str]]]) -> None:
    address, asked = service
    keep(file, address)
    status = run("status")
    assert b"2027-01-15 08:00 UTC" in status.stdout
    done = run("logout", "gemini")
    assert done.returncode == 0
    assert b"forgotten here, and revoked" in done.stderr
    assert asked == [("/revoke", REFRESH)]
    assert not file.exists()
    assert b"gemini: no login" in run("status").stdout
    assert REFRESH.encode() not in status.stdout + done.stdout + done.stderr


@pytest.mark.parametrize("broken", ["mode", "text"])
def test_what_cannot_be_read_can_be_forgotten(run: Run, file: Path, broken: str) -> None:
    keep(file, "http://127.0.0.1:9")
    if broken == "mode":
        file.chmod(0o640)
    else:
        file.write_text(f'{{"client_secret": "{SECRET}"')
    status = run("status")
    assert status.returncode == 3
    assert str(file).encode() in status.stderr.replace(b"\n", b"")
    done = run("logout", "gemini")
    assert done.returncode == 0
    assert b"could not be revoked" in done.stderr
    assert not file.exists()
    assert SECRET.encode() not in status.stderr + done.stderr


def test_login_looks_at_what_it_is_given(run: Run, home: Path, tmp_path: Path) -> None:
    client = ("--client-id", "c", "--no-browser")
    done = run("login", "gemini", *client, "--client-secret-env", "NOT_SET")
    assert done.returncode == 3
    assert b"NOT_SET, which is not set" in done.stderr
    done = run("login", "gemini", *client, "--project", "Not One")
    assert done.returncode == 3
    assert b"no project of Google Cloud" in done.stderr
    assert b"Open this link" not in done.stderr
    done = run("login", "gemini", *client, "--timeout", "0")
    assert done.returncode == 2
    done = run("login", "gemini", *client, "--timeout", "0.2")
    assert done.returncode == 3
    assert b"within 0.2 s" in done.stderr
    secrets = tmp_path / "none.json"
    done = run("login", "gemini", "--client-secrets", str(secrets))
    assert done.returncode == 3
    assert b"cannot be read" in done.stderr
    assert run("login", "openai").returncode == 2


def test_paste_of_something_else(run: Run, home: Path) -> None:
    done = run("login", "gemini", "--client-id", "c", "--paste", stdin=b"what?\n")
    assert done.returncode == 1
    assert b"paste the whole address" in done.stderr
    assert not (home / ".data" / "aisopod" / "logins" / "gemini.json").exists()
