"""How many tokens a request may have, where nobody counts them exactly."""

from collections.abc import Callable, Iterator

import msgspec

from aisopod.types import (
    ChatCompletionRequest,
    JsonSchema,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    TokenUsage,
    Tool,
)

__all__ = ["count_bytes", "estimate_tokens", "estimate_usage"]

# English has some four letters to a token. In other scripts a letter has more bytes and more
# tokens at once, which is why bytes are counted: https://github.com/openai/tiktoken.
BYTES_PER_TOKEN = 4
# What begins and ends a message.
TOKENS_PER_MESSAGE = 4
# A picture of a million pixels, https://platform.claude.com/docs/en/build-with-claude/vision;
# other vendors take less. A page or a few seconds of sound are of that order.
TOKENS_PER_FILE = 1_600


def count_bytes(text: str) -> int:
    """Tokens of a text, from its length."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def estimate_tokens(
    request: ChatCompletionRequest, count: Callable[[str], int] = count_bytes
) -> int:
    """Tokens of the prompt, roughly: by the texts, and a fixed number for each file.

    Args:
        request: what is to be asked.
        count: tokens of a text.
    """
    files = sum(
        not isinstance(part, TextPart | ThinkingPart | OpaquePart)
        for message in request.messages
        for part in message.parts
    )
    return (
        sum(count(text) for text in _texts(request))
        + TOKENS_PER_MESSAGE * len(request.messages)
        + TOKENS_PER_FILE * files
    )


def estimate_usage(request: ChatCompletionRequest, answer: Message) -> TokenUsage | None:
    """What an answer used of which nobody will tell more; None where nothing of it came.

    Args:
        request: what was asked.
        answer: as much as came.
    """
    said = sum(count_bytes(text) for text in _texts_of(answer))
    if not said:
        return None
    return TokenUsage(
        input_tokens=estimate_tokens(request), output_tokens=said, quality="estimated"
    )


def _texts(request: ChatCompletionRequest) -> Iterator[str]:
    for message in request.messages:
        yield from _texts_of(message)
    for tool in request.tools or ():
        if isinstance(tool, Tool):
            yield f"{tool.name} {tool.description or ''} {_json(tool.parameters)}"
        else:
            yield _json(tool)
    if isinstance(request.response_format, JsonSchema):
        yield _json(request.response_format.schema)


def _texts_of(message: Message) -> Iterator[str]:
    if isinstance(message.content, str):
        yield message.content
    else:
        yield from (_text_of(part) for part in message.content)
    for call in message.tool_calls:
        yield f"{call.name} {call.arguments}"


def _text_of(part: Part) -> str:
    if isinstance(part, TextPart | ThinkingPart):
        return part.text
    return _json(part.data) if isinstance(part, OpaquePart) else ""


def _json(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()
