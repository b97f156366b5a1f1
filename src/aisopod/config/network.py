"""Which proxy a request goes through."""

import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from aisopod.config.schema import NetworkConfig
from aisopod.errors import ConfigurationError

__all__ = ["proxy_for", "without_userinfo"]


def proxy_for(
    url: str, network: NetworkConfig, environ: Mapping[str, str] | None = None
) -> str | None:
    """The proxy for a URL: the configured one, or what the proxy variables say.

    Both spellings of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY count, the lower-case one
    first, as in curl. The variables do not hold for this machine itself, as in Go's net/http:
    who sets them for the world outside still wants to reach the Ollama beside them.

    Raises:
        ConfigurationError: the proxy is none that can be used.
    """
    environ = os.environ if environ is None else environ
    parts = urlsplit(url)
    proxies = _of_environment(environ) if network.trust_env else {}
    if _bypassed(parts.netloc.rpartition("@")[2], network, proxies):
        return None
    if network.proxy:
        return _checked(network.proxy, "network.proxy")
    if _is_this_machine(parts.hostname or ""):
        return None
    for name in (parts.scheme, "all"):
        if name in proxies:
            return _checked(proxies[name], f"{name.upper()}_PROXY")
    return None


def _of_environment(environ: Mapping[str, str]) -> dict[str, str]:
    found = {
        name: value
        for name in ("http", "https", "all", "no")
        if (value := environ.get(f"{name}_proxy") or environ.get(f"{name.upper()}_PROXY"))
    }
    # https://httpoxy.org: in a CGI script HTTP_PROXY is the client's `Proxy` header.
    if "REQUEST_METHOD" in environ and not environ.get("http_proxy"):
        found.pop("http", None)
    return found


def _bypassed(host: str, network: NetworkConfig, proxies: dict[str, str]) -> bool:
    # Documented in urllib's source as public, but missing from typeshed.
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    listed = ",".join(part for part in (*network.no_proxy, proxies.get("no", "")) if part)
    # The library's own rule: suffixes, ports, and `*` only as the whole list.
    listed = "*" if "*" in listed.replace(" ", "").split(",") else listed
    return bool(listed) and bool(proxy_bypass_environment(host, {"no": listed}))


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _checked(proxy: str, place: str) -> str:
    # curl too takes a proxy without a scheme as one of HTTP.
    url = proxy.strip() if "://" in proxy else f"http://{proxy.strip()}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        _ = parts.port  # raises when it is no number
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            f"{place}: {without_userinfo(proxy)!r} is no http or https URL; write it as in "
            "http://proxy:3128 (SOCKS is not supported)"
        )
    return url


def without_userinfo(url: str) -> str:
    """The URL without a user's name and password, to be shown.

    A password may hold what ought to be percent-encoded, a slash too: it ends at the last `@`.
    """
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    _, at, host = rest.rpartition("@")
    return f"{scheme}{separator}***@{host}" if at else url
