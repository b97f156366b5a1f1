"""The types that users see: values without behaviour beyond convenience."""

from aisopod.types.attempts import Attempt, Explanation, ProfileState
from aisopod.types.chunks import (
    ChatCompletionChunk,
    FinishReason,
    MessageDelta,
    ToolCallDelta,
)
from aisopod.types.content import (
    CacheControl,
    DocumentPart,
    ImagePart,
    MediaPart,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    sniff_media_type,
)
from aisopod.types.http import HttpRequest, Preview, RateLimit, ResponseInfo, Timeouts
from aisopod.types.messages import Message, Role, ToolCall
from aisopod.types.models import ModelInfo, ProviderHealth, PullProgress
from aisopod.types.request import (
    ChatCompletionRequest,
    Effort,
    JsonSchema,
    OnUnsupported,
    Reasoning,
)
from aisopod.types.response import ChatCompletion, Fold, fold
from aisopod.types.secret import Secret
from aisopod.types.tools import OpaqueTool, Tool, ToolChoice, ToolChoiceMode
from aisopod.types.usage import TokenCount, TokenUsage, UsageQuality
from aisopod.types.warnings import ResponseWarning, WarningAction

__all__ = [
    "Attempt",
    "CacheControl",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatCompletionRequest",
    "DocumentPart",
    "Effort",
    "Explanation",
    "FinishReason",
    "Fold",
    "HttpRequest",
    "ImagePart",
    "JsonSchema",
    "MediaPart",
    "Message",
    "MessageDelta",
    "ModelInfo",
    "OnUnsupported",
    "OpaquePart",
    "OpaqueTool",
    "Part",
    "Preview",
    "ProfileState",
    "ProviderHealth",
    "PullProgress",
    "RateLimit",
    "Reasoning",
    "ResponseInfo",
    "ResponseWarning",
    "Role",
    "Secret",
    "TextPart",
    "ThinkingPart",
    "Timeouts",
    "TokenCount",
    "TokenUsage",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolChoice",
    "ToolChoiceMode",
    "UsageQuality",
    "WarningAction",
    "fold",
    "sniff_media_type",
]
