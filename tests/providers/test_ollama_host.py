"""Ollama's address in all the forms that its own client takes."""

import pytest
from ollama._client import _parse_host

from aisopod import AsyncClient, Config, ProviderConfig
from aisopod.errors import ConfigurationError, ModelNotFoundError, ProtocolError
from aisopod.providers.ollama.host import parse_address
from aisopod.providers.ollama.management import decode_pull
from aisopod.simulator import Simulator

FORMS = [
    "1.2.3.4",
    "example.com",
    "example.com:56789",
    "http://example.com:56789",
    "https://example.com:56789/path/",
    "example.com:56789/path",
    ":56789",
    "[0001:002:003:0004::1]",
    "http://[0001:002:003:0004::1]:56789/path",
]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_as_ollamas_own_client(form: str) -> None:
    assert parse_address(form) == _parse_host(form)


def test_an_address_to_listen_on_is_this_machine() -> None:
    assert parse_address("0.0.0.0") == "http://127.0.0.1:11434"
    assert parse_address("[::]:1") == "http://127.0.0.1:1"
    assert parse_address("https://example.com") == "https://example.com"


def test_a_bad_port_is_named() -> None:
    with pytest.raises(ConfigurationError, match="port"):
        parse_address("example.com:many")


def test_steps_of_a_download() -> None:
    step = decode_pull(b'{"status":"pulling abc","digest":"sha256:abc","total":10,"completed":4}')
    assert (step.digest, step.total, step.completed) == ("sha256:abc", 10, 4)
    with pytest.raises(ModelNotFoundError):
        decode_pull(b'{"error":"pull model manifest: file does not exist"}')
    with pytest.raises(ProtocolError):
        decode_pull(b"garbage")


async def test_what_only_show_tells_is_in_the_listing() -> None:
    """Ollama tells the context window of one model at a time."""
    async with Simulator() as simulator:
        url = simulator.url_for("ollama")
        config = Config(providers={"ollama": ProviderConfig(base_url=url)})
        async with AsyncClient(config) as client:
            [model] = await client.list_models("ollama")
    assert model.context_window == 8192
    assert model.capabilities is not None
    assert "tools" in model.capabilities
    assert [request.path for request in simulator.requests] == ["/api/tags", "/api/show"]
