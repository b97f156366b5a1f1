"""Messages to the wire's contents: https://ai.google.dev/api/caching#Content."""

from typing import Any

from aisopod.codecs.arguments import arguments_object, object_text
from aisopod.codecs.codec import Notes
from aisopod.codecs.gemini_generate.families import Family
from aisopod.codecs.gemini_generate.parts import WirePart, encode_part, media_part
from aisopod.codecs.system import check_system
from aisopod.errors import InvalidRequestError
from aisopod.types import (
    DocumentPart,
    ImagePart,
    MediaPart,
    Message,
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
    messages: list[Message], family: Family, notes: Notes
) -> tuple[list[WirePart], list[Content]]:
    """The parts of the system instruction, and the turns of a conversation.

    The wire knows two roles that take turns; the results of one turn's calls come together, in
    the calls' order, before anything else that the user says.

    Raises:
        InvalidRequestError: something in a message cannot be put on this wire, or nothing is left.
    """
    encoder = _Messages(messages, family, notes)
    for index, message in enumerate(messages):
        encoder.add(index, message)
    contents = encoder.finished()
    return encoder.system, contents


class _Messages:
    """The contents so far.

    Attributes:
        system: parts of the system instruction.
    """

    def __init__(self, messages: list[Message], family: Family, notes: Notes) -> None:
        self.system: list[WirePart] = []
        self._family = family
        self._notes = notes
        self._calls = {call.id: call for message in messages for call in message.tool_calls}
        self._order = {id_: place for place, id_ in enumerate(self._calls)}
        self._contents: list[Content] = []

    def add(self, index: int, message: Message) -> None:
        match message.role:
            case "system":
                self._add_system(index, message)
            case "tool":
                self._put("user", self._result(index, message), index)
            case "assistant":
                self._put("model", self._model(index, message), index)
            case "user":
                self._put("user", self._parts(index, message), index)

    def finished(self) -> list[Content]:
        if not self._contents:
            raise InvalidRequestError(
                "there is nothing to answer: this wire wants a turn with content beside the "
                "system's",
                field="messages",
                remedy="Add a user message with text",
            )
        for content in self._contents:
            content["parts"].sort(key=self._place)
        if self.system and not self._family.system:
            self._move_system()
        return self._contents

    def _place(self, part: WirePart) -> int:
        """Results before everything else of a user's turn, in the order of their calls."""
        order = part.pop("order", None)
        return len(self._order) if order is None else order

    def _move_system(self) -> None:
        self._notes.warn(
            "system_in_user_turn", "the model has no system instruction: it stands before the text"
        )
        if self._contents[0]["role"] != "user":
            self._contents.insert(0, {"role": "user", "parts": []})
        self._contents[0]["parts"][:0] = self.system
        self.system = []

    def _add_system(self, index: int, message: Message) -> None:
        check_system(message, index, self._notes, hoisted=bool(self._contents))
        self.system += self._parts(index, message)

    def _put(self, role: str, parts: list[WirePart], index: int) -> None:
        if not parts:
            self._notes.warn("empty_message", "a message without content was left out", index=index)
        elif self._contents and self._contents[-1]["role"] == role:
            self._contents[-1]["parts"] += parts
        else:
            self._contents.append({"role": role, "parts": parts})

    def _parts(self, index: int, message: Message) -> list[WirePart]:
        return [
            entry
            for position, part in enumerate(message.parts)
            for entry in encode_part(
                part, index, f"messages[{index}].content[{position}]", self._notes
            )
        ]

    def _model(self, index: int, message: Message) -> list[WirePart]:
        parts: list[WirePart] = []
        waiting = list(message.tool_calls)
        signed = not self._family.signed_calls
        for position, part in enumerate(message.parts):
            while waiting and waiting[0].position is not None and waiting[0].position <= position:
                parts.append(self._call(waiting.pop(0), index, signed=signed))
                signed = True
            path = f"messages[{index}].content[{position}]"
            parts += encode_part(part, index, path, self._notes)
        for call in waiting:
            parts.append(self._call(call, index, signed=signed))
            signed = True
        return parts

    def _call(self, call: ToolCall, index: int, *, signed: bool) -> WirePart:
        """A call as the model made it; `signed` tells that it may go without a signature."""
        fields = self._own_fields(call)
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

    def _own_fields(self, call: ToolCall) -> dict[str, Any]:
        return (call.fields or {}) if call.provider == self._notes.target.provider else {}

    def _result(self, index: int, message: Message) -> list[WirePart]:
        call = self._calls.get(message.tool_call_id or "")
        name = message.name or (call.name if call else "")
        if not name:
            raise InvalidRequestError(
                "the wire wants the tool's name",
                field=f"messages[{index}].name",
                remedy="Set it, or keep the message with the call",
            )
        inside, beside = self._result_media(index, message)
        text = "\n".join(part.text for part in message.parts if isinstance(part, TextPart))
        found = object_text(text)
        response: dict[str, Any] = {
            "name": name,
            "response": {
                "error" if message.is_error else "output": text if found is None else found
            },
        }
        if call and "id" in (fields := self._own_fields(call)):
            response["id"] = fields["id"]
        if inside:
            response["parts"] = inside
        order = self._order.get(message.tool_call_id or "", 0)
        return [{"functionResponse": response, "order": order}, *beside]

    def _result_media(self, index: int, message: Message) -> tuple[list[WirePart], list[WirePart]]:
        """What a result shows, where the wire has a place for it: inside, or beside the results."""
        inside: list[WirePart] = []
        beside: list[WirePart] = []
        for position, part in enumerate(message.parts):
            if isinstance(part, TextPart):
                continue
            path = f"messages[{index}].content[{position}]"
            if not isinstance(part, ImagePart | DocumentPart | MediaPart):
                encode_part(part, index, path, self._notes)  # says what is left out, and why
                continue
            entry = media_part(part, path, self._notes)
            kind = entry.get("inlineData", {}).get("mimeType")
            if self._family.media_results and kind in _IN_RESULTS:
                inside.append(entry)
            else:
                beside.append(entry)
        return inside, beside
