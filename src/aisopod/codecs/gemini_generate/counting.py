"""Chat bodies as the calls that count tokens take them."""

from typing import Any

import msgspec

__all__ = ["count_body", "vertex_count_body"]


def count_body(body: bytes, model: str) -> bytes:
    """A chat body as the Gemini API's counting call takes it.

    https://ai.google.dev/api/tokens: only this form counts system instruction and tools.
    """
    name = model if "/" in model else f"models/{model}"
    return msgspec.json.encode({"generateContentRequest": {"model": name, **_decoded(body)}})


def vertex_count_body(body: bytes, model: str) -> bytes:  # noqa: ARG001 - the path names it
    """The same for Vertex AI, which takes the parts of a request directly.

    https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens
    """
    fields = ("contents", "systemInstruction", "tools", "generationConfig")
    whole = _decoded(body)
    return msgspec.json.encode({name: whole[name] for name in fields if name in whole})


def _decoded(body: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(body)
    return fields
