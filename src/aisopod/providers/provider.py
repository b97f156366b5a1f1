"""The engine: joins a host, its codec and a transport. One for all providers."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from urllib.parse import quote, urlsplit

import msgspec

from aisopod.attachments.fitting import Attachments, Fitted, Kept
from aisopod.codecs.codec import Encoded
from aisopod.codecs.rules import Rule
from aisopod.errors import (
    AisopodError,
    AuthenticationError,
    MissingCredentialError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProtocolError,
    ProviderError,
    TotalTimeoutError,
    UnsupportedFeatureError,
)
from aisopod.normalise.estimate import count_bytes, estimate_tokens
from aisopod.normalise.target import NormaliseConfig, Target
from aisopod.normalise.validate import validate
from aisopod.providers.caller import Caller
from aisopod.providers.exchange import PLAIN_TOTAL_SECONDS, Exchange
from aisopod.providers.host import Credential, CredentialSource, Host, Listing
from aisopod.transport import Transport
from aisopod.types import (
    ChatCompletionChunk,
    ChatCompletionRequest,
    HttpRequest,
    ModelInfo,
    OnUnsupported,
    Preview,
    ProviderHealth,
    PullProgress,
    Timeouts,
    TokenCount,
)

__all__ = ["Provider"]

log = logging.getLogger("aisopod.providers")

DETAILS_AT_ONCE = 8
"""Models of one server that are described at the same time."""
MOST_PAGES = 500
"""No provider's listing has as many."""


class Provider(Caller):
    """One provider, ready to be called.

    Args:
        host: who is called.
        transport: what carries the bytes.
        credential: what requests are signed with, or who finds it; None where the host needs none.
        base_url: where the host answers, in place of its own address.
        headers: headers for every request.
        options: the host's own options, such as an organisation or an API version.
        timeouts: limits for every request.
        on_unsupported: what to do with a parameter that a model does not take.
        normalise: how conversations are changed for a wire that does not take them as they are.
        rules: what answers of this provider mean, before the dialect's own rules.
        attachments: what is done with files that the wire does not take as they are.
        likes: names of models that tell nothing, and which models they are.

    Raises:
        ConfigurationError: a rule holds what is no regular expression.
    """

    def __init__(  # noqa: PLR0913 - settings, all by name
        self,
        host: Host,
        transport: Transport,
        *,
        credential: Credential | CredentialSource | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        on_unsupported: OnUnsupported = "error",
        normalise: NormaliseConfig | None = None,
        rules: Sequence[Rule] = (),
        attachments: Attachments | None = None,
        likes: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            host,
            transport,
            credential=credential,
            base_url=base_url,
            headers=headers or {},
            options=options or {},
            timeouts=timeouts or Timeouts(),
            rules=rules,
        )
        self._on_unsupported: OnUnsupported = on_unsupported
        self._normalise = normalise or NormaliseConfig()
        self._attachments = attachments or Attachments()
        self._likes = likes or {}

    def __repr__(self) -> str:
        return f"Provider({self.id!r}, base_url={self.base_url!r})"

    def chat_completion(
        self, request: ChatCompletionRequest, *, timeouts: Timeouts | None = None
    ) -> AsyncIterator[ChatCompletionChunk]:
        """Send a request; give the answer's chunks, of a streamed or a plain answer alike.

        The first chunk and the last carry `info`. Leaving the iterator closes the connection.

        Raises:
            InvalidRequestError: at once, before anything is sent; of a file that had to be fetched
                or changed for the wire, from the iterator.
            ProviderError: the provider refused or failed.
            TransportError: no whole answer arrived.
            ProtocolError: the answer cannot be read.
        """
        request = validate(request)
        return self.exchange(request, timeouts=timeouts)

    def exchange(
        self,
        request: ChatCompletionRequest,
        *,
        timeouts: Timeouts | None = None,
        kept: Kept | None = None,
    ) -> AsyncIterator[ChatCompletionChunk]:
        """`chat_completion` for a request that has been validated, as a client's has.

        Args:
            request: what is asked.
            timeouts: limits for it, in place of the provider's.
            kept: what was fetched for it when others were asked; takes in what is fetched now.
        """
        target = self._target(request.model)
        limits = timeouts or self.timeouts
        misfits = self._attachments.misfits(request, target, self.host.codec.limits)
        if not misfits:
            return self._exchanged(Fitted(request, []), target, limits)
        kept = {} if kept is None else kept
        fit = partial(self._attachments.fit, request, misfits, target, kept)
        return self._fitted_first(fit, target, limits)

    async def _fitted_first(
        self, fit: Callable[[], Awaitable[Fitted]], target: Target, limits: Timeouts
    ) -> AsyncGenerator[ChatCompletionChunk, None]:
        """The chunks of a request whose files must be fetched or changed before it is sent."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(limits.total):
                fitted = await fit()
        except TimeoutError:
            why = f"the request's files were not here within {limits.total:g} s (total)"
            late = TotalTimeoutError(why, provider=self.id, model=target.model)
            late.scope = "request"  # nobody was asked: it says nothing of the model
            raise late from None
        if limits.total is not None:
            left = limits.total - (clock() - began)
            limits = msgspec.structs.replace(limits, total=max(left, 0.001))
        chunks = self._exchanged(fitted, target, limits)
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    def _exchanged(
        self, fitted: Fitted, target: Target, limits: Timeouts
    ) -> AsyncGenerator[ChatCompletionChunk, None]:
        request = fitted.request
        encoded = self._encoded(fitted, target)
        http = self._chat_request(request, encoded)
        exchange = Exchange(
            self.host,
            target,
            limits,
            encoded,
            send=lambda: self._open(http, limits, request.model),
            named=lambda error: self._named(error, request.model),
        )
        return exchange.streamed() if request.stream else exchange.plain()

    def preview(self, request: ChatCompletionRequest) -> Preview:
        """What `chat_completion` would send, without sending it; needs no credential.

        Raises:
            InvalidRequestError: the request cannot be sent.
        """
        request = validate(request)
        target = self._target(request.model)
        misfits = self._attachments.misfits(request, target, self.host.codec.limits)
        fitted = self._attachments.preview(request, misfits, target)
        encoded = self._encoded(fitted, target)
        http = self._chat_request(fitted.request, encoded)
        address = urlsplit(http.url)
        return Preview(
            method=http.method,
            path=address.path + (f"?{address.query}" if address.query else ""),
            body=msgspec.json.decode(encoded.body),
            headers={
                name: "***" if value in self._secrets else value
                for name, value in http.headers.items()
            },
            warnings=encoded.warnings,
        )

    async def list_models(self) -> list[ModelInfo]:
        """Every model that the provider offers, all pages.

        Raises:
            UnsupportedFeatureError: the provider has no listing.
            ProviderError: the provider refused or failed.
            TransportError: no whole answer arrived; the `total` limit holds for all pages.
            ProtocolError: it cannot be read, or has no end.
        """
        listing = self.host.listing
        if listing is None:
            raise UnsupportedFeatureError(
                f"{self.host.name} has no listing of models",
                field="provider",
                value=self.id,
                remedy="Name the model that you want",
            )
        limit = self.timeouts.total or PLAIN_TOTAL_SECONDS
        together = asyncio.Semaphore(DETAILS_AT_ONCE)
        try:
            async with asyncio.timeout(limit):
                models = await self._listed(listing)
                detailed = [self._detailed(model, listing, together) for model in models]
                return list(await asyncio.gather(*detailed))
        except TimeoutError:
            late = TotalTimeoutError(f"no whole listing within {limit:g} s (total)")
            raise self._named(late, None) from None

    async def _detailed(
        self, model: ModelInfo, listing: Listing, together: asyncio.Semaphore
    ) -> ModelInfo:
        """With what only the call for one model tells, where the listing left that open."""
        known = model.capabilities is not None and model.context_window is not None
        if known or not listing.detail_path:
            return model
        async with together:
            try:
                detail = await self.show_model(model.id)
            except AisopodError as error:
                # It may have been removed since it was listed.
                log.info("%s/%s: %s", self.id, model.id, error)
                return model
        return msgspec.structs.replace(
            model,
            capabilities=model.capabilities or detail.capabilities,
            lacks=model.lacks or detail.lacks,
            context_window=model.context_window or detail.context_window,
        )

    async def _listed(self, listing: Listing) -> list[ModelInfo]:
        models: list[ModelInfo] = []
        path, joint = listing.path, "&" if "?" in listing.path else "?"
        cursors: set[str] = set()
        while True:
            body = await self._call(self._request("GET", path))
            page = listing.parse(body, self.id)
            models.extend(page.models)
            if not page.cursor:
                break
            if page.cursor in cursors or len(cursors) == MOST_PAGES:
                raise ProtocolError(
                    f"the listing has no end: page {len(cursors) + 1} points to {page.cursor!r}",
                    dialect=self.host.dialect,
                    frame=body,
                )
            cursors.add(page.cursor)
            path = f"{listing.path}{joint}{listing.cursor_query}={quote(page.cursor, safe='')}"
        if listing.also is None or listing.join is None:
            return models
        return listing.join(models, await self._listed(listing.also))

    async def show_model(self, model: str) -> ModelInfo:
        """What the provider tells of one model: by its own call for that, or from the listing.

        Raises:
            ModelNotFoundError: the provider does not know it.
            UnsupportedFeatureError: the provider has no listing.
            ProviderError: the provider refused or failed.
            TransportError: no whole answer arrived.
        """
        listing = self.host.listing
        if listing is not None and listing.encode_detail and listing.parse_detail:
            http = self._request("POST", listing.detail_path, body=listing.encode_detail(model))
            return listing.parse_detail(await self._call(http, model), model, self.id)
        for known in await self.list_models():
            if known.id == model:
                return known
        raise ModelNotFoundError("it is not in the listing", provider=self.id, model=model)

    async def count_tokens(self, request: ChatCompletionRequest) -> TokenCount:
        """How many tokens the request's prompt has: by the provider's count, else an estimate.

        Raises:
            InvalidRequestError: the request cannot be sent.
            ProviderError: the provider refused or failed.
            TransportError: no whole answer arrived.
        """
        request = validate(request)
        counting = self.host.token_counting
        if counting is None:
            return await self._estimated(request)
        target = self._target(request.model)
        misfits = self._attachments.misfits(request, target, self.host.codec.limits)
        if misfits:
            request = (await self._attachments.fit(request, misfits, target, {})).request
        encoded = self.host.codec.encode(request, target)
        body = counting.encode(encoded.body, request.model)
        path = self._path(counting.path, counting.model(request.model))
        http = self._request("POST", path, body=body, headers=encoded.headers)
        tokens = counting.parse(await self._call(http, request.model))
        return TokenCount(tokens=tokens, quality="exact", method="provider")

    async def _estimated(self, request: ChatCompletionRequest) -> TokenCount:
        load = self.host.text_counter
        count = await asyncio.to_thread(load, request.model) if load is not None else None
        return TokenCount(
            tokens=estimate_tokens(request, count or count_bytes),
            quality="estimated",
            method="length" if count is None else "tiktoken",
        )

    async def health_check(self) -> ProviderHealth:
        """Whether requests can be expected to work; costs no tokens and does not raise."""
        path = self.host.health_path or (self.host.listing.path if self.host.listing else "/")
        started = time.perf_counter()
        try:
            await self._call(self._request("GET", path))
        except (AuthenticationError, PermissionDeniedError) as error:
            if error.status is None:  # said by who finds the credential: the host was not asked
                return self._unasked(str(error), authorised=False)
            return self._health(started, authorised=False, problem=str(error))
        except MissingCredentialError as error:
            return self._unasked(str(error), authorised=False)
        except ProviderError as error:
            return self._health(started, problem=str(error))
        except AisopodError as error:
            return self._unasked(str(error))
        return self._health(started, authorised=True)

    async def pull(self, model: str) -> AsyncIterator[PullProgress]:
        """Download a model to the provider's machine, where it has such a thing.

        Raises:
            UnsupportedFeatureError: the provider downloads nothing.
            ProviderError: the provider refused or failed.
            TransportError: the connection broke.
        """
        pulling = self.host.pulling
        if pulling is None:
            raise UnsupportedFeatureError(
                f"{self.host.name} downloads no models",
                field="provider",
                value=self.id,
                remedy="Use a provider that runs models on your machine, such as ollama",
            )
        http = self._request("POST", pulling.path, body=pulling.encode(model))
        response = await self._open(http, self.timeouts, model)
        try:
            framing = self.host.codec.framing()
            while data := await response.read_some():
                for frame in framing.feed(data):
                    yield pulling.decode(frame)
            for frame in framing.close():
                yield pulling.decode(frame)
            await response.finish()
        except AisopodError as error:
            raise self._named(error, model) from error.__cause__
        finally:
            response.close()

    async def close(self) -> None:
        """Close every connection of this provider's transport."""
        await self._transport.close()

    def _encoded(self, fitted: Fitted, target: Target) -> Encoded:
        encoded = self.host.codec.encode(fitted.request, target)
        if not fitted.warnings:
            return encoded
        return msgspec.structs.replace(encoded, warnings=[*fitted.warnings, *encoded.warnings])

    def _target(self, model: str) -> Target:
        return Target(
            provider=self.id,
            model=model,
            like=self._likes.get(model),
            on_unsupported=self._on_unsupported,
            normalise=self._normalise,
            quirks=self.host.quirks,
        )

    def _chat_request(self, request: ChatCompletionRequest, encoded: Encoded) -> HttpRequest:
        path = self.host.chat_path
        if request.stream and self.host.stream_path:
            path = self.host.stream_path
        path = self._path(path, request.model)
        # Compressed streams arrive in the compressor's steps, not the model's.
        headers = {"accept-encoding": "identity"} if request.stream else {}
        return self._request(
            "POST", path, body=encoded.body, headers={**encoded.headers, **headers}
        )

    def _unasked(self, problem: str, *, authorised: bool | None = None) -> ProviderHealth:
        return ProviderHealth(
            provider=self.id, reachable=False, authorised=authorised, problem=problem
        )

    def _health(
        self, started: float, *, authorised: bool | None = None, problem: str | None = None
    ) -> ProviderHealth:
        return ProviderHealth(
            provider=self.id,
            reachable=True,
            authorised=authorised,
            latency_seconds=time.perf_counter() - started,
            problem=problem,
        )
