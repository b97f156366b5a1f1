"""What a model is known not to be able to do is not sent to it; what is not known stops nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisopod import (
    AllAttemptsFailedError,
    AsyncClient,
    CatalogueConfig,
    ChatCompletionRequest,
    ContextLengthError,
    ImagePart,
    JsonSchema,
    Message,
    ModelConfig,
    ModelNotFoundError,
    TextPart,
    Tool,
    ToolCall,
    UnsupportedFeatureError,
)
from aisopod.normalise.estimate import estimate_tokens, most_tokens
from failover.conftest import CLAUDE, OPENAI, World

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
PICTURE = Message(role="user", content=[TextPart(text="what is it?"), ImagePart(data=PNG)])
BLIND = ModelConfig(input=["text"])


def client(world: World, *names: str, **models: Any) -> AsyncClient:
    told = {f"openai/{name}": model for name, model in models.items()}
    return world.client(*(names or ("a", "b")), config={"models": told})


async def test_a_picture_goes_to_nobody_who_is_blind(world: World) -> None:
    asking = client(world, mine=BLIND)
    with pytest.raises(UnsupportedFeatureError, match=r"openai/mine sees no images \(user\)"):
        await asking.complete("openai/mine", messages=[PICTURE])
    assert world.asked == []
    assert (await asking.complete("openai/mine", "hi")).text == "fine"


async def test_it_goes_to_the_candidate_that_sees(world: World) -> None:
    answer = await client(world, mine=BLIND).complete(
        models=["openai/mine", CLAUDE], messages=[PICTURE]
    )
    assert world.asked == ["claude"]
    assert [attempt.provider for attempt in answer.attempts] == ["anthropic"]
    [passed_over] = answer.warnings
    assert passed_over.rule == "unfit"
    assert "openai/mine was not asked" in passed_over.message
    assert "sees no images" in passed_over.message


async def test_with_nobody_left_all_is_told(world: World) -> None:
    asking = client(world, mine=BLIND, other=BLIND)
    with pytest.raises(AllAttemptsFailedError, match="not sent: UnsupportedFeatureError") as caught:
        await asking.complete(models=["openai/mine", "openai/other"], messages=[PICTURE])
    assert len(caught.value.errors) == 2
    assert world.asked == []


async def test_tools_go_to_nobody_who_calls_none(world: World) -> None:
    asking = client(world, mine=ModelConfig(tools=False))
    with pytest.raises(UnsupportedFeatureError, match="openai/mine calls no tools") as caught:
        await asking.complete("openai/mine", "hi", tools=[Tool(name="t")])
    assert caught.value.field == "tools"
    assert world.asked == []


async def test_what_is_not_known_stops_nothing(world: World) -> None:
    asking = client(world)
    request = ChatCompletionRequest(
        model="openai/a-model-that-nobody-knows",
        messages=[PICTURE, Message(role="user", content="long " * 50_000)],
        tools=[Tool(name="t")],
    )
    assert (await asking.complete(request)).text == "fine"


async def test_it_can_be_switched_off(world: World) -> None:
    asking = world.client(
        "a",
        config={"models": {"openai/mine": BLIND}, "catalogue": CatalogueConfig(check=False)},
    )
    assert (await asking.complete("openai/mine", messages=[PICTURE])).text == "fine"


async def test_too_long_a_prompt_is_told_at_once(world: World) -> None:
    asking = client(world, mine=ModelConfig(context_window=1000))
    with pytest.raises(ContextLengthError, match=r"has about 5,00\d tokens, and the window is 1,000") as caught:  # fmt: skip
        await asking.complete("openai/mine", "word " * 4000)
    assert (caught.value.limit, caught.value.size) == (1000, 5004)
    assert world.asked == []
    # A guess that is not far beyond the window is no proof.
    assert (await asking.complete("openai/mine", "word " * 1000)).text == "fine"
    assert (await asking.complete("openai/mine", "hi")).text == "fine"


HEAVY: dict[str, dict[str, Any]] = {
    "arguments": {"messages": [
        Message(role="user", content="hi"),
        Message(role="assistant", content="", tool_calls=[
            ToolCall(id="c", name="t", arguments='{"a": "' + "word " * 5_000 + '"}'),
        ]),
        Message(role="tool", tool_call_id="c", content="done"),
    ], "tools": [Tool(name="t")]},
    "result": {"messages": [
        Message(role="user", content="hi"),
        Message(role="assistant", content="", tool_calls=[ToolCall(id="c", name="t", arguments="{}")]),
        Message(role="tool", tool_call_id="c", content=[TextPart(text="word " * 5_000)]),
    ], "tools": [Tool(name="t")]},
    "description": {"tools": [Tool(name="t", description="word " * 5_000)]},
    "parameters": {"tools": [Tool(name="t", parameters={
        "type": "object", "properties": {"a": {"type": "string", "description": "word " * 5_000}},
    })]},
    "schema": {"response_format": JsonSchema(schema={
        "type": "object", "properties": {"a": {"type": "string", "enum": ["word"] * 5_000}},
    })},
    "pictures": {"messages": [Message(role="user", content=[ImagePart(data=PNG)] * 200)]},
    # Some three bytes a letter, and a letter may be a token or more.
    "Chinese": {"messages": [Message(role="user", content="天空为什么是蓝的" * 300)]},
    "emoji": {"messages": [Message(role="user", content="🦜" * 1_590)]},
    "Chinese in parts": {"messages": [
        Message(role="user", content=[TextPart(text="天空为什么是蓝的" * 300)]),
    ]},
    "many messages": {"messages": [Message(role="user", content="?")] * 1_500},
}  # fmt: skip


@pytest.mark.parametrize("heavy", HEAVY.values(), ids=HEAVY)
async def test_whatever_a_prompt_is_long_by_it_is_seen(world: World, heavy: dict[str, Any]) -> None:
    asking = client(world, mine=ModelConfig(context_window=1000))
    with pytest.raises(ContextLengthError):
        await asking.complete("openai/mine", **{"prompt": "hi"} | heavy)
    assert world.asked == []


async def test_pictures_are_guessed_at_their_smallest_where_nobody_counts(world: World) -> None:
    """They may take 1,600 tokens or 85 each: only a window that is too small for these is proof."""
    pictures = Message(role="user", content=[ImagePart(data=PNG)] * 200)
    asking = client(world, mine=ModelConfig(context_window=100_000))
    assert (await asking.complete("openai/mine", messages=[pictures])).text == "fine"
    window = {"anthropic/claude-x": ModelConfig(context_window=10_000)}
    counting = world.client("a", config={"models": window})
    await counting.complete("anthropic/claude-x", messages=[pictures])
    assert sum("count_tokens" in request.path for request in world.simulator.requests) == 1


WORDS = st.text(max_size=30)
REQUESTS = st.builds(
    ChatCompletionRequest,
    model=st.just("m"),
    messages=st.lists(
        st.builds(
            Message,
            role=st.sampled_from(["user", "assistant"]),
            content=WORDS | st.lists(st.builds(TextPart, text=WORDS), max_size=3),
            tool_calls=st.lists(
                st.builds(ToolCall, id=st.just("c"), name=st.just("t"), arguments=WORDS), max_size=2
            ),
        ),
        max_size=4,
    ),
    tools=st.lists(st.builds(Tool, name=st.just("t"), description=WORDS), max_size=2),
)


@given(REQUESTS)
def test_no_prompt_is_longer_than_what_is_looked_at_first(request: ChatCompletionRequest) -> None:
    def as_bytes(text: str) -> int:
        return len(text.encode("utf-8", "surrogatepass"))

    assert estimate_tokens(request) <= estimate_tokens(request, as_bytes) <= most_tokens(request)


async def test_where_the_provider_counts_the_count_decides(world: World) -> None:
    window = {"anthropic/claude-x": ModelConfig(context_window=1000)}
    asking = world.client("a", config={"models": window})
    with pytest.raises(ContextLengthError) as caught:
        await asking.complete("anthropic/claude-x", "abc " * 1120)
    assert "about" not in str(caught.value)
    assert world.asked == []
    assert [r.path.partition("?")[0] for r in world.simulator.requests] == [
        "/v1/messages/count_tokens"
    ]
    answer = await asking.complete(models=["anthropic/claude-x", OPENAI], prompt="abc " * 1120)
    assert answer.attempts[-1].provider == "openai"


async def test_families_have_names(world: World) -> None:
    asking = client(world)
    assert asking.model("sonnet").provider == "anthropic"
    assert "sonnet" in asking.model("sonnet").id
    answer = await asking.complete("sonnet", "hi")
    assert answer.attempts[-1].model == asking.model("sonnet").id
    mine = world.client("a", config={"aliases": {"sonnet": OPENAI}})
    assert mine.model("sonnet").id == "gpt-4o"


async def test_a_name_that_nobody_has_gets_the_nearest(world: World) -> None:
    world.fail("a", status=404, body=b'{"error":{"code":"model_not_found","message":"no"}}')
    with pytest.raises(ModelNotFoundError, match=r"no; did you mean openai/gpt-4\.1") as caught:
        await client(world, "a").complete("openai/gpt4.1", "hi")
    assert caught.value.model == "gpt4.1"
