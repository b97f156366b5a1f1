"""Which addresses may be asked for a file."""

import ipaddress
from urllib.parse import urlsplit

__all__ = ["is_public", "why_not"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Azure's metadata has a public address that leads nowhere but into the machine's own host:
# https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16.
_METADATA = ipaddress.ip_address("168.63.129.16")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet.

    IPv6 addresses that stand for IPv4 ones (mapped, 6to4, NAT64) are judged as what they stand for.
    """
    found = _meant(ipaddress.ip_address(address))
    return (
        found.is_global
        and not found.is_multicast
        and not found.is_reserved
        and not found.is_unspecified
        and not (isinstance(found, ipaddress.IPv6Address) and found.is_site_local)
        and found != _METADATA
    )


def _meant(address: _Address) -> _Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def why_not(url: str, *, allow_private: bool) -> str | None:
    """Why a URL may not be asked, as far as the URL itself tells; None where it may.

    What a name stands for is seen when it is connected to.
    """
    if not url.isprintable():
        return "it holds unprintable characters"
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        _ = parts.port  # raises when it is no number
    except ValueError:
        return "it is no valid URL"
    if parts.scheme not in {"http", "https"}:
        return (
            f"only http and https are fetched, not {parts.scheme or 'an address without a scheme'}"
        )
    if not host:
        return "it names no host"
    if "@" in parts.netloc:
        return "it holds a user's name or password"
    return None if allow_private or not _is_private_host(host) else "its address is not public"


def _is_private_host(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
