"""The host, its credentials and its listing."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from aisopod.codecs.anthropic_messages.counting import count_body
from aisopod.errors import ProtocolError
from aisopod.providers.host import UNREADABLE, Credential, Host, Listing, Page, TokenCounting
from aisopod.types import HttpRequest, ModelInfo

__all__ = ["host"]

# The classic version: the later one refuses temperature even for the models that take it.
_VERSION = "2023-06-01"
# A bearer token of an OAuth flow is taken only with this flag; an API key needs none.
_OAUTH_BETA = "oauth-2025-04-20"


def authorize(request: HttpRequest, credential: Credential) -> Mapping[str, str]:  # noqa: ARG001
    """An API key as `x-api-key`, a token as a bearer; never both."""
    secret = credential.secret.reveal()
    if credential.kind == "token":
        return {"authorization": f"Bearer {secret}", "anthropic-beta": _OAUTH_BETA}
    return {"x-api-key": secret}


class _Capability(msgspec.Struct):
    supported: bool | None = None


class _Model(msgspec.Struct):
    id: str
    display_name: str | None = None
    created_at: str | None = None
    lifecycle: str | None = None
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    capabilities: dict[str, Any] | None = None


class _Models(msgspec.Struct):
    data: list[dict[str, Any]]
    has_more: bool = False
    last_id: str | None = None


# The wire's words for what ModelInfo.capabilities names.
_CAPABILITIES = {
    "image_input": "vision",
    "pdf_input": "documents",
    "structured_outputs": "structured_output",
    "thinking": "reasoning",
    "batch": "batch",
    "citations": "citations",
    "code_execution": "code_execution",
}


# Every model of this API converses and calls tools.
_ALL = frozenset({"completion", "tools"})


def parse_models(body: bytes, provider: str) -> Page:
    """A page of https://docs.anthropic.com/en/api/models-list.

    Raises:
        ProtocolError: it cannot be read.
    """
    try:
        page = msgspec.json.decode(body, type=_Models)
        models = [_info(entry, provider) for entry in page.data]
    except UNREADABLE as error:
        raise ProtocolError(str(error), dialect="anthropic_models", frame=body) from error
    return Page(models=models, cursor=page.last_id if page.has_more else None)


def _info(entry: dict[str, Any], provider: str) -> ModelInfo:
    model = msgspec.convert(entry, _Model)
    return ModelInfo(
        id=model.id,
        provider=provider,
        display_name=model.display_name,
        context_window=model.max_input_tokens,
        max_output_tokens=model.max_tokens,
        capabilities=None if model.capabilities is None else _ALL | _told(model.capabilities),
        lacks=_told(model.capabilities or {}, supported=False),
        efforts=_efforts(model.capabilities or {}),
        reasoning_control=_control(model.capabilities or {}),
        lifecycle=model.lifecycle,
        created=model.created_at,
        raw=entry,
    )


def _told(capabilities: dict[str, Any], *, supported: bool = True) -> frozenset[str]:
    """What the provider says that the model can do, or cannot."""
    return frozenset(
        name
        for wire, name in _CAPABILITIES.items()
        if capabilities.get(wire) is not None
        and msgspec.convert(capabilities[wire], _Capability).supported is supported
    )


_EFFORTS = ("low", "medium", "high", "xhigh", "max")


def _efforts(capabilities: dict[str, Any]) -> tuple[str, ...] | None:
    """Its words for how much it may think; none where it takes no effort."""
    told = capabilities.get("effort")
    if told is None:
        return None
    return tuple(word for word in _EFFORTS if _is_supported(told, word))


def _control(capabilities: dict[str, Any]) -> Literal["adaptive", "budget"] | None:
    """What steers its thinking: the newer way, where it has both."""
    types = (capabilities.get("thinking") or {}).get("types") or {}
    if _is_supported(types, "adaptive"):
        return "adaptive"
    return "budget" if _is_supported(types, "enabled") else None


def _is_supported(told: dict[str, Any], name: str) -> bool:
    return msgspec.convert(told.get(name) or {}, _Capability).supported is True


class _Count(msgspec.Struct):
    input_tokens: int


def parse_count(body: bytes) -> int:
    """The answer of https://docs.anthropic.com/en/api/messages-count-tokens.

    Raises:
        ProtocolError: it cannot be read.
    """
    try:
        return msgspec.json.decode(body, type=_Count).input_tokens
    except UNREADABLE as error:
        raise ProtocolError(str(error), dialect="anthropic_messages", frame=body) from error


host = Host(
    id="anthropic",
    name="Anthropic",
    dialect="anthropic_messages",
    base_url="https://api.anthropic.com",
    chat_path="/v1/messages",
    listing=Listing(path="/v1/models?limit=1000", parse=parse_models, cursor_query="after_id"),
    token_counting=TokenCounting(
        path="/v1/messages/count_tokens", encode=count_body, parse=parse_count
    ),
    key_variables=("ANTHROPIC_API_KEY",),
    token_variables=("ANTHROPIC_AUTH_TOKEN",),
    base_url_variables=("ANTHROPIC_BASE_URL",),
    authorize=authorize,
    headers={"anthropic-version": _VERSION},
    option_headers={"beta": "anthropic-beta", "workspace_id": "anthropic-workspace-id"},
    request_id_headers=("request-id", "x-request-id"),
    health_path="/v1/models?limit=1",
)
