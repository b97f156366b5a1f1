"""Whose turn it is: a pure decision over what is remembered."""

import math
from collections.abc import Callable, Collection, Sequence
from typing import Literal, NamedTuple

import msgspec

from aisopod.policy.health import CLOCK_SECONDS, Health, is_over

__all__ = ["Choice", "Option", "Standing", "choose", "standing"]


class Option(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A profile that could serve a candidate.

    Attributes:
        provider: the candidate's provider.
        model: the candidate's model.
        profile: the profile's id, `provider:name`.
        candidate: place of the candidate in the chain, from 0.
        rank: place among the candidate's profiles; equal ranks take turns.
        weight: how large its share among equals is.
        subjects: keys of the profile, of the profile with this model, of the model, and of the
            provider.
        secret: fingerprint of its secret; empty where secrets change by themselves.
    """

    provider: str
    model: str
    profile: str
    candidate: int = 0
    rank: int = 0
    weight: float = 1.0
    subjects: tuple[str, str, str, str]
    secret: str = ""


class Standing(NamedTuple):
    """How an option stands at a moment.

    Attributes:
        state: `ready`; `probe` when a window has ended and one request may try; `out` until a
            time; `probing` while that one request is under way.
        until: when it comes back, in seconds since the epoch; 0 when it is not out.
        subject: key of what is out.
        reason: why: a cooldown's name, or `pacing`.
        rule: id of the rule that classified the failure.
        message: what was said.
    """

    state: Literal["ready", "probe", "probing", "out"]
    until: float = 0.0
    subject: str = ""
    reason: str = ""
    rule: str = ""
    message: str = ""


class Choice(msgspec.Struct, frozen=True):
    """What to do now.

    Attributes:
        option: whom to ask; None when nobody can be.
        probe: keys of what this request would try again; the right to must be claimed first.
        retry_at: without an option, when the first may be back, in seconds since the epoch; None
            when waiting does not help.
        busy: whether somebody is trying one of them at this moment.
        refused: whether one is out for its credential or its account, which another secret mends.
    """

    option: Option | None
    probe: tuple[str, ...] = ()
    retry_at: float | None = None
    busy: bool = False
    refused: bool = False


_READY = Standing("ready")


def standing(option: Option, health: Callable[[str], Health | None], now: float) -> Standing:
    """How an option stands: by the worst of its four subjects."""
    for key in option.subjects:
        record = health(key)
        if record is not None and (record.windows or record.paced_until):
            return _worst(option, health, now)
    return _READY


def _worst(option: Option, health: Callable[[str], Health | None], now: float) -> Standing:
    worst = _READY
    for place, key in enumerate(option.subjects):
        record = health(key)
        if record is None or _is_anothers(record, option, place):
            continue
        found = _standing(key, record, now)
        if (_BADNESS[found.state], found.until) > (_BADNESS[worst.state], worst.until):
            worst = found
    return worst


def _is_anothers(record: Health, option: Option, place: int) -> bool:
    """Whether it is about another secret than the option has now."""
    return place < 2 and bool(record.secret and option.secret and record.secret != option.secret)


_BADNESS = {"ready": 0, "probe": 1, "probing": 2, "out": 3}


def _standing(key: str, health: Health, now: float) -> Standing:
    ended = False
    worst = _READY
    for reason, window in health.windows.items():
        if is_over(window, now):
            ended = True
        elif window.until > worst.until:
            worst = Standing("out", window.until, key, reason, window.rule, window.message)
    paced = health.paced_until > now and health.last_good <= now + CLOCK_SECONDS
    if paced and health.paced_until > worst.until:
        worst = Standing("out", health.paced_until, key, "pacing")
    if worst.until or not ended:
        return worst
    reason, window = max(health.windows.items(), key=lambda item: item[1].until)
    state: Literal["probe", "probing"] = "probing" if health.probe_until > now else "probe"
    until = health.probe_until if state == "probing" else 0.0
    return Standing(state, until, key, reason, window.rule, window.message)


def choose(
    options: Sequence[Option],
    health: Callable[[str], Health | None],
    now: float,
    *,
    excluded: Collection[tuple[int, str]] = (),
    pinned: Collection[str] = (),
    chance: float = 0.0,
) -> Choice:
    """Whom to ask: the first candidate that somebody can serve, there the one whose turn it is.

    Args:
        options: the candidates' profiles, in the candidates' order.
        health: key of a subject to what is remembered of it.
        now: seconds since the epoch.
        excluded: candidates' places and profiles that this request has done with.
        pinned: profiles to which the session belongs; they go first where they can serve.
        chance: a random number from 0 to 1, for profiles of different weights.
    """
    if options and not (excluded or pinned):
        obvious = _obvious(options, health, now)
        if obvious is not None:
            return Choice(obvious)
    soonest: float | None = None
    busy = refused = False
    first: tuple[float, ...] | None = None
    equals: list[Option] = []
    ended = False
    for option in options:
        if equals and option.candidate > equals[0].candidate:
            break
        if excluded and (option.candidate, option.profile) in excluded:
            continue
        found = standing(option, health, now)
        if found.until:
            soonest = found.until if soonest is None else min(soonest, found.until)
            busy = busy or found.state == "probing"
            refused = refused or found.reason in {"auth", "billing"}
            continue
        ended = ended or found is not _READY
        place = (option.profile not in pinned, option.rank)
        if first is None or place < first:
            first = place
            equals = [option]
        elif place == first:
            equals.append(option)
    if not equals:
        return Choice(None, retry_at=soonest, busy=busy, refused=refused)
    option = _turn(equals, health, chance)
    return Choice(option, _ended(option, health, now) if ended else (), refused=refused)


def _obvious(
    options: Sequence[Option], health: Callable[[str], Health | None], now: float
) -> Option | None:
    """Of the first candidate's equals the one that has waited longest, if nothing is against it.

    That is nearly every request's answer, for less than looking at all of them. Whoever is out has
    waited longest before long, so that none is passed over for good.
    """
    longest = first = options[0]
    waited = math.inf
    for option in options:
        if option.candidate != first.candidate:
            break
        if option.rank != first.rank or option.weight != first.weight:
            return None
        record = health(option.subjects[0])
        used = record.last_used if record is not None else 0.0
        if used < waited:
            longest, waited = option, used
    return longest if standing(longest, health, now) is _READY else None


def _turn(
    options: Sequence[Option], health: Callable[[str], Health | None], chance: float
) -> Option:
    """Of equals the one that has waited longest; of different weights, one by lot.

    Neither counts turns: counts that several processes keep contradict each other, and flood a
    profile that was away for a while.
    """
    first = options[0]
    longest, waited = first, _last_used(first, health)
    for option in options:
        if option.weight != first.weight:
            break
        used = _last_used(option, health)
        if used < waited:
            longest, waited = option, used
    else:
        return longest
    drawn = chance * sum(option.weight for option in options)
    for option in options:
        drawn -= option.weight
        if drawn < 0:
            return option
    return options[-1]


def _last_used(option: Option, health: Callable[[str], Health | None]) -> float:
    record = health(option.subjects[0])
    return record.last_used if record is not None else 0.0


def _ended(option: Option, health: Callable[[str], Health | None], now: float) -> tuple[str, ...]:
    """The subjects of an option that wait for one request to try them."""
    keys = []
    for place, key in enumerate(option.subjects):
        record = health(key)
        if record is None or _is_anothers(record, option, place):
            continue
        if _standing(key, record, now).state == "probe":
            keys.append(key)
    return tuple(keys)
