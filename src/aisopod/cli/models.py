"""`aisopod models`: which models there are, and what is known of them."""

import math
import sys
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import click
import msgspec

import aisopod
from aisopod.catalogue import ModelFacts, Price
from aisopod.cli.failures import told
from aisopod.cli.settings import Settings
from aisopod.cli.text import visible
from aisopod.config import Config, usable_providers
from aisopod.routing.known import ModelList, build_directory, kept_listings, known, listed

__all__ = ["models"]

_NOTHING = (
    "no provider is set up: set a key such as ANTHROPIC_API_KEY or OPENAI_API_KEY, name a "
    "provider, as in `aisopod models ollama`, or see all that are known by `aisopod models --all`"
)


def _no_nan(_: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """`nan` is a number for click, and compares with nothing."""
    if value is not None and math.isnan(value):
        raise click.BadParameter(f"{value} is no sum of money", param=param)
    return value


class _Listing(click.Group):
    """`aisopod models openai` lists: a word that is no command belongs to `list`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Listing)
def models() -> None:
    """List models, with filters; show, search, and ask the providers anew.

    `aisopod models [PROVIDER]` is `aisopod models list`.
    """


@models.command("list")
@click.argument("provider", required=False)
@click.option("--provider", "named", metavar="NAME", help="The same as PROVIDER.")
@click.option("--vision", is_flag=True, help="Those that see images.")
@click.option("--tools", is_flag=True, help="Those that call tools.")
@click.option("--reasoning", is_flag=True, help="Those that can reason first.")
@click.option("--min-context", type=int, metavar="TOKENS", help="Those with a window as large.")
@click.option(
    "--max-price",
    type=click.FloatRange(min=0),
    callback=_no_nan,
    metavar="USD",
    help="Those whose input costs no more per million.",
)
@click.option("--all", "everything", is_flag=True, help="All that are known; asks nobody.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def list_(
    settings: Settings, /, *, provider: str | None, named: str | None, everything: bool,
    as_json: bool, **filters: Any,
) -> int:  # fmt: skip
    """List the models of PROVIDER, or of every provider that is set up.

    In a pipe each line is PROVIDER/MODEL, ready for --model. Listings are kept for a day.
    """
    if provider and named and provider != named:
        raise click.UsageError(f"PROVIDER is {provider}, and --provider {named}: name one of them")
    wanted = provider or named
    if everything:
        found = _known(settings.config, wanted)
    else:
        found = _kept(settings.config, wanted) or _asked(settings, wanted, refresh=False)
    for problem in found.problems.values():
        click.echo(told(problem), err=True)
    if as_json or sys.stdout.isatty() or any(filters.values()):
        _show([model for model in found.models if _passes(model, **filters)], as_json=as_json)
    else:
        _show_names(found.names)
    if found.stale:
        _renew(settings, found.stale)
    return 1 if found.problems else 0


@models.command()
@click.argument("provider", required=False)
@click.pass_obj
def refresh(settings: Settings, provider: str | None) -> int:
    """Ask PROVIDER, or every provider that is set up, for its listing now."""
    found = _asked(settings, provider, refresh=True)
    for problem in found.problems.values():
        click.echo(told(problem), err=True)
    for name in sorted(found.listed_at.keys() - found.problems.keys()):
        count = sum(provider == name for provider, _ in found.names)
        click.echo(f"{name}: {count} models", err=True)
    return 1 if found.problems else 0


@models.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def search(settings: Settings, words: tuple[str, ...], *, as_json: bool) -> int:
    """Find models by words of their names, among all that are known. Asks nobody."""
    wanted = [word.lower() for word in words]
    found = [
        model
        for model in _known(settings.config).models
        if all(word in _searched(model) for word in wanted)
    ]
    _show(found, as_json=as_json)
    return 0 if found else 1


@models.command()
@click.argument("model", metavar="PROVIDER/MODEL")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def show(settings: Settings, model: str, *, as_json: bool) -> int:
    """Show what is known of a model, from whom and of what date. Asks nobody."""
    client = aisopod.AsyncClient(settings.config)
    facts = client.model(model)
    others = client.contradictions(model)
    if as_json:
        click.echo(msgspec.json.encode({**_fields(facts), "differences": others}))
        return 0 if facts.sources else 1
    click.echo(visible(f"{facts.provider}/{facts.id}"))
    for name, source in facts.sources.items():
        said = f"{source.name}, {source.as_of}" if source.as_of else source.name
        click.echo(visible(f"  {name:<18} {_value(getattr(facts, name)):<34}  ({said})"))
    for other in others:
        click.echo(visible(
            f"  the server's listing differs in {other.field}: {_value(other.theirs)}, not "
            f"{_value(other.ours)}"
        ))  # fmt: skip
    if facts.context_window is None and facts.price is None:
        directory = build_directory(settings.config, kept_listings(settings.config))
        names = directory.nearest(facts.provider, facts.id)
        near = [f"{facts.provider}/{name}" for name in names if name != facts.id]
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        click.echo(visible(f"  it is in no list{hint}"), err=True)
    return 0 if facts.sources else 1


def _known(config: Config, provider: str | None = None) -> ModelList:
    kept = kept_listings(config)
    return known(build_directory(config, kept), config, kept, provider)


def _kept(config: Config, provider: str | None) -> ModelList | None:
    """What is on disk, if that is all; who only reads need not load what asks."""
    names = [provider] if provider else usable_providers(config)
    if not names:
        raise aisopod.ConfigurationError(_NOTHING)
    kept = kept_listings(config)
    found = kept.known(names)
    return (
        listed(build_directory(config, kept), names, found)
        if len(found.listings) == len(names)
        else None
    )


def _asked(settings: Settings, provider: str | None, *, refresh: bool) -> ModelList:
    import asyncio

    async def ask() -> ModelList:
        async with aisopod.AsyncClient(settings.config) as client:
            return await client.models(provider, refresh=refresh, renew=False)

    found = asyncio.run(ask())
    # With one provider, or with none that answers, that is the answer.
    if found.problems and not found.listed_at:
        raise next(iter(found.problems.values()))
    return found


def _searched(model: ModelFacts) -> str:
    return f"{model.provider}/{model.id} {model.display_name or ''}".lower()


def _renew(settings: Settings, providers: Iterable[str]) -> None:
    """Ask for what is stale in a process of its own, which nobody waits for."""
    import os
    import subprocess

    file = ["--config", settings.config_file] if settings.config_file else []
    for provider in providers:
        command = [sys.executable, "-m", "aisopod", *file, "models", "refresh", provider]
        subprocess.Popen(  # noqa: S603 - this program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=dict(os.environ),
        )


def _passes(
    model: ModelFacts, *, vision: bool, tools: bool, reasoning: bool,
    min_context: int | None, max_price: float | None,
) -> bool:  # fmt: skip
    """Whether it is known to be what was asked for."""
    price = model.price.input if model.price else None
    return not (
        (vision and "image" not in (model.input_modalities or ()))
        or (tools and not model.tools)
        or (reasoning and model.reasoning in (None, "none"))
        or (min_context and (model.context_window or 0) < min_context)
        or (max_price is not None and (price is None or price > Decimal(str(max_price))))
    )


def _show(found: list[ModelFacts], *, as_json: bool) -> None:
    ordered = sorted(found, key=lambda model: (model.provider, model.id))
    if as_json:
        for model in ordered:
            click.echo(msgspec.json.encode(_fields(model)))
        return
    names = [visible(f"{model.provider}/{model.id}") for model in ordered]
    if not sys.stdout.isatty():
        _show_names([(model.provider, model.id) for model in ordered])
        return
    width = max((len(name) for name in names), default=0)
    for name, model in zip(names, ordered, strict=True):
        click.echo(f"{name:<{width}}  {visible(_row(model))}".rstrip())


def _show_names(names: list[tuple[str, str]]) -> None:
    for provider, model in sorted(names):
        click.echo(visible(f"{provider}/{model}"))


def _row(model: ModelFacts) -> str:
    window = f"{model.context_window / 1000:,.0f}k" if model.context_window else ""
    price = model.price
    cost = f"{price.input}/{price.output} USD" if price and price.input is not None else ""
    abilities = [
        "vision" if "image" in (model.input_modalities or ()) else "",
        "tools" if model.tools else "",
        "reasoning" if model.reasoning not in (None, "none") else "",
        model.lifecycle if model.lifecycle not in (None, "active") else "",
    ]
    return f"{window:>7}  {cost:<16}  {' '.join(word for word in abilities if word)}"


def _fields(model: ModelFacts) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(model)
    return {name: value for name, value in fields.items() if value is not None}


def _value(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, frozenset | tuple):
        return ", ".join(sorted(value) if isinstance(value, frozenset) else value) or "none"
    if isinstance(value, Price):
        return _price(value)
    return str(value)


def _price(price: Price) -> str:
    """Rates per million tokens, and those of longer prompts with their limits."""

    def rates(of: msgspec.Struct) -> str:
        told = msgspec.to_builtins(of)
        skipped = {"source", "as_of", "currency", "tiers", "tier_rule", "above"}
        return ", ".join(f"{name} {rate}" for name, rate in told.items() if name not in skipped)

    longer = "".join(f"; above {tier.above:,} tokens {rates(tier)}" for tier in price.tiers)
    return f"{rates(price)} USD per million{longer}"
