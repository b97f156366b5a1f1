"""Content blocks: while their pieces come, and whole."""

import base64
from typing import Any

import msgspec

from aisopod.codecs.arguments import value_or_text
from aisopod.codecs.bedrock_converse.schema import Delta
from aisopod.types import ImagePart, OpaquePart, Part, TextPart, ThinkingPart

__all__ = ["Block", "image_part", "redacted_part"]

_BOUNDARY = TextPart(text="")
_NOTHING = Delta()
_FORMATS = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}


class Block:
    """One block of a stream.

    Attributes:
        kind: the wire's name for it.
        call: index of the tool call that it is; None where it is none for the caller to make.
    """

    __slots__ = ("_citations", "_data", "_pieces", "_provider", "_signature", "call", "kind")

    def __init__(self, kind: str, provider: str, data: dict[str, Any] | None = None) -> None:
        self.kind = kind
        self.call: int | None = None
        self._provider = provider
        self._data = dict(data or {})
        self._pieces: list[str] = []
        self._citations: list[dict[str, Any]] = []
        self._signature = ""

    def merge(self, delta: Delta) -> bool:
        """Take in a piece that is given with the block's end; whether it is of a known kind."""
        if delta.citation is not None:
            self._citations.append(delta.citation)
        elif delta.toolResult is not None:
            self._data["content"] = [*self._data.get("content", ()), *delta.toolResult]
        elif delta.toolUse is not None:
            self._pieces.append(delta.toolUse.input)
        elif delta.image is not None:
            self._data |= delta.image
        elif delta.reasoningContent is not None:
            self._signature += delta.reasoningContent.signature or ""
            if delta.reasoningContent.redactedContent:
                self._pieces.append(delta.reasoningContent.redactedContent)
        return delta != _NOTHING

    def close(self) -> Part | None:
        """The part that ends the block; None where its pieces have said all."""
        match self.kind:
            case "text":
                if not self._citations:
                    return _BOUNDARY
                return TextPart(text="", citations=self._citations, provider=self._provider)
            case "reasoningContent":
                if self._pieces:
                    return redacted_part(self._pieces, self._provider)
                return ThinkingPart(signature=self._signature or None, provider=self._provider)
            case "image":
                return image_part(self._data, self._provider)
            case "toolUse" if self.call is not None:
                return None
        if self._pieces:
            self._data["input"] = value_or_text("".join(self._pieces))
        return OpaquePart(provider=self._provider, kind=self.kind, data={self.kind: self._data})


def redacted_part(pieces: list[str], provider: str) -> ThinkingPart:
    """Encrypted thinking: the pieces are base64 each for itself.

    Raises:
        msgspec.ValidationError: one is none.
    """
    try:
        data = b"".join([base64.b64decode(piece, validate=True) for piece in pieces])
    except ValueError as error:  # characters that are no base64, or no ASCII
        raise msgspec.ValidationError(f"redactedContent is no base64: {error}") from error
    return ThinkingPart(redacted=base64.b64encode(data).decode(), provider=provider)


def image_part(data: dict[str, Any], provider: str) -> Part:
    """An image that the model made; opaque where it is not given by its bytes."""
    source = data.get("source")
    content = source.get("bytes") if isinstance(source, dict) else None
    media_type = _FORMATS.get(str(data.get("format")))
    if isinstance(content, str) and media_type is not None:
        try:
            return ImagePart(data=base64.b64decode(content, validate=True), media_type=media_type)
        except ValueError:
            pass
    return OpaquePart(provider=provider, kind="image", data={"image": data})
