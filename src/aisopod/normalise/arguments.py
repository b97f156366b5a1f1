"""Arguments of calls that are no JSON, repaired where that is asked for."""

import re
from typing import NamedTuple

import msgspec

from aisopod.normalise.limits import Limits
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed, changed
from aisopod.types import ToolCall

__all__ = ["Repair", "repair_arguments", "repaired"]

# Brackets, commas, and texts, of which the last may be cut, also inside an escape. A quote alone
# begins a text that JSON has no reading for.
_TOKENS = re.compile(
    r"(?P<idle>,(?=\s*[}\]]))|[{}\[\],]"
    r'|"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+(?:"|(?P<cut>(?:\\(?:u[0-9a-fA-F]{0,3})?)?)\Z)|"'
)
_CLOSING = {"{": "}", "[": "]"}
# The first half of a character that takes two escapes.
_HALF_PAIR = re.compile(r"(?<!\\)((?:\\\\)*)\\u[dD][89abAB][0-9a-fA-F]{2}\Z")
# What a cut leaves behind the last comma or bracket: a key, and a value that is no text.
_WORD = r"(?:t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?|-?[0-9]*\.?[0-9]*(?:[eE][-+]?)?)"
_KEY = r'"[^"\\]*+(?:\\.[^"\\]*+)*+\\?'
_UNFINISHED = {
    "}": re.compile(rf'\s*(?:{_KEY}(?:"\s*(?::\s*{_WORD})?)?)?\s*', re.DOTALL),
    "]": re.compile(rf"\s*{_WORD}\s*"),
}
_CONTROLS = {number: f"\\u{number:04x}" for number in range(32)} | {9: "\\t", 10: "\\n", 13: "\\r"}
_FENCE = re.compile(r"```\w*")
# An object behind one of these stands inside something else.
_AROUND = ("[", '"', "'", ",")
_UNREADABLE = (msgspec.DecodeError, UnicodeEncodeError, RecursionError)


class Repair(NamedTuple):
    """JSON made of a text that is none.

    Attributes:
        text: a JSON object.
        how: what was done, for a warning.
    """

    text: str
    how: str


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
        notes.warn(
            "unrepaired_arguments",
            f"the arguments of {call.name} cannot be repaired without loss: they stay as they are",
            index=index,
        )
        return call
    notes.warn(
        "repaired_arguments",
        f"the arguments of {call.name} were repaired: {found.how}",
        index=index,
        action="changed",
    )
    return msgspec.structs.replace(call, arguments=found.text)


def repaired(text: str) -> Repair | None:
    """A JSON object of a text that was cut, fenced, or has words around it; None where it is a guess.

    What was cut is closed where it stands; a member that has no readable value yet goes. Of several
    objects the first one is taken.
    """
    start = text.find("{")
    before = _FENCE.sub("", text[: max(start, 0)]).strip()
    if start < 0 or before.endswith(_AROUND):
        return None
    body = text[start:].rstrip()
    if "```" in text[:start]:
        body = body.removesuffix("```")
    body = _TOKENS.sub(_spelled, body)
    end, open_, seam, cut = _walked(body)
    if end is None:
        return None
    whole = body[:end]
    after = body[end:].replace("```", "").strip()
    how = "spelled as JSON"
    if open_:
        how = "closed where they were cut"
        if cut is not None:
            whole = _HALF_PAIR.sub(r"\1", whole.removesuffix(cut)) + '"'
        whole += open_
        if not _is_object(whole) and _UNFINISHED[open_[0]].fullmatch(body, seam):
            how = "closed before the member that was cut"
            whole = body[:seam].rstrip().removesuffix(",") + open_
    if before or after:
        how += ", and what stood around the first object was left out"
    return Repair(whole, how) if _is_object(whole) else None


def _walked(body: str) -> tuple[int | None, str, int, str | None]:
    """How far the first object goes, and what is open there.

    Returns:
        its end, or None where it cannot be read; what closes it; the place behind the last comma or
        opening bracket; the half of an escape that the last text ends in, where that is open.
    """
    open_: list[str] = []
    seam, cut = 0, None
    for match in _TOKENS.finditer(body):
        sign, cut = match[0], match["cut"]
        if sign in _CLOSING:
            open_.append(_CLOSING[sign])
        elif (sign == '"' and cut is None) or (sign in {"}", "]"} and open_.pop() != sign):
            return None, "", 0, None
        if not open_:
            return match.end(), "", 0, None
        if sign in {"{", "[", ","}:
            seam = match.end()
    return len(body), "".join(reversed(open_)), seam, cut


def _spelled(match: re.Match[str]) -> str:
    """A token as JSON spells it: no raw control characters, and no comma before a bracket."""
    return "" if match["idle"] else match[0].translate(_CONTROLS)


def _is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except _UNREADABLE:
        return False
