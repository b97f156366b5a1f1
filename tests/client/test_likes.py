"""A deployment that is like a known model: its rules hold, the wire gets the deployment's own name."""

from decimal import Decimal

import msgspec
import pytest

import aisopod
from aisopod import AsyncClient, Config, UnsupportedFeatureError
from aisopod.config import ModelConfig, PriceConfig, ProviderConfig
from aisopod.errors import ConfigurationError
from aisopod.types import Reasoning

PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl"
SETTINGS = {
    "azure": ProviderConfig(base_url="https://it.openai.azure.com", api_key=aisopod.Secret("k")),
    "bedrock": ProviderConfig(options={"region": "us-east-1"}, token=aisopod.Secret("k")),
}


def client(**likes: ModelConfig | str) -> AsyncClient:
    models = {
        name: ModelConfig(like=like) if isinstance(like, str) else like
        for name, like in likes.items()
    }
    return AsyncClient(Config(providers=SETTINGS, models=models))


def test_rules_are_those_of_the_model_behind_a_deployment() -> None:
    asker = client(**{"azure/prod": "openai/o3"})
    request = aisopod.ChatCompletionRequest(
        model="", messages=[aisopod.Message(role="user", content="hi")], temperature=0.2
    )
    with pytest.raises(UnsupportedFeatureError, match="temperature"):
        asker.preview(request, "azure/prod")
    plain = msgspec.structs.replace(request, temperature=None, reasoning=Reasoning(effort="low"))
    preview = asker.preview(plain, "azure/prod")
    assert preview.body["model"] == "prod"
    assert preview.body["reasoning_effort"] == "low"


def test_a_profile_of_ones_own_thinks_as_its_model_does() -> None:
    asker = client(**{f"bedrock/{PROFILE}": "bedrock/us.anthropic.claude-opus-4-8"})
    request = aisopod.ChatCompletionRequest(
        model="", messages=[aisopod.Message(role="user", content="hi")],
        reasoning=Reasoning(effort="high"),
    )  # fmt: skip
    preview = asker.preview(request, f"bedrock/{PROFILE}")
    assert preview.body["additionalModelRequestFields"]["thinking"] == {"type": "adaptive"}
    assert not preview.warnings
    assert "application-inference-profile" in preview.path
    warm = msgspec.structs.replace(request, reasoning=None, temperature=0.5)
    with pytest.raises(UnsupportedFeatureError, match="temperature"):
        asker.preview(warm, f"bedrock/{PROFILE}")


def test_likes_follow_what_is_said_of_the_other() -> None:
    likes: dict[str, ModelConfig | str] = {
        "azure/prod": "azure/base",
        "azure/base": ModelConfig(like="openai/gpt-4o", price=PriceConfig(input=1, output=2)),
    }
    facts = client(**likes).model("azure/prod")
    assert facts.price
    assert facts.price.input == Decimal(1)
    assert facts.context_window == 128_000


@pytest.mark.parametrize("like", ["gpt-4o", "azure/prod"])
def test_a_like_that_leads_nowhere_is_refused_before_anything_is_sent(like: str) -> None:
    with pytest.raises(ConfigurationError, match="like"):
        client(**{"azure/prod": like}).model("azure/prod")
