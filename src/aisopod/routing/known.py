"""What a client knows of models: its configuration's word, listings on disk, the catalogue."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

import msgspec

from aisopod import config as configuration
from aisopod.catalogue import ALIASES, TABLED_PROVIDERS, Facts, ModelFacts, Price, newest, offered
from aisopod.config import Config, ModelConfig, PriceConfig, likes_of
from aisopod.discovery.cache import ListingCache
from aisopod.discovery.directory import Directory
from aisopod.discovery.kept import Found, Kept
from aisopod.errors import AisopodError
from aisopod.providers.host import Host

__all__ = [
    "ModelList",
    "account_of",
    "build_directory",
    "by_family",
    "kept_listings",
    "known",
    "listed",
    "listings_cache",
]

# Whose models a family's name means, where there is a way into several of them.
_PROVIDERS = ("anthropic", "openai", "gemini", "vertex", "bedrock")


class ModelList:
    """Models with what is known of them.

    Args:
        names: provider and model, in the providers' order.
        directory: what knows the facts.
        found: where the names are from.

    Attributes:
        names: the same.
        problems: by provider, why it gave no listing now; an older one may have served.
        listed_at: by provider, when it gave its listing, in seconds since the epoch; who is not
            here has only the catalogue's models.
        stale: providers whose listing is older than it should be.
    """

    def __init__(
        self, names: list[tuple[str, str]], directory: Directory, found: Found | None = None
    ) -> None:
        self.names = names
        self.problems: dict[str, AisopodError] = dict(found.problems) if found else {}
        listings = found.listings if found else {}
        self.listed_at = {name: listing.at for name, listing in listings.items()}
        self.stale = found.stale if found else frozenset[str]()
        self._directory = directory

    @cached_property
    def models(self) -> list[ModelFacts]:
        """All of them, in the order of `names`."""
        return [self._directory.facts(provider, model) for provider, model in self.names]


def build_directory(config: Config, kept: Kept) -> Directory:
    """What is known by this configuration, and by these listings."""
    likes_of(config.models)  # refuses what leads nowhere
    return Directory(
        {name: _facts(model) for name, model in config.models.items()},
        {name: model.like for name, model in config.models.items() if model.like},
        kept,
    )


def kept_listings(config: Config) -> Kept:
    """The listings that are at hand for this configuration."""
    return Kept(
        lambda provider: account_of(provider, config), listings_cache(), ttl=config.catalogue.ttl
    )


def listings_cache() -> ListingCache:
    """Where listings are kept."""
    return ListingCache(configuration.cache_folder() / "models")


def account_of(provider: str, config: Config) -> str:
    """Whose listing it is: other keys and other addresses may have other models.

    Raises:
        UnknownProviderError: there is no such provider.
        MissingCredentialError: it needs a credential, and there is none.
    """
    host = configuration.find_host(provider, config)
    if not isinstance(host, Host):
        return f" {provider}:default"
    first = configuration.profiles_for(host, config)[0]
    address = first.settings.base_url or configuration.base_url_for(host, config)
    return f"{address} {first.id}"


def listed(directory: Directory, providers: Sequence[str], found: Found) -> ModelList:
    """What the providers offer: their listings, or what the catalogue knows where there is none."""
    names: list[tuple[str, str]] = []
    for provider in providers:
        listing = found.listings.get(provider)
        if listing is not None:
            directory.take(listing)
        ids = offered(provider) if listing is None else [info.id for info in listing.models]
        names += [(provider, id_) for id_ in ids]
    return ModelList(names, directory, found)


def known(directory: Directory, config: Config, kept: Kept, provider: str | None) -> ModelList:
    """What is at hand of one provider, or of all that there is a way into and all of the catalogue."""
    names = [provider] if provider is not None else configuration.usable_providers(config)
    own = listed(directory, names, kept.known(names))
    if provider is not None:
        return own
    others = [(name, model) for name in TABLED_PROVIDERS for model in offered(name)]
    return ModelList(list(dict.fromkeys([*own.names, *others])), directory)


def by_family(name: str, config: Config) -> str | None:
    """The newest model of a family, such as `sonnet`, of a provider that there is a way into."""
    if name not in ALIASES:
        return None
    usable = configuration.usable_providers(config)
    for provider in sorted(_PROVIDERS, key=lambda provider: provider not in usable):
        model = newest(provider, name)
        if model is not None:
            return f"{provider}/{model}"
    return None


def _facts(model: ModelConfig) -> Facts:
    return Facts(
        context_window=model.context_window,
        max_output_tokens=model.max_output_tokens,
        input_modalities=None if model.input is None else frozenset(model.input),
        tools=model.tools,
        price=None if model.price is None else _price(model.price),
    )


def _price(price: PriceConfig) -> Price:
    told = msgspec.structs.asdict(price)
    # By its text: the price is what was written, not the nearest binary fraction.
    rates: dict[str, Any] = {
        name: Decimal(str(rate)) for name, rate in told.items() if rate is not None
    }
    return Price(**rates, source="user")
