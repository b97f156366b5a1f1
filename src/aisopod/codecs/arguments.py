"""Arguments of calls, for the wires that take an object and no text."""

import msgspec

from aisopod.codecs.text import sound
from aisopod.normalise.notes import Notes
from aisopod.types import ToolCall

__all__ = ["arguments_object", "object_text"]


def arguments_object(call: ToolCall, index: int, notes: Notes) -> object:
    """The arguments as they are, or, where they are no object, kept as text inside one.

    Args:
        call: the call that the model made.
        index: index of its message.
        notes: told where the arguments are no object.
    """
    found = object_text(sound(call.arguments).strip() or "{}")
    if found is not None:
        return found
    notes.warn(
        "invalid_arguments",
        f"the arguments of {call.name} are no JSON object: sent as text",
        index=index,
    )
    return {"__invalid_arguments__": call.arguments}


def object_text(text: str) -> msgspec.Raw | None:
    """JSON text as it is, if it is an object."""
    try:
        if text.lstrip().startswith("{") and isinstance(msgspec.json.decode(text), dict):
            return msgspec.Raw(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        pass
    return None
