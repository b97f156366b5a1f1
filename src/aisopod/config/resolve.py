"""What holds for one provider, of configuration, environment and the host's own defaults."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from aisopod.config.schema import Config, NetworkConfig, ProviderConfig
from aisopod.errors import ConfigurationError, MissingCredentialError
from aisopod.providers.host import Credential, Host
from aisopod.types import Secret, Timeouts

__all__ = [
    "base_url_for",
    "credential_for",
    "has_credential",
    "options_for",
    "proxy_for",
    "timeouts_for",
]


def credential_for(
    host: Host, config: Config, environ: Mapping[str, str] | None = None
) -> Credential | None:
    """The credential of a host: the configuration's, then the environment's.

    Raises:
        MissingCredentialError: the host needs one and there is none; names what to set.
        ConfigurationError: the file that should hold it cannot be read.
    """
    environ = os.environ if environ is None else environ
    found = _configured(host, config.providers.get(host.id, ProviderConfig()), environ)
    found = found or _of_environment(host, environ)
    if found is None and host.key_required:
        names = " or ".join((*host.key_variables, *host.token_variables))
        variable = f"set {names} in the environment, or " if names else "set "
        raise MissingCredentialError(
            f"{host.name} needs a key: {variable}providers.{host.id}.api_key_env (or api_key_file) "
            "in aisopod.toml"
        )
    return found


def has_credential(host: Host, config: Config, environ: Mapping[str, str] | None = None) -> bool:
    """Whether there is a credential for the host, without complaining."""
    try:
        return credential_for(host, config, environ) is not None
    except ConfigurationError:
        return False


def _configured(
    host: Host, settings: ProviderConfig, environ: Mapping[str, str]
) -> Credential | None:
    if settings.api_key:
        return Credential(secret=settings.api_key)
    if settings.api_key_env:
        value = environ.get(settings.api_key_env)
        if not value:
            raise MissingCredentialError(
                f"providers.{host.id}.api_key_env names {settings.api_key_env}, which is not set"
            )
        return Credential(secret=Secret(value))
    if settings.api_key_file:
        return Credential(secret=_secret_file(host, Path(settings.api_key_file).expanduser()))
    if settings.token:
        return Credential(secret=settings.token, kind="token")
    return None


def _secret_file(host: Host, file: Path) -> Secret:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"providers.{host.id}.api_key_file: {file} cannot be read: {error}"
        ) from error
    if not text:
        raise MissingCredentialError(f"providers.{host.id}.api_key_file: {file} is empty")
    return Secret(text)


def _of_environment(host: Host, environ: Mapping[str, str]) -> Credential | None:
    for name in host.key_variables:
        if value := environ.get(name, "").strip():
            return Credential(secret=Secret(value))
    for name in host.token_variables:
        if value := environ.get(name, "").strip():
            return Credential(secret=Secret(value), kind="token")
    return None


def base_url_for(host: Host, config: Config, environ: Mapping[str, str] | None = None) -> str:
    """Where the host answers: the configuration's address, the environment's, its own.

    Raises:
        ConfigurationError: there is none, or it is no http or https URL; names what to set.
    """
    environ = os.environ if environ is None else environ
    settings = config.providers.get(host.id, ProviderConfig())
    place = f"providers.{host.id}.base_url"
    url = settings.base_url or ""
    for name in host.base_url_variables:
        if not url and environ.get(name, "").strip():
            place, url = name, environ[name].strip()
    url = url or host.base_url
    if not url:
        names = " or ".join((*host.base_url_variables, place))
        raise ConfigurationError(f"{host.name} has no common address: set {names}")
    if host.parse_base_url is not None:
        url = host.parse_base_url(url)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(
            f"{place}: {url!r} is no http or https URL; write it as in https://host/path"
        )
    return url.rstrip("/")


def options_for(
    host: Host, config: Config, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The host's own options: the environment's, and over them the configuration's."""
    environ = os.environ if environ is None else environ
    found = {
        option: environ[name] for option, name in host.option_variables.items() if environ.get(name)
    }
    settings = config.providers.get(host.id, ProviderConfig())
    known = {*host.option_headers, *host.option_variables, *host.option_defaults}
    for option in settings.options:
        if option not in known:
            allowed = f"known are {', '.join(sorted(known))}" if known else "it has none"
            raise ConfigurationError(
                f"providers.{host.id}.options.{option}: {host.name} has no such option; {allowed}"
            )
    return {**found, **settings.options}


def timeouts_for(host: Host, config: Config) -> Timeouts:
    """The limits for a host: its own, then the common ones, then the defaults."""
    settings = config.providers.get(host.id, ProviderConfig())
    defaults = Timeouts()

    def limit(name: str) -> float | None:
        for source in (settings.timeouts, config.timeouts):
            value: float | None = getattr(source, name)
            if value is not None:
                return value or None
        default: float | None = getattr(defaults, name)
        return default

    return Timeouts(**{name: limit(name) for name in defaults.__struct_fields__})


def proxy_for(
    url: str, network: NetworkConfig, environ: Mapping[str, str] | None = None
) -> str | None:
    """The proxy for a URL: the configured one, or what the proxy variables say.

    Both spellings of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY count, the lower-case one
    first, as in curl.
    """
    if network.proxy:
        return network.proxy
    if not network.trust_env:
        return None
    # Documented in urllib's source as public, but missing from typeshed.
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    environ = os.environ if environ is None else environ
    proxies = {
        name: value
        for name in ("http", "https", "all", "no")
        if (value := environ.get(f"{name}_proxy") or environ.get(f"{name.upper()}_PROXY"))
    }
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    # The library's own rule for NO_PROXY: suffixes, `*`, ports.
    if proxies.get("no") and proxy_bypass_environment(host, proxies):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")
