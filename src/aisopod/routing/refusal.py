"""How everybody stands, and what is told when nobody could serve a request."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from aisopod.errors import AisopodError, AllAttemptsFailedError, ConfigurationError, ProviderError
from aisopod.policy.selection import Option, Standing, standing
from aisopod.routing.candidates import Candidate
from aisopod.routing.pool import Pool
from aisopod.stores import SharedState
from aisopod.types import ProfileState

__all__ = ["considered", "exhausted", "moment", "remedy_for", "state_of"]

_REMEDIES = {
    "auth": "correct its key; the new one counts at once",
    "billing": "look at the account's credit, then `aisopod auth reset {profile}`",
    "permission": "ask for access to {model}, then `aisopod auth reset {profile}`",
}


def considered(
    pool: Pool,
    state: SharedState,
    chain: Sequence[Candidate],
    pinned: str | None,
    unfit: Mapping[int, AisopodError] | None = None,
    *,
    base_url: str | None = None,
) -> list[ProfileState]:
    """How each profile of each candidate stands, the unusable ones too.

    Args:
        pool: all profiles.
        state: what is remembered of them.
        chain: the candidates.
        pinned: the one profile to use of its provider.
        unfit: why candidates cannot do what is asked, by their places.
        base_url: where the provider is to answer, in place of what is configured.
    """
    now = state.now()
    options = pool.options(chain, pinned, base_url)
    states = []
    for place, candidate in enumerate(chain):
        try:
            profiles = pool.profiles(candidate.provider)
        except ConfigurationError as error:
            # Another candidate may be asked.
            states.append(_unusable(candidate, f"{candidate.provider}:default", str(error)))
            continue
        mine = {option.profile: option for option in options if option.candidate == place}
        for profile in profiles:
            option = mine.get(profile)
            if option is not None and unfit and place in unfit:
                states.append(_unusable(candidate, profile, unfit[place].message))
            elif option is not None:
                states.append(state_of(option, standing(option, state.health, now)))
            elif (problem := pool.problem(profile)) is not None:
                states.append(_unusable(candidate, profile, str(problem)))
            elif pinned is None:
                states.append(_unusable(candidate, profile, "it is not for this model"))
    return states


def state_of(option: Option, found: Standing) -> ProfileState:
    """An option and its standing as users see them."""
    kinds = ("the profile", "the profile for this model", "the model", "the provider")
    subject = kinds[option.subjects.index(found.subject)] if found.subject else ""
    return ProfileState(
        provider=option.provider,
        model=option.model,
        profile=option.profile,
        state=found.state,
        until=found.until or None,
        subject=subject,
        reason=found.reason,
        rule=found.rule,
        message=found.message,
    )


def exhausted(
    pool: Pool,
    chain: Sequence[Candidate],
    errors: Sequence[AisopodError],
    states: Sequence[ProfileState],
    now: float,
    why: str,
) -> AisopodError:
    """The error when nobody is left: the only one's own, or one that tells of all."""
    if not errors and all(state.state == "unusable" for state in states):
        found = [pool.problem(state.profile) for state in states]
        problem = next((each for each in found if each is not None), None)
        return problem or ConfigurationError(
            f"no profile may serve {_list(chain)}: "
            + "; ".join(f"{state.profile}: {state.reason}" for state in states)
        )
    if errors and len(states) == 1:
        return errors[-1]
    asked = {_where(error) for error in errors}
    unasked = [_of(state) for state in states if state.state in {"ready", "probe"}]
    unasked = [target for target in unasked if target not in asked]
    times = [state.until for state in states if state.state == "out" and state.until is not None]
    retry_at = now if unasked else min(times, default=None)
    lines = [f"nobody could serve {_list(chain)}" + f" ({why})" * bool(why)]
    lines += [f"{_where(error)}: {_class(error)}: {error.message}" for error in errors]
    lines += _outs(states, asked, now)
    if unasked:
        lines.append(f"not asked: {', '.join(unasked)}; raise failover.max_attempts for that")
    elif retry_at is not None and len(times) > 1:
        lines.append(f"the first may be back {moment(retry_at, now)}")
    error = AllAttemptsFailedError(
        "\n".join(lines),
        errors=errors,
        considered=states,
        retry_at=retry_at,
        retry_after=None if retry_at is None else max(retry_at - now, 0.0),
    )
    error.__cause__ = errors[-1] if errors else None
    return error


def moment(at: float, now: float) -> str:
    """A time for people: how far it is, and when by the clock."""
    seconds = max(at - now, 0.0)
    try:
        local = datetime.fromtimestamp(at).astimezone()
    except (ValueError, OverflowError, OSError):
        # Some services say milliseconds, or a date, where seconds belong.
        return f"in {seconds / 86400:.0f} days"
    clock = local.strftime("%H:%M:%S" if seconds < 12 * 3600 else "%Y-%m-%d %H:%M")
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"in {seconds / size:.0f} {unit} ({clock})"
    return f"in {seconds:.0f} s ({clock})" if seconds >= 10 else f"in {seconds:.1f} s ({clock})"


def remedy_for(state: ProfileState) -> str:
    """What a user can do about a profile that is out; empty where time does it."""
    return _REMEDIES.get(state.reason, "").format(profile=state.profile, model=state.model)


def _unusable(candidate: Candidate, profile: str, reason: str) -> ProfileState:
    return ProfileState(
        provider=candidate.provider,
        model=candidate.model,
        profile=profile,
        state="unusable",
        reason=reason,
    )


def _outs(states: Sequence[ProfileState], asked: set[str], now: float) -> Iterator[str]:
    """Who was not asked, and when those who were may be again."""
    for state in states:
        target = _of(state)
        if state.state == "unusable":
            yield f"{target}: {state.reason}"
        elif state.state == "probing":
            yield f"{target}: just being tried again"
        elif state.state == "out" and state.until is not None:
            rule = f", rule {state.rule}" * bool(state.rule)
            said = f": {state.message}" * bool(state.message and target not in asked)
            remedy = remedy_for(state)
            yield (
                f"{target}: {state.subject} is out for {state.reason}{rule}, back "
                f"{moment(state.until, now)}{said}" + f"; {remedy}" * bool(remedy)
            )


def _target(provider: str, model: str, profile: str) -> str:
    return f"{provider}/{model} by {profile}"


def _of(state: ProfileState) -> str:
    return _target(state.provider, state.model, state.profile)


def _where(error: AisopodError) -> str:
    attempt = error.attempts[-1] if error.attempts else None
    return _target(attempt.provider, attempt.model, attempt.profile) if attempt else "not sent"


def _class(error: AisopodError) -> str:
    status = f" (HTTP {error.status})" if isinstance(error, ProviderError) and error.status else ""
    return type(error).__name__ + status


def _list(chain: Sequence[Candidate]) -> str:
    return ", ".join(str(candidate) for candidate in chain)
