"""How this dialect's hosts say what went wrong. The first rule that matches wins.

"You exceeded your current quota, please check your plan and billing details" is what OpenAI says of
an empty account and Gemini's compatible endpoint of a passing throttle, so only the code tells:
https://github.com/coder/coder/pull/26200.
"""

from aisopod.codecs.rules import Rule

__all__ = ["RULES"]

_DOCS = "https://platform.openai.com/docs/guides/error-codes"
_SDK = "https://github.com/openai/openai-python/blob/main/src/openai/_exceptions.py"
_OPENROUTER = "https://openrouter.ai/docs/api/reference/errors-and-debugging"

RULES: tuple[Rule, ...] = (
    Rule(
        id="openai/insufficient-quota",
        error="billing",
        codes=(
            "insufficient_quota",
            "billing_hard_limit_reached",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
            "billing_not_active",
        ),
        source="https://github.com/ChatGPTNextWeb/NextChat/issues/3664",
    ),
    # A subscription's window: the account is full for hours, whatever the model.
    Rule(
        id="openai/usage-limit",
        error="rate_limit",
        codes=("usage_limit_reached",),
        scope="profile",
        source="https://github.com/editor-code-assistant/eca/issues/405",
    ),
    Rule(
        id="openai/context-length",
        error="context_length",
        codes=(
            "context_length_exceeded",
            "exceed_context_size_error",
            "tokens_limit_reached",
            "3051",  # Mistral's
        ),
        source="https://github.com/Azure/azure-sdk-for-net/issues/41892",
    ),
    Rule(
        id="openai/invalid-api-key",
        error="authentication",
        codes=("invalid_api_key", "invalid_authentication", "api_key_invalid"),
        source=_DOCS,
    ),
    Rule(
        id="openai/model-not-found",
        error="model_not_found",
        codes=("model_not_found", "deploymentnotfound", "invalid_model"),
        source=_DOCS,
    ),
    Rule(
        id="openai/content-filter",
        error="content_filter",
        codes=(
            "content_filter",
            "responsibleaipolicyviolation",
            "content_policy_violation",
            "invalid_prompt",
            "bio_policy",
            "misalignment_policy_violation",
        ),
        source="https://github.com/continuedev/continue/pull/4192",
    ),
    Rule(
        id="openai/unsupported-country",
        error="permission",
        codes=("unsupported_country_region_territory",),
        source=_DOCS,
    ),
    # A single request over the limit per minute: waiting does not help.
    Rule(
        id="openai/request-too-large",
        error="bad_request",
        status=(413, 429),
        text=r"request too large",
        source="https://github.com/assafelovic/gpt-researcher/issues/985",
    ),
    Rule(
        id="openai/rate-limit",
        error="rate_limit",
        codes=("rate_limit_exceeded", "rate_limit_error", "too_many_requests"),
        source=_DOCS,
    ),
    Rule(
        id="openai/overloaded",
        error="overloaded",
        codes=(
            "server_overloaded",
            "overloaded",
            "overloaded_error",
            "slow_down",
            "unavailable_error",
            "service_unavailable",
            "unavailable",
        ),
        source=_DOCS,
    ),
    Rule(
        id="openai/limit-that-resets",
        error="rate_limit",
        status=(402,),
        text=(
            r"(?s)^(?!.*\b(credit|balance|spend))"
            r".*(try again|retry (in|after)|resets? (in|at|on)|rate.?limit|too many requests)"
        ),
        scope="profile",
        source="https://github.com/openclaw/openclaw/pull/36802",
    ),
    # xAI says so with 403 and 429, FriendliAI with 403, Gemini's compatible endpoint with 429.
    Rule(
        id="openai/out-of-credits",
        error="billing",
        status=(401, 403, 429),
        text=(
            r"(run out of|used all available|exhausted all your|insufficient) credits"
            r"|reached its monthly spending limit|insufficient (balance|funds)"
            r"|need a grok subscription|prepayment credits are depleted"
        ),
        source="https://github.com/openclaw/openclaw/pull/115881",
    ),
    Rule(
        id="openai/context-length-text",
        error="context_length",
        # 502 is OpenRouter's for what its upstream refused.
        status=(400, 413, 422, 502, "none"),
        text=(
            r"maximum (context|prompt|model|allowed( input)?) length|max context length by"
            r"|exceeds? th\w+ (model's )?context window|exceed context window|context size"
            r"|reduce the length of|longer than the model's context|context length of only"
            r"|greater than the context length|too long to fit into the model"
            r"|input tokens exceed the configured limit|length of all messages is too long"
            r"|exceeds the maximum number of tokens|token count is [0-9,]+ but"
            r"|exceeded model token limit|`inputs` tokens \+ `max_new_tokens` must"
            r"|range of input length should be|(prompt|input) (is )?too long"
        ),
        source="https://github.com/BerriAI/litellm/issues/15968",
    ),
    # xAI and Gemini's compatible endpoint answer 400 to a wrong key, without a code of its own.
    Rule(
        id="openai/api-key-text",
        error="authentication",
        status=(400, 403),
        text=(
            r"(incorrect|invalid)( |%20)api( |%20)key|api key not valid"
            r"|api key was reported as leaked"
        ),
        source="https://github.com/i-am-bee/beeai-framework/issues/447",
    ),
    Rule(
        id="openai/moderation",
        error="content_filter",
        status=(403,),
        text=r"flagged|moderation",
        source=_OPENROUTER,
    ),
    Rule(
        id="openai/content-risk",
        error="content_filter",
        status=(400,),
        text=r"content exists risk",
        source="https://github.com/666ghj/BettaFish/issues/108",
    ),
    # Google's word for all its refusals, so texts come before it.
    Rule(
        id="openai/permission-denied",
        error="permission",
        codes=("permission_denied",),
        source="https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto",
    ),
    Rule(id="openai/401", error="authentication", status=(401,), source=_DOCS),
    Rule(id="openai/402", error="billing", status=(402,), source=_OPENROUTER),
    Rule(id="openai/403", error="permission", status=(403,), source=_DOCS),
    Rule(id="openai/404", error="model_not_found", status=(404,), source=_DOCS),
    Rule(id="openai/429", error="rate_limit", status=(429,), source=_DOCS),
    Rule(id="openai/503", error="overloaded", status=(503, 529), source=_DOCS),
    Rule(id="openai/400", error="bad_request", status=(400, 405, 413, 415, 422), source=_DOCS),
    Rule(id="openai/5xx", error="server", status=(408, 409, "5xx"), source=_SDK),
    # Inside a stream there may be no status, and these say no more than one would.
    Rule(
        id="openai/stream-refused",
        error="bad_request",
        status=("none",),
        codes=("invalid_request_error", "tool_use_failed", "badrequesterror"),
        source=_SDK,
    ),
    Rule(
        id="openai/stream-failed",
        error="server",
        status=("none",),
        codes=("server_error", "internal_error", "internal_server_error", "api_error"),
        source=_SDK,
    ),
    Rule(id="openai/other", error="other", source=_SDK),
)
