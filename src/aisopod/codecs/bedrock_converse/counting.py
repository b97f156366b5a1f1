"""Chat bodies as the call that counts tokens takes them."""

from typing import Any

import msgspec

__all__ = ["count_body"]

_COUNTED = ("messages", "system", "toolConfig", "additionalModelRequestFields")


def count_body(body: bytes, model: str) -> bytes:  # noqa: ARG001 - the path names it
    """A chat body as the counting call takes it.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html
    """
    whole: dict[str, Any] = msgspec.json.decode(body)
    counted = {name: whole[name] for name in _COUNTED if name in whole}
    return msgspec.json.encode({"input": {"converse": counted}})
