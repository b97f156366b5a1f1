"""The form of Bedrock's messages: which members a structure has, and how many of a union."""

from aisopod.simulator.wire import Fields, Refusal

__all__ = ["bad", "check_members", "one_key"]


def bad(message: str) -> Refusal:
    """A refusal of the request for what it says."""
    return Refusal(400, message)


def check_members(fields: Fields, known: frozenset[str]) -> None:
    """Refuse a member that the structure does not have."""
    for name in fields:
        if name not in known:
            raise bad(
                f"Malformed input request: extraneous key [{name}] is not permitted, please "
                "reformat your input and try again."
            )


def one_key(block: Fields, known: frozenset[str], path: str, kind: str) -> str:
    """The one member of a union."""
    if not isinstance(block, dict):
        raise bad(f"The format of the value at {path} is invalid. Provide a json object for it.")
    check_members(block, known)
    if len(block) != 1:
        raise bad(
            f"{kind} object at {path} must set one of the following keys: "
            f"{', '.join(sorted(known))}."
        )
    return next(iter(block))
