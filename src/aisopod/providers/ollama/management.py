"""Listing, describing and downloading models: the management half of Ollama's API."""

from typing import Any

import msgspec

from aisopod.errors import ProtocolError
from aisopod.providers.host import UNREADABLE, Page
from aisopod.types import ModelInfo, PullProgress

__all__ = ["decode_pull", "encode_name", "parse_show", "parse_tags"]


class _Details(msgspec.Struct):
    context_length: int | None = None


class _Tag(msgspec.Struct):
    name: str
    modified_at: str | None = None
    details: _Details | None = None
    capabilities: list[str] | None = None


class _Tags(msgspec.Struct):
    models: list[dict[str, Any]] | None = None


class _Show(msgspec.Struct):
    capabilities: list[str] | None = None
    model_info: dict[str, Any] | None = None
    modified_at: str | None = None


class _Pull(msgspec.Struct):
    status: str = ""
    digest: str | None = None
    total: int | None = None
    completed: int | None = None
    error: Any = None


_ALWAYS_TOLD = frozenset({"tools", "vision", "reasoning"})
# The server's words for what ModelInfo.capabilities names otherwise.
_CAPABILITIES = {"thinking": "reasoning", "completion": "completion"}


def encode_name(model: str) -> bytes:
    """The body of every management call."""
    return msgspec.json.encode({"model": model})


def parse_tags(body: bytes, provider: str) -> Page:
    """The models on the machine: https://github.com/ollama/ollama/blob/main/docs/api.md#list-local-models.

    Raises:
        ProtocolError: it cannot be read.
    """
    try:
        entries = msgspec.json.decode(body, type=_Tags).models or []
        return Page(models=[_tag(entry, provider) for entry in entries])
    except UNREADABLE as error:
        raise ProtocolError(str(error), dialect="ollama_tags", frame=body) from error


def _tag(entry: dict[str, Any], provider: str) -> ModelInfo:
    tag = msgspec.convert(entry, _Tag)
    return ModelInfo(
        id=tag.name,
        provider=provider,
        context_window=tag.details.context_length if tag.details else None,
        capabilities=_named(tag.capabilities),
        lacks=_lacks(tag.capabilities),
        created=tag.modified_at,
        raw=entry,
    )


def parse_show(body: bytes, model: str, provider: str) -> ModelInfo:
    """One model: https://github.com/ollama/ollama/blob/main/docs/api.md#show-model-information.

    The context window is the trained maximum; what the server allots is its own setting.

    Raises:
        ProtocolError: it cannot be read.
    """
    try:
        show = msgspec.json.decode(body, type=_Show)
        raw: dict[str, Any] = msgspec.json.decode(body)
    except UNREADABLE as error:
        raise ProtocolError(str(error), dialect="ollama_show", frame=body) from error
    facts = show.model_info or {}
    window = facts.get(f"{facts.get('general.architecture')}.context_length")
    return ModelInfo(
        id=model,
        provider=provider,
        context_window=window if isinstance(window, int) else None,
        capabilities=_named(show.capabilities),
        lacks=_lacks(show.capabilities),
        created=show.modified_at,
        raw=raw,
    )


def _named(told: list[str] | None) -> frozenset[str] | None:
    return None if told is None else frozenset(_CAPABILITIES.get(name, name) for name in told)


def _lacks(told: list[str] | None) -> frozenset[str]:
    """The list is whole: https://github.com/ollama/ollama/blob/main/types/model/capability.go."""
    return frozenset() if told is None else _ALWAYS_TOLD - (_named(told) or frozenset())


def decode_pull(frame: bytes) -> PullProgress:
    """A step of a download: https://github.com/ollama/ollama/blob/main/docs/api.md#pull-a-model.

    Raises:
        ProviderError: the server reports an error, inside a 200 as it does.
        ProtocolError: the line cannot be read.
    """
    try:
        step = msgspec.json.decode(frame, type=_Pull)
    except UNREADABLE as error:
        raise ProtocolError(str(error), dialect="ollama_pull", frame=frame) from error
    if step.error is not None:
        from aisopod.codecs.ollama_chat.errors import decode_error

        raise decode_error(None, {}, frame)
    return PullProgress(
        status=step.status, digest=step.digest, total=step.total, completed=step.completed
    )
