"""The client: joins configuration, providers and transport. The composition root."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import msgspec

from aisopod import config as configuration
from aisopod.catalogue import TABLED_PROVIDERS, Difference, ModelFacts, offered
from aisopod.config import Config, FailoverConfig, Profile
from aisopod.discovery import Found
from aisopod.errors import (
    AisopodError,
    ConfigurationError,
    InvalidRequestError,
    UnsupportedFeatureError,
)
from aisopod.normalise import build_request, validate
from aisopod.providers.host import Credential, Host
from aisopod.providers.protocol import ModelProvider
from aisopod.providers.provider import Provider
from aisopod.routing import (
    Candidate,
    Hooks,
    ModelList,
    Pool,
    Recorder,
    Route,
    Routing,
    Stream,
    WaitingRooms,
    Wishes,
    build_directory,
    build_provider,
    build_transport,
    by_family,
    chain_of,
    check,
    check_chain,
    find_host,
    listed,
    reset,
    standings,
    usable_providers,
)
from aisopod.stores import Group, Ledger, SharedState, StoreError, open_ledger, open_store
from aisopod.transport import Transport
from aisopod.types import (
    Attempt,
    ChatCompletion,
    ChatCompletionRequest,
    Explanation,
    JsonSchema,
    Message,
    ModelInfo,
    ProfileState,
    ProviderHealth,
    PullProgress,
    Secret,
    Timeouts,
    TokenCount,
)

__all__ = ["AsyncClient", "Stream", "get_provider"]

log = logging.getLogger("aisopod")


class AsyncClient:
    """Chat with any provider, by `provider/model`.

    Args:
        config: a Config, or the path of a file that stands in for the usual ones; when None,
            the user's and the project's files and the environment are read.
        timeouts: limits for every request, in place of the configured ones.
        transport: what carries the bytes, in place of the one on aiohttp.
        on_attempt: called with each Attempt as it begins.
        on_failure: called with each Attempt that failed, and its error.
        on_switch: called with an Attempt and the next one, when that asks another profile or model.

    Raises:
        ConfigurationError: a file or variable is wrong; names the place and what is allowed.
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
        self._timeouts = timeouts
        self._transport = transport
        self._owns_transport = transport is None
        self._hooks = Hooks(on_attempt, on_failure, on_switch)
        self._shared: Routing | None = None
        self._families: dict[str, str | None] = {}
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

    def stream(  # noqa: PLR0913 - what a request may be asked with, by name
        self,
        /,
        model: str | ChatCompletionRequest | None = None,
        prompt: str | None = None,
        *,
        messages: Sequence[Message | Mapping[str, Any]] | None = None,
        system: str | None = None,
        models: Sequence[str] | None = None,
        session_id: str | None = None,
        profile: str | None = None,
        tags: Mapping[str, str] | None = None,
        failover: FailoverConfig | None = None,
        timeouts: Timeouts | None = None,
        base_url: str | None = None,
        **fields: Any,
    ) -> Stream:
        """Ask for a streamed answer.

        Until the first content (text, thinking, a tool call) whoever fails is replaced: by the
        provider's next profile, then by the next candidate. After it nothing is repeated: a cut
        answer raises, with what had come as the error's `partial`.

        Args:
            model: `provider/model`, an alias, or a whole request whose `model` is that; when
                None, the configuration's default.
            prompt: the user's text, after `messages`.
            models: candidates in the order of preference, after `model` if that is given.
            session_id: the conversation, which keeps its profile as long as that can serve, so
                that the provider's prompt cache stays warm.
            profile: the only profile of its provider to use, such as `openai:work`.
            tags: names and values by which the ledger can sum up, such as a user or a job.
            failover: bounds for this request: attempts, retries, waiting.
            messages: the conversation so far, as Messages or dicts of their fields.
            system: the system message.
            timeouts: limits for this request.
            base_url: where the provider answers, for this request.
            **fields: fields of ChatCompletionRequest. `tools` also takes typed functions,
                `response_format` a msgspec Struct, dataclass or pydantic model, `reasoning` an
                effort or a number of tokens.

        Raises:
            InvalidRequestError: the request cannot be sent; nothing was.
            ConfigurationError: the provider cannot be used as it is configured.
        """
        chain, request = self._asked(
            model, prompt, models, messages=messages, system=system, **fields
        )
        request = msgspec.structs.replace(request, stream=True)
        wishes = self._wishes(failover, timeouts, base_url, session_id, profile, tags)
        return self._started(chain, request, wishes, fields.get("response_format"))

    async def complete(  # noqa: PLR0913 - as `stream`
        self,
        /,
        model: str | ChatCompletionRequest | None = None,
        prompt: str | None = None,
        *,
        messages: Sequence[Message | Mapping[str, Any]] | None = None,
        system: str | None = None,
        models: Sequence[str] | None = None,
        session_id: str | None = None,
        profile: str | None = None,
        tags: Mapping[str, str] | None = None,
        failover: FailoverConfig | None = None,
        timeouts: Timeouts | None = None,
        base_url: str | None = None,
        **fields: Any,
    ) -> ChatCompletion:
        """Ask for a whole answer, by the wire's plain call. Takes what `stream` takes.

        Raises:
            AisopodError: any of the tree in `aisopod.errors`.
        """
        chain, request = self._asked(
            model, prompt, models, messages=messages, system=system, **fields
        )
        request = msgspec.structs.replace(request, stream=False)
        wishes = self._wishes(failover, timeouts, base_url, session_id, profile, tags)
        wanted = fields.get("response_format")
        async with self._started(chain, request, wishes, wanted) as stream:
            return await stream.collect()

    async def explain(
        self,
        model: str | ChatCompletionRequest | None = None,
        *,
        models: Sequence[str] | None = None,
        session_id: str | None = None,
        profile: str | None = None,
    ) -> Explanation:
        """Who would be asked now, who is passed over, why and until when; asks no provider.

        Raises:
            ConfigurationError: no candidate can be used as it is configured.
        """
        chain, request = self._asked(model, "?", models)
        wishes = self._wishes(None, None, None, session_id, profile)
        return await Route(self._routing(), chain, request, wishes).explain()

    async def mark_good(self, profile: str, model: str) -> None:
        """Say that a profile answered for a model: every window of theirs is closed.

        Raises:
            UnknownProviderError, ConfigurationError: there is no such profile.
        """
        routing = self._routing()
        option = routing.pool.option(profile, model)
        secret = routing.pool.secret(option)
        await routing.state.refresh(option.subjects)
        routing.recorder.succeeded(option, secret, started=routing.state.now())
        await routing.state.settle()

    async def mark_failed(self, profile: str, model: str, error: AisopodError) -> None:
        """Say that a profile failed for a model: what the error is about is left alone for a while.

        Raises:
            UnknownProviderError, ConfigurationError: there is no such profile.
        """
        routing = self._routing()
        option = routing.pool.option(profile, model)
        await routing.state.refresh(option.subjects)
        routing.recorder.failed(
            option,
            error,
            routing.pool.secret(option),
            started=routing.state.now(),
            cooldowns=routing.pool.cooldowns(option.provider),
        )
        await routing.state.settle()

    def profiles(self, provider: str) -> list[Profile]:
        """The provider's profiles in their order; where their secrets are, not what they are.

        Raises:
            UnknownProviderError: there is no such provider.
            MissingCredentialError: it needs a credential, and there is none.
        """
        return list(self._routing().pool.profiles(provider).values())

    async def profile_states(self, provider: str | None = None) -> list[ProfileState]:
        """How every profile stands, of one provider or of all that there is a way into.

        A profile has one entry, and one more for each model for which something is out.
        """
        routing = self._routing()
        return await standings(
            routing, [provider] if provider is not None else self.usable_providers()
        )

    async def check_profile(self, profile: str) -> ProviderHealth:
        """Whether the provider takes a profile's credential; costs no tokens, and is remembered.

        Raises:
            UnknownProviderError, ConfigurationError: there is no such profile, or it cannot be used.
        """
        return await check(self._routing(), profile)

    async def reset_profile(self, profile: str) -> None:
        """Forget every failure of a profile, and those of its provider and the provider's models.

        Raises:
            UnknownProviderError, ConfigurationError: there is no such profile.
        """
        await reset(self._routing(), profile)

    async def reset_session(self, session_id: str) -> None:
        """Let a conversation go to whoever's turn it is: its prompt cache is worth nothing now."""
        routing = self._routing()
        for provider in self.usable_providers():
            routing.recorder.unpinned(provider, session_id)
        await routing.state.settle()

    async def count_tokens(
        self,
        /,
        model: str | ChatCompletionRequest | None = None,
        prompt: str | None = None,
        *,
        messages: Sequence[Message | Mapping[str, Any]] | None = None,
        system: str | None = None,
        base_url: str | None = None,
        **fields: Any,
    ) -> TokenCount:
        """How many tokens the prompt has. Takes what `stream` takes.

        By the provider's own count where it has one (Anthropic, Gemini, Bedrock), else an estimate
        that says so.

        Raises:
            AisopodError: any of the tree in `aisopod.errors`.
        """
        [first, *_], request = self._asked(
            model, prompt, messages=messages, system=system, **fields
        )
        provider = self._own(self.provider(first.provider, base_url=base_url), "counts no tokens")
        return await provider.count_tokens(msgspec.structs.replace(request, model=first.model))

    async def list_models(self, provider: str | None = None) -> list[ModelInfo]:
        """What one provider lists now, or every one that the configuration has a way into.

        Raises:
            AisopodError: what the provider's listing raises; with several providers, only when
                none of them answers. One that fails beside others is logged as a warning.
        """
        names = [provider] if provider is not None else self.usable_providers()
        found = await self._routing().directory.discovery.refresh(names)
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
            renew: whether what is stale is renewed behind the answer.
        """
        names = [provider] if provider is not None else self.usable_providers()
        directory = self._routing().directory
        ask = directory.discovery.refresh if refresh else directory.discovery.find
        found = await ask(names)
        if found.stale and renew and not refresh and self._renewing is None:
            self._renewing = asyncio.create_task(directory.discovery.refresh(found.stale))
        return listed(directory, names, found)

    def known_models(self, provider: str | None = None) -> ModelList:
        """As `models`, from what is at hand; asks nobody.

        Without a provider, those of all that there is a way into, and all of the catalogue.
        """
        directory = self._routing().directory
        names = [provider] if provider is not None else self.usable_providers()
        own = listed(directory, names, directory.discovery.known(names))
        if provider is not None:
            return own
        others = [(name, model) for name in TABLED_PROVIDERS for model in offered(name)]
        return ModelList(list(dict.fromkeys([*own.names, *others])), directory)

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

    async def usage(
        self,
        by: Sequence[str] = (),
        *,
        since: datetime | float | None = None,
        until: datetime | float | None = None,
    ) -> list[Group]:
        """What was used, of the ledger: tokens, cost, requests by outcome.

        Args:
            by: what sums are made by: `day` (of UTC), `provider`, `model`, `profile`, `session`,
                `tag:NAME`; one sum of everything when empty.
            since: of requests that began then or later; a time, or seconds since the epoch.
            until: and before then.

        Raises:
            InvalidRequestError: there are no sums by that.
            ConfigurationError: nothing is recorded, or the ledger cannot be read.
        """
        ledger = self._routing().ledger
        if ledger is None:
            raise ConfigurationError("usage.record is false: there is no ledger to read")
        try:
            return await ledger.aggregate(by, seconds_of(since), seconds_of(until))
        except ValueError as error:
            raise InvalidRequestError(str(error), field="by", value=list(by)) from error
        except StoreError as error:
            raise ConfigurationError(f"the ledger cannot be read: {error}") from error

    def usable_providers(self) -> list[str]:
        """The providers that the configuration names or holds a credential for."""
        return usable_providers(self.config)

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

    def provider(self, name: str, *, base_url: str | None = None) -> ModelProvider:
        """The provider of this name, as it is configured.

        Raises:
            UnknownProviderError: there is none; names the nearest.
            MissingCredentialError: it needs a key; names the variable to set.
        """
        return self._routing().pool.default(name, base_url)

    async def close(self) -> None:
        """Close every connection, and write what is to be remembered."""
        transport, self._transport = self._transport, None
        shared, self._shared = self._shared, None
        renewing, self._renewing = self._renewing, None
        if renewing is not None:
            renewing.cancel()
            await asyncio.wait([renewing])
        if shared is not None:
            await shared.state.close()
            if shared.ledger is not None:
                await shared.ledger.close()
        if transport is not None and self._owns_transport:
            await transport.close()

    def _routing(self) -> Routing:
        if self._shared is None:
            folder = configuration.state_folder()
            state = SharedState(open_store(self.config.state, folder))
            pool = Pool(self.config, self._shared_transport, self._timeouts)
            directory = build_directory(self.config, pool, self._list)
            self._shared = Routing(
                pool,
                state,
                Recorder(state),
                WaitingRooms(),
                self._hooks,
                directory,
                self._open_ledger(folder) if self.config.usage.record else None,
            )
        return self._shared

    def _open_ledger(self, folder: Path) -> Ledger:
        return open_ledger(self.config.state, folder, keep_days=self.config.usage.keep_days)

    def _shared_transport(self) -> Transport:
        if self._transport is None:
            self._transport = build_transport(self.config)
        return self._transport

    def _asked(
        self,
        model: str | ChatCompletionRequest | None,
        prompt: str | None,
        models: Sequence[str] | None = None,
        **fields: Any,
    ) -> tuple[tuple[Candidate, ...], ChatCompletionRequest]:
        """The candidates, and the request to the first of them."""
        named = model.model if isinstance(model, ChatCompletionRequest) else model
        chain = self._chain([*([named] if named else []), *(models or [])])
        request = (
            msgspec.structs.replace(model, model=chain[0].model)
            if isinstance(model, ChatCompletionRequest)
            else build_request(chain[0].model, prompt, **fields)
        )
        return chain, request

    def _chain(self, names: Sequence[str]) -> tuple[Candidate, ...]:
        default = self.config.default_model
        names = names or ([default] if default else [])
        return chain_of(names, self.config.aliases, self._newest)

    def _newest(self, family: str) -> str | None:
        if family not in self._families:
            self._families[family] = by_family(family, self.config)
        return self._families[family]

    async def _list(self, provider: str) -> list[ModelInfo]:
        return await self.provider(provider).list_models()

    def _wishes(
        self,
        failover: FailoverConfig | None,
        timeouts: Timeouts | None,
        base_url: str | None,
        session: str | None,
        profile: str | None,
        tags: Mapping[str, str] | None = None,
    ) -> Wishes:
        return Wishes(
            failover or self.config.failover,
            timeouts=timeouts,
            base_url=base_url,
            session=session,
            profile=profile,
            tags=tags,
            check=self.config.catalogue.check,
        )

    def _started(
        self,
        chain: tuple[Candidate, ...],
        request: ChatCompletionRequest,
        wishes: Wishes,
        response_format: object,
    ) -> Stream:
        routing = self._routing()
        validate(request)
        check_chain(routing.pool, chain, wishes.profile)
        described = isinstance(response_format, str | Mapping | JsonSchema)
        route = Route(routing, chain, request, wishes)
        return Stream(route, None if described else response_format)

    def _own(self, provider: ModelProvider, lacks: str) -> Provider:
        if isinstance(provider, Provider):
            return provider
        raise UnsupportedFeatureError(
            f"it {lacks}", field="provider", value=provider.id, remedy="Use another provider"
        )


def seconds_of(time: datetime | float | None) -> float | None:
    """A time as seconds since the epoch."""
    return time.timestamp() if isinstance(time, datetime) else time


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
