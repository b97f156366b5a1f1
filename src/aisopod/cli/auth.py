"""`aisopod auth`: profiles and logins."""

import os
import sys
from datetime import UTC, datetime

import click

from aisopod import ConfigurationError, config
from aisopod.cli.profiles import COMMANDS, show_states
from aisopod.cli.settings import Settings
from aisopod.providers._google.flow import client_config, log_in, read_client_secrets
from aisopod.providers._google.revoke import revoke
from aisopod.providers._google.store import LoginStore

__all__ = ["auth"]

_PROVIDERS = click.Choice(["gemini"])


@click.group()
def auth() -> None:
    """Keep several keys for a provider, see how each stands, and log in where that is possible."""


for command in COMMANDS:
    auth.add_command(command)


@auth.command()
@click.argument("provider", type=_PROVIDERS)
@click.option(
    "--client-secrets",
    metavar="FILE",
    help='The file of a client of the type "Desktop app", as Google\'s console gives it.',
)
@click.option("--client-id", metavar="ID", help="The client, in place of the file.")
@click.option(
    "--client-secret-env",
    metavar="NAME",
    help="Environment variable that holds its secret.",
)
@click.option("--no-browser", is_flag=True, help="Only show the link.")
@click.option(
    "--paste",
    is_flag=True,
    help="Open the link on another machine, and paste the address that it ends at.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where to be sent back to.")
@click.option("--project", help="The project that pays (x-goog-user-project).")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=300.0,
    show_default=True,
    help="Seconds to wait.",
)
def login(  # noqa: PLR0917 - click passes options as arguments
    provider: str,
    client_secrets: str | None,
    client_id: str | None,
    client_secret_env: str | None,
    no_browser: bool,
    paste: bool,
    port: int,
    project: str | None,
    timeout: float,
) -> None:
    """Log in to PROVIDER with a browser, and keep the login for every later call."""
    if client_secrets:
        client = read_client_secrets(client_secrets)
    elif client_id:
        client = client_config(client_id, _secret(client_secret_env))
    else:
        raise click.UsageError(
            "an application to log in with is needed: --client-secrets FILE, of a client of the "
            'type "Desktop app" from https://console.cloud.google.com/apis/credentials'
        )
    found = log_in(
        client,
        show=lambda link: click.echo(f"Open this link to log in:\n{link}", err=True),
        open_browser=not (no_browser or paste),
        port=port,
        timeout=timeout,
        ask=_ask if paste else None,
        quota_project=project,
    )
    store = _store(provider)
    with store.lock():
        store.save(found)
    click.echo(f"Logged in. The login is kept in {store.place()}.", err=True)


def _secret(variable: str | None) -> str:
    if variable is None:
        return ""
    found = os.environ.get(variable, "").strip()
    if not found:
        raise ConfigurationError(f"--client-secret-env names {variable}, which is not set")
    return found


def _ask() -> str:
    click.echo("Paste the address at which the browser ended:", err=True)
    return sys.stdin.readline()


@auth.command()
@click.argument("provider", type=_PROVIDERS)
def logout(provider: str) -> None:
    """Forget the login of PROVIDER, here and there."""
    store = _store(provider)
    if not store.exists():
        raise ConfigurationError(f"there is no login of {provider}")
    problem = _revoked(store)
    with store.lock():
        store.delete()
    told = "and revoked" if problem is None else f"but could not be revoked there: {problem}"
    click.echo(f"The login is forgotten here, {told}.", err=True)


def _revoked(store: LoginStore) -> str | None:
    """What went wrong, in words: what cannot be read or revoked can be forgotten all the same."""
    try:
        found = store.load()
    except ConfigurationError as error:
        return str(error)
    return revoke(found) if found is not None else "the keyring does not hold it any more"


@auth.command()
@click.argument("provider", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line; without logins.")
@click.pass_obj
def status(settings: Settings, provider: str | None, as_json: bool) -> None:
    """Show how each profile stands: healthy, cooling until when and why, disabled and what to do.

    After them, which logins there are, and where.
    """
    show_states(settings, provider, as_json=as_json)
    if not as_json and provider in (None, *_PROVIDERS.choices):
        _show_logins()


def _show_logins() -> None:
    for provider in _PROVIDERS.choices:
        store = _store(provider)
        found = store.load()
        if found is None:
            click.echo(f"{provider}: no login")
            continue
        until = datetime.fromtimestamp(found.expiry, UTC).strftime("%Y-%m-%d %H:%M UTC")
        click.echo(f"{provider}: logged in, in {store.place()}; the token holds until {until}")


def _store(provider: str) -> LoginStore:
    return LoginStore(config.logins_folder(), provider)
