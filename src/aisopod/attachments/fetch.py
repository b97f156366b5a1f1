"""Files by their address. It needs aiohttp, so it is imported when something is fetched."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import aiohttp
from yarl import URL

from aisopod.attachments.addresses import is_public, why_not
from aisopod.attachments.settings import FetchConfig
from aisopod.transport.aiohttp_transport import tls_context, translated

__all__ = ["Fetched", "Fetcher", "NotFetchedError"]

_AT_ONCE = 8
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BYTES = "Give its bytes"


class Fetched(NamedTuple):
    """A file that was fetched.

    Attributes:
        data: its bytes.
        told: the media type that its server told.
    """

    data: bytes
    told: str | None


class NotFetchedError(Exception):
    """A file could not be fetched.

    Attributes:
        url: the address that was asked for in the first place.
        reason: why not.
        remedy: what to do instead.
    """

    def __init__(self, url: str, reason: str, remedy: str = _BYTES) -> None:
        super().__init__(reason)
        self.url = url
        self.reason = reason
        self.remedy = remedy


class _NotPublicError(OSError):
    """A name stood for an address that may not be asked."""


class Fetcher:
    """Fetches files without credentials, cookies or memory: every call is its own.

    Through a proxy, the proxy resolves names and is the one who decides what they may stand for;
    addresses that stand in the URL itself are checked all the same.

    Args:
        config: the limits.
        ca_bundle: PEM file of the authorities to trust in place of the system's.
        proxy_for: URL of a file to URL of the proxy for it, or None.
    """

    def __init__(
        self,
        config: FetchConfig,
        *,
        ca_bundle: str | None = None,
        proxy_for: Callable[[str], str | None] | None = None,
    ) -> None:
        self._config = config
        # Without the client's certificate: a stranger is not shown who asks.
        self._tls = tls_context(ca_bundle, None, None)
        self._proxy_for = proxy_for

    async def fetch(self, urls: Iterable[str]) -> dict[str, Fetched]:
        """The files at these addresses, by address.

        Raises:
            NotFetchedError: one of them could not be fetched; the others are given up.
        """
        check = None if self._config.allow_private else _checked_socket
        async with self._session(check) as direct, self._session(None) as proxied:
            try:
                async with asyncio.TaskGroup() as group:
                    tasks = {
                        url: group.create_task(self._fetched(direct, proxied, url))
                        for url in dict.fromkeys(urls)
                    }
            except ExceptionGroup as failures:
                raise failures.exceptions[0] from None
        return {url: task.result() for url, task in tasks.items()}

    def _session(
        self, socket_factory: Callable[[Any], socket.socket] | None
    ) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=_AT_ONCE, ssl=self._tls, force_close=True, socket_factory=socket_factory
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"user-agent": "aisopod", "accept": "*/*", "accept-encoding": "identity"},
            auto_decompress=False,
        )

    async def _fetched(
        self, direct: aiohttp.ClientSession, proxied: aiohttp.ClientSession, url: str
    ) -> Fetched:
        limit = self._config.timeout
        try:
            async with asyncio.timeout(limit):
                return await self._followed(direct, proxied, url)
        except TimeoutError:
            raise NotFetchedError(
                url, f"it was not here within {limit:g} s", f"{_BYTES}, or raise fetch.timeout"
            ) from None
        except aiohttp.InvalidURL:
            raise NotFetchedError(url, "it is no valid URL") from None
        # These two show the whole address in their text, its query included.
        except aiohttp.ClientHttpProxyError as error:
            raise NotFetchedError(url, f"the proxy refused it with {error.status}") from None
        except aiohttp.ClientResponseError:
            raise NotFetchedError(url, "its server does not speak HTTP as it should") from None
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(getattr(error, "os_error", None), _NotPublicError):
                raise _refused(url, "its address is not public", redirected=False) from None
            raise NotFetchedError(url, translated(error, url).message) from None
        except ValueError:
            raise NotFetchedError(url, "it is no valid URL") from None

    async def _followed(
        self, direct: aiohttp.ClientSession, proxied: aiohttp.ClientSession, url: str
    ) -> Fetched:
        """The file at the end of the redirects, each of which is checked as the first address."""
        hop = url
        for _ in range(self._config.max_redirects + 1):
            reason = why_not(hop, allow_private=self._config.allow_private)
            if reason is not None:
                raise _refused(url, reason, redirected=hop is not url)
            proxy = self._proxy_for(hop) if self._proxy_for else None
            session = proxied if proxy else direct
            async with session.get(_exact(hop), allow_redirects=False, proxy=proxy) as response:
                target = response.headers.get("location")
                if response.status not in _REDIRECTS or not target:
                    return await self._read(response, url)
                hop = str(response.url.join(URL(target, encoded=_is_plain(target))))
        raise NotFetchedError(url, f"it redirects more than {self._config.max_redirects} times")

    async def _read(self, response: aiohttp.ClientResponse, url: str) -> Fetched:
        if response.status != 200:
            raise NotFetchedError(url, f"its server answered {response.status}")
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise NotFetchedError(url, "its server compressed it, unasked")
        limit = self._config.max_bytes
        data = bytearray()
        if (response.content_length or 0) <= limit:
            while len(data) <= limit and (piece := await response.content.readany()):
                data += piece
        if max(len(data), response.content_length or 0) > limit:
            remedy = "Give a smaller one, or raise fetch.max_bytes"
            raise NotFetchedError(url, f"it has more than {limit:,} bytes", remedy)
        return Fetched(bytes(data), response.headers.get("content-type"))


def _checked_socket(info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
    """The socket for an address that a name stood for, at the moment of connecting to it.

    Here and not at the look-up, so that no second look-up can give another address.

    Raises:
        _NotPublicError: it is not public.
    """
    family, kind, protocol, _, address = info
    if not is_public(address[0]):
        raise _NotPublicError("its address is not public")
    return socket.socket(family, kind, protocol)


def _refused(url: str, reason: str, *, redirected: bool) -> NotFetchedError:
    remedy = f"{_BYTES}, or set fetch.allow_private = true" if "public" in reason else _BYTES
    return NotFetchedError(
        url, f"it redirects elsewhere, and {reason}" if redirected else reason, remedy
    )


def _exact(url: str) -> URL:
    # Quoting anew could break a signature that the URL holds.
    return URL(url, encoded=_is_plain(url))


def _is_plain(url: str) -> bool:
    return url.isascii() and " " not in url
