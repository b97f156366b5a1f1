"""A conversation on its way to a wire."""

from collections.abc import Sequence
from typing import Any

import msgspec

from aisopod.types import ChatCompletionRequest, Message, Part, TextPart, ToolCall

__all__ = ["AnswerForm", "Placed", "Prepared", "before", "changed", "with_parts"]


class Placed(msgspec.Struct, frozen=True):
    """A message, and where it stood in the request, so that errors and warnings name that place.

    Attributes:
        index: index in the request's `messages`; what was made has that of what it was made for.
        message: the message.
        places: where each of its parts stood, as index of the message and position in it; None
            where they stand.
    """

    index: int
    message: Message
    places: tuple[tuple[int, int], ...] | None = None

    def place(self, position: int) -> tuple[int, int]:
        """Where the part that is now at `position` stood: index of the message, position in it."""
        return (self.index, position) if self.places is None else self.places[position]

    def pieces(self) -> list[tuple[int, Part | ToolCall]]:
        """Parts and calls in their order; with each part its position."""
        message = self.message
        pieces: list[tuple[int, Part | ToolCall]] = list(enumerate(message.parts))
        if not message.tool_calls:
            return pieces
        count = len(pieces)
        for call in reversed(message.tool_calls):
            at = count if call.position is None else min(call.position, count)
            pieces.insert(at, (at, call))
            count = at
        return pieces

    def path(self, position: int) -> str:
        """The field of the part that is now at `position`, as errors name it."""
        index, place = self.place(position)
        return f"messages[{index}].content[{place}]"


class AnswerForm(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer stands on the wire, where that is not its text.

    Attributes:
        tool: the tool whose arguments are the answer; None where it is text.
        wrapped: whether it is the one property of an object.
    """

    tool: str | None = None
    wrapped: bool = False


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A request that a wire takes.

    Attributes:
        request: the request; its `messages` are the user's own.
        turns: the messages to send.
        tool_names: names of tools that had to be changed, by what stands for them on the wire.
        answer: how the answer stands on the wire; None where it is its text.
    """

    request: ChatCompletionRequest
    turns: list[Placed]
    tool_names: dict[str, str] = {}
    answer: AnswerForm | None = None


def changed(placed: Placed, **fields: Any) -> Placed:
    """The same message with other fields, but the same parts."""
    message = msgspec.structs.replace(placed.message, **fields)
    return Placed(placed.index, message, placed.places)


def before(placed: Placed, text: TextPart, **fields: Any) -> Placed:
    """The same with a text before its parts, and other fields; calls move with their parts."""
    message = placed.message
    content = message.content
    if isinstance(content, str):
        return changed(placed, content=text.text + content, **fields)
    calls = [
        call if call.position is None else msgspec.structs.replace(call, position=call.position + 1)
        for call in message.tool_calls
    ]
    made = {"content": [text, *content], "tool_calls": calls, **fields}
    places = ((placed.index, 0), *(placed.place(position) for position in range(len(content))))
    return Placed(placed.index, msgspec.structs.replace(message, **made), places)


def with_parts(placed: Placed, kept: Sequence[tuple[int, Part]]) -> Placed:
    """The same with other parts; calls keep their place among those that are left.

    Args:
        placed: the message.
        kept: the parts, and the position of each among the old ones.
    """
    message = placed.message
    positions = [position for position, _ in kept]
    calls = message.tool_calls
    if any(call.position is not None for call in calls):
        calls = [
            call
            if call.position is None
            else msgspec.structs.replace(
                call, position=sum(position < call.position for position in positions)
            )
            for call in calls
        ]
    return Placed(
        placed.index,
        msgspec.structs.replace(message, content=[part for _, part in kept], tool_calls=calls),
        tuple([placed.place(position) for position in positions]),
    )
