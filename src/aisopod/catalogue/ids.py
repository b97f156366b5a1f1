"""The many ways of writing a model's name, from the exact one to the least specific.

A key that cuts off no more than a date, a version or an address names the same model at the same
price; one that cuts off a fine-tuning or a preview names a relative, which can do the same for
another price.
"""

import re
from collections.abc import Iterator

import msgspec

__all__ = ["Key", "canonical", "is_regional", "keys", "moving_line"]

# Custom, imported, provisioned and application resources hide the model that they stand for.
_ADDRESS = re.compile(
    r"^arn:[^:]*:bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)/(.+)$"
)
_HIDDEN = re.compile(r"^(arn:|(.*/)?(tunedmodels|endpoints?)/)")

# Google's names without a version mean the newest of a line, and move: gemini-pro was the first of
# all. https://ai.google.dev/gemini-api/docs/models#latest
_MOVING = re.compile(r"^(?:.*/)?(gemini-(?:pro|flash|flash-lite))-latest$")

# What is left of a name when one pattern, the first that matches, has cut something off.
# https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
_SAME_MODEL: tuple[re.Pattern[str], ...] = (
    re.compile(r"^.*/([^/]+)/*$"),  # Google: publishers/google/models/
    re.compile(r"^(ft:[^:]+):.*$"),  # OpenAI: what a fine-tuned model costs goes by its base
    re.compile(r"^(?:us-gov|us|eu|apac|jp|au|ca|in|global)\.([a-z0-9-]+\..+)$"),  # Bedrock
    re.compile(r"^(.+)@[a-z0-9-]*$"),  # Vertex: @20250929, @default
    # Bedrock: -v1:0, -1:0, -v1:0:48k; Claude's old name is no version: claude-v2:1.
    re.compile(r"^(.+?)(?:(?<!claude)-v\d+(?::\d+)?(?::\d+k|:mm)?|-\d+:\d+|:\d+)$"),
    re.compile(r"^(.+)-20\d{6}$"),  # Anthropic
    re.compile(r"^(.+)[-_]20\d{2}-\d{2}-\d{2}$"),  # OpenAI
    re.compile(r"^(gem.+)-\d{3}$"),  # Google: -001
    re.compile(r"^(?!gemini-(?:pro|flash|flash-lite)-)(.+)-latest$"),
)
_RELATIVE: tuple[re.Pattern[str], ...] = (
    re.compile(r"^ft:(.+)$"),
    re.compile(r"^(gpt-[34].*)-\d{4}$"),  # OpenAI's first dates, without a year: -0613
    # Google: -preview-09-2025, -preview-05-20, -exp-0827
    re.compile(r"^(gem.+)-(?:preview|exp|experimental)(?:-\d{2,4}(?:-\d{2,4})?)?$"),
    # Bedrock's names of vendors.
    re.compile(
        r"^(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai"
        r"|nvidia|openai|qwen|stability|twelvelabs|writer|xai|zai)\.(.+)$"
    ),
)


class Key(msgspec.Struct, frozen=True):
    """A name to look up.

    Attributes:
        id: lower case.
        same_price: whether what is found under it costs the same as the model asked for.
    """

    id: str
    same_price: bool = True


def keys(model: str) -> tuple[Key, ...]:
    """The names to look a model up by, the exact one first; at least one, unless it is empty."""
    found: dict[str, Key] = {}
    for key in _less_and_less(Key(model.strip().lower())):
        found.setdefault(key.id, key)
    return tuple(found.values())


def canonical(model: str) -> str:
    """The least specific of a model's names; a name that cannot be read comes back as it is."""
    found = keys(model)
    return found[-1].id if found else ""


def moving_line(model: str) -> str | None:
    """The line whose newest model a name means, such as `gemini-pro`; None for all other names."""
    match = _MOVING.match(model.strip().lower())
    return match[1] if match else None


def is_regional(model: str) -> bool:
    """Whether a Bedrock id keeps requests in one region or geography, by not saying `global.`."""
    name = model.strip().lower()
    match = _ADDRESS.match(name)
    return not (match[1] if match else name).startswith("global.")


def _less_and_less(key: Key) -> Iterator[Key]:
    while key.id:
        yield key
        shorter = _shorter(key)
        if shorter is None:
            return
        key = Key(shorter.id.strip(), shorter.same_price)


def _shorter(key: Key) -> Key | None:
    if match := _ADDRESS.match(key.id):
        return Key(match[1], key.same_price)
    if _HIDDEN.match(key.id):
        return None
    if rest := _rest(key.id, _SAME_MODEL):
        return Key(rest, key.same_price)
    if rest := _rest(key.id, _RELATIVE):
        return Key(rest, same_price=False)
    if key.id.startswith("claude-") and "." in key.id:
        return Key(key.id.replace(".", "-"), key.same_price)
    return None


def _rest(name: str, patterns: tuple[re.Pattern[str], ...]) -> str | None:
    found = (match for pattern in patterns if (match := pattern.match(name)))
    return next((match[1] for match in found), None)
