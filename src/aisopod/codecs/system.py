"""System messages, for the wires whose system prompt is text at the top."""

from aisopod.codecs.codec import Notes
from aisopod.types import DocumentPart, ImagePart, MediaPart, Message

__all__ = ["check_system"]


def check_system(message: Message, index: int, notes: Notes, *, hoisted: bool) -> None:
    """See that a system message can stand there; what else it holds is not quietly lost.

    Args:
        message: the system message.
        index: its index in the request.
        notes: told where it is moved.
        hoisted: whether turns stood before it.

    Raises:
        UnsupportedFeatureError: it holds more than text.
    """
    if hoisted:
        notes.warn(
            "system_hoisted",
            "a system message in mid-conversation was moved to the top",
            index=index,
        )
    for position, part in enumerate(message.parts):
        if isinstance(part, ImagePart | DocumentPart | MediaPart):
            notes.refuse(
                f"messages[{index}].content[{position}]",
                type(part).__name__,
                "a system message takes text only",
                "Put it into a user message",
            )
