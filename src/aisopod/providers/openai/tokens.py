"""Tokens of a text by OpenAI's own vocabulary: https://github.com/openai/tiktoken."""

import logging
from collections.abc import Callable

__all__ = ["text_counter"]

log = logging.getLogger("aisopod.providers")

NEWEST = "o200k_base"
"""The vocabulary of every model since gpt-4o."""


def text_counter(model: str) -> Callable[[str], int] | None:
    """What counts for a model; None without the extra `tiktoken`, or without its vocabulary.

    Blocks: the vocabulary is downloaded when it is first used.
    """
    try:
        import tiktoken
    except ImportError:
        return None
    try:
        try:
            encoding = tiktoken.encoding_for_model(model)
        except KeyError:
            encoding = tiktoken.get_encoding(NEWEST)
    except OSError as error:
        log.info("no vocabulary for %s (%s): tokens are told from lengths", model, error)
        return None
    # What looks like a control token is text here, as it is in a request.
    return lambda text: len(encoding.encode(text, disallowed_special=()))
