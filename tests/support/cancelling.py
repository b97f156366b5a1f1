"""Cancellation at a place that is told by counting."""

import asyncio
import itertools
import types
from collections.abc import Coroutine, Generator
from typing import Any

__all__ = ["ended"]


async def ended(coroutine: Coroutine[Any, Any, Any], place: int) -> bool:
    """Whether it came to its end although it was to be cancelled there.

    Args:
        coroutine: what is run, as a task.
        place: how many times it waits before the task is cancelled.
    """

    async def whole() -> None:
        await _cancelled_at(place, coroutine)

    try:
        await asyncio.create_task(whole())
    except asyncio.CancelledError:
        return False
    return True


@types.coroutine
def _cancelled_at(place: int, coroutine: Coroutine[Any, Any, Any]) -> Generator[Any, Any, None]:
    task = asyncio.current_task()
    assert task is not None
    advance: Any = coroutine.send
    value: Any = None
    for count in itertools.count():
        try:
            waited = advance(value)
        except StopIteration:
            return
        if count == place:
            task.cancel()
        try:
            value, advance = (yield waited), coroutine.send
        except BaseException as error:  # noqa: BLE001 - whatever comes is the coroutine's
            value, advance = error, coroutine.throw
