"""`aisopod config`: what holds, from which files, and whether it can work."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import click

from aisopod import AsyncClient, Config, ConfigurationError
from aisopod.cli.settings import Settings
from aisopod.cli.text import visible
from aisopod.config import exposed_files, find_files, proxy_for, to_toml, user_file
from aisopod.routing.candidates import Candidate, chain_of
from aisopod.routing.known import by_family

__all__ = ["config"]


@click.group()
def config() -> None:
    """Show, find and check the configuration."""


@config.command()
@click.pass_obj
def show(settings: Settings) -> None:
    """Print what holds, of all files and the environment, as TOML. Keys show as ***."""
    for file in settings.config.sources:
        click.echo(f"# from {visible(str(file))}")
    click.echo(to_toml(settings.config), nl=False)


@config.command()
@click.pass_obj
def path(settings: Settings) -> None:
    """Print the files that count, the weaker first."""
    files = find_files(settings.config_file)
    for file in files:
        click.echo(str(file))
    if not files:
        click.echo(f"there is none; yours would be {user_file()}", err=True)


@config.command()
@click.pass_obj
def check(settings: Settings) -> int:
    """Look for mistakes: keys and values, credentials, addresses, who may read your keys."""
    config = settings.config
    problems = list(dict.fromkeys(asyncio.run(_problems(config))))
    for file in exposed_files(config):
        click.echo(
            f"warning: {visible(str(file))} holds a key and others may read it; "
            f"remedy: chmod 600 {visible(str(file))}"
        )
    for problem in problems:
        click.echo(visible(f"error: {problem}"), err=True)
    if not problems:
        count = len(config.sources)
        click.echo(f"the configuration is sound ({count} file{'s' * (count != 1)})")
    return 3 if problems else 0


async def _problems(config: Config) -> list[str]:
    async with AsyncClient(config) as client:
        return list(_unusable(client, config))


def _unusable(client: AsyncClient, config: Config) -> Iterator[str]:
    """What keeps the named providers and their profiles from being used; nothing is sent."""
    names = list(config.providers)
    chain: Sequence[Candidate] = ()
    try:
        if config.default_model is not None:
            family = partial(by_family, config=config)
            chain = chain_of([config.default_model], config.aliases, family)
    except ConfigurationError as error:
        yield f"default_model: {error}"
    # Who has no key is passed over, as long as there is somebody.
    providers = dict.fromkeys(candidate.provider for candidate in chain)
    if not any(_has_profiles(client, name) for name in providers):
        names += [name for name in providers if name not in names]
    # Any address outside of this machine shows whether the proxy can be used.
    checks: list[Callable[[], object]] = [
        partial(proxy_for, "https://provider.invalid", config.network),
        *(partial(client.provider, name) for name in names),
    ]
    for check_one in checks:
        try:
            check_one()
        except ConfigurationError as error:
            yield str(error)
    for name in names:
        yield from _unusable_profiles(client, name)


def _has_profiles(client: AsyncClient, provider: str) -> bool:
    try:
        return bool(client.profiles(provider))
    except ConfigurationError:
        return False


def _unusable_profiles(client: AsyncClient, provider: str) -> Iterator[str]:
    """What is wrong with single profiles; no command is run for it."""
    if not _has_profiles(client, provider):
        return
    for profile in client.profiles(provider):
        if not profile.blocking or profile.settings.keyring:
            try:
                profile.load()
            except ConfigurationError as error:
                yield str(error)
