"""Failures on the Messages wire, and what its headers say."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from aisopod.codecs.anthropic_messages.codec import codec
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


def failure(kind: str = "", message: str = "no", **fields: Any) -> bytes:
    error = {"type": kind, "message": message, **fields}
    return msgspec.json.encode({"type": "error", "error": error, "request_id": "req_1"})


def decoded(status: int | None, body: bytes, **headers: str) -> ProviderError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return codec.decode_error(status, named, body)


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, "invalid_request_error", BadRequestError),
        (401, "authentication_error", AuthenticationError),
        (402, "billing_error", BillingError),
        (403, "permission_error", PermissionDeniedError),
        (404, "not_found_error", ModelNotFoundError),
        (408, "", ServerError),
        (409, "conflict_error", ServerError),
        (413, "request_too_large", BadRequestError),
        (429, "rate_limit_error", RateLimitError),
        (500, "api_error", ServerError),
        (503, "overloaded_error", OverloadedError),
        (504, "timeout_error", ServerError),
        (529, "overloaded_error", OverloadedError),
        (None, "overloaded_error", OverloadedError),
        (None, "api_error", ServerError),
        # The type is more than the status, and an unknown type leaves the status.
        (500, "overloaded_error", OverloadedError),
        (429, "novel_error", RateLimitError),
        (502, "novel_error", ServerError),
        (418, "novel_error", ProviderError),
        (None, "novel_error", ProviderError),
    ],
)
def test_classes(status: int | None, kind: str, error: type[ProviderError]) -> None:
    found = decoded(status, failure(kind, "what happened"))
    assert type(found) is error
    assert (found.message, found.status, found.code) == ("what happened", status, kind or None)
    assert found.request_id == "req_1"
    assert found.body is not None
    assert "what happened" in found.body


@pytest.mark.parametrize(
    ("status", "kind", "code", "error"),
    [
        (400, "invalid_request_error", "enforced_spend_limit_reached", BillingError),
        (429, "rate_limit_error", "contract_spend_limit_reached", BillingError),
        (403, "permission_error", "linked_organization_billing_unavailable", BillingError),
        (400, "invalid_request_error", "organization_on_hold", PermissionDeniedError),
        (401, "authentication_error", "api_key_scope_missing", PermissionDeniedError),
        (400, "invalid_request_error", "tool_name_conflict", BadRequestError),
        (429, "rate_limit_error", "novel_code", RateLimitError),
    ],
)
def test_error_codes_are_surest(
    status: int, kind: str, code: str, error: type[ProviderError]
) -> None:
    found = decoded(status, failure(kind, details={"error_code": code}))
    assert type(found) is error
    assert found.code == code


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("Your credit balance is too low to access the Anthropic API.", BillingError),
        ("You have reached your specified API usage limits. You will regain ...", BillingError),
        ("Output blocked by content filtering policy", ContentFilterError),
        ("messages: text content blocks must be non-empty", BadRequestError),
    ],
)
def test_texts_where_the_wire_has_nothing_else(message: str, error: type[ProviderError]) -> None:
    assert type(decoded(400, failure("invalid_request_error", message))) is error
    # A text alone never turns one kind of failure into another.
    assert type(decoded(429, failure("rate_limit_error", message))) is RateLimitError


@pytest.mark.parametrize(
    ("message", "size", "limit"),
    [
        ("prompt is too long: 208310 tokens > 200000 maximum", 208_310, 200_000),
        (
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, ...",
            210_000,  # with what may be generated: what was asked for
            200_000,
        ),
        (
            "request (5012 tokens) exceeds the available context size (4096 tokens), try ...",
            5_012,
            4_096,
        ),
        ("prompt is too long", None, None),
    ],
)
def test_context_length(message: str, size: int | None, limit: int | None) -> None:
    found = decoded(400, failure("invalid_request_error", message))
    assert isinstance(found, ContextLengthError)
    assert (found.size, found.limit) == (size, limit)


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (502, b"<html><h1>Bad Gateway</h1></html>", ServerError, "HTTP 502 with a body"),
        (503, b"", OverloadedError, "HTTP 503 with an empty body"),
        (404, b"<html>nginx</html>", ModelNotFoundError, "base_url"),
        (401, b"\x1f\x8b\xff", AuthenticationError, "HTTP 401"),
        (400, b'{"x": "\xff"}', BadRequestError, "HTTP 400"),
        (500, b"[]", ServerError, "HTTP 500"),
        (500, b'{"error": "boom"}', ServerError, "boom"),
        (500, b'{"error": {"type": 5, "message": null, "details": "x"}}', ServerError, "HTTP 500"),
        (None, b"", ProviderError, "an error with an empty body"),
    ],
)
def test_bodies_that_are_not_the_wires(
    status: int | None, body: bytes, error: type[ProviderError], words: str
) -> None:
    found = decoded(status, body)
    assert type(found) is error
    assert words in found.message


def test_the_request_id_of_the_headers() -> None:
    assert decoded(503, b"", request_id="req_h").request_id == "req_h"
    assert decoded(503, failure(), request_id="req_h").request_id == "req_1"


NOW = "Mon, 23 Nov 2026 12:00:00 GMT"
SPENT = {
    "anthropic_ratelimit_requests_remaining": "0",
    "anthropic_ratelimit_requests_reset": "2026-11-23T12:00:05Z",
    "anthropic_ratelimit_tokens_remaining": "0",
    "anthropic_ratelimit_tokens_reset": "2026-11-23T12:00:30Z",
    "anthropic_ratelimit_output_tokens_remaining": "9",
    "anthropic_ratelimit_output_tokens_reset": "2026-11-23T12:01:00Z",
}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"retry_after_ms": "soon", "retry_after": "9"}, 9.0),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "Mon, 23 Nov 2026 12:00:07 GMT", "date": NOW}, 7.0),
        ({"retry_after": "Mon, 23 Nov 2026 11:00:00 GMT", "date": NOW}, 0.0),
        ({"retry_after": "Mon, 23 Nov 2026 12:00:07 GMT"}, None),
        ({"date": NOW, **SPENT}, 30.0),
        ({"date": NOW, "retry_after": "3", **SPENT}, 3.0),
        (SPENT, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert decoded(429, failure("rate_limit_error"), **headers).retry_after == seconds


def test_only_a_rate_limit_waits_for_a_reset() -> None:
    spent = decoded(400, failure("invalid_request_error"), date=NOW, **SPENT)
    assert spent.retry_after is None
    told = decoded(529, failure("overloaded_error"), retry_after="4")
    assert told.retry_after == 4.0


def test_rate_limits() -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:05Z",
        "anthropic-ratelimit-input-tokens-remaining": "many",
        "anthropic-ratelimit-input-tokens-reset": "tomorrow",
        "request-id": "x",
    }
    now = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
    assert codec.rate_limits(headers, now) == {
        "requests": RateLimit(name="requests", limit=50, remaining=49, reset_after=5.0),
        "input-tokens": RateLimit(name="input-tokens"),
    }
