"""Order and shape of a conversation: who speaks where, and no message without content."""

import msgspec

from aisopod.errors import InvalidRequestError
from aisopod.normalise.limits import Limits
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed, changed, with_parts
from aisopod.normalise.texts import joined
from aisopod.types import (
    DocumentPart,
    ImagePart,
    MediaPart,
    Message,
    OpaquePart,
    Part,
    TextPart,
)

__all__ = [
    "BEGINNING",
    "begin_with_user",
    "check_prefill",
    "check_some_turn",
    "drop_blank",
    "place_system",
    "tell_names",
    "tell_refusals",
]

BEGINNING = "(The conversation begins with the assistant.)"
"""What the user says where a wire wants the user to begin, and somebody else does."""

_MEDIA = (ImagePart, DocumentPart, MediaPart)


def place_system(turns: list[Placed], limits: Limits, notes: Notes) -> list[Placed]:
    """System messages where the wire takes them.

    Why: Anthropic's older models, Gemini and Bedrock know one system prompt before all turns, and
    Gemma, Titan and o1-mini none at all. One in mid-conversation goes to the top, or, with
    `late_system = "user"`, stays where it is as marked text of the user; so it does where signed
    thinking is bound to what stands before it. Anthropic's newer models take it behind what the
    user says, and nowhere else.

    Sources: https://docs.anthropic.com/en/docs/build-with-claude/prompt-engineering/system-prompts,
    https://ai.google.dev/gemini-api/docs/text-generation#system-instructions,
    https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html,
    https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages#limitations,
    https://platform.claude.com/docs/en/build-with-claude/preserved-thinking

    Raises:
        UnsupportedFeatureError: a system message holds more than text.
    """
    if not any(placed.message.role == "system" for placed in turns):
        return turns
    for placed in turns:
        if placed.message.role == "system":
            _check_system(placed, notes)
    if limits.system == "anywhere":
        return turns
    if limits.system == "user":
        return _as_users(turns, notes)
    if limits.system == "behind_user":
        return _behind_user(turns, notes)
    return _at_top(turns, limits, notes)


def _check_system(placed: Placed, notes: Notes) -> None:
    for position, part in enumerate(placed.message.parts):
        if isinstance(part, _MEDIA):
            notes.refuse(
                placed.path(position),
                type(part).__name__,
                "a system message takes text only",
                "Put it into a user message",
            )


def _behind_user(turns: list[Placed], notes: Notes) -> list[Placed]:
    """Late ones at the end of what the user says there, or says next."""
    placed_so: list[Placed] = []
    waiting: list[Placed] = []
    passed = 0
    for placed in turns:
        role = placed.message.role
        if role == "system" and placed_so and placed_so[-1].message.role != "system":
            waiting.append(placed)
            continue
        if waiting and role == "assistant" and placed_so[-1].message.role != "assistant":
            placed_so += waiting
            waiting, passed = [], 0
        for late in waiting[passed:]:
            notes.warn(
                "system_moved",
                "a system message was moved behind the user's next words: it may stand only there",
                index=late.index,
                action="moved",
            )
        passed = len(waiting)
        placed_so.append(placed)
    return [*placed_so, *waiting]


def _at_top(turns: list[Placed], limits: Limits, notes: Notes) -> list[Placed]:
    in_place = limits.bound or notes.target.normalise.late_system == "user"
    top: list[Placed] = []
    rest: list[Placed] = []
    for placed in turns:
        if placed.message.role != "system":
            rest.append(placed)
            continue
        if not rest:
            top.append(placed)
            continue
        texts = _texts_alone(placed, notes)
        if not texts.message.content:
            continue
        if in_place:
            rest.append(_marked(texts, notes))
        else:
            top.append(texts)
            notes.warn(
                "system_hoisted",
                "a system message in mid-conversation was moved to the top",
                index=placed.index,
                action="moved",
            )
    return [*top, *rest]


def _texts_alone(placed: Placed, notes: Notes) -> Placed:
    """Without the provider's own blocks: they are good where they stood, and nowhere else."""
    kept: list[tuple[int, Part]] = []
    for position, part in enumerate(placed.message.parts):
        if isinstance(part, TextPart):
            kept.append((position, part))
            continue
        notes.warn(
            "system_part",
            "a provider's own block was left out: its system message does not stay in its place",
            index=placed.index,
            part=placed.place(position)[1],
            action="left_out",
        )
    return placed if len(kept) == len(placed.message.parts) else with_parts(placed, kept)


def _marked(placed: Placed, notes: Notes) -> Placed:
    notes.warn(
        "system_as_user",
        "a system message in mid-conversation was sent as marked text of the user",
        index=placed.index,
        action="changed",
    )
    told = joined([part.text for part in placed.message.parts if type(part) is TextPart], "system")
    text = f"<system>\n{told}\n</system>"
    return changed(placed, role="user", content=text, name=None)


def _as_users(turns: list[Placed], notes: Notes) -> list[Placed]:
    told: list[Placed] = []
    for placed in turns:
        if placed.message.role == "system":
            notes.warn(
                "system_as_user",
                "the model takes no instructions: they were sent as the user's words",
                index=placed.index,
                action="changed",
            )
            placed = changed(placed, role="user", name=None)  # noqa: PLW2901 - the same, of the user
        told.append(placed)
    return told


def tell_refusals(turns: list[Placed], limits: Limits, notes: Notes) -> list[Placed]:
    """The words of a refusal as text, where the wire has no field for them.

    Why: only OpenAI has one; without the words the model does not know that it declined. On the
    other wires they are the provider's remark about its answer, which goes back as it came.

    Source: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
    """
    if limits.refusals or not any(placed.message.refusal for placed in turns):
        return turns
    told: list[Placed] = []
    for placed in turns:
        message = placed.message
        own = message.provider == notes.target.provider
        if not message.refusal or own:
            told.append(changed(placed, refusal=None) if message.refusal else placed)
        elif not message.content:
            said = msgspec.structs.replace(message, content=message.refusal, refusal=None)
            told.append(Placed(placed.index, said))
        else:
            old = message.parts
            # A line of its own, where a wire makes one text of the message.
            refusal = TextPart(text=f"\n{message.refusal}")
            said = msgspec.structs.replace(message, content=[*old, refusal], refusal=None)
            places = [placed.place(position) for position in range(len(old))]
            told.append(Placed(placed.index, said, (*places, places[-1])))
            notes.warn(
                "refusal_as_text", "the refusal was sent as text: there is no field for it",
                index=placed.index,
            )  # fmt: skip
    return told


def tell_names(turns: list[Placed], limits: Limits, notes: Notes) -> list[Placed]:
    """A participant's name is left out where the wire has no field for it.

    Why: only OpenAI's wire and some that follow it have one; as text it would be said by whom it
    names.

    Source: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
    """
    if limits.names or not any(placed.message.name for placed in turns):
        return turns
    told: list[Placed] = []
    for placed in turns:
        if placed.message.name and placed.message.role != "tool":
            notes.warn(
                "name", "left out the participant's name", index=placed.index, field="name",
                action="left_out",
            )  # fmt: skip
            placed = changed(placed, name=None)  # noqa: PLW2901 - the same without its name
        told.append(placed)
    return told


def drop_blank(turns: list[Placed], limits: Limits, notes: Notes) -> list[Placed]:
    """Texts that show nothing, and messages of which nothing is left, are left out.

    Why: Anthropic and Bedrock refuse texts without a visible character, Gemini empty ones. An
    empty text that bears a signature is none of these. Without the user's last message the
    assistant's before it would be one to be continued, which nobody asked for.

    Sources: https://docs.anthropic.com/en/api/errors,
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html

    Raises:
        InvalidRequestError: the user's last message is empty, behind one of the assistant's.
    """
    if limits.blank_texts == "taken":
        return turns
    strict = limits.blank_texts == "visible"
    kept: list[Placed] = []
    speaker = ""
    unheard: Placed | None = None
    for placed in turns:
        shown = _shown(placed, strict)
        role = placed.message.role
        if shown is not None:
            kept.append(shown)
            if role != "system":
                speaker, unheard = role, None
            continue
        if role == "user":
            unheard = placed
        notes.warn(
            "empty_message", "a message without content was left out", index=placed.index,
            action="left_out",
        )  # fmt: skip
    if unheard is not None and speaker == "assistant":
        raise InvalidRequestError(
            "is empty: there is nothing to answer",
            field=f"messages[{unheard.index}]",
            remedy="Give it a text, or leave it out",
        )
    return kept


def _shown(placed: Placed, strict: bool) -> Placed | None:  # noqa: FBT001 - of the wire, see above
    """What a message shows; None where that is nothing."""
    message = placed.message
    content = message.content
    stays = message.role == "tool" or bool(message.tool_calls)
    if isinstance(content, str):
        if content and not (strict and not content.strip()):
            return placed
        if not stays:
            return None
        return changed(placed, content="") if content and message.role != "tool" else placed
    shown = [pair for pair in enumerate(content) if not _is_blank(pair[1], strict)]
    if not shown and not stays:
        return None
    return placed if len(shown) == len(content) else with_parts(placed, shown)


def _is_blank(part: Part, strict: bool) -> bool:  # noqa: FBT001 - of the wire, see above
    if not isinstance(part, TextPart) or part.signature:
        return False
    return not part.text or (strict and not part.text.strip())


def begin_with_user(turns: list[Placed], limits: Limits, notes: Notes) -> list[Placed]:
    """The user begins, where the wire wants that.

    Why: Bedrock refuses a conversation that the assistant begins, and Gemini a call that does not
    follow the user.

    Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html,
    https://ai.google.dev/gemini-api/docs/function-calling
    """
    if not limits.user_first:
        return turns
    for place, placed in enumerate(turns):
        if placed.message.role == "system":
            continue
        if placed.message.role == "user":
            return turns
        notes.warn(
            "user_first",
            "a message of the user was put before the assistant's: the wire wants the user to begin",
            index=placed.index,
            action="added",
        )
        made = Placed(placed.index, Message(role="user", content=BEGINNING))
        return [*turns[:place], made, *turns[place:]]
    return turns


def check_some_turn(turns: list[Placed], limits: Limits) -> None:
    """See that something is left to answer, where the system prompt is no turn.

    Raises:
        InvalidRequestError: there is none.
    """
    if limits.system == "anywhere":
        return
    if all(placed.message.role == "system" for placed in turns):
        raise InvalidRequestError(
            "there is nothing to answer: this wire wants a turn with content beside the system's",
            field="messages",
            remedy="Add a user message with text",
        )


def check_prefill(turns: list[Placed], limits: Limits, notes: Notes) -> list[Placed]:
    """A last text of the assistant's, which is to be continued, as the wire takes it.

    Why: Claude refuses one that ends in white space, and from 4.6 on any. A turn that paused ends
    in a block of the provider's own, not in text: it goes back as it is.

    Sources: https://docs.anthropic.com/en/docs/build-with-claude/prompt-engineering/prefill-claudes-response,
    https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6#prefill-removal

    Raises:
        UnsupportedFeatureError: the model continues nothing.
    """
    place = len(turns) - 1
    while place >= 0 and turns[place].message.role == "system":
        place -= 1  # an instruction is no turn
    if place < 0 or turns[place].message.role != "assistant" or turns[place].message.tool_calls:
        return turns
    last = turns[place]
    parts = last.message.parts
    if not parts:
        return turns
    if type(parts[-1]) is not TextPart and any(isinstance(part, OpaquePart) for part in parts):
        return turns
    if not limits.prefill:
        notes.refuse(
            f"messages[{last.index}]",
            "assistant",
            "the model does not continue a message of the assistant's",
            "Add a user message after it, such as one that asks to go on",
        )
    end = parts[-1]
    if limits.trailing_space or not isinstance(end, TextPart) or end.text == end.text.rstrip():
        return turns
    notes.warn(
        "trailing_space",
        "white space at the end of the prefill was removed",
        index=last.index,
        action="changed",
    )
    trimmed: str | list[Part] = end.text.rstrip()
    if not isinstance(last.message.content, str):
        trimmed = [*parts[:-1], msgspec.structs.replace(end, text=end.text.rstrip())]
    return [*turns[:place], changed(last, content=trimmed), *turns[place + 1 :]]
