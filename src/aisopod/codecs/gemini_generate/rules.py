"""How this wire says what went wrong. The first rule that matches wins.

Codes are the reasons in `details` and the word in `status`. "Check your plan and billing details"
stands in every 429, a passing one too: it tells nothing.
"""

from aisopod.codecs.rules import Rule

__all__ = ["RULES"]

_HELP = "https://ai.google.dev/gemini-api/docs/troubleshooting"
_CODES = "https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto"
_REASONS = "https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto"

RULES: tuple[Rule, ...] = (
    # Only a blocked prompt is a failure with status 200.
    Rule(
        id="gemini/prompt-blocked",
        error="content_filter",
        status=(200,),
        source="https://ai.google.dev/api/generate-content#PromptFeedback",
    ),
    Rule(
        id="gemini/credential",
        error="authentication",
        codes=(
            "api_key_invalid",
            "api_key_expired",
            "access_token_expired",
            "access_token_type_unsupported",
            "credentials_missing",
            "account_state_invalid",
        ),
        source=_REASONS,
    ),
    Rule(
        id="gemini/service-disabled",
        error="permission",
        codes=("service_disabled",),
        remedy="enable the Generative Language API (or Vertex AI) for the project",
        source=_REASONS,
    ),
    Rule(
        id="gemini/scope-insufficient",
        error="permission",
        codes=("access_token_scope_insufficient",),
        remedy="log in again: `aisopod auth login gemini`",
        source=_REASONS,
    ),
    Rule(id="gemini/consumer", error="permission", codes=("consumer_invalid",), source=_REASONS),
    Rule(
        id="gemini/billing-disabled",
        error="billing",
        codes=("billing_disabled",),
        source=_REASONS,
    ),
    Rule(
        id="gemini/no-capacity",
        error="overloaded",
        codes=("model_capacity_exhausted",),
        source="https://github.com/google-gemini/gemini-cli/issues/26633",
    ),
    # No wait helps where nothing is allowed: the model is not in the free tier.
    Rule(
        id="gemini/no-free-tier",
        error="billing",
        codes=("resource_exhausted",),
        text=r"limit: 0(?![0-9.]*[0-9])",
        scope="model",
        remedy="this project may not use the model: turn on billing, or use another model",
        source="https://github.com/continuedev/continue/issues/10062",
    ),
    Rule(
        id="gemini/prepayment",
        error="billing",
        codes=("resource_exhausted",),
        text=r"prepayment credits are depleted",
        source="https://github.com/dyad-sh/dyad/issues/3626",
    ),
    Rule(
        id="gemini/unauthenticated",
        error="authentication",
        codes=("unauthenticated",),
        source=_CODES,
    ),
    Rule(
        id="gemini/resource-exhausted",
        error="rate_limit",
        codes=("resource_exhausted",),
        source="https://github.com/google-gemini/gemini-cli/issues/8437",
    ),
    Rule(id="gemini/unavailable", error="overloaded", codes=("unavailable",), source=_HELP),
    Rule(
        id="gemini/internal",
        error="server",
        codes=("internal", "unknown", "data_loss", "aborted", "deadline_exceeded", "cancelled"),
        source=_CODES,
    ),
    # What is not there need not be the model.
    Rule(
        id="gemini/other-thing-not-found",
        error="bad_request",
        codes=("not_found",),
        text=r"cache|file|operation|tuned ?model permission",
        source="https://ai.google.dev/gemini-api/docs/caching",
    ),
    # These come with the word of any other refusal, so the text is all there is.
    Rule(
        id="gemini/api-key",
        error="authentication",
        status=(400, 403, "none"),
        text=r"API key (not valid|expired|not found)|API key was reported as leaked",
        source="https://github.com/googleapis/python-genai/issues/1764",
    ),
    Rule(
        id="gemini/location",
        error="permission",
        status=(400, 403, "none"),
        text=r"User location is not supported",
        source="https://ai.google.dev/gemini-api/docs/available-regions",
    ),
    Rule(
        id="gemini/billing",
        error="billing",
        status=(400, 403, "none"),
        text=r"\bbilling\b|prepay|spend(ing)? (cap|limit)",
        source=_HELP,
    ),
    Rule(
        id="gemini/context-length",
        error="context_length",
        status=(400, 413, "none"),
        text=(
            r"exceeds the maximum number of tokens|input (is )?too long"
            r"|token count is [0-9,]+ but model only supports"
        ),
        source="https://github.com/google-gemini/gemini-cli/issues/6678",
    ),
    Rule(
        id="gemini/permission-denied",
        error="permission",
        codes=("permission_denied",),
        source=_CODES,
    ),
    Rule(id="gemini/not-found", error="model_not_found", codes=("not_found",), source=_CODES),
    Rule(
        id="gemini/invalid-argument",
        error="bad_request",
        codes=("invalid_argument", "failed_precondition", "out_of_range", "unimplemented"),
        source=_CODES,
    ),
    Rule(id="gemini/400", error="bad_request", status=(400, 413), source=_HELP),
    Rule(id="gemini/401", error="authentication", status=(401,), source=_HELP),
    Rule(id="gemini/402", error="billing", status=(402,), source=_HELP),
    Rule(id="gemini/403", error="permission", status=(403,), source=_HELP),
    Rule(id="gemini/404", error="model_not_found", status=(404,), source=_HELP),
    Rule(id="gemini/429", error="rate_limit", status=(429,), source=_HELP),
    Rule(id="gemini/503", error="overloaded", status=(503,), source=_HELP),
    Rule(id="gemini/5xx", error="server", status=(408, 499, "5xx"), source=_HELP),
    Rule(id="gemini/other", error="other", source=_HELP),
)
