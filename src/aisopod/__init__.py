"""One typed, async, streaming chat API over Anthropic, OpenAI and compatibles, Gemini, Bedrock and Ollama.

Every name is loaded when it is first used (PEP 562): importing aisopod costs next to nothing.
"""

__version__ = "0.1.0"

# Type checkers take this name for true; importing `typing` would be most of what this file costs.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from aisopod.catalogue import ModelFacts as ModelFacts
    from aisopod.client import AsyncClient as AsyncClient
    from aisopod.client import Stream as Stream
    from aisopod.client import get_provider as get_provider
    from aisopod.config import CatalogueConfig as CatalogueConfig
    from aisopod.config import Config as Config
    from aisopod.config import CooldownConfig as CooldownConfig
    from aisopod.config import FailoverConfig as FailoverConfig
    from aisopod.config import FetchConfig as FetchConfig
    from aisopod.config import ModelConfig as ModelConfig
    from aisopod.config import NetworkConfig as NetworkConfig
    from aisopod.config import NormaliseConfig as NormaliseConfig
    from aisopod.config import PriceConfig as PriceConfig
    from aisopod.config import ProfileConfig as ProfileConfig
    from aisopod.config import ProviderConfig as ProviderConfig
    from aisopod.config import Rule as Rule
    from aisopod.config import TimeoutConfig as TimeoutConfig
    from aisopod.config import UsageConfig as UsageConfig
    from aisopod.config import load_config as load_config
    from aisopod.errors import *  # noqa: F403 - each module says in __all__ what is public
    from aisopod.providers.protocol import ModelProvider as ModelProvider
    from aisopod.sync import Client as Client
    from aisopod.sync import SyncStream as SyncStream
    from aisopod.types import *  # noqa: F403 - each module says in __all__ what is public

# Where each name lives; checked against the modules' own __all__ by the tests.
_HOMES = {
    "aisopod.client": ("AsyncClient", "Stream", "get_provider"),
    "aisopod.catalogue": ("ModelFacts",),
    "aisopod.config": (
        "CatalogueConfig", "Config", "CooldownConfig", "FailoverConfig", "FetchConfig",
        "ModelConfig", "NetworkConfig", "NormaliseConfig", "PriceConfig", "ProfileConfig", "ProviderConfig", "Rule",
        "TimeoutConfig", "UsageConfig", "load_config",
    ),
    "aisopod.errors": (
        "AisopodError", "AllAttemptsFailedError", "AuthenticationError", "BadRequestError", "BillingError",
        "ConfigurationError", "ConnectError", "ConnectTimeoutError", "ContentFilterError",
        "ContextLengthError", "FirstTokenTimeoutError", "IdleTimeoutError",
        "InvalidRequestError", "MissingCredentialError", "MissingDependencyError",
        "MissingSettingError",
        "ModelNotFoundError", "OutputValidationError", "OverloadedError",
        "PermissionDeniedError", "ProtocolError", "ProviderError", "RateLimitError", "Scope",
        "ServerError", "StreamInterruptedError", "TotalTimeoutError", "TransportError",
        "UnknownModelError", "UnknownProviderError", "UnsupportedFeatureError",
    ),
    "aisopod.providers.protocol": ("ModelProvider",),
    "aisopod.sync": ("Client", "SyncStream"),
    "aisopod.types": (
        "Attempt", "CacheControl", "ChatCompletion", "ChatCompletionChunk", "ChatCompletionRequest",
        "DocumentPart", "Effort", "Explanation", "FinishReason", "Fold", "HttpRequest", "ImagePart",
        "JsonSchema", "MediaPart", "Message", "MessageDelta", "ModelInfo", "OnUnsupported", "OpaquePart",
        "OpaqueTool", "Part", "Preview", "ProfileState", "ProviderHealth", "PullProgress", "RateLimit", "Reasoning",
        "ResponseInfo", "ResponseWarning", "Role", "Secret", "TextPart", "ThinkingPart",
        "Timeouts", "TokenCount", "TokenUsage", "Tool", "ToolCall", "ToolCallDelta", "ToolChoice",
        "ToolChoiceMode", "UsageQuality", "WarningAction", "fold", "sniff_media_type",
    ),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]  # noqa: PLE0604 - the names are texts


if not TYPE_CHECKING:

    def __getattr__(name):  # noqa: ANN001, ANN202 - no type checker reads it
        home = _HOME_OF.get(name)
        if home is None:
            raise AttributeError(f"module 'aisopod' has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(home), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
