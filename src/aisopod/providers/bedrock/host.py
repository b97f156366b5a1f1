"""The host, its addresses and its listing."""

from urllib.parse import quote

from aisopod.codecs.bedrock_converse.counting import count_body
from aisopod.codecs.bedrock_converse.families import without_geography
from aisopod.providers.bedrock.listing import join, parse_count, parse_models, parse_profiles
from aisopod.providers.bedrock.platform import platform
from aisopod.providers.bedrock.signing import authorize
from aisopod.providers.host import Host, Listing, TokenCounting

__all__ = ["host", "model_path"]


def model_path(model: str) -> str:
    """Ids have colons, and ARNs slashes: AWS wants all of them encoded."""
    return quote(model, safe="")


host = Host(
    id="bedrock",
    name="Amazon Bedrock",
    dialect="bedrock_converse",
    chat_path="/model/{model}/converse",
    stream_path="/model/{model}/converse-stream",
    model_path=model_path,
    platform=platform,
    listing=Listing(
        path="{listing_url}/foundation-models",
        parse=parse_models,
        also=Listing(
            path="{listing_url}/inference-profiles?maxResults=1000",
            parse=parse_profiles,
            cursor_query="nextToken",
        ),
        join=join,
    ),
    token_counting=TokenCounting(
        path="/model/{model}/count-tokens",
        encode=count_body,
        parse=parse_count,
        # Tokens are counted for models, not for the profiles that call them.
        model=without_geography,
    ),
    token_variables=("AWS_BEARER_TOKEN_BEDROCK",),
    authorize=authorize,
    options=("profile", "region", "use_fips", "listing_url"),
    request_id_headers=("x-amzn-requestid", "x-amz-request-id"),
    health_path="{listing_url}/inference-profiles?maxResults=1",
)
