"""The transport on aiohttp. It costs 0.2 s to import, so it is imported at the first request."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from yarl import URL

from aisopod.errors import (
    AisopodError,
    ConfigurationError,
    ConnectError,
    ConnectTimeoutError,
    ProtocolError,
    StreamInterruptedError,
)
from aisopod.transport.transport import Response
from aisopod.types import HttpRequest

if TYPE_CHECKING:
    from aiohttp.tracing import Trace

__all__ = ["AiohttpTransport", "tls_context", "translated", "wire_log"]

wire_log = logging.getLogger("aisopod.wire")

# Of a request's headers the log shows these; any other may be somebody's credential.
_SHOWN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "anthropic-beta",
        "anthropic-version",
        "content-type",
        "user-agent",
    }
)
# How long the end of a body may take after the wire's own terminator, in seconds: the last
# bytes of chunked encoding usually come in the same packet, and reuse saves a TLS handshake.
_DRAIN_SECONDS = 0.25


class AiohttpTransport:
    """One connection pool per event loop.

    Args:
        ca_bundle: PEM file of the authorities to trust in place of the system's.
        client_certificate: PEM file of a certificate to show, with its key unless `client_key`.
        client_key: PEM file of that certificate's key.
        proxy_for: URL of a request to URL of the proxy for it, or None.
    """

    def __init__(
        self,
        *,
        ca_bundle: str | None = None,
        client_certificate: str | None = None,
        client_key: str | None = None,
        proxy_for: Callable[[str], str | None] | None = None,
    ) -> None:
        self._tls = tls_context(ca_bundle, client_certificate, client_key)
        self._proxy_for = lru_cache(maxsize=256)(proxy_for) if proxy_for else None
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def send(self, request: HttpRequest, *, connect_timeout: float | None) -> Response:
        """Send a request and wait for the response's headers.

        Raises:
            TransportError: there was no answer.
            ConfigurationError: the URL cannot be used.
        """
        log = _WireLog(request) if wire_log.isEnabledFor(logging.DEBUG) else None
        while True:
            opened: list[str] = []
            _opened.set(opened)
            try:
                response = await self._request(request, connect_timeout)
            except (aiohttp.ClientError, OSError) as error:
                # A kept connection that its peer had given up in the meantime: the request was
                # never read. Each turn uses one of those up; a new connection ends the loop.
                if not opened and isinstance(error, _GONE):
                    continue
                raise translated(error, request.url) from error.with_traceback(None)
            if log:
                log.response(response.status, response.headers)
            return _AiohttpResponse(response, log)

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _request(
        self, request: HttpRequest, connect_timeout: float | None
    ) -> aiohttp.ClientResponse:
        return await self._open_session().request(
            request.method,
            _url(request.url),
            headers=request.headers,
            data=request.body,
            # A redirect would carry the credential to another address.
            allow_redirects=False,
            timeout=_timeout(connect_timeout),
            proxy=self._proxy_for(request.url) if self._proxy_for else None,
        )

    def _open_session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                # No limit: how many streams run at once is the caller's business.
                connector=_Connector(limit=0, ssl=self._tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                skip_auto_headers=("User-Agent", "Accept", "Content-Type"),
            )
        return self._session


# What a request's task opened; empty where it was given a kept connection.
_opened: ContextVar[list[str]] = ContextVar("opened")
_GONE = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError)


class _Connector(aiohttp.TCPConnector):
    """Tells a request whether its connection is a new one."""

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list["Trace"],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the overridden signature
    ) -> ResponseHandler:
        _opened.get().append(req.method)
        return await super()._create_connection(req, traces, timeout)


class _AiohttpResponse:
    """aiohttp's response behind the engine's interface."""

    def __init__(self, response: aiohttp.ClientResponse, log: "_WireLog | None") -> None:
        self._response = response
        self._content = response.content
        self._log = log
        self.status = response.status
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in response.headers.items()
        }

    async def read_some(self) -> bytes:
        """The next bytes of the body as soon as there are any; empty at its end."""
        try:
            data = await self._content.readany()
        except (aiohttp.ClientError, OSError) as error:
            failure = translated(error, str(self._response.url))
            failure.__cause__ = error.with_traceback(None)
            data = self._salvaged(failure)
        if self._log:
            self._log.data(data)
        return data

    def _salvaged(self, failure: AisopodError) -> bytes:
        """What arrived before the connection broke; the failure itself comes with the next read."""
        # aiohttp raises a stored exception even when unread bytes are buffered, and has no
        # public way to get at them; no token may be lost for that.
        self._content._exception = None  # noqa: SLF001
        data = self._content.read_nowait()
        if not data:
            raise failure
        self._content.set_exception(failure)
        return data

    async def read_all(self, limit: int) -> bytes:
        """The rest of the body, at most `limit` bytes of it."""
        pieces: list[bytes] = []
        size = 0
        while size < limit and (data := await self.read_some()):
            pieces.append(data[: limit - size])
            size += len(data)
        return b"".join(pieces)

    def interrupt(self, error: AisopodError) -> None:
        """Let a waiting or the next `read_some` raise `error`."""
        self._content.set_exception(error)

    async def finish(self) -> None:
        """Give the connection back for reuse if the body ends at once, else close it."""
        content = self._content
        if not content.at_eof():
            try:
                async with asyncio.timeout(_DRAIN_SECONDS):
                    while await content.readany():
                        pass
            except (TimeoutError, aiohttp.ClientError, OSError):
                self._response.close()
                return
        self._response.release()

    def close(self) -> None:
        """Close the connection now, unless it was given back."""
        self._response.close()


@lru_cache(maxsize=256)
def _url(url: str) -> URL:
    return URL(url, encoded=True)


@lru_cache(maxsize=16)
def _timeout(connect: float | None) -> aiohttp.ClientTimeout:
    # The other limits are the engine's: they depend on what is content and what is not.
    return aiohttp.ClientTimeout(total=None, connect=connect)


def tls_context(
    ca_bundle: str | None, certificate: str | None, key: str | None
) -> ssl.SSLContext | bool:
    """A verifying context; True is aiohttp's own default, which verifies too."""
    if not ca_bundle and not certificate:
        return True
    try:
        context = ssl.create_default_context(cafile=ca_bundle)
        if certificate:
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"the TLS files cannot be used (CA bundle {ca_bundle}, certificate {certificate}, "
            f"key {key}): {error}"
        ) from error
    return context


# The most specific class first; each line is what a user can act on.
_FOREIGN: tuple[tuple[type[BaseException], type[AisopodError], str], ...] = (
    (aiohttp.ConnectionTimeoutError, ConnectTimeoutError, "no connection in time"),
    (
        aiohttp.ClientConnectorCertificateError,
        ConnectError,
        "the server's certificate is not trusted (set ca_bundle for a private authority)",
    ),
    (aiohttp.ClientConnectorSSLError, ConnectError, "TLS failed"),
    (aiohttp.ClientProxyConnectionError, ConnectError, "the proxy cannot be reached"),
    (aiohttp.ClientHttpProxyError, ConnectError, "the proxy refused"),
    (aiohttp.ClientConnectorDNSError, ConnectError, "the host name is not found"),
    (aiohttp.ClientConnectorError, ConnectError, "cannot connect"),
    (aiohttp.ServerDisconnectedError, StreamInterruptedError, "the connection closed unanswered"),
    (aiohttp.ClientPayloadError, StreamInterruptedError, "the connection closed in mid-answer"),
    (aiohttp.ClientOSError, StreamInterruptedError, "the connection broke"),
    (OSError, StreamInterruptedError, "the connection broke"),
)


def translated(error: Exception, url: str) -> AisopodError:
    """An error of aiohttp or the system as one of ours."""
    where = _origin(url)
    if isinstance(error, aiohttp.InvalidURL):
        return ConfigurationError(f"{where} is no usable URL: check base_url")
    for foreign, ours, what in _FOREIGN:
        if isinstance(error, foreign):
            return ours(f"{what}: {where} ({_reason(error)})")
    return ProtocolError(
        f"{where} does not speak HTTP as it should: {_reason(error)}", dialect="http"
    )


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if len(text) <= 300 else text[:300] + "…"


def _origin(url: str) -> str:
    """Scheme, host and port: a path or query might hold what is not to be shown."""
    try:
        return str(URL(url).origin())
    except ValueError:
        return "the address"


class _WireLog:
    """Shows one exchange to the log, without its secrets, wherever the peer repeats them."""

    def __init__(self, request: HttpRequest) -> None:
        hidden = {
            name: value.removeprefix("Bearer ")
            for name, value in request.headers.items()
            if name not in _SHOWN_HEADERS
        }
        self._secrets = [value for value in hidden.values() if value]
        shown = {
            name: "***" if name in hidden else value for name, value in request.headers.items()
        }
        wire_log.debug("> %s %s %s", request.method, request.url, shown)
        if request.body:
            wire_log.debug("> %s", self._masked(request.body.decode("utf-8", "replace")))

    def response(self, status: int, headers: Mapping[str, str]) -> None:
        shown = {
            name: "***" if name.lower() == "set-cookie" else self._masked(value)
            for name, value in headers.items()
        }
        wire_log.debug("< %s %s", status, shown)

    def data(self, data: bytes) -> None:
        wire_log.debug("< %d bytes %s", len(data), self._masked(repr(data)))

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text
