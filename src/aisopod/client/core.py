"""What all of a client stands on: configuration, transport, state; opened late, closed once."""

import asyncio
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from aisopod import config as configuration
from aisopod.config import Config, usable_providers
from aisopod.discovery.kept import Found
from aisopod.discovery.listings import Discovery
from aisopod.errors import (
    AisopodError,
    UnsupportedFeatureError,
)
from aisopod.providers.protocol import ModelProvider
from aisopod.providers.provider import Provider
from aisopod.routing.building import build_transport
from aisopod.routing.candidates import Candidate, chain_of
from aisopod.routing.context import Hooks, Routing
from aisopod.routing.known import account_of, build_directory, by_family, listings_cache
from aisopod.routing.pool import Pool
from aisopod.routing.recorder import Recorder
from aisopod.routing.waiting import WaitingRooms
from aisopod.stores import Ledger, SharedState, open_ledger, open_store
from aisopod.transport import Transport
from aisopod.types import (
    Attempt,
    ModelInfo,
    Timeouts,
)

__all__ = ["Core"]

RENEWAL_SECONDS = 2.0
"""How long closing waits for listings that are being renewed."""
MOST_CHAINS = 1_000
"""Chains that are remembered; who names models at random must not fill the memory."""


class Core:
    """Opens what requests share when it is first wanted, and closes it.

    Takes what AsyncClient takes.
    """

    def __init__(
        self,
        config: Config | str | os.PathLike[str] | None = None,
        *,
        timeouts: Timeouts | None = None,
        transport: Transport | None = None,
        on_attempt: Callable[[Attempt], object] | None = None,
        on_failure: Callable[[Attempt, AisopodError], object] | None = None,
        on_switch: Callable[[Attempt, Attempt], object] | None = None,
    ) -> None:
        self.config = config if isinstance(config, Config) else configuration.load_config(config)
        # One that was made by hand holds what it was given.
        self._follows = not isinstance(config, Config) or bool(config.sources)
        self._timeouts = timeouts
        self._transport = transport
        self._owns_transport = transport is None
        self._hooks = Hooks(on_attempt, on_failure, on_switch)
        self._shared: Routing | None = None
        self._families: dict[str, str | None] = {}
        self._chains: dict[tuple[str, ...], tuple[Candidate, ...]] = {}
        self._renewing: asyncio.Task[Found] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection, and write what is to be remembered.

        A listing that is being renewed has a short time to arrive: else a program that is always
        over sooner would have the old one for ever.
        """
        renewing, self._renewing = self._renewing, None
        if renewing is not None:
            try:
                await asyncio.wait([renewing], timeout=RENEWAL_SECONDS)
            finally:
                renewing.cancel()
            await asyncio.wait([renewing])
        transport, self._transport = self._transport, None
        shared, self._shared = self._shared, None
        if shared is not None:
            await shared.pool.close()
            await shared.state.close()
            if shared.ledger is not None:
                await shared.ledger.close()
        if transport is not None and self._owns_transport:
            await transport.close()

    def provider(self, name: str, *, base_url: str | None = None) -> ModelProvider:
        """The provider of this name, as it is configured.

        Raises:
            UnknownProviderError: there is none; names the nearest.
            MissingCredentialError: it needs a key; names the variable to set.
        """
        return self._routing().pool.default(name, base_url)

    def usable_providers(self) -> list[str]:
        """The providers that the configuration names or holds a credential for."""
        return usable_providers(self.config)

    def _routing(self) -> Routing:
        if self._shared is None:
            folder = configuration.state_folder()
            setting = configuration.usable_state(self.config.state)
            state = SharedState(open_store(setting, folder))
            pool = Pool(
                self.config,
                self._shared_transport,
                self._timeouts,
                health=state.health,
                stored=configuration.credentials_file() if self._follows else None,
            )
            directory = build_directory(self.config, self._listings)
            self._shared = Routing(
                pool,
                state,
                Recorder(state),
                WaitingRooms(),
                self._hooks,
                directory,
                self._open_ledger(folder, state) if self.config.usage.record else None,
            )
        return self._shared

    @cached_property
    def _listings(self) -> Discovery:
        return Discovery(
            self._list,
            lambda provider: account_of(provider, self.config),
            listings_cache(),
            ttl=self.config.catalogue.ttl,
        )

    def _open_ledger(self, folder: Path, state: SharedState) -> Ledger:
        return open_ledger(
            configuration.usable_state(self.config.state),
            folder,
            keep_days=self.config.usage.keep_days,
            outage=state.outage,
        )

    def _shared_transport(self) -> Transport:
        if self._transport is None:
            self._transport = build_transport(self.config)
        return self._transport

    def _chain(self, names: Sequence[str]) -> tuple[Candidate, ...]:
        default = self.config.default_model
        wanted = tuple(names) or ((default,) if default else ())
        chain = self._chains.get(wanted)
        if chain is None:
            chain = chain_of(wanted, self.config.aliases, self._newest)
            if len(self._chains) >= MOST_CHAINS:
                self._chains.clear()
            self._chains[wanted] = chain
        return chain

    def _newest(self, family: str) -> str | None:
        if family not in self._families:
            self._families[family] = by_family(family, self.config)
        return self._families[family]

    async def _list(self, provider: str) -> list[ModelInfo]:
        return await self.provider(provider).list_models()

    def _own(self, provider: ModelProvider, lacks: str) -> Provider:
        if isinstance(provider, Provider):
            return provider
        raise UnsupportedFeatureError(
            f"it {lacks}", field="provider", value=provider.id, remedy="Use another provider"
        )
