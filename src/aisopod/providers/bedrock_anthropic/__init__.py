"""Anthropic's models on Bedrock in their own dialect, by InvokeModel instead of Converse.

For what Converse does not hand on: Anthropic's beta features, server tools, exact blocks.
"""

import msgspec

from aisopod.codecs.bedrock_converse.families import without_geography
from aisopod.codecs.bedrock_invoke.counting import count_body
from aisopod.providers.bedrock.host import host as bedrock
from aisopod.providers.bedrock.listing import join, parse_count
from aisopod.providers.host import TokenCounting
from aisopod.types import ModelInfo

__all__ = ["host"]


def join_anthropic(models: list[ModelInfo], profiles: list[ModelInfo]) -> list[ModelInfo]:
    """Of what can be called in the region, Anthropic's: nobody else speaks this dialect."""
    return [model for model in join(models, profiles) if "anthropic." in _names(model)]


def _names(model: ModelInfo) -> str:
    """The id, and for a profile of somebody's own the models behind it."""
    behind = [str(each.get("modelArn")) for each in model.raw.get("models", ())]
    return " ".join([model.id, *behind])


host = msgspec.structs.replace(
    bedrock,
    id="bedrock-anthropic",
    sibling="bedrock",
    name="Anthropic on Amazon Bedrock",
    dialect="bedrock_invoke",
    chat_path="/model/{model}/invoke",
    stream_path="/model/{model}/invoke-with-response-stream",
    listing=bedrock.listing and msgspec.structs.replace(bedrock.listing, join=join_anthropic),
    token_counting=TokenCounting(
        path="/model/{model}/count-tokens",
        encode=count_body,
        parse=parse_count,
        # Tokens are counted for models, not for the profiles that call them.
        model=without_geography,
    ),
)
