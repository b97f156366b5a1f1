"""Gemini's and Vertex AI's addresses, credentials, listing and counting."""

from typing import Any

import msgspec
import pytest

import aisopod
from aisopod import Config, ProviderConfig, Secret
from aisopod.errors import ProtocolError
from aisopod.providers.gemini.host import host as gemini
from aisopod.providers.gemini.listing import parse_count, parse_models, parse_publisher_models
from aisopod.providers.host import Credential
from aisopod.providers.vertex import host as vertex
from aisopod.simulator import Simulator
from aisopod.types import HttpRequest

KEY = "AIza-test-key-0123456789"
REQUEST = HttpRequest(method="POST", url="https://x/")

PATHS = [
    (gemini, "gemini-2.5-pro", "models/gemini-2.5-pro"),
    (gemini, "models/gemini-2.5-pro", "models/gemini-2.5-pro"),
    (gemini, "tunedModels/mine-1", "tunedModels/mine-1"),
    (gemini, "a b?c#d", "models/a%20b%3Fc%23d"),
    (vertex, "gemini-2.5-pro", "publishers/google/models/gemini-2.5-pro"),
    (vertex, "endpoints/123", "endpoints/123"),
    (vertex, "publishers/meta/models/llama", "publishers/meta/models/llama"),
]


@pytest.mark.parametrize(("host", "model", "path"), PATHS)
def test_models_in_paths(host: Any, model: str, path: str) -> None:
    assert host.model_path(model) == path


def test_a_key_and_a_token_have_headers_of_their_own() -> None:
    assert gemini.authorize(REQUEST, Credential(secret=Secret("k"))) == {"x-goog-api-key": "k"}
    token = Credential(secret=Secret("t"), kind="token")
    assert gemini.authorize(REQUEST, token) == {"authorization": "Bearer t"}
    assert vertex.authorize(REQUEST, token) == {"authorization": "Bearer t"}


def at(simulator: Simulator, **settings: Any) -> Config:
    url = simulator.url_for("gemini")
    return Config(
        providers={"gemini": ProviderConfig(base_url=url, api_key=Secret(KEY), **settings)}
    )


async def test_the_key_is_never_in_the_address() -> None:
    async with (
        Simulator(require_key=KEY) as simulator,
        aisopod.AsyncClient(at(simulator, options={"quota_project": "payer"})) as client,
    ):
        await client.complete("gemini/gemini-2.5-flash", "hi")
        await client.stream("gemini/gemini-2.5-flash", "hi").collect()
        await client.list_models("gemini")
        assert (await client.health_check("gemini")).ok
    for received in simulator.requests:
        assert KEY not in received.path
        assert received.headers["x-goog-user-project"] == "payer"


async def test_listing_and_counting() -> None:
    async with (
        Simulator() as simulator,
        aisopod.AsyncClient(at(simulator, options={"api_version": "v1"})) as client,
    ):
        models = await client.list_models("gemini")
        assert models
        assert all(not model.id.startswith("models/") for model in models)
        assert (await client.count_tokens("gemini/gemini-2.5-flash", "one two three")).tokens > 0
    assert all(received.path.startswith("/v1/") for received in simulator.requests)


async def test_every_page_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {
        None: {"models": [{"name": "models/a"}], "nextPageToken": "t/1"},
        "t/1": {"models": [{"name": "tunedModels/b"}]},
    }
    asked: list[str | None] = []
    provider: Any = aisopod.get_provider("gemini", api_key=KEY, config=Config())

    async def call(request: HttpRequest, model: str | None = None) -> bytes:
        _, found, token = request.url.partition("&pageToken=")
        asked.append(token.replace("%2F", "/") if found else None)
        return msgspec.json.encode(pages[asked[-1]])

    monkeypatch.setattr(provider, "_call", call)
    assert [model.id for model in await provider.list_models()] == ["a", "tunedModels/b"]
    assert asked == [None, "t/1"]


def test_what_a_listing_tells() -> None:
    entry = {
        "name": "models/gemini-x", "displayName": "X", "inputTokenLimit": 5, "outputTokenLimit": 2,
        "supportedGenerationMethods": ["generateContent", "batchGenerateContent"], "thinking": True,
    }  # fmt: skip
    [model] = parse_models(msgspec.json.encode({"models": [entry]}), "gemini").models
    assert (model.id, model.display_name) == ("gemini-x", "X")
    assert (model.context_window, model.max_output_tokens) == (5, 2)
    assert model.capabilities == frozenset({"completion", "batch", "reasoning"})
    assert model.raw == entry
    body = {"publisherModels": [{"name": "publishers/google/models/gemini-y"}]}
    [model] = parse_publisher_models(msgspec.json.encode(body), "vertex").models
    assert (model.id, model.capabilities) == ("gemini-y", None)
    assert parse_models(b"{}", "gemini").models == []
    for bad in (b"x", b'{"models":[{}]}', b'{"models":1}'):
        with pytest.raises(ProtocolError):
            parse_models(bad, "gemini")
    with pytest.raises(ProtocolError):
        parse_count(b"[]")
