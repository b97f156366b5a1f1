"""What can be configured."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from aisopod.codecs.rules import Rule
from aisopod.types import OnUnsupported, Secret

__all__ = ["Config", "NetworkConfig", "ProviderConfig", "TimeoutConfig"]

# `nan` fails this too; `inf` and 0 are no limit.
Seconds = Annotated[float, msgspec.Meta(ge=0, description="a number of seconds, 0 for no limit")]
# RFC 9110, section 5.6.2. A line break in a header would end it and begin another.
HeaderName = Annotated[
    str, msgspec.Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z", description="a header's name")
]
HeaderValue = Annotated[
    str, msgspec.Meta(pattern=r"^[\t\x20-\x7e\x80-\xff]*\Z", description="a text of one line")
]
# A slash would make it unreachable: models are named provider/model.
ProviderName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z",
        description="a provider's name: letters, digits, dots, dashes and underscores",
    ),
]


class TimeoutConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits in seconds; 0 is no limit, a limit left out is the default's.

    Attributes:
        connect: until the connection stands.
        first_token: until the first content of a stream.
        idle: between one piece of content and the next.
        total: until the whole answer is here.
    """

    connect: Seconds | None = None
    first_token: Seconds | None = None
    idle: Seconds | None = None
    total: Seconds | None = None


class NetworkConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the network is reached. TLS is always verified: there is no switch for that.

    Attributes:
        proxy: URL of a proxy for everything; without it the proxy variables count.
        no_proxy: hosts and domains that are reached without a proxy, beside those of NO_PROXY.
        trust_env: whether HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY count.
        ca_bundle: PEM file of the authorities to trust in place of the system's.
        client_certificate: PEM file of a certificate to show.
        client_key: PEM file of its key, if that is a file of its own.
    """

    proxy: str | None = None
    no_proxy: list[str] = []
    trust_env: bool = True
    ca_bundle: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None

    def __repr__(self) -> str:
        """Without the proxy's URL, which may hold a password."""
        proxy = "'***'" if self.proxy else None
        return (
            f"NetworkConfig(proxy={proxy}, no_proxy={self.no_proxy}, ca_bundle={self.ca_bundle!r})"
        )


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
        dialect: for a new provider, whose wire it speaks; `openai` when left out.
        rules: what its answers mean, before aisopod's own rules; the first that matches wins.
    """

    base_url: str | None = None
    api_key: Secret | None = None
    api_key_env: str | None = None
    api_key_file: str | None = None
    token: Secret | None = None
    headers: dict[HeaderName, HeaderValue] = {}
    options: dict[str, str] = {}
    timeouts: TimeoutConfig = TimeoutConfig()
    dialect: Literal["openai", "anthropic", "gemini", "ollama"] | None = None
    rules: list[Rule] = []

    def __repr__(self) -> str:
        """Without the values of headers, which may be credentials."""
        headers = dict.fromkeys(self.headers, "***")
        return (
            f"ProviderConfig(base_url={self.base_url!r}, dialect={self.dialect!r}, "
            f"headers={headers}, options={self.options})"
        )


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration.

    Attributes:
        default_model: `provider/model` where a call names none.
        on_unsupported: `error` or `drop`, for parameters that a model does not take.
        timeouts: limits for every request.
        network: proxy and TLS.
        providers: settings by the provider's name.
        rules: what answers of any provider mean, after that provider's own `rules`.
        sources: the files that it was read from, the weaker first; no file can set it.
    """

    default_model: str | None = None
    on_unsupported: OnUnsupported = "error"
    timeouts: TimeoutConfig = TimeoutConfig()
    network: NetworkConfig = NetworkConfig()
    providers: dict[ProviderName, ProviderConfig] = {}
    rules: list[Rule] = []
    sources: tuple[Path, ...] = ()
