"""OpenAI, and who speaks its dialect: Azure, xAI, Groq, Mistral, OpenRouter, DeepSeek, vLLM, …"""

from typing import Any

from aisopod import errors
from support.error_cases import Case

__all__ = ["CASES"]


def failure(
    message: str, kind: str | None = None, code: str | int | None = None, **fields: Any
) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **fields}}


INVALID = "invalid_request_error"
NO_CREDITS = (
    "Your team has either used all available credits or reached its monthly spending limit. To "
    "continue making API requests, please purchase more credits or raise your spending limit."
)

CASES = [
    Case("openai/insufficient-quota", errors.BillingError, 429,
         failure("You exceeded your current quota, please check your plan and billing details.",
                 "insufficient_quota", "insufficient_quota")),
    Case("openai/insufficient-quota", errors.BillingError, 429,
         failure("You exceeded your current quota, please check your plan and billing details.",
                 "insufficient_quota")),
    Case("openai/usage-limit", errors.RateLimitError, 429,
         failure("The usage limit has been reached", "usage_limit_reached",
                 resets_in_seconds=7139)),
    # Azure: Azure/azure-sdk-for-net issue 41892.
    Case("openai/context-length", errors.ContextLengthError, 400,
         failure("This model's maximum context length is 32768 tokens. However, you requested "
                 "35969 tokens (9969 in the messages, 26000 in the completion).", INVALID,
                 "context_length_exceeded"), limit=32_768, size=35_969),
    # Groq: letta-ai/letta issue 1963; OpenAI: anomalyco/opencode issue 6071.
    Case("openai/context-length", errors.ContextLengthError, 400,
         failure("Please reduce the length of the messages or completion.", INVALID,
                 "context_length_exceeded")),
    Case("openai/context-length", errors.ContextLengthError, None,
         failure("Your input exceeds the context window of this model. Please adjust your input "
                 "and try again.", INVALID, "context_length_exceeded")),
    # llama.cpp: oobabooga/textgen issue 7257, ggml-org/llama.cpp pull request 15780.
    Case("openai/context-length", errors.ContextLengthError, 400,
         failure("the request exceeds the available context size. try increasing the context size "
                 "or enable context shift", "exceed_context_size_error", code=400,
                 n_prompt_tokens=14_429, n_ctx=8192), limit=8192, size=14_429),
    # Mistral: BerriAI/litellm pull request 21647.
    Case("openai/context-length", errors.ContextLengthError, 400,
         {"object": "error", "message": "Prompt contains 65673 tokens and 0 draft tokens, too "
          "large for model with 32768 maximum context length", "type": INVALID, "code": "3051"},
         limit=32_768, size=65_673),
    # dyad-sh/dyad issue 1950.
    Case("openai/context-length", errors.ContextLengthError, 413,
         failure("Request body too large for gpt-5-mini model. Max size: 4000 tokens.",
                 code="tokens_limit_reached"), limit=4000),
    Case("openai/invalid-api-key", errors.AuthenticationError, 401,
         failure("Incorrect API key provided: bad-key.", INVALID, "invalid_api_key")),
    Case("openai/model-not-found", errors.ModelNotFoundError, 404,
         failure("The model `x` does not exist or you do not have access to it.", INVALID,
                 "model_not_found")),
    Case("openai/model-not-found", errors.ModelNotFoundError, 400,
         {"object": "error", "message": "Invalid model: x", "type": "invalid_model",
          "param": None, "code": "1500", "raw_status_code": 400}),
    Case("openai/content-filter", errors.ContentFilterError, 400,
         failure("The response was filtered due to the prompt triggering Microsoft's content "
                 "management policy.", None, "content_filter", status=400,
                 innererror={"code": "ResponsibleAIPolicyViolation"})),
    Case("openai/unsupported-country", errors.PermissionDeniedError, 403,
         failure("Country, region, or territory not supported", "request_forbidden",
                 "unsupported_country_region_territory")),
    Case("openai/request-too-large", errors.BadRequestError, 413,
         failure("Request too large for model `llama-3.1-70b-versatile` on tokens per minute "
                 "(TPM): Limit 6000, Requested 14368, please reduce your message size and try "
                 "again.", "tokens", "rate_limit_exceeded")),
    Case("openai/request-too-large", errors.BadRequestError, 429,
         failure("Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested "
                 "30601.", "tokens", "rate_limit_exceeded")),
    Case("openai/rate-limit", errors.RateLimitError, 429,
         failure("Rate limit reached for gpt-4o in organization org-1 on tokens per min (TPM): "
                 "Limit 30000, Used 29000, Requested 2000. Please try again in 2s.", "tokens",
                 "rate_limit_exceeded")),
    Case("openai/overloaded", errors.OverloadedError, 503,
         failure("Loading model", "unavailable_error", 503)),
    Case("openai/overloaded", errors.OverloadedError, None,
         failure("The server is overloaded", "server_overloaded")),
    Case("openai/limit-that-resets", errors.RateLimitError, 402,
         failure("usage limit reached, retry after 30s")),
    # xAI: continuedev/continue issue 10373 and warpdotdev/warp issue 14867.
    Case("openai/out-of-credits", errors.BillingError, 429,
         {"code": "Some resource has been exhausted", "error": NO_CREDITS}),
    Case("openai/out-of-credits", errors.BillingError, 403,
         {"code": "The caller does not have permission to execute the specified operation",
          "error": NO_CREDITS}),
    Case("openai/out-of-credits", errors.BillingError, 403,
         {"code": "permission_denied", "error": "You have run out of credits"}),
    # FriendliAI: diegosouzapw/OmniRoute pull request 13040.
    Case("openai/out-of-credits", errors.BillingError, 403,
         {"detail": "You've exhausted all your credits..."}),
    # Gemini's compatible endpoint: discuss.ai.google.dev/t/170539.
    Case("openai/out-of-credits", errors.BillingError, 429,
         [{"error": {"code": 429, "message": "Your prepayment credits are depleted. Please go to "
                     "AI Studio at https://ai.studio/projects to manage your project and billing.",
                     "status": "RESOURCE_EXHAUSTED"}}]),
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         failure("Input tokens exceed the configured limit of 272000 tokens. Your messages "
                 "resulted in 509178 tokens. Please reduce the length of the messages.", INVALID),
         limit=272_000, size=509_178),
    # OpenRouter: OpenHands/OpenHands issue 8149, and ai-christianson/RA.Aid issue 41 for 502.
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         failure("This endpoint's maximum context length is 40960 tokens. However, you requested "
                 "about 42988 tokens (38892 of text input, 4096 in the output). Please reduce the "
                 "length of either one.", code=400), limit=40_960, size=42_988),
    Case("openai/context-length-text", errors.ContextLengthError, 502,
         failure("This model's maximum context length is 16000 tokens. However, you requested "
                 "17165 tokens (13069 in the messages, 4096 in the completion).", code=502),
         limit=16_000, size=17_165),
    # xAI: cline/cline issue 3120.
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         {"code": "Client specified an invalid argument",
          "error": "This model's maximum prompt length is 131072 but the request contains 136973 "
          "tokens."}, limit=131_072, size=136_973),
    # LM Studio: lmstudio-ai/lmstudio-bug-tracker issue 237.
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         {"error": "Trying to keep the first 15857 tokens when context the overflows. However, "
          "the model is loaded with context length of only 4096 tokens, which is not enough."},
         limit=4096, size=15_857),
    # The same server later: Gitlawb/openclaude issue 353, anomalyco/opencode issue 2259.
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         {"error": "The number of tokens to keep from the initial prompt is greater than the "
          "context length (n_keep: 13055>= n_ctx: 4096). Try to load the model with a larger "
          "context length, or provide a shorter input."}, limit=4096, size=13_055),
    Case("openai/context-length-text", errors.ContextLengthError, None,
         {"error": "The number of tokens to keep from the initial prompt is greater than the "
          "context length. Try to load the model with a larger context length, or provide a "
          "shorter input"}),
    # vLLM: meta-llama/llama-verifications issue 58.
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         {"object": "error", "message": "This model's maximum context length is 131072 tokens. "
          "However, you requested 156632 tokens (152536 in the messages, 4096 in the completion).",
          "type": "BadRequestError", "param": None, "code": 400}, limit=131_072, size=156_632),
    # Later: earendil-works/pi pull request 5929, AIDotNet/OpenCowork issue 82.
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         failure("This model's maximum context length is 262144 tokens. However, you requested "
                 "128000 output tokens and your prompt contains at least 134145 input tokens, for "
                 "a total of at least 262145 tokens. Please reduce the length of the input prompt "
                 "or the number of requested output tokens. (parameter=input_tokens, value=134145)",
                 "BadRequestError", code=400), limit=262_144, size=262_145),
    # xorbitsai/inference issue 3785, vllm-project/vllm issues 12165 and 33418.
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         failure("The decoder prompt (length 17772) is longer than the maximum model length of "
                 "16384.", code=400), limit=16_384, size=17_772),
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         failure("The prompt (total length 25938) is too long to fit into the model (context "
                 "length 4096). Make sure that `max_model_len` is no smaller than the number of "
                 "text tokens plus multimodal tokens.", code=400), limit=4096, size=25_938),
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         failure("'max_tokens' or 'max_completion_tokens' is too large: 100. This model's maximum "
                 "context length is 4096 tokens and your request has 4090 input tokens (100 > "
                 "4096 - 4090).", code=400), limit=4096, size=4190),
    # SGLang: QwenLM/Qwen3 issue 1321, sgl-project/sglang issue 4048 and its source.
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         {"object": "error", "message": "The input (61709 tokens) is longer than the model's context "
          "length (40960 tokens).", "type": "BadRequestError", "param": None, "code": 400},
         limit=40_960, size=61_709),
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         failure("Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens).",
                 code=400), limit=59_862, size=160_062),
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         failure("Requested token count exceeds the model's maximum context length of 262144 "
                 "tokens. You requested a total of 270128 tokens: 261936 tokens from the input "
                 "messages and 8192 tokens for the completion.", code=400),
         limit=262_144, size=270_128),
    # DeepSeek: FoundationAgents/OpenManus issue 79.
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         failure("This model's maximum context length is 65536 tokens. However, you requested "
                 "66343 tokens (62247 in the messages, 4096 in the completion). Please reduce the "
                 "length of the messages or completion.", INVALID, INVALID),
         limit=65_536, size=66_343),
    # Together: BerriAI/litellm issue 4934.
    Case("openai/context-length-text", errors.ContextLengthError, 422,
         failure("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. "
                 "Given: 80125 `inputs` tokens and 4096 `max_new_tokens`", INVALID),
         limit=4097, size=84_221),
    # Cerebras: cline/cline issue 5140. Poolside by OpenRouter: earendil-works/pi issue 4943.
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         failure("Please reduce the length of the messages or completion. Current length is 42328 "
                 "while limit is 40000", INVALID), limit=40_000, size=42_328),
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         failure("Provider returned error", code=400, metadata={
             "raw": "Input length 131393 exceeds the maximum allowed input length of 131040 tokens."
         }), limit=131_040, size=131_393),
    # Gemini's compatible endpoint: google-gemini/gemini-cli issue 4231.
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         [{"error": {"code": 400, "message": "The input token count (3475108) exceeds the maximum "
                     "number of tokens allowed (1048576).", "status": "INVALID_ARGUMENT"}}],
         limit=1_048_576, size=3_475_108),
    # Moonshot, and the models of Alibaba: earendil-works/pi issue 129 and its tests.
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         failure("Invalid request: Your request exceeded model token limit: 262144 (requested: "
                 "291351)", INVALID), limit=262_144, size=291_351),
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         failure("Range of input length should be [1, 129024]", INVALID, "invalid_parameter_error"),
         limit=129_024),
    # Thousands with separators, as some gateways write them.
    Case("openai/context-length-text", errors.ContextLengthError, 400,
         failure("This model's maximum context length is 128,000 tokens. However, your messages "
                 "resulted in 1,130,001 tokens.", INVALID), limit=128_000, size=1_130_001),
    Case("openai/api-key-text", errors.AuthenticationError, 400,
         {"code": "Client specified an invalid argument",
          "error": "Incorrect%20API%20key%20provided:%20ba***na."}),
    Case("openai/api-key-text", errors.AuthenticationError, 400,
         [{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.",
                     "status": "INVALID_ARGUMENT"}}]),
    Case("openai/moderation", errors.ContentFilterError, 403,
         failure("Your input was flagged", code=403, metadata={"reasons": ["violence"]})),
    Case("openai/content-risk", errors.ContentFilterError, 400,
         failure("Content Exists Risk", INVALID, INVALID)),
    Case("openai/permission-denied", errors.PermissionDeniedError, 403,
         [{"error": {"code": 403, "message": "The caller does not have permission",
                     "status": "PERMISSION_DENIED"}}]),
    # microsoft/semantic-kernel issue 10337.
    Case("openai/401", errors.AuthenticationError, 401,
         failure("Access denied due to invalid subscription key or wrong API endpoint.",
                 code="401")),
    # continuedev/continue issue 9942; Gitlawb/openclaude issue 1125.
    Case("openai/402", errors.BillingError, 402,
         failure("Insufficient Balance", "unknown_error", INVALID)),
    Case("openai/402", errors.BillingError, 402,
         failure("This request requires more credits, or fewer max_tokens. You requested up to "
                 "32000 tokens, but can only afford 27342.", code=402)),
    Case("openai/403", errors.PermissionDeniedError, 403,
         failure("Project `proj_1` does not have access to this.", INVALID)),
    Case("openai/404", errors.ModelNotFoundError, 404, {"detail": "Not Found"}),
    # Azure and Gemini's compatible endpoint: these texts of quotas and billing are throttles.
    Case("openai/429", errors.RateLimitError, 429,
         failure("Requests to the ChatCompletions_Create Operation under Azure OpenAI API version "
                 "2024-08-01-preview have exceeded call rate limit of your current OpenAI S0 "
                 "pricing tier. Please retry after 54 seconds.", code="429")),
    Case("openai/429", errors.RateLimitError, 429,
         [{"error": {"code": 429, "message": "You exceeded your current quota, please check your "
                     "plan and billing details.", "status": "RESOURCE_EXHAUSTED"}}]),
    Case("openai/503", errors.OverloadedError, 503, b"<html><title>Busy</title></html>"),
    Case("openai/400", errors.BadRequestError, 400,
         failure("Unsupported parameter: 'max_tokens' is not supported with this model.", INVALID,
                 "unsupported_parameter")),
    Case("openai/400", errors.BadRequestError, 422,
         {"detail": [{"loc": ["body", "stop"], "msg": "extra", "type": "extra_forbidden"}]}),
    Case("openai/5xx", errors.ServerError, 500,
         failure("The server had an error while processing your request.", "server_error")),
    Case("openai/stream-refused", errors.BadRequestError, None,
         failure("Tool call validation failed", INVALID, "tool_use_failed")),
    Case("openai/stream-failed", errors.ServerError, None,
         failure("The server had an error while processing your request.", "server_error")),
    Case("openai/other", errors.ProviderError, None, {"error": "no"}),
]  # fmt: skip
