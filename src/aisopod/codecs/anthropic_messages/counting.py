"""Chat bodies as the call that counts tokens takes them."""

from typing import Any

import msgspec

__all__ = ["count_body"]

# What the counting call does not take: every other field of a chat body it does.
_NOT_COUNTED = frozenset(
    {
        "max_tokens", "stream", "metadata", "stop_sequences", "temperature", "top_p", "top_k",
        "service_tier", "inference_geo", "container", "diagnostics",
    }
)  # fmt: skip


def count_body(body: bytes, model: str) -> bytes:  # noqa: ARG001 - the body names it
    """A chat body as the token counting call takes it.

    https://docs.anthropic.com/en/api/messages-count-tokens.
    """
    fields: dict[str, Any] = msgspec.json.decode(body)
    return msgspec.json.encode(
        {name: value for name, value in fields.items() if name not in _NOT_COUNTED}
    )
