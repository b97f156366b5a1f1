"""`aisopod explain-error`: what an answer means to aisopod, and by which rule."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from aisopod import Config, ProviderError, Rule
from aisopod.cli.failures import remedy_for
from aisopod.cli.settings import Settings
from aisopod.cli.text import visible
from aisopod.codecs.rules import all_matches, check_patterns, evidence_of, reclassified
from aisopod.config import find_host, settings_for
from aisopod.policy.failover import verdict_on
from aisopod.providers.host import Host

__all__ = ["explain_error"]


def _read_header(
    context: click.Context,  # noqa: ARG001 - click's order
    parameter: click.Parameter,  # noqa: ARG001
    values: tuple[str, ...],
) -> dict[str, str]:
    """`name: value` as curl shows it."""
    headers: dict[str, str] = {}
    for value in values:
        name, colon, rest = value.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter(f"{value!r} is not of the form 'name: value'")
        headers[name.strip().lower()] = rest.strip()
    return headers


@click.command("explain-error")
@click.argument("provider")
@click.option("--status", type=click.IntRange(100, 599), help="HTTP status; none inside a stream.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    callback=_read_header,
    help="A header of the answer; may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.argument("body", required=False)
@click.pass_obj
def explain_error(
    settings: Settings,
    provider: str,
    status: int | None,
    headers: dict[str, str],
    as_json: bool,
    body: str | None,
) -> None:
    """Tell what error an answer of PROVIDER is, and which rule says so. Nothing is sent.

    BODY is the answer's body, or a stream's error frame: a text, @FILE, or - for stdin.
    """
    explained = _explain(settings.config, provider, status, headers, _read_body(body))
    if as_json:
        click.echo(msgspec.json.encode(explained))
        return
    click.echo(settings.masked(visible(_told(explained))))


def _read_body(body: str | None) -> bytes:
    if body == "-" or (body is None and sys.stdin and not sys.stdin.isatty()):
        return sys.stdin.buffer.read()
    if body is None or not body.startswith("@"):
        return (body or "").encode("utf-8", "surrogateescape")
    try:
        return Path(body[1:]).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{body[1:]}: {error.strerror}", param_hint="BODY") from error


def _explain(
    config: Config, provider: str, status: int | None, headers: dict[str, str], body: bytes
) -> dict[str, Any]:
    host = find_host(provider, config)
    if not isinstance(host, Host):
        raise click.UsageError(f"{provider} is a third party's provider: it has rules of its own")
    own = settings_for(host, config).rules
    mine = check_patterns([*own, *config.rules])
    read = host.codec.decode_error(status, headers, body)
    error = reclassified(read, mine, headers)
    evidence = host.codec.read_failure(status, headers, body)
    matching = [
        *all_matches(mine, evidence_of(read, headers)),
        *all_matches(host.codec.rules, evidence),
    ]
    return _facts(error, matching)


def _facts(error: ProviderError, matching: Sequence[Rule]) -> dict[str, Any]:
    rule = matching[0] if matching else None
    verdict = verdict_on(error)
    return {
        "error": type(error).__name__,
        "rule": error.rule,
        "scope": error.scope,
        "retryable": error.retryable,
        "retry_after": error.retry_after,
        "then": verdict.action.replace("_", " "),
        "why": verdict.why,
        "message": error.message,
        "status": error.status,
        "code": error.code,
        "remedy": rule.remedy if rule and rule.remedy else remedy_for(error),
        "source": rule.source if rule else "",
        "also_matched": [each.id for each in matching[1:]],
    }


def _told(facts: dict[str, Any]) -> str:
    wait = facts["retry_after"]
    retryable = "no" if not facts["retryable"] else "yes"
    if wait is not None:
        retryable += f", after {wait:g} s"
    lines = {
        "rule": facts["rule"],
        "scope": facts["scope"],
        "retryable": retryable,
        "then": f"{facts['then']}: {facts['why']}",
        "message": facts["message"],
        "remedy": facts["remedy"],
        "source": facts["source"],
        "also matched": ", ".join(facts["also_matched"]),
    }
    told = [f"  {name + ':':<13} {value}" for name, value in lines.items() if value]
    return "\n".join([facts["error"], *told])
