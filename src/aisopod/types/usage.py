"""Token counts, in one convention for all providers."""

from typing import Literal

import msgspec

__all__ = ["TokenCount", "TokenUsage"]


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Tokens of one response, or a sum of several.

    The convention is OpenTelemetry's for generative AI: `input_tokens` includes what was read
    from and written to a cache, `output_tokens` includes reasoning.

    Attributes:
        input_tokens: the whole prompt, in tokens.
        output_tokens: everything generated, in tokens.
        cache_read_tokens: part of the input that a prompt cache served.
        cache_write_tokens: part of the input that was written to a prompt cache.
        reasoning_tokens: part of the output that was reasoning.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


class TokenCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many tokens a prompt has, before it is sent.

    Attributes:
        tokens: how many.
        quality: `exact` where the provider counted, else `estimated`.
        method: who counted: `provider`; `tiktoken`, the texts by OpenAI's own vocabulary; or
            `length`, from the texts' length.
    """

    tokens: int
    quality: Literal["exact", "estimated"]
    method: Literal["provider", "tiktoken", "length"]
