"""Failures of the wire to aisopod's errors.

Source: https://ai.google.dev/gemini-api/docs/troubleshooting and the `google.rpc` types in
https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto. The status
decides, refined by the reasons in `details`; texts only where there is no reason.
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
    ContentFilterError,
    ContextLengthError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from aisopod.types import RateLimit

__all__ = ["blocked_error", "decode_error", "rate_limits"]

_BY_STATUS: dict[str, type[ProviderError]] = {
    "INVALID_ARGUMENT": BadRequestError,
    "FAILED_PRECONDITION": BadRequestError,
    "OUT_OF_RANGE": BadRequestError,
    "UNAUTHENTICATED": AuthenticationError,
    "PERMISSION_DENIED": PermissionDeniedError,
    "NOT_FOUND": ModelNotFoundError,
    "RESOURCE_EXHAUSTED": RateLimitError,
    "INTERNAL": ServerError,
    "UNKNOWN": ServerError,
    "DATA_LOSS": ServerError,
    "ABORTED": ServerError,
    "UNAVAILABLE": OverloadedError,
    "DEADLINE_EXCEEDED": ServerError,
    "CANCELLED": ServerError,
    "UNIMPLEMENTED": BadRequestError,
}
_BY_CODE: dict[int, type[ProviderError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: BillingError,
    403: PermissionDeniedError,
    404: ModelNotFoundError,
    408: ServerError,
    413: BadRequestError,
    429: RateLimitError,
    499: ServerError,
    503: OverloadedError,
}
# https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto
_BY_REASON: dict[str, type[ProviderError]] = {
    "API_KEY_INVALID": AuthenticationError,
    "API_KEY_EXPIRED": AuthenticationError,
    "ACCESS_TOKEN_EXPIRED": AuthenticationError,
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": AuthenticationError,
    "CREDENTIALS_MISSING": AuthenticationError,
    "ACCOUNT_STATE_INVALID": AuthenticationError,
    "SERVICE_DISABLED": PermissionDeniedError,
    "CONSUMER_INVALID": PermissionDeniedError,
    "BILLING_DISABLED": BillingError,
}
# The first match wins.
_TEXTS: tuple[tuple[re.Pattern[str], type[ProviderError]], ...] = (
    (re.compile(r"API key (not valid|expired|not found)", re.IGNORECASE), AuthenticationError),
    (re.compile(r"User location is not supported", re.IGNORECASE), PermissionDeniedError),
    (re.compile(r"\bbilling\b|prepay|spend(ing)? (cap|limit)", re.IGNORECASE), BillingError),
    (re.compile(r"model is overloaded", re.IGNORECASE), OverloadedError),
)
_CONTEXT = (
    re.compile(
        r"input token count \(?(?P<size>\d+)\)? exceeds the maximum number of tokens allowed "
        r"\(?(?P<limit>\d+)", re.IGNORECASE,
    ),
    re.compile(r"exceeds the maximum number of tokens|input (is )?too long", re.IGNORECASE),
)  # fmt: skip
# What is not there need not be the model.
_OTHER_THINGS = re.compile(r"cache|file|operation|tuned ?model permission", re.IGNORECASE)
_REMEDIES = {
    "SERVICE_DISABLED": "enable the Generative Language API (or Vertex AI) for the project",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": "log in again: `aisopod auth login gemini`",
}


def decode_error(status: int | None, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error of a refused request, or of an error inside a stream (status None)."""
    error = _read(body)
    word = str(error.get("status") or "")
    code = error.get("code")
    if status is None and isinstance(code, int) and 100 <= code < 600:
        status = code
    details = _details(error)
    reason = str(details.get("ErrorInfo", {}).get("reason") or "")
    text = str(error.get("message") or "") or _fallback(status, body)
    facts: dict[str, Any] = {
        "status": status,
        "code": reason or word or None,
        "request_id": headers.get("x-goog-request-id") or headers.get("x-request-id"),
        "retry_after": _retry_after(details, headers),
        "body": body.decode("utf-8", "replace") or None,
    }
    class_ = _class(status, word, reason, text + str(details.get("DebugInfo", "")))
    if class_ is BadRequestError:
        for pattern in _CONTEXT:
            if match := pattern.search(text):
                numbers = {name: int(value) for name, value in match.groupdict().items()}
                return ContextLengthError(text, **numbers, **facts)
    if class_ is ModelNotFoundError and _OTHER_THINGS.search(text):
        class_ = BadRequestError
    if class_ is RateLimitError:
        text = _with_quota(text, details)
    remedy = _REMEDIES.get(reason)
    return class_(f"{text}: {remedy}" if remedy else text, **facts)


def blocked_error(feedback: Mapping[str, Any], whole: Mapping[str, Any]) -> ContentFilterError:
    """The prompt was not let through; this comes with status 200.

    Source: https://ai.google.dev/api/generate-content#PromptFeedback
    """
    reason = str(feedback["blockReason"])
    told = feedback.get("blockReasonMessage")
    ratings = feedback.get("safetyRatings")
    high = [
        str(rating.get("category", "")).removeprefix("HARM_CATEGORY_").lower()
        for rating in (ratings if isinstance(ratings, list) else ())
        if isinstance(rating, dict)
        and (rating.get("blocked") or rating.get("probability") in ("HIGH", "MEDIUM"))
    ]
    notes = [note for note in (told, ", ".join(high)) if note]
    tail = f" ({'; '.join(map(str, notes))})" if notes else ""
    return ContentFilterError(
        f"the prompt was blocked: {reason}{tail}",
        status=200,
        code=reason,
        request_id=whole.get("responseId"),
        body=msgspec.json.encode(feedback).decode(),
    )


def _class(status: int | None, word: str, reason: str, text: str) -> type[ProviderError]:
    """The reason first, then text for what the wire calls a bad request, then status."""
    if reason in _BY_REASON:
        return _BY_REASON[reason]
    class_ = _BY_STATUS.get(word)
    if class_ is None and status is not None:
        class_ = _BY_CODE.get(status) or (ServerError if status >= 500 else ProviderError)
    if class_ in (BadRequestError, PermissionDeniedError, OverloadedError, None):
        found = next((known for pattern, known in _TEXTS if pattern.search(text)), None)
        class_ = found or class_
    return class_ or ProviderError


def _read(body: bytes) -> dict[str, Any]:
    """The error object; an unfinished stream has it in a list."""
    try:
        whole = msgspec.json.decode(body)
    except UNREADABLE:
        return {}
    if isinstance(whole, list):
        whole = next((entry for entry in whole if isinstance(entry, dict) and "error" in entry), {})
    error = whole.get("error") if isinstance(whole, dict) else None
    if isinstance(error, dict):
        return error
    # The token service and some gateways have a text there.
    return {"message": error} if isinstance(error, str) else {}


def _details(error: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The details by the last word of their type; of two of a type, the first."""
    found: dict[str, dict[str, Any]] = {}
    entries = error.get("details")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            found.setdefault(str(entry.get("@type", "")).rsplit(".", 1)[-1], entry)
    return found


def _retry_after(details: Mapping[str, dict[str, Any]], headers: Mapping[str, str]) -> float | None:
    """Seconds of RetryInfo (`14s`, `0.5s`), else of the header."""
    told = details.get("RetryInfo", {}).get("retryDelay") or headers.get("retry-after")
    try:
        return None if told is None else max(float(str(told).removesuffix("s")), 0.0)
    except ValueError:
        return None


def _with_quota(text: str, details: Mapping[str, dict[str, Any]]) -> str:
    """The message with the quotas that are used up; a daily one returns at midnight Pacific."""
    violations = details.get("QuotaFailure", {}).get("violations")
    names = [
        str(violation.get("quotaId"))
        for violation in (violations if isinstance(violations, list) else ())
        if isinstance(violation, dict) and violation.get("quotaId")
    ]
    missing = [name for name in names if name not in text]
    if not missing:
        return text
    daily = "; it returns at midnight Pacific time" if any("PerDay" in n for n in names) else ""
    return f"{text} [{', '.join(missing)}{daily}]"


def _fallback(status: int | None, body: bytes) -> str:
    excerpt = body[:200].decode("utf-8", "replace").strip()
    return f"HTTP {status} with a body that is not the API's: {excerpt!r}"


def rate_limits(headers: Mapping[str, str], now: float) -> dict[str, RateLimit]:  # noqa: ARG001
    """This wire tells no limits in its headers."""
    return {}
