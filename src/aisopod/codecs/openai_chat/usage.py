"""Token counts of the wire in aisopod's convention."""

from aisopod.codecs.openai_chat.schema import CompletionDetails, PromptDetails, Usage
from aisopod.types import TokenUsage

__all__ = ["usage_of"]

_NO_PROMPT_DETAILS = PromptDetails()
_NO_COMPLETION_DETAILS = CompletionDetails()


def usage_of(usage: Usage | None) -> TokenUsage | None:
    """Counts in the one convention: input with cached tokens, output with reasoning.

    https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage
    """
    if usage is None or (usage.prompt_tokens is None and usage.completion_tokens is None):
        return None
    is_whole = usage.prompt_tokens is not None and usage.completion_tokens is not None
    prompt, output = usage.prompt_tokens or 0, usage.completion_tokens or 0
    before = usage.prompt_tokens_details or _NO_PROMPT_DETAILS
    after = usage.completion_tokens_details or _NO_COMPLETION_DETAILS
    # xAI counts reasoning beside the answer, and Gemini's compatible endpoint does not tell how
    # many tokens its thoughts were: their totals have them.
    output = max(output, (usage.total_tokens or 0) - prompt) if is_whole else output
    return TokenUsage(
        input_tokens=prompt,
        output_tokens=output,
        cache_read_tokens=before.cached_tokens or usage.prompt_cache_hit_tokens or 0,
        cache_write_tokens=before.cache_write_tokens or 0,
        reasoning_tokens=after.reasoning_tokens or 0,
        input_audio_tokens=before.audio_tokens or 0,
        output_audio_tokens=after.audio_tokens or 0,
        quality="exact" if is_whole else "partial",
    )
