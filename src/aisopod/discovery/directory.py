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
        likes: by `provider/model`, which one it is by another name.
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
            name = f"{provider}/{model}"
            live = self._live(provider, model)
            found = facts_for(provider, model, live=live, overrides=self._overrides.get(name))
            if name in self._likes:
                other = facts_for(*self._likes[name].split("/", 1))
                found = merge(provider, model, [found, other])
            if len(self._facts) >= MOST_KEPT:
                self._facts.clear()
            self._facts[provider, model] = found
        return found

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

    def take(self, listing: Listing) -> None:
        """A newer listing."""
        self._listings[listing.provider] = {info.id: info for info in listing.models}
        self._days[listing.provider] = datetime.fromtimestamp(listing.at, UTC).date().isoformat()
        self._facts.clear()

    def _live(self, provider: str, model: str) -> ModelFacts | None:
        """What the server said of a model when it was last asked."""
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
        info = listing.get(model)
        return None if info is None else live_facts(info, self._days[provider])


def live_facts(info: ModelInfo, as_of: str) -> ModelFacts:
    """What a server lists of a model, as facts; what it does not mention stays unknown.

    Args:
        info: the entry.
        as_of: the day of the listing, ISO 8601.
    """
    can, lacks = info.capabilities or frozenset(), info.lacks
    modalities = None
    if "vision" in can | lacks:
        words = {"vision": "image", "documents": "pdf", "audio": "audio", "video": "video"}
        modalities = frozenset({"text"} | {words[name] for name in can if name in words})
    told = Facts(
        display_name=info.display_name,
        # Some servers write 0 for what they do not know.
        context_window=info.context_window if (info.context_window or 0) > 0 else None,
        max_output_tokens=info.max_output_tokens if (info.max_output_tokens or 0) > 0 else None,
        input_modalities=modalities,  # type: ignore[arg-type]
        tools=True if "tools" in can else False if "tools" in lacks else None,
        reasoning="none" if "reasoning" in lacks else None,
        lifecycle=info.lifecycle if info.lifecycle in {"deprecated", "retired"} else None,  # type: ignore[arg-type]
    )
    return sourced(info.provider, info.id, told, Source("live", as_of))
