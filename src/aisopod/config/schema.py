"""What can be configured."""

from typing import Literal

import msgspec

from aisopod.types import OnUnsupported, Secret

__all__ = ["Config", "NetworkConfig", "ProviderConfig", "TimeoutConfig"]


class TimeoutConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits in seconds; 0 is no limit, a limit left out is the default's.

    Attributes:
        connect: until the connection stands.
        first_token: until the first content of a stream.
        idle: between one piece of content and the next.
        total: until the whole answer is here.
    """

    connect: float | None = None
    first_token: float | None = None
    idle: float | None = None
    total: float | None = None


class NetworkConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the network is reached. TLS is always verified: there is no switch for that.

    Attributes:
        proxy: URL of a proxy for everything; without it the proxy variables count.
        trust_env: whether HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY count.
        ca_bundle: PEM file of the authorities to trust in place of the system's.
        client_certificate: PEM file of a certificate to show.
        client_key: PEM file of its key, if that is a file of its own.
    """

    proxy: str | None = None
    trust_env: bool = True
    ca_bundle: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider. A name that aisopod does not know makes a new one of `base_url`.

    Attributes:
        base_url: where it answers.
        api_key: its key; better left to `api_key_env` or `api_key_file`.
        api_key_env: environment variable that holds the key.
        api_key_file: file that holds the key.
        token: a bearer token in place of a key.
        headers: headers for every request.
        options: the provider's own options, such as `organization` or `api_version`.
        timeouts: limits for this provider.
        dialect: for a new provider, whose wire it speaks.
    """

    base_url: str | None = None
    api_key: Secret | None = None
    api_key_env: str | None = None
    api_key_file: str | None = None
    token: Secret | None = None
    headers: dict[str, str] = {}
    options: dict[str, str] = {}
    timeouts: TimeoutConfig = TimeoutConfig()
    dialect: Literal["openai", "anthropic", "ollama"] | None = None


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration.

    Attributes:
        default_model: `provider/model` where a call names none.
        on_unsupported: `error` or `drop`, for parameters that a model does not take.
        timeouts: limits for every request.
        network: proxy and TLS.
        providers: settings by the provider's name.
    """

    default_model: str | None = None
    on_unsupported: OnUnsupported = "error"
    timeouts: TimeoutConfig = TimeoutConfig()
    network: NetworkConfig = NetworkConfig()
    providers: dict[str, ProviderConfig] = {}
