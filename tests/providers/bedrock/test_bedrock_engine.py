"""Platform, chain and signature in the engine: as a host uses them."""

import datetime as dt
from typing import Any

import msgspec
import pytest

from aisopod.errors import AisopodError, MissingCredentialError
from aisopod.providers.bedrock.platform import platform
from aisopod.providers.bedrock.signing import authorize
from aisopod.providers.host import Host, Listing, Page
from aisopod.providers.provider import Provider
from aisopod.transport.aiohttp_transport import AiohttpTransport
from aisopod.types import ModelInfo


def parsed(body: bytes, provider: str) -> Page:
    names = msgspec.json.decode(body, type=list[str])
    return Page(models=[ModelInfo(id=name, provider=provider) for name in names])


HOST = Host(
    id="bedrock",
    name="Amazon Bedrock",
    dialect="openai_chat",
    chat_path="/model/{model}/converse",
    listing=Listing(path="{listing_url}/foundation-models", parse=parsed),
    platform=platform,
    authorize=authorize,
)


def provider(endpoint: Any, home: Any) -> Provider:
    settled = platform.settle({"region": "eu-west-1", "base_url": endpoint.url})
    return Provider(
        HOST,
        AiohttpTransport(),
        credential=platform.open(settled, home.path),
        base_url=settled["base_url"],
        options=dict(settled),
    )


def serve(endpoint: Any, monkeypatch: pytest.MonkeyPatch, *statuses: int) -> list[str]:
    """Keys of a container, numbered; and a listing that answers with these statuses."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{endpoint.url}/credentials")
    expiry = dt.datetime.now(dt.UTC) + dt.timedelta(hours=6)
    asked: list[str] = []
    given: list[int] = []

    def answer(path: str, headers: dict[str, str]) -> tuple[int, Any]:
        if path == "/credentials":
            given.append(1)
            return 200, {
                "AccessKeyId": f"AKCONTAINER{len(given)}",
                "SecretAccessKey": "hunter2",
                "Token": "session-token",
                "Expiration": expiry.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        asked.append(headers["authorization"].partition("=")[2].partition("/")[0])
        status = statuses[len(asked) - 1]
        shown = f"no, {asked[-1]} with {headers['x-amz-security-token']}"
        return status, ["m"] if status == 200 else {"error": {"message": shown}}

    endpoint.answer = answer
    return asked


async def test_a_refused_credential_is_renewed_once(
    endpoint: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = serve(endpoint, monkeypatch, 200, 200, 401, 200)
    bedrock = provider(endpoint, home)
    for _ in range(3):
        assert [model.id for model in await bedrock.list_models()] == ["m"]
    await bedrock.close()
    assert asked == ["AKCONTAINER1", "AKCONTAINER1", "AKCONTAINER1", "AKCONTAINER2"]


async def test_an_error_that_shows_the_keys_is_masked(
    endpoint: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(endpoint, monkeypatch, 403)
    bedrock = provider(endpoint, home)
    with pytest.raises(AisopodError, match=r"no, \*\*\* with \*\*\*") as caught:
        await bedrock.list_models()
    await bedrock.close()
    assert "AKCONTAINER" not in repr(vars(caught.value))


async def test_health_names_what_to_set(endpoint: Any, home: Any) -> None:
    bedrock = provider(endpoint, home)
    health = await bedrock.health_check()
    assert health.authorised is False
    assert "aws configure" in (health.problem or "")
    with pytest.raises(MissingCredentialError):
        await bedrock.list_models()
    await bedrock.close()
    assert not endpoint.asked
