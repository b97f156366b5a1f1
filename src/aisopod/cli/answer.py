"""Shows an answer: on a terminal, in a pipe, or as one JSON value a line."""

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import click
import msgspec

from aisopod import AisopodError, Attempt, ChatCompletion, ChatCompletionChunk
from aisopod.cli.text import visible

__all__ = ["JsonLines", "Printer", "Writer", "make_writer", "note_failure", "report"]


class Writer(Protocol):
    """Takes an answer as it comes."""

    def chunk(self, chunk: ChatCompletionChunk) -> None:
        """Show what a chunk adds."""

    def whole(self, response: ChatCompletion) -> None:
        """Show an answer that came in one piece."""

    def end(self, response: ChatCompletion) -> None:
        """Show what the whole tells beyond its chunks."""

    def failed(self, error: AisopodError) -> None:
        """Close what was begun: the answer broke off."""


class Printer:
    """Text for people; on a terminal with the thinking before it, dimmed.

    Args:
        terminal: whether stdout is one.
        colour: whether it takes colour codes.
    """

    def __init__(self, *, terminal: bool, colour: bool) -> None:
        self._terminal = terminal
        self._colour = colour
        self._thinking = False
        self._last = "\n"

    def chunk(self, chunk: ChatCompletionChunk) -> None:
        """Show what a chunk adds."""
        delta = chunk.delta
        if delta.thinking:
            self._think(delta.thinking)
        for text in (delta.content, delta.refusal):
            if text:
                self._say(text)

    def whole(self, response: ChatCompletion) -> None:
        """Show an answer that came in one piece."""
        if response.thinking:
            self._think(response.thinking)
        for text in (response.text, response.message.refusal):
            if text:
                self._say(text)

    def end(self, response: ChatCompletion) -> None:
        """Name the calls that the model wants made, one a line."""
        self._close()
        for call in response.tool_calls:
            arguments = " ".join(call.arguments.split())
            self._write(f"tool call: {call.name}({arguments})\n", fg="cyan")

    def failed(self, error: AisopodError) -> None:  # noqa: ARG002
        """End the line that was begun."""
        self._close()

    def _think(self, text: str) -> None:
        # In a pipe the answer is wanted, and nothing but the answer.
        if not self._terminal:
            return
        self._thinking = True
        self._write(text, dim=True)

    def _say(self, text: str) -> None:
        if self._thinking:
            self._thinking = False
            self._write("\n" if self._last == "\n" else "\n\n")
        self._write(text)

    def _close(self) -> None:
        self._thinking = False
        if self._last != "\n":
            self._write("\n")

    def _write(self, text: str, **style: Any) -> None:
        self._last = text[-1]
        shown = visible(text) if self._terminal else text
        if self._colour and style:
            shown = click.style(shown, **style)
        # Not click.echo, which would strip what looks like colour from a piped answer.
        sys.stdout.write(shown)
        sys.stdout.flush()


class JsonLines:
    """One JSON object a line: `{"chunk": …}` for each chunk, `{"response": …}` at the end."""

    def chunk(self, chunk: ChatCompletionChunk) -> None:
        """Write the chunk."""
        _write_json({"chunk": chunk})

    def whole(self, response: ChatCompletion) -> None:
        """Nothing: the last line has it."""

    def end(self, response: ChatCompletion) -> None:
        """Write the folded whole."""
        _write_json({"response": response})

    def failed(self, error: AisopodError) -> None:
        """Write the error as the last line, with what had come."""
        told = {
            "type": type(error).__name__,
            "message": str(error),
            "retryable": error.retryable,
            "scope": error.scope,
            "attempts": error.attempts,
        }
        _write_json({"error": told, "partial": error.partial})


def make_writer(*, as_json: bool, terminal: bool, colour: bool) -> Writer:
    """The writer for where the answer goes."""
    return JsonLines() if as_json else Printer(terminal=terminal, colour=colour)


def _write_json(value: Any) -> None:  # noqa: ANN401
    # Unknown is left out rather than written as null: a chunk is mostly what it is not.
    lean = _lean(msgspec.to_builtins(value))
    click.echo(msgspec.json.encode(lean) + b"\n", nl=False)


def _lean(value: Any) -> Any:  # noqa: ANN401
    """Without nulls, and without the response's headers, which --debug shows masked."""
    if isinstance(value, dict):
        if value.keys() >= {"rate_limits", "headers"}:
            value = {key: inner for key, inner in value.items() if key != "headers"}
        return {key: _lean(inner) for key, inner in value.items() if inner is not None}
    return [_lean(inner) for inner in value] if isinstance(value, list) else value


_NOTES = {
    "length": "the answer was cut off at its token limit (--max-tokens)",
    "content_filter": "the provider's content filter stopped the answer",
    "refusal": "the model refused",
    "pause": "the model paused its turn; send the conversation back to go on",
    "error": "the provider reports that the answer failed",
}


def report(response: ChatCompletion, *, verbose: bool) -> None:
    """Say on stderr what the user should know of the answer, and with `verbose` its facts."""
    for warning in response.warnings:
        click.echo(visible(f"warning: {warning.message}"), err=True)
    if note := _NOTES.get(response.finish_reason or ""):
        click.echo(f"note: {note}", err=True)
    if verbose:
        for line in _facts(response):
            click.echo(visible(line), err=True)


def note_failure(
    options: Mapping[str, Any],
) -> Callable[[Attempt, AisopodError], None] | None:
    """Tells a person on the terminal, while it goes on, that somebody could not answer."""
    if not options["verbose"] and not sys.stderr.isatty():
        return None

    def note(attempt: Attempt, error: AisopodError) -> None:
        target = f"{attempt.provider}/{attempt.model} by {attempt.profile}"
        click.echo(visible(f"note: {target}: {error.message}"), err=True)

    return note


def _attempts(response: ChatCompletion) -> Iterator[str]:
    """One line for each attempt."""
    for number, attempt in enumerate(response.attempts, 1):
        facts = [
            attempt.outcome,
            attempt.error or "",
            f"rule {attempt.rule}" if attempt.rule else "",
            f"{attempt.seconds:.3f} s",
            f"after waiting {attempt.waited:.1f} s" if attempt.waited else "",
            "trying it again" if attempt.probe else "",
        ]
        target = f"{attempt.provider}/{attempt.model} by {attempt.profile}"
        yield f"attempt {number}: {target}: {', '.join(fact for fact in facts if fact)}"


def _facts(response: ChatCompletion) -> list[str]:
    usage, info = response.usage, response.info
    lines = [*_attempts(response), f"model: {response.model}"]
    lines.append(f"finish reason: {response.finish_reason}")
    if usage:
        lines.append(
            f"tokens: {usage.input_tokens} in ({usage.cache_read_tokens} from the cache), "
            f"{usage.output_tokens} out ({usage.reasoning_tokens} reasoning)"
        )
    if info:
        times = [("first token", info.first_token_seconds), ("total", info.total_seconds)]
        known = [f"{name} {seconds:.3f} s" for name, seconds in times if seconds is not None]
        lines += [f"time: {', '.join(known)}"] if known else []
        lines += [f"request id: {info.request_id}"] if info.request_id else []
        lines += [
            f"rate limit of {name}: {limit.remaining} of {limit.limit} left"
            for name, limit in info.rate_limits.items()
        ]
    return lines
