"""Names of models to a chain of candidates."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from aisopod.catalogue import ALIASES, nearest_anywhere
from aisopod.errors import ConfigurationError, UnknownModelError

__all__ = ["Candidate", "chain_of"]


class Candidate(NamedTuple):
    """A model of a provider."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


def chain_of(
    names: Sequence[str],
    aliases: Mapping[str, str | Sequence[str]],
    family: Callable[[str], str | None] = lambda _: None,
) -> tuple[Candidate, ...]:
    """The candidates that these names stand for, each once, in order.

    Args:
        names: `provider/model`, or aliases.
        aliases: names to a model or to several, which may be aliases again.
        family: a family's name, such as `sonnet`, to its newest model; None for any other name.

    Raises:
        UnknownModelError: a name is neither; names the nearest alias.
        ConfigurationError: an alias leads back to itself.
    """
    found = dict.fromkeys(_resolved(names, aliases, family))
    if not found:
        raise UnknownModelError(
            "no model is named: give provider/model, or set AISOPOD_MODEL or default_model"
        )
    return tuple(found)


def _resolved(
    names: Sequence[str],
    aliases: Mapping[str, str | Sequence[str]],
    family: Callable[[str], str | None],
) -> Iterator[Candidate]:
    # Not by recursion: a chain of aliases may be longer than Python's stack.
    left: list[tuple[str, tuple[str, ...]]] = [(name, ()) for name in reversed(names)]
    followed: set[str] = set()
    while left:
        name, above = left.pop()
        if name in above:
            circle = " -> ".join((*above, name))
            raise ConfigurationError(f"aliases: {circle}: this goes in a circle")
        if name not in aliases:
            yield _candidate(name, aliases, family)
        elif name not in followed:
            followed.add(name)
            stands_for = aliases[name]
            inner = [stands_for] if isinstance(stands_for, str) else stands_for
            left += [(each, (*above, name)) for each in reversed(inner)]


def _candidate(
    name: str, aliases: Mapping[str, str | Sequence[str]], family: Callable[[str], str | None]
) -> Candidate:
    provider, slash, model = name.partition("/")
    newest = None if slash else family(name)
    if newest is not None:
        provider, slash, model = newest.partition("/")
    if not (slash and provider and model):
        raise UnknownModelError(f"{name!r} names no provider: {_hint(name, aliases)}")
    return Candidate(provider, model)


def _hint(name: str, aliases: Mapping[str, str | Sequence[str]]) -> str:
    """What was probably meant."""
    from difflib import get_close_matches

    found = get_close_matches(name, aliases, n=1) or get_close_matches(name, ALIASES, 1, 0.8)
    near = [*(f"the alias {alias!r}" for alias in found), *nearest_anywhere(name)]
    if not near:
        return f"write provider/model, such as openai/{name}"
    return f"did you mean {' or '.join(near)}? Else write provider/model"
