"""Tokens told by OpenAI's own vocabulary, or without it by length."""

import sys
from typing import Any

import pytest
import tiktoken

from aisopod import AsyncClient, Config, Message, ProviderConfig, Secret, Tool

CONFIG = Config(providers={"openai": ProviderConfig(api_key=Secret("sk-0123456789"))})

# The real one is downloaded; this one has every byte, and a word of its own.
VOCABULARY = tiktoken.Encoding(
    "toy",
    pat_str=r"\w+|\s+|[^\s\w]+",
    mergeable_ranks={bytes([byte]): byte for byte in range(256)} | {b"hi": 256},
    special_tokens={"<|end|>": 257},
)


async def counted(*messages: Message, **fields: Any) -> tuple[int, str, str]:
    async with AsyncClient(CONFIG) as client:
        count = await client.count_tokens("openai/gpt-4o", messages=messages, **fields)
    return count.tokens, count.quality, count.method


async def test_the_vocabulary_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiktoken, "encoding_for_model", lambda _: VOCABULARY)
    assert await counted(Message(role="user", content="hi")) == (1 + 4, "estimated", "tiktoken")
    # What would be a control token is the text that it is in a request.
    tokens, _, _ = await counted(Message(role="user", content="<|end|>"))
    assert tokens == 7 + 4


async def test_a_model_that_it_does_not_know_has_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def unknown(model: str) -> tiktoken.Encoding:
        raise KeyError(model)

    def named(name: str) -> tiktoken.Encoding:
        asked.append(name)
        return VOCABULARY

    monkeypatch.setattr(tiktoken, "encoding_for_model", unknown)
    monkeypatch.setattr(tiktoken, "get_encoding", named)
    assert (await counted(Message(role="user", content="hi")))[2] == "tiktoken"
    assert asked == ["o200k_base"]


async def test_without_its_vocabulary_lengths_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: str) -> tiktoken.Encoding:
        raise ConnectionError("no network")

    monkeypatch.setattr(tiktoken, "encoding_for_model", away)
    assert await counted(Message(role="user", content="hello")) == (2 + 4, "estimated", "length")


async def test_without_the_extra_lengths_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    alone = await counted(Message(role="user", content="hello"))
    assert alone == (2 + 4, "estimated", "length")
    tool = Tool(name="weather", description="What it is like outside")
    assert (await counted(Message(role="user", content="hello"), tools=[tool]))[0] > alone[0] + 5
