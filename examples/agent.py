r"""An agent: models in turns, three tools, and a loop that can be stopped and taken up anywhere.

    python examples/agent.py --models anthropic/claude-opus-4-8,openai/gpt-5.2 --state agent.json \
        --folder docs "How many kinds of fault does testing.md list? What is that times 17?"

The next model of the list is asked at every turn. The conversation is the same for all of them, and
it is the loop's only state: stop it with Ctrl-C, leave out the question, and it goes on.
"""

import argparse
import ast
import asyncio
import operator
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec

from aisopod import AsyncClient, Message, ToolCall

Function = Callable[..., str]

SYSTEM = "Use the tools for what you cannot know or might get wrong. Then answer in one sentence."
OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
}  # no power: "9**9**9" would never end


def calculate(expression: str) -> str:
    """Work out an arithmetic expression with + - * / and brackets, such as "(2 + 3) * 4"."""

    def value(node: ast.AST) -> float:
        match node:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
                return OPERATORS[type(op)](value(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return OPERATORS[type(op)](value(left), value(right))
        raise ValueError(f"only numbers, + - * / and brackets, not {ast.unparse(node)!r}")

    return str(value(ast.parse(expression.strip(), mode="eval").body))


def clock() -> str:
    """Tell the date and the time, with the offset from UTC."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def reader(folder: Path) -> Function:
    """Make a tool that reads what is in a folder, and nothing outside of it."""

    def read_file(name: str) -> str:
        """Read a text file by its path within the folder, such as "notes/today.txt"."""
        path = (folder / name).resolve()  # follows links, so that none leads out
        if not path.is_relative_to(folder.resolve()):
            raise ValueError(f"{name!r} is outside the folder")
        return path.read_text()[:20_000]

    return read_file


async def result_of(call: ToolCall, tools: Sequence[Function]) -> Message:
    """Do what a call asks for; what goes wrong is for the model to know."""
    named = {tool.__name__: tool for tool in tools}
    try:
        content, failed = await asyncio.to_thread(named[call.name], **call.parse()), False
    except Exception as error:  # noqa: BLE001 - the model may have made up the call, or any of it
        content, failed = f"{type(error).__name__}: {error}", True
    return Message(
        role="tool", tool_call_id=call.id, name=call.name, content=content, is_error=failed
    )


def unanswered(messages: Sequence[Message]) -> list[ToolCall]:
    """The last answer's calls without a result; results are kept in the calls' order."""
    done = len(list(takewhile(lambda message: message.role == "tool", reversed(messages))))
    return messages[-1 - done].tool_calls[done:]


async def run(
    client: AsyncClient,
    models: Sequence[str],
    messages: list[Message],
    tools: Sequence[Function],
    save: Callable[[list[Message]], object],
    **asked: Any,
) -> str:
    """Ask and call tools until an answer calls none; give its text.

    What comes next is told by `messages` alone, and nothing is awaited between a step and its
    saving: whoever cancels loses the one answer or result that was under way.
    """
    while True:
        for call in unanswered(messages):
            messages.append(await result_of(call, tools))
            save(messages)
        if messages[-1].role == "assistant":
            return messages[-1].text
        model = models[sum(m.role == "assistant" for m in messages) % len(models)]
        async with client.stream(model, messages=messages, tools=tools, **asked) as stream:
            async for chunk in stream:
                print(chunk.delta.content or "", end="", flush=True)
        messages.append(stream.response.message)
        save(messages)


async def main(arguments: Sequence[str] | None = None) -> None:
    """Ask, or go on where the last run was stopped."""
    parser = argparse.ArgumentParser(description="A model with a calculator, files and a clock.")
    parser.add_argument("question", nargs="?", help="leave it out to go on with what is saved")
    parser.add_argument("--models", required=True, help="provider/model, separated by commas")
    parser.add_argument("--folder", type=Path, default=Path(), help="what the models may read")
    parser.add_argument("--state", type=Path, help="the conversation's file, renewed at every step")
    given = parser.parse_args(arguments)

    def save(messages: list[Message]) -> None:
        if given.state is not None:  # in one step, so that a whole conversation is always there
            part = given.state.with_name(given.state.name + ".part")
            part.write_bytes(msgspec.json.encode(messages))
            part.replace(given.state)

    messages = [Message(role="system", content=SYSTEM)]
    if given.state is not None and given.state.exists():
        messages = msgspec.json.decode(given.state.read_bytes(), type=list[Message])
    if given.question is not None:
        messages.append(Message(role="user", content=given.question))
        save(messages)
    tools: list[Function] = [calculate, clock, reader(given.folder)]
    async with AsyncClient() as client:
        await run(client, given.models.split(","), messages, tools, save)


if __name__ == "__main__":
    asyncio.run(main())
