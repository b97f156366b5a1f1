"""Failures of the wire to aisopod's errors.

Source: https://docs.anthropic.com/en/api/errors. The wording of messages is not stable, so
status, type and error code decide, and texts only where the wire has nothing else.
"""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
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

__all__ = ["decode_error", "rate_limits"]

_BILLING_CODES = frozenset(
    {
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "linked_organization_spend_limit_reached",
        "linked_organization_billing_unavailable",
        "ramp_limit_exceeded",
        "user_profile_not_billable",
    }
)
_PERMISSION_CODES = frozenset(
    {"organization_on_hold", "workspace_policy_violation", "api_key_scope_missing"}
)
_BY_TYPE: dict[str, type[ProviderError]] = {
    "invalid_request_error": BadRequestError,
    "authentication_error": AuthenticationError,
    "billing_error": BillingError,
    "permission_error": PermissionDeniedError,
    "not_found_error": ModelNotFoundError,
    "request_too_large": BadRequestError,
    "conflict_error": ServerError,
    "rate_limit_error": RateLimitError,
    "timeout_error": ServerError,
    "api_error": ServerError,
    "overloaded_error": OverloadedError,
}
_BY_STATUS: dict[int, type[ProviderError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: BillingError,
    403: PermissionDeniedError,
    404: ModelNotFoundError,
    408: ServerError,
    409: ServerError,
    413: BadRequestError,
    422: BadRequestError,
    429: RateLimitError,
    503: OverloadedError,
    529: OverloadedError,
}

# `prompt is too long: 208310 tokens > 200000 maximum`; llama.cpp's server speaks this dialect
# too and says `request (5012 tokens) exceeds the available context size (4096 tokens)`.
_CONTEXT = (
    re.compile(r"too long: (?P<size>\d+) tokens? > (?P<limit>\d+)", re.IGNORECASE),
    re.compile(
        r"input length and `?max_tokens`? exceed context limit: (?P<size>\d+) \+ \d+ > (?P<limit>\d+)"
    ),
    re.compile(r"\((?P<size>\d+) tokens\) exceeds the available context size \((?P<limit>\d+)"),
    re.compile(r"exceed\w* .{0,20}context|prompt is too long|context size", re.IGNORECASE),
)
# All three come as a plain 400 invalid_request_error, the last for the limit that users set:
# https://github.com/anthropics/claude-code/issues/38035.
_CREDIT = re.compile(
    r"credit balance is too low|spend(ing)? limit|reached your specified API usage limits",
    re.IGNORECASE,
)
# https://github.com/anthropics/claude-code/issues/58367.
_FILTERED = re.compile(r"blocked by content filtering policy", re.IGNORECASE)


def decode_error(status: int | None, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error of a refused request, or of an error event inside a stream (status None)."""
    whole, error = _read(body)
    kind = str(error.get("type") or "")
    details = error.get("details")
    code = str(details.get("error_code") or "") if isinstance(details, dict) else ""
    text = str(error.get("message") or "") or _fallback(status, body)
    class_ = _class(status, kind, code, text)
    facts: dict[str, Any] = {
        "status": status,
        "code": code or kind or None,
        "request_id": _text(whole.get("request_id")) or headers.get("request-id"),
        "retry_after": _retry_after(headers, limited=class_ is RateLimitError),
        "body": body.decode("utf-8", "replace") or None,
    }
    if class_ is BadRequestError:
        for pattern in _CONTEXT:
            if match := pattern.search(text):
                numbers = {name: int(value) for name, value in match.groupdict().items()}
                return ContextLengthError(
                    text,
                    limit=numbers.get("limit") or _count(error.get("n_ctx")),
                    size=numbers.get("size") or _count(error.get("n_prompt_tokens")),
                    **facts,
                )
    return class_(text, **facts)


def _class(status: int | None, kind: str, code: str, text: str) -> type[ProviderError]:
    """Error code first, then type, then status; text only for what the wire calls a bad request."""
    if code in _BILLING_CODES:
        return BillingError
    if code in _PERMISSION_CODES:
        return PermissionDeniedError
    class_ = _BY_TYPE.get(kind)
    if class_ is None and status is not None:
        class_ = _BY_STATUS.get(status) or (ServerError if status >= 500 else ProviderError)
    if class_ is BadRequestError and _CREDIT.search(text):
        return BillingError
    if class_ is BadRequestError and _FILTERED.search(text):
        return ContentFilterError
    return class_ or ProviderError


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _read(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        whole = msgspec.json.decode(body)
    except UNREADABLE:
        return {}, {}
    if not isinstance(whole, dict):
        return {}, {}
    error = whole.get("error", whole)
    return whole, error if isinstance(error, dict) else {"message": str(error)}


def _fallback(status: int | None, body: bytes) -> str:
    """What to say of a body that is not the wire's: a proxy's page, or nothing."""
    start = body[:120].decode("utf-8", "replace").strip()
    kind = "an empty body" if not start else f"a body that is not the API's: {start!r}"
    hint = "; is base_url right?" if status == 404 else ""
    return f"{f'HTTP {status}' if status else 'an error'} with {kind}{hint}"


def _retry_after(headers: Mapping[str, str], *, limited: bool) -> float | None:
    """Seconds to wait: the milliseconds header, the standard one, or when a spent limit resets.

    Dates are held against the response's own, so that no clock is needed here.
    """
    now = _http_date(headers.get("date", ""))
    milliseconds = _seconds(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    told = headers.get("retry-after", "")
    seconds = _seconds(told)
    if seconds is not None:
        return seconds
    moment = _http_date(told)
    if moment is not None and now is not None:
        return max(0.0, moment - now)
    if not limited:
        return None
    waits = [
        limit.reset_after
        for limit in rate_limits(headers, now).values()
        if limit.remaining == 0 and limit.reset_after is not None
    ]
    return max(waits, default=None)


def _seconds(value: str) -> float | None:
    """A number of seconds that one can wait."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None


def _http_date(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError):
        return None


_LIMIT = re.compile(r"anthropic-ratelimit-(?P<name>.+)-(?P<field>limit|remaining|reset)")


def rate_limits(headers: Mapping[str, str], now: float | None) -> dict[str, RateLimit]:
    """The `anthropic-ratelimit-*` headers: https://docs.anthropic.com/en/api/rate-limits.

    Args:
        headers: of a response, names in lower case.
        now: seconds since the epoch, against which reset times are told; None tells none.
    """
    found: dict[str, dict[str, Any]] = {}
    for header, value in headers.items():
        match = _LIMIT.fullmatch(header)
        if match is None:
            continue
        entry = found.setdefault(match["name"], {"name": match["name"]})
        if match["field"] == "reset":
            entry["reset_after"] = _reset(value, now)
        elif value.isdigit():
            entry[match["field"]] = int(value)
    return {name: RateLimit(**entry) for name, entry in found.items()}


def _reset(value: str, now: float | None) -> float | None:
    if now is None:
        return None
    try:
        return max(0.0, datetime.fromisoformat(value).timestamp() - now)
    except ValueError:
        return None
