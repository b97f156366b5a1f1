"""Anthropic's Messages API, and llama.cpp's server, which speaks it too."""

from typing import Any

from aisopod import errors
from support.error_cases import Case

__all__ = ["CASES"]


def failure(kind: str, message: str, code: str = "", **fields: Any) -> dict[str, Any]:
    details = {"details": {"error_code": code}} if code else {}
    error = {"type": kind, "message": message, **details, **fields}
    return {"type": "error", "error": error, "request_id": "req_1"}


INVALID = "invalid_request_error"
BOUND = (
    "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a "
    "different conversation. Remove the block, or set "
    '`thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
)

CASES = [
    Case("anthropic/spend-limit", errors.BillingError, 429,
         failure("rate_limit_error", "spend limit", "contract_spend_limit_reached")),
    Case("anthropic/restricted", errors.PermissionDeniedError, 400,
         failure(INVALID, "This organization is on hold.", "organization_on_hold")),
    # openclaw/openclaw pull request 30687 has this text, issue 30484 the status.
    Case("anthropic/limit-that-resets", errors.RateLimitError, 402,
         failure("billing_error", "usage limit reached, retry after 30s")),
    Case("anthropic/authentication-error", errors.AuthenticationError, 401,
         failure("authentication_error", "invalid x-api-key")),
    Case("anthropic/billing-error", errors.BillingError, 402,
         failure("billing_error", "There's an issue with your billing or payment information.")),
    Case("anthropic/permission-error", errors.PermissionDeniedError, 403,
         failure("permission_error", "this model requires a subscription, upgrade for access:")),
    Case("anthropic/not-found-error", errors.ModelNotFoundError, 404,
         failure("not_found_error", "model: there-is-no-such-model")),
    Case("anthropic/rate-limit-error", errors.RateLimitError, 429,
         failure("rate_limit_error",
                 "This request would exceed your account's rate limit. Please try again later.")),
    Case("anthropic/overloaded-error", errors.OverloadedError, 529,
         failure("overloaded_error", "Overloaded")),
    Case("anthropic/overloaded-error", errors.OverloadedError, None,
         failure("overloaded_error", "Overloaded")),
    Case("anthropic/api-error", errors.ServerError, 500,
         failure("api_error", "Internal server error")),
    Case("anthropic/api-error", errors.ServerError, 504,
         failure("timeout_error", "Request timed out")),
    Case("anthropic/credit-balance", errors.BillingError, 400,
         failure(INVALID, "Your credit balance is too low to access the Anthropic API. Please go "
                 "to Plans & Billing to upgrade or purchase credits.")),
    # openclaw/openclaw pull request 61763.
    Case("anthropic/credit-balance", errors.BillingError, 400,
         failure(INVALID, "You're out of extra usage. Add more at claude.ai/settings/usage and "
                 "keep going.")),
    # openclaw/openclaw issue 10368.
    Case("anthropic/usage-limit-of-ones-own", errors.BillingError, 400,
         failure(INVALID, "You have reached your specified API usage limits. You will regain "
                 "access on 2026-03-01 at 00:00 UTC.")),
    Case("anthropic/content-filter", errors.ContentFilterError, 400,
         failure(INVALID, "Output blocked by content filtering policy")),
    Case("anthropic/context-length", errors.ContextLengthError, 400,
         failure(INVALID, "prompt is too long: 201130 tokens > 200000 maximum"),
         limit=200_000, size=201_130),
    # Without numbers: RooCodeInc/Roo-Code issue 5816.
    Case("anthropic/context-length", errors.ContextLengthError, 413,
         failure(INVALID, "Prompt is too long")),
    Case("anthropic/context-length", errors.ContextLengthError, 400,
         failure(INVALID, "input length and `max_tokens` exceed context limit: 178959 + 64000 > "
                 "200000, decrease input length or `max_tokens` and try again"),
         limit=200_000, size=178_959 + 64_000),
    Case("anthropic/context-length", errors.ContextLengthError, 400,
         failure("exceed_context_size_error", "request (5012 tokens) exceeds the available "
                 "context size (4096 tokens), try increasing it", n_ctx=4096), limit=4096, size=5012),
    # vLLM's server of this wire: its own sentences.
    Case("anthropic/context-length", errors.ContextLengthError, 400,
         failure(INVALID, "This model's maximum context length is 6048 tokens. However, you "
                 "requested 6616 tokens (568 in the messages, 6048 in the completion)."),
         limit=6048, size=6616),
    Case("anthropic/bound-thinking", errors.BadRequestError, 400, failure(INVALID, BOUND)),
    Case("anthropic/invalid-request-error", errors.BadRequestError, 400,
         failure(INVALID, "messages.0: Input does not match the expected shape.")),
    Case("anthropic/invalid-request-error", errors.BadRequestError, 413,
         failure("request_too_large", "Request exceeds the maximum size")),
    Case("anthropic/400", errors.BadRequestError, 400, b"<html>400 Bad Request</html>"),
    Case("anthropic/401", errors.AuthenticationError, 401, b"Unauthorized"),
    Case("anthropic/402", errors.BillingError, 402, b"Payment Required"),
    Case("anthropic/403", errors.PermissionDeniedError, 403,
         {"error": {"type": "forbidden", "message": "Request not allowed"}}),
    Case("anthropic/404", errors.ModelNotFoundError, 404, b"<html>404 Not Found nginx</html>"),
    Case("anthropic/429", errors.RateLimitError, 429, b"error code: 1015"),
    Case("anthropic/503", errors.OverloadedError, 503, b"upstream connect error"),
    Case("anthropic/5xx", errors.ServerError, 502, b"<html>502 Bad Gateway</html>"),
    Case("anthropic/5xx", errors.ServerError, 520, b"error code: 520"),
    Case("anthropic/other", errors.ProviderError, 418, b"I'm a teapot"),
]  # fmt: skip
