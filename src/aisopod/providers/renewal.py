"""One look-up of a credential at a time, however many wait for it."""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from aisopod.errors import AisopodError
from aisopod.providers.host import Credential

if TYPE_CHECKING:
    # Every host's module leads here, also that of a program which only looks at hosts.
    import asyncio

__all__ = ["Renewal"]

_C = TypeVar("_C", bound=Credential)


class Renewal(Generic[_C]):
    """Runs a look-up that blocks in a thread; who asks meanwhile waits for the same one.

    Args:
        look_up: gives a credential; raises errors of aisopod only.
    """

    def __init__(self, look_up: Callable[[], _C]) -> None:
        self._look_up = look_up
        self._task: asyncio.Task[_C | AisopodError] | None = None

    async def credential(self) -> _C:
        """What the look-up brings.

        Raises:
            AisopodError: what it raises.
        """
        import asyncio

        # Whoever started it may be cancelled; the others still wait for it.
        outcome = await asyncio.shield(self._shared())
        if isinstance(outcome, AisopodError):
            # A copy each: whoever catches it adds its provider and model.
            raise copy.copy(outcome)
        return outcome

    def _shared(self) -> "asyncio.Task[_C | AisopodError]":
        import asyncio

        task = self._task
        # A task of a loop that is gone will never end.
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = asyncio.create_task(self._looked_up(), name="aisopod credentials")
            self._task = task
        return task

    async def _looked_up(self) -> _C | AisopodError:
        import asyncio

        # Errors are handed over as values: an exception that nobody waits for any more would be
        # reported as never retrieved.
        try:
            return await asyncio.to_thread(self._look_up)
        except AisopodError as error:
            return error
