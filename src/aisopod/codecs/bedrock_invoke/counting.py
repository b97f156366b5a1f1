"""Chat bodies as the call that counts tokens takes them."""

import base64

import msgspec

__all__ = ["count_body"]


def count_body(body: bytes, model: str) -> bytes:  # noqa: ARG001 - the path names it
    """A chat body as the counting call takes it.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html
    """
    return msgspec.json.encode(
        {"input": {"invokeModel": {"body": base64.b64encode(body).decode()}}}
    )
