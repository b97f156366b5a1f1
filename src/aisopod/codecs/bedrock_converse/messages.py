"""Messages to the wire's turns.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
"""

from typing import Any

from aisopod.codecs.arguments import arguments_object
from aisopod.codecs.bedrock_converse.families import Family
from aisopod.codecs.bedrock_converse.parts import Block, media_block
from aisopod.codecs.media import DOCUMENTS_REMEDY
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed
from aisopod.types import (
    CacheControl,
    DocumentPart,
    ImagePart,
    MediaPart,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
)

__all__ = ["MOST_CACHE_POINTS", "cache_point", "encode_messages"]

MOST_CACHE_POINTS = 4


def encode_messages(
    turns: list[Placed], family: Family, notes: Notes, *, tool_marks: int = 0
) -> tuple[list[Block], list[Block]]:
    """The system blocks and the turns of a conversation that fits the wire.

    Turns alternate; the results of one turn's calls come first in the next.

    Raises:
        InvalidRequestError: something in a message cannot be put on this wire.
        UnsupportedFeatureError: the model does not take it.
    """
    encoder = _Messages(family, notes)
    for placed in turns:
        encoder.add(placed)
    return encoder.system, encoder.finished(MOST_CACHE_POINTS - tool_marks)


def cache_point(mark: CacheControl) -> Block:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html."""
    return {"cachePoint": {"type": "default", **({"ttl": mark.ttl} if mark.ttl else {})}}


class _Messages:
    """The turns so far.

    Attributes:
        system: blocks of the system prompt.
    """

    def __init__(self, family: Family, notes: Notes) -> None:
        self.system: list[Block] = []
        self._family = family
        self._notes = notes
        self._names: set[str] = set()
        self._turns: list[Block] = []

    def add(self, placed: Placed) -> None:
        message = placed.message
        blocks = self._blocks(placed)
        if message.role == "system":
            self.system += blocks
            return
        role = "assistant" if message.role == "assistant" else "user"
        if self._turns and self._turns[-1]["role"] == role:
            content = self._turns[-1]["content"]
            content += blocks
            if message.role == "tool":
                self._turns[-1]["content"] = _results_first(content)
        else:
            self._turns.append({"role": role, "content": blocks})

    def finished(self, points: int) -> list[Block]:
        self._limit_points(points)
        return self._turns

    def _limit_points(self, points: int) -> None:
        """The last marks of the messages count: each covers all that stands before it."""
        room = points - sum("cachePoint" in block for block in self.system)
        dropped = 0
        for turn in reversed(self._turns):
            kept = []
            for block in reversed(turn["content"]):
                if "cachePoint" in block:
                    room -= 1
                    if room < 0:
                        dropped += 1
                        continue
                kept.append(block)
            turn["content"] = kept[::-1]
        if dropped:
            self._notes.warn(
                "cache_marks",
                f"{dropped} cache marks were left out: the wire takes {MOST_CACHE_POINTS}",
            )

    def _blocks(self, placed: Placed) -> list[Block]:
        message = placed.message
        if message.role == "tool":
            blocks = [self._result(placed)]
            # The wire has no place for a mark inside a result: it stands behind.
            inside = (mark for part in message.parts if (mark := getattr(part, "cache", None)))
            blocks = self._marked_end(blocks, next(inside, None))
        else:
            blocks = self._content(placed)
        names = [block["document"]["name"] for block in blocks if "document" in block]
        if names and not any("text" in block for block in blocks):
            # A document alone is refused.
            blocks.append({"text": ", ".join(names)})
            self._notes.warn(
                "document_alone", "the document's name was added as text: the wire wants one",
                index=placed.index, action="added",
            )  # fmt: skip
        return self._marked_end(blocks, message.cache)

    def _marked_end(self, blocks: list[Block], mark: CacheControl | None) -> list[Block]:
        """A message's own mark; it stands behind something that can be cached, and once."""
        if mark is None or not self._family.cache or not blocks or "cachePoint" in blocks[-1]:
            return blocks
        return [*blocks, cache_point(mark)]

    def _content(self, placed: Placed) -> list[Block]:
        blocks: list[Block] = []
        for position, piece in placed.pieces():
            if isinstance(piece, ToolCall):
                blocks.append(self._call(piece, placed.index))
            else:
                blocks += self._part(piece, placed, position)
        return blocks

    def _part(self, part: Part, placed: Placed, position: int) -> list[Block]:
        match part:
            case TextPart():
                block: Block = {"text": part.text}
                if part.citations and placed.message.role == "assistant":
                    content = {"content": [block], "citations": part.citations}
                    block = {"citationsContent": content}
                return self._marked_end([block], part.cache)
            case ThinkingPart(redacted=str() as data):
                return [{"reasoningContent": {"redactedContent": data}}]
            case ThinkingPart():
                told = {"text": part.text, "signature": part.signature}
                return [{"reasoningContent": {"reasoningText": told}}]
            case OpaquePart():
                return [dict(part.data)]
            case ImagePart() | DocumentPart() | MediaPart():
                path = placed.path(position)
                self._check_media(part, path)
                block = media_block(part, path, self._names, self._notes)
                return self._marked_end([block], part.cache)

    def _check_media(self, part: ImagePart | DocumentPart | MediaPart, path: str) -> None:
        address = part.file_id or part.url or ""
        if address.startswith("s3://") and not self._family.stored:
            self._notes.refuse(path, address, "the model reads nothing from S3", "Give the bytes")
        if isinstance(part, ImagePart) and not self._family.images:
            self._notes.refuse(path, "image", "the model takes no images", "Use another model")
        if isinstance(part, DocumentPart) and not self._family.documents:
            self._notes.refuse(path, part.name, "the model takes no documents", DOCUMENTS_REMEDY)

    def _call(self, call: ToolCall, index: int) -> Block:
        return {
            "toolUse": {
                "toolUseId": call.id,
                "name": call.name,
                "input": arguments_object(call, index, self._notes),
            }
        }

    def _result(self, placed: Placed) -> Block:
        message = placed.message
        for position, part in enumerate(message.parts):
            if isinstance(part, MediaPart):
                self._check_film(part, placed.path(position))
        content = [block for block in self._content(placed) if "cachePoint" not in block]
        if not any(block.get("text", "shown").strip() for block in content):
            # An empty list is refused, and so is a text that shows nothing.
            content = [{"text": "(no output)"}]
        result: dict[str, Any] = {"toolUseId": message.tool_call_id, "content": content}
        if message.is_error:
            result["status"] = "error"
        return {"toolResult": result}

    def _check_film(self, part: MediaPart, path: str) -> None:
        media_type = part.media_type or ""
        if not media_type.startswith("video/"):
            self._notes.refuse(
                path, media_type, "the result of a call holds no sound on this wire",
                "Give a transcript, or send it in a user message",
            )  # fmt: skip


def _results_first(content: list[Block]) -> list[Block]:
    """Results before everything else with nothing between them, and one cache point behind them."""
    results: list[Block] = []
    points: list[Block] = []
    others: list[Block] = []
    for before, block in zip([{}, *content], content, strict=False):
        if "toolResult" in block:
            results.append(block)
        elif "cachePoint" in block and "toolResult" in before:
            points = [block]
        else:
            others.append(block)
    return [*results, *points, *others]
