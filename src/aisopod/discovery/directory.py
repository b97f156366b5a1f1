"""Every model with what is known of it: users' overrides, servers' listings, the catalogue."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from aisopod.catalogue import (
    Difference,
    Facts,
    ModelFacts,
    Source,
    cost_of,
    differences,
    facts_for,
    merge,
    nearest,
    sourced,
)
from aisopod.discovery.cache import Listing
from aisopod.discovery.kept import Kept
from aisopod.errors import AisopodError
from aisopod.types import ModelInfo, TokenUsage

__all__ = ["Directory", "live_facts"]

log = logging.getLogger("aisopod.discovery")

MOST_KEPT = 2_000


class Directory:
    """What is known of models.

    Args:
        overrides: by `provider/model`, what the user knows better.
        likes: by `provider/model`, which one it is by another name; none leads back to itself.
        kept: what servers listed.
    """

    def __init__(
        self, overrides: Mapping[str, Facts], likes: Mapping[str, str], kept: Kept
    ) -> None:
        self._overrides = overrides
        self._likes = likes
        self._kept = kept
        self._listings: dict[str, dict[str, ModelInfo]] = {}
        self._days: dict[str, str] = {}
        self._facts: dict[tuple[str, str], ModelFacts] = {}

    def facts(self, provider: str, model: str) -> ModelFacts:
        """All that is known of a model, without asking anybody; never raises."""
        found = self._facts.get((provider, model))
        if found is None:
            found = self._followed(provider, model)
            if len(self._facts) >= MOST_KEPT:
                self._facts.clear()
            self._facts[provider, model] = found
        return found

    def _followed(self, provider: str, model: str) -> ModelFacts:
        """What is known of a model itself, then of the one that it is like, and so on."""
        layers: dict[str, ModelFacts] = {}
        name: str | None = f"{provider}/{model}"
        while name is not None and name not in layers:
            layers[name] = self._own(name)
            name = self._likes.get(name) or self._listed_like(name)
        own, *others = layers.values()
        return merge(provider, model, [own, *others]) if others else own

    def _listed_like(self, name: str) -> str | None:
        """The model that the server says it is."""
        provider, _, model = name.partition("/")
        info = self._listed(provider).get(model)
        return None if info is None or info.like is None else f"{provider}/{info.like}"

    def _own(self, name: str) -> ModelFacts:
        provider, _, model = name.partition("/")
        live = self._live(provider, model)
        return facts_for(provider, model, live=live, overrides=self._overrides.get(name))

    def differences(self, provider: str, model: str) -> list[Difference]:
        """Where the server's own listing contradicts the catalogue."""
        live = self._live(provider, model)
        return differences(facts_for(provider, model), live) if live is not None else []

    def cost(self, provider: str, model: str, usage: TokenUsage | None) -> Decimal | None:
        """What tokens cost at list price; None where that is not known.

        Never raises: it is asked when the answer is there, which no price may spoil.
        """
        if usage is None:
            return None
        try:
            price = self.facts(provider, model).price
            return None if price is None else cost_of(usage, price)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            log.warning("%s/%s: its cost cannot be worked out: %r", provider, model, error)
            return None

    def nearest(self, provider: str, model: str) -> list[str]:
        """The provider's models that a mistyped name may have meant, listed ones too; asks nobody."""
        return nearest(provider, model, listed=self._listed(provider))

    def take(self, listing: Listing) -> None:
        """A newer listing."""
        self._listings[listing.provider] = {info.id: info for info in listing.models}
        self._days[listing.provider] = datetime.fromtimestamp(listing.at, UTC).date().isoformat()
        self._facts.clear()

    def _live(self, provider: str, model: str) -> ModelFacts | None:
        """What the server said of a model when it was last asked."""
        info = self._listed(provider).get(model)
        if info is None:
            return None
        known = facts_for(provider, info.like or model).input_modalities
        return live_facts(info, self._days[provider], known or frozenset())

    def _listed(self, provider: str) -> Mapping[str, ModelInfo]:
        """What the server listed when it was last asked."""
        listing = self._listings.get(provider)
        if listing is None:
            listing = self._listings[provider] = {}
            try:
                found = self._kept.known([provider]).listings
            except AisopodError:  # it is not set up: nothing was listed
                found = {}
            for each in found.values():
                self.take(each)
                listing = self._listings[provider]
        return listing


def live_facts(info: ModelInfo, as_of: str, known: frozenset[str] = frozenset()) -> ModelFacts:
    """What a server lists of a model, as facts; what it does not mention stays as it was known.

    Args:
        info: the entry.
        as_of: the day of the listing, ISO 8601.
        known: what the model reads by the catalogue: Bedrock's listing, for one, names no documents.
    """
    can, lacks = info.capabilities or frozenset(), info.lacks
    modalities = None
    if "vision" in can | lacks:
        words = {"vision": "image", "documents": "pdf", "audio": "audio", "video": "video"}
        unsaid = {word for name, word in words.items() if name not in can | lacks}
        modalities = frozenset(
            {"text"} | {words[name] for name in can if name in words} | (known & unsaid)
        )
    told = Facts(
        display_name=info.display_name,
        # Some servers write 0 for what they do not know.
        context_window=info.context_window if (info.context_window or 0) > 0 else None,
        max_output_tokens=info.max_output_tokens if (info.max_output_tokens or 0) > 0 else None,
        input_modalities=modalities,  # type: ignore[arg-type]
        tools=True if "tools" in can else False if "tools" in lacks else None,
        reasoning="none" if "reasoning" in lacks else None,
        reasoning_control=info.reasoning_control,
        efforts=info.efforts,
        structured_output="native" if "structured_output" in can else None,
        lifecycle=info.lifecycle if info.lifecycle in {"deprecated", "retired"} else None,  # type: ignore[arg-type]
    )
    return sourced(info.provider, info.id, told, Source("live", as_of))
