"""What can fail by itself, by the keys under which it is remembered.

What is remembered is about an address: a gateway that is dead, or refuses a key, says nothing of
the provider's own service, which others may reach under the same names and the same state.
"""

from hashlib import blake2b
from urllib.parse import urlsplit

from aisopod import config as configuration
from aisopod.config import Config
from aisopod.errors import ConfigurationError, UnknownProviderError
from aisopod.providers import registry
from aisopod.providers.host import Host
from aisopod.routing.candidates import Candidate

__all__ = ["address_mark", "are_about", "subjects_of"]


def subjects_of(candidate: Candidate, profile: str, mark: str) -> tuple[str, str, str, str]:
    """The keys of a profile, of the profile with this model, of the model, and of the provider.

    Args:
        candidate: the model and its provider.
        profile: the profile's id.
        mark: of the address, as `address_mark` makes it.
    """
    return (
        f"profile/{profile}{mark}",
        f"pair/{profile}{mark}/{candidate.model}",
        f"model/{candidate.provider}{mark}/{candidate.model}",
        f"provider/{candidate.provider}{mark}",
    )


def are_about(key: str, profile: str) -> bool:
    """Whether a key is of this profile, its provider or one of the provider's models, anywhere."""
    kind, _, rest = key.partition("/")
    name = rest.partition("/")[0]
    owner = profile if kind in {"profile", "pair"} else profile.partition(":")[0]
    return kind != "session" and (name == owner or name.startswith(f"{owner}~"))


def address_mark(host: Host, config: Config, base_url: str | None) -> str:
    """What tells an address from others in keys; empty for the host's own.

    It holds the host's name for people, and of all the rest, which may be a secret, a hash only.

    Args:
        host: the provider's.
        config: the configuration.
        base_url: the call's or the profile's address; the configured one when None.
    """
    try:
        url = (
            configuration.usable_url(base_url, "base_url")
            if base_url
            else configuration.base_url_for(host, config)
        )
    except ConfigurationError:
        return ""  # nothing can be sent there
    # A platform has an address for each region, and all of them are its own.
    if not url or url == _own_address(host):
        return ""
    digest = blake2b(url.encode(), digest_size=6, person=b"aisopod").hexdigest()
    # No name of a profile or a provider has a tilde, and no name of a host a slash.
    return f"~{urlsplit(url).hostname}-{digest}"


def _own_address(host: Host) -> str:
    """Where a host answers as aisopod knows it; empty for one that only a configuration knows."""
    try:
        if registry.find(host.id) is not host:
            return ""
        return configuration.base_url_for(host, Config(), {})
    except (UnknownProviderError, ConfigurationError):
        return ""
