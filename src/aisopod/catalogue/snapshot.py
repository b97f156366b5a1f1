"""The list of models that comes with aisopod, read from its file when somebody first asks.

scripts/build_catalogue.py makes the file.
"""

from decimal import Decimal
from functools import cache
from importlib.resources import files

import msgspec
from msgspec.structs import replace

from aisopod.catalogue.facts import Facts, ModelFacts, Source, sourced
from aisopod.catalogue.ids import Key, is_regional, keys
from aisopod.catalogue.prices import Price, times

__all__ = ["TABLED_PROVIDERS", "Row", "Snapshot", "load", "offered", "rows_of", "stored_facts"]

# Whose models a provider offers under the vendor's own names and prices: tables, and what the
# names in them begin with.
_TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "anthropic": (("anthropic", ""),),
    "azure": (("openai", ""),),
    "bedrock": (("bedrock", ""),),
    "bedrock-anthropic": (("bedrock", "anthropic."),),
    "gemini": (("gemini", ""),),
    "openai": (("openai", ""),),
    "vertex": (("gemini", ""), ("anthropic", "")),
}


TABLED_PROVIDERS = ("anthropic", "bedrock", "gemini", "openai")
"""Whose models have rows of their own."""


class Row(msgspec.Struct, frozen=True):
    """One model.

    Attributes:
        given: key of a source -> what it says.
        id: the name to ask for; None where it is the one that the row stands under.
    """

    given: dict[str, Facts]
    id: str | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """The file.

    Attributes:
        sources: key of a source -> its name and date.
        models: provider -> canonical name -> the model.
    """

    sources: dict[str, Source]
    models: dict[str, dict[str, Row]]


@cache
def load() -> Snapshot:
    """The snapshot, read and checked once."""
    data = files(__package__).joinpath("snapshot.json").read_bytes()
    return msgspec.json.decode(data, type=Snapshot)


@cache
def rows_of(provider: str) -> dict[str, Row]:
    """Canonical name -> row, of every model that the provider is known to offer."""
    models = load().models
    return {
        name: row
        for table, beginning in _TABLES.get(provider, ())
        for name, row in models[table].items()
        if name.startswith(beginning)
    }


def offered(provider: str) -> list[str]:
    """Names of every model that the provider is known to offer."""
    return sorted(row.id or name for name, row in rows_of(provider).items())


def stored_facts(provider: str, model: str) -> list[ModelFacts]:
    """What the snapshot says, in layers: the most specific name first, then by source."""
    rows = rows_of(provider)
    return [
        layer
        for key in keys(model)
        if (row := rows.get(key.id))
        for layer in _layers(provider, model, key, row)
    ]


def _layers(provider: str, model: str, key: Key, row: Row) -> list[ModelFacts]:
    layers = []
    for name, facts in row.given.items():
        source = load().sources[name]
        layers.append(
            sourced(provider, model, _as_asked(provider, model, key, facts, source), source)
        )
    return layers


def _as_asked(provider: str, model: str, key: Key, facts: Facts, source: Source) -> Facts:
    """What a row says, as it holds for the model that this key was made from."""
    if not key.same_price:
        return replace(facts, price=None, display_name=None, lifecycle=None, released=None)
    if facts.price is None:
        return facts
    return replace(facts, price=_price(provider, model, facts.price, source))


def _price(provider: str, model: str, price: Price, source: Source) -> Price | None:
    """The listed price as it is for this model's id, at this provider."""
    # What Google gives away on its Developer API costs the machine's hours on Vertex.
    if provider == "vertex" and price.input == price.output == 0:
        return None
    if price.regional_multiplier is not None:
        price = times(price, price.regional_multiplier if is_regional(model) else Decimal(1))
    return replace(price, source=source.name, as_of=source.as_of)
