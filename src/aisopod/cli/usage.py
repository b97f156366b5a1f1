"""`aisopod usage`: what was used and what it cost, from the ledger."""

import asyncio
import csv
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import click
import msgspec

from aisopod import AsyncClient
from aisopod.cli.settings import Settings
from aisopod.cli.text import visible
from aisopod.stores import Group

__all__ = ["usage"]

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_BAR = 24


def _time(context: click.Context, option: click.Parameter, value: str | None) -> datetime | None:
    """A day, a moment, or how long ago."""
    if value is None:
        return None
    ago = re.fullmatch(r"(\d+)([hdw])", value)
    try:
        if ago:
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        time = datetime.fromisoformat(value)
    except OverflowError:
        raise click.BadParameter(f"{value!r} is before all time", context, option) from None
    except ValueError:
        remedy = "write 2026-11-01, 2026-11-01T08:00, 12h, 7d or 4w"
        raise click.BadParameter(f"{value!r} is no time: {remedy}", context, option) from None
    # A day without a zone is one of the ledger's, which are UTC's.
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@click.command()
@click.option(
    "--by",
    multiple=True,
    metavar="KEY",
    help="day, provider, model, profile, session, tag (each one) or tag:NAME; may be repeated."
    " Else by model.",
)
@click.option("--since", callback=_time, metavar="TIME", help="A day, a time, or 12h, 7d, 4w ago.")
@click.option("--until", callback=_time, metavar="TIME", help="The same; before then.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--csv", "as_csv", is_flag=True, help="A table for spreadsheets.")
@click.pass_obj
def usage(
    settings: Settings, by: tuple[str, ...], since: datetime | None, until: datetime | None,
    *, as_json: bool, as_csv: bool,
) -> None:  # fmt: skip
    """Sum up what was used: requests, tokens and what they cost at list price."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    keys = by or ("model",)
    groups = asyncio.run(_groups(settings, keys, since, until))
    if as_json:
        for group in groups:
            click.echo(msgspec.json.encode(group))
    elif as_csv:
        _write_csv(groups, keys)
    else:
        _show(groups, keys)


async def _groups(
    settings: Settings, by: Sequence[str], since: datetime | None, until: datetime | None
) -> list[Group]:
    async with AsyncClient(settings.config) as client:
        return await client.usage(by, since=since, until=until)


def _write_csv(groups: Sequence[Group], keys: Sequence[str]) -> None:
    writer = csv.writer(sys.stdout)
    fields = [name for name in _counts(None) if name != "quality"]
    facts = ("quality", "uncounted", "cost_usd", "unpriced", "outcomes")
    writer.writerow([*keys, "requests", *fields, *facts])
    for group in groups:
        counts = _counts(group)
        writer.writerow(
            [
                *(group.keys[key] for key in keys),
                group.requests,
                *(counts[name] for name in fields),
                counts["quality"],
                group.uncounted,
                group.costs.get("USD", ""),
                group.unpriced,
                " ".join(f"{name}={count}" for name, count in group.outcomes.items()),
            ]
        )


def _counts(group: Group | None) -> dict[str, Any]:
    from aisopod import TokenUsage

    told = group.usage if group is not None else TokenUsage()
    empty: dict[str, Any] = dict.fromkeys(TokenUsage.__struct_fields__, "")
    return empty if told is None else msgspec.structs.asdict(told)


def _show(groups: Sequence[Group], keys: Sequence[str]) -> None:
    """A line for each, with a bar by what it cost, or by its tokens where that is not known."""
    if not groups:
        click.echo("nothing is in the ledger for that time", err=True)
        return
    names = [visible(" ".join(group.keys[key] or "-" for key in keys)) for group in groups]
    width = max(len(name) for name in names)
    priced = any(group.costs.get("USD") for group in groups)
    sizes = [group.costs.get("USD", Decimal(0)) if priced else _tokens(group) for group in groups]
    largest = max(sizes) or 1
    for name, group, size in zip(names, groups, sizes, strict=True):
        bar = "█" * round(_BAR * float(size / largest))
        click.echo(f"{name:<{width}}  {_line(group)}  {bar}".rstrip())
    if len(groups) > 1 and "tag" not in keys:  # a request stands at each of its tags
        click.echo(f"{'total':<{width}}  {_line(_total(groups))}")


def _line(group: Group) -> str:
    used = group.usage
    tokens = f"{used.input_tokens:>12,} in {used.output_tokens:>10,} out" if used else " " * 31
    cost = group.costs.get("USD")
    money = f"{cost:>10.4f} USD" if cost is not None else " " * 14
    failed = group.requests - group.outcomes.get("ok", 0)
    notes = [
        f"{failed:,} not ok" if failed else "",
        f"{group.uncounted:,} without a count" if group.uncounted else "",
        f"{group.unpriced:,} without a price" if group.unpriced else "",
        used.quality if used and used.quality != "exact" else "",
    ]
    told = ", ".join(note for note in notes if note)
    return f"{group.requests:>7,} requests {tokens} {money}" + (f"  ({told})" if told else "")


def _tokens(group: Group) -> Decimal:
    return Decimal(group.usage.total_tokens if group.usage else 0)


def _total(groups: Sequence[Group]) -> Group:
    outcomes: dict[str, int] = {}
    costs: dict[str, Decimal] = {}
    used = None
    for group in groups:
        for name, count in group.outcomes.items():
            outcomes[name] = outcomes.get(name, 0) + count
        for currency, cost in group.costs.items():
            costs[currency] = costs.get(currency, Decimal(0)) + cost
        if group.usage is not None:
            used = group.usage if used is None else used + group.usage
    return Group(
        keys={},
        requests=sum(group.requests for group in groups),
        outcomes=outcomes,
        usage=used,
        uncounted=sum(group.uncounted for group in groups),
        costs=costs,
        unpriced=sum(group.unpriced for group in groups),
    )
