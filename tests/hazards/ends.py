"""A client whose five providers are one simulator, which enforces the rules of their wires."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aisopod import AsyncClient, Config, FailoverConfig, ProviderConfig, Secret, Tool
from aisopod.simulator import Reply, Script, Simulator
from aisopod.types import ChatCompletion, Message
from support.dialects import DIALECTS, INVOKE, Dialect

__all__ = [
    "PAIRS",
    "WEATHER",
    "address",
    "asked",
    "meeting",
    "on_each",
    "on_pairs",
    "quality_of_cut",
    "said",
    "user",
]

KEY = "hazard-key-0123456789"
PAIRS = [(one, other) for one in DIALECTS for other in DIALECTS if one is not other]
# Anthropic's dialect on Bedrock is another provider's than either.
_OF_CLAUDE = [each for each in DIALECTS if each.provider in {"anthropic", "bedrock"}]
PAIRS += [pair for each in _OF_CLAUDE for pair in ((each, INVOKE), (INVOKE, each))]

WEATHER = Tool(
    name="weather",
    description="The weather in a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)

on_each = pytest.mark.parametrize("dialect", DIALECTS, ids=[each.provider for each in DIALECTS])
on_pairs = pytest.mark.parametrize(
    ("one", "other"), PAIRS, ids=[f"{one.provider}-{other.provider}" for one, other in PAIRS]
)


def address(dialect: Dialect) -> str:
    """A dialect's model, as a client is asked for it."""
    return f"{dialect.provider}/{dialect.model}"


def user(text: str) -> Message:
    return Message(role="user", content=text)


def said(text: str) -> Reply:
    return Reply(content=text)


def quality_of_cut(dialect: Dialect) -> str:
    """What is known of the tokens of an answer that was cut: some wires count from the beginning."""
    return "partial" if dialect.provider in {"anthropic", "gemini"} else "estimated"


@asynccontextmanager
async def meeting(replies: Script | None = None) -> AsyncIterator[tuple[AsyncClient, Simulator]]:
    """A client and the simulator that it asks."""
    async with Simulator(replies) as simulator:
        settings = {
            each.provider: ProviderConfig(
                base_url=simulator.url_for(each.provider.partition("-")[0]),
                api_key=Secret(KEY),
                options={"region": "us-east-1"} if "bedrock" in each.provider else {},
            )
            for each in [*DIALECTS, INVOKE]
        }
        # Parameters are not the matter here: gpt-4.1 is asked to think, too.
        config = Config(
            providers=settings, failover=FailoverConfig(max_wait=0), on_unsupported="drop"
        )
        async with AsyncClient(config) as client:
            yield client, simulator


async def asked(
    client: AsyncClient, dialect: Dialect, messages: list[Message], *, stream: bool, **fields: Any
) -> ChatCompletion:
    """The answer to a conversation, streamed or plain."""
    if stream:
        return await client.stream(address(dialect), messages=messages, **fields).collect()
    return await client.complete(address(dialect), messages=messages, **fields)
