"""What is known of models without asking anybody: limits, abilities, behaviour, prices.

Everything unknown is None, and every fact has a source and a date. Nothing is read before the
first question.
"""

from aisopod.catalogue.facts import (
    Difference,
    Facts,
    ModelFacts,
    Source,
    differences,
    merge,
    sourced,
)
from aisopod.catalogue.ids import canonical
from aisopod.catalogue.lines import ALIASES, aliases, newest
from aisopod.catalogue.lookup import facts_for, nearest, nearest_anywhere
from aisopod.catalogue.prices import Price, Tier, cost_of
from aisopod.catalogue.service import is_standard
from aisopod.catalogue.snapshot import TABLED_PROVIDERS, offered

__all__ = [
    "ALIASES",
    "TABLED_PROVIDERS",
    "Difference",
    "Facts",
    "ModelFacts",
    "Price",
    "Source",
    "Tier",
    "aliases",
    "canonical",
    "cost_of",
    "differences",
    "facts_for",
    "is_standard",
    "merge",
    "nearest",
    "nearest_anywhere",
    "newest",
    "offered",
    "sourced",
]
