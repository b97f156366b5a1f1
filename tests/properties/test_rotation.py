"""Any order of requests, answers, failures and waiting: who is chosen, and what is remembered.

The policy's own functions drive it; what must hold is worked out here anew, from what happened.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from aisopod.errors import (
    AuthenticationError,
    BadRequestError,
    BillingError,
    ConnectError,
    ContentFilterError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    RateLimitError,
    ServerError,
    TransportError,
)
from aisopod.policy.cooldowns import Cooldowns
from aisopod.policy.failover import verdict_on
from aisopod.policy.health import Claimed, Event, Failed, Health, Reset, Succeeded, applied
from aisopod.policy.selection import Choice, Option, choose
from aisopod.routing.recorder import Recorder, session_key
from aisopod.stores import SharedState, Store
from aisopod.stores.memory import MemoryStore
from aisopod.stores.redis import RedisStore
from aisopod.stores.sqlite import SqliteStore
from aisopod.types import RateLimit
from support import redis_server

EXAMPLES = int(os.environ.get("AISOPOD_EXAMPLES", "40"))
COOLDOWNS = Cooldowns()
LEASE = COOLDOWNS.probe
TICK = 0.001
PROFILES = {"p": ("p:a", "p:b", "p:c"), "q": ("q:d", "q:e")}
SESSIONS = ("one", "two")
FAILURES: tuple[type[ProviderError | TransportError], ...] = (
    RateLimitError,
    AuthenticationError,
    BillingError,
    PermissionDeniedError,
    OverloadedError,
    ServerError,
    ConnectError,
    TransportError,
)
HARMLESS = (BadRequestError, ContentFilterError, ModelNotFoundError)
TOLD = st.sampled_from([None, None, 0.0, 0.05, 20.0, 5000.0])


class Log(SharedState):
    """Everything noted, on a clock that the test sets, and told to every store at once."""

    def __init__(self, stores: Sequence[Store]) -> None:
        super().__init__(MemoryStore())
        self.stores = stores
        self.clock = 1_000_000.0
        self.events: list[tuple[str, Event]] = []

    def now(self) -> float:
        self.clock += TICK
        return self.clock

    def note(
        self,
        events: Mapping[str, Sequence[Event]],
        *,
        write: Literal["now", "soon", "later"] = "now",
    ) -> None:
        self._checked(events, lambda: super(Log, self).note(events, write=write))

    def note_one(self, key: str, event: Event, *, write: Literal["soon", "later"]) -> None:
        self._checked({key: [event]}, lambda: super(Log, self).note_one(key, event, write=write))

    def _checked(self, events: Mapping[str, Sequence[Event]], noted: Callable[[], None]) -> None:
        before = {key: self.health(key) or Health() for key in events}
        noted()
        after = {key: self.health(key) for key in events}
        for key, happened in events.items():
            health = before[key]
            for event in happened:
                self.events.append((key, event))
                earlier, health = health, applied(health, event)
                check_deadlines(earlier, event, health)
        for store in self.stores:
            assert store.apply(events) == after, store.name


def check_deadlines(before: Health, event: Event, after: Health) -> None:
    """An open window moves only to a later time that was told; who closes it has the right to."""
    secret = event.secret if isinstance(event, Failed | Succeeded) else ""
    for reason, window in before.windows.items():
        if window.until <= event.at:
            continue
        kept = after.windows.get(reason)
        if isinstance(event, Reset):
            assert kept is None
        elif isinstance(event, Succeeded):
            assert kept == window or (kept is None and window.since <= event.started)
        elif isinstance(event, Failed) and secret != before.secret and before.secret:
            assert kept is None or kept == window or kept.since == event.at
        else:
            told = event.until if isinstance(event, Failed) and event.reason == reason else None
            assert kept is not None
            assert kept.until == max(window.until, told or 0.0)
            assert kept.failures == window.failures


class Layout(NamedTuple):
    """What is configured.

    Attributes:
        chain: provider and model of each candidate.
        ranks: the place of each profile, by an explicit order or none.
        weights: their weights.
    """

    chain: tuple[tuple[str, str], ...]
    ranks: dict[str, int]
    weights: dict[str, float]


ORDERS: tuple[tuple[dict[str, int], dict[str, float]], ...] = (
    ({}, {}),
    ({"p:c": -3, "p:a": -2, "p:b": -1}, {}),
    ({"p:a": -1, "p:b": -1}, {"q:d": 3.0}),
    ({}, {"p:a": 1.0, "p:b": 2.0, "p:c": 5.0}),
)
CHAINS = ((("p", "m1"), ("p", "m2")), (("p", "m1"), ("q", "m3")), (("q", "m3"), ("p", "m1")))


class Request:
    """One that is under way.

    Attributes:
        probe: keys of what it has the right to try again.
    """

    def __init__(self, option: Option, owner: str, started: float, probe: tuple[str, ...]) -> None:
        self.option = option
        self.owner = owner
        self.started = started
        self.probe = probe


class Right(NamedTuple):
    """Who may try a subject again.

    Attributes:
        request: who.
        until: until when.
        windows: which windows it was for, each by when it opened.
    """

    request: Request
    until: float
    windows: dict[str, float]


class Rotation(RuleBasedStateMachine):
    """Several requests at a time, in one process, over two candidates."""

    def __init__(self, redis: Store | None) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.stores: list[Store] = [SqliteStore(self.folder / "state.sqlite")]
        if redis is not None:
            self.stores.append(redis)
        self.state = Log([MemoryStore(), *self.stores])
        self.recorder = Recorder(self.state)
        self.running: list[Request] = []
        self.secrets: dict[str, int] = {}
        self.asked: dict[str, float] = {}
        self.sessions: dict[tuple[str, str], str] = {}
        # Until when nobody may be sent there, and since when: by subject, secret and reason.
        self.promised: dict[tuple[str, str, str], tuple[float, float]] = {}
        self.last_failure: dict[tuple[str, str], float] = {}
        self.rights: dict[str, Right] = {}
        self.count = 0
        self.layout = Layout(CHAINS[0], {}, {})
        self.built: list[Option] = []

    @initialize(chain=st.sampled_from(CHAINS), order=st.sampled_from(ORDERS))
    def configured(
        self,
        chain: tuple[tuple[str, str], ...],
        order: tuple[dict[str, int], dict[str, float]],
    ) -> None:
        self.layout = Layout(chain, *order)
        self.built = []

    # --- what happens -----------------------------------------------------------------------------

    @rule(
        session=st.sampled_from([None, None, *SESSIONS]),
        chance=st.sampled_from([0.0, 0.2, 0.5, 0.999]),
        excluded=st.sampled_from([(), (), (), ((0, "p:a"),), ((0, "q:d"), (1, "p:b"))]),
        count=st.integers(1, 3),
    )
    def ask(
        self,
        session: str | None,
        chance: float,
        excluded: tuple[tuple[int, str], ...],
        count: int,
    ) -> None:
        if self.layout.weights:
            self.check_lots()
        for _ in range(count):
            self.asks(session, chance, set(excluded))

    @precondition(lambda self: self.running)
    @rule(place=st.integers(0, 5), kind=st.sampled_from(FAILURES), told=TOLD)
    def fail(
        self, place: int, kind: type[ProviderError | TransportError], told: float | None
    ) -> None:
        error = kind("no")
        if isinstance(error, ProviderError):
            error.retry_after = told
        self.fails(self.one_of(place), error)

    @precondition(lambda self: self.running)
    @rule(
        place=st.integers(0, 5),
        how=st.sampled_from(["good", "good", "empty", "taken", "cancelled", "its own fault"]),
        kind=st.sampled_from(HARMLESS),
    )
    def end(self, place: int, how: str, kind: type[ProviderError]) -> None:
        request = self.one_of(place)
        before = dict(self.state.store.scan().records)
        match how:
            case "good" | "empty":
                self.answers(request, empty=how == "empty")
            case "taken":
                self.is_taken(request)
            case "cancelled":
                self.leaves(request)
                after = self.state.store.scan().records
                assert {key for key in after if after[key] != before.get(key)} <= set(request.probe)
            case _:
                self.recorder.failed(
                    request.option,
                    kind("no", retry_after=9.0),
                    request.option.secret,
                    started=request.started,
                    cooldowns=COOLDOWNS,
                )
                assert self.state.store.scan().records == before
                self.leaves(request)

    @rule(seconds=st.sampled_from([0.01, 0.6, 5.0, 31.0, 61.0, 700.0, 5000.0, 20_000.0, 90_000.0]))
    def wait(self, seconds: float) -> None:
        self.state.clock += seconds

    @rule(place=st.integers(0, 3), early=st.sampled_from([0.0, 2 * TICK]))
    def wait_for_a_window(self, place: int, early: float) -> None:
        """To its very end, or just before."""
        ends = sorted(
            window.until
            for record in self.state.store.scan().records.values()
            for window in record.windows.values()
            if window.until - early > self.state.clock
        )
        if ends:
            self.state.clock = ends[place % len(ends)] - early

    @precondition(lambda self: self.state.events)
    @rule(
        profile=st.sampled_from(sum(PROFILES.values(), ())),
        session=st.sampled_from(SESSIONS),
        what=st.sampled_from(["secret", "secret", "reset", "session"]),
    )
    def change(self, profile: str, session: str, what: str) -> None:
        provider = profile.partition(":")[0]
        match what:
            case "secret":
                # Those that are under way have the old one.
                self.secrets[profile] = self.secrets.get(profile, 0) + 1
                self.built = []
            case "reset":
                self.resets(profile)
            case _:
                self.recorder.unpinned(provider, session)
                self.sessions.pop((provider, session), None)

    # --- what must hold -----------------------------------------------------------------------------

    @invariant()
    def whoever_waits_is_told_the_truth(self) -> None:
        """Somebody does come back at the time that is told, or a later one is."""
        now = self.state.clock
        choice = choose(self.options(), self.state.health, now)
        for _ in range(12):
            if choice.option is not None:
                return
            assert choice.retry_at is not None
            assert choice.retry_at > now
            now = choice.retry_at
            choice = choose(self.options(), self.state.health, now)
        raise AssertionError("it is put off for ever")

    def teardown(self) -> None:
        try:
            self.check_nobody_starves()
            self.check_replay()
        finally:
            self.stores[0].close()
            shutil.rmtree(self.folder)

    def check_nobody_starves(self) -> None:
        """After whatever happened, everybody is asked again, and in turns."""
        self.running.clear()
        self.state.clock += 200_000.0
        first = [option for option in self.options() if option.candidate == 0]
        equals = [option for option in first if option.rank == min(each.rank for each in first)]
        if len({option.weight for option in equals}) > 1:
            return
        served = []
        for _ in equals:
            request = self.asks(None, 0.5, set())
            assert request is not None
            served.append(request.option)
            self.answers(self.running.pop(), empty=False)
            assert not any(self.windows(key) for key in request.option.subjects)
        assert set(served) == set(equals)

    def check_replay(self) -> None:
        """From nothing, the log leads every store's way to the same."""
        replayed: dict[str, Health] = {}
        for key, event in self.state.events:
            replayed[key] = applied(replayed.get(key, Health()), event)
        assert self.state.store.scan().records == replayed
        for store in self.stores:
            assert store.scan().records == replayed, store.name

    # --- one request --------------------------------------------------------------------------------

    def asks(
        self, session: str | None, chance: float, done: set[tuple[int, str]]
    ) -> Request | None:
        now = self.state.now()
        pinned = tuple(
            record.pinned
            for provider in ("p", "q")
            if session is not None
            and (record := self.state.health(session_key(provider, session))) is not None
        )
        choice = choose(
            self.options(), self.state.health, now, excluded=done, pinned=pinned, chance=chance
        )
        self.check_choice(choice, session, done, now)
        option = choice.option
        if option is None:
            return None
        self.count += 1
        request = Request(option, f"r{self.count}", 0.0, choice.probe)
        if choice.probe:
            self.claims(request)
        self.recorder.used(option, session)
        self.asked[option.profile] = self.state.clock
        if session is not None:
            self.sessions[option.provider, session] = option.profile
        request.started = self.state.now()
        self.running.append(request)
        return request

    def claims(self, request: Request) -> None:
        now = self.state.now()
        for key in request.probe:
            windows = self.windows(key)
            held = self.rights.get(key)
            if held is not None and held.windows == windows and held.request in self.running:
                assert held.until <= now, f"{key}: two try it at once"
            self.rights[key] = Right(request, now + LEASE, windows)
        claim = Claimed(at=now, owner=request.owner, lease=LEASE)
        self.state.note({key: [claim] for key in request.probe})
        for key in request.probe:
            record = self.state.health(key)
            assert record is not None
            assert record.probe_owner == request.owner
            # Whoever read the same a moment ago comes too late.
            late = Claimed(at=now + TICK / 2, owner="late", lease=LEASE)
            assert applied(record, late).probe_owner == request.owner

    def answers(self, request: Request, *, empty: bool) -> None:
        option = request.option
        limit = RateLimit(name="requests", limit=9, remaining=0 if empty else 8, reset_after=25.0)
        self.recorder.succeeded(
            option,
            option.secret,
            started=request.started,
            limits={"requests": limit},
            cooldowns=COOLDOWNS,
        )
        self.settle(*option.subjects[2:])
        self.disprove(option, request.started)
        if empty:
            self.promise(option.subjects[1], option.secret, "pacing", self.state.clock + 25 - TICK)

    def is_taken(self, request: Request) -> None:
        """The first bytes came, which prove the credential; the content is still to come."""
        option = request.option
        self.recorder.succeeded(
            option, option.secret, started=request.started, subjects=option.subjects[:2]
        )
        self.disprove(option, request.started)
        self.running.append(request)

    def resets(self, profile: str) -> None:
        """As a user does it by hand: the profile, and whatever it could be asked for."""
        provider = profile.partition(":")[0]
        keys = [f"profile/{profile}", f"provider/{provider}"]
        for at, model in self.layout.chain:
            if at == provider:
                keys += [f"pair/{profile}/{model}", f"model/{provider}/{model}"]
        self.recorder.reset(keys)
        self.settle(*keys)

    def fails(self, request: Request, error: ProviderError | TransportError) -> None:
        option = request.option
        verdict = verdict_on(error)
        names = ("profile", "pair", "model", "provider")
        place = names.index(verdict.cools or "")
        key = option.subjects[place]
        secret = option.secret if place < 2 else ""
        reason = verdict.reason or ""
        self.recorder.failed(
            option, error, option.secret, started=request.started, cooldowns=COOLDOWNS
        )
        now = self.state.clock
        if isinstance(error, ProviderError) and error.retry_after is not None:
            self.promise(key, secret, reason, now + error.retry_after)
        elif request.started > self.last_failure.get((key, reason), 0.0):
            # What was sent before the last failure says nothing that was not known.
            self.promise(key, secret, reason, now + getattr(COOLDOWNS, reason)[0])
        self.last_failure[key, reason] = now
        self.leaves(request)

    def leaves(self, request: Request) -> None:
        self.recorder.released(request.probe, request.owner)

    # --- what is known of it here -------------------------------------------------------------------

    def check_choice(
        self, choice: Choice, session: str | None, done: set[tuple[int, str]], now: float
    ) -> None:
        options = [
            option for option in self.options() if (option.candidate, option.profile) not in done
        ]
        able = [option for option in options if not self.is_out(option)]
        if choice.option is None:
            assert not able
            return
        option = choice.option
        for key in option.subjects[:2]:
            self.check_promises(key, option.secret, now)
        for key in option.subjects[2:]:
            self.check_promises(key, "", now)
        assert option in able
        first = [other for other in able if other.candidate == able[0].candidate]
        mine = self.sessions.get((option.provider, session)) if session is not None else None
        if mine in {other.profile for other in first}:
            assert option.profile == mine
            return
        equals = [other for other in first if other.rank == min(each.rank for each in first)]
        assert option in equals
        if len({other.weight for other in equals}) == 1:
            waited = min(self.asked.get(other.profile, 0.0) for other in equals)
            assert self.asked.get(option.profile, 0.0) == waited

    def check_lots(self) -> None:
        """Of different weights, each gets its share of the chances there are."""
        options = [option for option in self.options() if option.candidate == 0]
        drawn = [
            choose(options, self.state.health, self.state.clock, chance=(step + 0.5) / 40).option
            for step in range(40)
        ]
        able = [option for option in options if not self.is_out(option)]
        assert all(option in able for option in drawn if option is not None)
        weights = {o: o.weight for o in able if o.rank == min(each.rank for each in able)}
        if len(set(weights.values())) > 1:
            for option, weight in weights.items():
                share = 40 * weight / sum(weights.values())
                assert abs(drawn.count(option) - share) <= 1

    def is_out(self, option: Option) -> bool:
        """By the records alone: a window that is open, or somebody who tries one that has ended."""
        now = self.state.clock
        for place, key in enumerate(option.subjects):
            record = self.state.health(key)
            if record is None or (place < 2 and record.secret not in ("", option.secret)):
                continue
            if record.paced_until > now or any(w.until > now for w in record.windows.values()):
                return True
            if record.windows and record.probe_until > now:
                return True
        return False

    def windows(self, key: str) -> dict[str, float]:
        record = self.state.health(key)
        return {name: w.since for name, w in record.windows.items()} if record is not None else {}

    def promise(self, key: str, secret: str, reason: str, until: float) -> None:
        place = (key, secret, reason)
        before, _ = self.promised.get(place, (0.0, 0.0))
        opened = self.windows(key).get(reason, self.state.clock)
        self.promised[place] = (max(until, before), opened)

    def disprove(self, option: Option, started: float) -> None:
        """It got through, so that windows from before it was sent are closed, early or not."""
        for key in option.subjects[:2]:
            for place in [place for place in self.promised if place[:2] == (key, option.secret)]:
                if place[2] != "pacing" and self.promised[place][1] <= started:
                    del self.promised[place]

    def check_promises(self, key: str, secret: str, now: float) -> None:
        for (of, by, reason), (until, _) in self.promised.items():
            if (of, by) == (key, secret):
                assert now >= until, f"{key}: chosen {until - now:g} s before its time ({reason})"

    def settle(self, *keys: str) -> None:
        """Nothing is held against these any more."""
        self.promised = {
            place: times for place, times in self.promised.items() if place[0] not in keys
        }
        for key in keys:
            self.last_failure = {
                place: at for place, at in self.last_failure.items() if place[0] != key
            }

    def one_of(self, place: int) -> Request:
        return self.running.pop(place % len(self.running))

    def options(self) -> list[Option]:
        self.built = self.built or [
            Option(
                provider=provider,
                model=model,
                profile=profile,
                candidate=place,
                rank=self.layout.ranks.get(profile, 0),
                weight=self.layout.weights.get(profile, 1.0),
                subjects=(
                    f"profile/{profile}",
                    f"pair/{profile}/{model}",
                    f"model/{provider}/{model}",
                    f"provider/{provider}",
                ),
                secret=f"{profile}/{self.secrets.get(profile, 0)}",
            )
            for place, (provider, model) in enumerate(self.layout.chain)
            for profile in PROFILES[provider]
        ]
        return self.built


def test_any_order_of_requests(request: pytest.FixtureRequest) -> None:
    store: RedisStore | None = None
    client: Any = None
    with contextlib.ExitStack() as stack:
        if redis_server.PROGRAM is not None:
            import redis

            url = request.getfixturevalue("shared_redis").url
            store = RedisStore(url)
            stack.callback(store.close)
            client = stack.enter_context(redis.Redis.from_url(url))

        class Machine(Rotation):
            def __init__(self) -> None:
                if client is not None:
                    client.flushall()
                super().__init__(store)

        run_state_machine_as_test(
            Machine,
            settings=settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None),
        )
