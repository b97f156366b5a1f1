"""What is known of a model, and from whom: every fact has a source and a date.

Facts come in layers (a user's overrides, what the server lists, the snapshot, a family's rules);
the first layer that knows a field is believed.
"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from aisopod.catalogue.prices import Price

__all__ = [
    "FIELDS",
    "Difference",
    "Facts",
    "ModelFacts",
    "Source",
    "differences",
    "merge",
    "sourced",
]

Modality = Literal["text", "image", "pdf", "audio", "video"]


class Source(msgspec.Struct, frozen=True):
    """Who says something.

    Attributes:
        name: a data set, a document, `live` for the server itself, `user` for an override.
        as_of: the day that it speaks of, ISO 8601; None where it does not say.
    """

    name: str
    as_of: str | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What can be known of a model. None is unknown, never a guess.

    Attributes:
        family: the line that it belongs to, such as `claude-opus`.
        display_name: a name for people.
        context_window: tokens of prompt and answer together.
        max_output_tokens: the longest answer, in tokens.
        input_modalities: what it reads.
        tools: whether it calls tools.
        parallel_tools: whether one answer may hold several calls.
        structured_output: how an answer is made to follow a schema: by the wire's own field
            (`native`), by a forced `tool`, as `json` without a schema, or not at all.
        reasoning: `none`; `optional`, off unless asked for; `default_on`, can be turned off;
            `always`.
        reasoning_control: what steers it: a token `budget`, `adaptive` with efforts, an `effort`,
            a `level`; `none` where nothing does.
        efforts: the words for how much, from the least to the most; empty where it takes none.
            Those of the wire that aisopod speaks, without the one that turns reasoning off.
        sampling: whether temperature and its like are taken.
        forced_tool_choice: whether a tool can be forced.
        prefill: whether it continues an assistant message at the end of the prompt.
        cache: prompt caching: `auto`, `explicit` by marks in the request, or `none`.
        price: list prices.
        lifecycle: `active`, `deprecated` or `retired`.
        released: day of its release, ISO 8601.
    """

    family: str | None = None
    display_name: str | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    input_modalities: frozenset[Modality] | None = None
    tools: bool | None = None
    parallel_tools: bool | None = None
    structured_output: Literal["native", "tool", "json", "none"] | None = None
    reasoning: Literal["none", "optional", "default_on", "always"] | None = None
    reasoning_control: Literal["budget", "adaptive", "effort", "level", "none"] | None = None
    efforts: tuple[str, ...] | None = None
    sampling: Literal["allowed", "rejected", "only_when_reasoning_off"] | None = None
    forced_tool_choice: bool | None = None
    prefill: bool | None = None
    cache: Literal["none", "auto", "explicit"] | None = None
    price: Price | None = None
    lifecycle: Literal["active", "deprecated", "retired"] | None = None
    released: str | None = None


class ModelFacts(Facts, frozen=True, kw_only=True):
    """Facts of one model, each with its source.

    Attributes:
        id: the model's id, as it was asked for.
        provider: id of the provider.
        sources: field's name -> who says so; has every field that is known, and no other.
    """

    id: str
    provider: str
    sources: dict[str, Source] = {}


class Difference(msgspec.Struct, frozen=True):
    """A field that two layers know, and disagree about."""

    field: str
    ours: Any
    theirs: Any
    our_source: Source | None
    their_source: Source | None


FIELDS: tuple[str, ...] = tuple(Facts.__struct_fields__)


def sourced(provider: str, model: str, facts: Facts, source: Source) -> ModelFacts:
    """One layer, all of it from one source."""
    known = _known(facts)
    return ModelFacts(id=model, provider=provider, sources=dict.fromkeys(known, source), **known)


def merge(provider: str, model: str, layers: Iterable[ModelFacts]) -> ModelFacts:
    """The layers as one; for each field the first that knows it is believed."""
    known: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for layer in layers:
        for field, value in _known(layer).items():
            if field not in known:
                known[field] = value
                sources[field] = layer.sources.get(field) or Source("unknown")
    return ModelFacts(id=model, provider=provider, sources=sources, **known)


def differences(ours: ModelFacts, theirs: ModelFacts) -> list[Difference]:
    """The fields that both know and disagree about, such as a snapshot's and the server's."""
    mine, yours = _known(ours), _known(theirs)
    return [
        Difference(
            field, mine[field], yours[field], ours.sources.get(field), theirs.sources.get(field)
        )
        for field in FIELDS
        if field in mine and field in yours and mine[field] != yours[field]
    ]


def _known(facts: Facts) -> dict[str, Any]:
    return {field: value for field in FIELDS if (value := getattr(facts, field)) is not None}
