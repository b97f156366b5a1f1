"""What the dialects' readings of failures share: bodies, waiting times, sizes of prompts."""

import math
import re
from collections.abc import Mapping
from typing import Any

from aisopod.codecs.codec import UNREADABLE
from aisopod.types.json_text import read_text

__all__ = [
    "as_count",
    "as_dict",
    "as_dicts",
    "as_status",
    "as_text",
    "context_numbers",
    "describe_foreign",
    "failed",
    "read_http_date",
    "read_json",
    "read_retry_after",
    "read_seconds",
]


def read_json(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """The body's value, or None where it is no JSON."""
    try:
        return read_text(body.decode())
    except UNREADABLE:
        return None


def as_dict(value: object) -> dict[str, Any]:
    """The object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def as_dicts(value: object) -> list[dict[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def as_text(value: object) -> str:
    """The text, or an empty one in place of anything else."""
    return value if isinstance(value, str) else ""


def as_count(value: object) -> int | None:
    """A number of tokens, or None."""
    return value if isinstance(value, int) else None


def failed(status: int | None) -> int | None:
    """The status of a refusal; None for one inside an answer that began well."""
    return status if status is not None and status >= 400 else None


def as_status(value: object) -> int | None:
    """An HTTP status of a failure that a body names, as a number or as digits."""
    if isinstance(value, str) and re.fullmatch("[45][0-9]{2}", value):
        value = int(value)
    return value if isinstance(value, int) and 400 <= value <= 599 else None


def describe_foreign(status: int | None, body: bytes) -> str:
    """What to say of a body that is not the wire's: a proxy's page, or nothing."""
    start = body[:120].decode("utf-8", "replace").strip()
    kind = "an empty body" if not start else f"a body that is not the API's: {start!r}"
    hint = "; is base_url right?" if status == 404 else ""
    return f"{f'HTTP {status}' if status else 'an error'} with {kind}{hint}"


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: the milliseconds header, or the standard one (RFC 9110, section 10.2.3).

    Dates are held against the response's own, so that no clock is needed here.
    """
    milliseconds = read_seconds(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    told = headers.get("retry-after", "")
    seconds = read_seconds(told)
    if seconds is not None:
        return seconds
    moment, now = read_http_date(told), read_http_date(headers.get("date", ""))
    return None if moment is None or now is None else max(moment - now, 0.0)


def read_seconds(value: str) -> float | None:
    """A number of seconds that one can wait."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None


def read_http_date(value: str) -> float | None:
    """Seconds since the epoch of an HTTP date."""
    if "," not in value:
        return None
    from email.utils import parsedate_to_datetime  # slow to import, and only failures need it

    try:
        return parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


# In plain digits, or with commas between thousands; one of more digits is no number of tokens.
_NUMBER = "(?<![0-9,])(?P<{}>[0-9]{{1,3}}(?:,[0-9]{{3}})+|[0-9]{{1,12}})(?![0-9])"
_LIMIT, _SIZE, _MORE = (_NUMBER.format(name) for name in ("limit", "size", "more"))
# Sentences with both numbers. `more` is what may be generated, where it is told apart from the
# prompt. The answers that show them are the cases of the tests, each with its source.
_BOTH = (
    rf"too long: {_SIZE} tokens? > {_LIMIT}",  # Anthropic
    rf"too long: {_SIZE}, [^0-9]{{1,60}}{_LIMIT}",  # Ollama, Fireworks
    rf"exceed context limit: {_SIZE} \+ {_MORE} > {_LIMIT}",  # Anthropic
    rf"\({_MORE} > {_LIMIT} - {_SIZE}\)",  # vLLM
    # Gemini, llama.cpp, SGLang, vLLM, Poolside
    rf"{_SIZE}(?: tokens?)?\)? (?:exceeds?|is longer than|is too long)[^0-9]{{1,60}}{_LIMIT}",
    rf"token count is {_SIZE} but [^0-9]{{1,60}}{_LIMIT}",  # Vertex AI
    rf"max input tokens: {_LIMIT}, [^0-9]{{1,60}}{_SIZE}",  # Titan
    rf"must be <= {_LIMIT}\. Given: {_SIZE} [^0-9]{{1,60}}{_MORE}",  # TGI, Together
    rf"n_keep: {_SIZE} ?>= ?n_ctx: {_LIMIT}",  # LM Studio
    rf"token limit: {_LIMIT} \(requested: {_SIZE}\)",  # Moonshot
    rf"current length is {_SIZE} while limit is {_LIMIT}",  # Cerebras
)
_LIMITS = (
    rf"length should be \[[0-9]+, ?{_LIMIT}\]",
    # "by 500 tokens" is neither: it is by how much the prompt is too long.
    rf"(?:context|prompt|input|model) (?:length|window|size)[^0-9]{{0,30}}?(?<!by ){_LIMIT}",
    rf"with {_LIMIT} maximum context length",
    rf"(?:configured limit of|max size:|number of tokens allowed|limit for this model is) \(?{_LIMIT}",
)
_SIZES = (
    rf"total of (?:at least )?{_SIZE} tokens",
    (
        r"(?:requested|resulted in|request has|contains|prompt of|keep the first)\s+"
        rf"(?:about |at least )?{_SIZE}(?: input)? tokens"
    ),
)


def context_numbers(text: str) -> tuple[int | None, int | None]:
    """The window and what was asked for, in tokens, as far as a message tells them."""
    for pattern in _BOTH:
        if found := re.search(pattern, text, re.IGNORECASE):
            told = found.groupdict()
            return _number(told["limit"]), _number(told["size"]) + _number(told.get("more", "0"))
    return _first_number(_LIMITS, text), _first_number(_SIZES, text)


def _first_number(patterns: tuple[str, ...], text: str) -> int | None:
    found = (re.search(pattern, text, re.IGNORECASE) for pattern in patterns)
    return next((_number(match[1]) for match in found if match), None)


def _number(digits: str) -> int:
    return int(digits.replace(",", ""))
