"""Providers, one for each profile, built when they are first used, over one transport."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from aisopod import config as configuration
from aisopod.config import Config, Profile, ProfileConfig
from aisopod.errors import (
    ConfigurationError,
    MissingCredentialError,
    MissingDependencyError,
    MissingSettingError,
)
from aisopod.policy.cooldowns import Cooldowns
from aisopod.policy.health import Health
from aisopod.policy.selection import Option
from aisopod.providers.host import Host
from aisopod.providers.protocol import ModelProvider
from aisopod.routing.building import Place, build_provider, engine_at, settled_place
from aisopod.routing.candidates import Candidate
from aisopod.routing.keys import Key, Keys
from aisopod.routing.profiles import Profiles
from aisopod.routing.settings import Settings
from aisopod.routing.subjects import address_mark, subjects_of
from aisopod.transport import Transport
from aisopod.types import Timeouts

__all__ = ["Pool", "Ready"]

MOST_CHAINS = 1_000
"""Whose options are remembered; who names models at random must not fill the memory."""
LOOK_SECONDS = 1.0
"""How often it is looked, in passing, whether what could not be used can be by now."""
MENDED_BY_SECRET = frozenset({"auth", "billing"})
"""Reasons for which a profile is out and that another secret may end."""


class Ready(NamedTuple):
    """A profile with its credential at hand.

    Attributes:
        provider: the engine with that credential, or a third party's own.
        secret: fingerprint of the credential.
    """

    provider: ModelProvider
    secret: str


class Pool:
    """All profiles of all providers, as they are configured.

    Args:
        config: the configuration.
        transport: gives what carries the bytes.
        timeouts: limits for every request, in place of the configured ones.
        health: the key of a subject to what is remembered of it.
        stored: the credentials file, if the configuration is to follow it.
    """

    def __init__(
        self,
        config: Config,
        transport: Callable[[], Transport],
        timeouts: Timeouts | None,
        *,
        health: Callable[[str], Health | None],
        stored: Path | None,
    ) -> None:
        self._known = Profiles(config, stored)
        self._settings = Settings(config, timeouts)
        self._transport = transport
        self._timeouts = timeouts
        self._health = health
        self._ready: dict[tuple[str, str | None], Ready] = {}
        self._keys = Keys()
        self._absent: set[str] = set()
        self._look_at = 0.0
        self._options: dict[tuple[object, ...], list[Option]] = {}
        self._loading: dict[str, asyncio.Lock] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Wait for no command any more."""
        reading = list(self._reading.values())
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    def profiles(self, provider: str) -> Mapping[str, Profile]:
        """The provider's profiles by their ids, in their order.

        Raises:
            UnknownProviderError: there is no such provider.
            MissingCredentialError: it needs a credential, and there is none.
        """
        return self._known.of(provider)

    def profile(self, profile: str) -> Profile:
        """The profile of this id, `provider:name`.

        Raises:
            UnknownProviderError: there is no such provider.
            ConfigurationError: the provider has no such profile; names those that it has.
        """
        return self._known.find(profile)

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
            if not profile.blocking and self._keys.is_due(profile):
                self._drop(profile.id)
            try:
                return self._engine(profile, base_url).provider
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
        config = self._known.config
        host = configuration.find_host(provider, config)
        if not isinstance(host, Host):
            return self.default(provider, base_url)
        try:
            settings = next(iter(self.profiles(provider).values())).settings
        except MissingCredentialError:
            settings = ProfileConfig()
        address = base_url or settings.base_url
        try:
            place = settled_place(host, config, address, settings.options)
        except (MissingSettingError, MissingDependencyError):
            place = Place(address or "", settings.options)
        return engine_at(host, config, self._transport, place, timeouts=self._timeouts)

    def options(
        self, chain: Sequence[Candidate], pinned: str | None = None, base_url: str | None = None
    ) -> list[Option]:
        """Every profile that may serve a candidate, in the candidates' order.

        Args:
            chain: the candidates.
            pinned: the one profile to use of its provider.
            base_url: where the provider is to answer, in place of what is configured.
        """
        if (self._keys.problems or self._absent) and time.monotonic() >= self._look_at:
            self._look()
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
            if found:
                # Where nobody is left, what is wrong is raised.
                self._keys.tell(profile.id for profile in self._known.serving(chain))
        return found

    def problem(self, profile: str) -> ConfigurationError | None:
        """Why a profile cannot be used as it is set up; None where nothing is known against it."""
        return self._keys.problem(profile)

    def ready(self, option: Option, base_url: str | None) -> ModelProvider | None:
        """The provider with this profile's credential, if that is at hand and nothing is against it."""
        ready = self._ready.get((option.profile, base_url))
        if ready is None or self._is_doubtful(ready, self._health(option.subjects[0])):
            return None
        return ready.provider

    async def provider(self, option: Option, base_url: str | None) -> ModelProvider:
        """The same, once its credential is read; again, if it is one that was refused.

        Raises:
            ConfigurationError: the credential cannot be read, or the provider is not set up.
        """
        self._follow_stored()
        profile = self.profile(option.profile)
        # However many requests wait for a password manager, it is asked once.
        async with self._lock(profile):
            try:
                if self._keys.is_due(profile):
                    await self._read(profile)
                return self._engine(profile, base_url).provider
            except ConfigurationError:
                self._options.clear()
                raise

    def secret(self, option: Option) -> str:
        """Fingerprint of the secret that the profile has; empty while it is not loaded."""
        key = self._keys.at_hand(option.profile)
        return key.secret if key is not None else option.secret

    def renew(self, chain: Sequence[Candidate]) -> bool:
        """Look whether secrets have changed since they were read; then `options` are others, too.

        What takes time to read, and was refused, is read behind this: see `reread`.

        Args:
            chain: whose profiles to look at.
        """
        changed = self._follow_stored()
        for profile in self._known.serving(chain):
            if self._keys.at_hand(profile.id) is None and profile.id not in self._keys.problems:
                continue
            if not self._keys.is_due(profile):
                continue
            if profile.id in self._keys.problems or not profile.blocking:
                self._drop(profile.id)
                changed = True
            elif self._is_refused(profile) and profile.id not in self._reading:
                task = asyncio.get_running_loop().create_task(self._reread(profile))
                self._reading[profile.id] = task
                task.add_done_callback(partial(self._was_read, profile.id))
        return changed

    async def reread(self, chain: Sequence[Candidate], seconds: float | None) -> bool:
        """Wait for the secrets that `renew` has read; whether there were any.

        Args:
            chain: whose profiles.
            seconds: the longest to wait; None for as long as it takes.
        """
        reading = [
            self._reading[profile.id]
            for profile in self._known.serving(chain)
            if profile.id in self._reading
        ]
        if reading:
            await asyncio.wait(reading, timeout=seconds)
        return bool(reading)

    def forget(self, profile: str) -> None:
        """Read a profile's secret anew when it is next wanted, whatever was found before."""
        self._drop(profile)

    def forget_doubtful(self, profile: str) -> None:
        """The same, where the secret was refused or could not be read.

        Raises:
            UnknownProviderError, ConfigurationError: there is no such profile.
        """
        found = self.profile(profile)
        if profile in self._keys.problems or self._is_refused(found):
            self._drop(profile)

    async def examine(self, provider: str) -> None:
        """See what is wrong with a provider's profiles, as far as no command must run for it."""
        for profile in self.profiles(provider).values():
            if not profile.blocking:
                self._is_usable(profile)
            elif profile.settings.keyring and self._keys.is_due(profile):
                async with self._lock(profile):
                    with contextlib.suppress(ConfigurationError):
                        await self._read(profile)

    def cooldowns(self, provider: str) -> Cooldowns:
        """How long what is left alone: the provider's, then the common, then the defaults."""
        return self._settings.cooldowns(provider)

    def timeouts(self, provider: str) -> Timeouts:
        """The limits of requests to a provider, where the call sets none."""
        return self._settings.timeouts(provider)

    def _built(
        self, candidate: Candidate, place: int, pinned: str | None, base_url: str | None
    ) -> list[Option]:
        try:
            profiles = self.profiles(candidate.provider)
        except ConfigurationError as error:
            # Whether that is the end, is for those to say who know the other candidates.
            if isinstance(error, MissingCredentialError):
                self._absent.add(candidate.provider)
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
        key = self._keys.at_hand(profile.id)
        return Option(
            provider=candidate.provider,
            model=candidate.model,
            profile=profile.id,
            candidate=place,
            rank=profile.rank,
            weight=profile.settings.weight,
            subjects=self._subjects(candidate, profile, base_url),
            secret=key.secret if key is not None else "",
        )

    def _subjects(
        self, candidate: Candidate, profile: Profile, base_url: str | None
    ) -> tuple[str, str, str, str]:
        config = self._known.config
        host = configuration.find_host(candidate.provider, config)
        address = base_url or profile.settings.base_url
        mark = address_mark(host, config, address) if isinstance(host, Host) else ""
        return subjects_of(candidate, profile.id, mark)

    def _is_usable(self, profile: Profile) -> bool:
        """Whether its credential can be had, as far as that is told without waiting."""
        if profile.id in self._keys.problems and not self._keys.is_due(profile):
            return False
        if profile.blocking or (profile.id, None) in self._ready:
            return True
        try:
            self._engine(profile, None)
        except ConfigurationError:
            return False
        return True

    def _look(self) -> None:
        """See whether what could not be used can be by now."""
        self._look_at = time.monotonic() + LOOK_SECONDS
        absent, self._absent = self._absent, set()
        mended = self._follow_stored()
        for provider in absent:
            try:
                self.profiles(provider)
            except ConfigurationError:
                self._absent.add(provider)
            else:
                mended = True
        for id_ in list(self._keys.problems):
            try:
                mended = mended or self._keys.is_due(self.profile(id_))
            except ConfigurationError:  # it is there no more
                self._keys.forget(id_)
        if mended:
            self._options.clear()

    def _follow_stored(self) -> bool:
        """Take over what another process has put into the credentials file; whether it has."""
        changed = self._known.follow()
        for profile in changed or ():
            self._drop(profile)
        if changed is not None:
            self._options.clear()
        return changed is not None

    def _is_doubtful(self, ready: Ready, health: Health | None) -> bool:
        """Whether a secret is one that was refused, or another has been seen to work since.

        What the platform finds is renewed by its source.
        """
        if health is None or not ready.secret:
            return False
        if health.windows and not MENDED_BY_SECRET.isdisjoint(health.windows):
            return True
        return health.secret not in ("", ready.secret)

    def _is_refused(self, profile: Profile) -> bool:
        nothing = Candidate(profile.id.partition(":")[0], "")
        health = self._health(self._subjects(nothing, profile, None)[0])
        return health is not None and not MENDED_BY_SECRET.isdisjoint(health.windows)

    def _lock(self, profile: Profile) -> asyncio.Lock:
        return self._loading.setdefault(profile.id, asyncio.Lock())

    def _was_read(self, profile: str, _: asyncio.Task[None]) -> None:
        del self._reading[profile]

    async def _reread(self, profile: Profile) -> None:
        async with self._lock(profile):
            with contextlib.suppress(ConfigurationError):
                await self._read(profile)

    async def _read(self, profile: Profile) -> None:
        """Read the secret where that keeps nobody waiting; another one makes all things new.

        Raises:
            ConfigurationError: it cannot be read, and is not at hand from before.
        """
        before = self._keys.at_hand(profile.id)
        if profile.blocking:
            key = await asyncio.to_thread(self._keys.read, profile)
        else:
            key = self._keys.read(profile)
        if before is None or before.secret != key.secret:
            self._dismantle(profile.id)

    def _drop(self, profile: str) -> None:
        self._keys.forget(profile)
        self._dismantle(profile)

    def _dismantle(self, profile: str) -> None:
        for key in [key for key in self._ready if key[0] == profile]:
            del self._ready[key]
        self._options.clear()

    def _engine(self, profile: Profile, base_url: str | None) -> Ready:
        """The provider with the secret that is at hand; what was wrong a moment ago still is."""
        found = self._ready.get((profile.id, base_url))
        if found is not None:
            return found
        problem = self._keys.problem(profile.id)
        if problem is not None and not self._keys.is_due(profile):
            raise problem
        key = self._keys.at_hand(profile.id)
        if key is None or problem is not None:
            key = self._keys.read(profile)
        try:
            engine = self._assembled(profile, key, base_url)
        except ConfigurationError as error:
            self._keys.failed(profile, error, key.stamp)
            raise
        ready = self._ready[profile.id, base_url] = Ready(engine, key.secret)
        return ready

    def _assembled(self, profile: Profile, key: Key, base_url: str | None) -> ModelProvider:
        host = configuration.find_host(profile.id.partition(":")[0], self._known.config)
        if not isinstance(host, Host):
            return host()
        return build_provider(
            host,
            self._known.config,
            self._transport,
            credential=key.credential,
            base_url=base_url or profile.settings.base_url,
            options=profile.settings.options,
            timeouts=self._timeouts,
        )
