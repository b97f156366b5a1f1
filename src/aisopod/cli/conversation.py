"""The conversation on a terminal: prompt, answer, prompt, …, with commands that begin with `/`."""

import asyncio
import os
import shlex
import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

import click
import platformdirs
from prompt_toolkit import PromptSession
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from aisopod import (
    AisopodError,
    AsyncClient,
    ChatCompletion,
    Config,
    Message,
    Part,
    TokenUsage,
)
from aisopod.cli.answer import Printer, report
from aisopod.cli.failures import told
from aisopod.cli.inputs import user_message
from aisopod.cli.saved import load_conversation, save_conversation
from aisopod.cli.settings import Settings
from aisopod.cli.text import visible

__all__ = ["Conversation"]

_HELP = """\
/model NAME   ask this model from now on; without NAME, say which one is asked
/usage        tokens of this conversation so far
/save FILE    write the conversation as JSON
/load FILE    go on with a saved one
/reset        begin anew
/help         this
/exit         leave, as Ctrl-D does
Enter sends; Alt-Enter (or Esc, Enter) begins a new line; Ctrl-C stops the answer."""


class Conversation:
    """One conversation and its commands.

    Args:
        config: the configuration.
        fields: what every request has in common.
        parts: images and documents for the first turn.
        settings: what the terminal can do.
        options: the command line's options.
    """

    def __init__(
        self,
        config: Config,
        fields: dict[str, Any],
        parts: list[Part],
        *,
        settings: Settings,
        options: dict[str, Any],
    ) -> None:
        self._config = config
        self._fields = {**fields, "model": fields["model"] or config.default_model}
        self._parts = parts
        self._colour = settings.colour
        self._retries: int = options["output_retries"]
        # What was shown cannot be taken back, so it must fit first.
        self._stream = not (options["no_stream"] or self._retries)
        self._verbose: bool = options["verbose"]
        self._messages: list[Message] = []
        self._usage = TokenUsage()
        self._leaving = False
        self._commands: dict[str, Callable[[str], None]] = {
            "/model": self._set_model,
            "/usage": self._show_usage,
            "/save": self._save,
            "/load": self._load,
            "/reset": self._reset,
            "/help": lambda _: click.echo(_HELP),
            "/exit": self._leave,
        }

    async def run(self) -> None:
        """Converse until the user leaves."""
        click.echo(f"{self._fields['model'] or 'no model yet: /model NAME'} (/help tells more)")
        session = _session()
        async with AsyncClient(self._config) as client:
            while not self._leaving:
                try:
                    line = await session.prompt_async("> ")
                except KeyboardInterrupt:
                    click.echo("(Ctrl-D leaves)")
                    continue
                except EOFError:
                    break
                try:
                    await self._take(client, line)
                except AisopodError as error:
                    click.echo(told(error), err=True)

    async def _take(self, client: AsyncClient, line: str) -> None:
        name, _, argument = line.strip().partition(" ")
        if name in self._commands:
            self._commands[name](_unquoted(argument))
        elif name.startswith("/") and name.isascii() and name[1:].isalpha():
            click.echo(f"there is no command {name}: /help tells which there are", err=True)
        elif line.strip():
            await self._ask(client, line)

    async def _ask(self, client: AsyncClient, prompt: str) -> None:
        messages = [*self._messages, user_message(prompt, self._parts)]
        answering = _Answering(client, {**self._fields, "messages": messages}, colour=self._colour)
        stopped = await _stoppable(answering.run(stream=self._stream, retries=self._retries))
        response = answering.response
        if stopped:
            answering.printer.failed(AisopodError("stopped"))
            click.echo("(stopped)", err=True)
        if response is None:
            return
        self._usage += response.usage or TokenUsage()
        if stopped:
            # Only the text can stand alone: a cut call or unsigned thinking would be refused.
            if response.text:
                kept = Message(role="assistant", content=response.text)
                self._keep([*messages, kept])
            return
        report(response, verbose=self._verbose)
        self._keep([*messages, response.message, *_unmade(response)])

    def _keep(self, messages: list[Message]) -> None:
        self._messages = messages
        self._parts = []

    def _set_model(self, name: str) -> None:
        if name:
            self._fields["model"] = name
        click.echo(f"model: {self._fields['model'] or 'none yet: /model PROVIDER/NAME'}")

    def _show_usage(self, _: str) -> None:
        usage = self._usage
        click.echo(
            f"{usage.input_tokens} tokens in ({usage.cache_read_tokens} from the cache), "
            f"{usage.output_tokens} out ({usage.reasoning_tokens} reasoning), "
            f"{len(self._messages)} messages"
        )

    def _save(self, name: str) -> None:
        file = save_conversation(
            name, self._fields["model"], self._fields["system"], self._messages
        )
        click.echo(f"saved {len(self._messages)} messages to {visible(str(file))}")

    def _load(self, name: str) -> None:
        saved = load_conversation(name)
        self._messages = saved.messages
        self._fields["model"] = saved.model or self._fields["model"]
        self._fields["system"] = saved.system or self._fields["system"]
        self._usage = TokenUsage()
        click.echo(f"{len(saved.messages)} messages, model {self._fields['model']}")

    def _reset(self, _: str) -> None:
        self._messages = []
        self._usage = TokenUsage()
        click.echo("begun anew")

    def _leave(self, _: str) -> None:
        self._leaving = True


class _Answering:
    """One answer on its way; `response` is what has come of it, wherever it stops."""

    def __init__(self, client: AsyncClient, fields: dict[str, Any], *, colour: bool) -> None:
        self._client = client
        self._fields = fields
        self.printer = Printer(terminal=True, colour=colour)
        self.response: ChatCompletion | None = None

    async def run(self, *, stream: bool, retries: int) -> None:
        if not stream:
            self.response = await self._client.complete(**self._fields, output_retries=retries)
            self.printer.whole(self.response)
        else:
            async with self._client.stream(**self._fields) as answer:
                try:
                    async for chunk in answer:
                        self.printer.chunk(chunk)
                except AisopodError as error:
                    self.printer.failed(error)
                    raise
                finally:
                    self.response = answer.response
        self.printer.end(self.response)


def _unmade(response: ChatCompletion) -> list[Message]:
    """Results for the calls, which nobody makes here: without them no wire takes the next turn."""
    return [
        Message(
            role="tool",
            tool_call_id=call.id,
            name=call.name,
            content="This call was shown to the user and not made.",
            is_error=True,
        )
        for call in response.tool_calls
    ]


async def _stoppable(work: Coroutine[Any, Any, None]) -> bool:
    """Run until done or Ctrl-C; whether it was Ctrl-C."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    pressed = False

    def stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal pressed
        pressed = True
        loop.call_soon_threadsafe(task.cancel)

    before = signal.signal(signal.SIGINT, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not pressed:
            raise
        return True
    finally:
        signal.signal(signal.SIGINT, before)
    return False


def _session() -> PromptSession[str]:
    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return PromptSession(
        history=_history(), key_bindings=keys, multiline=True, reserve_space_for_menu=0
    )


def _history() -> FileHistory | None:
    """What was asked before; it is the user's own and readable for nobody else."""
    folder = platformdirs.user_state_path("aisopod")
    file = folder / "history"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        click.echo(f"note: nothing is remembered: {file}: {reason}", err=True)
        return None
    return FileHistory(str(file))


def _unquoted(argument: str) -> str:
    """A command's argument as a shell would take it, for file names with spaces."""
    try:
        words = shlex.split(argument)
    except ValueError:
        return argument.strip()
    return words[0] if len(words) == 1 else argument.strip()
