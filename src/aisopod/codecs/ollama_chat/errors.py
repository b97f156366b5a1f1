"""Failures of the server to aisopod's errors.

Source: `server/routes.go` of github.com/ollama/ollama. A body is `{"error": "text"}` and no more,
so the text decides wherever the status does not tell enough.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from aisopod.codecs.codec import UNREADABLE
from aisopod.errors import (
    AuthenticationError,
    BadRequestError,
    BillingError,
    ContextLengthError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from aisopod.types import RateLimit

__all__ = ["decode_error", "rate_limits"]

_CONTEXT = re.compile(
    r"exceeds? (the )?(maximum |available )?context|context (length|size|window)", re.IGNORECASE
)
# The first match wins; a text stands before the statuses that it refines.
_TEXTS: tuple[tuple[re.Pattern[str], type[ProviderError]], ...] = (
    (
        re.compile(r"model .+ not found|file does not exist|not found, try pulling"),
        ModelNotFoundError,
    ),
    (re.compile(r"server busy|maximum pending requests"), OverloadedError),
    (
        re.compile(r"does not support|invalid model name|unmarshal|missing request body"),
        BadRequestError,
    ),
    (re.compile(r"unauthorized"), AuthenticationError),
    (re.compile(r"more system memory|runner process|unable to load model"), ServerError),
)
_STATUSES: dict[int, type[ProviderError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: BillingError,
    403: PermissionDeniedError,
    404: ModelNotFoundError,
    413: BadRequestError,
    422: BadRequestError,
    429: RateLimitError,
    503: OverloadedError,
}
_MODEL = re.compile(r"model ['\"]?(?P<name>[^'\"]+?)['\"]? not found")
_NUMBERS = re.compile(r"\d+")


def decode_error(status: int | None, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error of a refused request, or of a line inside a stream (status None)."""
    whole, text = _read(body)
    own = whole.get("status")
    status = own if status is None and isinstance(own, int) else status
    text = text or f"HTTP {status} with a body that is not the API's"
    facts: dict[str, Any] = {
        "status": status,
        "retry_after": _seconds(headers.get("retry-after")),
        "body": body.decode("utf-8", "replace") or None,
    }
    if _CONTEXT.search(text):
        numbers = [int(number) for number in _NUMBERS.findall(text)]
        return ContextLengthError(
            text,
            size=max(numbers) if len(numbers) == 2 else None,
            limit=min(numbers) if len(numbers) == 2 else None,
            **facts,
        )
    class_ = next((class_ for pattern, class_ in _TEXTS if pattern.search(text)), None)
    if class_ is None and status is not None:
        class_ = _STATUSES.get(status) or (ServerError if status >= 500 else ProviderError)
    return (class_ or ProviderError)(_with_remedy(text, whole), **facts)


def _read(body: bytes) -> tuple[dict[str, Any], str]:
    try:
        whole = msgspec.json.decode(body)
    except UNREADABLE:
        return {}, body[:200].decode("utf-8", "replace").strip()
    if not isinstance(whole, dict):
        return {}, ""
    error = whole.get("error")
    if isinstance(error, dict):
        return whole, str(error.get("message", ""))
    return whole, "" if error is None else str(error)


def _with_remedy(text: str, whole: dict[str, Any]) -> str:
    if match := _MODEL.search(text):
        return f"{text}: download it with `aisopod pull ollama/{match['name']}`"
    if "signin_url" in whole:
        return f"{text}: sign in at {whole['signin_url']}"
    return text


def _seconds(value: str | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def rate_limits(headers: Mapping[str, str], now: float) -> dict[str, RateLimit]:  # noqa: ARG001
    """A local server limits nothing, and the cloud tells no limits in its headers."""
    return {}
