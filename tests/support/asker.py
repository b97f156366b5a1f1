"""Asks, as a process of its own: `asker.py SETTING URL KEYS COUNT FILE`.

Each answer is a line of FILE, written at once: what was lost when this process is killed is seen.
"""

import asyncio
import os
import sys

import msgspec

from aisopod import (
    AisopodError,
    AsyncClient,
    Config,
    FailoverConfig,
    ProfileConfig,
    ProviderConfig,
    Secret,
)

MODEL = "openai/gpt-4o"


def configured(setting: str, url: str, keys: list[str]) -> Config:
    profiles = {f"k{number}": ProfileConfig(api_key=Secret(key)) for number, key in enumerate(keys)}
    return Config(
        providers={"openai": ProviderConfig(base_url=url, profiles=profiles)},
        failover=FailoverConfig(max_attempts=20, max_wait=60),
        state=setting,
    )


async def ask(setting: str, url: str, keys: list[str], count: int, file: int) -> None:
    async with AsyncClient(configured(setting, url, keys)) as client:
        for number in range(count):
            told: dict[str, object] = {"number": number}
            try:
                answer = await client.complete(MODEL, f"request {number}")
                told["attempts"] = [attempt.outcome for attempt in answer.attempts]
            except AisopodError as error:
                told["error"] = f"{type(error).__name__}: {error}"
            os.write(file, msgspec.json.encode(told) + b"\n")


def main() -> None:
    setting, url, keys, count, path = sys.argv[1:]
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    asyncio.run(ask(setting, url, keys.split(","), int(count), file))


if __name__ == "__main__":
    main()
