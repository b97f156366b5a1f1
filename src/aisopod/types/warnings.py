"""What could not be carried as it was."""

from typing import Literal

import msgspec

__all__ = ["ResponseWarning", "WarningAction"]

WarningAction = Literal["left_out", "moved", "changed", "added"]


class ResponseWarning(msgspec.Struct, frozen=True, kw_only=True):
    """Something that could not be carried as it was, and what was done instead.

    Attributes:
        rule: short name of the rule that applied.
        message: what happened, for a person.
        message_index: index in the request's `messages`, where it concerns one.
        part_index: index in that message's content, where it concerns one part.
        field: path of the field, where it concerns one.
        action: what was done: something was left out, moved, changed, or added.
    """

    rule: str
    message: str
    message_index: int | None = None
    part_index: int | None = None
    field: str | None = None
    action: WarningAction = "changed"

    def __str__(self) -> str:
        """Rule, place and what happened, in one line."""
        place = self.field or ""
        if self.message_index is not None:
            place = f"messages[{self.message_index}]"
            place += f".content[{self.part_index}]" if self.part_index is not None else ""
        return f"{self.rule}: {place}{': ' if place else ''}{self.message}"
