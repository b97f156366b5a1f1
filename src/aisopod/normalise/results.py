"""Results of calls: behind their calls, each once, and none missing."""

from collections.abc import Iterator

from aisopod.errors import InvalidRequestError
from aisopod.normalise.limits import Limits
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed, before
from aisopod.types import Message, TextPart, ToolCall

__all__ = ["NO_RESULT", "order_results", "tell_errors"]

NO_RESULT = "(no result)"
"""What stands for the result of a call that has none."""


def order_results(turns: list[Placed], limits: Limits, notes: Notes) -> list[Placed]:
    """Results right behind the message with their calls, in the calls' order, one for each.

    Why: Anthropic, Bedrock and OpenAI want every call answered at once, before anything else is
    said, and refuse a result without its call; Gemini wants as many results as calls. A result
    that comes after the next answer stays there as text: moved up, it would change what was sent
    before. A call without a result gets one that says so, where the wire wants one.

    Sources: https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use,
    https://platform.openai.com/docs/guides/function-calling,
    https://ai.google.dev/gemini-api/docs/function-calling

    Raises:
        InvalidRequestError: a result has no call there, and such are to be refused.
    """
    if _in_order(turns, required=limits.results_required):
        return turns
    ordered: list[Placed] = []
    seen: set[str] = set()
    for run, behind in _stretches(turns):
        seen.update(call.id for placed in run for call in placed.message.tool_calls)
        results = [placed for placed in behind if placed.message.role == "tool"]
        for placed in run:
            ordered.append(placed)
            for call in placed.message.tool_calls:
                result = _taken(results, call)
                if result is not None:
                    ordered.append(result)
                elif limits.results_required:
                    ordered.append(_missing(placed, call, notes))
        left = set(map(id, results))
        for placed in behind:
            if placed.message.role != "tool":
                ordered.append(placed)
            elif id(placed) in left:
                ordered.append(_orphan(placed, seen, notes))
    return ordered


def _in_order(turns: list[Placed], *, required: bool) -> bool:
    """Whether nothing needs to be done, as nearly always."""
    waiting: list[str] = []
    for placed in turns:
        message = placed.message
        if message.role == "tool":
            if not waiting or waiting[0] != message.tool_call_id:
                return False
            del waiting[0]
        else:
            if waiting:
                return False
            if message.tool_calls:
                waiting = [call.id for call in message.tool_calls]
    return not (waiting and required)


def _stretches(turns: list[Placed]) -> Iterator[tuple[list[Placed], list[Placed]]]:
    """Runs of the assistant's messages, each with what stands behind it up to the next run."""
    run: list[Placed] = []
    behind: list[Placed] = []
    for placed in turns:
        if placed.message.role != "assistant":
            behind.append(placed)
            continue
        if behind:
            yield run, behind
            run, behind = [], []
        run.append(placed)
    yield run, behind


def _taken(results: list[Placed], call: ToolCall) -> Placed | None:
    for place, result in enumerate(results):
        if result.message.tool_call_id == call.id:
            return results.pop(place)
    return None


def _missing(placed: Placed, call: ToolCall, notes: Notes) -> Placed:
    notes.warn(
        "missing_result",
        f"the call of {call.name} ({call.id}) has no result: one was added that says so",
        index=placed.index,
        action="added",
    )
    made = Message(
        role="tool", tool_call_id=call.id, name=call.name, content=NO_RESULT, is_error=True
    )
    return Placed(placed.index, made)


def _orphan(placed: Placed, seen: set[str], notes: Notes) -> Placed:
    message = placed.message
    call_id = message.tool_call_id or ""
    why = (
        "the call is already answered, or its turn is over"
        if call_id in seen
        else "no earlier message made this call"
    )
    if notes.target.normalise.on_orphan_result == "error":
        raise InvalidRequestError(
            why,
            field=f"messages[{placed.index}].tool_call_id",
            value=call_id,
            remedy="Keep the assistant's message with its tool_calls right before the result, "
            'or set on_orphan_result="text"',
        )
    notes.warn(
        "orphan_result",
        f"the result of {call_id} was sent as text: {why}",
        index=placed.index,
        action="changed",
    )
    called = f"{message.name}, {call_id}" if message.name else call_id
    failed = ", which failed" if message.is_error else ""
    told = TextPart(text=f"Result of a tool call ({called}){failed}:\n")
    return before(placed, told, role="user", tool_call_id=None, name=None, is_error=False)


def tell_errors(turns: list[Placed], limits: Limits, _notes: Notes) -> list[Placed]:
    """That a call failed, in words where the wire has no field for it.

    Why: OpenAI and Ollama have none, nor has Writer's Palmyra on Bedrock; a model that does not
    know that its call failed takes the message of the error for an answer. Nothing is lost by it,
    so nothing is told.

    Source: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
    """
    if limits.result_errors:
        return turns
    told: list[Placed] = []
    for placed in turns:
        message = placed.message
        if message.role != "tool" or not message.is_error:
            told.append(placed)
            continue
        told.append(before(placed, TextPart(text="Error: "), is_error=False))
    return told
