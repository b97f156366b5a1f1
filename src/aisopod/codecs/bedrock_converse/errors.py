"""Reads the service's failures, whose type stands in a header, in the body, or as an event's name.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html. What they mean is
in `rules`.
"""

from collections.abc import Mapping
from typing import Any

from aisopod.codecs.bedrock_converse.rules import RULES
from aisopod.codecs.failure import (
    as_dict,
    as_status,
    context_numbers,
    describe_foreign,
    failed,
    read_json,
    read_retry_after,
)
from aisopod.codecs.rules import Evidence, error_of
from aisopod.errors import ProviderError
from aisopod.types import RateLimit

__all__ = ["decode_error", "rate_limits", "read_failure"]


def decode_error(status: int | None, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error of a refused request, or of an exception inside a stream (status None)."""
    return error_of(read_failure(status, headers, body), RULES)


def read_failure(status: int | None, headers: Mapping[str, str], body: bytes) -> Evidence:
    """What a refusal or an exception inside a stream says."""
    kind, told = _read(headers, body)
    status = failed(status)
    text = _message(told) or (kind if status is None and kind else describe_foreign(status, body))
    if status is None:
        status = as_status(told.get("originalStatusCode"))
    if told.get("originalMessage"):
        text = f"{text} ({told['originalMessage']})"
    limit, size = context_numbers(text)
    word = kind.lower()
    return Evidence(
        status=status,
        codes=frozenset({word, word.removesuffix("exception")}),
        headers=headers,
        message=text,
        code=kind or None,
        request_id=headers.get("x-amzn-requestid") or headers.get("x-amz-request-id"),
        retry_after=read_retry_after(headers),
        body=body.decode("utf-8", "replace") or None,
        limit=limit,
        size=size,
    )


def _read(headers: Mapping[str, str], body: bytes) -> tuple[str, dict[str, Any]]:
    """The exception's type, and what stands beside it."""
    told = as_dict(read_json(body))
    kind = headers.get("x-amzn-errortype") or told.get("__type") or told.get("code") or ""
    if len(told) == 1:
        # Inside a stream the event's type is the exception's.
        [(name, inner)] = told.items()
        if isinstance(inner, dict):
            kind, told = str(inner.get("code") or name), inner
    # `com.amazon.coral.service#ThrottlingException:http://internal.amazon.com/…`
    return str(kind).partition(":")[0].rpartition("#")[2], told


def _message(told: Mapping[str, Any]) -> str:
    return str(told.get("message") or told.get("Message") or told.get("errorMessage") or "")


def rate_limits(headers: Mapping[str, str], now: float) -> dict[str, RateLimit]:  # noqa: ARG001
    """This service tells no limits in its headers."""
    return {}
