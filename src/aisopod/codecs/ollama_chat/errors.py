"""Reads the server's failures: a body is `{"error": "text"}`. What they mean is in `rules`."""

import re
from collections.abc import Mapping
from typing import Any

from aisopod.codecs.failure import (
    as_dict,
    as_status,
    context_numbers,
    describe_foreign,
    failed,
    read_json,
    read_retry_after,
)
from aisopod.codecs.ollama_chat.rules import RULES
from aisopod.codecs.rules import Evidence, error_of, with_remedy
from aisopod.errors import ProviderError
from aisopod.types import RateLimit

__all__ = ["decode_error", "rate_limits", "read_failure"]

_MODEL = re.compile(r"model ['\"]?(?P<name>[^'\"]+?)['\"]? not found")


def decode_error(status: int | None, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error of a refused request, or of a line inside a stream (status None)."""
    return error_of(read_failure(status, headers, body), RULES)


def read_failure(status: int | None, headers: Mapping[str, str], body: bytes) -> Evidence:
    """What a refusal or an error line says."""
    value = read_json(body)
    whole = as_dict(value)
    text = _text(whole) if value is not None else body[:200].decode("utf-8", "replace").strip()
    status = failed(status) or as_status(whole.get("status"))
    text = text or describe_foreign(status, body)
    limit, size = context_numbers(text)
    return Evidence(
        status=status,
        headers=headers,
        message=with_remedy(text, _remedy(text, whole)),
        text=text,
        retry_after=read_retry_after(headers),
        body=body.decode("utf-8", "replace") or None,
        limit=limit,
        size=size,
    )


def _text(whole: dict[str, Any]) -> str:
    error = whole.get("error")
    if isinstance(error, dict):
        return str(error.get("message", ""))
    return "" if error is None else str(error)


def _remedy(text: str, whole: dict[str, Any]) -> str:
    """What to do, where the body holds what that takes."""
    if match := _MODEL.search(text):
        return f"download it with `aisopod pull ollama/{match['name']}`"
    return f"sign in at {whole['signin_url']}" if "signin_url" in whole else ""


def rate_limits(headers: Mapping[str, str], now: float) -> dict[str, RateLimit]:  # noqa: ARG001
    """A local server limits nothing, and the cloud tells no limits in its headers."""
    return {}
