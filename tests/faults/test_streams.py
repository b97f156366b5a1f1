"""What can go wrong on the way: nothing that arrived is lost, nothing hangs, nothing leaks."""

import asyncio
import contextlib
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import trustme

import aisopod
from aisopod import (
    AsyncClient,
    BadRequestError,
    ChatCompletionRequest,
    ConnectError,
    ConnectTimeoutError,
    FirstTokenTimeoutError,
    IdleTimeoutError,
    Message,
    ProtocolError,
    StreamInterruptedError,
    Timeouts,
    TotalTimeoutError,
)
from aisopod.config import Config, FailoverConfig, ProviderConfig
from aisopod.providers.provider import Provider
from support.raw_server import Exchange, serving

REQUEST = ChatCompletionRequest(model="m", messages=[Message(role="user", content="hi")])
PLAIN = ChatCompletionRequest(
    model="m", messages=[Message(role="user", content="hi")], stream=False
)


def text(piece: str) -> bytes:
    return (
        b'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":'
        b'[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n' % piece.encode()
    )


STOP = (
    b'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":'
    b'[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


def provider(url: str, **settings: Any) -> Provider:
    made = aisopod.get_provider(
        "openai", api_key="sk-test-key", base_url=f"{url}/v1", config=Config(), **settings
    )
    assert isinstance(made, Provider)
    return made


def configured(url: str) -> Config:
    settings = ProviderConfig(base_url=f"{url}/v1", api_key=aisopod.Secret("sk-test-key"))
    return Config(providers={"openai": settings}, failover=FailoverConfig(max_wait=0))


async def read(made: Provider, request: ChatCompletionRequest = REQUEST) -> str:
    try:
        gathered = aisopod.Fold()
        async for chunk in made.chat_completion(request):
            gathered.add(chunk)
        return gathered.result().text
    finally:
        await made.close()


async def whole(exchange: Exchange) -> None:
    await exchange.headers()
    await exchange.chunk(text("hel"))
    await exchange.chunk(text("lo"))
    await exchange.chunk(STOP)
    await exchange.end()


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run and see that nothing is left behind: no task, no socket, no warning."""

    async def checked() -> None:
        await test()
        await asyncio.sleep(0.05)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, f"left behind: {others}"

    asyncio.run(checked())
    gc.collect()  # an unclosed socket warns here, and warnings are errors


def test_a_stream_is_read_and_its_connection_reused() -> None:
    async def test() -> None:
        async with serving(whole) as server:
            made = provider(server.url)
            for _ in range(3):
                pieces = [c.delta.content async for c in made.chat_completion(REQUEST)]
                assert "".join(piece or "" for piece in pieces) == "hello"
            assert server.connections == 1
            await made.close()

    run(test)


def test_a_dropped_connection_loses_nothing_that_arrived() -> None:
    async def drop(exchange: Exchange) -> None:
        await exchange.headers()
        # In one write with the abort right behind: all three are unread when it breaks.
        data = b"".join(text(piece) for piece in ("a", "b", "c"))
        exchange.writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        exchange.writer.close()

    async def test() -> None:
        async with serving(drop) as server, AsyncClient(configured(server.url)) as client:
            with pytest.raises(StreamInterruptedError) as caught:
                async with client.stream("openai/m", "hi") as stream:
                    async for _ in stream:
                        pass
            assert caught.value.partial is not None
            assert caught.value.partial.text == "abc"
            assert caught.value.provider == "openai"
            assert caught.value.model == "m"
            await client.provider("openai").close()  # type: ignore[attr-defined]

    run(test)


def test_an_end_without_terminator_is_no_clean_end() -> None:
    async def end(exchange: Exchange) -> None:
        await exchange.headers()
        await exchange.chunk(text("half"))
        await exchange.end()

    async def test() -> None:
        async with serving(end) as server:
            with pytest.raises(StreamInterruptedError):
                await read(provider(server.url))

    run(test)


def test_a_frame_cut_by_the_end_is_an_interruption() -> None:
    async def cut(exchange: Exchange) -> None:
        await exchange.headers()
        await exchange.chunk(text("half") + text("more")[:40])
        await exchange.end()

    async def test() -> None:
        async with serving(cut) as server:
            with pytest.raises(StreamInterruptedError):
                await read(provider(server.url))

    run(test)


def test_garbage_is_a_protocol_error() -> None:
    async def garbage(exchange: Exchange) -> None:
        await exchange.headers()
        await exchange.chunk(b"data: {not json\n\n")
        await exchange.end()

    async def test() -> None:
        async with serving(garbage) as server:
            with pytest.raises(ProtocolError, match="not json"):
                await read(provider(server.url))

    run(test)


def test_a_web_page_is_told_apart() -> None:
    async def page(exchange: Exchange) -> None:
        await exchange.headers(kind="text/html")
        await exchange.chunk(b"<html>Welcome to nginx")
        await exchange.end()

    async def test() -> None:
        async with serving(page) as server:
            for request in (REQUEST, PLAIN):
                with pytest.raises(ProtocolError, match="base_url"):
                    await read(provider(server.url), request)

    run(test)


def test_a_redirect_is_not_followed_with_the_key() -> None:
    async def redirect(exchange: Exchange) -> None:
        await exchange.headers(
            status="307 Temporary Redirect", extra="location: http://127.0.0.1:1/elsewhere\r\n"
        )
        await exchange.end()

    async def test() -> None:
        async with serving(redirect) as server:
            with pytest.raises(BadRequestError, match="base_url"):
                await read(provider(server.url))
            assert len(server.exchanges) == 1

    run(test)


async def _silent(exchange: Exchange) -> None:
    await exchange.wait_for_peer_to_leave()


async def _headers_then_silent(exchange: Exchange) -> None:
    await exchange.headers()
    await exchange.wait_for_peer_to_leave()


async def _pings_only(exchange: Exchange) -> None:
    await exchange.headers()
    with contextlib.suppress(ConnectionError):
        while True:
            await exchange.chunk(b": ping\n\n")
            await asyncio.sleep(0.02)


async def _one_then_pings(exchange: Exchange) -> None:
    await exchange.headers()
    await exchange.chunk(text("a"))
    with contextlib.suppress(ConnectionError):
        while True:
            await exchange.chunk(b": ping\n\n")
            await asyncio.sleep(0.02)


async def _drip(exchange: Exchange) -> None:
    await exchange.headers()
    with contextlib.suppress(ConnectionError):
        while True:
            await exchange.chunk(text("a"))
            await asyncio.sleep(0.02)


TIMEOUTS: list[tuple[Any, Timeouts, type[Exception], ChatCompletionRequest]] = [
    (_silent, Timeouts(first_token=0.2), FirstTokenTimeoutError, REQUEST),
    (_headers_then_silent, Timeouts(first_token=0.2), FirstTokenTimeoutError, REQUEST),
    (_pings_only, Timeouts(first_token=0.2, idle=0.1), FirstTokenTimeoutError, REQUEST),
    (_one_then_pings, Timeouts(first_token=5, idle=0.2), IdleTimeoutError, REQUEST),
    (_drip, Timeouts(total=0.3, idle=5), TotalTimeoutError, REQUEST),
    (_silent, Timeouts(total=0.2), TotalTimeoutError, REQUEST),
    (_silent, Timeouts(total=0.2), TotalTimeoutError, PLAIN),
    (_headers_then_silent, Timeouts(total=0.2), TotalTimeoutError, PLAIN),
]


@pytest.mark.parametrize(("script", "timeouts", "expected", "request_"), TIMEOUTS)
def test_each_timeout_has_its_error(
    script: Any,
    timeouts: Timeouts,
    expected: type[Exception],
    request_: ChatCompletionRequest,
) -> None:
    async def test() -> None:
        async with serving(script) as server:
            made = provider(server.url, timeouts=timeouts)
            async with asyncio.timeout(5):
                with pytest.raises(expected) as caught:
                    await read(made, request_)
            assert type(caught.value) is expected
            assert "openai/m" in str(caught.value)

    run(test)


def test_a_slow_reader_is_no_idle_server() -> None:
    async def test() -> None:
        async with serving(whole) as server:
            made = provider(server.url, timeouts=Timeouts(idle=0.1))
            seen = ""
            async for chunk in made.chat_completion(REQUEST):
                seen += chunk.delta.content or ""
                await asyncio.sleep(0.25)
            assert seen == "hello"
            await made.close()

    run(test)


def test_a_kept_connection_that_was_given_up_is_replaced() -> None:
    async def once(exchange: Exchange) -> None:
        await whole(exchange)
        exchange.writer.close()  # without having said so

    async def test() -> None:
        async with serving(once) as server:
            made = provider(server.url)
            for _ in range(5):
                pieces = [c.delta.content async for c in made.chat_completion(REQUEST)]
                assert "".join(piece or "" for piece in pieces) == "hello"
            assert len(server.exchanges) == 5
            await made.close()

    run(test)


def test_a_new_connection_that_closes_unanswered_is_no_reason_to_ask_twice() -> None:
    async def close(exchange: Exchange) -> None:
        exchange.writer.close()

    async def test() -> None:
        async with serving(close) as server:
            with pytest.raises(StreamInterruptedError, match="unanswered"):
                await read(provider(server.url))
            assert len(server.exchanges) == 1

    run(test)


def test_nobody_listens() -> None:
    async def test() -> None:
        with pytest.raises(ConnectError) as caught:
            await read(provider("http://127.0.0.1:1"))
        assert "127.0.0.1:1" in str(caught.value)

    run(test)


def test_a_connection_that_never_stands_times_out() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # never answers the TLS hello
        writer.close()

    async def test() -> None:
        server = await asyncio.start_server(never, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        made = provider(f"https://127.0.0.1:{port}", timeouts=Timeouts(connect=0.2))
        with pytest.raises(ConnectTimeoutError):
            await read(made)
        server.close()
        await server.wait_closed()

    run(test)


@contextlib.asynccontextmanager
async def _started(script: Any) -> AsyncIterator[tuple[Any, AsyncClient]]:
    async with serving(script) as server, AsyncClient(configured(server.url)) as client:
        yield server, client


async def _assert_left(server: Any) -> None:
    async with asyncio.timeout(1):
        await server.exchanges[0].closed.wait()


async def _drip_and_watch(exchange: Exchange) -> None:
    await exchange.headers()
    await exchange.chunk(text("a"))
    await exchange.wait_for_peer_to_leave()


def test_leaving_the_with_closes_the_connection() -> None:
    async def test() -> None:
        async with _started(_drip_and_watch) as (server, client):
            async with client.stream("openai/m", "hi") as stream:
                async for chunk in stream:
                    if chunk.delta.content:
                        break
            await _assert_left(server)
            assert stream.response.text == "a"

    run(test)


def test_breaking_out_of_a_bare_loop_closes_the_connection() -> None:
    async def test() -> None:
        async with _started(_drip_and_watch) as (server, client):
            async for chunk in client.provider("openai").chat_completion(REQUEST):
                if chunk.delta.content:
                    break
            await _assert_left(server)

    run(test)


def test_cancelling_the_task_closes_the_connection() -> None:
    async def test() -> None:
        async with _started(_drip_and_watch) as (server, client):
            seen = asyncio.Event()

            async def chat() -> None:
                async with client.stream("openai/m", "hi") as stream:
                    async for chunk in stream:
                        if chunk.delta.content:
                            seen.set()

            task = asyncio.create_task(chat())
            await seen.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await _assert_left(server)

    run(test)


def test_cancelling_before_the_headers_closes_the_connection() -> None:
    async def test() -> None:
        async with _started(_silent) as (server, client):
            task = asyncio.create_task(client.complete("openai/m", "hi"))
            while not server.exchanges:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await _assert_left(server)

    run(test)


def test_private_authority_and_client_certificate(tmp_path: Any) -> None:
    authority = trustme.CA()
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_tls)
    authority.configure_trust(server_tls)
    server_tls.verify_mode = ssl.CERT_REQUIRED
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    certificate = tmp_path / "client.pem"
    authority.issue_cert("client@example.org").private_key_and_cert_chain_pem.write_to_path(
        str(certificate)
    )

    async def test() -> None:
        from aisopod.config import NetworkConfig

        async with serving(whole, server_tls) as server:
            with pytest.raises(ConnectError, match="not trusted"):
                await read(provider(server.url))
            network = NetworkConfig(ca_bundle=str(bundle), client_certificate=str(certificate))
            made = aisopod.get_provider(
                "openai",
                api_key="k",
                base_url=f"{server.url}/v1",
                config=Config(network=network),
            )
            assert isinstance(made, Provider)
            assert await read(made) == "hello"

    # The refused handshake leaves a transport to the loop; it is the server's side that warns.
    run(test)


def test_the_proxy_of_the_configuration_is_used() -> None:
    async def test() -> None:
        from aisopod.config import NetworkConfig

        async with serving(whole) as proxy:
            made = aisopod.get_provider(
                "openai",
                api_key="k",
                base_url="http://api.invalid/v1",
                config=Config(network=NetworkConfig(proxy=proxy.url)),
            )
            assert isinstance(made, Provider)
            assert await read(made) == "hello"
            assert proxy.exchanges[0].head.startswith(b"POST http://api.invalid/v1/chat/")

    run(test)


def test_one_client_over_two_event_loops() -> None:
    client = AsyncClient(configured("http://127.0.0.1:9"))

    async def test() -> None:
        async with serving(whole) as server:
            stream = client.stream("openai/m", "hi", base_url=f"{server.url}/v1")
            assert (await stream.collect()).text == "hello"
            await client.close()

    run(test)
    run(test)


def test_every_response_tells_of_its_exchange() -> None:
    async def limited(exchange: Exchange) -> None:
        await exchange.headers(
            extra="x-request-id: req_1\r\nx-ratelimit-limit-requests: 100\r\n"
            "x-ratelimit-remaining-requests: 99\r\nx-ratelimit-reset-requests: 1m2s\r\n"
        )
        await exchange.chunk(text("a") + STOP)
        await exchange.end()

    async def test() -> None:
        async with _started(limited) as (_, client):
            response = await client.stream("openai/m", "hi").collect()
            assert response.request_id == "req_1"
            limit = response.rate_limits["requests"]
            assert (limit.limit, limit.remaining, limit.reset_after) == (100, 99, 62.0)
            assert response.info is not None
            assert response.info.first_token_seconds is not None
            assert response.info.total_seconds is not None
            assert 0 < response.info.first_token_seconds <= response.info.total_seconds

    run(test)
