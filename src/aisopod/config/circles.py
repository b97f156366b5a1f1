"""Names that stand for other names: what leads back to itself, and where a chain of them ends."""

from collections.abc import Iterator, Mapping, Sequence

from aisopod.config.schema import Config, ModelConfig
from aisopod.errors import ConfigurationError

__all__ = ["find_circle", "likes_for", "likes_of"]


def find_circle(names: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    """The first names that lead back to themselves, the first of them twice; None without any.

    Args:
        names: each name, and those that it stands for.
    """
    done: set[str] = set()
    for start in names:
        path: list[str] = []
        turns: list[Iterator[str]] = [iter((start,))]
        while turns:
            name = next(turns[-1], None)
            if name is None:
                turns.pop()
                if path:
                    done.add(path.pop())
            elif name in path:
                return (*path[path.index(name) :], name)
            elif name in names and name not in done:
                path.append(name)
                turns.append(iter(names[name]))
    return None


def likes_of(models: Mapping[str, ModelConfig]) -> dict[str, str]:
    """Every model that is like another -> the one at the end of that chain, as `provider/model`.

    Raises:
        ConfigurationError: one is like itself, or names no `provider/model`.
    """
    likes = {name: model.like for name, model in models.items() if model.like is not None}
    for name, like in likes.items():
        provider, _, model = like.partition("/")
        if not (provider and model):
            raise ConfigurationError(
                f"models.{name}.like: found {like!r}, allowed is provider/model, "
                f"such as openai/{like.strip('/') or 'gpt-5'}"
            )
    circle = find_circle({name: (like,) for name, like in likes.items()})
    if circle is not None:
        raise ConfigurationError(f"models: {' -> '.join(circle)}: `like` goes in a circle")
    ends = {}
    for name, like in likes.items():
        end = like
        while end in likes:
            end = likes[end]
        ends[name] = end
    return ends


def likes_for(provider: str, config: Config) -> dict[str, str]:
    """A provider's models that are like others -> the names of those, without a provider.

    Raises:
        ConfigurationError: as for likes_of.
    """
    return {
        name.removeprefix(f"{provider}/"): like.partition("/")[2]
        for name, like in likes_of(config.models).items()
        if name.startswith(f"{provider}/")
    }
