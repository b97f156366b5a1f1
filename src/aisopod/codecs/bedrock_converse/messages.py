"""Messages to the wire's turns.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
"""

from typing import Any

from aisopod.codecs.arguments import arguments_object
from aisopod.codecs.bedrock_converse.families import Family
from aisopod.codecs.bedrock_converse.parts import Block, media_block
from aisopod.codecs.codec import Notes
from aisopod.codecs.system import check_system
from aisopod.codecs.tool_ids import fitted_ids
from aisopod.errors import InvalidRequestError
from aisopod.types import (
    CacheControl,
    DocumentPart,
    ImagePart,
    MediaPart,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
    sniff_media_type,
)

__all__ = ["MOST_CACHE_POINTS", "cache_point", "encode_messages"]

MOST_CACHE_POINTS = 4


def encode_messages(
    messages: list[Message], family: Family, notes: Notes, *, tool_marks: int = 0
) -> tuple[list[Block], list[Block]]:
    """The system blocks and the turns of a conversation.

    Turns alternate; the results of one turn's calls come first in the next; texts without a
    visible character are left out: the wire refuses anything else.

    Raises:
        InvalidRequestError: something in a message cannot be put on this wire, or nothing is left.
        UnsupportedFeatureError: the model does not take it.
    """
    encoder = _Messages(messages, family, notes)
    for index, message in enumerate(messages):
        encoder.add(index, message)
    return encoder.system, encoder.finished(MOST_CACHE_POINTS - tool_marks)


def cache_point(mark: CacheControl, notes: Notes) -> Block:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html."""
    if mark.key is not None:
        notes.warn("cache_key", "the wire has no cache key: it was left out", field="cache.key")
    return {"cachePoint": {"type": "default", **({"ttl": mark.ttl} if mark.ttl else {})}}


class _Messages:
    """The turns so far.

    Attributes:
        system: blocks of the system prompt.
    """

    def __init__(self, messages: list[Message], family: Family, notes: Notes) -> None:
        self.system: list[Block] = []
        self._family = family
        self._notes = notes
        self._ids = fitted_ids(messages, family.tool_id, family.tool_id_length)
        self._names: set[str] = set()
        self._turns: list[Block] = []

    def add(self, index: int, message: Message) -> None:
        if message.role == "system":
            self._add_system(index, message)
            return
        blocks = self._blocks(index, message)
        if not blocks:
            self._notes.warn("empty_message", "a message without content was left out", index=index)
            return
        role = "assistant" if message.role == "assistant" else "user"
        if self._turns and self._turns[-1]["role"] == role:
            content = self._turns[-1]["content"]
            content += blocks
            if role == "user":
                self._turns[-1]["content"] = _results_first(content)
        else:
            self._turns.append({"role": role, "content": blocks})

    def finished(self, points: int) -> list[Block]:
        if not self._turns:
            raise InvalidRequestError(
                "there is nothing to answer: this wire wants a turn with content beside the "
                "system's",
                field="messages",
                remedy="Add a user message with text",
            )
        if self._turns[0]["role"] != "user":
            raise InvalidRequestError(
                "this wire wants the user to begin",
                field="messages[0].role",
                value="assistant",
                remedy="Put a user message before it",
            )
        if self.system and not self._family.system:
            self._notes.refuse(
                "messages", "system", "the model takes no system prompt",
                "Put it into the user message",
            )  # fmt: skip
        self._trim_prefill()
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

    def _trim_prefill(self) -> None:
        last = self._turns[-1]
        block: Block = next((b for b in reversed(last["content"]) if "cachePoint" not in b), {})
        text = block.get("text") if last["role"] == "assistant" else None
        if text is not None and text != text.rstrip():
            block["text"] = text.rstrip()
            self._notes.warn("trailing_space", "white space at the end of the prefill was removed")

    def _add_system(self, index: int, message: Message) -> None:
        check_system(message, index, self._notes, hoisted=bool(self._turns))
        self.system += self._marked_end(self._content(index, message), message.cache)

    def _blocks(self, index: int, message: Message) -> list[Block]:
        if message.role == "tool":
            blocks = [self._result(index, message)]
            # The wire has no place for a mark inside a result: it stands behind.
            inside = (mark for part in message.parts if (mark := getattr(part, "cache", None)))
            blocks = self._marked_end(blocks, next(inside, None))
        else:
            blocks = self._content(index, message)
        if any("document" in block for block in blocks) and not any("text" in b for b in blocks):
            # A document alone is refused.
            names = [b["document"]["name"] for b in blocks if "document" in b]
            blocks.append({"text": ", ".join(names)})
            self._notes.warn(
                "document_alone", "the document's name was added as text: the wire wants one",
                index=index,
            )  # fmt: skip
        return self._marked_end(blocks, message.cache)

    def _marked_end(self, blocks: list[Block], mark: CacheControl | None) -> list[Block]:
        """A message's own mark; it stands behind something that can be cached, and once."""
        if mark is None or not self._family.cache or not blocks or "cachePoint" in blocks[-1]:
            return blocks
        return [*blocks, cache_point(mark, self._notes)]

    def _content(self, index: int, message: Message) -> list[Block]:
        blocks: list[Block] = []
        waiting = list(message.tool_calls)
        for position, part in enumerate(message.parts):
            while waiting and waiting[0].position is not None and waiting[0].position <= position:
                blocks.append(self._call(waiting.pop(0), index))
            path = f"messages[{index}].content[{position}]"
            blocks += self._part(part, message, index, path)
        return blocks + [self._call(call, index) for call in waiting]

    def _part(self, part: Part, message: Message, index: int, path: str) -> list[Block]:
        match part:
            case TextPart():
                return self._text(part, message, index)
            case ImagePart() | DocumentPart() | MediaPart():
                self._check_media(part, path)
                block = media_block(part, path, self._names, self._notes)
                return self._marked_end([block], part.cache)
            case ThinkingPart():
                return self._thinking(part, message, index)
            case OpaquePart():
                if part.provider == self._notes.target.provider:
                    return [dict(part.data)]
                self._notes.foreign_part(part, index)
        return []

    def _check_media(self, part: Part, path: str) -> None:
        if isinstance(part, ImagePart) and not self._family.images:
            self._notes.refuse(path, "image", "the model takes no images", "Use another model")
        if isinstance(part, DocumentPart) and not self._family.documents:
            self._notes.refuse(
                path, part.name, "the model takes no documents", "Extract the text and send that"
            )

    def _text(self, part: TextPart, message: Message, index: int) -> list[Block]:
        if not part.text.strip():
            return []
        block: Block = {"text": part.text}
        if part.citations and message.role == "assistant":
            if part.provider == self._notes.target.provider:
                content = {"content": [{"text": part.text}], "citations": part.citations}
                block = {"citationsContent": content}
            else:
                self._notes.warn(
                    "foreign_citations", "citations were left out: their form is another's",
                    index=index,
                )  # fmt: skip
        return self._marked_end([block], part.cache)

    def _thinking(self, part: ThinkingPart, message: Message, index: int) -> list[Block]:
        """Thinking goes back to its maker unaltered, or not at all: the wire checks signatures."""
        if part.provider != self._notes.target.provider or message.role != "assistant":
            self._notes.warn(
                "foreign_thinking", "another provider's thinking was left out", index=index
            )
            return []
        if part.redacted is not None:
            return [{"reasoningContent": {"redactedContent": part.redacted}}]
        if not part.signature:
            self._notes.warn(
                "unsigned_thinking", "thinking without a signature was left out: models that sign "
                "it refuse it so, and others do not want it back", index=index,
            )  # fmt: skip
            return []
        told = {"text": part.text, "signature": part.signature}
        return [{"reasoningContent": {"reasoningText": told}}]

    def _call(self, call: ToolCall, index: int) -> Block:
        return {
            "toolUse": {
                "toolUseId": self._ids.get(call.id, call.id),
                "name": call.name,
                "input": arguments_object(call, index, self._notes),
            }
        }

    def _result(self, index: int, message: Message) -> Block:
        call_id = message.tool_call_id or ""
        for position, part in enumerate(message.parts):
            if isinstance(part, MediaPart):
                self._check_film(part, f"messages[{index}].content[{position}]")
        content = [block for block in self._content(index, message) if "cachePoint" not in block]
        if not content:
            # An empty list is refused, and so is a text that shows nothing.
            content = [{"text": "(no output)"}]
        result: dict[str, Any] = {
            "toolUseId": self._ids.get(call_id, call_id),
            "content": content,
        }
        if message.is_error and self._family.result_status:
            result["status"] = "error"
        elif message.is_error:
            self._notes.warn(
                "result_status", "the model is not told by a field that the call failed",
                index=index,
            )  # fmt: skip
        return {"toolResult": result}

    def _check_film(self, part: MediaPart, path: str) -> None:
        media_type = part.media_type or sniff_media_type(part.data or b"") or ""
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
