"""The compatible hosts, one value each.

Sources stand with each host; what a host's pages do not say is left at the quirks' defaults.
"""

from collections.abc import Mapping

from aisopod.codecs.openai_chat.quirks import Quirks
from aisopod.providers.host import Credential, Host, bearer
from aisopod.providers.openai.listing import listing
from aisopod.types import HttpRequest

__all__ = ["HOSTS", "custom_host"]

_CHAT = "/chat/completions"

# https://openrouter.ai/docs/api-reference/overview and /docs/use-cases/reasoning-tokens
_OPENROUTER = Host(
    id="openrouter",
    name="OpenRouter",
    dialect="openai_chat",
    base_url="https://openrouter.ai/api/v1",
    chat_path=_CHAT,
    listing=listing(),
    # The list is public, so it says nothing of the key.
    health_path="/key",
    key_variables=("OPENROUTER_API_KEY",),
    base_url_variables=("OPENROUTER_BASE_URL",),
    option_headers={"site_url": "http-referer", "app_name": "x-title"},
    option_variables={"site_url": "OPENROUTER_SITE_URL", "app_name": "OPENROUTER_APP_NAME"},
    quirks=Quirks(
        reasoning="object",
        budget=True,
        replay_reasoning="reasoning",
        documents=True,
        document_urls=True,
        metadata=True,
        cache_marks="cache_control",
    ),
)

# https://console.groq.com/docs/openai and /docs/api-reference
_GROQ = Host(
    id="groq",
    name="Groq",
    dialect="openai_chat",
    base_url="https://api.groq.com/openai/v1",
    chat_path=_CHAT,
    listing=listing(),
    key_variables=("GROQ_API_KEY",),
    base_url_variables=("GROQ_BASE_URL",),
    quirks=Quirks(
        max_tokens_field="max_completion_tokens",
        json_word=True,
        replay_reasoning="reasoning",
    ),
)

# https://api-docs.deepseek.com/guides/thinking_mode: with tools, reasoning_content must come
# back on every assistant message, else 400; without tools it is ignored.
_DEEPSEEK = Host(
    id="deepseek",
    name="DeepSeek",
    dialect="openai_chat",
    base_url="https://api.deepseek.com",
    chat_path=_CHAT,
    listing=listing(),
    key_variables=("DEEPSEEK_API_KEY",),
    base_url_variables=("DEEPSEEK_BASE_URL",),
    quirks=Quirks(
        seed_field=None,
        strict=False,
        images=False,
        json_schema=False,
        forced_tool="resting",
        json_word=True,
        parallel_tool_calls=False,
        reasoning="switch",
        replay_reasoning="reasoning_content",
        stop_limit=16,
    ),
)

# https://docs.mistral.ai/api: unknown fields are refused (422), usage comes unasked.
_MISTRAL = Host(
    id="mistral",
    name="Mistral",
    dialect="openai_chat",
    base_url="https://api.mistral.ai/v1",
    chat_path=_CHAT,
    listing=listing(),
    key_variables=("MISTRAL_API_KEY",),
    base_url_variables=("MISTRAL_BASE_URL",),
    request_id_headers=("x-kong-request-id", "mistral-correlation-id", "x-request-id"),
    quirks=Quirks(
        seed_field="random_seed",
        stream_options=False,
        required_word="any",
        empty_content=True,
        tool_id_length=9,
        tool_id_exact=True,
        efforts=("none", "high"),
        replay_reasoning="parts",
        names=False,
        stop_limit=None,
    ),
)

# https://docs.x.ai/docs/api-reference
_XAI = Host(
    id="xai",
    name="xAI",
    dialect="openai_chat",
    base_url="https://api.x.ai/v1",
    chat_path=_CHAT,
    listing=listing(),
    key_variables=("XAI_API_KEY",),
    base_url_variables=("XAI_BASE_URL",),
    quirks=Quirks(
        max_tokens_field="max_completion_tokens",
        efforts=("none", "low", "medium", "high", "xhigh"),
    ),
)

# https://docs.together.ai/docs/openai-api-compatibility
_TOGETHER = Host(
    id="together",
    name="Together AI",
    dialect="openai_chat",
    base_url="https://api.together.xyz/v1",
    chat_path=_CHAT,
    listing=listing(),
    key_variables=("TOGETHER_API_KEY", "TOGETHERAI_API_KEY"),
    base_url_variables=("TOGETHER_BASE_URL",),
    quirks=Quirks(),
)

# https://docs.fireworks.ai/api-reference/post-chatcompletions
_FIREWORKS = Host(
    id="fireworks",
    name="Fireworks AI",
    dialect="openai_chat",
    base_url="https://api.fireworks.ai/inference/v1",
    chat_path=_CHAT,
    listing=listing(),
    key_variables=("FIREWORKS_API_KEY",),
    base_url_variables=("FIREWORKS_BASE_URL",),
    quirks=Quirks(replay_reasoning="reasoning_content"),
)

# https://inference-docs.cerebras.ai/resources/openai
_CEREBRAS = Host(
    id="cerebras",
    name="Cerebras",
    dialect="openai_chat",
    base_url="https://api.cerebras.ai/v1",
    chat_path=_CHAT,
    listing=listing(),
    key_variables=("CEREBRAS_API_KEY",),
    base_url_variables=("CEREBRAS_BASE_URL",),
    quirks=Quirks(
        max_tokens_field="max_completion_tokens",
        parallel_tool_calls=False,
        replay_reasoning="reasoning",
    ),
)

# https://docs.perplexity.ai/api-reference/chat-completions-post; it lists no models.
_PERPLEXITY = Host(
    id="perplexity",
    name="Perplexity",
    dialect="openai_chat",
    base_url="https://api.perplexity.ai",
    chat_path=_CHAT,
    key_variables=("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
    base_url_variables=("PERPLEXITY_BASE_URL",),
    quirks=Quirks(
        seed_field=None,
        stream_options=False,
        strict=False,
        json_object=False,
        parallel_tool_calls=False,
        stop_limit=None,
    ),
)


def _azure_authorize(request: HttpRequest, credential: Credential) -> Mapping[str, str]:
    """Keys have a header of Azure's own; tokens of Entra ID are bearers."""
    if credential.kind == "token":
        return bearer(request, credential)
    return {"api-key": credential.secret.reveal()}


def _azure_base_url(value: str) -> str:
    """The resource's own address: users paste it with the path of a deployment behind it."""
    return value.strip().split("/openai", 1)[0].rstrip("/")


# https://learn.microsoft.com/azure/ai-services/openai/reference; the model is the deployment.
_AZURE = Host(
    id="azure",
    name="Azure OpenAI",
    dialect="openai_chat",
    chat_path="/openai/deployments/{model}/chat/completions?api-version={api_version}",
    listing=listing("/openai/models?api-version={api_version}"),
    key_variables=("AZURE_OPENAI_API_KEY",),
    token_variables=("AZURE_OPENAI_AD_TOKEN",),
    base_url_variables=("AZURE_OPENAI_ENDPOINT",),
    authorize=_azure_authorize,
    option_variables={"api_version": "OPENAI_API_VERSION"},
    # The last dated version before the undated v1 API; it knows every parameter sent here.
    option_defaults={"api_version": "2025-04-01-preview"},
    parse_base_url=_azure_base_url,
    request_id_headers=("apim-request-id", "x-request-id"),
    quirks=Quirks(
        openai_models=True,
        developer_role=True,
        max_tokens_field="max_completion_tokens",
        json_word=True,
        refusal_field=True,
        tool_id_length=40,
    ),
)

# https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
_VLLM = Host(
    id="vllm",
    name="vLLM",
    dialect="openai_chat",
    base_url="http://127.0.0.1:8000/v1",
    chat_path=_CHAT,
    listing=listing(),
    key_variables=("VLLM_API_KEY",),
    base_url_variables=("VLLM_BASE_URL",),
    key_required=False,
    connect_hint="Start it with `vllm serve MODEL`, or set VLLM_BASE_URL",
    quirks=Quirks(replay_reasoning="reasoning", stop_limit=None),
)

# https://github.com/ggml-org/llama.cpp/tree/master/tools/server
_LLAMACPP = Host(
    id="llamacpp",
    name="llama.cpp",
    dialect="openai_chat",
    base_url="http://127.0.0.1:8080/v1",
    chat_path=_CHAT,
    listing=listing(),
    key_variables=("LLAMACPP_API_KEY", "LLAMA_API_KEY"),
    base_url_variables=("LLAMACPP_BASE_URL",),
    key_required=False,
    connect_hint="Start it with `llama-server -m MODEL.gguf --jinja`, or set LLAMACPP_BASE_URL",
    quirks=Quirks(replay_reasoning="reasoning_content", stop_limit=None),
)

# https://lmstudio.ai/docs/developer/openai-compat. Anything but the bytes of a PNG or JPEG is
# `'url' field must be a base64 encoded image`: lmstudio-ai/lmstudio-bug-tracker#1120, #1752.
_LMSTUDIO = Host(
    id="lmstudio",
    name="LM Studio",
    dialect="openai_chat",
    base_url="http://127.0.0.1:1234/v1",
    chat_path=_CHAT,
    listing=listing(),
    key_variables=("LMSTUDIO_API_KEY",),
    base_url_variables=("LMSTUDIO_BASE_URL",),
    key_required=False,
    connect_hint="Start its server (Developer tab, or `lms server start`), or set LMSTUDIO_BASE_URL",
    quirks=Quirks(
        json_object=False,
        stop_limit=None,
        image_urls=False,
        image_types=frozenset({"image/png", "image/jpeg"}),
    ),
)

HOSTS: dict[str, Host] = {
    host.id: host
    for host in (
        _OPENROUTER, _GROQ, _DEEPSEEK, _MISTRAL, _XAI, _TOGETHER, _FIREWORKS, _CEREBRAS,
        _PERPLEXITY, _AZURE, _VLLM, _LLAMACPP, _LMSTUDIO,
    )
}  # fmt: skip


def custom_host(
    id: str,  # noqa: A002 - the field's own name
    base_url: str,
    *,
    name: str = "",
    key_variables: tuple[str, ...] = (),
    key_required: bool = False,
    headers: Mapping[str, str] | None = None,
    quirks: Quirks | None = None,
) -> Host:
    """Any other compatible host, by its address.

    Args:
        id: the name before the slash in `provider/model`.
        base_url: where it answers, with `/v1` where it has that.
        name: its name for people.
        key_variables: environment variables that may hold a key.
        key_required: whether it answers without one.
        headers: headers that every request has; names in lower case.
        quirks: how it differs; by default only what the oldest servers take is sent.
    """
    return Host(
        id=id,
        name=name or id,
        dialect="openai_chat",
        base_url=base_url.rstrip("/"),
        chat_path=_CHAT,
        listing=listing(),
        key_variables=key_variables,
        key_required=key_required,
        headers=headers or {},
        quirks=quirks or Quirks(stop_limit=None),
    )
