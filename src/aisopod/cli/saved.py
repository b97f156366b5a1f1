"""Conversations in files: JSON that keeps all that is needed to go on."""

from pathlib import Path

import msgspec

from aisopod import InvalidRequestError, Message

__all__ = ["SavedConversation", "load_conversation", "save_conversation"]


class SavedConversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as it stands in a file.

    Attributes:
        messages: every turn, with signatures and opaque parts.
        model: whom it was held with.
        system: its system prompt.
    """

    messages: list[Message]
    model: str | None = None
    system: str | None = None


def save_conversation(
    name: str, model: str | None, system: str | None, messages: list[Message]
) -> Path:
    """Write a conversation, in place of an older one but of nothing else.

    Raises:
        InvalidRequestError: the file cannot be written, or is something else.
    """
    file = _file(name, "/save")
    if file.exists():
        try:
            load_conversation(name)
        except InvalidRequestError as error:
            raise InvalidRequestError(
                "the file is there and is no saved conversation",
                field="/save",
                value=name,
                remedy="Choose another name",
            ) from error
    saved = SavedConversation(messages=messages, model=model, system=system)
    data = msgspec.json.format(msgspec.json.encode(saved), indent=1)
    beside = file.with_name(file.name + ".part")
    try:
        # In one step, so that a full disk does not cost the older one.
        beside.write_bytes(data + b"\n")
        beside.replace(file)
    except OSError as error:
        raise _unusable(error, "/save", name) from error
    return file


def load_conversation(name: str) -> SavedConversation:
    """Read a saved conversation, or a bare list of messages.

    Raises:
        InvalidRequestError: the file cannot be read, or is something else.
    """
    file = _file(name, "/load")
    try:
        data = file.read_bytes()
        found = msgspec.json.decode(data, type=SavedConversation | list[Message])
    except OSError as error:
        raise _unusable(error, "/load", name) from error
    except msgspec.DecodeError as error:
        raise InvalidRequestError(
            f"this is no saved conversation: {error}",
            field="/load",
            value=name,
            remedy="Give a file that /save wrote, or a JSON list of messages",
        ) from error
    return SavedConversation(messages=found) if isinstance(found, list) else found


def _file(name: str, command: str) -> Path:
    if not name:
        raise InvalidRequestError("it needs a file's name", field=command)
    try:
        return Path(name).expanduser()
    except RuntimeError:  # no home
        return Path(name)


def _unusable(error: OSError, command: str, name: str) -> InvalidRequestError:
    reason = error.strerror or type(error).__name__
    return InvalidRequestError(
        f"the file cannot be used: {reason}", field=command, value=name, remedy="Choose another"
    )
