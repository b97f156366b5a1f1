"""Asking the catalogue."""

from functools import lru_cache

from aisopod.catalogue.facts import Facts, ModelFacts, Source, merge, sourced
from aisopod.catalogue.ids import canonical, moving_line
from aisopod.catalogue.lines import newest
from aisopod.catalogue.offline import offline_facts
from aisopod.catalogue.snapshot import rows_of

__all__ = ["facts_for", "nearest"]

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


def nearest(provider: str, model: str, n: int = 3) -> list[str]:
    """Names of the provider's models that a mistyped one may have meant, the likeliest first."""
    # People leave out vendors and dates, so names are compared without; the plainest stands for all.
    plain: dict[str, str] = {}
    for name, row in sorted(rows_of(provider).items(), key=lambda item: len(item[0])):
        plain.setdefault(canonical(name), row.id or name)
    from difflib import get_close_matches

    found = get_close_matches(canonical(model), plain, n=n, cutoff=0.6)
    return [plain[name] for name in found]
