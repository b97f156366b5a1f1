"""The host, its address and its credential."""

from urllib.parse import urlsplit

from aisopod.errors import ConfigurationError
from aisopod.providers.host import Host, Listing, Pulling
from aisopod.providers.ollama.management import decode_pull, encode_name, parse_show, parse_tags

__all__ = ["host", "parse_address"]

_PORT = 11434


def parse_address(address: str) -> str:
    """A URL of what OLLAMA_HOST may hold, by the rules of Ollama's own client.

    `host`, `host:port`, `:port`, `[::1]:port`, with or without scheme and path. Without a scheme
    it is http on port 11434; an address to listen on (0.0.0.0, ::) means this machine.

    Raises:
        ConfigurationError: the port is no number.
    """
    scheme, separator, rest = address.strip().partition("://")
    if not separator:
        scheme, rest = "http", address.strip()
    parts = urlsplit(f"//{rest}")
    try:
        port = parts.port
    except ValueError as error:
        raise ConfigurationError(f"OLLAMA_HOST: {address!r} has no usable port: {error}") from error
    name = parts.hostname or "127.0.0.1"
    if name in {"0.0.0.0", "::"}:  # noqa: S104 - what a server listens on, not what we do
        name = "127.0.0.1"
    name = f"[{name}]" if ":" in name else name
    if port is None and not separator:
        port = _PORT
    return f"{scheme}://{name}" + (f":{port}" if port else "") + parts.path.rstrip("/")


host = Host(
    id="ollama",
    name="Ollama",
    dialect="ollama_chat",
    base_url=f"http://127.0.0.1:{_PORT}",
    chat_path="/api/chat",
    listing=Listing(
        path="/api/tags",
        parse=parse_tags,
        detail_path="/api/show",
        encode_detail=encode_name,
        parse_detail=parse_show,
    ),
    pulling=Pulling(path="/api/pull", encode=encode_name, decode=decode_pull),
    key_variables=("OLLAMA_API_KEY",),
    key_required=False,
    base_url_variables=("OLLAMA_HOST",),
    parse_base_url=parse_address,
    connect_hint="is Ollama running? Start it with `ollama serve`, or set OLLAMA_HOST",
    health_path="/api/version",
)
