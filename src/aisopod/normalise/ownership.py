"""What only its maker reads goes back there unaltered, and nowhere else."""

import msgspec

from aisopod.normalise.limits import Limits
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed, changed, with_parts
from aisopod.types import (
    ImagePart,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
    WarningAction,
)

__all__ = ["keep_own"]


def keep_own(turns: list[Placed], limits: Limits, notes: Notes) -> list[Placed]:
    """Thinking, provider's own blocks, citations and signatures by whose they are.

    Why: Anthropic, Google and Bedrock check signatures and refuse what another signed or what was
    altered; nobody reads another's encrypted blocks. What one family of models signed is no good
    for the next. Thinking that cannot go back is left out, or sent as marked text.

    Sources: https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#preserving-thinking-blocks,
    https://ai.google.dev/gemini-api/docs/thought-signatures
    """
    owner = _Owner(limits, notes)
    kept: list[Placed] = []
    same = True
    for placed in turns:
        own = owner.kept(placed)
        same = same and own is placed
        kept.append(own)
    return turns if same else kept


class _Owner:
    """Judges by one target's provider and model family."""

    def __init__(self, limits: Limits, notes: Notes) -> None:
        self._limits = limits
        self._notes = notes
        self._provider = notes.target.provider
        self._as_text = notes.target.normalise.foreign_thinking == "text"
        self._lineage = limits.lineage(notes.target.known_as)
        self._families: dict[str, bool] = {}

    def kept(self, placed: Placed) -> Placed:
        message = placed.message
        if message.role == "assistant" and message.tool_calls:
            placed = self._with_own_calls(placed)
        if isinstance(message.content, str):
            return placed
        if all(type(part) is TextPart and part.provider is None and not part.citations
                and not part.signature for part in message.content):  # fmt: skip
            return placed
        of_family = self._of_family(message)
        beside = of_family and any(self._says_thinking(part) for part in message.content)
        kept: list[tuple[int, Part]] = []
        same = True
        for position, part in enumerate(message.content):
            mine = self._judged(part, placed, position, of_family=of_family, beside=beside)
            same = same and mine is part
            if mine is not None:
                kept.append((position, mine))
        return placed if same else with_parts(placed, kept)

    def _of_family(self, message: Message) -> bool:
        if message.model is None or message.model == self._notes.target.model:
            return True
        known = self._families.get(message.model)
        if known is None:
            known = self._families[message.model] = (
                self._limits.lineage(message.model) == self._lineage
            )
        return known

    def _judged(
        self, part: Part, placed: Placed, position: int, *, of_family: bool, beside: bool
    ) -> Part | None:
        """The part as it may be sent; None where it may not."""
        # What a model signed is good in its own message alone.
        signs = of_family and placed.message.role == "assistant"
        match part:
            case ThinkingPart():
                return self._thinking(part, placed, position, of_family=of_family, beside=beside)
            case OpaquePart():
                return self._opaque(part, placed, position, of_family=of_family)
            case TextPart():
                return self._text(part, placed, position, signs=signs)
            case ImagePart() if part.signature:
                if part.provider == self._provider and signs:
                    return part
                self._unsigned(placed, position)
                return msgspec.structs.replace(part, signature=None, provider=None)
            case _:
                return part

    def _thinking(
        self, part: ThinkingPart, placed: Placed, position: int, *, of_family: bool, beside: bool
    ) -> Part | None:
        problem = self._problem(part, placed.message, of_family=of_family)
        if problem is None:
            if self._limits.thinking != "any" or not part.signature:
                return part
            told = "the signature was left out: there is no field for it"
            self._warn("foreign_signature", told, placed, position)
            return msgspec.structs.replace(part, signature=None)
        if not (part.text.strip() or part.signature or part.redacted):
            return None  # it holds nothing that could be missed
        rule, why = problem
        if rule == "foreign_thinking" and beside and part.provider in (None, self._provider):
            return None  # the block beside it says the same
        if rule == "foreign_thinking" and self._as_text and part.text.strip():
            told = f"thinking was sent as marked text: {why}"
            self._warn(rule, told, placed, position, "changed")
            return TextPart(text=f"<thinking>\n{part.text}\n</thinking>")
        self._warn(rule, f"thinking was left out: {why}", placed, position)
        return None

    def _problem(
        self, part: ThinkingPart, message: Message, *, of_family: bool
    ) -> tuple[str, str] | None:
        """Why thinking cannot go back: rule and reason; None where it can."""
        takes = self._limits.thinking
        if message.role != "assistant":
            return "misplaced_thinking", "only an assistant's message holds it"
        if part.provider != self._provider and not (takes == "any" and part.provider is None):
            return "foreign_thinking", "another provider's model made it"
        if takes == "none":
            return "foreign_thinking", "this host does not take it back"
        if part.redacted is not None and not self._limits.redacted:
            return "foreign_thinking", "encrypted, it is another wire's"
        if not of_family and (part.signature or part.redacted is not None):
            return "foreign_thinking", f"{message.model} made it, which is of another family"
        if takes == "signed" and not part.signature and part.redacted is None:
            return (
                "unsigned_thinking",
                "it has no signature: the answer that it belongs to broke off",
            )
        return None

    def _opaque(
        self, part: OpaquePart, placed: Placed, position: int, *, of_family: bool
    ) -> Part | None:
        if part.provider == self._provider and (of_family or not self._says_thinking(part)):
            return part
        self._warn(
            "foreign_part",
            f"{part.provider}'s {part.kind} was left out: only its maker reads it",
            placed,
            position,
        )
        return None

    def _says_thinking(self, part: Part) -> bool:
        return (
            isinstance(part, OpaquePart)
            and part.kind == self._limits.thinking_beside
            and part.provider == self._provider
        )

    def _text(self, part: TextPart, placed: Placed, position: int, *, signs: bool) -> Part | None:
        if part.provider == self._provider and signs:
            return part
        if part.citations and part.provider != self._provider:
            self._warn(
                "foreign_citations",
                "citations were left out: their form is another's",
                placed,
                position,
            )
            return msgspec.structs.replace(part, citations=None, signature=None, provider=None)
        if part.signature:
            self._unsigned(placed, position)
            return msgspec.structs.replace(part, signature=None)
        return part

    def _unsigned(self, placed: Placed, position: int) -> None:
        told = "the signature was left out: another model checks it"
        self._warn("foreign_signature", told, placed, position)

    def _with_own_calls(self, placed: Placed) -> Placed:
        message = placed.message
        if all(call.fields is None for call in message.tool_calls):
            return placed
        of_family = self._of_family(message)
        calls = [self._with_own_fields(call, placed, of_family) for call in message.tool_calls]
        if all(new is old for new, old in zip(calls, message.tool_calls, strict=True)):
            return placed
        return changed(placed, tool_calls=calls)

    def _with_own_fields(self, call: ToolCall, placed: Placed, of_family: bool) -> ToolCall:  # noqa: FBT001
        if call.fields is None:
            return call
        if call.provider == self._provider:
            kept = {
                name: value
                for name, value in call.fields.items()
                if of_family or name not in self._limits.signed_fields
            }
            if len(kept) == len(call.fields):
                return call
            self._notes.warn(
                "foreign_signature",
                f"the signature of the call of {call.name} was left out: another model checks it",
                index=placed.index,
                action="left_out",
            )
            return msgspec.structs.replace(call, fields=kept)
        self._notes.warn(
            "foreign_fields",
            f"left out what {call.provider} attached to the call of {call.name}",
            index=placed.index,
            action="left_out",
        )
        return msgspec.structs.replace(call, fields=None, provider=None)

    def _warn(
        self,
        rule: str,
        message: str,
        placed: Placed,
        position: int,
        action: WarningAction = "left_out",
    ) -> None:
        index, place = placed.place(position)
        self._notes.warn(rule, message, index=index, part=place, action=action)
