"""Frames in which something has another type than OpenAI gives it; never on the hot path."""

from typing import Any

import msgspec

from aisopod.codecs.codec import UNREADABLE
from aisopod.codecs.openai_chat.schema import Chunk
from aisopod.errors import ProtocolError

__all__ = ["parse", "read_leniently"]

_DIALECT = "openai_chat"
_decode_any = msgspec.json.Decoder().decode


def parse(frame: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Any JSON value.

    Raises:
        ProtocolError: it is not JSON.
    """
    try:
        return _decode_any(frame)
    except UNREADABLE as error:
        raise ProtocolError(
            f"a frame is not JSON ({error})", dialect=_DIALECT, frame=frame
        ) from error


def read_leniently(frame: bytes) -> Chunk:
    """Read a frame in which something has another type than OpenAI gives it.

    Raises:
        ProtocolError: it cannot be read either way.
    """
    value = parse(frame)
    if not isinstance(value, dict):
        raise ProtocolError("a frame is not a JSON object", dialect=_DIALECT, frame=frame)
    mended = dict(value)
    mended["usage"] = _mended_usage(value.get("usage"))
    mended["x_groq"] = None
    if isinstance(value.get("choices"), list):
        mended["choices"] = [_mended_choice(choice) for choice in value["choices"]]
    for name in ("id", "model"):
        mended[name] = _as_text(value.get(name))
    try:
        return msgspec.convert(mended, Chunk, strict=False)
    except msgspec.ValidationError as error:
        raise ProtocolError(
            f"a frame has a field of another type ({error})", dialect=_DIALECT, frame=frame
        ) from error


def _mended_choice(choice: Any) -> Any:  # noqa: ANN401 - any JSON value
    if not isinstance(choice, dict):
        return choice
    mended = dict(choice)
    if not isinstance(choice.get("logprobs"), dict):  # a legacy server's list of numbers
        mended["logprobs"] = None
    mended["finish_reason"] = _as_text(choice.get("finish_reason"))
    for name in ("delta", "message"):
        if isinstance(choice.get(name), dict):
            mended[name] = _mended_message(choice[name])
    return mended


def _mended_message(message: dict[str, Any]) -> dict[str, Any]:
    mended = dict(message)
    if isinstance(message.get("content"), dict):
        mended["content"] = [message["content"]]
    if isinstance(message.get("tool_calls"), dict):
        mended["tool_calls"] = [message["tool_calls"]]
    if isinstance(mended.get("tool_calls"), list):
        mended["tool_calls"] = [
            {**call, "id": _as_text(call.get("id")), "function": _mended_function(call)}
            if isinstance(call, dict)
            else call
            for call in mended["tool_calls"]
        ]
    for name in ("reasoning", "reasoning_content", "refusal", "role"):
        mended[name] = _as_text(message.get(name))
    for name, kind in (("reasoning_details", list), ("annotations", list), ("audio", dict)):
        if not isinstance(message.get(name), kind):
            mended[name] = None
    return mended


def _mended_function(call: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    """Arguments that came as an object become the JSON text that they should have been."""
    function = call.get("function")
    if not isinstance(function, dict):
        return function
    arguments = function.get("arguments")
    if arguments is None or isinstance(arguments, str):
        return function
    return {**function, "arguments": msgspec.json.encode(arguments).decode()}


def _mended_usage(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Counts that came as floats or texts become numbers; what is none is left out."""
    if not isinstance(value, dict):
        return None
    return {
        name: _mended_usage(count) if isinstance(count, dict) else _as_count(count)
        for name, count in value.items()
    }


def _as_count(value: Any) -> int | None:  # noqa: ANN401 - any JSON value
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def _as_text(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    if value is None or isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) else msgspec.json.encode(value).decode()
