"""Amazon Bedrock: answers name the exception in a header, streams by the event's own type."""

from collections.abc import Mapping

from aisopod import errors
from support.error_cases import Case
from support.error_cases.anthropic import BOUND

__all__ = ["CASES"]


def named(kind: str) -> Mapping[str, str]:
    return {"x-amzn-errortype": f"{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/"}


VALIDATION = named("ValidationException")
ON_DEMAND = (
    "Invocation of model ID anthropic.claude-sonnet-4-20250514-v1:0 with on-demand throughput isn\u2019t "
    "supported. Retry your request with the ID or ARN of an inference profile that contains this "
    "model."
)

CASES = [
    Case("bedrock/credential", errors.AuthenticationError, 403,
         {"message": "The security token included in the request is expired"},
         named("ExpiredTokenException")),
    Case("bedrock/throttling", errors.RateLimitError, 429,
         {"message": "Too many tokens, please wait before trying again."},
         named("ThrottlingException")),
    Case("bedrock/throttling", errors.RateLimitError, 429,
         {"message": "Too many tokens per day, please wait before trying again."},
         named("ThrottlingException")),
    Case("bedrock/throttling", errors.RateLimitError, None,
         {"throttlingException": {"message": "Too many requests"}}),
    Case("bedrock/service-quota", errors.RateLimitError, 400,
         {"message": "Your request exceeds the service quota for your account."},
         named("ServiceQuotaExceededException")),
    Case("bedrock/not-ready", errors.OverloadedError, 429,
         {"message": "The model specified in the request is not ready to serve requests."},
         named("ModelNotReadyException")),
    Case("bedrock/failed", errors.ServerError, 424,
         {"message": "The request failed due to an error while processing the model."},
         named("ModelErrorException")),
    Case("bedrock/failed", errors.ServerError, None,
         {"internalServerException": {"message": "An internal server error occurred."}}),
    Case("bedrock/context-length", errors.ContextLengthError, 400,
         {"message": "The model returned the following errors: Input is too long for requested "
          "model."}, VALIDATION),
    Case("bedrock/context-length", errors.ContextLengthError, None,
         {"validationException": {"message": "Input is too long for requested model."}}),
    Case("bedrock/context-length", errors.ContextLengthError, 400,
         {"message": "The model returned the following errors: input length and `max_tokens` "
          "exceed context limit: 196395 + 64000 > 204698, decrease input length or `max_tokens` "
          "and try again"}, VALIDATION, limit=204_698, size=196_395 + 64_000),
    # daisuke-awaji/moca issue 254.
    Case("bedrock/context-length", errors.ContextLengthError, 400,
         {"message": "The model returned the following errors: prompt is too long: 200049 tokens > "
          "200000 maximum"}, VALIDATION, limit=200_000, size=200_049),
    # Titan.
    Case("bedrock/context-length", errors.ContextLengthError, 400,
         {"message": "400 Bad Request: Too many input tokens. Max input tokens: 8192, request input "
          "token count: 10000 "}, VALIDATION, limit=8192, size=10_000),
    # Llama: NousResearch/hermes-agent pull request 98726.
    Case("bedrock/context-length", errors.ContextLengthError, 400,
         {"message": "This model's maximum context length is 1048576 tokens. Please reduce the "
          "length of the prompt"}, VALIDATION, limit=1_048_576),
    Case("bedrock/context-length", errors.ContextLengthError, 400,
         {"message": "Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please "
          "update the input to try again."}, VALIDATION),
    Case("bedrock/model-identifier", errors.ModelNotFoundError, 400,
         {"message": "The provided model identifier is invalid."}, VALIDATION),
    Case("bedrock/inference-profile", errors.ModelNotFoundError, 400, {"message": ON_DEMAND},
         VALIDATION),
    Case("bedrock/api-key", errors.AuthenticationError, 403,
         {"Message": "Authentication failed: Please make sure your API Key is valid."},
         named("AccessDeniedException")),
    Case("bedrock/end-of-life", errors.ModelNotFoundError, 404,
         {"message": "This model version has reached the end of its life."},
         named("ResourceNotFoundException")),
    Case("bedrock/payment", errors.BillingError, 403,
         {"message": "Model access is denied due to INVALID_PAYMENT_INSTRUMENT:A valid payment "
          "instrument must be provided."}, named("AccessDeniedException")),
    Case("bedrock/agreement", errors.PermissionDeniedError, 403,
         {"message": "The agreement for the model is being created."},
         named("MPAgreementBeingCreated")),
    Case("bedrock/access-denied", errors.PermissionDeniedError, 403,
         {"message": "You don't have access to the model with the specified model ID."},
         named("AccessDeniedException")),
    Case("bedrock/not-found", errors.ModelNotFoundError, 404,
         {"message": "The specified resource ARN was not found."},
         named("ResourceNotFoundException")),
    Case("bedrock/bound-thinking", errors.BadRequestError, 400,
         {"message": f"The model returned the following errors: {BOUND}"}, VALIDATION),
    Case("bedrock/validation", errors.BadRequestError, 400,
         {"message": "The maximum tokens you requested exceeds the model limit of 32768. Try "
          "again with a maximum tokens value that is lower than 32768."}, VALIDATION),
    Case("bedrock/400", errors.BadRequestError, 400,
         {"message": "This model doesn't support the s3Uri field. Remove s3Uri and try again."}),
    Case("bedrock/401", errors.AuthenticationError, 401, b"Unauthorized"),
    Case("bedrock/402", errors.BillingError, 402, b"Payment Required"),
    Case("bedrock/403", errors.PermissionDeniedError, 403, {"Message": None}),
    Case("bedrock/404", errors.ModelNotFoundError, 404, b"<html>404 Not Found</html>"),
    Case("bedrock/429", errors.RateLimitError, 429, {"message": "Rate exceeded"}),
    Case("bedrock/503", errors.OverloadedError, 503, b"<html>503 Service Unavailable</html>"),
    Case("bedrock/5xx", errors.ServerError, 502, b"<html>502 Bad Gateway</html>"),
    Case("bedrock/other", errors.ProviderError, None, {"newException": {"message": "m"}}),
]  # fmt: skip
