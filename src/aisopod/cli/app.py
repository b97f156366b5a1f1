"""The commands' group, and the one place where every failure ends."""

import os
import signal
import sys
from importlib import import_module
from typing import Any

import click

from aisopod import __version__
from aisopod.cli.failures import exit_code, told
from aisopod.cli.settings import Settings

__all__ = ["run"]

# Loaded when called: `aisopod --help` needs no HTTP library, `chat` no progress bar.
_COMMANDS = {
    "chat": "Ask a model, or converse with it.",
    "models": "List, show and search models, with what is known of them.",
    "usage": "Sum up what was used and what it cost.",
    "pull": "Download a model to the machine that serves it.",
    "auth": "Keep several keys for a provider, see how each stands, log in and out.",
    "explain": "Tell who would be asked now, and who not, and why.",
    "doctor": "Check every provider that is set up; costs no tokens.",
    "config": "Show, find and check the configuration.",
    "explain-error": "Tell what an answer of a provider means, and by which rule.",
    "simulate": "Run a local server that speaks the wires, for tests and trials.",
    "demo": "Show a streamed answer, a tool call and the usage.",
}
_MODULES = {"config": "configuration", "explain-error": "explain_error"}

_EPILOG = """\b
Exit codes:
  0    done
  1    the provider refused or failed, or could not be reached
  2    wrong usage or input; nothing was sent
  3    wrong configuration, or a missing key
  4    the answer broke off; what had come was printed
  130  stopped by Ctrl-C
"""


# Before click 8.2 the help is printed and nothing raised.
_NO_COMMAND: type[click.UsageError] | tuple[()] = getattr(click.exceptions, "NoArgsIsHelpError", ())


class _Lazy(click.Group):
    """Knows its commands by name, and loads the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"aisopod.cli.{_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    help="Configuration that stands in for the user's and the project's.",
)
@click.pass_obj
def aisopod(settings: Settings, config_file: str | None) -> None:
    """Chat with any model, by PROVIDER/MODEL."""
    settings.config_file = config_file


def run(arguments: list[str]) -> int:
    """Run a command; every failure becomes an exit code and, on stderr, one block of text."""
    _accept_any_text()
    settings = Settings()
    try:
        # Not click's own main, which prints on Ctrl-C and ends with 1 when a pipe is closed.
        with aisopod.make_context("aisopod", arguments, obj=settings) as context:
            result: Any = aisopod.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _interrupted()
    except BrokenPipeError:
        # The reader has had enough, as `head` does: no failure, and nobody to tell.
        _silence_stdout()
        return 0
    except _NO_COMMAND as error:
        click.echo(error.format_message())
        return 2
    except Exception as error:
        if settings.wants_traceback and not isinstance(error, click.ClickException):
            raise
        _complain(settings.masked(told(error)))
        return exit_code(error)
    return result if isinstance(result, int) else 0


def _interrupted() -> int:
    if sys.stdout.isatty():
        # The shell's prompt belongs on a line of its own.
        sys.stdout.write("\n")
    return 128 + signal.SIGINT


def _complain(block: str) -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
    click.echo(block, err=True)


def _silence_stdout() -> None:
    """Point stdout at nothing: the interpreter flushes it once more at its end."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def _accept_any_text() -> None:
    """A model may write what the terminal's encoding lacks; that must not end the answer."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
