"""What is read of the wire, in its own names; all other fields are skipped while parsing.

Source: https://platform.openai.com/docs/api-reference/chat/object and /chat/streaming; fields of
other hosts are marked with whose they are.
"""

from typing import Any, Literal

import msgspec

__all__ = [
    "CallPiece",
    "Choice",
    "Chunk",
    "CompletionDetails",
    "Custom",
    "Delta",
    "Function",
    "Logprobs",
    "PlainChoice",
    "PlainChunk",
    "PlainDelta",
    "PromptDetails",
    "Usage",
    "XGroq",
]


# gc=False: parsed values hold no cycles, and a stream makes thousands of them.
class Function(msgspec.Struct, gc=False):
    """Name and arguments of a call, or a piece of them."""

    name: str | None = None
    arguments: str | None = None


class Custom(msgspec.Struct, gc=False):
    """A custom tool's call: its input is free text."""

    name: str | None = None
    input: str | None = None


class CallPiece(msgspec.Struct, gc=False):
    """A tool call, or a piece of one."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: Function | None = None
    custom: Custom | None = None
    extra_content: Any = None  # Gemini's compatible endpoint: the thought signature
    thought_signature: Any = None


class Delta(msgspec.Struct, gc=False):
    """A message, or what a chunk adds to it."""

    role: str | None = None
    content: str | list[Any] | None = None  # a list of parts from Mistral
    refusal: str | None = None
    reasoning: str | None = None  # OpenRouter, Groq, Cerebras, newer vLLM, Ollama
    reasoning_content: str | None = None  # DeepSeek, xAI, llama.cpp, older vLLM
    reasoning_details: list[Any] | None = None  # OpenRouter: signed, wanted back
    tool_calls: list[CallPiece] | None = None
    function_call: Function | None = None
    annotations: list[Any] | None = None
    audio: dict[str, Any] | None = None
    executed_tools: list[Any] | None = None  # Groq
    extra_content: Any = None
    thought_signature: Any = None


class Logprobs(msgspec.Struct, gc=False):
    """Log probabilities of one piece."""

    content: list[Any] | None = None
    refusal: list[Any] | None = None


class Choice(msgspec.Struct, gc=False):
    """One answer."""

    index: int | None = 0
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class PromptDetails(msgspec.Struct, gc=False):
    """Parts of the prompt's tokens."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None


class CompletionDetails(msgspec.Struct, gc=False):
    """Parts of the answer's tokens."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class Usage(msgspec.Struct, gc=False):
    """Token counts."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek


class XGroq(msgspec.Struct, gc=False):
    """Groq's own corner."""

    usage: Usage | None = None


class Chunk(msgspec.Struct, gc=False):
    """A chunk of a stream, or a whole response."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Any = None
    x_groq: XGroq | None = None


class PlainDelta(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A delta of text alone; whatever else a delta may hold must be absent or null."""

    content: str | None = None
    role: str | None = None
    refusal: None = None
    reasoning: None = None
    reasoning_content: None = None
    tool_calls: None = None
    function_call: None = None


class PlainChoice(msgspec.Struct, gc=False):
    """The only choice, in mid-answer."""

    delta: PlainDelta
    index: Literal[0] = 0
    finish_reason: None = None
    logprobs: None = None


class PlainChunk(msgspec.Struct, gc=False):
    """The usual chunk: its decoding is the check that there is nothing else to read in it."""

    choices: list[PlainChoice]
    id: str = ""
    model: str = ""
    usage: None = None
    error: None = None
    x_groq: None = None
