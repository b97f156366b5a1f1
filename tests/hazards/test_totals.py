"""Tokens: streamed and plain the same; what an answer that was left had told is partial."""

import msgspec
import pytest

from aisopod import AisopodError
from aisopod.simulator import Fault, Reply
from aisopod.types import ThinkingPart, TokenUsage
from hazards.ends import address, asked, meeting, on_each, quality_of_cut, user
from support.dialects import Dialect

# What each wire has a place for beside input and output.
TOLD: dict[str, dict[str, int]] = {
    "anthropic": {"cache_read_tokens": 30, "cache_write_tokens": 20, "reasoning_tokens": 5},
    "openai": {"cache_read_tokens": 30, "reasoning_tokens": 5},
    "gemini": {"cache_read_tokens": 30, "reasoning_tokens": 5},
    "bedrock": {"cache_read_tokens": 30, "cache_write_tokens": 20},
    "ollama": {},
}
ENDINGS = ["stop", "length", "tool_calls"]


def usage_of(dialect: Dialect) -> TokenUsage:
    told = {"input_tokens": 100, "output_tokens": 17, **TOLD[dialect.provider]}
    return msgspec.convert(told, TokenUsage)


@pytest.mark.parametrize("ending", ENDINGS)
@on_each
async def test_streamed_and_plain_are_equal(dialect: Dialect, ending: str) -> None:
    usage = usage_of(dialect)
    reply = Reply(
        content=[ThinkingPart(text="Hm."), *Reply(content="one two three").items],
        finish_reason=None if ending == "tool_calls" else ending, usage=usage,
    )  # fmt: skip
    async with meeting([reply]) as (client, _):
        streamed, plain = [
            (await asked(client, dialect, [user("hi")], stream=stream, reasoning="medium")).usage
            for stream in (True, False)
        ]
    assert streamed == plain == usage
    assert streamed is not None
    assert streamed.quality == "exact"


@pytest.mark.parametrize("after", [1, 3])
@on_each
async def test_left_or_broken_is_partial(dialect: Dialect, after: int) -> None:
    text = "one two three four five"
    replies = [
        Reply(content=text, usage=usage_of(dialect), delay=0.02),
        Reply(content=text, usage=usage_of(dialect), fault=Fault(kind="drop", after=after)),
    ]
    async with meeting(replies) as (client, _):
        stream = client.stream(address(dialect), messages=[user("hi")])
        async with stream:
            seen = 0
            async for chunk in stream:
                seen += chunk.delta.has_content
                if seen == after:
                    break
        left = stream.response.usage
        with pytest.raises(AisopodError) as caught:
            await asked(client, dialect, [user("hi")], stream=True)
    assert caught.value.partial is not None
    for usage in (left, caught.value.partial.usage):
        assert usage is not None
        assert usage.quality == quality_of_cut(dialect)
        assert usage.output_tokens <= 17
