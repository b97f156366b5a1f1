"""Failures of the service to aisopod's errors.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors
and https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html. The exception's type
decides: it stands in a header, in the body, or in the event's own type; texts only refine it.
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

# Without `Exception` at their ends, in lower case: streams write them so, answers otherwise.
_BY_TYPE: dict[str, type[ProviderError]] = {
    "accessdenied": PermissionDeniedError,
    "optinrequired": PermissionDeniedError,
    "mpagreementbeingcreated": PermissionDeniedError,
    "notauthorized": PermissionDeniedError,
    "unrecognizedclient": AuthenticationError,
    "invalidsignature": AuthenticationError,
    "signaturedoesnotmatch": AuthenticationError,
    "incompletesignature": AuthenticationError,
    "expiredtoken": AuthenticationError,
    "requestexpired": AuthenticationError,
    "missingauthenticationtoken": AuthenticationError,
    "invalidclienttokenid": AuthenticationError,
    "throttling": RateLimitError,
    "toomanyrequests": RateLimitError,
    "servicequotaexceeded": RateLimitError,
    "modelnotready": OverloadedError,
    "serviceunavailable": OverloadedError,
    "modeltimeout": ServerError,
    "internalserver": ServerError,
    "internalservererror": ServerError,
    "internalfailure": ServerError,
    "modelerror": ServerError,
    "modelstreamerror": ServerError,
    "resourcenotfound": ModelNotFoundError,
    "unknownoperation": BadRequestError,
    "validation": BadRequestError,
    "conflict": ServerError,
}
_BY_STATUS: dict[int, type[ProviderError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: BillingError,
    403: PermissionDeniedError,
    404: ModelNotFoundError,
    408: ServerError,
    413: BadRequestError,
    424: ServerError,
    429: RateLimitError,
    503: OverloadedError,
}
_CONTEXT = (
    re.compile(r"(?:too long: |\()(?P<size>\d+) tokens?\)? ?(?:>|exceeds?).*?(?P<limit>\d+)"),
    re.compile(r"maximum (?:context|input) length (?:of|is) (?P<limit>\d+)", re.IGNORECASE),
    re.compile(
        r"input is too long|prompt is too long|input tokens? exceed|too many input tokens",
        re.IGNORECASE,
    ),
)
# The first match wins: (type, text) to class, and what to do.
_TEXTS: tuple[tuple[re.Pattern[str], type[ProviderError], str], ...] = (
    (
        re.compile(r"model identifier is invalid"),
        ModelNotFoundError,
        "check its spelling and the region: `aisopod models bedrock` lists what there is",
    ),
    (
        re.compile(r"on-demand throughput"),
        ModelNotFoundError,
        "this model is called by an inference profile, such as us.… or global.… before its name",
    ),
    (
        re.compile(r"API key .{0,40}(not valid|invalid|expired)|security token .* (invalid|expired)"
                   r"|Bearer Token", re.IGNORECASE),
        AuthenticationError,
        "",
    ),
    (re.compile(r"end of (its )?life", re.IGNORECASE), ModelNotFoundError, ""),
    (re.compile(r"INVALID_PAYMENT_INSTRUMENT|valid payment", re.IGNORECASE), BillingError, ""),
)  # fmt: skip


def decode_error(status: int | None, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error of a refused request, or of an exception inside a stream (status None)."""
    kind, told = _read(headers, body)
    text = _message(told) or (kind if status is None and kind else _fallback(status, body))
    if status is None and isinstance(told.get("originalStatusCode"), int):
        status = told["originalStatusCode"]
    if told.get("originalMessage"):
        text = f"{text} ({told['originalMessage']})"
    class_ = _BY_TYPE.get(_plain(kind))
    if class_ is None and status is not None:
        class_ = _BY_STATUS.get(status) or (ServerError if status >= 500 else ProviderError)
    facts: dict[str, Any] = {
        "status": status,
        "code": kind or None,
        "request_id": headers.get("x-amzn-requestid") or headers.get("x-amz-request-id"),
        "retry_after": _seconds(headers.get("retry-after")),
        "body": body.decode("utf-8", "replace") or None,
    }
    if class_ in (BadRequestError, PermissionDeniedError, ModelNotFoundError):
        for pattern in _CONTEXT:
            if match := pattern.search(text):
                numbers = {name: int(value) for name, value in match.groupdict().items()}
                return ContextLengthError(text, **numbers, **facts)
        for pattern, refined, remedy in _TEXTS:
            if pattern.search(text):
                return refined(f"{text} {remedy}".rstrip(), **facts)
    return (class_ or ProviderError)(text, **facts)


def _plain(kind: str) -> str:
    return kind.lower().removesuffix("exception")


def _read(headers: Mapping[str, str], body: bytes) -> tuple[str, dict[str, Any]]:
    """The exception's type, and what stands beside it."""
    try:
        value = msgspec.json.decode(body) if body else {}
    except UNREADABLE:
        value = {}
    told: dict[str, Any] = value if isinstance(value, dict) else {}
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


def _fallback(status: int | None, body: bytes) -> str:
    excerpt = body[:200].decode("utf-8", "replace").strip()
    return f"HTTP {status} with a body that is not the API's: {excerpt!r}"


def _seconds(value: str | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def rate_limits(headers: Mapping[str, str], now: float) -> dict[str, RateLimit]:  # noqa: ARG001
    """This service tells no limits in its headers."""
    return {}
