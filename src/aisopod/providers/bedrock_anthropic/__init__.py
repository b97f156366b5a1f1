"""Anthropic's models on Bedrock in their own dialect, by InvokeModel instead of Converse.

For what Converse does not hand on: Anthropic's beta features, server tools, exact blocks.
"""

import msgspec

from aisopod.codecs.bedrock_invoke import codec, count_body
from aisopod.providers.bedrock.host import host as bedrock
from aisopod.providers.bedrock.listing import parse_count
from aisopod.providers.host import TokenCounting

__all__ = ["host"]

host = msgspec.structs.replace(
    bedrock,
    id="bedrock-anthropic",
    name="Anthropic on Amazon Bedrock",
    codec=codec,
    chat_path="/model/{model}/invoke",
    stream_path="/model/{model}/invoke-with-response-stream",
    token_counting=TokenCounting(
        path="/model/{model}/count-tokens", encode=count_body, parse=parse_count
    ),
)
