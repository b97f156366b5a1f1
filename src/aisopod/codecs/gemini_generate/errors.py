"""Reads the wire's failures: https://ai.google.dev/gemini-api/docs/troubleshooting.

Their details are the `google.rpc` types in
https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto. What they mean
is in `rules`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from aisopod.codecs.failure import (
    as_dict,
    as_dicts,
    as_status,
    as_text,
    context_numbers,
    describe_foreign,
    failed,
    read_json,
    read_retry_after,
    read_seconds,
)
from aisopod.codecs.gemini_generate.rules import RULES
from aisopod.codecs.rules import Evidence, error_of
from aisopod.errors import ProviderError
from aisopod.types import RateLimit

__all__ = ["blocked_error", "decode_error", "rate_limits", "read_failure"]


def decode_error(status: int | None, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error of a refused request, or of an error inside a stream (status None)."""
    return error_of(read_failure(status, headers, body), RULES)


def read_failure(status: int | None, headers: Mapping[str, str], body: bytes) -> Evidence:
    """What a refusal, or an error inside a stream, says."""
    whole = read_json(body)
    feedback = as_dict(as_dict(whole).get("promptFeedback"))
    if "blockReason" in feedback:
        return _blocked(feedback, as_dict(whole))
    error = _error(whole)
    status = failed(status) or as_status(error.get("code"))
    word = str(error.get("status") or "")
    details = _details(error)
    reason = str(details.get("ErrorInfo", {}).get("reason") or "")
    message = str(error.get("message") or "") or describe_foreign(status, body)
    told = str(details.get("RetryInfo", {}).get("retryDelay") or "").removesuffix("s")
    wait = read_seconds(told)
    limit, size = context_numbers(message)
    return Evidence(
        status=status,
        codes=frozenset({reason.lower(), word.lower()}),
        headers=headers,
        message=_with_quota(message, details),
        text=message + str(details.get("DebugInfo", "")),
        code=reason or word or None,
        request_id=headers.get("x-goog-request-id") or headers.get("x-request-id"),
        retry_after=read_retry_after(headers) if wait is None else wait,
        body=body.decode("utf-8", "replace") or None,
        limit=limit,
        size=size,
    )


def blocked_error(feedback: Mapping[str, Any], whole: Mapping[str, Any]) -> ProviderError:
    """The prompt was not let through; this comes with status 200.

    Source: https://ai.google.dev/api/generate-content#PromptFeedback
    """
    return error_of(_blocked(feedback, whole), RULES)


def _blocked(feedback: Mapping[str, Any], whole: Mapping[str, Any]) -> Evidence:
    reason = str(feedback["blockReason"])
    high = [
        str(rating.get("category", "")).removeprefix("HARM_CATEGORY_").lower()
        for rating in as_dicts(feedback.get("safetyRatings"))
        if rating.get("blocked") or rating.get("probability") in ("HIGH", "MEDIUM")
    ]
    notes = [note for note in (feedback.get("blockReasonMessage"), ", ".join(high)) if note]
    tail = f" ({'; '.join(map(str, notes))})" if notes else ""
    return Evidence(
        status=200,
        codes=frozenset({reason.lower()}),
        message=f"the prompt was blocked: {reason}{tail}",
        code=reason,
        request_id=as_text(whole.get("responseId")) or None,
        body=msgspec.json.encode(feedback).decode(),
    )


def _error(whole: object) -> dict[str, Any]:
    """The error object; an unfinished stream has it in a list."""
    if isinstance(whole, list):
        whole = next((entry for entry in as_dicts(whole) if "error" in entry), None)
    error = as_dict(whole).get("error")
    # The token service and some gateways have a text there.
    return {"message": error} if isinstance(error, str) else as_dict(error)


def _details(error: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The details by the last word of their type; of two of a type, the first."""
    found: dict[str, dict[str, Any]] = {}
    for entry in as_dicts(error.get("details")):
        found.setdefault(str(entry.get("@type", "")).rsplit(".", 1)[-1], entry)
    return found


def _with_quota(text: str, details: Mapping[str, dict[str, Any]]) -> str:
    """The message with the quotas that are used up; a daily one returns at midnight Pacific."""
    violations = as_dicts(details.get("QuotaFailure", {}).get("violations"))
    names = [str(violation["quotaId"]) for violation in violations if violation.get("quotaId")]
    missing = [name for name in names if name not in text]
    if not missing:
        return text
    daily = "; it returns at midnight Pacific time" if any("PerDay" in n for n in names) else ""
    return f"{text} [{', '.join(missing)}{daily}]"


def rate_limits(headers: Mapping[str, str], now: float) -> dict[str, RateLimit]:  # noqa: ARG001
    """This wire tells no limits in its headers."""
    return {}
