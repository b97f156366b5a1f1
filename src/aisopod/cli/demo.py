"""`aisopod demo`: the main job in one go, with a real provider if there is one, else simulated."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator

import click

import aisopod
from aisopod import AisopodError, AsyncClient, Message, Timeouts
from aisopod.config import Config, ProviderConfig

__all__ = ["demo"]

# A demonstration needs no more than a small model; the names that vendors give to those.
_SMALL = re.compile(r"haiku|mini|flash|small|nano|lite|8b|3b|1b", re.IGNORECASE)
_NO_CHAT = re.compile(r"embed|audio|realtime|image|tts|whisper|moderation|search|transcribe|codex")


@click.command()
@click.option("--simulated", is_flag=True, help="Use the simulator even if a provider is set up.")
def demo(simulated: bool) -> None:
    """Show a streamed answer, a tool call and the usage, with whatever is at hand."""
    asyncio.run(_demo(simulated=simulated))


async def _demo(*, simulated: bool) -> None:
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(AsyncClient())
        found = None if simulated else await _real_model(client)
        base_url = None
        if found is None:
            model = "openai/simulated"
            base_url = stack.enter_context(_simulated_url())
            client = await stack.enter_async_context(_keyed_client(base_url))
            click.echo(
                "No provider is configured: every answer below is SIMULATED, no model is asked."
            )
            click.echo("Set ANTHROPIC_API_KEY or OPENAI_API_KEY, or start Ollama, for real ones.")
        else:
            model = found
            click.echo(f"Using {model}, which is configured here: the answers are real.")
        await _chat(client, model)
        await _tool_round(client, model)


async def _real_model(client: AsyncClient) -> str | None:
    """`provider/model` of a provider that is configured and answers, or None."""
    if client.config.default_model:
        return client.config.default_model
    configured = client.usable_providers()
    # Ollama needs no set-up, so nothing but its answer tells that it is there.
    for provider in dict.fromkeys([*configured, "ollama"]):
        health = await client.health_check(provider)
        if not health.ok:
            if provider in configured:
                click.echo(f"{provider} is configured but cannot be used: {health.problem}")
            continue
        with contextlib.suppress(AisopodError):
            names = [model.id for model in await client.list_models(provider)]
            chats = [name for name in names if not _NO_CHAT.search(name)]
            small = [name for name in chats if _SMALL.search(name)]
            if chats:
                return f"{provider}/{(small or chats)[0]}"
    return None


@contextlib.contextmanager
def _simulated_url() -> Iterator[str]:
    from aisopod.simulator import Simulator

    with Simulator() as simulator:
        yield simulator.url_for("openai")


@contextlib.asynccontextmanager
async def _keyed_client(base_url: str) -> AsyncIterator[AsyncClient]:
    settings = ProviderConfig(base_url=base_url, api_key=aisopod.Secret("simulated"))
    async with AsyncClient(Config(providers={"openai": settings})) as client:
        yield client


async def _chat(client: AsyncClient, model: str) -> None:
    prompt = "In one sentence: why is the sky blue?"
    click.echo(f"\n> {prompt}")
    limits = Timeouts(first_token=60.0, idle=60.0)
    async with client.stream(model, prompt, max_tokens=200, timeouts=limits) as stream:
        async for chunk in stream:
            click.echo(chunk.delta.content or "", nl=False)
    response = stream.response
    click.echo(f"\n  [{response.finish_reason}] {_figures(response)}")


async def _tool_round(client: AsyncClient, model: str) -> None:
    def get_weather(city: str) -> str:
        """Today's weather in a city."""
        return f"sunny, 23 degrees in {city}"

    prompt = "Use get_weather: how is the weather in Bonn?"
    click.echo(f"\n> {prompt}")
    messages = [Message(role="user", content=prompt)]
    response = await client.complete(model, messages=messages, tools=[get_weather], max_tokens=500)
    if not response.tool_calls:
        click.echo(f"{response.text}\n  [the model called no tool]")
        return
    messages.append(response.message)
    for call in response.tool_calls:
        result = get_weather(**call.parse())
        click.echo(f"  {call.name}({call.arguments}) -> {result}")
        messages.append(Message(role="tool", tool_call_id=call.id, content=result))
    response = await client.complete(model, messages=messages, tools=[get_weather], max_tokens=500)
    click.echo(f"{response.text}\n  [{response.finish_reason}] {_figures(response)}")


def _figures(response: aisopod.ChatCompletion) -> str:
    usage, info = response.usage, response.info
    tokens = f"{usage.input_tokens} tokens in, {usage.output_tokens} out" if usage else "no usage"
    first = info.first_token_seconds if info else None
    return tokens if first is None else f"{tokens}, first after {first:.3f} s"
