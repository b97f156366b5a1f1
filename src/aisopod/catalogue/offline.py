"""What the snapshot and the families' rules say of one name."""

from functools import lru_cache

from aisopod.catalogue.facts import ModelFacts, merge
from aisopod.catalogue.families import family_facts
from aisopod.catalogue.snapshot import stored_facts

__all__ = ["offline_facts"]


@lru_cache(maxsize=256)
def offline_facts(provider: str, model: str) -> ModelFacts:
    """All that is known without asking anybody; of a name that moves, what it says itself."""
    layers = [*stored_facts(provider, model), *family_facts(provider, model)]
    return merge(provider, model, layers)
