"""Token counts, in one convention for all providers."""

from collections.abc import Iterator
from typing import Literal

import msgspec

__all__ = ["TokenCount", "TokenUsage", "UsageQuality", "worst"]

UsageQuality = Literal["exact", "partial", "estimated"]

_WORSE: dict[UsageQuality, int] = {"exact": 0, "partial": 1, "estimated": 2}


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Tokens of one response, or a sum of several.

    The convention is OpenTelemetry's for generative AI: `input_tokens` includes what was read
    from and written to a cache, `output_tokens` includes reasoning. docs/usage.md says which field
    of which wire is counted where.

    Attributes:
        input_tokens: the whole prompt, in tokens.
        output_tokens: everything generated, in tokens.
        cache_read_tokens: part of the input that a prompt cache served.
        cache_write_tokens: part of the input that was written to a prompt cache.
        cache_write_1h_tokens: part of what was written that is kept for an hour, at another price.
        reasoning_tokens: part of the output that was reasoning.
        input_audio_tokens: part of the input that was sound.
        output_audio_tokens: part of the output that was sound.
        cache_read_audio_tokens: part of what the cache served, and of the sound in the input.
        quality: `exact`, the provider's final counts; `partial`, what it had reported when the
            answer broke off or was left, or counts of which it left one out (that one is 0);
            `estimated`, counted here. A sum has the worst of its parts.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    cache_read_audio_tokens: int = 0
    quality: UsageQuality = "exact"

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
            cache_write_1h_tokens=self.cache_write_1h_tokens + other.cache_write_1h_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            input_audio_tokens=self.input_audio_tokens + other.input_audio_tokens,
            output_audio_tokens=self.output_audio_tokens + other.output_audio_tokens,
            cache_read_audio_tokens=self.cache_read_audio_tokens + other.cache_read_audio_tokens,
            quality=worst(self.quality, other.quality),
        )

    def unfinished(self) -> "TokenUsage":
        """The same counts of an answer that did not come to its end."""
        if self.quality != "exact":
            return self
        return msgspec.structs.replace(self, quality="partial")

    def contradictions(self) -> Iterator[str]:
        """Where a part is more than its whole, in words; a sound count has none."""
        cached = self.cache_read_tokens + self.cache_write_tokens
        cached_sound = self.cache_read_audio_tokens
        for part, whole, words in (
            (cached, self.input_tokens, "cached tokens (read and written) of {} in the input"),
            (
                self.cache_write_1h_tokens,
                self.cache_write_tokens,
                "tokens cached for an hour of {} written to the cache",
            ),
            (self.input_audio_tokens, self.input_tokens, "audio tokens of {} in the input"),
            (cached_sound, self.cache_read_tokens, "audio tokens of {} read from the cache"),
            (cached_sound, self.input_audio_tokens, "cached audio tokens of {} in the input"),
            (self.reasoning_tokens, self.output_tokens, "reasoning tokens of {} in the output"),
            (self.output_audio_tokens, self.output_tokens, "audio tokens of {} in the output"),
        ):
            if part > max(whole, 0):
                yield f"{part} {words.format(whole)}"
        if min(self.input_tokens, self.output_tokens) < 0:
            yield f"{self.input_tokens} tokens in and {self.output_tokens} out"


def worst(*qualities: UsageQuality) -> UsageQuality:
    """The least reliable of them; `exact` of none."""
    return max(qualities, key=_WORSE.__getitem__, default="exact")


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
