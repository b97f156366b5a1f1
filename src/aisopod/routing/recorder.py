"""What happened to a request, as events of the subjects that it concerns."""

import random
from collections.abc import Mapping, Sequence
from hashlib import blake2b

import msgspec

from aisopod.errors import AisopodError, ProviderError, Scope
from aisopod.policy.cooldowns import Cooldowns
from aisopod.policy.failover import UNMENDED, Subject, Verdict, verdict_on
from aisopod.policy.health import Event, Failed, Health, Pinned, Released, Reset, Succeeded, Used
from aisopod.policy.selection import Option
from aisopod.stores import SharedState
from aisopod.types import RateLimit

__all__ = ["Recorder", "rule_of", "session_hash", "session_key"]


class Recorder:
    """Marks profiles and models as good or failed.

    Args:
        state: where it is remembered.
    """

    def __init__(self, state: SharedState) -> None:
        self._state = state

    def used(self, option: Option, session: str | None) -> float:
        """It was chosen, and this is when; it is written along with how it ended."""
        now = self._state.now()
        self._state.note_one(option.subjects[0], Used(at=now), write="later")
        if session is not None:
            pinned = Pinned(at=now, profile=option.profile)
            self._state.note({session_key(option.provider, session): [pinned]}, write="later")
        return now

    def succeeded(
        self,
        option: Option,
        secret: str,
        *,
        started: float,
        limits: Mapping[str, RateLimit] | None = None,
        cooldowns: Cooldowns | None = None,
        subjects: Sequence[str] | None = None,
        disproves: tuple[str, ...] = (),
    ) -> None:
        """It answered.

        Args:
            option: who.
            secret: fingerprint of the secret that was used.
            started: when the request was sent, in seconds since the epoch.
            limits: what the response's headers said.
            cooldowns: the provider's constants.
            subjects: what this proves good; all that it concerns when None.
            disproves: the reasons that it disproves; all when empty.
        """
        now = self._state.now()
        profile, pair, model, provider = option.subjects
        paced = _paced_until(limits, now, cooldowns) if limits and cooldowns else 0.0
        own = Succeeded(at=now, started=started, secret=secret, disproves=disproves)
        marked = self._marked(option)
        if not (marked or paced):
            if subjects is None or profile in subjects:
                self._state.note_one(profile, own, write="soon")
            return
        events: dict[str, Sequence[Event]] = {profile: [own]}
        if paced:
            events[pair] = [Succeeded(at=now, started=started, secret=secret, paced_until=paced)]
        elif pair in marked:
            events[pair] = [own]
        for key in (model, provider):
            if key in marked:
                # An answer now shows a model alive, whenever its request was sent.
                events[key] = [Succeeded(at=now, started=now)]
        if subjects is not None:
            events = {key: happened for key, happened in events.items() if key in subjects}
        # That somebody is back, or out until then, others must know at once.
        self._state.note(events, write="now")

    def failed(
        self,
        option: Option,
        error: AisopodError,
        secret: str,
        *,
        started: float,
        cooldowns: Cooldowns,
    ) -> Verdict:
        """It failed; gives what follows."""
        verdict = verdict_on(error)
        subject = _subject_of(error, verdict)
        if subject is None or verdict.reason is None:
            return verdict
        now = self._state.now()
        told = error.retry_after if isinstance(error, ProviderError) else None
        profile, pair, model, provider = option.subjects
        key = {"profile": profile, "pair": pair, "model": model, "provider": provider}[subject]
        failure = Failed(
            at=now,
            started=started,
            reason=verdict.reason,
            steps=getattr(cooldowns, verdict.reason),
            until=None if told is None else now + told,
            mends=verdict.reason not in UNMENDED,
            chance=random.random(),  # noqa: S311 - no secret
            jitter=cooldowns.jitter,
            shortest=cooldowns.shortest,
            forget=cooldowns.forget,
            rule=rule_of(error),
            message=error.message,
            secret=secret if key in (profile, pair) else "",
            evidence=cooldowns.evidence,
            evidence_models=cooldowns.evidence_models,
        )
        events: dict[str, Sequence[Event]] = {key: [failure]}
        if key == model:
            events[provider] = [_evidence(failure, option.model)]
        self._state.note(events)
        return verdict

    def released(self, keys: Sequence[str], owner: str) -> None:
        """A request that was to try these has learnt nothing."""
        now = self._state.now()
        held = [key for key in keys if self._owner(key) == owner]
        if held:
            self._state.note({key: [Released(at=now, owner=owner)] for key in held})

    def reset(self, keys: Sequence[str]) -> None:
        """Somebody says that all is well with these again."""
        now = self._state.now()
        self._state.note({key: [Reset(at=now)] for key in keys})

    def unpinned(self, provider: str, session: str) -> None:
        """The session goes to whoever's turn it is."""
        key = session_key(provider, session)
        self._state.note({key: [Pinned(at=self._state.now(), profile="")]})

    def _marked(self, option: Option) -> list[str]:
        """Of the subjects those that something is held against."""
        found = self._state.health
        return [
            key
            for key in option.subjects
            if (health := found(key)) is not None and (health.windows or health.models)
        ]

    def _owner(self, key: str) -> str:
        health: Health | None = self._state.health(key)
        return health.probe_owner if health is not None else ""


def session_key(provider: str, session: str) -> str:
    """The key of a session's profile; ids of sessions may name people, so they are hashed."""
    return f"session/{provider}/{session_hash(session)}"


def session_hash(session: str) -> str:
    """What stands for a session in everything that is kept."""
    return blake2b(session.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def rule_of(error: AisopodError) -> str:
    """Which rule classified it: the provider's, or the class of what aisopod found itself."""
    rule = error.rule if isinstance(error, ProviderError) else None
    return rule or f"aisopod/{type(error).__name__}"


def _subject_of(error: AisopodError, verdict: Verdict) -> Subject | None:
    """What the failure is held against: the table's, unless its rule says otherwise."""
    own: Scope | None = error.__dict__.get("scope")
    match own:
        case None:
            return verdict.cools
        case "request":
            return None
        case "model":
            return "model" if verdict.cools == "model" else "pair"
        case _:
            return own


def _evidence(failure: Failed, model: str) -> Failed:
    """The same against the provider, which counts once several models fail."""
    return msgspec.structs.replace(failure, model=model, until=None)


def _paced_until(limits: Mapping[str, RateLimit], now: float, cooldowns: Cooldowns) -> float:
    """Until when the headers show nothing left; 0 when there is something.

    They tell when all of it is there again (https://platform.openai.com/docs/guides/rate-limits,
    https://platform.claude.com/docs/en/api/rate-limits): with a fixed window nothing fits before,
    with a bucket that fills all the time, as those two have, a part does. Which it is, nobody
    tells, hence the cap. But in both, one request of so many fits after that part of the time and
    not before: where that is longer, as with `200` a day, it counts.
    """
    wait = 0.0
    for limit in limits.values():
        if limit.remaining == 0 and limit.reset_after:
            first = limit.reset_after / limit.limit if limit.limit else 0.0
            wait = max(wait, min(limit.reset_after, cooldowns.pacing), first)
    return now + wait if wait else 0.0
