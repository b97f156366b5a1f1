"""`aisopod explain`: who would be asked now, and who not, and why."""

import asyncio
import time

import click
import msgspec

from aisopod import AsyncClient, Explanation
from aisopod.cli.settings import Settings
from aisopod.cli.standing import told_state

__all__ = ["explain"]


@click.command()
@click.option("-m", "--model", metavar="PROVIDER/MODEL", help="Which model would be asked.")
@click.option(
    "--fallback",
    "fallbacks",
    multiple=True,
    metavar="PROVIDER/MODEL",
    help="Whom to ask when that one cannot answer; may be repeated.",
)
@click.option("--session", metavar="ID", help="The conversation.")
@click.option("--profile", metavar="PROVIDER:NAME", help="The only profile of its provider to use.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def explain(
    settings: Settings,
    model: str | None,
    fallbacks: tuple[str, ...],
    session: str | None,
    profile: str | None,
    as_json: bool,
) -> int:
    """Tell who would be asked now, who is passed over, why and until when. Asks nobody.

    Ends with 1 when nobody can be asked.
    """

    async def ask() -> Explanation:
        async with AsyncClient(settings.config) as client:
            return await client.explain(
                model, models=fallbacks, session_id=session, profile=profile
            )

    found = asyncio.run(ask())
    if as_json:
        click.echo(msgspec.json.encode(found))
        return 0 if found.chosen else 1
    now = time.time()
    for state in found.considered:
        mark = "-> " if state == found.chosen else "   "
        named = f"{state.provider}/{state.model}"
        text = told_state(state, now, colour=settings.colour, mark=mark)
        click.echo(settings.masked(text if state.model in text else f"{text}  {named}"))
    if found.chosen is None:
        click.echo("nobody can be asked now", err=True)
    return 0 if found.chosen else 1
