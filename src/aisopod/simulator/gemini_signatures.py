"""Signatures of calls: https://ai.google.dev/gemini-api/docs/thought-signatures.

The simulator's own know what they were made for, so that it can tell an altered one. Those from
elsewhere are not its to judge.
"""

import base64
import binascii
import hashlib

import msgspec

from aisopod.simulator.wire import Fields, Refusal

__all__ = ["check_unaltered", "signature_of"]

_OWN = b"sim-"


def signature_of(call: Fields) -> str:
    """The signature of a `functionCall`."""
    known = [call.get("id"), call["name"], call.get("args", {})]
    digest = hashlib.sha256(msgspec.json.encode(known, order="deterministic")).digest()
    return base64.b64encode(_OWN + digest[:20]).decode()


def check_unaltered(parts: list[Fields]) -> None:
    """Refuse a signature that stands on another part than it was given with.

    Raises:
        Refusal: with the service's words.
    """
    for part in parts:
        given = part.get("thoughtSignature")
        if given is None or not _is_own(given):
            continue
        call = part.get("functionCall")
        if call is None or given != signature_of(call):
            raise Refusal(400, "Corrupted thought signature.")


def _is_own(signature: str) -> bool:
    try:
        return base64.b64decode(signature).startswith(_OWN)
    except (binascii.Error, ValueError):
        return False
