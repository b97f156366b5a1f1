"""A provider's engine, and what carries its bytes, of what is configured."""

from collections.abc import Callable, Mapping

from aisopod import config as configuration
from aisopod.attachments.fitting import Attachments
from aisopod.config import Config
from aisopod.providers.host import Credential, CredentialSource, Host
from aisopod.providers.provider import Provider
from aisopod.transport import Transport
from aisopod.types import Timeouts

__all__ = ["build_provider", "build_transport"]


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
    settings = configuration.settings_for(host, config)
    address = (
        configuration.usable_url(base_url, "base_url")
        if base_url
        else configuration.base_url_for(host, config)
    )
    settled = {**host.option_defaults, **configuration.options_for(host, config), **(options or {})}
    source: CredentialSource | None = None
    if host.platform is not None:
        settled = dict(host.platform.settle(settled | ({"base_url": address} if address else {})))
        address = settled["base_url"]
        if credential is None:
            source = host.platform.open(settled, configuration.logins_folder())
    return Provider(
        host,
        transport(),
        credential=credential or source,
        base_url=address,
        headers={**settings.headers, **(headers or {})},
        options=settled,
        timeouts=timeouts or configuration.timeouts_for(host, config),
        on_unsupported=config.on_unsupported,
        normalise=config.normalise,
        rules=[*settings.rules, *config.rules],
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
