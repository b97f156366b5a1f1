"""`aisopod chat`: one answer, or a conversation."""

import asyncio
import sys
from typing import Any

import click
import msgspec

import aisopod
from aisopod import AisopodError, AsyncClient, Config
from aisopod.cli.answer import make_writer, note_failure, report
from aisopod.cli.inputs import (
    read_attachments,
    read_prompt,
    read_schema,
    read_thinking,
    read_tools,
    user_message,
)
from aisopod.cli.settings import Settings
from aisopod.cli.wire import show_wire
from aisopod.config import usable_url

__all__ = ["chat"]


@click.command()
@click.argument("prompt", required=False)
@click.option("-m", "--model", metavar="PROVIDER/MODEL", help="Which model to ask.")
@click.option(
    "--fallback",
    "fallbacks",
    multiple=True,
    metavar="PROVIDER/MODEL",
    help="Whom to ask when that one cannot answer; may be repeated.",
)
@click.option("--profile", metavar="PROVIDER:NAME", help="The only profile of its provider to use.")
@click.option(
    "--max-wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long to wait for somebody to come back; 0 never waits.",
)
@click.option("-s", "--system", metavar="TEXT", help="The system prompt.")
@click.option(
    "--image", "images", multiple=True, metavar="PATH|URL", help="An image; may be repeated."
)
@click.option(
    "--file",
    "files",
    multiple=True,
    metavar="PATH",
    help="A PDF, text, sound or film; may be repeated.",
)
@click.option(
    "--tool-schema", metavar="FILE", help="JSON of one tool or a list. Calls are shown, not made."
)
@click.option("--json-schema", metavar="FILE|JSON", help="Answer in JSON that fits this schema.")
@click.option(
    "--output-retries",
    type=click.IntRange(min=0),
    default=0,
    metavar="NUMBER",
    help="Ask again when the answer does not fit --json-schema; it comes in one piece.",
)
@click.option(
    "--thinking",
    callback=read_thinking,
    metavar="EFFORT|TOKENS",
    help="none, minimal, low, medium, high, xhigh, max, or a number of tokens.",
)
@click.option("--temperature", type=float, metavar="NUMBER", help="Randomness, 0 to 2.")
@click.option(
    "--max-tokens", type=click.IntRange(min=1), metavar="NUMBER", help="The longest answer."
)
@click.option("--stop", multiple=True, metavar="TEXT", help="Stop there; may be repeated.")
@click.option("--no-stream", is_flag=True, help="Ask for the answer in one piece.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: chunks, response.")
@click.option("--base-url", metavar="URL", help="Where the provider answers.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="For the whole answer.",
)
@click.option("-v", "--verbose", is_flag=True, help="Tokens, times and ids, on stderr.")
@click.option("--debug", is_flag=True, help="The wire on stderr, secrets masked.")
@click.pass_obj
def chat(
    settings: Settings,
    /,
    prompt: str | None,
    images: tuple[str, ...],
    files: tuple[str, ...],
    tool_schema: str | None,
    json_schema: str | None,
    timeout: float | None,
    **options: Any,
) -> int:
    """Ask a model, or converse with it.

    With text piped in, that is the prompt, or the document after PROMPT. Without a prompt on a
    terminal a conversation begins.
    """
    stdin_is_free = "-" not in (*images, *files)
    text = read_prompt(prompt, stdin_is_free=stdin_is_free)
    parts = read_attachments(images, files)
    fields = _fields(options, tool_schema, json_schema)
    config = _with_timeout(settings.config, timeout)
    if options["max_wait"] is not None:
        failover = msgspec.structs.replace(config.failover, max_wait=options["max_wait"])
        config = msgspec.structs.replace(config, failover=failover)
    if options["debug"]:
        show_wire(config)
    if text is None:
        return _converse(settings, config, parts, fields, options)
    messages = [user_message(text, parts)]
    return asyncio.run(_answer(settings, config, {**fields, "messages": messages}, options))


def _fields(
    options: dict[str, Any], tool_schema: str | None, json_schema: str | None
) -> dict[str, Any]:
    """What every request of this run has in common."""
    base_url: str | None = options["base_url"]
    return {
        "model": options["model"],
        "models": options["fallbacks"],
        "profile": options["profile"],
        "system": options["system"],
        "temperature": options["temperature"],
        "max_tokens": options["max_tokens"],
        "stop": list(options["stop"]) or None,
        "reasoning": options["thinking"],
        "tools": read_tools(tool_schema) or None,
        "response_format": read_schema(json_schema),
        "base_url": usable_url(base_url, "--base-url") if base_url else None,
    }


def _with_timeout(config: Config, seconds: float | None) -> Config:
    """The configuration with this limit on whole answers, for every provider."""
    if seconds is None:
        return config
    replace = msgspec.structs.replace
    providers = {
        name: replace(provider, timeouts=replace(provider.timeouts, total=seconds))
        for name, provider in config.providers.items()
    }
    timeouts = replace(config.timeouts, total=seconds)
    return replace(config, timeouts=timeouts, providers=providers)


async def _answer(
    settings: Settings, config: Config, fields: dict[str, Any], options: dict[str, Any]
) -> int:
    """Ask once and show the answer; the exit code."""
    writer = make_writer(
        as_json=options["as_json"], terminal=sys.stdout.isatty(), colour=settings.colour
    )
    async with AsyncClient(config, on_failure=note_failure(options)) as client:
        try:
            # What was shown cannot be taken back, so it must fit first.
            retries = options["output_retries"]
            if options["no_stream"] or retries:
                response = await client.complete(**fields, output_retries=retries)
                writer.whole(response)
            else:
                async with client.stream(**fields) as stream:
                    async for chunk in stream:
                        writer.chunk(chunk)
                response = stream.response
        except AisopodError as error:
            writer.failed(error)
            raise
    writer.end(response)
    report(response, verbose=options["verbose"])
    if fields["response_format"] is not None and response.finish_reason == "stop":
        _ = response.parsed  # raises when it is no JSON
    return 4 if response.finish_reason == "error" else 0


def _converse(
    settings: Settings,
    config: Config,
    parts: list[aisopod.Part],
    fields: dict[str, Any],
    options: dict[str, Any],
) -> int:
    if options["as_json"] or not sys.stdout.isatty():
        raise click.UsageError("a conversation needs a terminal: give a prompt, or pipe one in")
    from aisopod.cli.conversation import Conversation

    conversation = Conversation(config, fields, parts, settings=settings, options=options)
    asyncio.run(conversation.run())
    return 0
