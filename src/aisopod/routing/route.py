"""One request's way: from its candidates to the first content, and the marks that it leaves.

The commit point is the first content (text, thinking, a tool call). Before it, only chunks
without content are held back, and whoever fails is replaced by the next; after it nothing is
repeated.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from aisopod.attachments.fitting import Kept
from aisopod.catalogue import is_standard
from aisopod.discovery.directory import Directory
from aisopod.errors import (
    AisopodError,
    ModelNotFoundError,
    ProviderError,
    ServerError,
    TotalTimeoutError,
)
from aisopod.policy.selection import Option
from aisopod.providers.protocol import ModelProvider
from aisopod.providers.provider import Provider
from aisopod.routing.booking import Booking
from aisopod.routing.candidates import Candidate
from aisopod.routing.context import Routing, Wishes
from aisopod.routing.fit import counted, unfit
from aisopod.routing.recorder import rule_of
from aisopod.routing.refusal import considered, exhausted
from aisopod.routing.turns import Turns
from aisopod.types import (
    Attempt,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Explanation,
    ProfileState,
    RateLimit,
    ResponseWarning,
    Timeouts,
    TokenUsage,
)

__all__ = ["Opened", "Route"]

log = logging.getLogger("aisopod.failover")

MOST_HELD = 256
"""Chunks without content that are held back; who sends more is taken as begun."""


class Opened(NamedTuple):
    """An answer that has begun.

    Attributes:
        held: its chunks so far.
        chunks: the rest.
    """

    held: list[ChatCompletionChunk]
    chunks: AsyncIterator[ChatCompletionChunk]


class Route:
    """One request on its way.

    Args:
        routing: what all requests of the client share.
        chain: the candidates.
        request: what is asked; its model is each candidate's in turn.
        wishes: bounds and limits.

    Attributes:
        attempts: what was tried, in order.
        metadata: what the answer tells beside itself, so far.
        passed_over: of which candidates nobody was asked, and why.
        request: what is asked.
    """

    def __init__(
        self,
        routing: Routing,
        chain: tuple[Candidate, ...],
        request: ChatCompletionRequest,
        wishes: Wishes,
    ) -> None:
        self.attempts: list[Attempt] = []
        self.metadata: Mapping[str, Any] = {}
        self.passed_over: list[ResponseWarning] = []
        self._pool, self._state, self._recorder, _, self._hooks, self._directory, self._ledger = (
            routing
        )
        self._booking: Booking | None = None
        self._turns = Turns(routing, chain, wishes)
        self._chain = chain
        self.request = request
        self._wishes = wishes
        self._errors: list[AisopodError] = []
        self._retries: dict[int, int] = {}
        self._sent = 0.0
        self._option: Option | None = None
        self._secret = ""
        self._held_back: list[ChatCompletionChunk] = []
        self._kept: Kept = {}

    async def open(self) -> Opened:
        """Ask until somebody's answer begins.

        Raises:
            AllAttemptsFailedError: nobody's did.
            AisopodError: the one error, where only one could be asked, or where it is about the
                request itself.
        """
        await self._turns.begin()
        for place, error in (await self._unfit(ask=True)).items():
            self._errors.append(error)
            self._turns.exclude_candidate(place)
            why = f"{self._chain[place]} was not asked: {error.message}"
            self.passed_over.append(ResponseWarning(rule="unfit", message=why))
        if len(self._chain) == len(self._errors) == 1:
            raise self._errors[0]
        if self._ledger is not None:
            now = self._state.now()
            self._booking = Booking(self._ledger, self._chain[0], self._wishes, now)
        while True:
            if len(self.attempts) >= self._wishes.failover.max_attempts:
                raise self._exhausted("max_attempts is reached")
            option = await self._turns.next(self._exhausted)
            try:
                return await self._attempt(option)
            except AisopodError as error:
                self._failed(option, error)

    async def _unfit(self, *, ask: bool) -> Mapping[int, AisopodError]:
        """Why candidates cannot do it, by their places, as far as that is known."""
        if not self._wishes.check:
            return {}
        count = partial(counted, self._pool, self._wishes.base_url) if ask else None
        return await unfit(self._chain, self.request, self._directory.facts, count)

    def ended(self, usage: TokenUsage | None, *, well: bool) -> None:
        """The answer has come to its end; not well when the provider says that it failed."""
        outcome = "ok" if well else "failed"
        self._close(outcome, usage=usage)
        if self._booking is not None:
            self._book(outcome)

    def left(self, usage: TokenUsage | None) -> None:
        """The caller left before the end."""
        self._turns.arrived(welcome=None)
        self._turns.release()
        if self.attempts and self.attempts[-1].outcome == "running":
            self._close("cancelled", usage=usage)
        self._book("cancelled")

    def broke(self, error: AisopodError, usage: TokenUsage | None) -> None:
        """The answer broke off after it had begun: nothing is repeated."""
        option = self._option
        if option is not None and self.attempts and self.attempts[-1].outcome == "running":
            self._mark_failed(option, error)
            self._tell(self._close("interrupted", error, usage), error, "give_up")
            self._told(error)
        self._book(type(error).__name__)

    def _book(self, outcome: str) -> None:
        """The request's row ends, with what was told first."""
        if self._booking is not None:
            self._booking.end(self.attempts, outcome, self._state.now())
            self._booking = None

    async def explain(self) -> Explanation:
        """Who would be asked now, and who not, and why."""
        await self._turns.begin()
        self._pool.renew(self._chain)
        unfit = await self._unfit(ask=False)
        for place in unfit:
            self._turns.exclude_candidate(place)
        choice = self._turns.look()
        states = self._considered(unfit)
        asked = choice.option
        chosen = None
        if asked is not None:
            wanted = (asked.profile, asked.model)
            chosen = next(state for state in states if (state.profile, state.model) == wanted)
        return Explanation(chosen=chosen, considered=states, retry_at=choice.retry_at)

    # --- one attempt ------------------------------------------------------------------------------

    async def _attempt(self, option: Option) -> Opened:
        """Ask one; its chunks up to the first content."""
        self._option = option
        self._secret = option.secret
        self._held_back = []
        try:
            self._begin(option)
            provider = await self._ready(option)
            # The answer is about this one, whatever the profile has when it comes.
            self._secret = self._pool.secret(option)
            request = self.request
            if request.model != option.model:
                request = msgspec.structs.replace(request, model=option.model)
            limits = self._limits(provider)
            chunks = (
                provider.exchange(request, timeouts=limits, kept=self._kept)
                if isinstance(provider, Provider)
                else provider.chat_completion(request)
            )
            try:
                held = await self._held(option, chunks)
            except BaseException:
                await _closed(chunks)
                raise
        except AisopodError:
            raise
        except BaseException:
            self.left(self._reported())
            raise
        self._answered(option, held)
        return Opened(held, chunks)

    async def _held(
        self, option: Option, chunks: AsyncIterator[ChatCompletionChunk]
    ) -> list[ChatCompletionChunk]:
        """The chunks up to the first content, or up to the end of an answer without any."""
        held = self._held_back = []
        async for chunk in chunks:
            held.append(chunk)
            if chunk.delta.has_content or len(held) >= MOST_HELD:
                break
            if chunk.finish_reason == "error":
                raise ServerError(
                    f"the provider reports that the answer failed ({chunk.raw_finish_reason})",
                    provider=option.provider,
                    model=option.model,
                )
            if chunk.info is not None and (self._turns.probe or self._turns.line):
                self._let_in(option, held)
        return held

    def _let_in(self, option: Option, held: Sequence[ChatCompletionChunk]) -> None:
        """The credential was taken: whoever waits for that need not wait for the content."""
        self._turns.arrived(welcome=True)
        if self._turns.probe:
            self._mark_good(option, held, option.subjects[:2])

    def _answered(self, option: Option, held: Sequence[ChatCompletionChunk]) -> None:
        if self._turns.line:
            self._turns.arrived(welcome=True)
        self._kept.clear()  # nobody else will be asked
        self._mark_good(option, held)
        self._turns.probe = ()
        if self._booking is not None:
            self._booking.content(self._state.now())

    def _mark_good(
        self,
        option: Option,
        held: Sequence[ChatCompletionChunk],
        subjects: Sequence[str] | None = None,
    ) -> None:
        self._recorder.succeeded(
            option,
            self._secret,
            started=self._sent,
            limits=_limits_in(held),
            cooldowns=self._pool.cooldowns(option.provider),
            subjects=subjects,
        )

    def _limits(self, provider: Any) -> Timeouts | None:  # noqa: ANN401 - or a third party's
        """The limits for an attempt: `total` is what the whole request has left."""
        limits = self._wishes.timeouts or (
            provider.timeouts if isinstance(provider, Provider) else None
        )
        # A first attempt that waited for nobody has all of the time before it.
        left = self._turns.left() if self._errors or self._turns.waited else None
        if limits is None or left is None:
            return limits
        return msgspec.structs.replace(limits, total=min(left, limits.total or left))

    async def _ready(self, option: Option) -> ModelProvider:
        """The provider with the option's credential, which may have to be waited for."""
        ready = self._pool.ready(option, self._wishes.base_url)
        if ready is not None:
            return ready
        try:
            async with asyncio.timeout(self._turns.left()):
                return await self._pool.provider(option, self._wishes.base_url)
        except TimeoutError:
            raise TotalTimeoutError(
                "no credential within the time for the request (total)"
            ) from None

    def _failed(self, option: Option, error: AisopodError) -> None:
        """Note the failure and see who is left; raises when it is no use to go on."""
        if isinstance(error, ModelNotFoundError):
            _suggest(error, option, self._directory)
        attempt = self._close("failed", error, self._reported(error))
        action = self._mark_failed(option, error)
        self._errors.append(error)
        self._told(error)
        self._tell(attempt, error, action)
        if action == "give_up" or isinstance(error, TotalTimeoutError):
            raise error
        if action == "next_candidate":
            retries = self._retries.get(option.candidate, 0)
            self._retries[option.candidate] = retries + 1
            if retries >= self._wishes.failover.max_retries or not self._turns.is_out(option):
                self._turns.exclude(option, candidate=True)
        elif not self._turns.is_out(option):
            self._turns.exclude(option, candidate=False)

    def _tell(self, attempt: Attempt, error: AisopodError, action: str) -> None:
        if self._hooks.on_failure is not None:
            self._hooks.on_failure(attempt, error)
        log.info("%s: %s (%s): %s", attempt.profile, error, attempt.rule, action)

    def _reported(self, error: AisopodError | None = None) -> TokenUsage | None:
        """What was told of an answer that came to nothing: providers bill its prompt all the same."""
        if error is not None and error.partial is not None and error.partial.usage is not None:
            return error.partial.usage.unfinished()
        told = (chunk.usage for chunk in reversed(self._held_back) if chunk.usage is not None)
        usage = next(told, None)
        return usage.unfinished() if usage is not None else None

    def _mark_failed(self, option: Option, error: AisopodError) -> str:
        if isinstance(error, TotalTimeoutError) and self._wishes.timeouts is not None:
            # How long this caller would wait says nothing about the model to others.
            error.scope = "request"
        verdict = self._recorder.failed(
            option,
            error,
            self._secret,
            started=self._sent,
            cooldowns=self._pool.cooldowns(option.provider),
        )
        self._turns.arrived(welcome=None if verdict.reason is None else False)
        self._turns.release()
        return verdict.action

    # --- what is told -----------------------------------------------------------------------------

    def _begin(self, option: Option) -> None:
        self._sent = self._recorder.used(option, self._wishes.session)
        waited = self._turns.waited
        if self.attempts:
            waited -= sum(attempt.waited for attempt in self.attempts)
        attempt = Attempt(
            provider=option.provider,
            model=option.model,
            profile=option.profile,
            started=self._sent,
            waited=waited,
            probe=bool(self._turns.probe),
        )
        before = self.attempts[-1] if self.attempts else None
        self.attempts.append(attempt)
        if self._hooks.on_attempt is not None:
            self._hooks.on_attempt(attempt)
        if (
            self._hooks.on_switch is not None
            and before is not None
            and (before.profile, before.model) != (attempt.profile, attempt.model)
        ):
            self._hooks.on_switch(before, attempt)

    def _close(
        self,
        outcome: str,
        error: AisopodError | None = None,
        usage: TokenUsage | None = None,
    ) -> Attempt:
        """The last attempt has ended."""
        attempt = self.attempts[-1]
        cost = None
        if usage is not None and is_standard(self.metadata, self.request.extra):
            cost = self._directory.cost(attempt.provider, attempt.model, usage)
        seconds = self._state.now() - self._sent
        attempt = msgspec.structs.replace(
            attempt, outcome=outcome, usage=usage, seconds=seconds, cost=cost
        )
        if error is not None:
            attempt = msgspec.structs.replace(
                attempt,
                error=type(error).__name__,
                message=error.message,
                rule=rule_of(error),
                status=error.status if isinstance(error, ProviderError) else None,
            )
        self.attempts[-1] = attempt
        return attempt

    def _told(self, error: AisopodError) -> None:
        error.attempts = tuple(self.attempts)

    def _considered(self, unfit: Mapping[int, AisopodError] | None = None) -> list[ProfileState]:
        wishes = self._wishes
        return considered(
            self._pool, self._state, self._chain, wishes.profile, unfit, base_url=wishes.base_url
        )

    def _exhausted(self, why: str = "") -> AisopodError:
        """What to raise when nobody is left."""
        states = self._considered()
        error = exhausted(self._pool, self._chain, self._errors, states, self._state.now(), why)
        self._told(error)
        return error


def _limits_in(held: Sequence[ChatCompletionChunk]) -> Mapping[str, RateLimit] | None:
    """What the response's headers said, which one of the first chunks has."""
    for chunk in held:
        if chunk.info is not None:
            return chunk.info.rate_limits
    return None


def _suggest(error: ModelNotFoundError, option: Option, directory: Directory) -> None:
    near = directory.nearest(option.provider, option.model)
    names = [name for name in near if name != option.model]
    if names and "did you mean" not in error.message:
        close = " or ".join(f"{option.provider}/{name}" for name in names)
        error.message = f"{error.message}; did you mean {close}?"


async def _closed(chunks: AsyncIterator[ChatCompletionChunk]) -> None:
    # A third party's iterator need not be a generator.
    close = getattr(chunks, "aclose", None)
    if close is not None:
        with contextlib.suppress(AisopodError):
            await close()
