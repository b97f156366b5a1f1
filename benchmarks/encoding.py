"""What it costs to fit a conversation to a wire and encode it: CPU time, in milliseconds.

    python benchmarks/encoding.py [--messages 200 1000 5000] [--peer litellm|pydantic-ai]

A conversation of turns with tools: user, calls, results, answer. `process_time` of the best of
several rounds, so that other programs on the machine count little. A peer is measured by the
mapping that it does before it sends, in an environment where it is installed:

    uv run --no-project --with litellm python benchmarks/encoding.py --peer litellm
    uv run --no-project --with pydantic-ai-slim[anthropic] python benchmarks/encoding.py --peer pydantic-ai
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

MODELS = {
    "anthropic": "claude-sonnet-4-5",
    "openai": "gpt-4o",
    "gemini": "gemini-3-pro",
    "bedrock": "anthropic.claude-sonnet-4-5-v1:0",
    "ollama": "llama3",
}
TEXT = "The weather in the north is what it was, and nobody there expects that to change. " * 4
ARGUMENTS = '{"city": "Tromsø", "days": 3, "units": "metric"}'


def best(run: Callable[[], object], rounds: int = 15) -> float:
    """Milliseconds of CPU time of the fastest round."""
    run()
    times = []
    for _ in range(rounds):
        started = time.process_time()
        run()
        times.append(time.process_time() - started)
    return min(times) * 1000


def aisopod_runs(count: int, *, foreign: bool) -> dict[str, Callable[[], object]]:
    from aisopod.normalise.target import Target
    from aisopod.providers.registry import find
    from aisopod.types import ChatCompletionRequest, Message, TextPart, ThinkingPart, Tool, ToolCall

    messages = [Message(role="system", content="Be brief.")]
    for turn in range(count // 4):
        # Ids, thinking and an error that another provider's wire would not take as they are.
        id_ = f"functions.weather:{turn}" if foreign else f"call_{turn}"
        thinking = [ThinkingPart(text=TEXT, signature="s", provider="else")] * foreign
        messages += [
            Message(role="user", content=TEXT),
            Message(
                role="assistant",
                content=[*thinking, TextPart(text=TEXT)],
                tool_calls=[ToolCall(id=id_, name="weather", arguments=ARGUMENTS)],
            ),
            Message(role="tool", tool_call_id=id_, name="weather", content=TEXT, is_error=foreign),
            Message(role="assistant", content=TEXT),
        ]
    messages.append(Message(role="user", content=TEXT))
    runs: dict[str, Callable[[], object]] = {}
    for name, model in MODELS.items():
        host = find(name)
        request = ChatCompletionRequest(
            model=model, messages=messages, tools=[Tool(name="weather")]
        )
        target = Target(provider=name, model=model, quirks=host.quirks)
        runs[name] = lambda host=host, request=request, target=target: host.codec.encode(
            request, target
        )
    return runs


def openai_messages(count: int) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": "Be brief."}]
    for turn in range(count // 4):
        function = {"name": "weather", "arguments": ARGUMENTS}
        call = {"id": f"call_{turn}", "type": "function", "function": function}
        messages += [
            {"role": "user", "content": TEXT},
            {"role": "assistant", "content": TEXT, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{turn}", "content": TEXT},
            {"role": "assistant", "content": TEXT},
        ]
    return [*messages, {"role": "user", "content": TEXT}]


def litellm_runs(count: int) -> dict[str, Callable[[], object]]:
    import json

    from litellm.litellm_core_utils.prompt_templates.factory import anthropic_messages_pt

    given = openai_messages(count)

    def run() -> object:
        # It changes its input, so each round has its own.
        own = [dict(message) for message in given[1:]]
        mapped = anthropic_messages_pt(own, model=MODELS["anthropic"], llm_provider="anthropic")
        return json.dumps({"messages": mapped})

    return {"anthropic": run}


def pydantic_ai_runs(count: int) -> dict[str, Callable[[], object]]:
    import json

    from pydantic_ai.messages import (
        ModelRequest,
        ModelResponse,
        TextPart,
        ToolCallPart,
        ToolReturnPart,
        UserPromptPart,
    )
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    history: list[Any] = []
    for turn in range(count // 4):
        call = ToolCallPart("weather", ARGUMENTS, tool_call_id=f"call_{turn}")
        history += [
            ModelRequest(parts=[UserPromptPart(TEXT)]),
            ModelResponse(parts=[TextPart(TEXT), call]),
            ModelRequest(parts=[ToolReturnPart("weather", TEXT, tool_call_id=f"call_{turn}")]),
            ModelResponse(parts=[TextPart(TEXT)]),
        ]
    history.append(ModelRequest(parts=[UserPromptPart(TEXT)]))
    model = AnthropicModel(MODELS["anthropic"], provider=AnthropicProvider(api_key="x"))
    loop = asyncio.new_event_loop()

    def run() -> object:
        _, mapped = loop.run_until_complete(
            model._map_message(history, ModelRequestParameters(), {})  # noqa: SLF001
        )
        return json.dumps({"messages": mapped})

    return {"anthropic": run}


PEERS = {"litellm": litellm_runs, "pydantic-ai": pydantic_ai_runs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, nargs="+", default=[200, 1000, 5000])
    parser.add_argument("--peer", choices=PEERS)
    given = parser.parse_args()
    for count in given.messages:
        rounds = 15 if count <= 1000 else 5
        if given.peer:
            sides = {given.peer: PEERS[given.peer](count)}
        else:
            sides = {
                "own history": aisopod_runs(count, foreign=False),
                "another's": aisopod_runs(count, foreign=True),
            }
        for side, runs in sides.items():
            for wire, run in runs.items():
                print(f"{count:6d} messages  {side:12s} {wire:10s} {best(run, rounds):8.2f} ms")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
