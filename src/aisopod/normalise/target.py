"""Whom a request is for, and how what that one does not take is handled."""

from typing import Any, Literal

import msgspec

from aisopod.types import OnUnsupported

__all__ = ["NormaliseConfig", "Target"]


class NormaliseConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a conversation is changed for a wire that would not take it as it is.

    Attributes:
        foreign_thinking: thinking that cannot go back as such, since another provider or model
            family made it: left out, or sent as marked text.
        on_orphan_result: the result of a call that the conversation does not hold at that place:
            sent as text of the user, or refused.
        late_system: a system message in mid-conversation, where the wire knows only a system
            prompt: moved to the `top`, or sent as marked text of the `user` in its place, which
            keeps the provider's prompt cache warm but gives it less weight. Where signed thinking
            is bound to what stands before it, it always stays in its place.
        repair_json: repair arguments of calls that are no valid JSON, where nothing is lost by it;
            else they stay text.
        documents: a document that the wire or the model has no place for: refused, or sent as the
            text that is in it.
    """

    foreign_thinking: Literal["drop", "text"] = "drop"
    on_orphan_result: Literal["text", "error"] = "text"
    late_system: Literal["top", "user"] = "top"
    repair_json: bool = False
    documents: Literal["refuse", "text"] = "refuse"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a request is for, and how that one differs from the rest of its dialect.

    Attributes:
        provider: id of the provider; parts and fields that it made are sent back to it.
        model: the model asked for, by the name that the wire gets.
        like: the model that it is, where that name does not tell, such as a deployment's.
        on_unsupported: what to do with a parameter that the model does not take.
        quirks: the dialect's own description of the host, or None.
        normalise: how the conversation is changed where it must be.
    """

    provider: str
    model: str
    like: str | None = None
    on_unsupported: OnUnsupported = "error"
    quirks: Any = None
    normalise: NormaliseConfig = NormaliseConfig()

    @property
    def known_as(self) -> str:
        """The name by which the rules of families know the model."""
        return self.like or self.model
