"""Images, documents, sound and film where a wire takes them."""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from aisopod.normalise.limits import Limits
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed, with_parts
from aisopod.types import DocumentPart, ImagePart, MediaPart, Message, Part, TextPart

__all__ = ["move_media"]

_SEE_BELOW = TextPart(text="See the next user message.")
_KINDS: dict[type, str] = {
    ImagePart: "an image",
    DocumentPart: "a document",
    MediaPart: "sound or film",
}
_MEDIA = tuple(_KINDS)


class _Away(NamedTuple):
    """What one message cannot hold.

    Attributes:
        origin: whose it was, in words.
        parts: the parts, each with the place where it stood.
    """

    origin: str
    parts: list[tuple[tuple[int, int], Part]]


def move_media(turns: list[Placed], limits: Limits, notes: Notes) -> list[Placed]:
    """What a result or an assistant's message cannot hold goes into a message of the user.

    Why: OpenAI's results hold text only, and most wires take no image back in the assistant's own
    message, where Gemini's models put theirs. What is moved follows all results of its turn, which
    must not be parted.

    Sources: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages,
    https://docs.anthropic.com/en/docs/build-with-claude/vision
    """
    taken = {"tool": limits.result_media, "assistant": limits.assistant_media}
    moved: list[Placed] = []
    waiting: list[_Away] = []
    found = False
    for placed in turns:
        message = placed.message
        if waiting and message.role != "tool":
            moved.append(_shown(waiting))
            waiting = []
        if isinstance(message.content, list) and message.role in taken:
            away = _away(message.content, taken[message.role])
            if away:
                found = True
                waiting.append(
                    _Away(_origin(message), [(placed.place(i), part) for i, part in away])
                )
                _tell(message.role, waiting[-1], notes)
                placed = _without(placed, message.content, away)  # noqa: PLW2901 - the rest of it
        moved.append(placed)
    if waiting:
        moved.append(_shown(waiting))
    return moved if found else turns


def _tell(role: str, away: _Away, notes: Notes) -> None:
    whose = "a tool's result" if role == "tool" else "the assistant"
    for (index, place), part in away.parts:
        notes.warn(
            f"{role}_media",
            f"{_KINDS[type(part)]} of {whose} was moved into a user message",
            index=index,
            part=place,
            action="moved",
        )


def _away(content: list[Part], takes: Collection[type]) -> list[tuple[int, Part]]:
    return [
        (position, part)
        for position, part in enumerate(content)
        if isinstance(part, _MEDIA) and type(part) not in takes
    ]


def _origin(message: Message) -> str:
    if message.role == "tool":
        return f"From the result of {message.name or message.tool_call_id}:"
    return "From the assistant's answer:"


def _without(placed: Placed, content: list[Part], away: list[tuple[int, Part]]) -> Placed:
    gone = {position for position, _ in away}
    kept = [pair for pair in enumerate(content) if pair[0] not in gone]
    if placed.message.role == "tool" and not any(isinstance(part, TextPart) for _, part in kept):
        kept.append((away[0][0], _SEE_BELOW))
    return with_parts(placed, kept)


def _shown(waiting: list[_Away]) -> Placed:
    parts: list[Part] = []
    places: list[tuple[int, int]] = []
    for origin, away in waiting:
        parts += [TextPart(text=origin), *(_plain(part) for _, part in away)]
        places += [away[0][0], *(place for place, _ in away)]
    return Placed(places[0][0], Message(role="user", content=parts), tuple(places))


def _plain(part: Part) -> Part:
    """Without a signature, which is good in the assistant's message alone."""
    if isinstance(part, ImagePart) and part.signature:
        return msgspec.structs.replace(part, signature=None, provider=None)
    return part
