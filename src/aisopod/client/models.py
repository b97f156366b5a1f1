"""A client's models: which there are, what is known of them, what they were used for."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime

from aisopod.catalogue import Difference, ModelFacts
from aisopod.client.core import Core
from aisopod.errors import (
    ConfigurationError,
    InvalidRequestError,
)
from aisopod.routing.known import ModelList, known, listed
from aisopod.stores import Group, StoreError
from aisopod.types import (
    ModelInfo,
    ProviderHealth,
    PullProgress,
)

__all__ = ["Models"]

log = logging.getLogger("aisopod")


class Models(Core):
    """The part of a client that is about models."""

    async def list_models(self, provider: str | None = None) -> list[ModelInfo]:
        """What one provider lists now, or every one that the configuration has a way into.

        Raises:
            AisopodError: what the provider's listing raises; with several providers, only when
                none of them answers. One that fails beside others is logged as a warning.
        """
        names = [provider] if provider is not None else self.usable_providers()
        found = await self._listings.refresh(names)
        models = [
            model
            for name in names
            if name not in found.problems
            for model in found.listings[name].models
        ]
        if found.problems and len(found.problems) == len(names):
            raise next(iter(found.problems.values()))
        for name, problem in found.problems.items():
            log.warning("%s gave no listing: %s", name, problem)
        return models

    async def models(
        self, provider: str | None = None, *, refresh: bool = False, renew: bool = True
    ) -> ModelList:
        """Models with what is known of them: one provider's, or of all that there is a way into.

        Listings are kept on disk. A stale one serves while it is renewed behind it; a provider
        that cannot be asked is told in `problems` and has its last listing, or what the catalogue
        knows.

        Args:
            provider: id of the provider.
            refresh: ask the providers now.
            renew: whether what is stale is renewed behind the answer; closing the client waits a
                short time for that.
        """
        names = [provider] if provider is not None else self.usable_providers()
        ask = self._listings.refresh if refresh else self._listings.find
        found = await ask(names)
        renewing = self._renewing is not None and not self._renewing.done()
        if found.stale and renew and not refresh and not renewing:
            self._renewing = asyncio.create_task(self._listings.refresh(found.stale))
        return listed(self._routing().directory, names, found)

    def known_models(self, provider: str | None = None) -> ModelList:
        """As `models`, from what is at hand; asks nobody.

        Without a provider, those of all that there is a way into, and all of the catalogue.
        """
        return known(self._routing().directory, self.config, self._listings, provider)

    def model(self, name: str) -> ModelFacts:
        """What is known of `provider/model` or an alias, each fact with its source; asks nobody.

        Raises:
            UnknownModelError: the name is neither.
        """
        [(provider, model), *_] = self._chain([name])
        return self._routing().directory.facts(provider, model)

    def contradictions(self, name: str) -> list[Difference]:
        """Where the last listing of `provider/model` contradicts the catalogue; asks nobody.

        Raises:
            UnknownModelError: the name is neither a model nor an alias.
        """
        [(provider, model), *_] = self._chain([name])
        return self._routing().directory.differences(provider, model)

    async def show_model(self, model: str) -> ModelInfo:
        """What the provider tells of `provider/model`.

        Raises:
            ModelNotFoundError: the provider does not know it.
            AisopodError: any other of the tree in `aisopod.errors`.
        """
        [(name, wanted), *_] = self._chain([model])
        return await self._own(self.provider(name), "describes no models").show_model(wanted)

    async def health_check(self, provider: str) -> ProviderHealth:
        """Whether requests to the provider can be expected to work; costs no tokens."""
        return await self.provider(provider).health_check()

    def pull(self, model: str) -> AsyncIterator[PullProgress]:
        """Download `provider/model` to the provider's machine.

        Raises:
            UnsupportedFeatureError: the provider downloads nothing.
        """
        [(name, wanted), *_] = self._chain([model])
        return self._own(self.provider(name), "downloads no models").pull(wanted)

    async def usage(
        self,
        by: Sequence[str] = (),
        *,
        since: date | float | None = None,
        until: date | float | None = None,
    ) -> list[Group]:
        """What was used, of the ledger: tokens, cost, requests by outcome.

        Args:
            by: what sums are made by: `day` (of UTC), `provider`, `model`, `profile`, `session`,
                `tag:NAME`, or `tag`, where a request is in the sum of each of its tags; one sum of
                everything when empty.
            since: of requests that began then or later: a time, a day (of UTC) or seconds since
                the epoch.
            until: and before then.

        Raises:
            InvalidRequestError: there are no sums by that, or this is no time.
            ConfigurationError: nothing is recorded, or the ledger cannot be read.
        """
        ledger = self._routing().ledger
        if ledger is None:
            raise ConfigurationError("usage.record is false: there is no ledger to read")
        try:
            return await ledger.aggregate(
                by, seconds_of(since, "since"), seconds_of(until, "until")
            )
        except ValueError as error:
            raise InvalidRequestError(str(error), field="by", value=list(by)) from error
        except StoreError as error:
            raise ConfigurationError(f"the ledger cannot be read: {error}") from error


def seconds_of(time: date | float | None, field: str) -> float | None:
    """A time as seconds since the epoch; days are UTC's, as the ledger's are.

    Raises:
        InvalidRequestError: it is none.
    """
    if isinstance(time, datetime):
        return time.timestamp()
    if isinstance(time, date):
        return datetime(time.year, time.month, time.day, tzinfo=UTC).timestamp()
    if time is None or isinstance(time, int | float):
        return time
    raise InvalidRequestError(
        "this is no time",
        field=field,
        value=time,
        remedy="Give a datetime, a date, or seconds since the epoch",
    )
