"""Gemini on Vertex AI: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference.

The dialect is the Gemini API's; address, credentials and a few fields differ.
"""

from urllib.parse import quote

from aisopod.codecs.gemini_generate.counting import vertex_count_body
from aisopod.codecs.gemini_generate.quirks import Quirks
from aisopod.providers._google import vertex_platform
from aisopod.providers.gemini.listing import parse_count, parse_publisher_models
from aisopod.providers.host import Host, Listing, TokenCounting

__all__ = ["host"]

_PLACE = "/{api_version}/projects/{project}/locations/{location}"


def model_path(model: str) -> str:
    """Google's own models by their names; others, and endpoints, with their folders."""
    name = quote(model, safe="/")
    return name if "/" in name else f"publishers/google/models/{name}"


host = Host(
    id="vertex",
    name="Vertex AI",
    dialect="gemini_generate",
    chat_path=_PLACE + "/{model}:generateContent",
    stream_path=_PLACE + "/{model}:streamGenerateContent?alt=sse",
    model_path=model_path,
    platform=vertex_platform,
    listing=Listing(
        path="/v1beta1/publishers/google/models?pageSize=100",
        parse=parse_publisher_models,
        cursor_query="pageToken",
    ),
    token_counting=TokenCounting(
        path=_PLACE + "/{model}:countTokens", encode=vertex_count_body, parse=parse_count
    ),
    options=("credentials", "credentials_file", "location", "project"),
    option_defaults={"api_version": "v1beta1"},
    request_id_headers=("x-goog-request-id", "x-request-id"),
    health_path="/v1beta1/publishers/google/models?pageSize=1",
    quirks=Quirks(labels=True, mixed_tools_flag=False),
)
