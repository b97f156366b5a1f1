"""One request's way: from its candidates to the first content, and the marks that it leaves.

The commit point is the first content (text, thinking, a tool call). Before it, only chunks
without content are held back, and whoever fails is replaced by the next; after it nothing is
repeated.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from aisopod.config import FailoverConfig
from aisopod.errors import AisopodError, ProviderError, ServerError, TotalTimeoutError
from aisopod.policy.selection import Choice, Option, choose
from aisopod.providers.provider import Provider
from aisopod.routing.candidates import Candidate
from aisopod.routing.pool import Pool
from aisopod.routing.recorder import Recorder, rule_of, session_key
from aisopod.routing.refusal import considered, exhausted
from aisopod.routing.waiting import WaitingRooms
from aisopod.stores import SharedState
from aisopod.types import (
    Attempt,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Explanation,
    Timeouts,
    TokenUsage,
)

__all__ = ["Hooks", "Opened", "Route", "Routing", "Wishes"]

log = logging.getLogger("aisopod.failover")

MOST_HELD = 256
"""Chunks without content that are held back; who sends more is taken as begun."""
PROBE_LOOK_SECONDS = 0.02
"""How often one who waits looks whether another's probe has ended, in this process…"""
STORE_LOOK_SECONDS = 0.25
"""…and in others."""


class Hooks(NamedTuple):
    """What is called while a request finds its way; what a hook raises ends the request.

    Attributes:
        on_attempt: an attempt begins.
        on_failure: an attempt failed, with its error.
        on_switch: another profile or candidate is asked than before.
    """

    on_attempt: Callable[[Attempt], object] | None = None
    on_failure: Callable[[Attempt, AisopodError], object] | None = None
    on_switch: Callable[[Attempt, Attempt], object] | None = None


class Routing(NamedTuple):
    """What all requests of a client share."""

    pool: Pool
    state: SharedState
    recorder: Recorder
    rooms: WaitingRooms
    hooks: Hooks


class Wishes(NamedTuple):
    """What one request asks for beside its content.

    Attributes:
        failover: its bounds.
        timeouts: its limits; the provider's own when None.
        base_url: where the provider answers.
        session: id of the conversation, which stays with its profile.
        profile: id of the only profile of its provider that may be used.
    """

    failover: FailoverConfig
    timeouts: Timeouts | None = None
    base_url: str | None = None
    session: str | None = None
    profile: str | None = None


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
        chain: Sequence[Candidate],
        request: ChatCompletionRequest,
        wishes: Wishes,
    ) -> None:
        self.attempts: list[Attempt] = []
        self._pool, self._state, self._recorder, self._rooms, self._hooks = routing
        self._chain = tuple(chain)
        self._request = request
        self._wishes = wishes
        self._errors: list[AisopodError] = []
        self._excluded: set[tuple[int, str]] = set()
        self._retries: dict[int, int] = {}
        self._owner = ""
        self._probe: tuple[str, ...] = ()
        self._began = 0.0
        self._waited = 0.0
        self._sent = 0.0
        self._option: Option | None = None

    async def open(self) -> Opened:
        """Ask until somebody's answer begins.

        Raises:
            AllAttemptsFailedError: nobody's did.
            AisopodError: the one error, where only one could be asked, or where it is about the
                request itself.
        """
        self._began = asyncio.get_running_loop().time()
        await self._refresh()
        while True:
            option = await self._turn()
            try:
                return await self._attempt(option)
            except AisopodError as error:
                self._failed(option, error)

    def ended(self, usage: TokenUsage | None) -> None:
        """The answer is whole."""
        self._close("ok", usage=usage)

    def left(self, usage: TokenUsage | None) -> None:
        """The caller left before the end."""
        self._release()
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
        await self._refresh()
        self._pool.renew(self._chain)
        choice = self._choice()
        states = considered(self._pool, self._state, self._chain, self._wishes.profile)
        asked = choice.option
        chosen = None
        if asked is not None:
            wanted = (asked.profile, asked.model)
            chosen = next(state for state in states if (state.profile, state.model) == wanted)
        return Explanation(chosen=chosen, considered=states, retry_at=choice.retry_at)

    # --- whose turn it is -------------------------------------------------------------------------

    async def _turn(self) -> Option:
        """The next to ask, after waiting for them if need be."""
        if len(self.attempts) >= self._wishes.failover.max_attempts:
            raise self._exhausted("max_attempts is reached")
        if not self._rooms.is_occupied(self._chain):
            option = await self._claimed(self._choice())
            if option is not None:
                return option
        patience = self._patience()
        choice = self._choice()
        if choice.option is None and not self._is_worth_waiting(choice, patience):
            raise self._exhausted()
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(patience), self._rooms.turn(self._chain):
                return await self._awaited(started)
        except TimeoutError:
            raise self._exhausted("max_wait is over") from None
        finally:
            self._waited += asyncio.get_running_loop().time() - started

    async def _awaited(self, started: float) -> Option:
        """First in the line: the next to ask, as soon as there is one."""
        clock = asyncio.get_running_loop().time
        looked = started
        while True:
            if clock() - looked >= STORE_LOOK_SECONDS:
                await self._refresh()
                looked = clock()
            choice = self._choice()
            option = await self._claimed(choice)
            if option is not None:
                return option
            if not self._is_worth_waiting(choice, self._patience() - (clock() - started)):
                raise self._exhausted()
            pause = PROBE_LOOK_SECONDS
            if choice.retry_at is not None and not choice.busy:
                pause = min(max(choice.retry_at - self._state.now(), 0.0), STORE_LOOK_SECONDS)
            await asyncio.sleep(pause)

    def _choice(self) -> Choice:
        choice = self._chosen()
        # Somebody may have mended the key since it was refused.
        if choice.refused and self._pool.renew(self._chain):
            choice = self._chosen()
        return choice

    def _chosen(self) -> Choice:
        return choose(
            self._options(),
            self._state.health,
            self._state.now(),
            excluded=self._excluded,
            pinned=self._session_profiles(),
        )

    async def _claimed(self, choice: Choice) -> Option | None:
        """The chosen one, if it is sound or this request may be the one to try it again."""
        if choice.option is None or not choice.probe:
            return choice.option
        self._owner = self._owner or uuid.uuid4().hex
        lease = self._pool.cooldowns(choice.option.provider).probe
        if await self._state.claim(choice.probe, self._owner, lease):
            self._probe = choice.probe
            return choice.option
        # Another was faster: whoever else can serve is asked, or its result is waited for.
        self._recorder.released(choice.probe, self._owner)
        again = self._chosen()
        return again.option if not again.probe else None

    def _is_worth_waiting(self, choice: Choice, patience: float) -> bool:
        if choice.option is not None or (choice.busy and patience > 0):
            return True
        return choice.retry_at is not None and 0 < choice.retry_at - self._state.now() <= patience

    def _patience(self) -> float:
        """Seconds that this request may still wait."""
        patience = self._wishes.failover.max_wait - self._waited
        total = self._wishes.timeouts.total if self._wishes.timeouts is not None else None
        if total is not None:
            elapsed = asyncio.get_running_loop().time() - self._began
            patience = min(patience, total - elapsed)
        return max(patience, 0.0)

    def _options(self) -> list[Option]:
        return self._pool.options(self._chain, self._wishes.profile)

    def _session_profiles(self) -> tuple[str, ...]:
        session = self._wishes.session
        if session is None:
            return ()
        records = (
            self._state.health(session_key(candidate.provider, session))
            for candidate in self._chain
        )
        return tuple(record.pinned for record in records if record is not None)

    async def _refresh(self) -> None:
        keys = dict.fromkeys(key for option in self._options() for key in option.subjects)
        if self._wishes.session is not None:
            providers = {candidate.provider for candidate in self._chain}
            keys |= dict.fromkeys(session_key(name, self._wishes.session) for name in providers)
        await self._state.refresh(tuple(keys))

    # --- one attempt ------------------------------------------------------------------------------

    async def _attempt(self, option: Option) -> Opened:
        """Ask one; its chunks up to the first content."""
        self._option = option
        try:
            self._begin(option)
            provider = await self._pool.provider(option, self._wishes.base_url)
            request = msgspec.structs.replace(self._request, model=option.model)
            limits = self._limits(provider)
            chunks = (
                provider.chat_completion(request, timeouts=limits)
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
        held: list[ChatCompletionChunk] = []
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
            if self._probe and chunk.info is not None:
                # The credential was taken: whoever waits for that need not wait for the content.
                self._mark_good(option, held, option.subjects[:2])
        return held

    def _answered(self, option: Option, held: Sequence[ChatCompletionChunk]) -> None:
        self._mark_good(option, held)
        self._probe = ()

    def _mark_good(
        self,
        option: Option,
        held: Sequence[ChatCompletionChunk],
        subjects: Sequence[str] | None = None,
    ) -> None:
        info = next((chunk.info for chunk in held if chunk.info is not None), None)
        self._recorder.succeeded(
            option,
            self._pool.secret(option),
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
        attempt = self._close("failed", error)
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
            if not self._is_out(option) or retries >= self._wishes.failover.max_retries:
                self._excluded |= {
                    (option.candidate, other.profile)
                    for other in self._options()
                    if other.candidate == option.candidate
                }
        elif not self._is_out(option):
            self._excluded.add((option.candidate, option.profile))

    def _is_out(self, option: Option) -> bool:
        """Whether the failure opened a window, behind which it may be asked again."""
        choice = choose([option], self._state.health, self._state.now())
        return choice.option is None or bool(choice.probe)

    def _mark_failed(self, option: Option, error: AisopodError) -> str:
        verdict = self._recorder.failed(
            option,
            error,
            self._pool.secret(option),
            started=self._sent,
            cooldowns=self._pool.cooldowns(option.provider),
        )
        self._release()
        return verdict.action

    def _release(self) -> None:
        if self._probe:
            self._recorder.released(self._probe, self._owner)
            self._probe = ()

    # --- what is told -----------------------------------------------------------------------------

    def _begin(self, option: Option) -> None:
        self._recorder.used(option, self._wishes.session)
        self._sent = self._state.now()
        attempt = Attempt(
            provider=option.provider,
            model=option.model,
            profile=option.profile,
            started=self._sent,
            waited=self._waited - sum(attempt.waited for attempt in self.attempts),
            probe=bool(self._probe),
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
