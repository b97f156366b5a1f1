"""How this service says what went wrong. The first rule that matches wins.

Codes stand without `Exception` at their ends: streams write `throttlingException`, answers
`ThrottlingException`, other services of AWS `Throttling`.
"""

from aisopod.codecs.anthropic_messages.rules import BOUND, BOUND_REMEDY, BOUND_SOURCE
from aisopod.codecs.rules import Rule

__all__ = ["RULES"]

_CONVERSE = "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors"
_COMMON = "https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html"
_HELP = "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html"

RULES: tuple[Rule, ...] = (
    Rule(
        id="bedrock/credential",
        error="authentication",
        codes=(
            "unrecognizedclient",
            "invalidsignature",
            "signaturedoesnotmatch",
            "incompletesignature",
            "expiredtoken",
            "requestexpired",
            "missingauthenticationtoken",
            "invalidclienttokenid",
        ),
        source=_COMMON,
    ),
    Rule(
        id="bedrock/throttling",
        error="rate_limit",
        codes=("throttling", "toomanyrequests"),
        source="https://github.com/anthropics/claude-code/issues/1466",
    ),
    # Waiting seldom helps, but it is a limit of the service and not of the purse.
    Rule(
        id="bedrock/service-quota",
        error="rate_limit",
        codes=("servicequotaexceeded",),
        remedy="ask for a higher quota in AWS's Service Quotas",
        source=_CONVERSE,
    ),
    Rule(
        id="bedrock/not-ready",
        error="overloaded",
        codes=("modelnotready", "serviceunavailable"),
        source=_CONVERSE,
    ),
    Rule(
        id="bedrock/failed",
        error="server",
        codes=(
            "modeltimeout",
            "internalserver",
            "internalservererror",
            "internalfailure",
            "modelerror",
            "modelstreamerror",
            "conflict",
        ),
        source=_CONVERSE,
    ),
    # A ValidationException is everything from a misspelt model to an overflow; only texts tell.
    Rule(
        id="bedrock/context-length",
        error="context_length",
        status=(400, 403, 404, 413, "none"),
        text=(
            r"(input|prompt) is too long|too long: \d+ tokens? >|input tokens? exceed"
            r"|too many input tokens|maximum (context|input) length (of|is) \d"
            r"|exceed context limit|tokens?\) exceeds?"
        ),
        source="https://github.com/RooCodeInc/Roo-Code/issues/3713",
    ),
    Rule(
        id="bedrock/model-identifier",
        error="model_not_found",
        status=(400, 403, 404, 413, "none"),
        text=r"model identifier is invalid",
        remedy="check its spelling and the region: `aisopod models bedrock` lists what there is",
        source=_HELP,
    ),
    Rule(
        id="bedrock/inference-profile",
        error="model_not_found",
        status=(400, 403, 404, 413, "none"),
        text=r"on-demand throughput",
        remedy="this model is called by an inference profile, such as us.… or global.… before its name",
        source="https://github.com/anthropics/claude-code/issues/1466",
    ),
    Rule(
        id="bedrock/api-key",
        error="authentication",
        status=(400, 403, 404, 413, "none"),
        text=(
            r"API key .{0,40}(valid|invalid|expired)|security token .* (invalid|expired)"
            r"|Bearer Token"
        ),
        source="https://github.com/anomalyco/opencode/issues/47073",
    ),
    Rule(
        id="bedrock/end-of-life",
        error="model_not_found",
        status=(400, 403, 404, 413, "none"),
        text=r"end of (its )?life",
        source="https://docs.aws.amazon.com/bedrock/latest/userguide/model-lifecycle.html",
    ),
    Rule(
        id="bedrock/payment",
        error="billing",
        status=(400, 403, 404, 413, "none"),
        text=r"INVALID_PAYMENT_INSTRUMENT|valid payment",
        source=_HELP,
    ),
    # The marketplace's agreement takes a quarter of an hour.
    Rule(
        id="bedrock/agreement",
        error="permission",
        codes=("mpagreementbeingcreated",),
        remedy="the model's agreement is being made: try again after 15 minutes",
        source=_HELP,
    ),
    Rule(
        id="bedrock/access-denied",
        error="permission",
        codes=("accessdenied", "optinrequired", "notauthorized"),
        source=_CONVERSE,
    ),
    Rule(
        id="bedrock/not-found",
        error="model_not_found",
        codes=("resourcenotfound",),
        source=_CONVERSE,
    ),
    Rule(
        id="bedrock/bound-thinking",
        error="bad_request",
        status=(400, 413, "none"),
        text=BOUND,
        remedy=BOUND_REMEDY,
        source=BOUND_SOURCE,
    ),
    Rule(
        id="bedrock/validation",
        error="bad_request",
        codes=("validation", "unknownoperation"),
        source=_CONVERSE,
    ),
    Rule(id="bedrock/400", error="bad_request", status=(400, 413), source=_COMMON),
    Rule(id="bedrock/401", error="authentication", status=(401,), source=_COMMON),
    Rule(id="bedrock/402", error="billing", status=(402,), source=_COMMON),
    Rule(id="bedrock/403", error="permission", status=(403,), source=_COMMON),
    Rule(id="bedrock/404", error="model_not_found", status=(404,), source=_COMMON),
    Rule(id="bedrock/429", error="rate_limit", status=(429,), source=_COMMON),
    Rule(id="bedrock/503", error="overloaded", status=(503,), source=_COMMON),
    Rule(id="bedrock/5xx", error="server", status=(408, 424, "5xx"), source=_CONVERSE),
    Rule(id="bedrock/other", error="other", source=_COMMON),
)
