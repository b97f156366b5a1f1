"""Asking the catalogue."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from aisopod.catalogue.facts import Facts, ModelFacts, Source, merge, sourced
from aisopod.catalogue.ids import canonical, moving_line
from aisopod.catalogue.lines import newest
from aisopod.catalogue.offline import offline_facts
from aisopod.catalogue.snapshot import TABLED_PROVIDERS, offered

__all__ = ["facts_for", "nearest", "nearest_anywhere"]

_USER = Source("user")


def facts_for(
    provider: str,
    model: str,
    *,
    live: ModelFacts | None = None,
    overrides: Facts | None = None,
) -> ModelFacts:
    """All that is known of a model. Of one that nobody knows, everything is None; never raises.

    Believed are, field by field, the overrides, then what is live, the snapshot, a family's rules.

    Args:
        provider: id of the provider, such as `bedrock`.
        model: its name as the provider writes it: dated, with a prefix, an ARN.
        live: what the server itself says now.
        overrides: what the user knows better.
    """
    known = _known(provider, model)
    above = []
    if overrides is not None:
        above.append(sourced(provider, model, overrides, _USER))
    if live is not None:
        above.append(live)
    return merge(provider, model, [*above, known]) if above else known


@lru_cache(maxsize=256)
def _known(provider: str, model: str) -> ModelFacts:
    own = offline_facts(provider, model)
    line = moving_line(model)
    now = newest(provider, line) if line else None
    return merge(provider, model, [offline_facts(provider, now), own]) if now else own


def nearest(provider: str, model: str, n: int = 3, *, listed: Iterable[str] = ()) -> list[str]:
    """Names of the provider's models that a mistyped one may have meant, the likeliest first.

    Args:
        provider: id of the provider.
        model: the name.
        n: how many at most.
        listed: what the provider itself lists, where that is at hand.
    """
    return _close(model, _plain([*listed, *offered(provider)]), n)


def nearest_anywhere(model: str, n: int = 2) -> list[str]:
    """The same among all that the catalogue knows, as `provider/model`."""
    # Who has a model of a platform too, most likely means its vendor.
    vendors = sorted(TABLED_PROVIDERS, key=lambda provider: provider == "bedrock")
    plain: dict[str, str] = {}
    for provider in vendors:
        for name, id_ in _plain(offered(provider)).items():
            plain.setdefault(name, f"{provider}/{id_}")
    wanted = canonical(model)
    return [plain[wanted]] if wanted in plain else _close(model, plain, n)


def _plain(names: Iterable[str]) -> dict[str, str]:
    """People leave out vendors and dates: names without, and the plainest that each stands for."""
    plain: dict[str, str] = {}
    for name in sorted(names, key=len):
        plain.setdefault(canonical(name), name)
    return plain


def _close(model: str, plain: Mapping[str, str], n: int) -> list[str]:
    from difflib import get_close_matches

    return [plain[name] for name in get_close_matches(canonical(model), plain, n=n, cutoff=0.6)]
