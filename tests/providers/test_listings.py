"""What no listing may do: pass bytes that are no text, go round in circles, or take for ever."""

import asyncio
from collections.abc import Callable
from itertools import count

import msgspec
import pytest

import aisopod
from aisopod.errors import ProtocolError, TotalTimeoutError
from aisopod.providers import registry
from aisopod.providers.host import Host, Listing
from aisopod.providers.provider import MOST_PAGES, Provider
from aisopod.types import ModelInfo, Timeouts
from support.raw_server import Exchange, serving

HOSTS = [host for name in registry.names() if isinstance(host := registry.find(name), Host)]
LISTINGS = {
    f"{host.id}{number or ''}": each
    for host in HOSTS
    for number, each in enumerate((host.listing, host.listing and host.listing.also))
    if each is not None
}
UNREADABLE = {
    "bytes that are no text": b"""{"data": [{"id": "a", "x": "\xff"}], "models": [{"name": "\xff"}],
        "publisherModels": [{"name": "\xff"}], "modelSummaries": [{"modelId": "\xff"}],
        "inferenceProfileSummaries": [{"inferenceProfileId": "\xff"}]}""",
    "too deep": b'{"data": [{"id": "a", "x": ' + b"[" * 100_000,
    "cut": b'{"data": [',
}


@pytest.mark.parametrize("listing", LISTINGS.values(), ids=LISTINGS)
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_a_protocol_error(listing: Listing, body: bytes) -> None:
    with pytest.raises(ProtocolError):
        listing.parse(body, "p")
    if listing.parse_detail is not None:
        with pytest.raises(ProtocolError):
            listing.parse_detail(body.replace(b"data", b"model_info"), "m", "p")


# By provider, a page with a model and what points to the next one.
PAGES: dict[str, Callable[[str], object]] = {
    "anthropic": lambda cursor: {"data": [{"id": "m"}], "has_more": True, "last_id": cursor},
    "gemini": lambda cursor: {"models": [{"name": "models/m"}], "nextPageToken": cursor},
}


async def listed(
    provider: str, cursor_of: Callable[[int], str], total: float | None = None, delay: float = 0
) -> tuple[BaseException | list[ModelInfo], int]:
    """What listing gives or raises, and how often the provider was asked."""
    asked = count(1)
    last = 0

    async def pages(exchange: Exchange) -> None:
        nonlocal last
        last = next(asked)
        await asyncio.sleep(delay)
        body = msgspec.json.encode(PAGES[provider](cursor_of(last)))
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        await exchange.send(head.encode() + b"\r\n\r\n" + body)

    async with serving(pages) as server:
        asking = aisopod.get_provider(
            provider, api_key="sk-0123456789", base_url=server.url, timeouts=Timeouts(total=total)
        )
        assert isinstance(asking, Provider)
        try:
            return await asking.list_models(), last
        except aisopod.AisopodError as error:
            return error, last
        finally:
            await asking.close()


@pytest.mark.parametrize("provider", PAGES)
async def test_a_cursor_that_comes_again_ends_the_listing(provider: str) -> None:
    error, asked = await listed(provider, lambda number: "ab"[number % 2])
    assert isinstance(error, ProtocolError)
    assert "page 3 points to 'b'" in str(error)
    assert asked == 3


@pytest.mark.parametrize("provider", PAGES)
async def test_pages_have_an_end(provider: str) -> None:
    error, asked = await listed(provider, str)
    assert isinstance(error, ProtocolError)
    assert asked == MOST_PAGES + 1


@pytest.mark.parametrize("provider", PAGES)
async def test_the_total_limit_is_for_all_pages(provider: str) -> None:
    error, asked = await listed(provider, str, total=0.5, delay=0.1)
    assert isinstance(error, TotalTimeoutError)
    assert asked < 8
