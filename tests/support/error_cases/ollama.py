"""Ollama's server, on one's own machine and in its cloud."""

from aisopod import errors
from support.error_cases import Case

__all__ = ["CASES"]

MEMORY = "model requires more system memory (9.0 GiB) than is available (4.0 GiB)"

CASES = [
    Case("ollama/context-length", errors.ContextLengthError, 400,
         {"error": "the input length exceeds the context length"}),
    Case("ollama/context-length", errors.ContextLengthError, 400,
         {"error": "request (2007 tokens) exceeds the available context size (512 tokens)"},
         limit=512, size=2007),
    # Its cloud. The number of the first is neither the window nor the prompt.
    Case("ollama/context-length", errors.ContextLengthError, 400,
         {"StatusCode": 400, "Status": "400 Bad Request",
          "error": "prompt too long; exceeded max context length by 500 tokens"}),
    Case("ollama/context-length", errors.ContextLengthError, 400,
         {"error": "The prompt is too long: 262960, model maximum context length: 262144"},
         limit=262_144, size=262_960),
    Case("ollama/model-not-found", errors.ModelNotFoundError, 404,
         {"error": "model 'x' not found"}),
    Case("ollama/model-not-found", errors.ModelNotFoundError, None,
         {"error": "pull model manifest: file does not exist"}),
    Case("ollama/busy", errors.OverloadedError, 503,
         {"error": "server busy, please try again.  maximum pending requests exceeded"}),
    Case("ollama/not-supported", errors.BadRequestError, 400,
         {"error": '"x" does not support tools'}),
    Case("ollama/unauthorized", errors.AuthenticationError, 401,
         {"error": "unauthorized", "signin_url": "https://ollama.com/connect"}),
    Case("ollama/memory", errors.ServerError, 500, {"error": MEMORY}),
    # continuedev/continue issues 9233 and 11444, diegosouzapw/OmniRoute issue 3709.
    Case("ollama/usage-limit", errors.RateLimitError, 429,
         {"error": "you've reached your hourly usage limit, please wait or upgrade to continue"}),
    Case("ollama/usage-limit", errors.RateLimitError, 429,
         {"error": "you (me) have reached your weekly usage limit, upgrade for higher limits: "
          "https://ollama.com/upgrade"}),
    Case("ollama/400", errors.BadRequestError, 400, {"error": "invalid options: x"}),
    Case("ollama/401", errors.AuthenticationError, 401, {"error": "invalid token"}),
    Case("ollama/402", errors.BillingError, 402, {"error": "Payment Required"}),
    Case("ollama/403", errors.PermissionDeniedError, 403,
         {"error": "this model requires a subscription, upgrade for access: "
          "https://ollama.com/upgrade"}),
    Case("ollama/404", errors.ModelNotFoundError, 404, b"404 page not found"),
    Case("ollama/429", errors.RateLimitError, 429, {"error": "too many requests"}),
    Case("ollama/503", errors.OverloadedError, None, {"error": "oops", "status": 503}),
    Case("ollama/5xx", errors.ServerError, 502, b"<html>bad gateway"),
    Case("ollama/other", errors.ProviderError, None, {"error": "stream closed"}),
]  # fmt: skip
