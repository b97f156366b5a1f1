"""The host and its credentials."""

from collections.abc import Mapping
from urllib.parse import quote

from aisopod.codecs.gemini_generate.counting import count_body
from aisopod.codecs.gemini_generate.quirks import Quirks
from aisopod.providers._google import gemini_platform
from aisopod.providers.gemini.listing import parse_count, parse_models
from aisopod.providers.host import Credential, Host, Listing, TokenCounting
from aisopod.types import HttpRequest

__all__ = ["authorize", "host"]


def authorize(request: HttpRequest, credential: Credential) -> Mapping[str, str]:  # noqa: ARG001
    """A key in its own header, never in the address, where every log would have it."""
    secret = credential.secret.reveal()
    if credential.kind == "token":
        return {"authorization": f"Bearer {secret}"}
    return {"x-goog-api-key": secret}


def model_path(model: str) -> str:
    """`models/…` where no other folder is named."""
    name = quote(model, safe="/:")
    return name if "/" in name else f"models/{name}"


host = Host(
    id="gemini",
    name="Gemini",
    dialect="gemini_generate",
    base_url="https://generativelanguage.googleapis.com",
    chat_path="/{api_version}/{model}:generateContent",
    stream_path="/{api_version}/{model}:streamGenerateContent?alt=sse",
    model_path=model_path,
    listing=Listing(
        path="/{api_version}/models?pageSize=1000", parse=parse_models, cursor_query="pageToken"
    ),
    token_counting=TokenCounting(
        path="/{api_version}/{model}:countTokens", encode=count_body, parse=parse_count
    ),
    key_variables=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    base_url_variables=("GOOGLE_GEMINI_BASE_URL",),
    platform=gemini_platform,
    authorize=authorize,
    options=("credentials", "credentials_file"),
    option_defaults={"api_version": "v1beta"},
    option_headers={"quota_project": "x-goog-user-project"},
    request_id_headers=("x-goog-request-id", "x-request-id"),
    health_path="/{api_version}/models?pageSize=1",
    quirks=Quirks(),
)
