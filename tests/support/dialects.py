"""The five wire dialects as a table, and the way that a request takes to one of them."""

from typing import Any

import msgspec

from aisopod.codecs.anthropic_messages.codec import codec as anthropic
from aisopod.codecs.bedrock_converse.codec import codec as converse
from aisopod.codecs.bedrock_invoke.codec import codec as invoke
from aisopod.codecs.codec import Codec, Encoded
from aisopod.codecs.gemini_generate.codec import codec as gemini
from aisopod.codecs.ollama_chat.codec import codec as ollama
from aisopod.codecs.openai_chat.codec import codec as openai
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.providers.compatible import HOSTS
from aisopod.providers.gemini.host import host as gemini_host
from aisopod.providers.openai import host as openai_host
from aisopod.providers.vertex import host as vertex_host
from aisopod.types import ChatCompletionRequest, Message, OnUnsupported

__all__ = [
    "DIALECTS",
    "EVERY",
    "INVOKE",
    "MODELS",
    "Dialect",
    "blocks",
    "carried",
    "named",
    "texts",
    "turns",
]


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """A dialect, spoken with one provider's model."""

    name: str
    codec: Codec
    provider: str
    model: str
    quirks: Any = None

    def target(self, *, on_unsupported: OnUnsupported = "error") -> Target:
        return Target(
            provider=self.provider, model=self.model, quirks=self.quirks,
            on_unsupported=on_unsupported,
        )  # fmt: skip


def _dialect(codec: Codec, provider: str, model: str, quirks: Any = None) -> Dialect:
    return Dialect(
        name=codec.dialect, codec=codec, provider=provider, model=model, quirks=quirks
    )  # fmt: skip


_OPENAI, _GEMINI = openai_host.quirks, gemini_host.quirks

# One for each dialect, of the models that take most.
DIALECTS = [
    _dialect(anthropic, "anthropic", "claude-sonnet-4-5"),
    _dialect(openai, "openai", "gpt-4.1", _OPENAI),
    _dialect(gemini, "gemini", "gemini-3-flash-preview", _GEMINI),
    _dialect(converse, "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    _dialect(ollama, "ollama", "qwen3"),
]
INVOKE = _dialect(
    invoke, "bedrock-anthropic", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
)  # fmt: skip
# The same dialects where families and hosts differ.
EVERY = [
    *DIALECTS,
    _dialect(anthropic, "anthropic", "claude-opus-5"),
    _dialect(invoke, "bedrock-anthropic", "anthropic.claude-opus-5-5"),
    _dialect(openai, "openai", "gpt-5.2", _OPENAI),
    _dialect(openai, "mistral", "mistral-large-latest", HOSTS["mistral"].quirks),
    _dialect(openai, "openrouter", "anthropic/claude-sonnet-4.5", HOSTS["openrouter"].quirks),
    _dialect(gemini, "gemini", "gemini-2.5-flash", _GEMINI),
    _dialect(gemini, "gemini", "gemini-2.0-flash", _GEMINI),
    _dialect(gemini, "vertex", "gemini-2.5-pro", vertex_host.quirks),
    _dialect(converse, "bedrock", "us.amazon.nova-pro-v1:0"),
    _dialect(converse, "bedrock", "mistral.mistral-large-2407-v1:0"),
    _dialect(ollama, "ollama", "gpt-oss:20b"),
]
PROVIDERS = sorted({dialect.provider for dialect in DIALECTS})


def named(dialect: Dialect) -> str:
    """A dialect's name for a test."""
    return f"{dialect.name}-{dialect.model}"


def carried(dialect: Dialect, messages: list[Message], **fields: Any) -> Encoded:
    """A conversation as the library sends it to a dialect: checked, then written."""
    drop: OnUnsupported = "drop" if fields.pop("drop", False) else "error"
    request = ChatCompletionRequest(model=dialect.model, messages=messages, **fields)
    validate(request)
    return dialect.codec.encode(validate(request), dialect.target(on_unsupported=drop))


def turns(encoded: Encoded) -> list[dict[str, Any]]:
    """The messages of a body, under whichever name they stand."""
    body = msgspec.json.decode(encoded.body)
    found: list[dict[str, Any]] = body["contents" if "contents" in body else "messages"]
    return found


def blocks(encoded: Encoded) -> list[tuple[str, Any]]:
    """What the messages of a body are made of, each with who says it, in order.

    Turns are cut differently by the dialects, and a turn may grow at its end; a provider's cache
    of prompts knows only the sequence.
    """
    found: list[tuple[str, Any]] = []
    for turn in turns(encoded):
        content = turn.get("parts", turn.get("content"))
        rest = {name: turn[name] for name in turn if name not in {"parts", "content", "role"}}
        inner = content if isinstance(content, list) else [content]
        found += [(turn["role"], each) for each in inner]
        if rest:
            found.append((turn["role"], rest))
    return found


def texts(value: Any) -> list[str]:
    """Every text of a JSON value, in order; names of fields are none."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for each in value for text in texts(each)] if isinstance(value, list) else []


MODELS = [dialect.model for dialect in EVERY]
