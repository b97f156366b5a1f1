"""What each model family behind Converse takes, by its vendor and name.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
"""

import re
from functools import lru_cache
from typing import Literal

import msgspec

from aisopod.codecs.anthropic_messages import families as anthropic

__all__ = ["Family", "bare_name", "family_of", "without_geography"]

Reasoning = Literal["anthropic", "openai", "nova", "qwen", "level", "always", "unknown"]


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """How a family is asked.

    Attributes:
        claude: the rules of Anthropic's own models, for those.
        reasoning: the form in which it is told how much to think; None where it does not,
            `always` where nobody can tell it, `unknown` where no document tells the form.
        off: whether the form has a word for not thinking at all, `none`.
        system: whether it takes a system prompt.
        tools: whether it takes tools at all.
        forced_tool: whether a tool may be forced.
        structured: whether it takes `outputConfig`; a Claude's own rules say it of those:
            https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
        images: whether it takes images.
        documents: whether it takes documents.
        stored: whether it takes files by their place in S3.
        cache: whether it takes cache points.
        tool_id: what an id of a call may be.
        tool_id_length: how long it may be.
        result_status: whether the result of a call may say that it failed.
    """

    claude: anthropic.Family | None = None
    reasoning: Reasoning | None = None
    off: bool = False
    system: bool = True
    tools: bool = True
    forced_tool: bool = True
    structured: bool = True
    images: bool = True
    documents: bool = True
    stored: bool = True
    cache: bool = False
    tool_id: re.Pattern[str] = re.compile(r"[a-zA-Z0-9_-]{1,64}")
    tool_id_length: int = 64
    result_status: bool = True


_TEXT = Family(images=False, documents=True)
_UNFORCED = msgspec.structs.replace(_TEXT, forced_tool=False, structured=False)
_PLAIN = Family(tools=False, structured=False, images=False, documents=False, system=False)
_NOVA = Family(cache=True, structured=False)
_MISTRAL = Family(reasoning="unknown", tool_id=re.compile(r"[a-zA-Z0-9]{9}"), tool_id_length=9)
_MISTRAL_TEXT = msgspec.structs.replace(_MISTRAL, images=False, reasoning=None)
_UNKNOWN = Family(reasoning="unknown", cache=True)

# The longest beginning wins; a family that is not here may do anything: the service will say.
_FAMILIES: dict[str, Family] = {
    "amazon.nova": _NOVA,
    "amazon.nova-micro": Family(cache=True, structured=False, images=False, documents=False),
    "amazon.nova-2": Family(cache=True, structured=False, reasoning="nova"),
    "amazon.titan": _PLAIN,
    "ai21": _UNFORCED,
    "cohere.command": _UNFORCED,
    "deepseek": msgspec.structs.replace(_UNFORCED, reasoning="always", structured=True),
    "deepseek.r1": msgspec.structs.replace(_UNFORCED, reasoning="always"),
    "meta.llama": _UNFORCED,
    "meta.llama3-2-11b": Family(forced_tool=False, structured=False),
    "meta.llama3-2-90b": Family(forced_tool=False, structured=False),
    "meta.llama4": Family(forced_tool=False, structured=False),
    "meta.llama2": _PLAIN,
    "meta.llama3-8b": msgspec.structs.replace(_PLAIN, system=True),
    "meta.llama3-70b": msgspec.structs.replace(_PLAIN, system=True),
    "mistral": _MISTRAL,
    "mistral.devstral": _MISTRAL_TEXT,
    "mistral.mistral-large-24": _MISTRAL_TEXT,
    "mistral.mistral-small-24": _MISTRAL_TEXT,
    "mistral.mixtral": _MISTRAL_TEXT,
    "mistral.voxtral": _MISTRAL_TEXT,
    "mistral.mistral-7b": _PLAIN,
    "openai.gpt-oss": Family(reasoning="openai", images=False, documents=False),
    # The same as on OpenAI's own wire: https://platform.openai.com/docs/guides/reasoning
    "openai.gpt": Family(reasoning="level"),
    "openai.gpt-5.": Family(reasoning="level", off=True),
    "openai.gpt-6-luna": Family(reasoning="level", off=True),
    "openai.gpt-6-sol": Family(reasoning="level", off=True),
    "openai.gpt-6.1-terra": Family(reasoning="level", off=True),
    "qwen": Family(reasoning="qwen"),
    "writer": Family(images=False, structured=False, result_status=False),
    "xai": Family(reasoning="level", off=True),
}
_GEOGRAPHY = re.compile(r"^(us-gov|us|eu|apac|jp|au|ca|in|global)\.")


def bare_name(model: str) -> str:
    """The model's own name: without an ARN's head, a geography before it, and a version after it.

    https://docs.aws.amazon.com/bedrock/latest/userguide/cross-region-inference.html
    """
    name = without_geography(model.rpartition("/")[2].lower())
    return re.sub(r"(-v\d+)?(:\d+\w*)*$", "", name)


def without_geography(model: str) -> str:
    """A model's id without the geography of an inference profile before it."""
    return _GEOGRAPHY.sub("", model)


@lru_cache(maxsize=256)
def family_of(model: str) -> Family:
    """The family of a model id, an inference profile or an ARN."""
    name = bare_name(model)
    if name.startswith("anthropic.") or "claude" in name:
        claude = anthropic.family_of(name)
        return Family(claude=claude, reasoning="anthropic", cache=True, stored=False)
    prefixes = [prefix for prefix in _FAMILIES if name.startswith(prefix)]
    return _FAMILIES[max(prefixes, key=len)] if prefixes else _UNKNOWN
