"""The sides of the storm, each doing the same: many requests at once, each streamed to its end.

Runs in the environment of the side: `_routers.py NAME CALM STORM REQUESTS CONCURRENCY RATE WINDOW`,
CALM and STORM being addresses. Prints what came of the requests. It imports nothing of the
project but what a user of that side would.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

OPENAI_KEYS = ("sk-a", "sk-b", "sk-c", "sk-d", "sk-e")
ANTHROPIC_KEY = "sk-z"
# Longest wait for the first content. Far above what a calm answer takes on a full machine.
FIRST_SECONDS = 2.0
CALM_REQUESTS = 300
# Calls that a request may cost; LiteLLM has half of them for each of its two groups.
ATTEMPTS = 12

# Gets the prompt, and a function to call with each text; returns when the answer has ended.
Ask = Callable[[str, Callable[[str], None]], Awaitable[None]]
Figures = dict[str, Any]


def prompt(number: int) -> str:
    return f"This is storm request {number}. Answer it."


def answer(number: int) -> str:
    return f"Answer {number} has its start, its middle, and then at last its end {number}."


@asynccontextmanager
async def aisopod(url: str, window: float) -> AsyncIterator[Ask]:
    from aisopod import (
        AsyncClient,
        Config,
        CooldownConfig,
        FailoverConfig,
        ProfileConfig,
        ProviderConfig,
        Secret,
        Timeouts,
    )

    profiles = {key: ProfileConfig(api_key=Secret(key)) for key in OPENAI_KEYS}
    # As for LiteLLM: what a provider does not tell is taken for what it is here, and the pauses
    # after failures are to the same scale.
    # Exactly the time for which a key is limited, as for the other side: no chance added.
    cooldowns = CooldownConfig(
        rate_limit=(window,), overloaded=(window / 4, window / 2, window), jitter=0.0
    )
    config = Config(
        providers={
            "openai": ProviderConfig(base_url=f"{url}/v1", profiles=profiles, cooldowns=cooldowns),
            "anthropic": ProviderConfig(
                base_url=url,
                api_key=Secret(ANTHROPIC_KEY),
                cooldowns=cooldowns,
            ),
        },
        # As long as the other side may take in all.
        failover=FailoverConfig(max_wait=60, max_attempts=ATTEMPTS),
        state="memory",
    )
    timeouts = Timeouts(first_token=FIRST_SECONDS, idle=FIRST_SECONDS)
    async with AsyncClient(config, timeouts=timeouts) as client:

        async def ask(prompt: str, say: Callable[[str], None]) -> None:
            async with client.stream(
                prompt=prompt, models=["openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"]
            ) as stream:
                async for chunk in stream:
                    if chunk.delta.content:
                        say(chunk.delta.content)

        yield ask


@asynccontextmanager
async def litellm(url: str, window: float) -> AsyncIterator[Ask]:
    """A router as its documentation has it for keys of one model group and a fallback group.

    https://docs.litellm.ai/docs/router/learn/reliability (retries, fallbacks, cooldowns) and
    https://docs.litellm.ai/docs/router/api_reference/configuration (arguments, constants).
    It reads whole seconds of `retry-after` alone (`int()`, in its `utils.py`). So that nothing is
    lost by it, `cooldown_time` is exactly the time for which a key is limited here, which outside
    nobody can know.
    """
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["REPEATED_STREAMING_CHUNK_LIMIT"] = "100000000"
    # The pauses between retries, to the scale of this storm: out of the box 0.5, 0.75 and 8 s.
    os.environ["INITIAL_RETRY_DELAY"] = str(window)
    os.environ["JITTER"] = str(window / 2)
    os.environ["MAX_RETRY_DELAY"] = str(4 * window)
    os.environ["LITELLM_LOG"] = "CRITICAL"
    import litellm as library

    library.suppress_debug_info = True
    openai = [
        {
            "model_name": "first",
            "litellm_params": {
                "model": "openai/gpt-4o-mini",
                "api_base": f"{url}/v1",
                "api_key": key,
            },
        }
        for key in OPENAI_KEYS
    ]
    anthropic = {
        "model_name": "second",
        "litellm_params": {
            "model": "anthropic/claude-sonnet-4-5",
            "api_base": url,
            "api_key": ANTHROPIC_KEY,
        },
    }
    router = library.Router(
        model_list=[*openai, anthropic],
        routing_strategy="simple-shuffle",
        fallbacks=[{"first": ["second"]}],
        # Of 3, 5 and 7 the best here; so it is without enable_weighted_failover and allowed_fails.
        num_retries=ATTEMPTS // 2 - 1,
        cooldown_time=window,
        timeout=60,
        stream_timeout=FIRST_SECONDS,
    )

    async def ask(prompt: str, say: Callable[[str], None]) -> None:
        stream = await router.acompletion(
            "first", [{"role": "user", "content": prompt}], stream=True
        )
        finish = None
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                say(chunk.choices[0].delta.content)
            finish = finish or (chunk.choices[0].finish_reason if chunk.choices else None)
        if finish is None:
            # A careful user would look; so an answer counts as whole only if it says that it is.
            raise EOFError

    yield ask


SIDES: dict[str, Callable[[str, float], Any]] = {"aisopod": aisopod, "litellm": litellm}


class Run:
    """Requests to one server, and what came of them."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.ends: Counter[str] = Counter()
        self.latencies: list[float] = []

    async def all(self, requests: int, concurrency: int, rate: float) -> None:
        numbers = iter(range(1, requests + 1))
        began = time.perf_counter()

        async def worker() -> None:
            for number in numbers:
                early = began + number / rate - time.perf_counter() if rate else 0
                if early > 0:
                    await asyncio.sleep(early)
                await self.one(number)

        await asyncio.gather(*(worker() for _ in range(concurrency)))

    async def one(self, number: int) -> None:
        texts: list[str] = []
        started = time.perf_counter()
        try:
            await self.ask(prompt(number), texts.append)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            when = "after content" if texts else "before content"
            self.ends[f"{when}: {type(error).__name__}"] += 1
        else:
            whole = "".join(texts) == answer(number)
            self.ends["whole" if whole else "not whole"] += 1
            if whole:
                self.latencies.append(time.perf_counter() - started)


async def main() -> None:
    name, calm_url, storm_url, requests, concurrency, rate, window = sys.argv[1:]
    async with SIDES[name](calm_url, float(window)) as ask:
        await Run(ask).all(CALM_REQUESTS, int(concurrency), 0)  # warms up
        calm = Run(ask)
        await calm.all(CALM_REQUESTS, int(concurrency), float(rate))
    async with SIDES[name](storm_url, float(window)) as ask:
        storm = Run(ask)
        wall, cpu = time.perf_counter(), time.process_time()
        await storm.all(int(requests), int(concurrency), float(rate))
        figures = {
            "wall": time.perf_counter() - wall,
            "cpu": time.process_time() - cpu,
            "ends": storm.ends,
            "calm_ends": calm.ends,
            "latencies": sorted(round(latency, 5) for latency in storm.latencies),
            "calm": sorted(round(latency, 5) for latency in calm.latencies),
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main())
