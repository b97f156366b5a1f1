"""The blocking face: the async client behind a portal, no second implementation.

One background thread runs one event loop for each Client. A stream is pumped into a queue, so
that a chunk costs the caller a queue's `get`, not a round trip between threads.
"""

import asyncio
import functools
import os
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from aisopod.catalogue import Difference, ModelFacts
from aisopod.client import AsyncClient, Stream
from aisopod.config import Config, Profile
from aisopod.errors import AisopodError
from aisopod.routing.known import ModelList
from aisopod.types import (
    Attempt,
    ChatCompletion,
    ChatCompletionChunk,
    PullProgress,
    Timeouts,
)

__all__ = ["Client", "SyncStream"]

P = ParamSpec("P")
T = TypeVar("T")

# How many chunks may wait for a slow reader before the pump waits for it.
_BACKLOG = 1024


class Portal:
    """A thread with an event loop, into which other threads call."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="aisopod", daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end and give its result; an interrupt cancels it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def start(
        self, coroutine: Coroutine[Any, Any, None], ended: Callable[[BaseException | None], None]
    ) -> Callable[[], object]:
        """Run a coroutine beside, and tell how it ended; gives what cancels it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        future.add_done_callback(lambda done: ended(None if done.cancelled() else done.exception()))
        return future.cancel

    def close(self) -> None:
        """End the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()


class _Pump(Generic[T]):
    """An async iterator, read in the portal's thread and given out in the caller's."""

    def __init__(self, portal: Portal, source: Callable[[], AsyncIterator[T]]) -> None:
        self._portal = portal
        self._source = source
        self._queue: queue.SimpleQueue[tuple[T] | BaseException | None] = queue.SimpleQueue()
        self._cancel: Callable[[], object] | None = None
        self._closed = threading.Event()
        self._ended = False

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._ended:
            raise StopIteration
        if self._cancel is None:
            self._cancel = self._portal.start(self._run(), self._queue.put)
        item = self._queue.get()
        if isinstance(item, tuple):
            return item[0]
        self._ended = True
        if item is None:
            raise StopIteration
        raise item

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading and wait until the connection is closed."""
        self._ended = True
        if self._cancel is not None and not self._closed.is_set():
            self._cancel()
            self._closed.wait(timeout=1.0)

    async def _run(self) -> None:
        put = self._queue.put
        iterator = self._source()
        try:
            async for item in iterator:
                put((item,))
                while self._queue.qsize() >= _BACKLOG:  # noqa: ASYNC110 - the reader is a thread
                    await asyncio.sleep(0.01)
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()
            self._closed.set()


class SyncStream:
    """One streamed answer, for a plain `for`. Use it in a `with`: leaving closes the connection."""

    def __init__(self, portal: Portal, stream: Stream) -> None:
        self._stream = stream
        self._pump: _Pump[ChatCompletionChunk] = _Pump(portal, stream.__aiter__)

    def __iter__(self) -> Iterator[ChatCompletionChunk]:
        return self._pump

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def response(self) -> ChatCompletion:
        """The answer as far as it has come."""
        return self._stream.response

    def collect(self) -> ChatCompletion:
        """Read to the end and give the whole answer.

        Raises:
            AisopodError: what iterating would raise.
        """
        for _ in self._pump:
            pass
        return self.response

    def close(self) -> None:
        """Close the connection, if the answer is still coming."""
        self._pump.close()


def _blocking(
    method: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["Client", P], T]:
    """The same method, which waits for its own end."""

    @functools.wraps(method)
    def wait(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._open().call(method(self._client, *args, **kwargs))

    return wait


def _streamed(
    method: Callable[Concatenate[AsyncClient, P], Stream],
) -> Callable[Concatenate["Client", P], SyncStream]:
    """The same method, for a plain `for`."""

    @functools.wraps(method)
    def open_(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> SyncStream:
        return SyncStream(self._open(), method(self._client, *args, **kwargs))

    return open_


def _direct(
    method: Callable[Concatenate[AsyncClient, P], T],
) -> Callable[Concatenate["Client", P], T]:
    """The same method, which waits for nothing."""

    @functools.wraps(method)
    def call(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return method(self._client, *args, **kwargs)

    return call


class Client:
    """AsyncClient for code without an event loop: the same calls, blocking.

    Args:
        config: as for AsyncClient.
        timeouts: as for AsyncClient.
        on_attempt: as for AsyncClient; called in the background thread, as are the next.
        on_failure: as for AsyncClient.
        on_switch: as for AsyncClient.
    """

    def __init__(
        self,
        config: Config | str | os.PathLike[str] | None = None,
        *,
        timeouts: Timeouts | None = None,
        on_attempt: Callable[[Attempt], object] | None = None,
        on_failure: Callable[[Attempt, AisopodError], object] | None = None,
        on_switch: Callable[[Attempt, Attempt], object] | None = None,
    ) -> None:
        self._client = AsyncClient(
            config,
            timeouts=timeouts,
            on_attempt=on_attempt,
            on_failure=on_failure,
            on_switch=on_switch,
        )
        self._portal: Portal | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def config(self) -> Config:
        """The configuration that it works by."""
        return self._client.config

    stream = _streamed(AsyncClient.stream)
    complete = _blocking(AsyncClient.complete)
    count_tokens = _blocking(AsyncClient.count_tokens)
    explain = _blocking(AsyncClient.explain)
    list_models = _blocking(AsyncClient.list_models)
    models = _blocking(AsyncClient.models)
    show_model = _blocking(AsyncClient.show_model)
    health_check = _blocking(AsyncClient.health_check)
    mark_good = _blocking(AsyncClient.mark_good)
    mark_failed = _blocking(AsyncClient.mark_failed)
    profile_states = _blocking(AsyncClient.profile_states)
    check_profile = _blocking(AsyncClient.check_profile)
    reset_profile = _blocking(AsyncClient.reset_profile)
    reset_session = _blocking(AsyncClient.reset_session)
    preview = _direct(AsyncClient.preview)
    usage = _blocking(AsyncClient.usage)

    def usable_providers(self) -> list[str]:
        """AsyncClient.usable_providers."""
        return self._client.usable_providers()

    def known_models(self, provider: str | None = None) -> ModelList:
        """AsyncClient.known_models."""
        return self._client.known_models(provider)

    def model(self, name: str) -> ModelFacts:
        """AsyncClient.model."""
        return self._client.model(name)

    def contradictions(self, name: str) -> list[Difference]:
        """AsyncClient.contradictions."""
        return self._client.contradictions(name)

    def profiles(self, provider: str) -> list[Profile]:
        """AsyncClient.profiles."""
        return self._client.profiles(provider)

    def pull(self, model: str) -> Iterator[PullProgress]:
        """AsyncClient.pull, for a plain `for`."""
        return _Pump(self._open(), lambda: self._client.pull(model))

    def close(self) -> None:
        """Close every connection and end the background thread."""
        portal, self._portal = self._portal, None
        if portal is not None:
            portal.call(self._client.close())
            portal.close()

    def _open(self) -> Portal:
        if self._portal is None:
            self._portal = Portal()
        return self._portal
