"""`aisopod pull`: downloads a model to the machine that serves it."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Protocol

import click

from aisopod import AsyncClient, PullProgress
from aisopod.cli.settings import Settings
from aisopod.cli.text import visible

__all__ = ["pull"]


@click.command()
@click.argument("model", metavar="PROVIDER/MODEL")
@click.pass_obj
def pull(settings: Settings, model: str) -> None:
    """Download a model, as in `aisopod pull ollama/qwen3`."""
    asyncio.run(_pull(settings, model))


async def _pull(settings: Settings, model: str) -> None:
    async with AsyncClient(settings.config) as client:
        steps = client.pull(model)
        with _Bars() if sys.stdout.isatty() and settings.colour else _Lines() as show:
            async with _closing(steps):
                async for step in steps:
                    show.step(step)
    click.echo(f"{model} is here")


@contextlib.asynccontextmanager
async def _closing(steps: AsyncIterator[PullProgress]) -> AsyncIterator[None]:
    """Close the iterator at once when the download is given up."""
    try:
        yield
    finally:
        close = getattr(steps, "aclose", None)
        if close is not None:
            await close()


class _Display(Protocol):
    def step(self, step: PullProgress) -> None: ...


class _Bars(contextlib.AbstractContextManager[_Display]):
    """A bar for each layer, on a terminal."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TransferSpeedColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
        )
        self._tasks: dict[str, object] = {}
        self._status = ""

    def __enter__(self) -> _Display:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def step(self, step: PullProgress) -> None:
        """Show the step."""
        if not step.total:
            if step.status != self._status:
                self._status = step.status
                self._progress.console.print(visible(step.status), markup=False, highlight=False)
            return
        name = _name(step)
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=step.total)
        self._progress.update(self._tasks[name], completed=step.completed or 0)  # type: ignore[arg-type] # rich's TaskID


class _Lines(contextlib.AbstractContextManager[_Display]):
    """A line for each tenth of a layer, in a pipe."""

    def __init__(self) -> None:
        self._shown = ""

    def __enter__(self) -> _Display:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def step(self, step: PullProgress) -> None:
        """Write the step, unless it is much as the last one."""
        line = visible(step.status)
        if step.total:
            tenth = 10 * (step.completed or 0) // step.total
            line = f"{_name(step)}: {10 * tenth}% of {step.total:,} bytes"
        if line != self._shown:
            self._shown = line
            click.echo(line)


def _name(step: PullProgress) -> str:
    """A layer's digest in the short form that people know."""
    return visible((step.digest or step.status).removeprefix("sha256:")[:12])
