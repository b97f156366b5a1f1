"""Chats with a simulator, as a process that may be killed: `chat_worker.py URL FOLDER NAME COUNT`.

FOLDER has the state; FOLDER/NAME.done gets a letter when the worker is ready, and one for each
request that ended. What had begun when others were killed is told on stderr.
"""

import asyncio
import logging
import os
import sys
from pathlib import Path

from aisopod import AsyncClient, Config, FailoverConfig, ModelConfig, PriceConfig, ProviderConfig
from aisopod.types import Secret

AT_ONCE = 4
KEY = "sk-0123456789"
PRICE = PriceConfig(input=1000, output=0)
"""A token of the prompt is a thousandth of a dollar."""


def config(url: str, folder: Path) -> Config:
    """The workers' and the test's: one provider whose price is known, and one attempt for each."""
    return Config(
        providers={"openai": ProviderConfig(base_url=url, api_key=Secret(KEY))},
        models={"openai/mine": ModelConfig(price=PRICE)},
        failover=FailoverConfig(max_attempts=1, max_wait=0),
        state=f"sqlite:{folder / 'state.sqlite'}",
    )


async def main() -> None:
    url, place, name, count = sys.argv[1:]
    folder = Path(place)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    done = os.open(folder / f"{name}.done", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    numbers = iter(range(int(count)))
    async with AsyncClient(config(url, folder)) as client:
        await client.usage()  # takes over what those left who were killed
        os.write(done, b"r")

        async def chat() -> None:
            for number in numbers:
                own = f"{name}-{number}"
                if number % 2:
                    await client.complete("openai/mine", own, tags={"n": own})
                else:
                    await client.stream("openai/mine", own, tags={"n": own}).collect()
                os.write(done, b"e")

        await asyncio.gather(*(chat() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(main())
