"""The list of models as OpenAI gives it, which the compatible hosts fill more or less."""

from typing import Any

import msgspec

from aisopod.errors import ProtocolError
from aisopod.providers.host import UNREADABLE, Listing, Page
from aisopod.types import ModelInfo

__all__ = ["listing", "parse_models"]


class _TopProvider(msgspec.Struct):
    context_length: int | None = None
    max_completion_tokens: int | None = None


class _Model(msgspec.Struct):
    id: str
    name: str | None = None
    display_name: str | None = None  # Together, Fireworks
    created: int | None = None
    context_length: int | None = None  # OpenRouter, Together, xAI
    context_window: int | None = None  # Groq
    max_context_length: int | None = None  # Mistral
    max_model_len: int | None = None  # vLLM
    max_completion_tokens: int | None = None  # Groq
    top_provider: _TopProvider | None = None  # OpenRouter
    active: bool | None = None  # Groq
    deprecation: str | None = None  # Mistral
    shutdown_date: Any = None  # OpenAI


def parse_models(body: bytes, provider: str) -> Page:
    """A listing's body, or one model's, to a page; these lists have one page only.

    Source: https://platform.openai.com/docs/api-reference/models/list

    Raises:
        ProtocolError: it is no list of models.
    """
    try:
        value = msgspec.json.decode(body)
    except UNREADABLE as error:
        raise ProtocolError(
            "the list of models is not JSON", dialect="openai_chat", frame=body
        ) from error
    entries = value  # Together gives the list itself
    if isinstance(value, dict):
        entries = value["data"] if isinstance(value.get("data"), list) else [value]
    if not isinstance(entries, list):
        raise ProtocolError("this is no list of models", dialect="openai_chat", frame=body)
    try:
        return Page(models=[_model_info(entry, provider) for entry in entries])
    except msgspec.ValidationError as error:
        raise ProtocolError(
            f"a listed model cannot be read ({error})", dialect="openai_chat", frame=body
        ) from error


def listing(path: str = "/models") -> Listing:
    """The listing at a path."""
    return Listing(path=path, parse=parse_models)


def _model_info(entry: Any, provider: str) -> ModelInfo:  # noqa: ANN401 - any JSON value
    model = msgspec.convert(entry, _Model, strict=False)
    top = model.top_provider or _TopProvider()
    return ModelInfo(
        id=model.id,
        provider=provider,
        display_name=model.display_name or model.name,
        context_window=(
            model.context_length
            or model.context_window
            or model.max_context_length
            or model.max_model_len
            or top.context_length
        ),
        max_output_tokens=model.max_completion_tokens or top.max_completion_tokens,
        lifecycle=_lifecycle(model),
        created=_date(model.created),
        raw=entry,
    )


def _lifecycle(model: _Model) -> str | None:
    if model.deprecation or model.shutdown_date:
        return "deprecated"
    return None if model.active is None else "active" if model.active else "retired"


def _date(seconds: int | None) -> str | None:
    """An ISO 8601 date of seconds since the epoch; 0 is what servers send for "unknown"."""
    if not seconds:
        return None
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return None
