"""Reads the wire's failures: https://docs.anthropic.com/en/api/errors. What they mean is in `rules`."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aisopod.codecs.anthropic_messages.rules import RULES
from aisopod.codecs.failure import (
    as_count,
    as_dict,
    as_text,
    context_numbers,
    describe_foreign,
    failed,
    read_http_date,
    read_json,
    read_retry_after,
)
from aisopod.codecs.rules import Evidence, error_of
from aisopod.errors import ProviderError
from aisopod.types import RateLimit

__all__ = ["decode_error", "rate_limits", "read_failure"]


def decode_error(status: int | None, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error of a refused request, or of an error event inside a stream (status None)."""
    return error_of(read_failure(status, headers, body), RULES)


def read_failure(status: int | None, headers: Mapping[str, str], body: bytes) -> Evidence:
    """What a refusal or an error event says."""
    status = failed(status)
    whole = as_dict(read_json(body))
    inner = whole.get("error", whole)
    error = inner if isinstance(inner, dict) else {"message": str(inner)}
    kind = str(error.get("type") or "")
    code = str(as_dict(error.get("details")).get("error_code") or "")
    message = str(error.get("message") or "") or describe_foreign(status, body)
    limit, size = context_numbers(message)
    return Evidence(
        status=status,
        codes=frozenset({code.lower(), kind.lower()}),
        headers=headers,
        message=message,
        code=code or kind or None,
        request_id=as_text(whole.get("request_id")) or headers.get("request-id"),
        retry_after=read_retry_after(headers),
        reset_after=_spent_limits(headers),
        body=body.decode("utf-8", "replace") or None,
        limit=limit or as_count(error.get("n_ctx")),
        size=size or as_count(error.get("n_prompt_tokens")),
    )


def _spent_limits(headers: Mapping[str, str]) -> float | None:
    """Seconds until the last of the spent limits is full again."""
    limits = rate_limits(headers, read_http_date(headers.get("date", ""))).values()
    waits = [each.reset_after for each in limits if each.remaining == 0 and each.reset_after]
    return max(waits, default=None)


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
        elif re.fullmatch("[0-9]{1,15}", value):
            entry[match["field"]] = int(value)
    return {name: RateLimit(**entry) for name, entry in found.items()}


def _reset(value: str, now: float | None) -> float | None:
    if now is None:
        return None
    try:
        return max(0.0, datetime.fromisoformat(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None
