"""What holds for one provider, of configuration, environment and the host's own defaults."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import platformdirs

from aisopod.config.network import without_userinfo
from aisopod.config.schema import Config, HeaderName, HeaderValue, ProviderConfig
from aisopod.errors import ConfigurationError, MissingCredentialError, MissingSettingError
from aisopod.providers.host import Credential, Host
from aisopod.types import Secret, Timeouts

__all__ = [
    "base_url_for",
    "cache_folder",
    "credential_for",
    "has_credential",
    "logins_folder",
    "names_credential",
    "options_for",
    "secret_file",
    "sendable",
    "sendable_headers",
    "settings_for",
    "state_folder",
    "timeouts_for",
    "usable_state",
    "usable_url",
]


def settings_for(host: Host, config: Config) -> ProviderConfig:
    """What is configured for a host: its own table, else the one of its sibling."""
    found = config.providers.get(host.id) or config.providers.get(host.sibling)
    return found or ProviderConfig()


def credential_for(
    host: Host, config: Config, environ: Mapping[str, str] | None = None
) -> Credential | None:
    """The credential of a host: the configuration's, then the environment's.

    None where the host needs none, or has a platform to find it.

    Raises:
        MissingCredentialError: the host needs one and there is none; names what to set.
        ConfigurationError: the file that should hold it cannot be read.
    """
    environ = os.environ if environ is None else environ
    settings = settings_for(host, config)
    found = _configured(host, settings, environ)
    if found is None and not _chosen(host, settings):
        found = _of_environment(host, environ)
    if found is None and host.key_required and host.platform is None:
        names = " or ".join((*host.key_variables, *host.token_variables))
        variable = f"set {names} in the environment, or " if names else "set "
        raise MissingCredentialError(
            f"{host.name} needs a key: {variable}providers.{host.id}.api_key_env (or api_key_file) "
            "in aisopod.toml"
        )
    return found


def _chosen(host: Host, settings: ProviderConfig) -> bool:
    """Whether the configuration asks for the platform's credentials."""
    return host.platform is not None and any(
        settings.options.get(name) for name in host.platform.choices
    )


def logins_folder() -> Path:
    """Where logins are kept."""
    return platformdirs.user_data_path("aisopod") / "logins"


def state_folder() -> Path:
    """Where the health of profiles is kept."""
    return platformdirs.user_state_path("aisopod")


def cache_folder() -> Path:
    """Where listings of models are kept."""
    return platformdirs.user_cache_path("aisopod")


def has_credential(host: Host, config: Config, environ: Mapping[str, str] | None = None) -> bool:
    """Whether there is a credential for the host, without complaining."""
    environ = os.environ if environ is None else environ
    try:
        if credential_for(host, config, environ) is not None:
            return True
    except ConfigurationError:
        return False
    return host.platform is not None and host.platform.present(environ, logins_folder())


def names_credential(host: Host, config: Config, environ: Mapping[str, str] | None = None) -> bool:
    """Whether configuration or environment say where the host's credential is, right or wrong."""
    environ = os.environ if environ is None else environ
    settings = settings_for(host, config)
    if settings.api_key or settings.api_key_env or settings.api_key_file or settings.token:
        return True
    if _chosen(host, settings):
        return False
    names = (*host.key_variables, *host.token_variables)
    return any(environ.get(name, "").strip() for name in names)


def _configured(
    host: Host, settings: ProviderConfig, environ: Mapping[str, str]
) -> Credential | None:
    place = f"providers.{host.id}."
    if settings.api_key:
        return Credential(secret=sendable(settings.api_key.reveal(), place + "api_key"))
    if settings.api_key_env:
        value = environ.get(settings.api_key_env, "").strip()
        if not value:
            raise MissingCredentialError(
                f"{place}api_key_env names {settings.api_key_env}, which is not set"
            )
        return Credential(secret=sendable(value, settings.api_key_env))
    if settings.api_key_file:
        file = Path(os.path.expanduser(settings.api_key_file))  # noqa: PTH111 - it never raises
        return Credential(secret=secret_file(file, place + "api_key_file"))
    if settings.token:
        return Credential(secret=sendable(settings.token.reveal(), place + "token"), kind="token")
    return None


def secret_file(file: Path, place: str) -> Secret:
    """The secret that a file holds.

    Args:
        file: the file.
        place: where it was named, for the error.

    Raises:
        MissingCredentialError: it is empty.
        ConfigurationError: it cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(f"{place}: {file} cannot be read: {reason}") from error
    except UnicodeDecodeError:
        # Without its cause, which holds the bytes.
        raise ConfigurationError(f"{place}: {file} is no text") from None
    if not text:
        raise MissingCredentialError(f"{place}: {file} is empty")
    return sendable(text, f"{place}: {file}")


def sendable(text: str, place: str) -> Secret:
    """The key, if a header can carry it: a line break in it would end the header."""
    text = text.strip()
    if not (text.isascii() and text.isprintable()):
        raise ConfigurationError(f"{place} holds characters that no key has, such as a line break")
    return Secret(text)


def _of_environment(host: Host, environ: Mapping[str, str]) -> Credential | None:
    for name in host.key_variables:
        if value := environ.get(name, "").strip():
            return Credential(secret=sendable(value, name))
    for name in host.token_variables:
        if value := environ.get(name, "").strip():
            return Credential(secret=sendable(value, name), kind="token")
    return None


def base_url_for(host: Host, config: Config, environ: Mapping[str, str] | None = None) -> str:
    """Where the host answers: the configuration's address, the environment's, its own.

    Empty where its platform decides.

    Raises:
        MissingSettingError: there is none; names what to set.
        ConfigurationError: it is no http or https URL.
    """
    environ = os.environ if environ is None else environ
    settings = settings_for(host, config)
    place = f"providers.{host.id}.base_url"
    url = settings.base_url or ""
    for name in host.base_url_variables:
        if not url and environ.get(name, "").strip():
            place, url = name, environ[name].strip()
    url = url or host.base_url
    if not url and host.platform is not None:
        return ""
    if not url:
        names = " or ".join((*host.base_url_variables, place))
        raise MissingSettingError(f"{host.name} has no common address: set {names}")
    if host.parse_base_url is not None:
        url = host.parse_base_url(url)
    return usable_url(url, place)


def usable_url(url: str, place: str) -> str:
    """The URL without its last slash.

    Args:
        url: what someone wrote.
        place: where, for the error.

    Raises:
        ConfigurationError: it is no http or https URL.
    """
    if not _is_http_url(url):
        raise ConfigurationError(
            f"{place}: {without_userinfo(url)!r} is no http or https URL; write it as in "
            "https://host/path"
        )
    return url.rstrip("/")


def usable_state(setting: str) -> str:
    """The setting of `state`, if it is a URL that can be read as one, or none at all.

    Raises:
        ConfigurationError: it is none; without what it holds, which may be part of a password.
    """
    if not setting.startswith(("redis://", "rediss://")):
        return setting
    try:
        parts = urlsplit(setting)
        _ = parts.port  # raises when it is no number
    except ValueError:
        parts = urlsplit("")
    # What a password's own / or # has cut off is not where it belongs.
    if not parts.hostname or "@" in f"{parts.path}{parts.query}{parts.fragment}":
        raise ConfigurationError(
            "state: this is no URL of a Redis server: write it as in "
            "redis://:PASSWORD@host:6379/0, and percent-encode what is not a letter or a digit in "
            "the password (# is %23, / is %2F)"
        )
    return setting


def _is_http_url(url: str) -> bool:
    if not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is no number
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def sendable_headers(headers: Mapping[str, str], place: str) -> Mapping[str, str]:
    """The headers, if a request can carry them; files are held to the same when they are read.

    Raises:
        ConfigurationError: one would be cut, or begin another. Its value may be a credential.
    """
    for name, value in headers.items():
        try:
            msgspec.convert({name: value}, dict[HeaderName, HeaderValue])
        except msgspec.ValidationError:
            raise ConfigurationError(
                f"{place}.headers: {name!r} or its value holds characters that no header has, such "
                "as a line break or half a character; write both anew, the value in one line"
            ) from None
    return headers


def options_for(
    host: Host, config: Config, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The host's own options: the environment's, and over them the configuration's.

    Raises:
        ConfigurationError: the host has no such option, or no address and no header can hold it.
    """
    environ = os.environ if environ is None else environ
    found = {
        option: value
        for option, name in host.option_variables.items()
        if (value := environ.get(name, "").strip())
    }
    settings = settings_for(host, config)
    known = {
        *host.options, *host.option_headers, *host.option_variables, *host.option_defaults
    }  # fmt: skip
    for option in settings.options:
        if option not in known:
            from difflib import get_close_matches

            near = get_close_matches(option, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            allowed = f"{hint}Known are {', '.join(sorted(known))}" if known else "it has none"
            raise ConfigurationError(
                f"providers.{host.id}.options.{option}: {host.name} has no such option; {allowed}"
            )
    options = {**found, **settings.options}
    for option, value in options.items():
        if not value.isprintable():
            raise ConfigurationError(
                f"providers.{host.id}.options.{option}: {value!r} holds characters that no address "
                "and no header has, such as a line break or half a character; write it anew"
            )
    return options


def timeouts_for(host: Host, config: Config) -> Timeouts:
    """The limits for a host: its own, then the common ones, then the defaults."""
    settings = settings_for(host, config)
    defaults = Timeouts()

    def limit(name: str) -> float | None:
        for source in (settings.timeouts, config.timeouts):
            value: float | None = getattr(source, name)
            if value is not None:
                return value if value and math.isfinite(value) else None
        default: float | None = getattr(defaults, name)
        return default

    return Timeouts(**{name: limit(name) for name in defaults.__struct_fields__})
