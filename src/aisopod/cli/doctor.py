"""`aisopod doctor`: whether the providers that are set up can be expected to answer."""

import asyncio

import click
import msgspec

from aisopod import AisopodError, AsyncClient, ConfigurationError, ProviderHealth
from aisopod.cli.settings import Settings
from aisopod.cli.text import visible

__all__ = ["doctor"]


@click.command()
@click.argument("providers", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def doctor(settings: Settings, providers: tuple[str, ...], as_json: bool) -> int:
    """Check PROVIDERS, or every provider that is set up. No tokens are spent.

    Ends with 1 if one of them is not well.
    """
    found = asyncio.run(_checked(settings, providers))
    for health in found:
        if as_json:
            click.echo(msgspec.json.encode({**msgspec.to_builtins(health), "ok": health.ok}))
        else:
            click.echo(settings.masked(_told(health, colour=settings.colour)))
    return 0 if all(health.ok for health in found) else 1


async def _checked(settings: Settings, providers: tuple[str, ...]) -> list[ProviderHealth]:
    async with AsyncClient(settings.config) as client:
        names = list(providers) or client.usable_providers()
        if not names:
            raise ConfigurationError(
                "no provider is set up: set a key such as ANTHROPIC_API_KEY, or name a provider, "
                "as in `aisopod doctor ollama`"
            )
        return await asyncio.gather(*(_health(client, name) for name in names))


async def _health(client: AsyncClient, name: str) -> ProviderHealth:
    try:
        return await client.health_check(name)
    except AisopodError as error:
        # It cannot even be asked: no region, no extra, no such provider.
        return ProviderHealth(provider=name, reachable=False, problem=str(error))


def _told(health: ProviderHealth, *, colour: bool) -> str:
    facts = [
        "reachable" if health.reachable else "not reachable",
        {True: "authorised", False: "not authorised", None: ""}[health.authorised],
        f"{health.latency_seconds * 1000:.0f} ms" if health.latency_seconds is not None else "",
    ]
    mark = "ok " if health.ok else "bad"
    if colour:
        mark = click.style(mark, fg="green" if health.ok else "red")
    line = f"{mark}  {health.provider}: {', '.join(fact for fact in facts if fact)}"
    problem = f"\n     {visible(health.problem)}" if health.problem else ""
    return line + problem
