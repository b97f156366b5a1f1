"""Parameters of a request on the Messages wire, rule by rule."""

from typing import Any

import msgspec
import pytest

from aisopod.codecs.anthropic_messages.codec import codec
from aisopod.codecs.anthropic_messages.counting import count_body
from aisopod.codecs.codec import Encoded
from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.normalise.target import Target
from aisopod.normalise.validate import validate
from aisopod.types import (
    CacheControl,
    ChatCompletionRequest,
    JsonSchema,
    Message,
    OnUnsupported,
    OpaqueTool,
    Reasoning,
    Tool,
    ToolChoice,
)

HI = [Message(role="user", content="hi")]
TOOL = Tool(name="look", description="Look it up", parameters={"properties": {"q": {}}})
SONNET = "claude-sonnet-4-5-20250929"


def encoded(model: str = SONNET, policy: OnUnsupported = "error", **fields: Any) -> Encoded:
    target = Target(provider="anthropic", model=model, on_unsupported=policy)
    request = ChatCompletionRequest(model=model, **{"messages": HI, **fields})
    return codec.encode(validate(request), target)


def body(model: str = SONNET, policy: OnUnsupported = "error", **fields: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(encoded(model, policy, **fields).body)
    return decoded


def rules(made: Encoded) -> list[str]:
    return [warning.rule for warning in made.warnings]


def test_the_least_request() -> None:
    assert body() == {
        "model": SONNET,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "max_tokens": 64_000,
        "stream": True,
    }


@pytest.mark.parametrize(
    ("model", "stream", "max_tokens"),
    [
        ("claude-opus-5-5", True, 128_000),
        ("claude-opus-5-5", False, 21_333),
        ("claude-3-haiku-20240307", False, 4_096),
        ("claude-next-9", True, 128_000),
        ("qwen3", True, 4_096),
    ],
)
def test_max_tokens_that_are_not_given(model: str, stream: bool, max_tokens: int) -> None:
    assert body(model, stream=stream)["max_tokens"] == max_tokens


def test_given_parameters() -> None:
    made = body(
        max_tokens=5,
        stop=["END"],
        temperature=0.5,
        top_p=0.9,
        metadata={"user_id": "u"},
        cache=CacheControl(ttl="1h"),
        extra={"service_tier": "auto", "max_tokens": 6},
    )
    assert made["max_tokens"] == 6  # extra wins
    assert made["stop_sequences"] == ["END"]
    assert (made["temperature"], made["top_p"]) == (0.5, 0.9)
    assert made["metadata"] == {"user_id": "u"}
    assert made["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert made["service_tier"] == "auto"


@pytest.mark.parametrize(
    ("model", "fields", "field"),
    [
        ("claude-opus-4-8", {"temperature": 0.5}, "temperature"),
        ("claude-opus-5-5", {"top_p": 0.5}, "top_p"),
        (SONNET, {"seed": 1}, "seed"),
        (SONNET, {"metadata": {"team": "x"}}, "metadata.team"),
        ("claude-fable-5-2", {"reasoning": Reasoning(effort="none")}, "reasoning.effort"),
        ("claude-opus-5", {"reasoning": Reasoning(budget_tokens=2000)}, "reasoning.budget_tokens"),
        ("claude-opus-4-6", {"reasoning": Reasoning(effort="xhigh")}, "reasoning.effort"),
        ("claude-3-haiku", {"reasoning": Reasoning(effort="low")}, "reasoning"),
        (SONNET, {"reasoning": Reasoning(effort="low"), "temperature": 0.5}, "temperature"),
        (
            "claude-sonnet-5-5",
            {"tools": [TOOL], "tool_choice": "required"},
            "tool_choice",
        ),
        (
            SONNET,
            {"tools": [TOOL], "tool_choice": "required", "reasoning": Reasoning(effort="low")},
            "tool_choice",
        ),
    ],
)
def test_what_the_model_does_not_take(model: str, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(UnsupportedFeatureError) as caught:
        encoded(model, **fields)
    assert caught.value.field == field
    assert caught.value.remedy
    dropped = encoded(model, "drop", **fields)
    assert [warning.field for warning in dropped.warnings] == [field]
    made = msgspec.json.decode(dropped.body)
    for name in ("temperature", "top_p", "seed", "metadata"):
        assert name not in made
    assert made.get("tool_choice", {"type": "auto"}) == {"type": "auto"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"response_format": "json"}, "response_format"),
        ({"tools": [OpaqueTool(provider="openai", data={})]}, "tools[0]"),
    ],
)
def test_what_is_refused_whatever_the_policy(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(UnsupportedFeatureError) as caught:
        encoded(policy="drop", **fields)
    assert caught.value.field == field
    assert caught.value.remedy


def test_a_temperature_above_one_is_invalid() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        encoded(policy="drop", temperature=1.5)
    assert (caught.value.field, caught.value.value) == ("temperature", "1.5")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("model", "wish", "thinking", "effort"),
    [
        ("claude-opus-5-5", Reasoning(effort="xhigh"), {"type": "adaptive"}, "xhigh"),
        ("claude-opus-5-5", Reasoning(effort="minimal"), {"type": "adaptive"}, "low"),
        ("claude-opus-4-7", Reasoning(), {"type": "adaptive"}, None),
        (
            "claude-opus-5",
            Reasoning(effort="low", display="omitted"),
            {"type": "adaptive", "display": "omitted"},
            "low",
        ),
        ("claude-opus-5", Reasoning(effort="none"), {"type": "disabled"}, None),
        ("claude-sonnet-5-5", Reasoning(effort="none"), {"type": "between_tools"}, None),
        ("claude-haiku-5-5", Reasoning(effort="none"), {"type": "disabled"}, None),
        ("claude-3-haiku", Reasoning(effort="none"), None, None),
        ("claude-opus-4-6", Reasoning(effort="max"), {"type": "adaptive"}, "max"),
        (
            "claude-sonnet-4-6",
            Reasoning(budget_tokens=2000, effort="low"),
            {"type": "enabled", "budget_tokens": 2000},
            "low",
        ),
        ("claude-opus-4-5", Reasoning(effort="low"), {"type": "enabled", "budget_tokens": 2048}, "low"),
        (SONNET, Reasoning(effort="medium"), {"type": "enabled", "budget_tokens": 8192}, None),
        (SONNET, Reasoning(effort="max"), {"type": "enabled", "budget_tokens": 32_000}, None),
        (SONNET, Reasoning(), {"type": "enabled", "budget_tokens": 8192}, None),
        (
            SONNET,
            Reasoning(budget_tokens=1024),
            {"type": "enabled", "budget_tokens": 1024},
            None,
        ),
    ],
)  # fmt: skip
def test_reasoning(
    model: str, wish: Reasoning, thinking: dict[str, Any] | None, effort: str | None
) -> None:
    made = body(model, reasoning=wish)
    assert made.get("thinking") == thinking
    assert made.get("output_config", {}).get("effort") == effort


@pytest.mark.parametrize(
    ("max_tokens", "stream", "budget"),
    [(4_000, True, 2_000), (1_500, True, 1_024), (None, False, 10_666)],
)
def test_a_budget_made_of_effort_leaves_room(
    max_tokens: int | None, stream: bool, budget: int
) -> None:
    made = body(reasoning=Reasoning(effort="max"), max_tokens=max_tokens, stream=stream)
    assert made["thinking"]["budget_tokens"] == budget < made["max_tokens"]


@pytest.mark.parametrize(
    ("budget", "max_tokens", "field"),
    [
        (1_000, 4_000, "reasoning.budget_tokens"),
        (4_000, 4_000, "reasoning.budget_tokens"),
        (None, 1_000, "max_tokens"),
    ],
)
def test_a_budget_that_does_not_fit(budget: int | None, max_tokens: int, field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        encoded(reasoning=Reasoning(budget_tokens=budget), max_tokens=max_tokens)
    assert caught.value.field == field


def test_effort_stays_when_a_budget_is_dropped() -> None:
    wish = Reasoning(effort="low", budget_tokens=2_000)
    made = body("claude-opus-5", "drop", reasoning=wish)
    assert made["output_config"] == {"effort": "low"}


@pytest.mark.parametrize(
    ("model", "tools", "headers"),
    [
        (SONNET, [TOOL], {"anthropic-beta": "interleaved-thinking-2025-05-14"}),
        (SONNET, [], {}),
        ("claude-opus-4-7", [TOOL], {}),
        ("claude-opus-4-6", [TOOL], {}),
    ],
)
def test_only_older_models_need_the_interleaved_beta(
    model: str, tools: list[Tool], headers: dict[str, str]
) -> None:
    assert encoded(model, tools=tools, reasoning=Reasoning(effort="low")).headers == headers


def test_tools() -> None:
    own = OpaqueTool(provider="anthropic", data={"type": "web_search_20250305", "name": "w"})
    strict = Tool(name="s", strict=True, cache=CacheControl())
    assert body(tools=[TOOL, strict, own])["tools"] == [
        {
            "name": "look",
            "description": "Look it up",
            "input_schema": {"type": "object", "properties": {"q": {}}},
        },
        {
            "name": "s",
            "input_schema": {"type": "object", "properties": {}, "additionalProperties": False},
            "strict": True,
            "cache_control": {"type": "ephemeral"},
        },
        {"type": "web_search_20250305", "name": "w"},
    ]


@pytest.mark.parametrize(
    ("choice", "parallel", "wire"),
    [
        (None, None, None),
        (None, True, None),
        ("auto", None, {"type": "auto"}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        (ToolChoice(name="look"), None, {"type": "tool", "name": "look"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
    ],
)
def test_tool_choice(choice: Any, parallel: bool | None, wire: dict[str, Any] | None) -> None:
    made = body(tools=[TOOL], tool_choice=choice, parallel_tool_calls=parallel)
    assert made.get("tool_choice") == wire


def test_a_schema_for_the_answer() -> None:
    schema = {"type": "object", "properties": {}}
    made = body("claude-opus-5", response_format=JsonSchema(schema=schema),
                reasoning=Reasoning(effort="low"))  # fmt: skip
    assert made["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": {**schema, "additionalProperties": False}},
    }
    assert "output_config" not in body(response_format="text")


def test_a_cache_key_is_not_on_this_wire() -> None:
    made = encoded(cache=CacheControl(key="k"))
    assert rules(made) == ["cache_key"]
    assert msgspec.json.decode(made.body)["cache_control"] == {"type": "ephemeral"}


def test_halves_of_characters_are_repaired() -> None:
    made = encoded(messages=[Message(role="user", content="a\ud800b \ud83d\ude00")])
    assert rules(made) == ["lone_surrogates"]
    [turn] = msgspec.json.decode(made.body)["messages"]
    assert turn["content"] == [{"type": "text", "text": "a\ufffdb \U0001f600"}]


def test_the_counting_call_takes_the_prompt_only() -> None:
    counted = msgspec.json.decode(
        count_body(
            encoded(
                tools=[TOOL], stop=["x"], temperature=1, metadata={"user_id": "u"},
                reasoning=Reasoning(effort="low"), extra={"service_tier": "auto"},
            ).body,
            "m",
        )
    )  # fmt: skip
    assert set(counted) == {"model", "messages", "tools", "thinking"}
