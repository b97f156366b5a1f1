"""CPU of the policy layer on a healthy request: choosing, remembering, and the held beginning.

    python benchmarks/overhead.py

The same request goes through a client with five profiles and two candidates, and through the
engine with nothing in between; both over a transport that answers from memory. What the client
takes more is the layer; what it takes more still when requests are recorded is the ledger. CPU
time of the whole process, so that the thread which writes the state counts too; the lowest tenth
of 80 runs of each, taken in turns. Machines differ, and so does one machine from hour to hour: a
yardstick in pure Python is timed before each row.
"""

import argparse
import asyncio
import gc
import tempfile
import time
import timeit
from collections.abc import Awaitable, Callable

from aisopod import (
    AsyncClient,
    ChatCompletionRequest,
    Config,
    Fold,
    Message,
    ProfileConfig,
    ProviderConfig,
    Secret,
    UsageConfig,
)
from aisopod.transport import Response
from aisopod.types import HttpRequest

BODY = (
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"hello"}}]}\n\n'
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


class Canned:
    """A response whose body is there already."""

    status = 200
    headers = {"content-type": "text/event-stream", "x-ratelimit-remaining-requests": "99"}  # noqa: RUF012

    def __init__(self) -> None:
        self._left = [BODY]

    async def read_some(self) -> bytes:
        return self._left.pop() if self._left else b""

    async def read_all(self, limit: int) -> bytes:  # noqa: ARG002
        return BODY

    async def finish(self) -> None:
        pass

    def interrupt(self, error: Exception) -> None:
        pass

    def close(self) -> None:
        pass


class Memory:
    """A transport that reaches nobody."""

    async def send(self, request: HttpRequest, **limits: float | None) -> Response:  # noqa: ARG002
        return Canned()  # type: ignore[return-value]

    async def close(self) -> None:
        pass


def config(state: str, *, record: bool = False) -> Config:
    profiles = {name: ProfileConfig(api_key=Secret(f"sk-{name}-0123456789")) for name in "abcde"}
    return Config(
        providers={
            "openai": ProviderConfig(profiles=profiles),
            "anthropic": ProviderConfig(api_key=Secret("sk-claude-0123456789")),
        },
        state=state,
        usage=UsageConfig(record=record),
    )


async def measured(ask: Callable[[], Awaitable[None]], count: int, at_once: int) -> float:
    """CPU seconds of a request."""
    gc.collect()
    # The sleep below lets the processor's caches and clock go.
    for _ in range(200):
        await ask()
    began = time.process_time()
    for _ in range(count // at_once):
        await asyncio.gather(*(ask() for _ in range(at_once)))
    # What is still being written belongs to it.
    await asyncio.sleep(0.12)
    return (time.process_time() - began) / count


async def run(state: str, count: int, at_once: int, *, record: bool) -> tuple[float, float]:
    """CPU seconds of a request at the client and at the engine alone."""
    models = ["openai/gpt-4o", "anthropic/claude-sonnet-4-5"]
    request = ChatCompletionRequest(
        model="gpt-4o", messages=[Message(role="user", content="hi")], stream=True
    )
    async with AsyncClient(config(state, record=record), transport=Memory()) as client:  # type: ignore[arg-type]
        engine = client.provider("openai")
        whole = ChatCompletionRequest(
            model=models[0], messages=[Message(role="user", content="hi")], stream=True
        )

        async def by_client() -> None:
            async for _ in client.stream(whole, models=models[1:]):
                pass

        async def by_engine() -> None:
            fold = Fold()
            async for chunk in engine.chat_completion(request):
                fold.add(chunk)

        pairs = [
            (await measured(by_engine, count, at_once), await measured(by_client, count, at_once))
            for _ in range(80)
        ]
    # What disturbs a run only ever adds to it: short runs, taken in turns, find the machine's
    # quiet moments. Not the one best: that is luck.
    bare, ours = (sorted(taken)[len(taken) // 10] for taken in zip(*pairs, strict=True))
    return ours, bare


def yardstick() -> float:
    """CPU seconds of `sum(range(1000))`, the best of many."""
    return (
        min(timeit.repeat("sum(range(1000))", timer=time.process_time, repeat=50, number=100)) / 100
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--requests", type=int, default=200)
    options.add_argument("--redis", metavar="URL", help="also with this server")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        states = {"memory": "memory", "sqlite": f"sqlite:{folder}/state.sqlite"}
        if chosen.redis:
            states["redis"] = chosen.redis
        columns = ("at once", "yardstick us", "engine us", "layer us", "ledger us")
        print(f"{'state':<8}", *columns, sep="  ")
        for name, state in states.items():
            for at_once in (1, 20):
                measure = yardstick()
                client, engine = asyncio.run(run(state, chosen.requests, at_once, record=False))
                whole, bare = asyncio.run(run(state, chosen.requests, at_once, record=True))
                layer, ledger = client - engine, (whole - bare) - (client - engine)
                figures = [at_once, *(x * 1e6 for x in (measure, engine, layer, ledger))]
                cells = [f"{x:>{len(c)}.0f}" for x, c in zip(figures, columns, strict=True)]
                print(f"{name:<8}", *cells, sep="  ")


if __name__ == "__main__":
    main()
