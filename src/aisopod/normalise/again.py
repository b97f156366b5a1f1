"""The request that follows an answer that does not fit what was asked for."""

import msgspec

from aisopod.normalise.answers import ANSWERED_IN_TEXT
from aisopod.normalise.structured import ANSWER_CALL, WRAPPED, answer_tool, is_object
from aisopod.types import (
    ChatCompletion,
    ChatCompletionRequest,
    JsonSchema,
    Message,
    TextPart,
    ToolCall,
)

__all__ = ["asked_again"]


def asked_again(
    request: ChatCompletionRequest, answer: ChatCompletion, problem: str
) -> ChatCompletionRequest:
    """The request with the answer to it and what is wrong with that.

    As the failed result of a call where the answer was one on the wire, since that is what the
    model remembers to have said; as the user's words else.
    """
    told = f"{problem}\n\nMend that and answer again."
    said: list[Message] = [answer.message, Message(role="user", content=told)]
    wish = request.response_format
    if isinstance(wish, JsonSchema) and _was_call(answer):
        text = answer.text
        call = ToolCall(
            id=ANSWER_CALL,
            name=answer_tool(request, wish),
            arguments=text if is_object(wish.schema) else f'{{"{WRAPPED}":{text}}}',
        )
        # Thinking must stay before the call that it led to.
        parts = [part for part in answer.message.parts if not isinstance(part, TextPart)]
        said = [
            msgspec.structs.replace(answer.message, content=parts, tool_calls=[call]),
            Message(role="tool", tool_call_id=call.id, name=call.name, content=told, is_error=True),
        ]
    return msgspec.structs.replace(request, messages=[*request.messages, *said])


def _was_call(answer: ChatCompletion) -> bool:
    rules = {warning.rule for warning in answer.warnings}
    return "schema_by_tool" in rules and ANSWERED_IN_TEXT not in rules
