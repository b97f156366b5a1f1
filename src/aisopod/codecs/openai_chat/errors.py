"""Reads the failures of the dialect's hosts, whatever their shape. What they mean is in `rules`."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from aisopod.codecs.failure import (
    as_count,
    as_dict,
    as_dicts,
    as_status,
    as_text,
    context_numbers,
    failed,
    read_http_date,
    read_json,
    read_retry_after,
    read_seconds,
)
from aisopod.codecs.openai_chat.rules import RULES
from aisopod.codecs.rules import Evidence, error_of
from aisopod.errors import ProviderError
from aisopod.types import RateLimit

__all__ = ["decode_error", "is_failure", "rate_limits", "read_failure"]

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
    """The error for a failed exchange, or for an error frame when `status` is None."""
    return error_of(read_failure(status, headers, body), RULES)


def read_failure(status: int | None, headers: Mapping[str, str], body: bytes) -> Evidence:
    """What a failed exchange or an error frame says.

    Args:
        status: the HTTP status; a body's own status counts where this is none or a success.
        headers: the response's headers, names in lower case.
        body: the body or frame.
    """
    value = read_json(body)
    if isinstance(value, list) and value:  # Gemini's compatible endpoint wraps it in a list
        value = value[0]
    status = failed(status)
    told = _readable(value, status) if isinstance(value, dict) else _unreadable(body, status)
    own = as_dict(value).get("error")
    error = own if isinstance(own, dict) else as_dict(value)
    limit, size = context_numbers(told.text)
    return msgspec.structs.replace(
        told,
        headers=headers,
        request_id=headers.get("x-request-id"),
        retry_after=read_retry_after(headers),
        reset_after=_reset_after(headers, error, told.text),
        body=body.decode("utf-8", "replace"),
        limit=as_count(error.get("n_ctx")) or limit,  # llama.cpp
        size=as_count(error.get("n_prompt_tokens")) or size,
    )


def is_failure(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether a JSON value without answers is an error in one of the flat shapes."""
    return isinstance(value, dict) and (
        bool(value.get("error"))
        or value.get("object") == "error"
        or "detail" in value
        or ("message" in value and ("code" in value or "type" in value))
    )


def _unreadable(body: bytes, status: int | None) -> Evidence:
    """A page, a plain text, or nothing: proxies answer so."""
    text = body[:500].decode("utf-8", "replace").strip()
    message = _PHRASES.get(status or 0, "the provider answered with an error")
    if text.startswith("<"):
        title = re.search(r"<title>([^<]{1,200})", text, re.IGNORECASE)
        message += f" (an HTML page: {title[1].strip()})" if title else " (an HTML page)"
    elif text:
        message = text[:300]
    return Evidence(message=message, status=status, text=text)


def _readable(value: dict[str, Any], given: int | None) -> Evidence:
    inner = value.get("error")
    error: dict[str, Any] = inner if isinstance(inner, dict) else value
    message = inner if isinstance(inner, str) else _message(error)
    codes = [error.get("code"), error.get("type"), error.get("status")]
    codes.append(as_dict(error.get("innererror")).get("code"))
    codes += [entry.get("reason") for entry in as_dicts(error.get("details"))]
    named = [str(code) for code in codes[:2] if code not in (None, "")]
    status = given or _own_status(error) or _own_status(value)
    raw = as_text(as_dict(error.get("metadata")).get("raw"))  # OpenRouter: what its upstream said
    return Evidence(
        message=message or _PHRASES.get(status or 0, "the provider reported an error"),
        code=named[0] if named else None,
        status=status,
        codes=frozenset(code.lower() for code in codes if isinstance(code, str)),
        text=f"{message} {raw}".strip(),
    )


def _message(error: dict[str, Any]) -> str:
    """The message, or FastAPI's `detail` in its three shapes."""
    found = error.get("message") or error.get("detail")
    if isinstance(found, list):
        found = "; ".join(
            f"{'.'.join(str(step) for step in entry.get('loc') or [])}: {entry.get('msg')}"
            for entry in as_dicts(found)
        )
    if isinstance(found, dict):
        found = found.get("message") or found.get("msg") or msgspec.json.encode(found).decode()
    return found if isinstance(found, str) else ""


def _own_status(error: Mapping[str, Any]) -> int | None:
    """The HTTP status that a body names itself."""
    names = ("status", "status_code", "raw_status_code", "code")
    found = (as_status(error.get(name)) for name in names)
    return next((status for status in found if status is not None), None)


# --- waiting ---------------------------------------------------------------------------------

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# Azure says `after`: https://github.com/alex-wolf-ps/dbchatprov2/issues/2.
_TRY_AGAIN = re.compile(
    r"(?:try again|retry) (?:in|after) ((?:\d{1,9}(?:\.\d{1,9})?\s?(?:ms|h|m|s)[a-z]*\s?)+)",
    re.IGNORECASE,
)
_LIMIT_HEADER = re.compile(r"x-ratelimit-(limit|remaining|reset)(?:-(.+))?")
_EPOCH_MS = 1e11
_EPOCH = 1e8


def _reset_after(headers: Mapping[str, str], error: dict[str, Any], text: str) -> float | None:
    """Seconds until a spent limit is full again, from the surest source to the least sure."""
    date = read_http_date(headers.get("date", ""))
    own = as_dict(as_dict(error.get("metadata")).get("headers"))  # OpenRouter's upstream
    upstream = {str(name).lower(): str(value) for name, value in own.items()}
    found = _TRY_AGAIN.search(text)
    told = error.get("resets_in_seconds")  # a subscription's window
    sources = (
        _spent_wait(headers, date),
        _spent_wait(upstream, date),
        read_seconds(str(told)) if isinstance(told, int | float) else None,
        _duration(found[1]) if found else None,
    )
    return next((seconds for seconds in sources if seconds is not None), None)


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
            number = read_seconds(value)
            fields[match[1]] = None if number is None else int(number)
    return {name: RateLimit(name=name, **fields) for name, fields in found.items()}


def _reset(value: str, now: float | None) -> float | None:
    """Seconds until a reset given as a duration, as seconds, or as a moment (s or ms)."""
    number = read_seconds(value)
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
