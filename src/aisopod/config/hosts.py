"""Which hosts there are by the configuration, and which of them there is a way into."""

import logging
import os
from collections.abc import Callable

from aisopod.config.profiles import has_profile
from aisopod.config.schema import Config
from aisopod.errors import UnknownProviderError
from aisopod.providers import registry
from aisopod.providers.host import Host
from aisopod.providers.protocol import ModelProvider

__all__ = ["find_host", "usable_providers"]

log = logging.getLogger("aisopod")

Factory = Callable[..., ModelProvider]


def find_host(name: str, config: Config) -> Host | Factory:
    """The host of this name; a configured name with a dialect or base URL may be a new one.

    Raises:
        UnknownProviderError: there is none; names the nearest.
    """
    settings = config.providers.get(name)
    if settings is None or settings.base_url is None:
        return registry.find(name)
    if settings.dialect is not None:
        return registry.custom(name, settings.dialect, settings.base_url)
    try:
        return registry.find(name)
    except UnknownProviderError:
        return registry.custom(name, "openai", settings.base_url)


def usable_providers(config: Config) -> list[str]:
    """The providers that the configuration names or holds a credential for."""
    environ = dict(os.environ)  # it is looked at thousands of times, and decodes at each
    found = []
    for name in sorted({*registry.names(), *config.providers}):
        try:
            host = find_host(name, config)
        except UnknownProviderError as error:
            log.warning("%s", error)
            continue
        if name in config.providers or (
            isinstance(host, Host) and not host.sibling and has_profile(host, config, environ)
        ):
            found.append(name)
    return found
