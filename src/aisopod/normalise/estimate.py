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

__all__ = ["FEWEST_PER_FILE", "count_bytes", "estimate_tokens", "estimate_usage", "most_tokens"]

_WRITTEN = (TextPart, ThinkingPart, OpaquePart)

# English has some four letters to a token. In other scripts a letter has more bytes and more
# tokens at once, which is why bytes are counted: https://github.com/openai/tiktoken.
BYTES_PER_TOKEN = 4
# What begins and ends a message.
TOKENS_PER_MESSAGE = 4
# A picture of a million pixels, https://platform.claude.com/docs/en/build-with-claude/vision;
# other vendors take less. A page or a few seconds of sound are of that order.
TOKENS_PER_FILE = 1_600
# The least that a picture takes anywhere, OpenAI's of low detail:
# https://platform.openai.com/docs/guides/images-vision#calculating-costs.
FEWEST_PER_FILE = 85


def count_bytes(text: str) -> int:
    """Tokens of a text, from its length."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def most_tokens(request: ChatCompletionRequest) -> int:
    """More tokens than the prompt has, without a closer look: it is taken at every request.

    No tokenizer makes more than one token of a byte, nor more than four bytes of a character.
    """
    most = TOKENS_PER_MESSAGE * len(request.messages)
    for message in request.messages:
        content = message.content
        if content.__class__ is str:
            most += _most_in(content)
        else:
            most += sum(map(_most_of, message.parts))
        for call in message.tool_calls:
            most += len(call.name) + 1 + _most_in(call.arguments)
    if request.tools or request.response_format is not None:
        most += sum(map(_most_in, _described(request)))
    return most


def _most_in(text: str) -> int:
    return len(text) if text.isascii() else 4 * len(text)


def _most_of(part: Part) -> int:
    return _most_in(_text_of(part)) if isinstance(part, _WRITTEN) else TOKENS_PER_FILE


def estimate_tokens(
    request: ChatCompletionRequest,
    count: Callable[[str], int] = count_bytes,
    per_file: int = TOKENS_PER_FILE,
) -> int:
    """Tokens of the prompt, roughly: by the texts, and a fixed number for each file.

    Args:
        request: what is to be asked.
        count: tokens of a text.
        per_file: tokens of a file.
    """
    files = sum(
        not isinstance(part, _WRITTEN) for message in request.messages for part in message.parts
    )
    return (
        sum(count(text) for text in _texts(request))
        + TOKENS_PER_MESSAGE * len(request.messages)
        + per_file * files
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
    yield from _described(request)


def _described(request: ChatCompletionRequest) -> Iterator[str]:
    """What the model reads of tools, and of the form of its answer."""
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
