"""One request's way: from its candidates to the first content, and the marks that it leaves.

The commit point is the first content (text, thinking, a tool call). Before it, only chunks
without content are held back, and whoever fails is replaced by the next; after it nothing is
repeated.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import msgspec

from aisopod.errors import AisopodError, ProviderError, ServerError, TotalTimeoutError
from aisopod.policy.selection import Option
from aisopod.providers.provider import Provider
from aisopod.routing.candidates import Candidate
from aisopod.routing.context import Routing, Wishes
from aisopod.routing.recorder import rule_of
from aisopod.routing.refusal import considered, exhausted
from aisopod.routing.turns import Turns
from aisopod.types import (
    Attempt,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Explanation,
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
    """

    def __init__(
        self,
        routing: Routing,
        chain: tuple[Candidate, ...],
        request: ChatCompletionRequest,
        wishes: Wishes,
    ) -> None:
        self.attempts: list[Attempt] = []
        self._pool, self._state, self._recorder, _, self._hooks = routing
        self._turns = Turns(routing, chain, wishes)
        self._chain = chain
        self._request = request
        self._wishes = wishes
        self._errors: list[AisopodError] = []
        self._retries: dict[int, int] = {}
        self._began = 0.0
        self._sent = 0.0
        self._option: Option | None = None
        self._secret = ""
        self._held_back: list[ChatCompletionChunk] = []

    async def open(self) -> Opened:
        """Ask until somebody's answer begins.

        Raises:
            AllAttemptsFailedError: nobody's did.
            AisopodError: the one error, where only one could be asked, or where it is about the
                request itself.
        """
        self._began = asyncio.get_running_loop().time()
        await self._turns.begin()
        while True:
            if len(self.attempts) >= self._wishes.failover.max_attempts:
                raise self._exhausted("max_attempts is reached")
            option = await self._turns.next(self._exhausted)
            try:
                return await self._attempt(option)
            except AisopodError as error:
                self._failed(option, error)

    def ended(self, usage: TokenUsage | None) -> None:
        """The answer is whole."""
        self._close("ok", usage=usage)

    def left(self, usage: TokenUsage | None) -> None:
        """The caller left before the end."""
        self._turns.release()
        if self.attempts and self.attempts[-1].outcome == "running":
            self._close("cancelled", usage=usage)

    def broke(self, error: AisopodError, usage: TokenUsage | None) -> None:
        """The answer broke off after it had begun: nothing is repeated."""
        option = self._option
        if option is None or not self.attempts or self.attempts[-1].outcome != "running":
            return
        self._mark_failed(option, error)
        self._close("interrupted", error, usage)
        self._told(error)

    async def explain(self) -> Explanation:
        """Who would be asked now, and who not, and why."""
        await self._turns.begin()
        self._pool.renew(self._chain)
        choice = self._turns.look()
        states = considered(self._pool, self._state, self._chain, self._wishes.profile)
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
            provider = await self._pool.provider(option, self._wishes.base_url)
            # The answer is about this one, whatever the profile has when it comes.
            self._secret = self._pool.secret(option)
            request = msgspec.structs.replace(self._request, model=option.model)
            limits = self._limits(provider)
            chunks = (
                provider.exchange(request, timeouts=limits)
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
            self.left(None)
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
            if self._turns.probe and chunk.info is not None:
                # The credential was taken: whoever waits for that need not wait for the content.
                self._mark_good(option, held, option.subjects[:2])
        return held

    def _answered(self, option: Option, held: Sequence[ChatCompletionChunk]) -> None:
        self._mark_good(option, held)
        self._turns.probe = ()

    def _mark_good(
        self,
        option: Option,
        held: Sequence[ChatCompletionChunk],
        subjects: Sequence[str] | None = None,
    ) -> None:
        info = next((chunk.info for chunk in held if chunk.info is not None), None)
        self._recorder.succeeded(
            option,
            self._secret,
            started=self._sent,
            limits=info.rate_limits if info is not None else None,
            cooldowns=self._pool.cooldowns(option.provider),
            subjects=subjects,
        )

    def _limits(self, provider: Any) -> Timeouts | None:  # noqa: ANN401 - or a third party's
        """The limits for an attempt: `total` is what the whole request has left."""
        limits = self._wishes.timeouts or (
            provider.timeouts if isinstance(provider, Provider) else None
        )
        if limits is None or limits.total is None or not self._errors:
            return limits
        left = limits.total - (asyncio.get_running_loop().time() - self._began)
        if left <= 0:
            raise TotalTimeoutError(f"no answer within {limits.total:g} s (total)")
        return msgspec.structs.replace(limits, total=left)

    def _failed(self, option: Option, error: AisopodError) -> None:
        """Note the failure and see who is left; raises when it is no use to go on."""
        usage = next((c.usage for c in reversed(self._held_back) if c.usage is not None), None)
        attempt = self._close("failed", error, usage)
        action = self._mark_failed(option, error)
        self._errors.append(error)
        self._told(error)
        if self._hooks.on_failure is not None:
            self._hooks.on_failure(attempt, error)
        log.info("%s: %s (%s): %s", attempt.profile, error, attempt.rule, action)
        if action == "give_up" or isinstance(error, TotalTimeoutError):
            raise error
        if action == "next_candidate":
            retries = self._retries.get(option.candidate, 0)
            self._retries[option.candidate] = retries + 1
            if retries >= self._wishes.failover.max_retries or not self._turns.is_out(option):
                self._turns.exclude(option, candidate=True)
        elif not self._turns.is_out(option):
            self._turns.exclude(option, candidate=False)

    def _mark_failed(self, option: Option, error: AisopodError) -> str:
        verdict = self._recorder.failed(
            option,
            error,
            self._secret,
            started=self._sent,
            cooldowns=self._pool.cooldowns(option.provider),
        )
        self._turns.release()
        return verdict.action

    # --- what is told -----------------------------------------------------------------------------

    def _begin(self, option: Option) -> None:
        self._recorder.used(option, self._wishes.session)
        self._sent = self._state.now()
        attempt = Attempt(
            provider=option.provider,
            model=option.model,
            profile=option.profile,
            started=self._sent,
            waited=self._turns.waited - sum(attempt.waited for attempt in self.attempts),
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
        facts: dict[str, Any] = {"outcome": outcome, "usage": usage}
        facts["seconds"] = self._state.now() - self._sent
        if error is not None:
            facts |= {
                "error": type(error).__name__,
                "message": error.message,
                "rule": rule_of(error),
                "status": error.status if isinstance(error, ProviderError) else None,
            }
        self.attempts[-1] = msgspec.structs.replace(self.attempts[-1], **facts)
        return self.attempts[-1]

    def _told(self, error: AisopodError) -> None:
        error.attempts = tuple(self.attempts)

    def _exhausted(self, why: str = "") -> AisopodError:
        """What to raise when nobody is left."""
        states = considered(self._pool, self._state, self._chain, self._wishes.profile)
        error = exhausted(self._pool, self._chain, self._errors, states, self._state.now(), why)
        self._told(error)
        return error


async def _closed(chunks: AsyncIterator[ChatCompletionChunk]) -> None:
    # A third party's iterator need not be a generator.
    close = getattr(chunks, "aclose", None)
    if close is not None:
        with contextlib.suppress(AisopodError):
            await close()
