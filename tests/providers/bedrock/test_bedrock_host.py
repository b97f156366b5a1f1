"""Bedrock's hosts against the simulator, which checks every signature."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

import aisopod
from aisopod import Config, ProviderConfig
from aisopod.errors import AuthenticationError, ProtocolError
from aisopod.providers.bedrock.host import model_path
from aisopod.providers.bedrock.listing import join, parse_count, parse_models, parse_profiles
from aisopod.providers.bedrock_anthropic import join_anthropic
from aisopod.simulator import Simulator

AWS = {"AKIATESTTEST": "aws-secret-0123456789"}
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/" + SONNET

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
async def simulator(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Simulator]:
    [(key_id, secret)] = AWS.items()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    async with Simulator(aws_secret=AWS) as running:
        yield running


def client(simulator: Simulator, provider: str = "bedrock", **settings: Any) -> Any:
    settings = {"options": {"region": "us-east-1"}, **settings}
    made = ProviderConfig(base_url=simulator.url_for("bedrock"), **settings)
    return aisopod.AsyncClient(Config(providers={provider: made}))


def test_ids_are_encoded_as_aws_wants_them() -> None:
    assert model_path("anthropic.claude-v2:1") == "anthropic.claude-v2%3A1"
    assert "/" not in model_path(ARN)
    assert model_path("a b%") == "a%20b%25"


@pytest.mark.parametrize("provider", ["bedrock", "bedrock-anthropic"])
@pytest.mark.parametrize("model", [SONNET, ARN, "anthropic.claude-opus-4-7"])
async def test_every_kind_of_id_is_signed_and_answered(
    simulator: Simulator, provider: str, model: str
) -> None:
    async with client(simulator, provider) as made:
        answer = await made.complete(f"{provider}/{model}", "hi", max_tokens=50)
        streamed = await made.stream(f"{provider}/{model}", "hi", max_tokens=50).collect()
        counted = await made.count_tokens(f"{provider}/anthropic.claude-opus-4-7", "one two")
    assert answer.text == streamed.text != ""
    assert answer.request_id
    assert counted.tokens > 0
    assert counted.quality == "exact"
    verb = "converse" if provider == "bedrock" else "invoke"
    assert simulator.requests[0].path.rpartition("/")[2] == verb


async def test_a_wrong_secret_is_refused_and_not_shown(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-987654321")
    async with client(simulator) as made:
        with pytest.raises(AuthenticationError) as caught:
            await made.complete(f"bedrock/{SONNET}", "hi")
        health = await made.health_check("bedrock")
    assert "wrong-secret-987654321" not in str(caught.value) + repr(caught.value.__dict__)
    assert (health.reachable, health.authorised) == (True, False)


async def test_what_can_be_called_is_listed(simulator: Simulator) -> None:
    async with client(simulator) as made:
        models = await made.list_models("bedrock")
    assert models
    assert {received.method for received in simulator.requests} == {"GET"}
    assert len({model.id for model in models}) == len(models)
    async with client(simulator, "bedrock-anthropic") as made:
        own = await made.list_models("bedrock-anthropic")
    assert {model.id for model in own} <= {model.id for model in models}
    assert all("anthropic." in str(model.raw) for model in own)


def models(*entries: dict[str, Any]) -> Any:
    return parse_models(msgspec.json.encode({"modelSummaries": list(entries)}), "bedrock").models


def model(name: str, *types: str, **fields: Any) -> dict[str, Any]:
    return {
        "modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{name}", "modelId": name,
        "modelName": name.upper(), "inputModalities": ["TEXT", "IMAGE"],
        "outputModalities": ["TEXT"], "responseStreamingSupported": True,
        "inferenceTypesSupported": list(types), "modelLifecycle": {"status": "ACTIVE"}, **fields,
    }  # fmt: skip


def profiles(*entries: dict[str, Any], token: str | None = None) -> Any:
    body = {"inferenceProfileSummaries": list(entries), "nextToken": token}
    return parse_profiles(msgspec.json.encode(body), "bedrock")


def profile(name: str, *of: str, **fields: Any) -> dict[str, Any]:
    arns = [{"modelArn": f"arn:aws:bedrock:us-west-2::foundation-model/{each}"} for each in of]
    return {
        "inferenceProfileId": name, "inferenceProfileName": name, "type": "SYSTEM_DEFINED",
        "inferenceProfileArn": f"arn:profile/{name}", "status": "ACTIVE", "models": arns, **fields,
    }  # fmt: skip


def test_both_listings_are_joined() -> None:
    found = models(
        model("v.direct", "ON_DEMAND"), model("v.both", "ON_DEMAND", "INFERENCE_PROFILE"),
        model("v.profile", "INFERENCE_PROFILE"), model("v.alone", "PROVISIONED"),
        model("v.old", "INFERENCE_PROFILE", modelLifecycle={"status": "LEGACY"}),
    )  # fmt: skip
    page = profiles(
        profile("us.v.profile", "v.profile"), profile("eu.v.both", "v.both"),
        profile("us.v.old", "v.old"), profile("us.v.unknown", "v.unknown"),
        profile("app", "v.profile", type="APPLICATION"), token="more",
    )  # fmt: skip
    assert page.cursor == "more"
    joined = {each.id: each for each in join(found, page.models)}
    assert set(joined) == {
        "v.direct", "v.both", "v.alone", "us.v.profile", "eu.v.both", "us.v.old", "us.v.unknown",
        "arn:profile/app",
    }  # fmt: skip
    assert joined["us.v.profile"].capabilities == frozenset({"completion", "vision", "streaming"})
    assert joined["us.v.profile"].lacks == frozenset({"audio", "video"})
    assert joined["us.v.unknown"].capabilities is None
    assert joined["us.v.unknown"].lacks == frozenset()
    assert joined["us.v.old"].lifecycle == "deprecated"
    assert joined["arn:profile/app"].like == "v.profile"
    assert joined["us.v.profile"].like is None


def test_anthropic_s_dialect_has_anthropic_s_models() -> None:
    found = models(model("anthropic.a", "ON_DEMAND"), model("amazon.b", "ON_DEMAND"))
    page = profiles(profile("app", "anthropic.a", type="APPLICATION"), profile("us.amazon.b"))
    assert [each.id for each in join_anthropic(found, page.models)] == [
        "anthropic.a", "arn:profile/app",
    ]  # fmt: skip


def test_what_is_no_listing() -> None:
    for parse in (parse_models, parse_profiles):
        with pytest.raises(ProtocolError):
            parse(b"[]", "bedrock")
    with pytest.raises(ProtocolError):
        parse_count(b"{}")


async def test_anthropic_s_dialect_shares_bedrock_s_settings(simulator: Simulator) -> None:
    async with client(simulator) as made:
        answer = await made.complete(f"bedrock-anthropic/{SONNET}", "hi", max_tokens=50)
        assert "bedrock-anthropic" not in made.usable_providers()
    assert answer.text
    assert simulator.requests[0].path.endswith("/invoke")
