"""One streamed answer: what iterating over a route's chunks is to its user."""

from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Any, Self

import msgspec

from aisopod.errors import AisopodError
from aisopod.normalise.estimate import estimate_usage
from aisopod.routing.route import Route
from aisopod.types import ChatCompletion, ChatCompletionChunk, Fold, TokenUsage

__all__ = ["Stream"]


class Stream:
    """One streamed answer: iterate over its chunks; `response` is the whole so far.

    Nothing is sent before the first chunk is asked for. Use it as an async context manager:
    leaving it closes the connection at once, wherever the answer stands.
    """

    def __init__(
        self,
        route: Route,
        response_type: Any = None,  # noqa: ANN401
    ) -> None:
        self._fold = Fold()
        self._route = route
        route.metadata = self._fold.metadata
        self._response_type = response_type
        self._chunks = self._folding()

    def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        return self._chunks

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    @property
    def response(self) -> ChatCompletion:
        """The answer as far as it has come."""
        folded = self._fold.result(response_type=self._response_type)
        attempts = list(self._route.attempts)
        cost = attempts[-1].cost if attempts else None
        warnings = [*self._route.passed_over, *folded.warnings]
        return msgspec.structs.replace(folded, attempts=attempts, cost=cost, warnings=warnings)

    async def collect(self) -> ChatCompletion:
        """Read to the end and give the whole answer.

        Raises:
            AisopodError: what iterating would raise.
        """
        async for _ in self._chunks:
            pass
        return self.response

    async def aclose(self) -> None:
        """Close the connection, if the answer is still coming."""
        await self._chunks.aclose()

    async def _folding(self) -> AsyncGenerator[ChatCompletionChunk, None]:
        add, route = self._fold.add, self._route
        try:
            held, chunks = await route.open()
            begun = iter(held)
            try:
                for chunk in begun:
                    add(chunk)
                    yield chunk
                async for chunk in chunks:
                    add(chunk)
                    yield chunk
            except BaseException:
                for chunk in begun:  # it came, and what it tells counts, though nobody took it
                    add(chunk)
                # A third party's iterator need not be a generator.
                close = getattr(chunks, "aclose", None)
                if close is not None:
                    await close()
                raise
            route.ended(self._fold.usage, well=self._fold.finish_reason != "error")
        except BaseException as error:
            if isinstance(error, AisopodError):
                self._broke(error)
            route.left(self._counted())
            raise

    def _broke(self, error: AisopodError) -> None:
        if error.partial is not None and error.partial.usage is not None:
            self._fold.count(error.partial.usage)
        self._route.broke(error, self._counted())
        error.partial = self.response

    def _counted(self) -> TokenUsage | None:
        """Tokens of an answer that is not whole: estimated where the prompt's were not told.

        Most wires count at the end, which never comes; what was said until then is billed.
        """
        told = self._fold.usage
        if told is None or not told.input_tokens:
            guess = estimate_usage(self._route.request, self._fold.result().message)
            if guess is not None:
                self._fold.count(guess)
        return self._fold.usage
