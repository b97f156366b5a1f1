"""What a host, with one of its models, takes of a conversation.

Source: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
"""

import re
from functools import lru_cache
from typing import Any, Literal

from aisopod.codecs.openai_chat.families import Family, find_family
from aisopod.codecs.openai_chat.quirks import Quirks
from aisopod.codecs.schema_problems import strict_problem
from aisopod.normalise.limits import (
    ANY_WORD,
    Files,
    Limits,
    Words,
    holds_all,
    reads_none,
    reads_web,
)
from aisopod.normalise.target import Target

__all__ = ["AUDIO", "cache_mark", "limits"]

AUDIO = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/wav": "wav", "audio/x-wav": "wav"}
_PLAIN = Quirks()
# Compatible services take the same, such as https://api-docs.deepseek.com/api/create-chat-completion.
_NAMES = Words(re.compile(r"[a-zA-Z0-9_-]{1,64}"), 64)


def limits(target: Target) -> Limits:
    """What the host takes, for one model."""
    return _of(target.quirks if isinstance(target.quirks, Quirks) else _PLAIN, target.known_as)


@lru_cache(maxsize=256)
def _of(quirks: Quirks, model: str) -> Limits:
    family = find_family(model) if quirks.openai_models else None
    return Limits(
        tool_ids=_ids(quirks),
        tool_names=_NAMES,
        results_required=True,
        result_errors=False,
        result_media=frozenset(),
        assistant_media=frozenset(),
        images=Files(
            types=quirks.image_types if quirks.images else frozenset(),
            reads=reads_web if quirks.image_urls else reads_none,
        ),
        documents=Files(
            types=frozenset(
                {"application/pdf", "text/plain"} if quirks.documents else {"text/plain"}
            ),
            reads=reads_web if quirks.document_urls else reads_none,
        ),
        media=Files(types=frozenset(AUDIO)),
        caching="parts" if cache_mark(model, quirks, family) else "automatic",
        cache_keys=quirks.prompt_cache_key,
        image_detail=True,
        system="user" if family and family.instructions is None else "anywhere",
        refusals=quirks.refusal_field,
        names=quirks.names,
        thinking="any" if quirks.replay_reasoning else "none",
        thinking_beside="reasoning_details",
        signed_fields=frozenset({"extra_content"}),
        lineage=_vendor,
        schema=_schema(quirks, family),
        unheld=strict_problem if quirks.strict else holds_all,
        schema_description=True,
        forced_tool=quirks.forced_tool,
    )


def cache_mark(
    model: str, quirks: Quirks, family: Family | None
) -> tuple[str, dict[str, Any]] | None:
    """How cache marks are written for a model, as a field's name and value; None without any."""
    if quirks.cache_marks == "breakpoint" and family and family.cache_marks:
        return "prompt_cache_breakpoint", {"mode": "explicit"}
    if quirks.cache_marks == "cache_control" and "anthropic/" in model:
        return "cache_control", {"type": "ephemeral"}
    return None


def _schema(quirks: Quirks, family: Family | None) -> Literal["native", "tool", "none"]:
    if family is None:
        return "native" if quirks.json_schema else "tool"
    return family.schemas


def _ids(quirks: Quirks) -> Words:
    length = quirks.tool_id_length
    if length is None:
        return ANY_WORD
    pattern = f"[a-zA-Z0-9]{{{length}}}" if quirks.tool_id_exact else f"[a-zA-Z0-9_-]{{1,{length}}}"
    return Words(re.compile(pattern), length)


def _vendor(model: str) -> str:
    """Where a host serves several vendors' models, they are named `vendor/model`."""
    return model.partition("/")[0] if "/" in model else ""
