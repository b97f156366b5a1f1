"""Ids of tool calls in the alphabet and length of a wire, the same in every turn."""

import hashlib
import re

from aisopod.types import Message

__all__ = ["fitted_ids"]


def fitted_ids(messages: list[Message], legal: re.Pattern[str], length: int) -> dict[str, str]:
    """Ids that a wire does not take, and what stands for them.

    Args:
        messages: the conversation.
        legal: what the wire takes.
        length: how long an id may be, in characters; ids of less than 16 are all digest.
    """
    ids = [call.id for message in messages for call in message.tool_calls]
    taken = {id_ for id_ in ids if legal.fullmatch(id_)}
    fitted: dict[str, str] = {}
    for id_ in ids:
        if not legal.fullmatch(id_) and id_ not in fitted:
            made = _made(id_, length)
            while made in taken:
                made = _made(f"{id_}|{made}", length)
            taken.add(made)
            fitted[id_] = made
    return fitted


def _made(id_: str, length: int) -> str:
    # The digest keeps apart what differs only in characters that are replaced or cut.
    digest = hashlib.sha256(id_.encode("utf-8", "surrogatepass")).hexdigest()
    readable = re.sub(r"[^a-zA-Z0-9_-]", "_", id_)[: length - 14]
    return f"{readable}_{digest[:12]}" if length >= 16 else digest[:length]
