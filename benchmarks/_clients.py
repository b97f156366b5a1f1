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
from typing import Any

from _raw import raw, raw_new_connection

__all__ = ["raw", "raw_new_connection"]

Stream = Callable[[str], Awaitable[str]]
MODEL = {
    "openai": "gpt-4o",
    "anthropic": "claude-opus-4-8",
    "gemini": "gemini-2.5-pro",
    "bedrock": "us.anthropic.claude-opus-4-7",
}

for variable in (
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
):  # fmt: skip
    os.environ[variable] = "sk-benchmark"
os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["REPEATED_STREAMING_CHUNK_LIMIT"] = "100000000"


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
async def openai_sdk(url: str) -> AsyncIterator[Stream]:
    import openai

    async with openai.AsyncOpenAI(base_url=url) as client:

        async def ask(prompt: str) -> str:
            text = []
            async for chunk in await client.chat.completions.create(
                model=MODEL["openai"], stream=True, messages=[{"role": "user", "content": prompt}]
            ):
                if chunk.choices and chunk.choices[0].delta.content:
                    text.append(chunk.choices[0].delta.content)
            return "".join(text)

        yield ask


@asynccontextmanager
async def anthropic_sdk(url: str) -> AsyncIterator[Stream]:
    import anthropic

    async with anthropic.AsyncAnthropic(base_url=url) as client:

        async def ask(prompt: str) -> str:
            text = []
            async for event in await client.messages.create(
                model=MODEL["anthropic"],
                max_tokens=9999,
                stream=True,
                messages=[{"role": "user", "content": prompt}],
            ):
                if event.type == "content_block_delta":
                    text.append(event.delta.text)
            return "".join(text)

        yield ask


@asynccontextmanager
async def google_genai(url: str) -> AsyncIterator[Stream]:
    from google import genai
    from google.genai import types

    options = types.HttpOptions(base_url=url, api_version="v1beta")
    client = genai.Client(api_key="sk-benchmark", http_options=options)

    async def ask(prompt: str) -> str:
        text = []
        async for chunk in await client.aio.models.generate_content_stream(
            model=MODEL["gemini"], contents=prompt
        ):
            if chunk.text:
                text.append(chunk.text)
        return "".join(text)

    yield ask
    await client.aio.aclose()


def _converse(prompt: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": [{"text": prompt}]}]
    return {"modelId": MODEL["bedrock"], "messages": messages}


@asynccontextmanager
async def boto3(wire: str, url: str) -> AsyncIterator[Stream]:
    """It blocks, so its figures are without what a thread would add."""
    assert wire == "bedrock"
    import boto3 as library

    client = library.client("bedrock-runtime", endpoint_url=url)

    async def ask(prompt: str) -> str:
        text = []
        for event in client.converse_stream(**_converse(prompt))["stream"]:
            if "contentBlockDelta" in event:
                text.append(event["contentBlockDelta"]["delta"]["text"])
        return "".join(text)

    yield ask


@asynccontextmanager
async def aiobotocore(url: str) -> AsyncIterator[Stream]:
    from aiobotocore.session import get_session

    async with get_session().create_client("bedrock-runtime", endpoint_url=url) as client:

        async def ask(prompt: str) -> str:
            text = []
            answer = await client.converse_stream(**_converse(prompt))
            async for event in answer["stream"]:
                if "contentBlockDelta" in event:
                    text.append(event["contentBlockDelta"]["delta"]["text"])
            return "".join(text)

        yield ask


SDKS = {
    "openai": openai_sdk,
    "anthropic": anthropic_sdk,
    "gemini": google_genai,
    "bedrock": aiobotocore,
}


@asynccontextmanager
async def sdk(wire: str, url: str) -> AsyncIterator[Stream]:
    """The vendor's SDK; for Bedrock the asynchronous one that others made of it."""
    async with SDKS[wire](url) as stream:
        yield stream


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
