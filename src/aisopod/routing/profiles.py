"""Which profiles there are: what is configured, and what the credentials file has had since."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from aisopod import config as configuration
from aisopod.config import Config, Profile, ProfileConfig
from aisopod.errors import ConfigurationError
from aisopod.providers.host import Host
from aisopod.routing.candidates import Candidate

__all__ = ["Profiles"]

log = logging.getLogger("aisopod.failover")


class Profiles:
    """All profiles of all providers.

    Args:
        config: the configuration.
        stored: the credentials file, if the configuration is to follow it.

    Attributes:
        config: the configuration with what the credentials file has by now.
    """

    def __init__(self, config: Config, stored: Path | None) -> None:
        self.config = config
        self._stored = stored
        # Nobody knows what was there when the configuration was read: the first look reads again.
        self._stamp: object = self
        self._profiles: dict[str, dict[str, Profile]] = {}

    def of(self, provider: str) -> Mapping[str, Profile]:
        """The provider's profiles by their ids, in their order.

        Raises:
            UnknownProviderError: there is no such provider.
            MissingCredentialError: it needs a credential, and there is none.
        """
        found = self._profiles.get(provider)
        if found is None:
            host = configuration.find_host(provider, self.config)
            if not isinstance(host, Host):
                profile = _foreign(provider)
                found = {profile.id: profile}
            else:
                profiles = configuration.profiles_for(host, self.config)
                found = {profile.id: profile for profile in profiles}
                self._warn_of_strangers(host, found)
            self._profiles[provider] = found
        return found

    def find(self, profile: str) -> Profile:
        """The profile of this id, `provider:name`.

        Raises:
            UnknownProviderError: there is no such provider.
            ConfigurationError: the provider has no such profile; names those that it has.
        """
        profiles = self.of(profile.partition(":")[0])
        found = profiles.get(profile)
        if found is None:
            raise ConfigurationError(
                f"there is no profile {profile!r}; there are {', '.join(profiles)}"
            )
        return found

    def serving(self, chain: Sequence[Candidate]) -> Iterator[Profile]:
        """Those of the candidates whose provider has any."""
        for candidate in chain:
            try:
                profiles = self.of(candidate.provider)
            except ConfigurationError:
                continue
            yield from profiles.values()

    def follow(self) -> list[str] | None:
        """Take over what another process has put into the credentials file.

        Gives the ids of profiles that are others now; None where nothing has changed.
        """
        if self._stored is None:
            return None
        stamp = configuration.file_stamp(self._stored)
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        try:
            config = configuration.with_stored(self.config, self._stored)
        except ConfigurationError as error:
            log.warning("the profiles stay as they were: %s", error)
            return None
        if config == self.config:
            return None
        old, self._profiles = self._profiles, {}
        self.config = config
        return [
            profile.id
            for profiles in old.values()
            for profile in profiles.values()
            if self._settings(profile.id) != profile.settings
        ]

    def _settings(self, profile: str) -> ProfileConfig | None:
        try:
            return self.find(profile).settings
        except ConfigurationError:
            return None

    def _warn_of_strangers(self, host: Host, profiles: Mapping[str, Profile]) -> None:
        for name in configuration.strangers_in_order(host, self.config, profiles):
            log.warning(
                "providers.%s.order: there is no profile %r now, it is passed over; there are %s",
                host.id,
                name,
                ", ".join(id_.partition(":")[2] for id_ in profiles),
            )


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
