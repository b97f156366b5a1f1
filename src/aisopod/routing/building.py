"""Builds a provider of what is configured: its place, its credential, and the engine on them."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from aisopod import config as configuration
from aisopod.attachments.fitting import Attachments
from aisopod.config import Config
from aisopod.providers.host import Credential, CredentialSource, Host
from aisopod.providers.provider import Provider
from aisopod.transport import Transport
from aisopod.types import Timeouts

__all__ = ["Place", "build_provider", "build_transport", "engine_at", "settled_place"]


class Place(NamedTuple):
    """Where a provider answers, and its options, with what its platform settled."""

    base_url: str
    options: Mapping[str, str]


def build_provider(
    host: Host,
    config: Config,
    transport: Callable[[], Transport],
    *,
    credential: Credential | None = None,
    base_url: str | None = None,
    headers: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    timeouts: Timeouts | None = None,
) -> Provider:
    """A provider of what was given and, for the rest, of what is configured.

    Raises:
        ConfigurationError: something that it needs is missing or wrong.
    """
    place = settled_place(host, config, base_url, options or {})
    source: Credential | CredentialSource | None = credential
    if credential is None and host.platform is not None:
        source = host.platform.open(place.options, configuration.logins_folder())
    return engine_at(
        host, config, transport, place, credential=source, headers=headers, timeouts=timeouts
    )


def settled_place(
    host: Host, config: Config, base_url: str | None, options: Mapping[str, str]
) -> Place:
    """Where a host is found, by what was given, what is configured, and its platform.

    Raises:
        MissingSettingError: something that this takes is not set.
        ConfigurationError: something is set, and wrong.
    """
    address = (
        configuration.usable_url(base_url, "base_url")
        if base_url
        else configuration.base_url_for(host, config)
    )
    settled = {**host.option_defaults, **configuration.options_for(host, config), **options}
    if host.platform is not None:
        settled = dict(host.platform.settle(settled | ({"base_url": address} if address else {})))
        address = settled["base_url"]
    return Place(address, settled)


def engine_at(
    host: Host,
    config: Config,
    transport: Callable[[], Transport],
    place: Place,
    *,
    credential: Credential | CredentialSource | None = None,
    headers: Mapping[str, str] | None = None,
    timeouts: Timeouts | None = None,
) -> Provider:
    """The provider at a place, with all else that is configured.

    Raises:
        ConfigurationError: something of it is wrong.
    """
    settings = configuration.settings_for(host, config)
    return Provider(
        host,
        transport(),
        credential=credential,
        base_url=place.base_url,
        headers=configuration.sendable_headers(
            {**settings.headers, **(headers or {})}, f"providers.{host.id}"
        ),
        options=place.options,
        timeouts=timeouts or configuration.timeouts_for(host, config),
        on_unsupported=config.on_unsupported,
        normalise=config.normalise,
        rules=[*settings.rules, *config.rules],
        likes=configuration.likes_for(host.id, config),
        attachments=Attachments(
            config.fetch,
            ca_bundle=config.network.ca_bundle,
            proxy_for=lambda url: configuration.proxy_for(url, config.network),
        ),
    )


def build_transport(config: Config) -> Transport:
    """What carries the bytes, as the configuration has it."""
    # The HTTP library costs more to import than all of aisopod: only who sends pays for it.
    from aisopod.transport.aiohttp_transport import AiohttpTransport

    network = config.network
    return AiohttpTransport(
        ca_bundle=network.ca_bundle,
        client_certificate=network.client_certificate,
        client_key=network.client_key,
        proxy_for=lambda url: configuration.proxy_for(url, network),
    )
