"""What would be sent, without sending it."""

import os
from pathlib import Path
from typing import Any

import pytest

from aisopod import (
    AsyncClient,
    ChatCompletionRequest,
    Client,
    Config,
    Message,
    NormaliseConfig,
    Preview,
    ProviderConfig,
    Secret,
    ThinkingPart,
)
from aisopod.config import ProfileConfig
from aisopod.errors import ConfigurationError, InvalidRequestError
from aisopod.providers.registry import names

THOUGHT = Message(role="assistant", content=[ThinkingPart(text="hm", provider="q")])
MESSAGES = [Message(role="user", content="hi"), THOUGHT, Message(role="user", content="so?")]


class NoTransport:
    async def send(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a preview sends nothing")

    async def close(self) -> None: ...


def config(**fields: Any) -> Config:
    headers = {"x-gateway": "a-gateway-s-credential"}
    settings = ProviderConfig(api_key=Secret("sk-secret-key"), headers=headers)
    return Config(state="memory", providers={"anthropic": settings}, **fields)


def shown(preview: Preview) -> None:
    assert (preview.method, preview.path) == ("POST", "/v1/messages")
    assert preview.body["messages"][0]["content"][0]["text"] == "hi"
    assert preview.headers["anthropic-version"]
    assert preview.headers["x-gateway"] == "***"
    assert "secret" not in repr(preview)
    assert [warning.rule for warning in preview.warnings] == ["foreign_thinking", "empty_message"]


async def test_a_preview_shows_all_but_secrets() -> None:
    client = AsyncClient(config(), transport=NoTransport())
    request = ChatCompletionRequest(model="anthropic/claude-sonnet-4-5", messages=MESSAGES)
    shown(client.preview(request))
    shown(client.preview(request, "anthropic/claude-haiku-4-5"))
    shown(client.preview(model="anthropic/claude-sonnet-4-5", messages=MESSAGES))
    await client.close()


def test_the_blocking_client_has_it_too() -> None:
    with Client(config()) as client:
        shown(client.preview(model="anthropic/claude-sonnet-4-5", messages=MESSAGES))


async def test_it_needs_no_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    client = AsyncClient(Config(state="memory"), transport=NoTransport())
    preview = client.preview(model="openai/gpt-4o", prompt="hi")
    assert preview.path == "/v1/chat/completions"
    with pytest.raises(InvalidRequestError):
        client.preview(model="openai/gpt-4o", messages=[])
    await client.close()


NOBODY = AsyncClient(Config(state="memory"), transport=NoTransport())
PLACES = {
    "vertex": "/v1beta1/projects/{project}/locations/{location}/publishers/google/models/m:generateContent",
    "azure": "/openai/deployments/m/chat/completions?api-version=2025-04-01-preview",
    "bedrock": "/model/m/converse",
    "gemini": "/v1beta/models/m:generateContent",
}


@pytest.mark.parametrize("provider", names())
def test_it_needs_nothing_that_could_be_set(
    provider: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    preview = NOBODY.preview(model=f"{provider}/m", prompt="hi", stream=False)
    assert preview.path == PLACES.get(provider, preview.path)
    assert preview.path.startswith("/")
    assert "hi" in str(preview.body)


def test_what_is_set_is_seen_and_what_is_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    assert "/projects/my-project/" in NOBODY.preview(model="vertex/m", prompt="hi").path
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "My Project")
    with pytest.raises(ConfigurationError, match="no project of Google Cloud"):
        NOBODY.preview(model="vertex/m", prompt="hi")


def test_no_credential_is_looked_up(tmp_path: Path) -> None:
    """A command that prints a key may ask somebody: a preview does not run it."""
    ran = tmp_path / "ran"
    settings = ProviderConfig(profiles={"p": ProfileConfig(api_key_command=["touch", str(ran)])})
    client = AsyncClient(
        Config(state="memory", providers={"openai": settings}), transport=NoTransport()
    )
    assert client.preview(model="openai/gpt-4o", prompt="hi").path == "/v1/chat/completions"
    assert not ran.exists()


async def test_the_configuration_says_what_becomes_of_foreign_thinking() -> None:
    settings = config(normalise=NormaliseConfig(foreign_thinking="text"))
    client = AsyncClient(settings, transport=NoTransport())
    preview = client.preview(model="anthropic/claude-sonnet-4-5", messages=MESSAGES)
    assert preview.body["messages"][1]["content"][0]["text"] == "<thinking>\nhm\n</thinking>"
    await client.close()
