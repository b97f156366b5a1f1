"""How one host differs from the rest of the dialect, as data."""

from typing import Literal

import msgspec

__all__ = ["Quirks"]


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """A host's deviations. The defaults are what nearly every compatible server takes.

    Attributes:
        openai_models: it serves OpenAI's own models by their own names, so what is known of
            those (efforts, sampling, roles) holds.
        developer_role: instructions go to OpenAI's reasoning models as `developer`.
        max_tokens_field: what it calls the limit of the answer.
        seed_field: what it calls the seed; None where it has none.
        stream_options: takes `stream_options`; others send usage unasked or reject the field.
        strict: takes `strict` on tools and schemas.
        json_object: takes `response_format: json_object`.
        json_schema: takes `response_format: json_schema`.
        forced_tool: when a tool may be forced: `always`, while the model is `resting` from
            thinking, or `never`.
        json_word: refuses `json_object` unless the word JSON stands in the messages.
        required_word: its word for "some tool must be called".
        parallel_tool_calls: takes `parallel_tool_calls`.
        empty_content: wants `content: ""` beside tool calls, where others want null.
        tool_id_length: how long a tool call's id may be, of letters, digits, - and _; None keeps
            every id as it is, since models such as Kimi are trained on ids with `:` in them.
        tool_id_exact: ids must be exactly that long and only letters and digits.
        reasoning: how effort is asked for: the field `reasoning_effort`, OpenRouter's object
            `reasoning`, DeepSeek's `thinking` switch with an effort, or not at all.
        efforts: the efforts that it knows, where they do not depend on the model.
        budget: takes a reasoning budget in tokens.
        replay_reasoning: how earlier reasoning goes back: under this name, as content `parts`
            (Mistral), or not at all.
        refusal_field: takes `refusal` on assistant messages; else its words go as content.
        names: takes `name` on messages.
        images: takes `image_url` parts, in some model at least.
        image_urls: reads an image's address by itself.
        image_types: media types of the images that it takes.
        documents: takes `file` parts.
        document_urls: takes a URL in place of a file's data.
        stop_limit: how many stop texts it takes; None is no known limit.
        metadata: takes `metadata`.
        prompt_cache_key: takes `prompt_cache_key`.
        cache_marks: how a cache mark on a part is written: OpenAI's `prompt_cache_breakpoint`,
            Anthropic's `cache_control` passed on, or not at all since caching is automatic.
    """

    openai_models: bool = False
    developer_role: bool = False
    max_tokens_field: str = "max_tokens"
    seed_field: str | None = "seed"
    stream_options: bool = True
    strict: bool = True
    json_object: bool = True
    json_schema: bool = True
    forced_tool: Literal["always", "resting", "never"] = "always"
    json_word: bool = False
    required_word: str = "required"
    parallel_tool_calls: bool = True
    empty_content: bool = False
    tool_id_length: int | None = None
    tool_id_exact: bool = False
    reasoning: Literal["effort", "object", "switch", "none"] = "effort"
    efforts: tuple[str, ...] | None = None
    budget: bool = False
    replay_reasoning: Literal["reasoning", "reasoning_content", "parts"] | None = None
    refusal_field: bool = False
    names: bool = True
    images: bool = True
    image_urls: bool = True
    image_types: frozenset[str] = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
    documents: bool = False
    document_urls: bool = False
    stop_limit: int | None = 4
    metadata: bool = False
    prompt_cache_key: bool = False
    cache_marks: Literal["breakpoint", "cache_control"] | None = None
