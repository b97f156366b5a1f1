"""Messages to the wire's contents: https://ai.google.dev/api/caching#Content."""

from typing import Any

from aisopod.codecs.arguments import arguments_object, object_text
from aisopod.codecs.gemini_generate.families import Family
from aisopod.codecs.gemini_generate.parts import WirePart, encode_part, media_part
from aisopod.errors import InvalidRequestError
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed
from aisopod.normalise.texts import joined
from aisopod.types import (
    DocumentPart,
    ImagePart,
    MediaPart,
    OpaquePart,
    Part,
    TextPart,
    ToolCall,
)

__all__ = ["encode_messages"]

Content = dict[str, Any]

# What the service documents for calls that it did not make, or whose signature is lost:
# https://ai.google.dev/gemini-api/docs/thought-signatures#faqs
_NO_SIGNATURE = "skip_thought_signature_validator"
# https://ai.google.dev/gemini-api/docs/function-calling#multimodal
_IN_RESULTS = ("image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain")


def encode_messages(
    turns: list[Placed], family: Family, notes: Notes
) -> tuple[list[WirePart], list[Content]]:
    """The parts of the system instruction, and the turns of a conversation that fits the wire.

    The wire knows two roles that take turns; the results of one turn's calls come together, in
    the calls' order, before anything else that the user says.

    Raises:
        InvalidRequestError: something in a message cannot be put on this wire.
    """
    encoder = _Messages(family, notes)
    for placed in turns:
        encoder.add(placed)
    encoder.finish()
    return encoder.system, encoder.contents


class _Messages:
    """The contents so far.

    Attributes:
        system: parts of the system instruction.
        contents: the turns.
    """

    def __init__(self, family: Family, notes: Notes) -> None:
        self.system: list[WirePart] = []
        self.contents: list[Content] = []
        self._family = family
        self._notes = notes
        self._calls: dict[str, ToolCall] = {}
        self._beside: list[WirePart] = []

    def add(self, placed: Placed) -> None:
        message = placed.message
        if self._beside and message.role != "tool":
            self._put("user", self._beside)
            self._beside = []
        match message.role:
            case "system":
                self.system += self._parts(placed)
            case "tool":
                self._put("user", [self._result(placed)])
            case "assistant":
                self._calls.update({call.id: call for call in message.tool_calls})
                self._put("model", self._model(placed))
            case "user":
                self._put("user", self._parts(placed))

    def finish(self) -> None:
        """Put what stands beside the last results."""
        if self._beside:
            self._put("user", self._beside)

    def _put(self, role: str, parts: list[WirePart]) -> None:
        if not parts:
            return
        if self.contents and self.contents[-1]["role"] == role:
            self.contents[-1]["parts"] += parts
        else:
            self.contents.append({"role": role, "parts": parts})

    def _parts(self, placed: Placed) -> list[WirePart]:
        return [
            entry
            for position, part in enumerate(placed.message.parts)
            for entry in encode_part(part, placed, position, self._notes)
        ]

    def _model(self, placed: Placed) -> list[WirePart]:
        parts: list[WirePart] = []
        signed = not self._family.signed_calls
        for position, piece in placed.pieces():
            if isinstance(piece, ToolCall):
                parts.append(self._call(piece, placed.index, signed=signed))
                signed = True
            else:
                parts += encode_part(piece, placed, position, self._notes)
        return parts

    def _call(self, call: ToolCall, index: int, *, signed: bool) -> WirePart:
        """A call as the model made it; `signed` tells that it may go without a signature."""
        fields = call.fields or {}
        entry: WirePart = {
            "functionCall": {
                **({"id": fields["id"]} if "id" in fields else {}),
                "name": call.name,
                "args": arguments_object(call, index, self._notes),
            }
        }
        if "thoughtSignature" in fields:
            entry["thoughtSignature"] = fields["thoughtSignature"]
        elif not signed:
            entry["thoughtSignature"] = _NO_SIGNATURE
            self._notes.warn(
                "foreign_signature",
                f"the call of {call.name} is not this provider's: it was sent with the mark that "
                "stands for a signature",
                index=index,
            )
        return entry

    def _result(self, placed: Placed) -> WirePart:
        message = placed.message
        call = self._calls.get(message.tool_call_id or "")
        name = message.name or (call.name if call else "")
        if not name:
            raise InvalidRequestError(
                "the wire wants the tool's name",
                field=f"messages[{placed.index}].name",
                remedy="Set it, or keep the message with the call",
            )
        inside = self._result_media(placed)
        text = joined(filter(None, map(_said, message.parts)), "tool")
        found = object_text(text)
        response: dict[str, Any] = {
            "name": name,
            "response": {
                "error" if message.is_error else "output": text if found is None else found
            },
        }
        if call and "id" in (fields := call.fields or {}):
            response["id"] = fields["id"]
        if inside:
            response["parts"] = inside
        return {"functionResponse": response}

    def _result_media(self, placed: Placed) -> list[WirePart]:
        """What a result shows, where the wire has a place for it: inside, or beside the results."""
        inside: list[WirePart] = []
        for position, part in enumerate(placed.message.parts):
            if isinstance(part, OpaquePart):
                self._notes.warn(
                    "foreign_part", f"{part.kind} was left out: a result has no place for it",
                    index=placed.index, part=placed.place(position)[1], action="left_out",
                )  # fmt: skip
            if not isinstance(part, ImagePart | DocumentPart | MediaPart):
                continue
            entry = media_part(part, placed.path(position), self._notes)
            kind = entry.get("inlineData", {}).get("mimeType")
            if self._family.media_results and kind in _IN_RESULTS:
                inside.append(entry)
            else:
                self._beside.append(entry)
        return inside


def _said(part: Part) -> str | None:
    """What a part says in words: of a document, what the model is to know about it."""
    match part:
        case TextPart(text=text):
            return text
        case DocumentPart(context=context):
            return context
        case _:
            return None
