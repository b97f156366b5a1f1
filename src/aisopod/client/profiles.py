"""A client's profiles: how they stand, and what people do to them by hand."""

import contextlib

from aisopod.client.core import Core
from aisopod.config import Profile
from aisopod.errors import AisopodError, ConfigurationError, InvalidRequestError
from aisopod.routing.overview import check, reset, standings
from aisopod.types import (
    ProfileState,
    ProviderHealth,
)

__all__ = ["Profiles"]


class Profiles(Core):
    """The part of a client that is about profiles."""

    def profiles(self, provider: str) -> list[Profile]:
        """The provider's profiles in their order; where their secrets are, not what they are.

        Raises:
            UnknownProviderError: there is no such provider.
            MissingCredentialError: it needs a credential, and there is none.
        """
        return list(self._routing().pool.profiles(provider).values())

    async def profile_states(self, provider: str | None = None) -> list[ProfileState]:
        """How every profile stands, of one provider or of all that there is a way into.

        A profile has one entry, and one more for each model for which something is out.
        """
        routing = self._routing()
        providers = [provider] if provider is not None else self.usable_providers()
        for each in providers:
            with contextlib.suppress(ConfigurationError):
                await routing.pool.examine(each)
        return await standings(routing, providers)

    async def check_profile(self, profile: str) -> ProviderHealth:
        """Whether the provider takes a profile's credential; costs no tokens, and is remembered.

        A secret that was refused, or could not be read, is read anew for it.

        Raises:
            UnknownProviderError, ConfigurationError: there is no such profile, or it cannot be used.
        """
        routing = self._routing()
        routing.pool.forget_doubtful(profile)
        return await check(routing, profile)

    async def reset_profile(self, profile: str) -> None:
        """Forget every failure of a profile, and those of its provider and the provider's models.

        Its secret is read anew when it is next used.

        Raises:
            UnknownProviderError, ConfigurationError: there is no such profile.
        """
        routing = self._routing()
        routing.pool.forget(profile)
        await reset(routing, profile)

    async def reset_session(self, session_id: str) -> None:
        """Let a conversation go to whoever's turn it is: its prompt cache is worth nothing now."""
        routing = self._routing()
        for provider in self.usable_providers():
            routing.recorder.unpinned(provider, session_id)
        await routing.state.settle()

    async def mark_good(self, profile: str, model: str) -> None:
        """Say that a profile answered for a model: every window of theirs is closed.

        Raises:
            UnknownProviderError, ConfigurationError: there is no such profile.
        """
        routing = self._routing()
        option = routing.pool.option(profile, model)
        secret = routing.pool.secret(option)
        await routing.state.refresh(option.subjects)
        routing.recorder.succeeded(option, secret, started=routing.state.now())
        await routing.state.settle()

    async def mark_failed(self, profile: str, model: str, error: AisopodError) -> None:
        """Say that a profile failed for a model: what the error is about is left alone for a while.

        Raises:
            UnknownProviderError, ConfigurationError: there is no such profile.
            InvalidRequestError: the error is none of aisopod's.
        """
        if not isinstance(error, AisopodError):
            raise InvalidRequestError(
                "what follows from it is told for aisopod's errors only",
                field="error",
                value=repr(error)[:200],
                remedy="Give what it means, such as aisopod.RateLimitError('…', retry_after=60)",
            )
        routing = self._routing()
        option = routing.pool.option(profile, model)
        await routing.state.refresh(option.subjects)
        routing.recorder.failed(
            option,
            error,
            routing.pool.secret(option),
            started=routing.state.now(),
            cooldowns=routing.pool.cooldowns(option.provider),
        )
        await routing.state.settle()
