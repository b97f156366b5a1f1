"""Arguments of calls that are no JSON, repaired where that is asked for."""

import re

import msgspec

from aisopod.normalise.limits import Limits
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed, changed
from aisopod.types import ToolCall

__all__ = ["repair_arguments", "repaired"]

# Brackets, and texts, of which the last may be cut.
_TOKENS = re.compile(r'[{}\[\]]|"(?:[^"\\]|\\.)*(?:"|(\\?\Z))', re.DOTALL)
_CLOSING = {"{": "}", "[": "]"}
# A cut leaves one member unfinished; a text in it may hold commas of its own.
_TRIES = 16
_UNREADABLE = (msgspec.DecodeError, UnicodeEncodeError, RecursionError)


def repair_arguments(turns: list[Placed], _limits: Limits, notes: Notes) -> list[Placed]:
    """Cut or fenced JSON as JSON, if `repair_json` asks for it.

    Why: a length limit cuts a call anywhere, and small models write fences around their JSON and
    commas behind it. It stays text unless asked: a guess at what a model meant to delete is worse
    than a text that it sees was wrong.

    Source: https://platform.openai.com/docs/api-reference/chat/object (`arguments`)
    """
    if not notes.target.normalise.repair_json:
        return turns
    fixed: list[Placed] = []
    for placed in turns:
        calls = [_fixed(call, placed.index, notes) for call in placed.message.tool_calls]
        same = all(new is old for new, old in zip(calls, placed.message.tool_calls, strict=True))
        fixed.append(placed if same else changed(placed, tool_calls=calls))
    return fixed


def _fixed(call: ToolCall, index: int, notes: Notes) -> ToolCall:
    if not call.arguments.strip() or _is_object(call.arguments):
        return call
    found = repaired(call.arguments)
    if found is None:
        return call
    notes.warn(
        "repaired_arguments",
        f"the arguments of {call.name} were repaired",
        index=index,
        action="changed",
    )
    return msgspec.structs.replace(call, arguments=found)


def repaired(text: str) -> str | None:
    """A JSON object of a text that was cut, fenced, or ends in a comma; None where none can be made.

    What was cut is closed where it stands; a key without its value goes.
    """
    start = text.find("{")
    if start < 0:
        return None
    body = text[start:].rstrip().removesuffix("```").rstrip()
    return next((made for end in _ends(body) if (made := _closed(body[:end])) is not None), None)


def _ends(body: str) -> list[int]:
    """Where the text may be taken to end: at its end, or before one of its last commas."""
    commas = [place for place in range(len(body) - 1, 0, -1) if body[place] == ","]
    return [len(body), *commas[:_TRIES], 1]


def _closed(body: str) -> str | None:
    """The text with what is open in it closed, where that is an object."""
    open_: list[str] = []
    cut: str | None = None
    for match in _TOKENS.finditer(body):
        token = match[0]
        if token in _CLOSING:
            open_.append(_CLOSING[token])
        elif token in {"}", "]"}:
            if not open_ or open_.pop() != token:
                return None
        else:
            cut = match[1]  # a text that does not end, and the half of an escape
    if cut is not None:
        body = body.removesuffix(cut) + '"'
    made = body.rstrip().rstrip(",") + "".join(reversed(open_))
    return made if _is_object(made) else None


def _is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except _UNREADABLE:
        return False
