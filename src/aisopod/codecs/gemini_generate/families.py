"""What each generation of Gemini takes, by the beginning of its name.

Source: https://ai.google.dev/gemini-api/docs/thinking and
https://ai.google.dev/gemini-api/docs/structured-output, as peers' profiles confirm them.
"""

import re
from functools import lru_cache
from typing import Literal

import msgspec

__all__ = ["Family", "family_of", "lineage"]

Level = Literal["MINIMAL", "LOW", "MEDIUM", "HIGH"]


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """How a family is asked.

    Attributes:
        budgets: the least and the largest thinking budget in tokens; None where it takes none.
        off: whether thinking can be turned off.
        levels: the words of `thinkingLevel` that it takes.
        plain_schemas: whether it takes plain JSON schemas; else the OpenAPI subset.
        mixed: whether functions go together with JSON answers and the service's own tools.
        signed_calls: whether it refuses calls without their signature.
        media_results: whether the result of a call may hold images and documents.
        system: whether it takes a system instruction.
    """

    budgets: tuple[int, int] | None = None
    off: bool = True
    levels: tuple[Level, ...] = ()
    plain_schemas: bool = True
    mixed: bool = False
    signed_calls: bool = False
    media_results: bool = False
    system: bool = True


_OLD = Family(plain_schemas=False)
_GEMMA = Family(plain_schemas=False, system=False)
_FLASH = Family(budgets=(1, 24_576))
_PRO = Family(budgets=(128, 32_768), off=False)
_THREE = Family(
    budgets=(1, 32_768),
    off=False,
    levels=("MINIMAL", "LOW", "MEDIUM", "HIGH"),
    mixed=True,
    signed_calls=True,
    media_results=True,
)
_NO_MINIMAL = msgspec.structs.replace(_THREE, levels=("LOW", "MEDIUM", "HIGH"))

# The longest beginning wins; a Gemini that is not here is most likely newer than the table.
_FAMILIES: dict[str, Family] = {
    "gemini-1": _OLD,
    "gemini-2.0": _OLD,
    "gemini-2.5-flash": _FLASH,
    "gemini-2.5-flash-image": Family(),
    "gemini-2.5-flash-lite": Family(budgets=(512, 24_576)),
    "gemini-2.5-pro": _PRO,
    "gemini-2.5": _FLASH,
    "gemini-3-pro": msgspec.structs.replace(_THREE, levels=("LOW", "HIGH")),
    "gemini-3.1-pro": _NO_MINIMAL,
    "gemini-3.7-flash": _NO_MINIMAL,
    "gemini-3.8-flash": _NO_MINIMAL,
    "gemini-4-argon": _NO_MINIMAL,
    "gemini-4-carbon": _NO_MINIMAL,
    # The newest of their lines, whichever that is: every Gemini 3 knows these levels.
    "gemini-flash-latest": _NO_MINIMAL,
    "gemini-pro-latest": _NO_MINIMAL,
    "gemma": _GEMMA,
    "learnlm": _OLD,
    "gemini-robotics": _FLASH,
}
_GENERATION = re.compile(r"(?:gemini|gemma|learnlm)-\d+")
_NAME = re.compile(r"(?:gemini|gemma|learnlm)-?[a-z0-9.-]*")


@lru_cache(maxsize=256)
def family_of(model: str) -> Family:
    """The family of a model's name, with or without a prefix such as `models/`."""
    match = _NAME.search(model.lower())
    if match is None:
        return _THREE if "/" not in model else _FLASH  # a tuned model tells nothing by its name
    prefix = _prefix(match[0])
    return _FAMILIES[prefix] if prefix else _THREE


@lru_cache(maxsize=256)
def lineage(model: str) -> str:
    """The generation of a model, such as `gemini-2`: signatures are good for that alone."""
    match = _GENERATION.search(model.lower())
    return match[0] if match else ""


def _prefix(name: str) -> str | None:
    return max((prefix for prefix in _FAMILIES if name.startswith(prefix)), key=len, default=None)
