"""Messages and tool calls."""

from functools import partial
from typing import Any, Literal

import msgspec

from aisopod.errors import OutputValidationError
from aisopod.types.content import CacheControl, Part, TextPart
from aisopod.types.json_text import read_text

__all__ = ["Message", "Role", "ToolCall"]

Role = Literal["system", "user", "assistant", "tool"]


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that the model wants made.

    Attributes:
        id: names the call; the tool's message answers it as `tool_call_id`.
        name: the tool.
        arguments: JSON text as the model wrote it; may be invalid when it was cut short.
        position: how many content parts of its message stood before the call; None: all did.
        provider: who made `fields`.
        fields: what the provider attached to the call and wants back unaltered.
    """

    id: str
    name: str
    arguments: str = "{}"
    position: int | None = None
    provider: str | None = None
    fields: dict[str, Any] | None = None

    def parse(self, type: Any = dict[str, Any]) -> Any:  # noqa: A002, ANN401 - msgspec's own word
        """The arguments as a value of `type` (a dict, a Struct, a dataclass, a TypedDict).

        Raises:
            OutputValidationError: they are not valid JSON, or not of that type.
        """
        try:
            decode = partial(msgspec.json.decode, type=type)
            return read_text(self.arguments.strip() or "{}", decode)
        except ValueError as error:  # also where no UTF-8 can be made of them
            raise OutputValidationError(
                f"the arguments of {self.name} ({self.id}) cannot be read: {error}",
                text=self.arguments,
            ) from error


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn, or one tool's result.

    Attributes:
        role: who speaks.
        content: text, or parts in order.
        tool_calls: the calls that an assistant made.
        tool_call_id: on a tool's message, the call that it answers.
        name: the tool's name on a tool's message; else a participant's name, where wires have it.
        is_error: on a tool's message, that the tool failed.
        refusal: the words with which the model or its provider declined.
        cache: a prompt-caching mark at the end of this message.
        provider: on an assistant's message, id of the provider that gave it.
        model: on an assistant's message, the model that wrote it, by the name it was asked for;
            what it signed goes back to that model's family only.
    """

    role: Role
    content: str | list[Part] = ""
    tool_calls: list[ToolCall] = []
    tool_call_id: str | None = None
    name: str | None = None
    is_error: bool = False
    refusal: str | None = None
    cache: CacheControl | None = None
    provider: str | None = None
    model: str | None = None

    @property
    def parts(self) -> list[Part]:
        """The content as parts; an empty text is no part."""
        if isinstance(self.content, str):
            return [TextPart(text=self.content)] if self.content else []
        return self.content

    @property
    def text(self) -> str:
        """All text of the message, joined."""
        if isinstance(self.content, str):
            return self.content
        return "".join([part.text for part in self.content if isinstance(part, TextPart)])
