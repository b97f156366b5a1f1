"""All profiles at a glance, and what people do to them by hand."""

from collections.abc import Mapping, Sequence

from aisopod.errors import (
    AisopodError,
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
)
from aisopod.policy.health import Health
from aisopod.policy.selection import Option, standing
from aisopod.routing.candidates import Candidate
from aisopod.routing.context import Routing
from aisopod.routing.pool import Pool
from aisopod.routing.refusal import state_of
from aisopod.routing.subjects import are_about
from aisopod.types import ProfileState, ProviderHealth

__all__ = ["check", "check_chain", "reset", "standings"]


def check_chain(pool: Pool, chain: Sequence[Candidate], pinned: str | None) -> None:
    """Whether anybody at all may serve a request.

    Raises:
        ConfigurationError: nobody; it is the first candidate's reason.
        InvalidRequestError: the pinned profile is of no candidate's provider.
    """
    if pinned is not None:
        if pinned.partition(":")[0] not in {candidate.provider for candidate in chain}:
            raise InvalidRequestError(
                "no candidate is of this profile's provider",
                field="profile",
                value=pinned,
                remedy=f"Name a profile of {chain[0].provider}",
            )
        pool.profile(pinned)
    first: AisopodError | None = None
    for candidate in chain:
        try:
            pool.profiles(candidate.provider)
        except ConfigurationError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first


async def standings(routing: Routing, providers: Sequence[str]) -> list[ProfileState]:
    """How every profile stands; one entry more for each model for which something is out."""
    records = await routing.state.scan()
    states: list[ProfileState] = []
    for provider in providers:
        try:
            profiles = list(routing.pool.profiles(provider))
        except ConfigurationError as error:
            states.append(
                ProfileState(
                    provider=provider,
                    profile=f"{provider}:default",
                    state="unusable",
                    reason=str(error),
                )
            )
            continue
        for profile in profiles:
            states += _standings(routing, profile, records)
    return states


def _standings(routing: Routing, profile: str, records: Mapping[str, Health]) -> list[ProfileState]:
    pool = routing.pool
    alone = pool.option(profile, "")
    problem = pool.problem(profile)
    if problem is not None:
        return [
            ProfileState(
                provider=alone.provider, profile=profile, state="unusable", reason=str(problem)
            )
        ]
    now = routing.state.now()
    own = state_of(alone, standing(alone, records.get, now))
    found = [own]
    for model in sorted(_models(alone, records)):
        option = pool.option(profile, model)
        state = state_of(option, standing(option, records.get, now))
        if state.state != "ready" and state.subject != own.subject:
            found.append(state)
    return found


def _models(option: Option, records: Mapping[str, Health]) -> set[str]:
    """Models about which something is remembered that concerns the profile."""
    _, pair, model, _ = option.subjects
    return {
        key.removeprefix(prefix)
        for prefix in (pair, model)
        for key in records
        if key.startswith(prefix) and key != prefix
    }


async def check(routing: Routing, profile: str) -> ProviderHealth:
    """Ask the provider, by a call that costs no tokens, whether it takes a profile's credential.

    What it finds is remembered: a refusal disables the profile, an acceptance ends that.

    Raises:
        ConfigurationError: there is no such profile, or it cannot be used as it is set up.
    """
    pool = routing.pool
    option = pool.option(profile, "")
    started = routing.state.now()
    provider = await pool.provider(option, None)
    health = await provider.health_check()
    await routing.state.refresh(option.subjects)
    secret = pool.secret(option)
    if health.authorised:
        # It is the key that was taken; whether somebody pays for it, this call does not tell.
        routing.recorder.succeeded(
            option, secret, started=started, subjects=option.subjects[:1], disproves=("auth",)
        )
    elif health.reachable and health.authorised is False:
        routing.recorder.failed(
            option,
            AuthenticationError(health.problem or "refused", provider=option.provider),
            secret,
            started=started,
            cooldowns=pool.cooldowns(option.provider),
        )
    await routing.state.settle()
    return health


async def reset(routing: Routing, profile: str) -> None:
    """Forget every failure that keeps a profile from being used, at whatever address.

    Raises:
        ConfigurationError: there is no such profile.
    """
    routing.pool.profile(profile)
    records = await routing.state.scan()
    routing.recorder.reset([key for key in records if are_about(key, profile)])
    await routing.state.settle()
