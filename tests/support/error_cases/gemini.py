"""Google's Gemini API and Vertex AI."""

from typing import Any

from aisopod import errors
from support.error_cases import Case

__all__ = ["CASES"]


def failure(code: int, word: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": word, "details": [*details]}}


def info(reason: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}


QUOTA = "You exceeded your current quota, please check your plan and billing details."
FREE = (
    f"{QUOTA} \n* Quota exceeded for metric: generativelanguage.googleapis.com/"
    "generate_content_free_tier_requests, limit: 0, model: gemini-2.5-pro\nPlease retry in 20.04s."
)
PER_DAY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
}

CASES = [
    Case("gemini/prompt-blocked", errors.ContentFilterError, 200,
         {"promptFeedback": {"blockReason": "SAFETY"}, "responseId": "r"}),
    Case("gemini/credential", errors.AuthenticationError, 400,
         failure(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
                 info("API_KEY_INVALID"))),
    Case("gemini/credential", errors.AuthenticationError, 401,
         failure(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.",
                 info("ACCESS_TOKEN_EXPIRED"))),
    Case("gemini/service-disabled", errors.PermissionDeniedError, 403,
         failure(403, "PERMISSION_DENIED", "Generative Language API has not been used in project "
                 "1 before or it is disabled.", info("SERVICE_DISABLED"))),
    Case("gemini/scope-insufficient", errors.PermissionDeniedError, 403,
         failure(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.",
                 info("ACCESS_TOKEN_SCOPE_INSUFFICIENT"))),
    Case("gemini/consumer", errors.PermissionDeniedError, 403,
         failure(403, "PERMISSION_DENIED", "Permission denied: Consumer 'projects/x' has been "
                 "suspended.", info("CONSUMER_INVALID"))),
    Case("gemini/billing-disabled", errors.BillingError, 403,
         failure(403, "PERMISSION_DENIED", "This API method requires billing to be enabled.",
                 info("BILLING_DISABLED"))),
    Case("gemini/no-capacity", errors.OverloadedError, 429,
         failure(429, "RESOURCE_EXHAUSTED", "No capacity available for model on the server",
                 info("MODEL_CAPACITY_EXHAUSTED"))),
    Case("gemini/no-free-tier", errors.BillingError, 429, failure(429, "RESOURCE_EXHAUSTED", FREE)),
    Case("gemini/prepayment", errors.BillingError, 429,
         failure(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted. Please go to "
                 "AI Studio at https://ai.studio/projects to manage your project and billing.")),
    Case("gemini/unauthenticated", errors.AuthenticationError, 401,
         failure(401, "UNAUTHENTICATED", "Request is missing required authentication credential.")),
    Case("gemini/resource-exhausted", errors.RateLimitError, 429,
         failure(429, "RESOURCE_EXHAUSTED", QUOTA, PER_DAY)),
    # 250 is allowed here, and 0.5 would be: only nothing at all is no throttle.
    Case("gemini/resource-exhausted", errors.RateLimitError, 429,
         failure(429, "RESOURCE_EXHAUSTED", FREE.replace("limit: 0", "limit: 250"))),
    Case("gemini/resource-exhausted", errors.RateLimitError, 429,
         failure(429, "RESOURCE_EXHAUSTED", FREE.replace("limit: 0", "limit: 0.5"))),
    Case("gemini/resource-exhausted", errors.RateLimitError, 429,
         failure(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")),
    Case("gemini/unavailable", errors.OverloadedError, 503,
         failure(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")),
    Case("gemini/internal", errors.ServerError, 500,
         failure(500, "INTERNAL", "An internal error has occurred.")),
    Case("gemini/other-thing-not-found", errors.BadRequestError, 404,
         failure(404, "NOT_FOUND", "Not found: cache content metadata 8754364356910645200.")),
    Case("gemini/api-key", errors.AuthenticationError, 400,
         failure(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.")),
    Case("gemini/api-key", errors.AuthenticationError, 403,
         failure(403, "PERMISSION_DENIED",
                 "Your API key was reported as leaked. Please use another API key.")),
    Case("gemini/location", errors.PermissionDeniedError, 400,
         failure(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")),
    Case("gemini/billing", errors.BillingError, 400,
         failure(400, "FAILED_PRECONDITION", "Gemini API free tier is not available in your "
                 "country. Please enable billing on your project in Google AI Studio.")),
    Case("gemini/context-length", errors.ContextLengthError, 400,
         failure(400, "INVALID_ARGUMENT", "The input token count (1200293) exceeds the maximum "
                 "number of tokens allowed (1048576)."), limit=1_048_576, size=1_200_293),
    # arkavo-org/arkavo-edge issue 371, warpdotdev/warp issue 15662.
    Case("gemini/context-length", errors.ContextLengthError, 400,
         failure(400, "INVALID_ARGUMENT", "The input token count exceeds the maximum number of "
                 "tokens allowed (1048576)."), limit=1_048_576),
    Case("gemini/context-length", errors.ContextLengthError, 400,
         failure(400, "INVALID_ARGUMENT", "The input token count exceeds the maximum number of "
                 "tokens allowed 1048576."), limit=1_048_576),
    # Vertex AI: google-gemini/gemini-cli issue 19727.
    Case("gemini/context-length", errors.ContextLengthError, 400,
         failure(400, "INVALID_ARGUMENT", "Unable to submit request because the input token count "
                 "is 1251952 but model only supports up to 1048576. Reduce the input token count "
                 "and try again."), limit=1_048_576, size=1_251_952),
    Case("gemini/permission-denied", errors.PermissionDeniedError, 403,
         failure(403, "PERMISSION_DENIED", "Permission 'aiplatform.endpoints.predict' denied on "
                 "resource", info("IAM_PERMISSION_DENIED"))),
    Case("gemini/not-found", errors.ModelNotFoundError, 404,
         failure(404, "NOT_FOUND", "models/x is not found for API version v1beta, or is not "
                 "supported for generateContent.")),
    Case("gemini/invalid-argument", errors.BadRequestError, 400,
         failure(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")),
    # The token service's.
    Case("gemini/400", errors.BadRequestError, 400, {"error": "invalid_grant"}),
    Case("gemini/401", errors.AuthenticationError, 401, b"<html>401 Unauthorized</html>"),
    Case("gemini/402", errors.BillingError, 402, b"Payment Required"),
    Case("gemini/403", errors.PermissionDeniedError, 403, b"<html>403. That's an error.</html>"),
    Case("gemini/404", errors.ModelNotFoundError, 404, b"<html>404. That's an error.</html>"),
    Case("gemini/429", errors.RateLimitError, 429, b"<html>429. That's an error.</html>"),
    Case("gemini/503", errors.OverloadedError, 503, b"<html>503. That's an error.</html>"),
    Case("gemini/5xx", errors.ServerError, 502, b"<html>502. That's an error.</html>"),
    Case("gemini/other", errors.ProviderError, 418, b""),
]  # fmt: skip
