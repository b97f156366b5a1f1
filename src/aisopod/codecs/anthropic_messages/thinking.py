"""How much Claude is to think: https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking."""

from typing import Any

from aisopod.codecs.anthropic_messages.families import Family
from aisopod.errors import InvalidRequestError
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed, Prepared
from aisopod.types import ChatCompletionRequest, Message, Reasoning, ThinkingPart

__all__ = ["encode_thinking"]

Body = dict[str, Any]

_LEAST_BUDGET = 1_024
# A budget for each word of effort, for the generations that take budgets only.
_BUDGETS = {
    "minimal": 1_024,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 24_576,
    "max": 32_768,
}
_INTERLEAVED = "interleaved-thinking-2025-05-14"


def encode_thinking(body: Body, prepared: Prepared, family: Family, notes: Notes) -> dict[str, str]:
    """Thinking in the form of the model's generation.

    Args:
        body: gains `thinking` and `output_config.effort`; its `max_tokens` limits a budget.
        prepared: what is asked.
        family: the model's.
        notes: gathers what could not be carried.

    Returns:
        The beta header that it may need.

    Raises:
        InvalidRequestError: the budget does not fit.
        UnsupportedFeatureError: the model does not take what is asked.
    """
    request = prepared.request
    wish = request.reasoning
    if wish is None:
        return {}
    if wish.effort == "none":
        if family.off is None:
            notes.unsupported("reasoning.effort", "none", "the model always thinks", "Use low")
        elif family.thinking is not None:
            body["thinking"] = {"type": family.off}
        return {}
    if family.thinking is None:
        notes.unsupported("reasoning", wish, "the model does not think", "Leave it out")
        return {}
    thinking = _form(body, wish, family, notes)
    if thinking["type"] == "enabled" and _begun_otherwise(prepared.turns):
        notes.warn(
            "thinking_off",
            "thinking stays off until the turn ends: it did not begin with this model's thinking",
            field="reasoning",
            action="left_out",
        )
        return {}
    if wish.display:
        thinking["display"] = wish.display
    body["thinking"] = thinking
    if thinking["type"] == "enabled":
        _thinking_limits(body, request, notes)
        if family.interleaved_beta and request.tools:
            return {"anthropic-beta": _INTERLEAVED}
    return {}


def _begun_otherwise(turns: list[Placed]) -> bool:
    """Whether the turn under way began with anything but thinking.

    With a budget the wire wants thinking before the first call of a turn. One that was begun by
    another model, or without thinking, has none that could be put there.

    Source: https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#preserving-thinking-blocks
    """
    begun: Message | None = None
    after_results = False
    for message in (placed.message for placed in turns):
        if message.role == "assistant":
            begun, after_results = begun or message, False
        elif message.role == "tool":
            after_results = True
        elif message.role == "user" and not after_results:
            begun = None
    if begun is None:
        return False
    first = begun.parts[0] if begun.parts else None
    return not isinstance(first, ThinkingPart) or any(
        call.position == 0 for call in begun.tool_calls
    )


def _form(body: Body, wish: Reasoning, family: Family, notes: Notes) -> Body:
    budget = wish.budget_tokens
    if budget is not None and family.thinking == "adaptive":
        notes.unsupported(
            "reasoning.budget_tokens", budget, "the model takes no budget", "Use reasoning effort"
        )
        budget = None
    if budget is None and family.thinking in {"adaptive", "both"}:
        effort = _effort(wish, family, notes)
        if effort is not None:
            body.setdefault("output_config", {})["effort"] = effort
        return {"type": "adaptive"}
    if wish.effort in family.efforts:
        body.setdefault("output_config", {})["effort"] = wish.effort
    if budget is None:
        # The budget is part of max_tokens; half of it is left for the answer.
        budget = min(_BUDGETS[wish.effort or "medium"], body["max_tokens"] // 2)
        budget = max(_LEAST_BUDGET, budget)
    if budget < _LEAST_BUDGET or budget >= body["max_tokens"]:
        raise InvalidRequestError(
            f"a thinking budget lies between {_LEAST_BUDGET} and max_tokens ({body['max_tokens']})",
            field="reasoning.budget_tokens" if wish.budget_tokens else "max_tokens",
            value=budget if wish.budget_tokens else body["max_tokens"],
            remedy="Raise max_tokens, or choose another budget",
        )
    return {"type": "enabled", "budget_tokens": budget}


def _effort(wish: Reasoning, family: Family, notes: Notes) -> str | None:
    """The word of effort that the family takes; the nearest below where it lacks the top ones."""
    effort = wish.effort
    if effort is None or effort in family.efforts:
        return effort
    if effort == "minimal":
        notes.warn("effort", "minimal effort was sent as low: the wire has no less")
        return "low"
    notes.unsupported(
        "reasoning.effort",
        effort,
        f"the model takes {', '.join(family.efforts)}",
        "Choose one of those",
    )
    return None


def _thinking_limits(body: Body, request: ChatCompletionRequest, notes: Notes) -> None:
    """https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#feature-compatibility."""
    if request.temperature not in (None, 1, 1.0):
        notes.unsupported(
            "temperature", request.temperature, "with thinking only 1 is taken", "Leave it out"
        )
        body.pop("temperature", None)
