"""Arguments of calls, for the wires that take an object and no text."""

import msgspec

from aisopod.codecs.codec import UNREADABLE
from aisopod.codecs.text import LONE_SURROGATES, sound
from aisopod.normalise.notes import Notes
from aisopod.types import ToolCall
from aisopod.types.json_text import read_text, without_halves

__all__ = ["arguments_object", "object_text", "value_or_text"]


def arguments_object(call: ToolCall, index: int, notes: Notes) -> object:
    """The arguments as they are, or, where they are no object, kept as text inside one.

    Args:
        call: the call that the model made.
        index: index of its message.
        notes: told where the arguments are no object.
    """
    text = sound(call.arguments).strip() or "{}"
    found = object_text(text)
    if found is not None:
        return found
    found = object_text(without_halves(text))
    if found is not None:
        notes.warn("lone_surrogates", LONE_SURROGATES, index=index)
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


def value_or_text(text: str) -> object:
    """The JSON that a text is; the text where it was cut short: better kept so than lost."""
    try:
        return read_text(text)
    except UNREADABLE:
        return text
