"""The one place where a request is fitted to a wire: every rule, in its order."""

from collections.abc import Callable

import msgspec

from aisopod.normalise.arguments import repair_arguments
from aisopod.normalise.hints import tell_hints
from aisopod.normalise.limits import Limits
from aisopod.normalise.media import move_media
from aisopod.normalise.notes import Notes
from aisopod.normalise.ownership import keep_own
from aisopod.normalise.placed import Placed, Prepared
from aisopod.normalise.results import order_results, tell_errors
from aisopod.normalise.shape import (
    begin_with_user,
    check_prefill,
    check_some_turn,
    drop_blank,
    place_system,
    tell_names,
    tell_refusals,
)
from aisopod.normalise.structured import fit_schema
from aisopod.normalise.tool_schemas import fit_parameters
from aisopod.normalise.words import check_names, fit_tool_ids, fitted_names, rename_tools
from aisopod.types import ChatCompletionRequest, OpaqueTool, Tool, ToolChoice

__all__ = ["STEPS", "Step", "prepare"]

Step = Callable[[list[Placed], Limits, Notes], list[Placed]]

# What is said of a message is said before what is empty goes, and of a result when its media are
# where they belong; results stand behind their calls before ids are told apart; what is empty goes before system messages find their place beside it;
# what is moved must have its place before the ends are looked at.
STEPS: tuple[Step, ...] = (
    order_results,
    fit_tool_ids,
    keep_own,
    repair_arguments,
    tell_refusals,
    tell_names,
    move_media,
    tell_errors,
    drop_blank,
    place_system,
    begin_with_user,
    check_prefill,
)


def prepare(request: ChatCompletionRequest, limits: Limits, notes: Notes) -> Prepared:
    """A request that the wire takes; the given one is not changed.

    Args:
        request: what is asked.
        limits: what the wire takes.
        notes: whom it is for; told of everything that is changed or left out.

    Raises:
        InvalidRequestError: it cannot be put on this wire.
        UnsupportedFeatureError: the model or host has no such thing.
    """
    tell_hints(request, limits, notes)
    turns = [Placed(index, message) for index, message in enumerate(request.messages)]
    request, turns, answer = fit_schema(request, turns, limits, notes)
    request = fit_parameters(request, answer.tool if answer else None, limits, notes)
    for step in STEPS:
        turns = step(turns, limits, notes)
    check_some_turn(turns, limits)
    names = _names(request, turns, limits)
    if not names:
        return Prepared(request=request, turns=turns, answer=answer)
    return Prepared(
        request=_renamed(request, names),
        turns=rename_tools(turns, names),
        tool_names={made: own for own, made in names.items()},
        answer=answer,
    )


def _names(request: ChatCompletionRequest, turns: list[Placed], limits: Limits) -> dict[str, str]:
    tools = [tool for tool in request.tools if isinstance(tool, Tool)]
    used = {call.name for placed in turns for call in placed.message.tool_calls}
    names = fitted_names([*(tool.name for tool in tools), *sorted(used)], limits.tool_names)
    check_names(tools, names)
    return names


def _renamed(request: ChatCompletionRequest, names: dict[str, str]) -> ChatCompletionRequest:
    tools: list[Tool | OpaqueTool] = [
        msgspec.structs.replace(tool, name=names.get(tool.name, tool.name))
        if isinstance(tool, Tool)
        else tool
        for tool in request.tools
    ]
    choice = request.tool_choice
    if isinstance(choice, ToolChoice):
        choice = ToolChoice(name=names.get(choice.name, choice.name))
    return msgspec.structs.replace(request, tools=tools, tool_choice=choice)
