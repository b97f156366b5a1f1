"""A recognisable key is planted and must show nowhere, even where the peer repeats it."""

import asyncio
import io
import logging
import pickle
import traceback
from typing import Any

import pytest

import aisopod
from aisopod import AisopodError, ChatCompletionRequest, Message
from aisopod.config import Config
from aisopod.providers.provider import Provider
from support.raw_server import Exchange, serving

KEY = "sk-planted-7c1f0e9d"


def request(*, stream: bool) -> ChatCompletionRequest:
    return ChatCompletionRequest(
        model="m", messages=[Message(role="user", content="hi")], stream=stream
    )


async def _echo_refusal(exchange: Exchange) -> None:
    await exchange.headers(
        kind="application/json", status="401 Unauthorized", extra=f"x-echo: {KEY}\r\n"
    )
    await exchange.chunk(
        b'{"error":{"message":"Incorrect API key provided: %s","code":"invalid_api_key",'
        b'"type":"invalid_request_error"}}' % KEY.encode()
    )
    await exchange.end()


async def _echo_garbage(exchange: Exchange) -> None:
    await exchange.headers()
    await exchange.chunk(b"data: {garbage %s\n\n" % KEY.encode())
    await exchange.end()


async def _echo_page(exchange: Exchange) -> None:
    await exchange.headers(kind="text/html")
    await exchange.chunk(b"<html>%s" % KEY.encode())
    await exchange.end()


async def _drop(exchange: Exchange) -> None:
    exchange.writer.close()


async def _hang(exchange: Exchange) -> None:
    await exchange.wait_for_peer_to_leave()


SCRIPTS = [_echo_refusal, _echo_garbage, _echo_page, _drop, _hang]


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("script", SCRIPTS, ids=[script.__name__ for script in SCRIPTS])
def test_the_key_shows_nowhere(script: Any, stream: bool, provider: str) -> None:
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    logger = logging.getLogger()
    logger.addHandler(handler)
    levels = {name: logging.getLogger(name).level for name in ("aisopod.wire", "asyncio", "")}
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)

    async def chat() -> None:
        async with serving(script) as server:
            made = aisopod.get_provider(
                provider,
                api_key=KEY,
                base_url=server.url,
                config=Config(),
                timeouts=aisopod.Timeouts(first_token=0.2, total=0.3),
            )
            assert isinstance(made, Provider)
            shown.write(repr(made))
            try:
                async for chunk in made.chat_completion(request(stream=stream)):
                    shown.write(repr(chunk))
            except AisopodError as error:
                shown.write(f"{error} {error!r} {error.__dict__} {pickle.dumps(error)!r}")
                # Reporters collect local variables too. Where the peer itself repeats the key,
                # its words are the locals of whatever reads them.
                trace = traceback.TracebackException.from_exception(
                    error, capture_locals=script in (_drop, _hang)
                )
                shown.write("".join(trace.format()))
            else:
                pytest.fail("no error came")
            finally:
                await made.close()
            shown.write(repr(await made.health_check()))
            await made.close()

    try:
        asyncio.run(chat())
    finally:
        logger.removeHandler(handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    text = shown.getvalue()
    assert "aisopod" in text
    assert KEY not in text
    assert KEY[3:] not in text


@pytest.mark.parametrize("shown", range(4, 24))
def test_a_secret_that_an_excerpt_cuts_is_masked_too(shown: int) -> None:
    secret = "sk-0123456789abcdefghijkl"
    text = "x" * (2000 - shown) + secret + "y" * 4000
    error = aisopod.ProviderError(text, body=text, provider="openai")
    error.redact(secret)
    assert error.body is not None
    assert secret[:4] not in error.body + str(error)
    message = aisopod.ProviderError("x" * (3999 - shown) + secret)
    message.redact(secret)
    assert secret[:4] not in str(message)
    assert len(str(message)) <= 4_010


def test_a_name_that_a_secret_begins_with_stays() -> None:
    error = aisopod.ProviderError("no", provider="openai", model="openai-key")
    error.redact("openai-key-0123456789")
    assert (error.provider, error.model) == ("openai", "openai-key")
