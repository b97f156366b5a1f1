"""`aisopod models`: what the providers offer."""

import asyncio
import sys

import click
import msgspec

from aisopod import AisopodError, AsyncClient, ConfigurationError, ModelInfo
from aisopod.cli.failures import told
from aisopod.cli.settings import Settings
from aisopod.cli.text import visible

__all__ = ["models"]


@click.command()
@click.argument("provider", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def models(settings: Settings, provider: str | None, as_json: bool) -> int:
    """List the models of PROVIDER, or of every provider that is set up.

    In a pipe each line is PROVIDER/MODEL, ready for --model.
    """
    return asyncio.run(_models(settings, provider, as_json=as_json))


async def _models(settings: Settings, provider: str | None, *, as_json: bool) -> int:
    async with AsyncClient(settings.config) as client:
        names = [provider] if provider else client.usable_providers()
        if not names:
            raise ConfigurationError(
                "no provider is set up: set a key such as ANTHROPIC_API_KEY or OPENAI_API_KEY, "
                "or name a provider, as in `aisopod models ollama`"
            )
        results = await asyncio.gather(
            *(client.list_models(name) for name in names), return_exceptions=True
        )
    found: list[ModelInfo] = []
    failures: list[AisopodError] = []
    for result in results:
        if isinstance(result, AisopodError):
            failures.append(result)
        elif isinstance(result, BaseException):
            raise result
        else:
            found.extend(result)
    if failures and not found:
        raise failures[0]
    # One provider that fails must not hide the others.
    for failure in failures:
        click.echo(told(failure), err=True)
    _show(found, as_json=as_json)
    return 1 if failures else 0


def _show(found: list[ModelInfo], *, as_json: bool) -> None:
    ordered = sorted(found, key=lambda model: (model.provider, model.id))
    if as_json:
        for model in ordered:
            fields = msgspec.to_builtins(model)
            known = {key: value for key, value in fields.items() if value is not None}
            click.echo(msgspec.json.encode(known) + b"\n", nl=False)
        return
    names = [visible(f"{model.provider}/{model.id}") for model in ordered]
    if not sys.stdout.isatty():
        for name in names:
            click.echo(name)
        return
    width = max((len(name) for name in names), default=0)
    for name, model in zip(names, ordered, strict=True):
        click.echo(f"{name:<{width}}  {visible(_facts(model))}".rstrip())


def _facts(model: ModelInfo) -> str:
    facts = [
        model.display_name if model.display_name != model.id else None,
        f"{model.context_window:,} tokens" if model.context_window else None,
        ", ".join(sorted(model.capabilities)) if model.capabilities else None,
        model.lifecycle if model.lifecycle != "active" else None,
    ]
    return "; ".join(fact for fact in facts if fact)
