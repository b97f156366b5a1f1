"""What OpenAI's own models take on Chat Completions, by the name's beginning.

Source: https://platform.openai.com/docs/models, with what peers found by asking the live API.
"""

import re
from functools import lru_cache
from typing import Literal

import msgspec

__all__ = ["Family", "find_family"]


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Models that take the same parameters.

    Attributes:
        names: pattern that the beginning of the model's name matches.
        efforts: the values of `reasoning_effort`; empty where the field is refused.
        sampling: whether temperature and the like are taken: always, never, only with the
            effort `none`, or with no effort (its default there) as well.
        instructions: the role that carries them; None where no role does.
        stop: whether `stop` is taken.
        schemas: whether an answer is held to a schema natively, by a tool, or not at all.
        cache_marks: whether a part may carry `prompt_cache_breakpoint`.
    """

    names: re.Pattern[str]
    efforts: tuple[str, ...] = ()
    sampling: Literal["always", "never", "effort_none", "effort_off"] = "always"
    instructions: Literal["system", "developer"] | None = "developer"
    stop: bool = True
    schemas: Literal["native", "tool", "none"] = "native"
    cache_marks: bool = False


_LOW_HIGH = ("low", "medium", "high")
_NONE_HIGH = ("none", *_LOW_HIGH)
_NONE_XHIGH = (*_NONE_HIGH, "xhigh")


def _family(pattern: str, **facts: object) -> Family:
    return msgspec.convert({"names": re.compile(pattern), **facts}, Family)


# The first match wins, so the narrow names stand before the wide ones.
_FAMILIES: tuple[Family, ...] = (
    _family(r"o1-(mini|preview)", sampling="never", instructions=None, schemas="none"),
    _family(r"o1", efforts=_LOW_HIGH, sampling="never"),
    _family(r"o\d", efforts=_LOW_HIGH, sampling="never", stop=False),
    _family(r"gpt-5-chat"),
    _family(r"gpt-5-pro", efforts=("high",), sampling="never"),
    _family(r"gpt-5(?![.\d])", efforts=("minimal", *_LOW_HIGH), sampling="never"),
    _family(r"gpt-5\.\d+-chat", efforts=("medium",), sampling="never"),
    _family(r"gpt-5\.\d+-pro", efforts=("medium", "high", "xhigh"), sampling="never"),
    _family(r"gpt-5\.1(?!\d)", efforts=_NONE_HIGH, sampling="effort_off"),
    _family(r"gpt-5\.[234](?!\d)", efforts=_NONE_XHIGH, sampling="effort_off"),
    _family(r"gpt-5\.5(?!\d)", efforts=_NONE_XHIGH, sampling="effort_none"),
    _family(
        r"gpt-(5\.\d+|6-sol|6(\.\d+)?-(luna|terra))",
        efforts=_NONE_XHIGH,
        sampling="effort_none",
        cache_marks=True,
    ),
    # Newer ones are taken to be as strict as the strictest that is known.
    _family(r"gpt-([6-9]|\d\d)", efforts=(*_LOW_HIGH, "xhigh"), sampling="never", cache_marks=True),
    # https://platform.openai.com/docs/guides/structured-outputs: from gpt-4o of August 2024 on.
    _family(r"gpt-(3\.5|4(?![.o\d])|4o-2024-05)", instructions="system", schemas="tool"),
    _family(r"(chatgpt|gpt-)", instructions="system"),
)


@lru_cache(maxsize=256)
def find_family(model: str) -> Family | None:
    """The family of a model's name; None for names that are not OpenAI's.

    Args:
        model: the name, a fine-tuned one (`ft:gpt-4o:…`) or one with a vendor before it too.
    """
    name = model.removeprefix("ft:").rsplit("/", 1)[-1]
    return next((family for family in _FAMILIES if family.names.match(name)), None)
