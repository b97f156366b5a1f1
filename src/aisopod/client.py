"""The client: joins configuration, providers and transport. The composition root."""

import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast

import msgspec

from aisopod import config as configuration
from aisopod.config import Config
from aisopod.errors import (
    AisopodError,
    UnknownModelError,
    UnknownProviderError,
    UnsupportedFeatureError,
)
from aisopod.normalise import build_request
from aisopod.providers import registry
from aisopod.providers.host import Credential, CredentialSource, Host
from aisopod.providers.protocol import ModelProvider
from aisopod.providers.provider import Provider
from aisopod.transport import Transport
from aisopod.types import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Fold,
    JsonSchema,
    Message,
    ModelInfo,
    ProviderHealth,
    PullProgress,
    Secret,
    Timeouts,
)

__all__ = ["AsyncClient", "Stream", "get_provider"]

log = logging.getLogger("aisopod")


class Stream:
    """One streamed answer: iterate over its chunks; `response` is the whole so far.

    Nothing is sent before the first chunk is asked for. Use it as an async context manager:
    leaving it closes the connection at once, wherever the answer stands.
    """

    def __init__(
        self,
        chunks: AsyncIterator[ChatCompletionChunk],
        response_type: Any = None,  # noqa: ANN401
    ) -> None:
        self._fold = Fold()
        self._response_type = response_type
        self._chunks = self._folding(chunks)

    def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        return self._chunks

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    @property
    def response(self) -> ChatCompletion:
        """The answer as far as it has come."""
        return self._fold.result(response_type=self._response_type)

    async def collect(self) -> ChatCompletion:
        """Read to the end and give the whole answer.

        Raises:
            AisopodError: what iterating would raise.
        """
        async for _ in self._chunks:
            pass
        return self.response

    async def aclose(self) -> None:
        """Close the connection, if the answer is still coming."""
        await self._chunks.aclose()

    async def _folding(
        self, chunks: AsyncIterator[ChatCompletionChunk]
    ) -> AsyncGenerator[ChatCompletionChunk, None]:
        add = self._fold.add
        try:
            async for chunk in chunks:
                add(chunk)
                yield chunk
        except AisopodError as error:
            error.partial = self.response
            raise
        finally:
            # A third party's iterator need not be a generator.
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()


class AsyncClient:
    """Chat with any provider, by `provider/model`.

    Args:
        config: a Config, or the path of a file that stands in for the usual ones; when None,
            the user's and the project's files and the environment are read.
        timeouts: limits for every request, in place of the configured ones.
        transport: what carries the bytes, in place of the one on aiohttp.

    Raises:
        ConfigurationError: a file or variable is wrong; names the place and what is allowed.
    """

    def __init__(
        self,
        config: Config | str | os.PathLike[str] | None = None,
        *,
        timeouts: Timeouts | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.config = config if isinstance(config, Config) else configuration.load_config(config)
        self._timeouts = timeouts
        self._transport = transport
        self._owns_transport = transport is None
        self._providers: dict[tuple[str, str | None], ModelProvider] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def stream(
        self,
        model: str | ChatCompletionRequest | None = None,
        prompt: str | None = None,
        *,
        messages: Sequence[Message | Mapping[str, Any]] | None = None,
        system: str | None = None,
        timeouts: Timeouts | None = None,
        base_url: str | None = None,
        **fields: Any,
    ) -> Stream:
        """Ask for a streamed answer.

        Args:
            model: `provider/model`, or a whole request whose `model` is that; when None, the
                configuration's default.
            prompt: the user's text, after `messages`.
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
        conversation = {"messages": messages, "system": system}
        provider, request = self._prepared(model, prompt, base_url, **conversation, **fields)
        request = msgspec.structs.replace(request, stream=True)
        return self._started(provider, request, timeouts, fields.get("response_format"))

    async def complete(
        self,
        model: str | ChatCompletionRequest | None = None,
        prompt: str | None = None,
        *,
        messages: Sequence[Message | Mapping[str, Any]] | None = None,
        system: str | None = None,
        timeouts: Timeouts | None = None,
        base_url: str | None = None,
        **fields: Any,
    ) -> ChatCompletion:
        """Ask for a whole answer, by the wire's plain call. Takes what `stream` takes.

        Raises:
            AisopodError: any of the tree in `aisopod.errors`.
        """
        conversation = {"messages": messages, "system": system}
        provider, request = self._prepared(model, prompt, base_url, **conversation, **fields)
        request = msgspec.structs.replace(request, stream=False)
        wanted = fields.get("response_format")
        async with self._started(provider, request, timeouts, wanted) as stream:
            return await stream.collect()

    async def count_tokens(
        self,
        model: str | ChatCompletionRequest | None = None,
        prompt: str | None = None,
        *,
        messages: Sequence[Message | Mapping[str, Any]] | None = None,
        system: str | None = None,
        base_url: str | None = None,
        **fields: Any,
    ) -> int:
        """How many tokens the prompt has, by the provider's own count. Takes what `stream` takes.

        Raises:
            UnsupportedFeatureError: the provider does not count.
            AisopodError: any other of the tree in `aisopod.errors`.
        """
        conversation = {"messages": messages, "system": system}
        provider, request = self._prepared(model, prompt, base_url, **conversation, **fields)
        return await self._own(provider, "counts no tokens").count_tokens(request)

    async def list_models(self, provider: str | None = None) -> list[ModelInfo]:
        """The models of one provider, or of every one that the configuration has a way into.

        Raises:
            AisopodError: what the provider's listing raises; with several providers, only when
                none of them answers. One that fails beside others is logged as a warning.
        """
        if provider is not None:
            return await self.provider(provider).list_models()
        models: list[ModelInfo] = []
        failures: list[AisopodError] = []
        for name in self.usable_providers():
            try:
                models.extend(await self.provider(name).list_models())
            except AisopodError as error:
                log.warning("%s gave no listing: %s", name, error)
                failures.append(error)
        if failures and not models:
            raise failures[0]
        return models

    async def show_model(self, model: str) -> ModelInfo:
        """What the provider tells of `provider/model`.

        Raises:
            ModelNotFoundError: the provider does not know it.
            AisopodError: any other of the tree in `aisopod.errors`.
        """
        name, wanted = self._split(model)
        return await self._own(self.provider(name), "describes no models").show_model(wanted)

    def usable_providers(self) -> list[str]:
        """The providers that the configuration names or holds a credential for."""
        return _usable(self.config)

    async def health_check(self, provider: str) -> ProviderHealth:
        """Whether requests to the provider can be expected to work; costs no tokens."""
        return await self.provider(provider).health_check()

    def pull(self, model: str) -> AsyncIterator[PullProgress]:
        """Download `provider/model` to the provider's machine.

        Raises:
            UnsupportedFeatureError: the provider downloads nothing.
        """
        name, wanted = self._split(model)
        return self._own(self.provider(name), "downloads no models").pull(wanted)

    def provider(self, name: str, *, base_url: str | None = None) -> ModelProvider:
        """The provider of this name, as it is configured.

        Raises:
            UnknownProviderError: there is none; names the nearest.
            MissingCredentialError: it needs a key; names the variable to set.
        """
        key = (name, base_url)
        if key not in self._providers:
            self._providers[key] = _build_provider(
                name,
                self.config,
                self._shared_transport,
                base_url=base_url,
                timeouts=self._timeouts,
            )
        return self._providers[key]

    async def close(self) -> None:
        """Close every connection."""
        transport, self._transport = self._transport, None
        self._providers.clear()
        if transport is not None and self._owns_transport:
            await transport.close()

    def _shared_transport(self) -> Transport:
        if self._transport is None:
            self._transport = _build_transport(self.config)
        return self._transport

    def _prepared(
        self,
        model: str | ChatCompletionRequest | None,
        prompt: str | None,
        base_url: str | None,
        **fields: Any,
    ) -> tuple[ModelProvider, ChatCompletionRequest]:
        if isinstance(model, ChatCompletionRequest):
            name, wanted = self._split(model.model)
            request = msgspec.structs.replace(model, model=wanted)
        else:
            name, wanted = self._split(model or self.config.default_model)
            request = build_request(wanted, prompt, **fields)
        return self.provider(name, base_url=base_url), request

    def _split(self, model: str | None) -> tuple[str, str]:
        if not model:
            raise UnknownModelError(
                "no model is named: give provider/model, or set AISOPOD_MODEL or default_model"
            )
        provider, slash, name = model.partition("/")
        if not slash or not name:
            raise UnknownModelError(
                f"{model!r} names no provider: write provider/model, such as openai/{model}"
            )
        return provider, name

    def _started(
        self,
        provider: ModelProvider,
        request: ChatCompletionRequest,
        timeouts: Timeouts | None,
        response_format: object,
    ) -> Stream:
        chunks = (
            provider.chat_completion(request, timeouts=timeouts)
            if isinstance(provider, Provider)
            else provider.chat_completion(request)
        )
        described = isinstance(response_format, str | Mapping | JsonSchema)
        return Stream(chunks, None if described else response_format)

    def _own(self, provider: ModelProvider, lacks: str) -> Provider:
        if isinstance(provider, Provider):
            return provider
        raise UnsupportedFeatureError(
            f"it {lacks}", field="provider", value=provider.id, remedy="Use another provider"
        )


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
    given = api_key or token
    kind = cast("Any", "api_key" if api_key else "token")
    return _build_provider(
        name,
        config,
        lambda: _build_transport(config),
        credential=Credential(secret=Secret(given), kind=kind) if given else None,
        base_url=base_url,
        headers=headers,
        options=options,
        timeouts=timeouts,
    )


def _build_provider(
    name: str,
    config: Config,
    transport: Callable[[], Transport],
    *,
    credential: Credential | None = None,
    base_url: str | None = None,
    headers: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    timeouts: Timeouts | None = None,
) -> ModelProvider:
    """A provider of what was given and, for the rest, of what is configured."""
    host = _find_host(name, config)
    if not isinstance(host, Host):
        return host()
    settings = configuration.settings_for(host, config)
    address = (
        configuration.usable_url(base_url, "base_url")
        if base_url
        else configuration.base_url_for(host, config)
    )
    settled = {**host.option_defaults, **configuration.options_for(host, config), **(options or {})}
    found = credential or configuration.credential_for(host, config)
    source: CredentialSource | None = None
    if host.platform is not None:
        settled = dict(host.platform.settle(settled | ({"base_url": address} if address else {})))
        address = settled["base_url"]
        if found is None:
            source = host.platform.open(settled, configuration.logins_folder())
    return Provider(
        host,
        transport(),
        credential=found or source,
        base_url=address,
        headers={**settings.headers, **(headers or {})},
        options=settled,
        timeouts=timeouts or configuration.timeouts_for(host, config),
        on_unsupported=config.on_unsupported,
        rules=[*settings.rules, *config.rules],
    )


def _find_host(name: str, config: Config) -> Host | Callable[..., ModelProvider]:
    """The host of this name; a configured name with a dialect or base URL may be a new one."""
    settings = config.providers.get(name)
    if settings is None or settings.base_url is None:
        return registry.find(name)
    if settings.dialect is not None:
        return registry.custom(name, settings.dialect, settings.base_url)
    try:
        return registry.find(name)
    except UnknownProviderError:
        return registry.custom(name, "openai", settings.base_url)


def _usable(config: Config) -> list[str]:
    """The providers that the configuration names or holds a credential for."""
    found = []
    for name in sorted({*registry.names(), *config.providers}):
        try:
            host = _find_host(name, config)
        except UnknownProviderError as error:
            log.warning("%s", error)
            continue
        if name in config.providers or (
            isinstance(host, Host)
            and not host.sibling
            and configuration.has_credential(host, config)
        ):
            found.append(name)
    return found


def _build_transport(config: Config) -> Transport:
    # The HTTP library costs more to import than all of aisopod: only who sends pays for it.
    from aisopod.transport.aiohttp_transport import AiohttpTransport

    network = config.network
    return AiohttpTransport(
        ca_bundle=network.ca_bundle,
        client_certificate=network.client_certificate,
        client_key=network.client_key,
        proxy_for=lambda url: configuration.proxy_for(url, network),
    )
