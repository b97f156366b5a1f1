"""Fetching, from a real server."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from aisopod.attachments import addresses, fetch
from aisopod.attachments.fetch import Fetcher, NotFetchedError
from aisopod.attachments.settings import FetchConfig
from attachments.conftest import Web
from attachments.files import image
from support.raw_server import Exchange, RawServer


def open_fetcher(**fields: Any) -> Fetcher:
    return Fetcher(FetchConfig(allow_private=True, **fields))


async def refused(fetcher: Fetcher, url: str) -> NotFetchedError:
    with pytest.raises(NotFetchedError) as caught:
        await fetcher.fetch([url])
    assert caught.value.url == url
    return caught.value


async def test_several_come_at_once_and_each_once(site: Web) -> None:
    urls = [site.url(path) for path in ("/cat.png", "/pdf", "/notes.txt", "/cat.png")]
    files = await open_fetcher().fetch(urls)
    assert list(files) == urls[:3]
    assert files[urls[0]] == (image("PNG"), "image/png")
    assert files[urls[2]].told == "text/plain; charset=utf-8"
    assert set(site.asked.values()) == {1}
    assert site.most_at_once == 3


async def test_nothing_of_ours_goes_along(site: Web) -> None:
    fetcher = open_fetcher()
    for _ in range(2):
        await fetcher.fetch([site.url("/cat.png")])
    sent = {"host", "connection", "user-agent", "accept", "accept-encoding"}
    assert [set(headers) for headers in site.headers] == [sent, sent]  # no cookie, no authorization


async def test_a_query_goes_as_it_is(site: Web) -> None:
    await open_fetcher().fetch([site.url("/cat.png?sig=a%2Fb%7Ec+d")])
    assert site.asked["/cat.png"] == 1


async def test_redirects_are_followed_as_far_as_allowed(site: Web) -> None:
    [file] = (await open_fetcher().fetch([site.url("/to?to=/cat.png")])).values()
    assert file.data == image("PNG")
    error = await refused(open_fetcher(max_redirects=2), site.url("/loop"))
    assert error.reason == "it redirects more than 2 times"
    assert sum(site.asked[path] for path in site.asked if path.startswith("/loop")) == 3
    await refused(open_fetcher(max_redirects=0), site.url("/to?to=/cat.png"))


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("file:///etc/passwd", "only http and https"),
        ("ftp://example.com/a", "only http and https"),
        ("http://u:p@127.0.0.1/a", "a user's name"),
    ],
)
async def test_each_hop_is_checked(site: Web, to: str, reason: str) -> None:
    error = await refused(open_fetcher(), site.url(f"/to?to={to}"))
    assert error.reason.startswith("it redirects elsewhere, and ")
    assert reason in error.reason


async def test_statuses_and_compression_are_refused(site: Web) -> None:
    assert (await refused(open_fetcher(), site.url("/none"))).reason == "its server answered 404"
    assert "compressed" in (await refused(open_fetcher(), site.url("/packed"))).reason


async def test_what_is_too_large_is_given_up_early(site: Web) -> None:
    fetcher = open_fetcher(max_bytes=4_999)
    for path in ("/long", "/huge"):
        error = await refused(fetcher, site.url(path))
        assert error.reason == "it has more than 4,999 bytes"
        assert "fetch.max_bytes" in error.remedy
    assert len(await open_fetcher(max_bytes=5_000).fetch([site.url("/long")])) == 1


async def test_the_time_holds_for_the_whole_of_a_slow_body(site: Web) -> None:
    began = asyncio.get_running_loop().time()
    error = await refused(open_fetcher(timeout=0.3), site.url("/slow"))
    assert 0.25 < asyncio.get_running_loop().time() - began < 2
    assert error.reason == "it was not here within 0.3 s"
    assert "fetch.timeout" in error.remedy


async def test_one_failure_gives_up_the_others(site: Web) -> None:
    with pytest.raises(NotFetchedError) as caught:
        await open_fetcher().fetch([site.url("/slow"), site.url("/none")])
    assert caught.value.url == site.url("/none")
    await asyncio.sleep(0.2)
    assert site.at_once == 0


async def test_cancelling_leaves_nothing_behind(site: Web) -> None:
    task = asyncio.create_task(open_fetcher().fetch([site.url("/slow"), site.url("/huge")]))
    while site.at_once < 2:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.2)
    assert site.at_once == 0


async def test_certificates_are_verified(tmp_path: Path) -> None:
    authority = trustme.CA()
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)

    async def answer(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")

    async with RawServer(answer, tls) as server:
        error = await refused(open_fetcher(), server.url)
        assert "certificate is not trusted" in error.reason
        fetcher = Fetcher(FetchConfig(allow_private=True), ca_bundle=str(bundle))
        assert (await fetcher.fetch([server.url]))[server.url].data == b"hi"


async def test_no_error_shows_a_query() -> None:
    async def garbage(exchange: Exchange) -> None:
        await exchange.send(b"This is no HTTP\r\n\r\n")

    async def cut(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhi")
        exchange.writer.close()

    async def forbidden(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n")

    for script in (garbage, cut):
        async with RawServer(script) as server:
            error = await refused(open_fetcher(), server.url + "/a?signature=secret")
            assert "secret" not in error.reason
            assert "://" not in error.reason or server.url in error.reason
    async with RawServer(forbidden) as proxy:
        fetcher = Fetcher(FetchConfig(), proxy_for=lambda url: proxy.url)
        error = await refused(fetcher, "https://a.example/a?signature=secret")
        assert error.reason == "the proxy refused it with 403"


async def test_nobody_there_and_no_http() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = await refused(open_fetcher(), f"http://127.0.0.1:{port}/a?secret")
    assert "cannot connect" in error.reason
    assert "secret" not in error.reason


# --- addresses that are not public ----------------------------------------------------------------


async def test_private_addresses_are_not_asked(site: Web) -> None:
    for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"):
        error = await refused(Fetcher(FetchConfig()), site.url("/cat.png", host))
        assert error.reason == "its address is not public", host
        assert "fetch.allow_private" in error.remedy
    for host in ("127.1", "0x7f000001", "2130706433", "0177.0.0.1"):
        await refused(Fetcher(FetchConfig()), site.url("/cat.png", host))
    assert not site.asked


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names stand for; each look-up takes the next address, the last one stays."""
    table: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def looked_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        known = table.get(host)
        if known is None:
            return real(host, port, *args, **kwargs)
        address = known.pop(0) if len(known) > 1 else known[0]
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in address.split(",")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    return table


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1,192.168.0.1", "169.254.169.254"])
async def test_a_name_is_judged_by_what_it_stands_for(
    site: Web, names: dict[str, list[str]], address: str
) -> None:
    names["public.example"] = [address]
    error = await refused(Fetcher(FetchConfig()), site.url("/cat.png", "public.example"))
    assert error.reason == "its address is not public"
    assert not site.asked


@pytest.fixture
def half_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 counts as public; the rest of this machine does not."""
    real = addresses.is_public

    def judged(address: str) -> bool:
        return address == "127.0.0.1" or real(address)

    monkeypatch.setattr(addresses, "is_public", judged)
    monkeypatch.setattr(fetch, "is_public", judged)


@pytest.mark.usefixtures("half_public")
async def test_a_public_server_cannot_redirect_to_a_private_one(
    site: Web, names: dict[str, list[str]]
) -> None:
    names["inside.example"] = ["127.0.0.2"]
    fetcher = Fetcher(FetchConfig())
    assert await fetcher.fetch([site.url("/cat.png")])
    for host in ("127.0.0.2", "[::ffff:127.0.0.2]", "localhost", "inside.example"):
        error = await refused(fetcher, site.url(f"/to?to={site.url('/pdf', host)}"))
        assert "its address is not public" in error.reason, host
    assert not site.asked["/pdf"]


@pytest.mark.usefixtures("half_public")
async def test_a_second_look_up_does_not_help(site: Web, names: dict[str, list[str]]) -> None:
    names["rebinding.example"] = ["127.0.0.1", "127.0.0.2"]
    fetcher = Fetcher(FetchConfig())
    assert await fetcher.fetch([site.url("/cat.png", "rebinding.example")])
    error = await refused(fetcher, site.url("/cat.png", "rebinding.example"))
    assert error.reason == "its address is not public"
    assert site.asked["/cat.png"] == 1


async def test_a_proxy_is_asked_and_looks_names_up_itself(site: Web) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")

    async with RawServer(answer) as proxy:
        fetcher = Fetcher(FetchConfig(), proxy_for=lambda url: proxy.url)
        [file] = (await fetcher.fetch(["http://nowhere.example/a.txt"])).values()
        assert file.data == b"hi"
        # What stands in the address itself is checked all the same.
        await refused(fetcher, "http://10.0.0.1/a.txt")
