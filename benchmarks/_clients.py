"""The clients, each doing the same: stream an answer, gather its text, read how it ended.

Runs in the environment of the client: `_clients.py NAME WIRE URL CHUNKS REPEAT PACED`.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Stream = Callable[[str], Awaitable[str]]
MODEL = {"openai": "gpt-4o", "anthropic": "claude-opus-4-8"}

for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
    os.environ[variable] = "sk-benchmark"
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["REPEATED_STREAMING_CHUNK_LIMIT"] = "100000000"


@asynccontextmanager
async def raw(wire: str, url: str, *, keep: bool = True) -> AsyncIterator[Stream]:
    """The limit: asyncio streams, httptools, msgspec. It cancels, times out and retries nothing."""
    import httptools
    import msgspec

    class Delta(msgspec.Struct):
        content: str | None = None
        text: str | None = None

    class Choice(msgspec.Struct):
        delta: Delta
        finish_reason: str | None = None

    class Event(msgspec.Struct):
        type: str = ""
        choices: list[Choice] = []
        delta: Delta | None = None
        usage: dict[str, object] | None = None

    decode = msgspec.json.Decoder(Event).decode
    host, _, port = url.removeprefix("http://").split("/")[0].partition(":")
    path = "/v1/chat/completions" if wire == "openai" else "/v1/messages"

    class Answer:
        def __init__(self) -> None:
            self.text: list[str] = []
            self.rest = b""
            self.complete = False

        def on_body(self, data: bytes) -> None:
            events = (self.rest + data).split(b"\n\n")
            self.rest = events.pop()
            for event in events:
                payload = event[event.index(b"data: ") + 6 :]
                if payload == b"[DONE]":
                    continue
                value = decode(payload)
                if value.choices:
                    self.text.append(value.choices[0].delta.content or "")
                elif value.delta is not None:
                    self.text.append(value.delta.text or "")

        def on_message_complete(self) -> None:
            self.complete = True

    connection = await asyncio.open_connection(host, int(port)) if keep else None

    async def stream(prompt: str) -> str:
        reader, writer = connection or await asyncio.open_connection(host, int(port))
        body = msgspec.json.encode(
            {
                "model": MODEL[wire],
                "stream": True,
                "messages": [{"role": "user", "content": prompt}],
            }
        )
        writer.write(
            b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer sk-benchmark\r\ncontent-length: %d\r\n\r\n%s"
            % (path.encode(), len(body), body)
        )
        answer = Answer()
        parser = httptools.HttpResponseParser(answer)
        reads = 0
        while not answer.complete:
            parser.feed_data(await reader.read(65536))
            reads += 1
        stream.reads = reads  # type: ignore[attr-defined]
        if connection is None:
            writer.close()
            await writer.wait_closed()
        return "".join(answer.text)

    yield stream
    if connection is not None:
        connection[1].close()


@asynccontextmanager
async def raw_new_connection(wire: str, url: str) -> AsyncIterator[Stream]:
    async with raw(wire, url, keep=False) as stream:
        yield stream


@asynccontextmanager
async def aisopod(wire: str, url: str) -> AsyncIterator[Stream]:
    from aisopod import AsyncClient

    async with AsyncClient() as client:

        async def stream(prompt: str) -> str:
            text = []
            async with client.stream(f"{wire}/{MODEL[wire]}", prompt, base_url=url) as answer:
                async for chunk in answer:
                    if chunk.delta.content:
                        text.append(chunk.delta.content)
            assert answer.response.finish_reason == "stop"
            return "".join(text)

        yield stream


@asynccontextmanager
async def sdk(wire: str, url: str) -> AsyncIterator[Stream]:
    if wire == "openai":
        import openai

        async with openai.AsyncOpenAI(base_url=url) as client:

            async def ask(prompt: str) -> str:
                text = []
                async for chunk in await client.chat.completions.create(
                    model=MODEL[wire], stream=True, messages=[{"role": "user", "content": prompt}]
                ):
                    if chunk.choices and chunk.choices[0].delta.content:
                        text.append(chunk.choices[0].delta.content)
                return "".join(text)

            yield ask
        return
    import anthropic

    async with anthropic.AsyncAnthropic(base_url=url) as other:

        async def ask(prompt: str) -> str:
            text = []
            async for event in await other.messages.create(
                model=MODEL[wire],
                max_tokens=9999,
                stream=True,
                messages=[{"role": "user", "content": prompt}],
            ):
                if event.type == "content_block_delta":
                    text.append(event.delta.text)
            return "".join(text)

        yield ask


@asynccontextmanager
async def litellm(wire: str, url: str) -> AsyncIterator[Stream]:
    import litellm as library

    async def stream(prompt: str) -> str:
        text = []
        answer = await library.acompletion(
            model=f"{wire}/{MODEL[wire]}",
            api_base=url,
            stream=True,
            messages=[{"role": "user", "content": prompt}],
        )
        async for chunk in answer:
            if chunk.choices and chunk.choices[0].delta.content:
                text.append(chunk.choices[0].delta.content)
        return "".join(text)

    yield stream


@asynccontextmanager
async def pydantic_ai(wire: str, url: str) -> AsyncIterator[Stream]:
    from pydantic_ai.direct import model_request_stream
    from pydantic_ai.messages import ModelRequest

    if wire == "openai":
        from pydantic_ai.models.openai import OpenAIChatModel as Model
        from pydantic_ai.providers.openai import OpenAIProvider as Provider
    else:
        from pydantic_ai.models.anthropic import AnthropicModel as Model
        from pydantic_ai.providers.anthropic import AnthropicProvider as Provider
    model = Model(MODEL[wire], provider=Provider(base_url=url, api_key="sk-benchmark"))

    async def stream(prompt: str) -> str:
        text = []
        async with model_request_stream(model, [ModelRequest.user_text_prompt(prompt)]) as answer:
            async for event in answer:
                delta = getattr(event, "delta", None)
                content = getattr(delta, "content_delta", None)
                if content is None:
                    content = getattr(getattr(event, "part", None), "content", None)
                    content = content if event.event_kind == "part_start" else None
                if content:
                    text.append(content)
        return "".join(text)

    yield stream


@asynccontextmanager
async def any_llm(wire: str, url: str) -> AsyncIterator[Stream]:
    from any_llm import acompletion

    async def stream(prompt: str) -> str:
        text = []
        answer = await acompletion(
            model=MODEL[wire],
            provider=wire,
            api_base=url,
            api_key="sk-benchmark",
            stream=True,
            max_tokens=9999,
            messages=[{"role": "user", "content": prompt}],
        )
        async for chunk in answer:
            if chunk.choices and chunk.choices[0].delta.content:
                text.append(chunk.choices[0].delta.content)
        return "".join(text)

    yield stream


async def measure(name: str, wire: str, url: str, chunks: int, repeat: int, paced: str) -> None:
    async with globals()[name](wire, url) as stream:
        expected = "".join(f" the{number}" for number in range(chunks))
        many = f"{paced} chunks={chunks} "
        assert await stream(many) == expected, "the client lost something"
        for _ in range(10):
            assert await stream("chunks=1 ") == " the0"
        requests = []
        for _ in range(repeat):
            started = time.process_time()
            for _ in range(50):
                await stream("chunks=1 ")
            requests.append((time.process_time() - started) / 50)
        streams = []
        for _ in range(repeat):
            started = time.process_time()
            await stream(many)
            streams.append(time.process_time() - started)
    one = min(requests)
    chunk = [(total - one) / (chunks - 1) for total in sorted(streams)]
    print(
        json.dumps(
            {
                "chunk_us": chunk[0] * 1e6,
                "chunk_median_us": chunk[len(chunk) // 2] * 1e6,
                "request_us": one * 1e6,
                "request_median_us": sorted(requests)[len(requests) // 2] * 1e6,
                "reads": getattr(stream, "reads", None),
            }
        )
    )


if __name__ == "__main__":
    name, wire, url, chunks, repeat, paced = sys.argv[1:]
    asyncio.run(measure(name, wire, url, int(chunks), int(repeat), paced))
