"""Names of models to a chain of candidates."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

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
    found = dict.fromkeys(
        candidate for name in names for candidate in _resolved(name, aliases, family, ())
    )
    if not found:
        raise UnknownModelError(
            "no model is named: give provider/model, or set AISOPOD_MODEL or default_model"
        )
    return tuple(found)


def _resolved(
    name: str,
    aliases: Mapping[str, str | Sequence[str]],
    family: Callable[[str], str | None],
    above: tuple[str, ...],
) -> Iterator[Candidate]:
    if name in above:
        raise ConfigurationError(f"aliases: {' -> '.join((*above, name))}: this goes in a circle")
    if name in aliases:
        stands_for = aliases[name]
        for inner in [stands_for] if isinstance(stands_for, str) else stands_for:
            yield from _resolved(inner, aliases, family, (*above, name))
        return
    provider, slash, model = name.partition("/")
    newest = None if slash else family(name)
    if newest is not None:
        provider, slash, model = newest.partition("/")
    if not (slash and provider and model):
        from difflib import get_close_matches

        near = get_close_matches(name, aliases, n=1)
        hint = f"did you mean the alias {near[0]!r}? Else " if near else ""
        raise UnknownModelError(
            f"{name!r} names no provider: {hint}write provider/model, such as openai/{name}"
        )
    yield Candidate(provider, model)
