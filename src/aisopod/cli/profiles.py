"""`aisopod auth` beyond logins: the profiles that a provider has, and how they stand."""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from aisopod import (
    AisopodError,
    AsyncClient,
    ConfigurationError,
    ProfileState,
    ProviderConfig,
    ProviderHealth,
)
from aisopod.cli.settings import Settings
from aisopod.cli.standing import told_state, word_for
from aisopod.cli.text import visible
from aisopod.config import Profile, find_host, sendable, stored, usable_url
from aisopod.providers.host import Host, Platform

__all__ = ["COMMANDS", "show_states"]


def _split(profile: str) -> tuple[str, str]:
    """`provider:name`; the name is `default` when left out."""
    provider, _, name = profile.partition(":")
    return provider, name or "default"


def _read_secret(what: str, hint: str = "") -> str:
    """A secret from a pipe, or typed without being shown. Never from an argument."""
    if sys.stdin.isatty():
        secret: str = click.prompt(what, hide_input=True, err=True)
    else:
        secret = sys.stdin.readline()
    if not secret.strip():
        raise click.UsageError(f"no {what} was given on standard input{hint}")
    return secret.strip()


@click.command()
@click.argument("profile", metavar="PROVIDER[:NAME]")
@click.option("--env", "variable", metavar="VARIABLE", help="The variable that holds the key.")
@click.option("--file", metavar="PATH", help="The file that holds the key.")
@click.option("--command", metavar="LINE", help="The command that prints the key.")
@click.option("--keyring", is_flag=True, help="Keep the key in the system's keyring.")
@click.option(
    "--platform",
    is_flag=True,
    help="No key: use what the vendor's own tools find, as of `aws configure` or `gcloud auth`.",
)
@click.option("--token", is_flag=True, help="It is a bearer token, not an API key.")
@click.option(
    "--models", multiple=True, metavar="PATTERN", help="Models that it may serve; may be repeated."
)
@click.option("--base-url", metavar="URL", help="Where the provider answers for it.")
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of the provider."
)
@click.option("--weight", type=click.FloatRange(0, min_open=True), help="Its share, beside others.")
@click.option("--disabled", is_flag=True, help="Keep it, but do not use it.")
@click.option("--replace", is_flag=True, help="In place of a profile of that name.")
@click.pass_obj
def add(settings: Settings, /, profile: str, replace: bool, **given: Any) -> None:
    """Add a profile. Without --env, --file, --command, --keyring or --platform the key itself is kept.

    The key is read from standard input, or typed without being shown.
    """
    provider, name = _split(profile)
    platform = _platform_of(settings, provider)
    table = {**_limits(given), **_place(given, f"{provider}:{name}", platform)}

    def change(values: dict[str, Any]) -> None:
        profiles = stored.stored_provider(values, provider).setdefault("profiles", {})
        if name in profiles and not replace:
            raise click.UsageError(f"there is a profile {provider}:{name} already: add --replace")
        profiles[name] = table

    file = stored.change_stored(change)
    click.echo(f"{provider}:{name} is kept in {file}", err=True)


def _place(given: dict[str, Any], profile: str, platform: Platform | None) -> dict[str, Any]:
    """Where the key is; it is asked for where aisopod keeps it."""
    places = [key for key in ("variable", "file", "command", "keyring", "platform") if given[key]]
    if len(places) > 1:
        raise click.UsageError(
            "the key is in one place: --env, --file, --command, --keyring or --platform"
        )
    match places:
        case ["platform"]:
            if platform is None or given["token"]:
                raise click.UsageError(
                    f"--platform: no tools of a vendor find a credential for {profile}: give a key"
                    if platform is None
                    else "--platform takes no --token: what the vendor's tools find says what it is"
                )
            return {"kind": platform.kind}
        case ["variable"]:
            if not os.environ.get(given["variable"]):
                click.echo(f"note: {given['variable']} is not set here yet", err=True)
            return {"api_key_env": given["variable"]}
        case ["file"]:
            file = Path(given["file"]).expanduser().absolute()
            if not file.is_file():
                click.echo(f"note: there is no file {file} yet", err=True)
            return {"api_key_file": str(file)}
        case ["command"]:
            return {"api_key_command": given["command"]}
        case ["keyring"]:
            stored.put_into_keyring(profile, sendable(_read_secret("key"), "the key").reveal())
            return {"keyring": True}
        case _:
            hint = "; for what the vendor's own tools find, give --platform" if platform else ""
            secret = sendable(_read_secret("key", hint), "the key").reveal()
            return {"token" if given["token"] else "api_key": secret}


def _limits(given: dict[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    if given["token"]:
        table["kind"] = "token"
    if given["models"]:
        table["models"] = list(given["models"])
    if given["base_url"]:
        table["base_url"] = usable_url(given["base_url"], "--base-url")
    for option in given["options"]:
        key, equals, value = option.partition("=")
        if not (key and equals):
            raise click.BadParameter(f"{option!r} is not of the form NAME=VALUE")
        table.setdefault("options", {})[key] = value
    if given["weight"]:
        table["weight"] = given["weight"]
    if given["disabled"]:
        table["enabled"] = False
    return table


def _platform_of(settings: Settings, provider: str) -> Platform | None:
    """Who finds the provider's credentials without a key; a name that nobody has is refused.

    Raises:
        UnknownProviderError: most likely it is a typing error.
    """
    host = find_host(provider, settings.config)
    return host.platform if isinstance(host, Host) else None


@click.command()
@click.argument("profile", metavar="PROVIDER:NAME")
def remove(profile: str) -> None:
    """Forget a profile, and its key where aisopod keeps it."""
    provider, name = _split(profile)
    removed: dict[str, Any] = {}

    def change(values: dict[str, Any]) -> None:
        table = stored.stored_provider(values, provider)
        profiles = table.get("profiles", {})
        if name not in profiles:
            raise ConfigurationError(
                f"the credentials file holds no profile {provider}:{name}: what is in the "
                "configuration or the environment is removed there (`aisopod auth list` tells where)"
            )
        removed.update(profiles.pop(name))
        if name in table.get("order", []):
            table["order"].remove(name)

    file = stored.change_stored(change)
    if removed.get("keyring"):
        stored.delete_from_keyring(f"{provider}:{name}")
    click.echo(f"{provider}:{name} is removed from {file}", err=True)


@click.command()
@click.argument("provider")
@click.argument("names", nargs=-1)
@click.option("--clear", is_flag=True, help="Let the profiles take turns again.")
@click.pass_obj
def order(settings: Settings, provider: str, names: tuple[str, ...], clear: bool) -> None:
    """Use the profiles NAMES of PROVIDER in this order; without names, show the order."""
    if clear:
        _keep_order(provider, None)
        return
    profiles = {profile.id: profile for profile in asyncio.run(_profiles(settings, provider))}
    if not names:
        for profile in profiles.values():
            click.echo(f"{profile.rank}  {profile.id}")
        return
    short = [name.removeprefix(f"{provider}:") for name in names]
    for name in short:
        if f"{provider}:{name}" not in profiles:
            raise ConfigurationError(
                f"there is no profile {provider}:{name}; there are {', '.join(profiles)}"
            )
    _keep_order(provider, short)


def _keep_order(provider: str, names: list[str] | None) -> None:
    """Write the order; None forgets it, whatever profiles there are."""

    def change(values: dict[str, Any]) -> None:
        table = stored.stored_provider(values, provider)
        table.pop("order", None)
        if names is not None:
            table["order"] = names

    stored.change_stored(change)


async def _profiles(settings: Settings, provider: str) -> list[Profile]:
    async with AsyncClient(settings.config) as client:
        return client.profiles(provider)


@click.command("list")
@click.argument("provider", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def list_(settings: Settings, provider: str | None, as_json: bool) -> None:
    """List the profiles, and where the key of each is."""
    asyncio.run(_list(settings, provider, as_json=as_json))


async def _list(settings: Settings, provider: str | None, *, as_json: bool) -> None:
    async with AsyncClient(settings.config) as client:
        off = [name for name in settings.config.providers if _disabled(settings, name)]
        names = dict.fromkeys([provider] if provider else [*client.usable_providers(), *off])
        for name in names:
            try:
                profiles = client.profiles(name)
            except ConfigurationError as error:
                click.echo(visible(f"{name}: {error}"), err=True)
                profiles = []
            for profile in profiles:
                click.echo(_listed_json(profile) if as_json else _listed(profile))
            for unused in _disabled(settings, name):
                fields = {"profile": unused, "enabled": False}
                click.echo(msgspec.json.encode(fields) if as_json else f"{unused:<28}  disabled")


def _disabled(settings: Settings, provider: str) -> list[str]:
    of_provider = settings.config.providers.get(provider, ProviderConfig())
    return [
        f"{provider}:{name}"
        for name, profile in of_provider.profiles.items()
        if not profile.enabled
    ]


def _facts(profile: Profile) -> dict[str, Any]:
    settings = profile.settings
    facts: dict[str, Any] = {
        "profile": profile.id,
        "kind": profile.kind,
        "place": profile.place,
        "rank": profile.rank,
        "weight": settings.weight,
        "models": settings.models,
        "base_url": settings.base_url,
        "options": settings.options,
    }
    return {key: value for key, value in facts.items() if value not in (None, [], {})}


def _listed_json(profile: Profile) -> bytes:
    return msgspec.json.encode(_facts(profile))


def _listed(profile: Profile) -> str:
    settings = profile.settings
    extras = [f"weight {settings.weight:g}"] if settings.weight != 1 else []
    extras += [f"models {', '.join(settings.models)}"] if settings.models else []
    extras += [f"{key}={value}" for key, value in settings.options.items()]
    extras += [settings.base_url] if settings.base_url else []
    return visible("  ".join([f"{profile.id:<28}", f"{profile.kind:<8}", profile.place, *extras]))


@click.command()
@click.argument("profile", required=False, metavar="[PROVIDER[:NAME]]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def test(settings: Settings, profile: str | None, as_json: bool) -> int:
    """Ask the providers whether they take each profile's key; costs no tokens.

    A key that is taken is healthy again at once. Ends with 1 if one is not.
    """
    found = asyncio.run(_tested(settings, profile))
    for name, health in found:
        if as_json:
            fields = {"profile": name, **msgspec.to_builtins(health), "ok": health.ok}
            click.echo(msgspec.json.encode(fields))
        else:
            said = "ok" if health.ok else f"not ok: {health.problem}"
            click.echo(visible(settings.masked(f"{name:<28}  {said}")))
    return 0 if found and all(health.ok for _, health in found) else 1


async def _tested(settings: Settings, profile: str | None) -> Sequence[tuple[str, ProviderHealth]]:
    async with AsyncClient(settings.config) as client:
        bad: dict[str, ConfigurationError] = {}
        if profile is None:
            names, bad = _all_profiles(client)
        elif ":" in profile:
            names = [profile]
        else:
            names = [each.id for each in client.profiles(profile)]

        async def ask(name: str) -> ProviderHealth:
            try:
                return await client.check_profile(name)
            except AisopodError as error:
                return _unreached(name.partition(":")[0], error)

        answers = await asyncio.gather(*(ask(name) for name in names))
        others = [(provider, _unreached(provider, error)) for provider, error in bad.items()]
        return [*zip(names, answers, strict=True), *others]


def _all_profiles(client: AsyncClient) -> tuple[list[str], dict[str, ConfigurationError]]:
    """Every profile, and what is wrong with the providers that have none."""
    names: list[str] = []
    bad: dict[str, ConfigurationError] = {}
    for provider in client.usable_providers():
        try:
            names += [profile.id for profile in client.profiles(provider)]
        except ConfigurationError as error:
            bad[provider] = error
    return names, bad


def _unreached(provider: str, error: AisopodError) -> ProviderHealth:
    return ProviderHealth(provider=provider, reachable=False, problem=str(error))


@click.command()
@click.argument("profile", required=False, metavar="[PROVIDER:NAME]")
@click.option("--all", "everything", is_flag=True, help="Every profile.")
@click.pass_obj
def reset(settings: Settings, profile: str | None, everything: bool) -> int:
    """Forget the failures of a profile, and those of its provider."""
    if bool(profile) == everything:
        raise click.UsageError("name a profile, as in openai:work, or give --all")
    return asyncio.run(_reset(settings, profile))


async def _reset(settings: Settings, profile: str | None) -> int:
    async with AsyncClient(settings.config) as client:
        names, bad = ([":".join(_split(profile))], {}) if profile else _all_profiles(client)
        for name in names:
            await client.reset_profile(name)
            click.echo(f"{name}: its failures are forgotten", err=True)
        for provider, error in bad.items():
            click.echo(visible(f"{provider}: {error}"), err=True)
        return 1 if bad else 0


def show_states(settings: Settings, provider: str | None, *, as_json: bool) -> None:
    """How every profile stands."""
    states = asyncio.run(_states(settings, provider))
    for state in states:
        if as_json:
            fields = {"health": word_for(state), **msgspec.to_builtins(state)}
            click.echo(msgspec.json.encode(fields))
        else:
            text = told_state(state, time.time(), colour=settings.colour)
            click.echo(settings.masked(text))


async def _states(settings: Settings, provider: str | None) -> list[ProfileState]:
    async with AsyncClient(settings.config) as client:
        return await client.profile_states(provider)


COMMANDS = (add, list_, order, remove, reset, test)
