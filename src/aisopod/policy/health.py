"""What is remembered of a subject, and how events change it: a pure fold over a log.

A subject is whatever can fail by itself: a profile, a profile with one model, a model, a
provider. Every store folds with the function below, so all agree; an event carries all that it
needs (its time, its constants, its random number), so that the same log gives the same state.
"""

import msgspec

__all__ = [
    "CLOCK_SECONDS",
    "LATE_SECONDS",
    "Claimed",
    "Event",
    "Failed",
    "Health",
    "Pinned",
    "Released",
    "Reset",
    "Succeeded",
    "Used",
    "Window",
    "applied",
    "is_over",
]

LATE_SECONDS = 600.0
"""News that come later than what they would undo are old. Still older ones are not: more than
this apart, a clock was set back, and what happens now must count."""
CLOCK_SECONDS = 60.0
"""The most by which the clocks of those who share state may differ."""


class Window(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A time in which a subject is left alone. It stays after its end until a success closes it.

    Attributes:
        since: when it opened, in seconds since the epoch.
        until: when it ends.
        failures: how many failures in a row led here; those inside a window do not count.
        last: when the last failure came, counted or not.
        rule: id of the rule that classified the failure.
        message: what was said, without secrets, shortened.
    """

    since: float
    until: float
    failures: int = 1
    last: float = 0.0
    rule: str = ""
    message: str = ""


class Health(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that is remembered of a subject. Times are seconds since the epoch; 0 is never.

    Attributes:
        last_used: when it was last chosen.
        last_good: when it last succeeded.
        proven: when the latest request that succeeded was sent: failures before then are settled.
        windows: by reason; none on a healthy subject.
        paced_until: until when its limit is known to be used up, by the provider's own figures.
        probe_until: until when the one request that tries it again has the right to.
        probe_owner: which request that is.
        secret: fingerprint of the secret that the windows are about; another secret is healthy.
        models: for a provider, which of its models failed lately, and when.
        pinned: for a session, its profile.
    """

    last_used: float = 0.0
    last_good: float = 0.0
    proven: float = 0.0
    windows: dict[str, Window] = {}
    paced_until: float = 0.0
    probe_until: float = 0.0
    probe_owner: str = ""
    secret: str = ""
    models: dict[str, float] = {}
    pinned: str = ""


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What happened, at a time in seconds since the epoch."""

    at: float


class Used(_Event, frozen=True, gc=False, tag="used"):
    """It was chosen."""


class Succeeded(_Event, frozen=True, gc=False, tag="succeeded"):
    """It answered.

    Attributes:
        started: when that request was sent; a window opened later than that stays.
        secret: fingerprint of the secret that was used.
        paced_until: until when the provider's figures say that nothing is left.
        disproves: the reasons whose windows it closes; all when empty.
    """

    started: float
    disproves: tuple[str, ...] = ()
    secret: str = ""
    paced_until: float = 0.0


class Failed(_Event, frozen=True, gc=False, tag="failed"):
    """It failed.

    Attributes:
        started: when that request was sent.
        reason: which window it opens.
        steps: seconds that the window is long, by the number of failures in a row.
        until: the end that the provider told, in seconds since the epoch; None without one.
        mends: whether time mends it, so that a told end counts even where it comes before the step's.
        chance: a random number from 0 to 1, for the jitter.
        jitter: the most that chance adds to a step, as a part of it.
        shortest: seconds that a window with a told end is long at least.
        forget: seconds after which earlier failures do not count.
        rule: id of the rule that classified it.
        message: what was said, without secrets.
        secret: fingerprint of the secret that was used.
        model: for a provider, the model that failed: one alone is no evidence against it.
        evidence: seconds within which models must fail to be evidence.
        evidence_models: how many of them.
    """

    started: float
    reason: str
    steps: tuple[float, ...]
    until: float | None = None
    mends: bool = True
    chance: float = 0.0
    jitter: float = 0.2
    shortest: float = 0.1
    forget: float = 86400.0
    rule: str = ""
    message: str = ""
    secret: str = ""
    model: str = ""
    evidence: float = 120.0
    evidence_models: int = 2


class Claimed(_Event, frozen=True, gc=False, tag="claimed"):
    """A request asks for the right to try it again; the first one has it for `lease` seconds.

    Where there is nothing to try, because another did already, nobody gets it.
    """

    owner: str
    lease: float


class Released(_Event, frozen=True, gc=False, tag="released"):
    """The request that had the right gives it back, having learnt nothing."""

    owner: str


class Pinned(_Event, frozen=True, gc=False, tag="pinned"):
    """A session goes to this profile from now on; an empty one resets it."""

    profile: str


class Reset(_Event, frozen=True, gc=False, tag="reset"):
    """Somebody says that all is well again."""


Event = Used | Succeeded | Failed | Claimed | Released | Pinned | Reset


def applied(health: Health, event: Event) -> Health:
    """The subject's health after an event."""
    match event:
        case Used():
            return _replace(health, last_used=max(health.last_used, event.at))
        case Succeeded():
            return _succeeded(health, event)
        case Failed():
            return _failed(health, event)
        case Claimed():
            return _claimed(health, event)
        case Released():
            if health.probe_owner != event.owner:
                return health
            return _replace(health, probe_until=0.0, probe_owner="")
        case Pinned():
            if event.at < health.last_used:
                return health
            return _replace(health, pinned=event.profile, last_used=event.at)
        case Reset():
            return _reset(health, event)


def is_over(window: Window, now: float) -> bool:
    """Whether a window has ended; one that opens in the future is of a clock that was set back."""
    return window.until <= now or window.since > now + CLOCK_SECONDS


_replace = msgspec.structs.replace


def _with_secret(health: Health, secret: str) -> Health:
    """Another secret has done nothing yet."""
    if health.secret == secret:
        return health
    if not health.secret:
        return _replace(health, secret=secret)
    return Health(last_used=health.last_used, last_good=health.last_good, secret=secret)


def _is_of_an_older_secret(health: Health, event: Failed) -> bool:
    """Whether it was sent before the present secret failed: who was refused last is the newer."""
    return bool(
        health.secret
        and health.secret != event.secret
        and any(
            event.started < window.since <= event.at + LATE_SECONDS
            for window in health.windows.values()
        )
    )


def _is_late(at: float, than: float) -> bool:
    return 0 < than - at <= LATE_SECONDS


def _claimed(health: Health, event: Claimed) -> Health:
    # Who asks knows only what was true when it last read.
    if not health.windows or not all(is_over(each, event.at) for each in health.windows.values()):
        return health
    if health.probe_until > event.at and health.probe_owner != event.owner:
        return health
    return _replace(health, probe_until=event.at + event.lease, probe_owner=event.owner)


def _reset(health: Health, event: Reset) -> Health:
    windows = {reason: each for reason, each in health.windows.items() if each.since > event.at}
    return Health(
        last_used=health.last_used,
        last_good=health.last_good,
        proven=max(health.proven, event.at),
        windows=windows,
        paced_until=health.paced_until if health.last_good > event.at else 0.0,
        secret=health.secret if windows else "",
        models={model: at for model, at in health.models.items() if at > event.at},
    )


def _succeeded(health: Health, event: Succeeded) -> Health:
    if not (
        health.windows
        or health.models
        or health.paced_until
        or health.probe_owner
        or event.paced_until
    ):
        # Nearly every answer: nothing was wrong, and there is nothing to wait for.
        return _replace(
            health,
            last_used=max(health.last_used, event.started),
            last_good=max(health.last_good, event.at),
            proven=health.proven if event.disproves else max(health.proven, event.started),
            secret=event.secret,
        )
    # What was sent before a window opened proves nothing about what it was opened for.
    windows = {
        reason: window
        for reason, window in health.windows.items()
        if window.since > event.started or (event.disproves and reason not in event.disproves)
    }
    # What a later request has got through, or somebody has reset, is not used up.
    paced = event.paced_until if event.at > health.proven else 0.0
    return Health(
        last_used=max(health.last_used, event.started),
        last_good=max(health.last_good, event.at),
        # What proves the credential alone settles nothing else.
        proven=health.proven if event.disproves else max(health.proven, event.started),
        windows=windows,
        # Answers overtake each other: an older one's figures must not hide that nothing is left.
        paced_until=max(health.paced_until, paced) if health.secret == event.secret else paced,
        secret=health.secret if windows else event.secret,
        probe_until=health.probe_until if windows else 0.0,
        probe_owner=health.probe_owner if windows else "",
        models={model: at for model, at in health.models.items() if at > event.started},
    )


def _failed(health: Health, event: Failed) -> Health:
    if event.at == health.proven or _is_late(event.at, health.proven):
        return health
    if _is_of_an_older_secret(health, event):
        return health
    health = _with_secret(health, event.secret)
    if event.model:
        health = _with_evidence(health, event)
        if event.model not in health.models or len(health.models) < event.evidence_models:
            return health
    old = health.windows.get(event.reason)
    was_set_back = old is not None and old.since > event.at + LATE_SECONDS
    if old is not None and not was_set_back and (event.at < old.until or event.started < old.since):
        # Whoever is trying it again keeps the right to: this says nothing new.
        return _with_window(health, event.reason, _seen_again(old, event))
    opened = _with_window(health, event.reason, _opened(old, event))
    return _replace(opened, probe_until=0.0, probe_owner="")


def _with_window(health: Health, reason: str, window: Window) -> Health:
    return _replace(health, windows={**health.windows, reason: window})


def _seen_again(old: Window, event: Failed) -> Window:
    """A failure inside the window, or of a request older than it: no new evidence.

    Only a deadline that the provider tells moves it, and only to a later time.
    """
    until = max(old.until, event.until or 0.0)
    return _replace(old, until=until, last=max(old.last, event.at))


def _opened(old: Window | None, event: Failed) -> Window:
    forgotten = old is None or event.at - old.last > event.forget
    failures = 1 if old is None or forgotten else old.failures + 1
    step = event.steps[min(failures, len(event.steps)) - 1]
    until = event.at + step * (1 + event.jitter * event.chance)
    if event.until is not None:
        least = event.at + event.shortest if event.mends else until
        until = max(event.until, least)
    return Window(
        since=event.at,
        until=until,
        failures=failures,
        last=event.at,
        rule=event.rule,
        message=event.message[:200],
    )


def _with_evidence(health: Health, event: Failed) -> Health:
    models = {**health.models, event.model: max(health.models.get(event.model, 0.0), event.at)}
    newest = max(models.values())
    recent = {model: at for model, at in models.items() if newest - at <= event.evidence}
    return _replace(health, models=recent)
