"""A content block while its pieces come, and the part that it becomes."""

from enum import Enum, auto
from typing import Any

import msgspec

from aisopod.codecs.anthropic_messages import schema
from aisopod.codecs.arguments import value_or_text
from aisopod.types import OpaquePart, Part, TextPart, ThinkingPart

__all__ = ["Block", "OpenBlock", "open_block"]


class Block(Enum):
    """What is done with a block."""

    TEXT = auto()
    THINKING = auto()
    TOOL = auto()
    OPAQUE = auto()


_KINDS = {"text": Block.TEXT, "thinking": Block.THINKING, "tool_use": Block.TOOL}


class OpenBlock:
    """One block.

    Attributes:
        kind: what is done with it.
        call: index of the tool call that it is.
        pending: text that could not be given with the block's start.
        slow: whether its pieces may not take the short way through the decoder.
    """

    __slots__ = ("_data", "_json", "_provider", "call", "kind", "pending", "slow")

    def __init__(self, kind: Block, data: dict[str, Any], provider: str) -> None:
        self.kind = kind
        self.call = 0
        self.pending = ""
        self.slow = kind is Block.OPAQUE
        self._data = data
        self._provider = provider
        self._json: list[str] = []

    def merge(self, piece: dict[str, Any]) -> None:
        """Take in a piece that is no plain text: a signature, a citation, JSON, or a new kind."""
        match piece.get("type"):
            case "input_json_delta":
                self._json.append(piece.get("partial_json") or "")
            case "citations_delta":
                citation = msgspec.convert(piece, schema.CitationsDelta).citation
                self._data["citations"] = [*(self._data.get("citations") or ()), citation]
            case _:
                for key, value in piece.items():
                    if key != "type":
                        self._data[key] = _joined(self._data.get(key), value)

    def close(self) -> Part | None:
        """The part that ends the block; None where the pieces have said all."""
        data = self._data
        match self.kind:
            case Block.TEXT:
                citations = data.get("citations") or None
                if citations is None and not self.pending:
                    return None
                return TextPart(
                    text=self.pending,
                    citations=citations,
                    provider=self._provider if citations else None,
                )
            case Block.THINKING:
                return ThinkingPart(signature=data.get("signature"), provider=self._provider)
            case Block.TOOL:
                return None
            case Block.OPAQUE:
                return self._opaque()

    def _opaque(self) -> Part:
        data = self._data
        kind: str = data["type"]
        if kind == "redacted_thinking":
            return ThinkingPart(redacted=data["data"], provider=self._provider)
        if self._json:
            text = "".join(self._json)
            data["input"] = value_or_text(text) if text else data.get("input", {})
        return OpaquePart(provider=self._provider, kind=kind, data=data)


def open_block(data: dict[str, Any], provider: str) -> OpenBlock:
    """The block that a `content_block_start` begins.

    Raises:
        msgspec.ValidationError: it has not its form.
    """
    kind = msgspec.convert(data, schema.Block).type
    if kind in schema.FORMS:
        msgspec.convert(data, schema.FORMS[kind])
    return OpenBlock(_KINDS.get(kind, Block.OPAQUE), dict(data), provider)


def _joined(old: Any, new: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A value with its next piece: texts and lists grow, everything else is replaced."""
    if isinstance(old, str) and isinstance(new, str):
        return old + new
    if isinstance(old, list) and isinstance(new, list):
        return old + new
    return old if new is None else new
