"""How this wire says what went wrong. The first rule that matches wins."""

from aisopod.codecs.rules import Rule

__all__ = ["BOUND", "BOUND_REMEDY", "BOUND_SOURCE", "RULES"]

# What Claude says of thinking that was made behind something else, also on Bedrock.
BOUND = r"bound to a different conversation"
BOUND_REMEDY = (
    "the system prompt, the tools or an earlier message is not what it was when the model thought: "
    'send them as they were, leave the old thinking out, or have it dropped with extra={"thinking": '
    '{"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}} and '
    "the beta thinking-binding-controls-2026-08-01"
)
BOUND_SOURCE = "https://platform.claude.com/docs/en/build-with-claude/preserved-thinking"

_DOCS = "https://docs.anthropic.com/en/api/errors"
_SDK = "https://github.com/anthropics/anthropic-sdk-python/tree/main/src/anthropic/types/shared"

RULES: tuple[Rule, ...] = (
    Rule(
        id="anthropic/spend-limit",
        error="billing",
        codes=(
            "enforced_spend_limit_reached",
            "contract_spend_limit_reached",
            "linked_organization_spend_limit_reached",
            "linked_organization_billing_unavailable",
            "ramp_limit_exceeded",
            "user_profile_not_billable",
        ),
        source=_SDK,
    ),
    Rule(
        id="anthropic/restricted",
        error="permission",
        codes=("organization_on_hold", "workspace_policy_violation", "api_key_scope_missing"),
        source=_SDK,
    ),
    # Before the type, which says no more than the status here: subscriptions' windows answer so.
    Rule(
        id="anthropic/limit-that-resets",
        error="rate_limit",
        status=(402,),
        text=(
            r"(?s)^(?!.*\b(credit|balance|spend))"
            r".*(try again|retry (in|after)|resets? (in|at|on)|rate.?limit|too many requests)"
        ),
        scope="profile",
        source="https://github.com/openclaw/openclaw/issues/30484",
    ),
    Rule(
        id="anthropic/authentication-error",
        error="authentication",
        codes=("authentication_error",),
        source=_DOCS,
    ),
    Rule(id="anthropic/billing-error", error="billing", codes=("billing_error",), source=_DOCS),
    Rule(
        id="anthropic/permission-error",
        error="permission",
        codes=("permission_error",),
        source=_DOCS,
    ),
    Rule(
        id="anthropic/not-found-error",
        error="model_not_found",
        codes=("not_found_error",),
        source=_DOCS,
    ),
    Rule(
        id="anthropic/rate-limit-error",
        error="rate_limit",
        codes=("rate_limit_error",),
        source="https://docs.anthropic.com/en/api/rate-limits",
    ),
    Rule(
        id="anthropic/overloaded-error",
        error="overloaded",
        codes=("overloaded_error",),
        source=_DOCS,
    ),
    Rule(
        id="anthropic/api-error",
        error="server",
        codes=("api_error", "timeout_error", "conflict_error"),
        source=_DOCS,
    ),
    # These come as a plain invalid_request_error, so the text is all there is.
    Rule(
        id="anthropic/credit-balance",
        error="billing",
        status=(400, 413, 422, "none"),
        text=r"credit balance is too low|out of (extra )?usage",
        source="https://github.com/anthropics/claude-code/issues/66314",
    ),
    Rule(
        id="anthropic/usage-limit-of-ones-own",
        error="billing",
        status=(400, 413, 422, "none"),
        text=r"spend(ing)? limit|reached your specified API usage limits",
        source="https://github.com/anthropics/claude-code/issues/38035",
    ),
    Rule(
        id="anthropic/content-filter",
        error="content_filter",
        status=(400, 413, 422, "none"),
        text=r"blocked by content filtering policy",
        source="https://github.com/anthropics/claude-code/issues/58367",
    ),
    # llama.cpp's server speaks this dialect too, with a type of its own and its own words.
    Rule(
        id="anthropic/context-length",
        error="context_length",
        status=(400, 413, 422, "none"),
        text=(
            r"prompt is too long|too long: \d+ tokens? >|exceed\w* .{0,20}context|context size"
            r"|input is too long|maximum context length"
        ),
        source="https://github.com/docker/docker-agent/issues/569",
    ),
    Rule(
        id="anthropic/bound-thinking",
        error="bad_request",
        status=(400, 413, 422, "none"),
        text=BOUND,
        remedy=BOUND_REMEDY,
        source=BOUND_SOURCE,
    ),
    Rule(
        id="anthropic/invalid-request-error",
        error="bad_request",
        codes=("invalid_request_error", "request_too_large"),
        source=_DOCS,
    ),
    Rule(id="anthropic/400", error="bad_request", status=(400, 413, 422), source=_DOCS),
    Rule(id="anthropic/401", error="authentication", status=(401,), source=_DOCS),
    Rule(id="anthropic/402", error="billing", status=(402,), source=_DOCS),
    Rule(id="anthropic/403", error="permission", status=(403,), source=_DOCS),
    Rule(id="anthropic/404", error="model_not_found", status=(404,), source=_DOCS),
    Rule(id="anthropic/429", error="rate_limit", status=(429,), source=_DOCS),
    Rule(id="anthropic/503", error="overloaded", status=(503, 529), source=_DOCS),
    Rule(id="anthropic/5xx", error="server", status=(408, 409, "5xx"), source=_DOCS),
    Rule(id="anthropic/other", error="other", source=_DOCS),
)
