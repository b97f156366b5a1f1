"""Whose turn it is for one request: choosing, claiming the right to try again, waiting."""

import asyncio
import random
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence

from aisopod.errors import AisopodError, TotalTimeoutError
from aisopod.policy.selection import Choice, Option, choose
from aisopod.routing.candidates import Candidate
from aisopod.routing.context import Routing, Wishes
from aisopod.routing.recorder import session_key
from aisopod.routing.waiting import Line

__all__ = ["Turns"]

PROBE_LOOK_SECONDS = 0.02
"""How often one who waits looks whether another's probe has ended, in this process…"""
STORE_LOOK_SECONDS = 0.25
"""…and in others."""

Refuse = Callable[[str], AisopodError]
"""Makes the error for a request that nobody can serve, of the reason."""


class Turns:
    """Gives a request one option after the other.

    Args:
        routing: what all requests of the client share.
        chain: the candidates.
        wishes: how long the request may wait, and whom it may ask.

    Attributes:
        excluded: candidates' places and profiles that the request has done with.
        waited: seconds that it has waited so far.
        line: where it waited and others still do, until it is known whether it was let in.
        probe: keys of what it has the right to try again, until it gives that back.
    """

    def __init__(self, routing: Routing, chain: tuple[Candidate, ...], wishes: Wishes) -> None:
        self.excluded: set[tuple[int, str]] = set()
        self.waited = 0.0
        self.line: Line | None = None
        self.probe: tuple[str, ...] = ()
        self._pool, self._state, self._recorder, self._rooms, *_ = routing
        self._chain = chain
        self._wishes = wishes
        self._owner = ""
        self._ticket: int | None = None
        self._deadline: float | None = None

    async def begin(self) -> None:
        """The request's time begins; read what others know."""
        limits = self._wishes.timeouts or self._pool.timeouts(self._chain[0].provider)
        if limits.total is not None:
            self._deadline = asyncio.get_running_loop().time() + limits.total
        if self._state.is_shared:
            await self._refresh()

    async def next(self, refuse: Refuse) -> Option:
        """The next to ask, after waiting for them if need be.

        Raises:
            AisopodError: what `refuse` makes, when nobody can be asked in time.
        """
        option = await self._claimed(self._own(self.look()))
        if option is not None:
            return option
        if await self._pool.reread(self._chain, self._time_left()):
            option = await self._claimed(self._own(self.look()))
            if option is not None:
                return option
        patience = self._patience()
        if not self._is_worth_waiting(self._chosen(), patience):
            raise refuse("")
        clock = asyncio.get_running_loop().time
        started = clock()
        if self._ticket is None:
            self._ticket = self._rooms.ticket()
        try:
            async with asyncio.timeout(patience):
                return await self._waited(started + patience, refuse)
        except TimeoutError:
            # Better out of turn than not at all.
            choice = self._chosen()
            if choice.option is None or choice.probe:
                raise refuse("max_wait is over") from None
            return choice.option
        finally:
            self.waited += clock() - started

    def left(self) -> float | None:
        """Seconds that the whole request may still take; None where there is no limit.

        Raises:
            TotalTimeoutError: none.
        """
        left = self._time_left()
        if left == 0:
            raise TotalTimeoutError("no answer within the time for all attempts (total)")
        return left

    def _time_left(self) -> float | None:
        if self._deadline is None:
            return None
        return max(self._deadline - asyncio.get_running_loop().time(), 0.0)

    def look(self) -> Choice:
        """Who would be asked now, if nobody waited."""
        choice = self._chosen()
        # Somebody may have mended the key since it was refused.
        if choice.refused and self._pool.renew(self._chain):
            choice = self._chosen()
        return choice

    def is_out(self, option: Option) -> bool:
        """Whether a window keeps it from being asked at once."""
        choice = choose([option], self._state.health, self._state.now())
        return choice.option is None or bool(choice.probe)

    def exclude_candidate(self, place: int) -> None:
        """Not to be asked for this request, for what it is."""
        options = self._options()
        self.excluded |= {(place, each.profile) for each in options if each.candidate == place}

    def exclude(self, option: Option, *, candidate: bool) -> None:
        """Not to be asked again for this request: a profile, or its whole candidate."""
        if candidate:
            self.exclude_candidate(option.candidate)
        else:
            self.excluded.add((option.candidate, option.profile))

    def arrived(self, *, welcome: bool | None) -> None:
        """The request was let in or not, which those who wait behind it go by."""
        if self.line is not None:
            self.line.arrived(welcome=welcome)
            self.line = None

    def release(self) -> None:
        """Give back the right to try again, if the request still has it."""
        if self.probe:
            self._recorder.released(self.probe, self._owner)
            self.probe = ()

    async def _waited(self, deadline: float, refuse: Refuse) -> Option:
        """The next to ask, as soon as there is one and nobody is before in the line."""
        clock = asyncio.get_running_loop().time
        wanted = frozenset(option.subjects[1] for option in self._left())
        assert self._ticket is not None  # noqa: S101 - who waits has one
        with self._rooms.place(wanted, self._ticket) as (line, place):
            looked = clock()
            while True:
                await line.leave(place)
                if self._state.is_shared and clock() - looked >= STORE_LOOK_SECONDS:
                    await self._refresh()
                    looked = clock()
                choice = self.look()
                option = await self._claimed(self._own(choice))
                if option is not None:
                    line.left()
                    self.line = line
                    return option
                if not self._is_worth_waiting(choice, deadline - clock()):
                    raise refuse("")
                await asyncio.sleep(self._pause(choice))

    def _pause(self, choice: Choice) -> float:
        """Seconds until it is worth looking again."""
        if choice.option is not None or choice.busy or choice.retry_at is None:
            return PROBE_LOOK_SECONDS
        return min(max(choice.retry_at - self._state.now(), 0.0), STORE_LOOK_SECONDS)

    def _own(self, choice: Choice) -> Choice:
        """What is left of a choice behind those who came before, and wait for some of the same."""
        # Who does not wait takes what there is.
        if not self._rooms.lines or self._wishes.failover.max_wait <= 0:
            return choice
        return self._chosen(self._taken())

    def _taken(self) -> set[tuple[int, str]]:
        """Options that somebody waits for who came before this request."""
        keys = self._rooms.wanted_before(self._ticket)
        return {
            (option.candidate, option.profile)
            for option in self._options()
            if option.subjects[1] in keys
        }

    def _left(self) -> Iterator[Option]:
        """The options that the request has not done with."""
        for option in self._options():
            if (option.candidate, option.profile) not in self.excluded:
                yield option

    async def _claimed(self, choice: Choice) -> Option | None:
        """The chosen one, if it is sound or this request may be the one to try it again."""
        while choice.option is not None and choice.probe:
            self._owner = self._owner or uuid.uuid4().hex
            lease = self._pool.cooldowns(choice.option.provider).probe
            if await self._state.claim(choice.probe, self._owner, lease):
                self.probe = choice.probe
                return choice.option
            # Another was faster, which is known now: whoever else can serve comes next.
            self._recorder.released(choice.probe, self._owner)
            choice = self._own(self._chosen())
        return choice.option

    def _is_worth_waiting(self, choice: Choice, patience: float) -> bool:
        if choice.option is not None or (choice.busy and patience > 0):
            return True
        return choice.retry_at is not None and choice.retry_at - self._state.now() <= patience

    def _patience(self) -> float:
        """Seconds that the request may still wait."""
        left = self._time_left()
        patience = max(self._wishes.failover.max_wait - self.waited, 0.0)
        return patience if left is None else min(patience, left)

    def _chosen(self, taken: Collection[tuple[int, str]] = ()) -> Choice:
        session = self._wishes.session
        return choose(
            self._pool.options(self._chain, self._wishes.profile, self._wishes.base_url),
            self._state.health,
            self._state.now(),
            excluded=self.excluded.union(taken) if taken else self.excluded,
            pinned=self._session_profiles(session) if session is not None else (),
            chance=random.random(),  # noqa: S311 - no secret
        )

    def _options(self) -> Sequence[Option]:
        return self._pool.options(self._chain, self._wishes.profile, self._wishes.base_url)

    def _session_profiles(self, session: str) -> tuple[str, ...]:
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
