"""What holds for requests to a provider: its own settings, then the common ones, then defaults."""

from typing import Any

from aisopod import config as configuration
from aisopod.config import Config, ProviderConfig
from aisopod.errors import ConfigurationError
from aisopod.policy.cooldowns import Cooldowns
from aisopod.providers.host import Host
from aisopod.types import Timeouts

__all__ = ["Settings"]


class Settings:
    """Cooldowns and time limits by provider.

    Args:
        config: the configuration.
        timeouts: limits for every request, in place of the configured ones.
    """

    def __init__(self, config: Config, timeouts: Timeouts | None) -> None:
        self._config = config
        self._timeouts = timeouts
        self._cooldowns: dict[str, Cooldowns] = {}
        self._limits: dict[str, Timeouts] = {}

    def cooldowns(self, provider: str) -> Cooldowns:
        """How long what is left alone."""
        found = self._cooldowns.get(provider)
        if found is None:
            host = self._host(provider)
            own = configuration.settings_for(host, self._config) if host else ProviderConfig()
            given: dict[str, Any] = {}
            for source in (self._config.cooldowns, own.cooldowns):
                values = ((name, getattr(source, name)) for name in source.__struct_fields__)
                given |= {name: value for name, value in values if value is not None}
            found = self._cooldowns[provider] = Cooldowns(**given)
        return found

    def timeouts(self, provider: str) -> Timeouts:
        """The limits of requests, where the call sets none."""
        if self._timeouts is not None:
            return self._timeouts
        found = self._limits.get(provider)
        if found is None:
            host = self._host(provider)
            found = configuration.timeouts_for(host, self._config) if host else Timeouts()
            self._limits[provider] = found
        return found

    def _host(self, provider: str) -> Host | None:
        """The host; None for a third party's, and for a name that nobody has."""
        try:
            host = configuration.find_host(provider, self._config)
        except ConfigurationError:
            return None  # another candidate may be known
        return host if isinstance(host, Host) else None
