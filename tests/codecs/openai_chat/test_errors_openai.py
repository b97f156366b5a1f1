"""Bodies of failures to errors, host by host."""

from typing import Any

import msgspec
import pytest

from aisopod.codecs.openai_chat.codec import codec
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


def openai(message: str = "no", type: Any = None, code: Any = None, **more: Any) -> dict[str, Any]:  # noqa: A002
    return {"error": {"message": message, "type": type, "param": None, "code": code, **more}}


TOO_LONG = (
    "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens "
    "(8000 in the messages, 1000 in the completion)."
)

CASES: list[tuple[int | None, Any, type[ProviderError]]] = [
    (429, openai(type="insufficient_quota", code="insufficient_quota"), BillingError),
    (429, openai(code="billing_hard_limit_reached"), BillingError),
    (429, openai(code="project_spend_limit_exceeded"), BillingError),
    (402, openai("Insufficient Balance"), BillingError),
    (400, openai(TOO_LONG, code="context_length_exceeded"), ContextLengthError),
    (400, openai(TOO_LONG, type="BadRequestError", code=400), ContextLengthError),
    (400, openai("Please reduce the length of the messages or completion."), ContextLengthError),
    (400, openai("x", type="exceed_context_size_error", code=400), ContextLengthError),
    (401, openai(code="invalid_api_key"), AuthenticationError),
    (401, {"detail": "Unauthorized"}, AuthenticationError),
    (401, {"message": "Unauthorized", "request_id": "r"}, AuthenticationError),
    (400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided"}, AuthenticationError),
    (400, [{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}], AuthenticationError),
    (403, openai(code="unsupported_country_region_territory"), PermissionDeniedError),
    (403, openai("Project has no access"), PermissionDeniedError),
    (403, {"error": {"code": 403, "message": "Your input was flagged", "metadata": {"reasons": ["x"]}}}, ContentFilterError),
    (404, openai(code="model_not_found"), ModelNotFoundError),
    (404, openai(code="DeploymentNotFound"), ModelNotFoundError),
    (404, {"detail": "Not Found"}, ModelNotFoundError),
    (400, {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"}, ModelNotFoundError),
    (400, openai(code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}), ContentFilterError),
    (400, openai(code="content_policy_violation"), ContentFilterError),
    (400, openai(code="invalid_prompt"), ContentFilterError),
    (429, openai(type="tokens", code="rate_limit_exceeded"), RateLimitError),
    (429, openai("Request too large for gpt-4o on tokens per min (TPM)", code="rate_limit_exceeded"), BadRequestError),
    (413, openai("Request too large for model", type="tokens", code="rate_limit_exceeded"), BadRequestError),
    (503, openai(code=503, type="unavailable_error"), OverloadedError),
    (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, OverloadedError),
    (500, openai(type="server_overloaded"), OverloadedError),
    (400, openai(code="unsupported_parameter", type="invalid_request_error"), BadRequestError),
    (400, openai(code="invalid_json_schema"), BadRequestError),
    (422, {"detail": [{"loc": ["body", "stop"], "msg": "extra", "type": "extra_forbidden"}]}, BadRequestError),
    (408, openai(), ServerError),
    (409, openai(), ServerError),
    (500, openai(type="server_error"), ServerError),
    (502, openai(), ServerError),
    (520, openai(), ServerError),
    (418, openai(), ProviderError),
    (200, {"error": {"message": "no", "code": 502}}, ServerError),
    (200, {"error": {"message": "no", "code": "content_filter", "status": 400}}, ContentFilterError),
    (None, openai(type="server_error"), ServerError),
    (None, openai(type="invalid_request_error", code="tool_use_failed", status_code=400), BadRequestError),
    (None, openai(type="invalid_request_error"), BadRequestError),
    (None, openai(code="rate_limit_exceeded"), RateLimitError),
    (None, {"error": "no"}, ProviderError),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind"), CASES)
def test_class(status: int | None, body: Any, kind: type[ProviderError]) -> None:
    error = codec.decode_error(status, {}, msgspec.json.encode(body))
    assert type(error) is kind
    assert error.message
    assert error.body


@pytest.mark.parametrize(
    ("body", "message", "code", "status"),
    [
        (openai("m", type="t", code="c"), "m", "c", 400),
        (openai("m", type="t"), "m", "t", 400),
        (openai("m", code=1234), "m", "1234", 400),
        ({"error": "m"}, "m", None, 400),
        ({"error": "m", "code": "c"}, "m", "c", 400),
        ({"message": "m", "type": "t", "raw_status_code": 404}, "m", "t", 400),
        ({"detail": "m"}, "m", None, 400),
        ({"detail": {"message": "m"}}, "m", None, 400),
        ({"detail": [{"loc": ["a", 0], "msg": "x"}, {"loc": [], "msg": "y"}]}, "a.0: x; : y", None, 400),
        ([{"error": {"message": "m", "code": 400}}], "m", "400", 400),
    ],
)  # fmt: skip
def test_message_and_code(body: Any, message: str, code: str | None, status: int) -> None:
    error = codec.decode_error(400, {"x-request-id": "req_1"}, msgspec.json.encode(body))
    assert (error.message, error.code, error.status) == (message, code, status)
    assert error.request_id == "req_1"


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (502, b"", "a gateway before the provider got no valid answer"),
        (503, b"<html><title>Busy now</title></html>", "the provider is unavailable (an HTML page: Busy now)"),
        (403, b"<!doctype html>", "access was refused (an HTML page)"),
        (500, b"upstream connect error", "upstream connect error"),
        (418, b"", "the provider answered with an error"),
        (500, b"{}", "the provider failed"),
        (500, b"[]", "[]"),
        (500, b"null", "null"),
    ],
)  # fmt: skip
def test_bodies_that_are_no_error_object(status: int, body: bytes, message: str) -> None:
    error = codec.decode_error(status, {}, body)
    assert error.message == message
    assert error.status == status


@pytest.mark.parametrize(
    ("body", "limit", "size"),
    [
        (openai(TOO_LONG, code="context_length_exceeded"), 8192, 9000),
        (openai("maximum context length is 128,000 tokens, but your messages resulted in 130,001 tokens"), 128000, 130001),
        (openai("This model's maximum context length is 4096 tokens and your request has 4090 input tokens"), 4096, 4090),
        (
            openai("the request exceeds the available context size", type="exceed_context_size_error", n_prompt_tokens=5000, n_ctx=4096),
            4096,
            5000,
        ),
        (openai(code="context_length_exceeded"), None, None),
    ],
)  # fmt: skip
def test_context_length_tells_the_numbers(body: Any, limit: int | None, size: int | None) -> None:
    error = codec.decode_error(400, {}, msgspec.json.encode(body))
    assert isinstance(error, ContextLengthError)
    assert (error.limit, error.size) == (limit, size)


DATE = "Sun, 06 Nov 1994 08:49:37 GMT"  # 784111777

WAITS: list[tuple[int, dict[str, str], Any, float | None]] = [
    (429, {"retry-after-ms": "1500", "retry-after": "9"}, openai(), 1.5),
    (429, {"retry-after": "9"}, openai(), 9.0),
    (429, {"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT", "date": DATE}, openai(), 10.0),
    (429, {"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"}, openai(), None),
    (429, {"retry-after": "Sun, 06 Nov 1994 08:49:30 GMT", "date": DATE}, openai(), 0.0),
    (
        429,
        {
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "6m0s",
            "x-ratelimit-remaining-tokens": "10",
            "x-ratelimit-reset-tokens": "1h",
        },
        openai(),
        360.0,
    ),
    (429, {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, openai(), 0.02),
    (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "784111787000", "date": DATE}, openai(), 10.0),
    (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "784111787000"}, openai(), None),
    (
        429,
        {"date": DATE},
        openai(metadata={"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "784111780000"}}),
        3.0,
    ),
    (429, {}, openai("Please try again in 1.2s."), 1.2),
    (429, {}, openai("Please try again in 1m3s."), 63.0),
    (429, {}, openai("Please try again in 20 seconds."), 20.0),
    (400, {}, openai("Please try again in 1.2s."), None),
    (503, {"retry-after": "5"}, openai(), 5.0),
    (429, {}, openai(), None),
]  # fmt: skip


@pytest.mark.parametrize(("status", "headers", "body", "wait"), WAITS)
def test_retry_after(status: int, headers: dict[str, str], body: Any, wait: float | None) -> None:
    error = codec.decode_error(status, headers, msgspec.json.encode(body))
    assert error.retry_after == (None if wait is None else pytest.approx(wait))


def test_rate_limits_by_name() -> None:
    headers = {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-limit-tokens": "30000",
        "x-ratelimit-remaining-tokens": "29000.0",
        "x-ratelimit-reset-tokens": "2.5",
        "content-type": "text/event-stream",
    }
    assert codec.rate_limits(headers, 0.0) == {
        "requests": RateLimit(name="requests", limit=500, remaining=499, reset_after=0.12),
        "tokens": RateLimit(name="tokens", limit=30000, remaining=29000, reset_after=2.5),
    }
    moment = {"x-ratelimit-limit": "1", "x-ratelimit-reset": "1754667660000"}
    assert codec.rate_limits(moment, 1754667650.0) == {
        "requests": RateLimit(name="requests", limit=1, reset_after=10.0)
    }
    assert codec.rate_limits({"x-ratelimit-limit-requests": "many"}, 0.0) == {
        "requests": RateLimit(name="requests")
    }
