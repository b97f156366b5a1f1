"""`aisopod doctor` and `aisopod auth`."""

import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aisopod.simulator import Simulator

Run = Callable[..., subprocess.CompletedProcess[bytes]]
KEY = "sk-planted-7c1f0e9d"


def test_doctor_tells_who_is_well(run: Run, simulate: Any) -> None:
    simulator = simulate(require_key=KEY)
    env = {
        "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": simulator.url_for("openai"),
        "GEMINI_API_KEY": "sk-wrong-key-123", "GOOGLE_GEMINI_BASE_URL": simulator.url_for("gemini"),
        "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    }  # fmt: skip
    done = run("doctor", env=env)
    shown = done.stdout.decode()
    assert done.returncode == 1
    assert re.search(r"^ok   openai: reachable, authorised, \d+ ms$", shown, re.MULTILINE)
    assert re.search(r"^bad  gemini: reachable, not authorised, \d+ ms$", shown, re.MULTILINE)
    assert "API key not valid" in shown
    assert re.search(r"^bad  anthropic: not reachable$", shown, re.MULTILINE)
    assert "sk-wrong-key-123" not in shown + done.stderr.decode()
    assert all(received.method == "GET" for received in simulator.requests)
    assert run("doctor", "openai", env=env).returncode == 0


def test_doctor_for_programs(run: Run, simulate: Any) -> None:
    simulator = simulate()
    env = {"OLLAMA_HOST": simulator.url_for("ollama")}
    done = run("doctor", "ollama", "bedrock", "--json", env=env)
    first, second = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    assert (first["provider"], first["ok"]) == ("ollama", True)
    assert (second["provider"], second["ok"]) == ("bedrock", False)
    assert "AWS_REGION" in second["problem"]
    assert done.returncode == 1


def test_doctor_without_a_provider(run: Run) -> None:
    done = run("doctor")
    assert done.returncode == 3
    assert b"ANTHROPIC_API_KEY" in done.stderr


@pytest.mark.real
@pytest.mark.filterwarnings("ignore:get_jwt_config")
def test_login_status_logout(start: Any, run: Run, home: Path, tmp_path: Path) -> None:
    """As a user does it, with an OAuth server that others wrote, and a real redirect."""
    import requests
    from oidc_provider_mock import run_server_in_thread

    env = {
        "XDG_DATA_HOME": str(home / ".data"), "OAUTHLIB_INSECURE_TRANSPORT": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "PYTHONWARNINGS": "default",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, run_server_in_thread() as server:
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
        provider = f"http://localhost:{server.server_port}"
        secrets = tmp_path / "client_secret.json"
        told = {"client_id": "c", "client_secret": "shh-0123456789",
                "auth_uri": f"{provider}/oauth2/authorize",
                "token_uri": f"{provider}/oauth2/token"}  # fmt: skip
        secrets.write_bytes(msgspec.json.encode({"installed": told}))
        process = start(
            "auth", "login", "gemini", "--client-secrets", str(secrets), "--no-browser",
            env=env, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        assert b"Open this link" in process.stderr.readline()
        link = process.stderr.readline().decode().strip()
        answer = requests.post(link, data={"sub": "me@example.com"}, timeout=5)
        assert "You can close this window" in answer.text
        assert process.wait(20) == 0
        said = process.stderr.read().decode()
        assert "The login is kept in" in said
    file = home / ".data" / "aisopod" / "logins" / "gemini.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = msgspec.json.decode(file.read_bytes())
    status = run("auth", "status", env=env)
    assert b"gemini: logged in, in " in status.stdout
    for secret in (kept["token"], kept["refresh_token"], "shh-0123456789"):
        assert secret not in said + status.stdout.decode()
    done = run("auth", "logout", "gemini", env=env)
    assert done.returncode == 0
    assert b"could not be revoked" in done.stderr  # the server is gone
    assert not file.exists()
    assert run("auth", "logout", "gemini", env=env).returncode == 3


def test_login_needs_an_application(run: Run) -> None:
    done = run("auth", "login", "gemini")
    assert done.returncode == 2
    assert b"--client-secrets FILE" in done.stderr
    assert b"gemini: no login" in run("auth", "status").stdout


def test_a_simulator_is_well(run: Run) -> None:
    with Simulator() as simulator:
        env = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": simulator.url_for("gemini")}
        assert run("doctor", "gemini", env=env).returncode == 0
