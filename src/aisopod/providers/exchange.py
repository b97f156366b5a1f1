"""One chat exchange, from sending to the last chunk. This is the hot path."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

import msgspec

from aisopod.codecs.codec import Decoder, Encoded
from aisopod.codecs.halves import decode_mended, mending
from aisopod.errors import (
    AisopodError,
    FirstTokenTimeoutError,
    ProtocolError,
    StreamInterruptedError,
    TotalTimeoutError,
)
from aisopod.framing import Framing
from aisopod.normalise.answers import AnswerReader
from aisopod.normalise.placed import AnswerForm
from aisopod.normalise.target import Target
from aisopod.providers.host import Host
from aisopod.providers.watch import Watch
from aisopod.transport import Response
from aisopod.types import (
    ChatCompletionChunk,
    MessageDelta,
    ResponseInfo,
    Timeouts,
)

__all__ = ["MAX_BODY_BYTES", "PLAIN_TOTAL_SECONDS", "Exchange"]

MAX_BODY_BYTES = 64 * 1024 * 1024
"""No legitimate plain answer, listing or error is longer."""
PLAIN_TOTAL_SECONDS = 600.0
"""Where nothing shows life before the end, no limit would mean hanging for ever."""

_EMPTY = MessageDelta()


class Exchange:
    """Sends one request and gives its answer as chunks.

    Args:
        host: who answers.
        target: whom the request is for.
        limits: how long it may take.
        encoded: the request; the first chunk tells what could not be carried in it.
        send: sends the request and waits for the response's headers.
        named: completes an error with the target, and takes the credential out of it.
    """

    def __init__(
        self,
        host: Host,
        target: Target,
        limits: Timeouts,
        encoded: Encoded,
        *,
        send: Callable[[], Awaitable[Response]],
        named: Callable[[AisopodError], AisopodError],
    ) -> None:
        self._host = host
        self._codec = host.codec
        self._target = target
        self._limits = limits
        self._warnings = encoded.warnings
        self._tool_names = encoded.tool_names
        self._answer = encoded.answer
        self._send = send
        self._named = named
        self._sent = 0.0
        self._first: float | None = None

    # One generator, long as it is: every layer of generators costs every chunk 0.15 us.
    async def streamed(self) -> AsyncGenerator[ChatCompletionChunk, None]:  # noqa: C901, PLR0912, PLR0915
        """The chunks of a streamed answer."""
        clock = asyncio.get_running_loop().time
        response: Response | None = None
        watch: Watch | None = None
        try:
            response = await self._headers()
            info = self._info(response)
            yield self._opening(info)
            framing = self._codec.framing()
            decoder: Decoder = self._decoder()
            if _is_plain(response, self._codec.dialect):
                ending = await self._whole(response)
            else:
                watch = Watch(response, self._limits, self._sent)
                watch.waiting_since = clock()
                feed, decode, read = framing.feed, decoder.feed, response.read_some
                while not decoder.done and (data := await read()):
                    for frame in feed(data):
                        try:
                            chunk = decode(frame)
                        except ProtocolError as error:
                            decoder = mending(decoder, frame, error)
                            decode = decoder.feed
                            chunk = decode(frame)
                        if chunk is None:
                            continue
                        if self._first is None and chunk.delta.has_content:
                            watch.started = True
                            self._first = clock()
                        # While the consumer has the word, no clock runs.
                        watch.waiting_since = None
                        yield chunk
                    if watch.waiting_since is None:
                        watch.waiting_since = clock()
                ending = _ending(framing, decoder)
            for chunk in ending:
                yield chunk
            yield self._closing(info, clock())
            await response.finish()
        except AisopodError as error:
            raise self._named(error) from error.__cause__
        finally:
            if watch is not None:
                watch.stop()
            if response is not None:
                response.close()

    async def plain(self) -> AsyncGenerator[ChatCompletionChunk, None]:
        """The chunks that a plain answer makes."""
        loop = asyncio.get_running_loop()
        limit = self._limits.total or PLAIN_TOTAL_SECONDS
        try:
            async with asyncio.timeout(limit):
                self._sent = loop.time()
                response = await self._send()
                try:
                    chunks = await self._whole(response)
                    await response.finish()
                finally:
                    response.close()
            self._first = loop.time()
            info = self._info(response)
            yield self._opening(info)
            for chunk in chunks:
                yield chunk
            yield self._closing(info, self._first)
        except TimeoutError:
            late = TotalTimeoutError(f"no whole answer within {limit:g} s (total)")
            raise self._named(late) from None
        except AisopodError as error:
            raise self._named(error) from error.__cause__

    async def _headers(self) -> Response:
        """Send, and wait for the headers within the limits for a stream's beginning."""
        # `from None` here and below: the cancelled frames hold the signed headers as locals, and
        # error reporters collect locals.
        self._sent = asyncio.get_running_loop().time()
        limits = self._limits
        times = [limit for limit in (limits.first_token, limits.total) if limit is not None]
        limit = min(times, default=None)
        try:
            async with asyncio.timeout(limit):
                return await self._send()
        except TimeoutError:
            if limit == limits.first_token:
                raise FirstTokenTimeoutError(
                    f"no answer within {limit:g} s (first_token)"
                ) from None
            raise TotalTimeoutError(f"no answer within {limit:g} s (total)") from None

    def _decoder(self) -> Decoder:
        decoder = self._codec.stream_decoder(self._target)
        if self._tool_names:
            decoder = _OwnNames(decoder, self._tool_names)
        return _OwnText(decoder, self._answer) if self._answer is not None else decoder

    async def _whole(self, response: Response) -> list[ChatCompletionChunk]:
        body = await response.read_all(MAX_BODY_BYTES)
        if _is_page(response):
            raise ProtocolError(
                "a web page came in place of an answer: check base_url",
                dialect=self._codec.dialect,
                frame=body[:200],
            )
        try:
            chunks = self._codec.decode(body, self._target)
        except ProtocolError as error:
            chunks = decode_mended(self._codec.decode, body, self._target, error)
        names = self._tool_names
        if names:
            chunks = [_renamed(chunk, names) for chunk in chunks]
        if self._answer is None:
            return chunks
        reader = AnswerReader(self._answer)
        return [*map(reader.read, chunks), *filter(None, [reader.close()])]

    def _opening(self, info: ResponseInfo) -> ChatCompletionChunk:
        return ChatCompletionChunk(
            id="",
            model=self._target.model,
            delta=_EMPTY,
            warnings=self._warnings or None,
            info=info,
        )

    def _closing(self, info: ResponseInfo, now: float) -> ChatCompletionChunk:
        info = msgspec.structs.replace(
            info,
            first_token_seconds=None if self._first is None else self._first - self._sent,
            total_seconds=now - self._sent,
        )
        return ChatCompletionChunk(id="", model="", delta=_EMPTY, info=info)

    def _info(self, response: Response) -> ResponseInfo:
        headers = response.headers
        return ResponseInfo(
            status=response.status,
            provider=self._target.provider,
            model=self._target.model,
            request_id=next(
                (headers[name] for name in self._host.request_id_headers if name in headers), None
            ),
            rate_limits=self._codec.rate_limits(headers, time.time()),
            headers=dict(headers),
        )


class _OwnNames:
    """A decoder that gives tools their own names back."""

    def __init__(self, decoder: Decoder, names: Mapping[str, str]) -> None:
        self._decoder = decoder
        self._names = names

    @property
    def done(self) -> bool:
        return self._decoder.done

    def feed(self, frame: bytes) -> ChatCompletionChunk | None:
        chunk = self._decoder.feed(frame)
        return chunk if chunk is None else _renamed(chunk, self._names)

    def close(self) -> ChatCompletionChunk | None:
        chunk = self._decoder.close()
        return chunk if chunk is None else _renamed(chunk, self._names)


class _OwnText:
    """A decoder that gives an answer as text that stands otherwise on the wire."""

    def __init__(self, decoder: Decoder, form: AnswerForm) -> None:
        self._decoder = decoder
        self._reader = AnswerReader(form)

    @property
    def done(self) -> bool:
        return self._decoder.done

    def feed(self, frame: bytes) -> ChatCompletionChunk | None:
        chunk = self._decoder.feed(frame)
        return chunk if chunk is None else self._reader.read(chunk)

    def close(self) -> ChatCompletionChunk | None:
        chunk = self._decoder.close()
        return self._reader.close() if chunk is None else self._reader.read(chunk)


def _renamed(chunk: ChatCompletionChunk, names: Mapping[str, str]) -> ChatCompletionChunk:
    calls = chunk.delta.tool_calls
    if not calls:
        return chunk
    own = [
        msgspec.structs.replace(call, name=names.get(call.name, call.name)) if call.name else call
        for call in calls
    ]
    delta = msgspec.structs.replace(chunk.delta, tool_calls=own)
    return msgspec.structs.replace(chunk, delta=delta)


def _is_plain(response: Response, dialect: str) -> bool:
    """Whether the whole answer is one document, although a stream was asked for."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/html":
        return True
    # Ollama sends its stream of lines with this type when a proxy or an old version answers.
    return kind == "application/json" and dialect != "ollama_chat"


def _is_page(response: Response) -> bool:
    return response.headers.get("content-type", "").lower().startswith("text/html")


def _ending(framing: Framing, decoder: Decoder) -> list[ChatCompletionChunk]:
    """What is left when the body has ended: an event without its last separator, the ending."""
    chunks: list[ChatCompletionChunk | None] = []
    if not decoder.done:
        for frame in framing.close():
            try:
                try:
                    chunks.append(decoder.feed(frame))
                except ProtocolError as error:
                    decoder = mending(decoder, frame, error)
                    chunks.append(decoder.feed(frame))
            except ProtocolError as error:
                raise StreamInterruptedError(
                    f"the stream ended in the middle of a frame: {error.frame[:80]!r}"
                ) from error
    chunks.append(decoder.close())
    return [chunk for chunk in chunks if chunk is not None]
