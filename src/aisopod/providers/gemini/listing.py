"""The list of models and the counting of tokens: https://ai.google.dev/api/models."""

from typing import Any

import msgspec

from aisopod.errors import ProtocolError
from aisopod.providers.host import UNREADABLE, Page
from aisopod.types import ModelInfo

__all__ = ["parse_count", "parse_models", "parse_publisher_models"]


class _Model(msgspec.Struct):
    name: str
    displayName: str | None = None  # noqa: N815
    inputTokenLimit: int | None = None  # noqa: N815
    outputTokenLimit: int | None = None  # noqa: N815
    supportedGenerationMethods: list[str] | None = None  # noqa: N815
    thinking: bool | None = None
    launchStage: str | None = None  # noqa: N815


class _Models(msgspec.Struct):
    models: list[dict[str, Any]] | None = None
    publisherModels: list[dict[str, Any]] | None = None  # noqa: N815
    nextPageToken: str | None = None  # noqa: N815


class _Count(msgspec.Struct):
    totalTokens: int = 0  # noqa: N815


# The wire's methods for what ModelInfo.capabilities names.
_CAPABILITIES = {
    "generateContent": "completion",
    "embedContent": "embedding",
    "batchGenerateContent": "batch",
    "createCachedContent": "caching",
    "bidiGenerateContent": "live",
}


def parse_models(body: bytes, provider: str) -> Page:
    """A page of the Gemini API's models.

    Raises:
        ProtocolError: it cannot be read.
    """
    page = _page(body)
    return Page(
        models=[_info(entry, provider) for entry in page.models or []],
        cursor=page.nextPageToken or None,
    )


def parse_publisher_models(body: bytes, provider: str) -> Page:
    """A page of Vertex AI's publisher models, which tells names and little more.

    Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models/list

    Raises:
        ProtocolError: it cannot be read.
    """
    page = _page(body)
    return Page(
        models=[_info(entry, provider) for entry in page.publisherModels or []],
        cursor=page.nextPageToken or None,
    )


def _page(body: bytes) -> _Models:
    try:
        return msgspec.json.decode(body, type=_Models)
    except UNREADABLE as error:
        raise ProtocolError(str(error), dialect="gemini_models", frame=body) from error


def _info(entry: dict[str, Any], provider: str) -> ModelInfo:
    try:
        model = msgspec.convert(entry, _Model)
    except msgspec.ValidationError as error:
        raise ProtocolError(
            f"a listed model cannot be read ({error})",
            dialect="gemini_models",
            frame=msgspec.json.encode(entry),
        ) from error
    return ModelInfo(
        # A tuned model is asked for with its folder, every other without.
        id=model.name if model.name.startswith("tunedModels/") else model.name.rpartition("/")[2],
        provider=provider,
        display_name=model.displayName,
        context_window=model.inputTokenLimit,
        max_output_tokens=model.outputTokenLimit,
        capabilities=_capabilities(model),
        lacks=frozenset({"reasoning"} if model.thinking is False else ()),
        raw=entry,
    )


def _capabilities(model: _Model) -> frozenset[str] | None:
    if model.supportedGenerationMethods is None:
        return None
    methods = model.supportedGenerationMethods
    found = {_CAPABILITIES[name] for name in methods if name in _CAPABILITIES}
    return frozenset(found | ({"reasoning"} if model.thinking else set()))


def parse_count(body: bytes) -> int:
    """The answer of https://ai.google.dev/api/tokens.

    Raises:
        ProtocolError: it cannot be read.
    """
    try:
        return msgspec.json.decode(body, type=_Count).totalTokens
    except UNREADABLE as error:
        raise ProtocolError(str(error), dialect="gemini_count", frame=body) from error
