"""Providers, one for each profile, built when they are first used, over one transport."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from aisopod import config as configuration
from aisopod.config import Config, Profile, ProfileConfig
from aisopod.errors import (
    ConfigurationError,
    MissingCredentialError,
    MissingDependencyError,
    MissingSettingError,
)
from aisopod.policy.cooldowns import Cooldowns
from aisopod.policy.selection import Option
from aisopod.providers.host import Host
from aisopod.providers.protocol import ModelProvider
from aisopod.routing.building import Place, build_provider, engine_at, settled_place
from aisopod.routing.candidates import Candidate
from aisopod.routing.subjects import address_mark, subjects_of
from aisopod.transport import Transport
from aisopod.types import Timeouts

__all__ = [
    "Pool",
    "Ready",
]

log = logging.getLogger("aisopod")

Factory = Callable[..., ModelProvider]

MOST_CHAINS = 1_000
"""Whose options are remembered; who names models at random must not fill the memory."""


class Ready(NamedTuple):
    """A profile with its credential at hand.

    Attributes:
        provider: the engine with that credential, or a third party's own.
        secret: fingerprint of the credential.
        stamp: what the profile's stamp was when it was loaded.
    """

    provider: ModelProvider
    secret: str
    stamp: object


class Pool:
    """All profiles of all providers, as they are configured.

    Args:
        config: the configuration.
        transport: gives what carries the bytes.
        timeouts: limits for every request, in place of the configured ones.
    """

    def __init__(
        self, config: Config, transport: Callable[[], Transport], timeouts: Timeouts | None
    ) -> None:
        self._config = config
        self._transport = transport
        self._timeouts = timeouts
        self._profiles: dict[str, dict[str, Profile]] = {}
        self._ready: dict[tuple[str, str | None], Ready] = {}
        self._secrets: dict[str, str] = {}
        self._problems: dict[str, tuple[ConfigurationError, object]] = {}
        self._options: dict[tuple[object, ...], list[Option]] = {}
        self._cooldowns: dict[str, Cooldowns] = {}
        self._limits: dict[str, Timeouts] = {}
        self._loading: dict[str, asyncio.Lock] = {}

    def profiles(self, provider: str) -> Mapping[str, Profile]:
        """The provider's profiles by their ids, in their order.

        Raises:
            UnknownProviderError: there is no such provider.
            MissingCredentialError: it needs a credential, and there is none.
        """
        found = self._profiles.get(provider)
        if found is None:
            host = configuration.find_host(provider, self._config)
            profiles = (
                configuration.profiles_for(host, self._config)
                if isinstance(host, Host)
                else [_foreign(provider)]
            )
            found = self._profiles[provider] = {profile.id: profile for profile in profiles}
        return found

    def profile(self, profile: str) -> Profile:
        """The profile of this id, `provider:name`.

        Raises:
            UnknownProviderError: there is no such provider.
            ConfigurationError: the provider has no such profile; names those that it has.
        """
        profiles = self.profiles(profile.partition(":")[0])
        found = profiles.get(profile)
        if found is None:
            raise ConfigurationError(
                f"there is no profile {profile!r}; there are {', '.join(profiles)}"
            )
        return found

    def option(self, profile: str, model: str) -> Option:
        """A profile for a model, whatever it is configured for.

        Raises:
            ConfigurationError: there is no such profile.
        """
        found = self.profile(profile)
        self._is_usable(found)
        return self._option(Candidate(profile.partition(":")[0], model), 0, found, None)

    def default(self, provider: str, base_url: str | None = None) -> ModelProvider:
        """The provider with its first profile that can be loaded.

        Raises:
            UnknownProviderError: there is no such provider.
            ConfigurationError: no profile can be used; tells of the first.
        """
        first: ConfigurationError | None = None
        for profile in self.profiles(provider).values():
            try:
                return self._load(profile, base_url).provider
            except ConfigurationError as error:
                first = first or error
        assert first is not None  # noqa: S101 - a provider has at least one profile
        raise first

    def unsigned(self, provider: str, base_url: str | None = None) -> ModelProvider:
        """The provider as its first profile has it, without credential: for what needs none.

        What else it needs and nobody has set, such as a project, is left open.

        Raises:
            UnknownProviderError: there is no such provider.
            ConfigurationError: something is set, and wrong.
        """
        host = configuration.find_host(provider, self._config)
        if not isinstance(host, Host):
            return self.default(provider, base_url)
        try:
            settings = next(iter(self.profiles(provider).values())).settings
        except MissingCredentialError:
            settings = ProfileConfig()
        address = base_url or settings.base_url
        try:
            place = settled_place(host, self._config, address, settings.options)
        except (MissingSettingError, MissingDependencyError):
            place = Place(address or "", settings.options)
        return engine_at(host, self._config, self._transport, place, timeouts=self._timeouts)

    def options(
        self, chain: Sequence[Candidate], pinned: str | None = None, base_url: str | None = None
    ) -> list[Option]:
        """Every profile that may serve a candidate, in the candidates' order.

        Args:
            chain: the candidates.
            pinned: the one profile to use of its provider.
            base_url: where the provider is to answer, in place of what is configured.
        """
        key = (tuple(chain), pinned, base_url)
        found = self._options.get(key)
        if found is None:
            if len(self._options) >= MOST_CHAINS:
                self._options.clear()
            found = self._options[key] = [
                option
                for place, candidate in enumerate(chain)
                for option in self._built(candidate, place, pinned, base_url)
            ]
        return found

    def problem(self, profile: str) -> ConfigurationError | None:
        """Why a profile cannot be used as it is set up; None where nothing is known against it."""
        found = self._problems.get(profile)
        return found[0] if found is not None else None

    def ready(self, option: Option, base_url: str | None) -> ModelProvider | None:
        """The provider with this profile's credential, if that is at hand."""
        ready = self._ready.get((option.profile, base_url))
        return None if ready is None else ready.provider

    async def provider(self, option: Option, base_url: str | None) -> ModelProvider:
        """The same, once its credential is loaded.

        Raises:
            ConfigurationError: the credential cannot be loaded, or the provider is not set up.
        """
        profile = self.profiles(option.provider)[option.profile]
        # However many requests wait for a password manager, it is asked once.
        async with self._loading.setdefault(profile.id, asyncio.Lock()):
            ready = self._ready.get((option.profile, base_url))
            if ready is None and profile.blocking:
                ready = await asyncio.to_thread(self._load, profile, base_url)
                self._options.clear()
            elif ready is None:
                ready = self._load(profile, base_url)
        return ready.provider

    def secret(self, option: Option) -> str:
        """Fingerprint of the secret that the profile has; empty while it is not loaded."""
        return self._secrets.get(option.profile, option.secret)

    def renew(self, chain: Sequence[Candidate]) -> bool:
        """Look whether secrets have changed since they were loaded; then `options` are others, too.

        Args:
            chain: whose profiles to look at.
        """
        changed = False
        for candidate in chain:
            for profile in self.profiles(candidate.provider).values():
                stamps = [ready.stamp for key, ready in self._ready.items() if key[0] == profile.id]
                if profile.id in self._problems:
                    stamps.append(self._problems[profile.id][1])
                if not stamps or profile.stamp() in stamps:
                    continue
                changed = True
                self._problems.pop(profile.id, None)
                for key in [key for key in self._ready if key[0] == profile.id]:
                    del self._ready[key]
        if changed:
            self._options.clear()
        return changed

    def cooldowns(self, provider: str) -> Cooldowns:
        """How long what is left alone: the provider's, then the common, then the defaults."""
        found = self._cooldowns.get(provider)
        if found is None:
            own = self._config.providers.get(provider, configuration.ProviderConfig()).cooldowns
            given: dict[str, Any] = {
                name: value
                for name in own.__struct_fields__
                for value in (_first(getattr(own, name), getattr(self._config.cooldowns, name)),)
                if value is not None
            }
            found = self._cooldowns[provider] = Cooldowns(**given)
        return found

    def timeouts(self, provider: str) -> Timeouts:
        """The limits of requests to a provider, where the call sets none."""
        if self._timeouts is not None:
            return self._timeouts
        found = self._limits.get(provider)
        if found is None:
            try:
                host = configuration.find_host(provider, self._config)
            except ConfigurationError:
                host = None  # another candidate may be known
            found = self._limits[provider] = (
                configuration.timeouts_for(host, self._config)
                if isinstance(host, Host)
                else Timeouts()
            )
        return found

    def _built(
        self, candidate: Candidate, place: int, pinned: str | None, base_url: str | None
    ) -> list[Option]:
        try:
            profiles = self.profiles(candidate.provider)
        except ConfigurationError:
            # Whether that is the end, is for those to say who know the other candidates.
            return []
        chosen = [
            profile
            for profile in profiles.values()
            if profile.serves(candidate.model) and self._is_usable(profile)
        ]
        if pinned is not None and pinned.partition(":")[0] == candidate.provider:
            chosen = [profile for profile in chosen if profile.id == pinned]
        return [self._option(candidate, place, profile, base_url) for profile in chosen]

    def _option(
        self, candidate: Candidate, place: int, profile: Profile, base_url: str | None
    ) -> Option:
        host = configuration.find_host(candidate.provider, self._config)
        address = base_url or profile.settings.base_url
        mark = address_mark(host, self._config, address) if isinstance(host, Host) else ""
        ready = self._ready.get((profile.id, None))
        return Option(
            provider=candidate.provider,
            model=candidate.model,
            profile=profile.id,
            candidate=place,
            rank=profile.rank,
            weight=profile.settings.weight,
            subjects=subjects_of(candidate, profile.id, mark),
            secret=ready.secret if ready is not None else "",
        )

    def _is_usable(self, profile: Profile) -> bool:
        """Whether its credential can be had, as far as that is told without waiting."""
        problem = self._problems.get(profile.id)
        if problem is not None and problem[1] == profile.stamp():
            return False
        if profile.blocking or (profile.id, None) in self._ready:
            return True
        try:
            self._load(profile, None)
        except ConfigurationError:
            return False
        return True

    def _load(self, profile: Profile, base_url: str | None) -> Ready:
        stamp = profile.stamp()
        provider = profile.id.partition(":")[0]
        try:
            host = configuration.find_host(provider, self._config)
            if isinstance(host, Host):
                credential = profile.load()
                engine = build_provider(
                    host,
                    self._config,
                    self._transport,
                    credential=credential,
                    base_url=base_url or profile.settings.base_url,
                    options=profile.settings.options,
                    timeouts=self._timeouts,
                )
                ready = Ready(engine, configuration.fingerprint(credential), stamp)
            else:
                ready = Ready(host(), "", stamp)
        except ConfigurationError as error:
            self._problems[profile.id] = (error, stamp)
            raise
        self._problems.pop(profile.id, None)
        self._ready[profile.id, base_url] = ready
        self._secrets[profile.id] = ready.secret
        return ready


def _first(*values: object) -> object:
    return next((value for value in values if value is not None), None)


def _foreign(provider: str) -> Profile:
    """The one profile of a third party's provider, which finds its credential by itself."""
    return Profile(
        id=f"{provider}:default",
        kind="none",
        place="the provider's own affair",
        rank=0,
        settings=ProfileConfig(),
        load=lambda: None,
        stamp=lambda: None,
    )
