"""Several texts as one, for wires that hold one in a message."""

from collections.abc import Iterable

from aisopod.types import Role

__all__ = ["joined"]


def joined(texts: Iterable[str], role: Role) -> str:
    """The texts of one message as one text.

    An assistant's are pieces of one, cut where a citation or a thought came. Everybody else's are
    texts of their own: each begins a line, unless there is white space already.

    Args:
        texts: in order; empty ones are passed over.
        role: whose message it is.
    """
    if role == "assistant":
        return "".join(texts)
    pieces: list[str] = []
    for text in filter(None, texts):
        if pieces and not (pieces[-1][-1].isspace() or text[0].isspace()):
            pieces.append("\n")
        pieces.append(text)
    return "".join(pieces)
