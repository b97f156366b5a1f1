"""What can be configured."""

import sys
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec

from aisopod.attachments.settings import FetchConfig
from aisopod.codecs.rules import Rule
from aisopod.errors import ConfigurationError
from aisopod.normalise.target import NormaliseConfig
from aisopod.types import OnUnsupported, Secret

__all__ = [
    "CatalogueConfig",
    "Config",
    "CooldownConfig",
    "FailoverConfig",
    "FetchConfig",
    "ModelConfig",
    "NetworkConfig",
    "NormaliseConfig",
    "PriceConfig",
    "ProfileConfig",
    "ProviderConfig",
    "TimeoutConfig",
    "UsageConfig",
]

# TOML has `inf` and `nan`: no clock comes to the one, and the other fails every bound.
FINITE = sys.float_info.max


def _seconds(zero: str) -> msgspec.Meta:
    """Seconds, and what 0 of them mean."""
    return msgspec.Meta(ge=0, le=FINITE, description=f"a number of seconds, {zero}")


Seconds = Annotated[float, _seconds("0 for no limit")]
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
Steps = Annotated[
    tuple[Annotated[float, msgspec.Meta(gt=0, le=FINITE)], ...],
    msgspec.Meta(
        min_length=1,
        description="a list of at least one number of seconds over 0, such as [30, 60, 300]",
    ),
]
Share = Annotated[float, msgspec.Meta(ge=0, le=1, description="a number from 0 to 1")]
Count = Annotated[int, msgspec.Meta(ge=1, description="a whole number of at least 1")]
ProfileName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*\Z",
        description="a profile's name: letters, digits, dots, dashes, underscores and @",
    ),
]
ModelName = Annotated[
    str,
    msgspec.Meta(pattern=r"^[^/\s]+/\S", description="provider/model, such as 'openai/gpt-5.6'"),
]
Chain = Annotated[
    str | list[str], msgspec.Meta(description="a model or a list of models, as provider/model")
]
Rate = Annotated[
    float, msgspec.Meta(ge=0, le=FINITE, description="US dollars per million tokens, such as 2.5")
]
Command = Annotated[
    str | list[str], msgspec.Meta(description="a command line, or a list of its words")
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


class CooldownConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long what is left alone after a failure, in seconds; what is left out is the default's.

    A list is by the number of failures in a row; its last entry holds for all more.

    Attributes:
        rate_limit: a profile for one model, where the provider tells no time.
        overloaded: a model or provider without capacity, failing, or silent.
        auth: a profile whose credential was refused.
        permission: a profile for a model that it may not use.
        billing: a profile that is out of credit.
        forget: when earlier failures no longer count.
        probe: how long one request may try something again before another may.
        pacing: the most that a limit which headers show as used up holds a profile back; longer
            where not one request fits before.
        jitter: the most that chance adds to a window whose end nobody told, as a part of it.
        shortest: the shortest window, where the provider tells a time.
        evidence: models that fail within this time of each other are the provider's failure…
        evidence_models: …when there are so many of them.
    """

    rate_limit: Steps | None = None
    overloaded: Steps | None = None
    auth: Steps | None = None
    permission: Steps | None = None
    billing: Steps | None = None
    forget: Annotated[float, _seconds("with 0 every failure counts as the first")] | None = None
    probe: Annotated[float, _seconds("with 0 everybody may try")] | None = None
    pacing: Annotated[float, _seconds("with 0 nobody is held back")] | None = None
    jitter: Share | None = None
    shortest: Annotated[float, _seconds("with 0 a window may end at once")] | None = None
    evidence: Annotated[float, _seconds("with 0 nothing is the provider's failure")] | None = None
    evidence_models: Count | None = None

    def __post_init__(self) -> None:
        """Refuse what would fail later, where nobody knows any more whence it came.

        Raises:
            ConfigurationError: a number is not usable, or a list is empty.
        """
        for field in msgspec.structs.fields(self):
            value = getattr(self, field.name)
            try:
                msgspec.convert(value, field.type)
            except msgspec.ValidationError:
                meta = get_args(get_args(field.type)[0])[1]
                raise ConfigurationError(
                    f"cooldowns.{field.name}: found {value!r}, allowed is {meta.description}"
                ) from None


class FailoverConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a request may go to be served.

    Attributes:
        max_attempts: how many times it is sent, over all candidates and profiles.
        max_retries: how many times more the same candidate is asked after it failed for reasons
            of its own (overload, server errors, silence).
        max_wait: seconds that it waits in all for somebody to come back; 0 never waits.
    """

    max_attempts: Annotated[int, msgspec.Meta(ge=1, description="a number from 1")] = 8
    max_retries: Annotated[int, msgspec.Meta(ge=0, description="a number from 0")] = 2
    max_wait: Annotated[float, _seconds("0 never waits")] = 60.0


class ProfileConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One credential of a provider, and what it may be used for.

    It has one of the first six, or none of them where the platform finds the credential.

    Attributes:
        api_key: the key; better left to one of the next.
        api_key_env: environment variable that holds the key.
        api_key_file: file that holds the key.
        api_key_command: command that prints the key.
        token: a bearer token in place of a key.
        keyring: whether the key is in the system's keyring, as `aisopod auth add --keyring` puts it.
        kind: `token` where one of the above gives a bearer token; `oauth` or `aws` for what the
            provider's platform finds.
        models: patterns of the models that it may serve, such as `gpt-5*`; all when empty.
        base_url: where it is used, in place of the provider's address.
        options: the provider's own options for it, such as `organization` or `region`.
        weight: how large its share of the requests is, beside others of its rank.
        enabled: whether it is used.
    """

    api_key: Secret | None = None
    api_key_env: str | None = None
    api_key_file: str | None = None
    api_key_command: Command | None = None
    token: Secret | None = None
    keyring: bool = False
    kind: Literal["api_key", "token", "oauth", "aws"] | None = None
    models: list[str] = []
    base_url: str | None = None
    options: dict[str, str] = {}
    weight: Annotated[float, msgspec.Meta(gt=0, le=FINITE, description="a number over 0")] = 1.0
    enabled: bool = True

    def __repr__(self) -> str:
        """Without anything that could be a secret."""
        return f"ProfileConfig(kind={self.kind!r}, base_url={self.base_url!r})"


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
        profiles: further credentials, by name; the one above is named `default`.
        order: names of profiles in the order in which they are used; without it they take turns.
        cooldowns: for this provider.
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
    profiles: dict[ProfileName, ProfileConfig] = {}
    order: list[str] = []
    cooldowns: CooldownConfig = CooldownConfig()
    rules: list[Rule] = []

    def __repr__(self) -> str:
        """Without the values of headers, which may be credentials."""
        headers = dict.fromkeys(self.headers, "***")
        return (
            f"ProviderConfig(base_url={self.base_url!r}, dialect={self.dialect!r}, "
            f"headers={headers}, options={self.options})"
        )


class PriceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """US dollars per million tokens; what is left out is not known.

    Attributes:
        input: for input that no cache was part of.
        output: for everything generated, reasoning included.
        cache_read: for input that a cache served.
        cache_write: for input that was written to a cache.
        cache_write_1h: for input that was written to a cache that keeps it for an hour.
        input_audio: for sound in the input.
        output_audio: for sound in the output.
        cache_read_audio: for sound that a cache served; as other cached input when left out.
    """

    input: Rate | None = None
    output: Rate | None = None
    cache_read: Rate | None = None
    cache_write: Rate | None = None
    cache_write_1h: Rate | None = None
    input_audio: Rate | None = None
    output_audio: Rate | None = None
    cache_read_audio: Rate | None = None


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the user knows better of a model than listings and catalogue do.

    Attributes:
        like: `provider/model` that it is, such as what stands behind an Azure deployment.
        context_window: tokens of prompt and answer together.
        max_output_tokens: the longest answer, in tokens.
        input: what it reads.
        tools: whether it calls tools.
        price: what it costs.
    """

    like: ModelName | None = None
    context_window: Annotated[int, msgspec.Meta(ge=1, description="a number of tokens")] | None = (
        None
    )
    max_output_tokens: (
        Annotated[int, msgspec.Meta(ge=1, description="a number of tokens")] | None
    ) = None
    input: list[Literal["text", "image", "pdf", "audio", "video"]] | None = None
    tools: bool | None = None
    price: PriceConfig | None = None


class CatalogueConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How models are listed.

    Attributes:
        ttl: seconds for which a listing is fresh; an older one still serves while it is renewed.
        check: whether a request that a model is known not to be able to serve is refused, or goes
            to the next candidate, before it is sent.
    """

    ttl: Annotated[float, msgspec.Meta(gt=0, le=FINITE, description="a number of seconds")] = (
        86_400.0
    )
    check: bool = True


class UsageConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ledger of what was used.

    Attributes:
        record: whether requests are written into it.
        keep_days: how long they stay there.
    """

    record: bool = True
    keep_days: Annotated[float, msgspec.Meta(gt=0, le=FINITE, description="a number of days")] = (
        90.0
    )


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration.

    Attributes:
        default_model: `provider/model`, or an alias, where a call names none.
        aliases: names for a model or for a chain of candidates, which may be aliases again.
        failover: how far a request may go to be served.
        cooldowns: how long what is left alone after a failure.
        state: where profiles' health is kept: `sqlite`, `sqlite:FILE`, `memory`, or the URL of a
            Redis or Valkey server.
        on_unsupported: `error` or `drop`, for parameters that a model does not take.
        normalise: how conversations are changed for wires that do not take them as they are.
        fetch: how files are fetched for wires that take them as bytes only.
        timeouts: limits for every request.
        network: proxy and TLS.
        providers: settings by the provider's name.
        models: by `provider/model`, what the user knows better of a model.
        catalogue: how models are listed, and whether requests are held to what is known of them.
        usage: the ledger of what was used.
        rules: what answers of any provider mean, after that provider's own `rules`.
        sources: the files that it was read from, the weaker first; no file can set it.
    """

    default_model: str | None = None
    aliases: dict[str, Chain] = {}
    failover: FailoverConfig = FailoverConfig()
    cooldowns: CooldownConfig = CooldownConfig()
    state: str = "sqlite"
    on_unsupported: OnUnsupported = "error"
    normalise: NormaliseConfig = NormaliseConfig()
    fetch: FetchConfig = FetchConfig()
    timeouts: TimeoutConfig = TimeoutConfig()
    network: NetworkConfig = NetworkConfig()
    providers: dict[ProviderName, ProviderConfig] = {}
    models: dict[str, ModelConfig] = {}
    catalogue: CatalogueConfig = CatalogueConfig()
    usage: UsageConfig = UsageConfig()
    rules: list[Rule] = []
    sources: tuple[Path, ...] = ()
