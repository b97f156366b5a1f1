"""Failures of the dialect's hosts to aisopod's errors.

Source: https://platform.openai.com/docs/guides/error-codes and the hosts' own pages; texts are
matched only where a host gives no code for the same thing.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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

__all__ = ["decode_error", "is_failure", "rate_limits"]


class _Report(NamedTuple):
    """What a body says of a failure, whatever its shape."""

    message: str = ""
    code: str | None = None
    status: int | None = None
    words: frozenset[str] = frozenset()
    text: str = ""
    error: Mapping[str, Any] = {}


_Test = Callable[[_Report], bool]


def _word(*words: str) -> _Test:
    wanted = frozenset(words)
    return lambda report: not wanted.isdisjoint(report.words)


def _text(*pieces: str) -> _Test:
    return lambda report: any(piece in report.text for piece in pieces)


def _status(*statuses: int) -> _Test:
    wanted = frozenset(statuses)
    return lambda report: report.status in wanted


def _all(*tests: _Test) -> _Test:
    return lambda report: all(test(report) for test in tests)


# The first that matches wins: codes, then texts for what has no code, then statuses.
_RULES: tuple[tuple[_Test, type[ProviderError]], ...] = (
    (
        _word(
            "insufficient_quota", "billing_hard_limit_reached", "credit_balance_exhausted",
            "organization_spend_limit_exceeded", "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded", "billing_not_active",
        ),
        BillingError,
    ),
    (_status(402), BillingError),
    (_word("context_length_exceeded", "exceed_context_size_error"), ContextLengthError),
    (
        _all(
            lambda report: report.status in (400, 413, 422, None),
            _text(
                "maximum context length", "exceeds the context window", "context size",
                "reduce the length of the messages", "longer than the model's context",
            ),
        ),
        ContextLengthError,
    ),
    (_word("invalid_api_key", "invalid_authentication", "api_key_invalid"), AuthenticationError),
    (_status(401), AuthenticationError),
    # xAI and Gemini's compatible endpoint answer 400 to a wrong key, without a code of its own.
    (
        _all(_status(400), _text("incorrect api key", "api key not valid", "invalid api key")),
        AuthenticationError,
    ),
    # OpenRouter answers 403 when a moderated model's input was flagged.
    (_all(_status(403), _text("flagged", "moderation")), ContentFilterError),
    (_word("unsupported_country_region_territory", "permission_denied"), PermissionDeniedError),
    (_status(403), PermissionDeniedError),
    (_word("model_not_found", "deploymentnotfound", "invalid_model"), ModelNotFoundError),
    (_status(404), ModelNotFoundError),
    (
        _word(
            "content_filter", "responsibleaipolicyviolation", "content_policy_violation",
            "invalid_prompt", "bio_policy", "misalignment_policy_violation",
        ),
        ContentFilterError,
    ),
    # A single request over the limit per minute: waiting does not help.
    (_all(_status(429, 413), _text("request too large")), BadRequestError),
    (_word("server_overloaded", "overloaded", "slow_down", "overloaded_error"), OverloadedError),
    (_word("unavailable_error", "service_unavailable", "unavailable"), OverloadedError),
    (_status(503, 529), OverloadedError),
    (_status(429), RateLimitError),
    (_word("rate_limit_exceeded", "rate_limit_error", "too_many_requests"), RateLimitError),
    (_status(400, 405, 413, 415, 422), BadRequestError),
    (_status(408, 409), ServerError),
    (lambda report: report.status is not None and report.status >= 500, ServerError),
    # Inside a stream there may be no status at all.
    (
        _all(
            lambda report: report.status is None,
            _word("invalid_request_error", "tool_use_failed", "badrequesterror"),
        ),
        BadRequestError,
    ),
    (
        _all(
            lambda report: report.status is None,
            _word("server_error", "internal_error", "internal_server_error", "api_error"),
        ),
        ServerError,
    ),
)  # fmt: skip

_PHRASES = {
    400: "the request was refused as invalid",
    401: "the credential was refused",
    403: "access was refused",
    404: "there is no such model or path at this address",
    408: "the provider waited too long for the request",
    413: "the request is too large",
    429: "too many requests",
    500: "the provider failed",
    502: "a gateway before the provider got no valid answer",
    503: "the provider is unavailable",
    504: "a gateway before the provider got no answer in time",
}


def decode_error(status: int | None, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error for a failed exchange, or for an error frame when `status` is None.

    Args:
        status: the HTTP status; a body's own status counts where this is none or a success.
        headers: the response's headers, names in lower case.
        body: the body or frame.
    """
    report = _read(body, status)
    kind = next((kind for test, kind in _RULES if test(report)), ProviderError)
    facts: dict[str, Any] = {
        "status": report.status,
        "code": report.code,
        "request_id": headers.get("x-request-id"),
        "retry_after": _retry_after(headers, report),
        "body": body.decode("utf-8", "replace"),
    }
    if kind is ContextLengthError:
        limit, size = _context(report)
        return ContextLengthError(report.message, limit=limit, size=size, **facts)
    return kind(report.message, **facts)


def is_failure(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether a JSON value without answers is an error in one of the flat shapes."""
    return isinstance(value, dict) and (
        bool(value.get("error"))
        or value.get("object") == "error"
        or "detail" in value
        or ("message" in value and ("code" in value or "type" in value))
    )


def _read(body: bytes, status: int | None) -> _Report:
    try:
        value = msgspec.json.decode(body)
    except UNREADABLE:
        value = None
    if isinstance(value, list) and value:  # Gemini's compatible endpoint wraps it in a list
        value = value[0]
    failed = status if status is not None and status >= 400 else None
    if not isinstance(value, dict):
        return _unreadable(body, failed)
    return _readable(value, failed)


def _unreadable(body: bytes, status: int | None) -> _Report:
    """A page, a plain text, or nothing: proxies answer so."""
    text = body[:500].decode("utf-8", "replace").strip()
    message = _PHRASES.get(status or 0, "the provider answered with an error")
    if text.startswith("<"):
        title = re.search(r"<title>([^<]{1,200})", text, re.IGNORECASE)
        message += f" (an HTML page: {title[1].strip()})" if title else " (an HTML page)"
    elif text:
        message = text[:300]
    return _Report(message=message, status=status, text=text.lower())


def _readable(value: dict[str, Any], failed: int | None) -> _Report:
    inner = value.get("error")
    error: dict[str, Any] = inner if isinstance(inner, dict) else value
    message = inner if isinstance(inner, str) else _message(error)
    nested = error.get("innererror")
    details = error.get("details")
    codes = [error.get("code"), error.get("type"), error.get("status")]
    codes += [nested.get("code")] if isinstance(nested, dict) else []
    codes += [entry.get("reason") for entry in _dicts(details)]
    named = [str(code) for code in codes[:2] if code not in (None, "")]
    status = failed or _own_status(error) or _own_status(value)
    raw = _dict(error.get("metadata")).get("raw")  # OpenRouter: what its upstream said
    return _Report(
        message=message or _PHRASES.get(status or 0, "the provider reported an error"),
        code=named[0] if named else None,
        status=status,
        words=frozenset(code.lower() for code in codes if isinstance(code, str)),
        text=f"{message} {raw}".lower() if isinstance(raw, str) else message.lower(),
        error=error,
    )


def _message(error: dict[str, Any]) -> str:
    """The message, or FastAPI's `detail` in its three shapes."""
    found = error.get("message") or error.get("detail")
    if isinstance(found, list):
        found = "; ".join(
            f"{'.'.join(str(step) for step in entry.get('loc') or [])}: {entry.get('msg')}"
            for entry in _dicts(found)
        )
    if isinstance(found, dict):
        found = found.get("message") or found.get("msg") or msgspec.json.encode(found).decode()
    return found if isinstance(found, str) else ""


def _dict(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON value
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _own_status(error: Mapping[str, Any]) -> int | None:
    """The HTTP status that a body names itself."""
    for name in ("status", "status_code", "raw_status_code", "code"):
        value = error.get(name)
        if isinstance(value, str) and value.isdecimal():
            value = int(value)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return None


_LIMIT = re.compile(r"context (?:length|window|size)[^\d]{0,30}?([\d,]{2,})")
_SIZE = re.compile(
    r"(?:requested|resulted in|request has|contains|prompt of)\s+(?:about |at least )?([\d,]+)"
    r"(?: input)? tokens"
)


def _context(report: _Report) -> tuple[int | None, int | None]:
    """The window and what was asked for, in tokens, as far as they were told."""
    limit, size = report.error.get("n_ctx"), report.error.get("n_prompt_tokens")  # llama.cpp
    return (
        limit if isinstance(limit, int) else _number(_LIMIT, report.text),
        size if isinstance(size, int) else _number(_SIZE, report.text),
    )


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    digits = found[1].replace(",", "") if found else ""
    return int(digits) if digits else None


# --- waiting ---------------------------------------------------------------------------------

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(ms|s|m|h|d))")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TRY_AGAIN = re.compile(r"(?:try again|retry) in ((?:\d+(?:\.\d+)?\s?(?:ms|h|m|s)[a-z]*\s?)+)")
_LIMIT_HEADER = re.compile(r"x-ratelimit-(limit|remaining|reset)(?:-(.+))?")
_EPOCH_MS = 1e11
_EPOCH = 1e8


def _retry_after(headers: Mapping[str, str], report: _Report) -> float | None:
    """Seconds to wait, from the surest source to the least sure."""
    date = _epoch(headers.get("date", ""))
    told = _asked_wait(headers, date)
    if told is not None or report.status not in (429, 503):
        return told
    reset = _spent_wait(headers, date)
    if reset is not None:
        return reset
    own = _dict(_dict(report.error.get("metadata")).get("headers"))  # OpenRouter's upstream
    reset = _spent_wait({str(name).lower(): str(value) for name, value in own.items()}, date)
    if reset is not None:
        return reset
    found = _TRY_AGAIN.search(report.text)
    return _duration(found[1]) if found else None


def _asked_wait(headers: Mapping[str, str], date: float | None) -> float | None:
    milliseconds = _float(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    seconds = _float(value)
    if seconds is not None:
        return seconds
    moment = _epoch(value)
    return None if moment is None or date is None else max(moment - date, 0.0)


def _spent_wait(headers: Mapping[str, str], date: float | None) -> float | None:
    """Until the last of the spent limits is full again."""
    waits = [
        limit.reset_after
        for limit in rate_limits(headers, date).values()
        if limit.remaining == 0 and limit.reset_after is not None
    ]
    return max(waits, default=None)


def rate_limits(headers: Mapping[str, str], now: float | None) -> dict[str, RateLimit]:
    """What the headers say of rate limits.

    Args:
        headers: the response's headers, names in lower case.
        now: seconds since the epoch, for hosts that name a moment; None where unknown.
    """
    found: dict[str, dict[str, Any]] = {}
    for header, value in headers.items():
        match = _LIMIT_HEADER.fullmatch(header)
        if match is None:
            continue
        fields = found.setdefault(match[2] or "requests", {})
        if match[1] == "reset":
            fields["reset_after"] = _reset(value, now)
        else:
            number = _float(value)
            fields[match[1]] = None if number is None else int(number)
    return {name: RateLimit(name=name, **fields) for name, fields in found.items()}


def _reset(value: str, now: float | None) -> float | None:
    """Seconds until a reset given as a duration, as seconds, or as a moment (s or ms)."""
    number = _float(value)
    if number is None:
        return _duration(value)
    if number < _EPOCH:
        return number
    moment = number / 1000 if number > _EPOCH_MS else number
    return None if now is None else max(moment - now, 0.0)


def _duration(value: str) -> float | None:
    """Seconds of a duration such as `6m0s`, `20ms` or `1.2s`."""
    pieces = _DURATION.findall(value.replace(" ", ""))
    return sum(float(count) * _UNITS[unit] for count, unit in pieces) if pieces else None


def _float(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _epoch(value: str) -> float | None:
    """Seconds since the epoch of an HTTP date."""
    if not value or "," not in value:
        return None
    from email.utils import parsedate_to_datetime  # slow to import, and only failures need it

    try:
        return parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError):
        return None
