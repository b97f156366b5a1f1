"""What a model is known not to be able to do is not sent to it; what is not known stops nothing."""

from typing import Any

import pytest

from aisopod import (
    AllAttemptsFailedError,
    AsyncClient,
    CatalogueConfig,
    ChatCompletionRequest,
    ContextLengthError,
    ImagePart,
    Message,
    ModelConfig,
    ModelNotFoundError,
    TextPart,
    Tool,
    UnsupportedFeatureError,
)
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
