"""One provider by itself."""

from collections.abc import Mapping
from typing import Any, cast

from aisopod import config as configuration
from aisopod.config import Config, find_host
from aisopod.providers.host import Credential, Host
from aisopod.providers.protocol import ModelProvider
from aisopod.routing.building import build_provider, build_transport
from aisopod.types import (
    Secret,
    Timeouts,
)

__all__ = ["get_provider"]


def get_provider(
    name: str,
    *,
    api_key: str | None = None,
    token: str | None = None,
    base_url: str | None = None,
    headers: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    timeouts: Timeouts | None = None,
    config: Config | None = None,
) -> ModelProvider:
    """One provider with nothing in between; what is not given comes from the configuration.

    Args:
        name: the provider's id.
        api_key: its key.
        token: a bearer token, in place of a key.
        base_url: where it answers.
        headers: headers for every request.
        options: the provider's own options, such as `organization` or `api_version`.
        timeouts: limits for every request.
        config: a configuration; when None, files and environment are read.

    Raises:
        UnknownProviderError: there is none; names the nearest.
        MissingCredentialError: it needs a key; names the variable to set.
    """
    config = config or configuration.load_config()
    host = find_host(name, config)
    if not isinstance(host, Host):
        return host()
    given = api_key or token
    kind = cast("Any", "api_key" if api_key else "token")
    return build_provider(
        host,
        config,
        lambda: build_transport(config),
        credential=Credential(secret=Secret(given), kind=kind)
        if given
        else configuration.credential_for(host, config),
        base_url=base_url,
        headers=headers,
        options=options,
        timeouts=timeouts,
    )
