"""Function calls of an answer: whole ones, and those whose arguments come in pieces."""

import hashlib
import re
from itertools import pairwise
from typing import Any

import msgspec

from aisopod.codecs.gemini_generate.schema import FunctionCall
from aisopod.errors import ProtocolError
from aisopod.types import ToolCallDelta

__all__ = ["Calls"]

_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")
_STEP = re.compile(
    r"""\.([A-Za-z_]\w*)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]"""
)


class Calls:
    """Numbers the calls of one response, and gives an id to those that have none.

    Attributes:
        count: how many there are so far.
    """

    __slots__ = ("_open", "_provider", "count")

    def __init__(self, provider: str) -> None:
        self.count = 0
        self._provider = provider
        self._open: dict[str, Any] | None = None

    def add(
        self, call: FunctionCall, signature: str | None, response_id: str, frame: bytes
    ) -> list[ToolCallDelta]:
        """What one part says of a call.

        Raises:
            ProtocolError: a piece of arguments belongs nowhere.
        """
        if self._open is not None and not call.name:
            return self._go_on(call, frame)
        arguments = bytes(call.args).decode()
        fields = {
            name: value
            for name, value in (("id", call.id), ("thoughtSignature", signature))
            if value
        }
        index = self.count
        self.count += 1
        started = ToolCallDelta(
            index=index,
            id=call.id or _made_id(response_id, index, call.name or "", arguments),
            name=call.name,
            arguments=arguments,
            provider=self._provider if fields else None,
            fields=fields or None,
        )
        self._open = {} if call.willContinue else None
        if call.partialArgs is None:
            return [started]
        self._open = {}
        return [started, *self._go_on(call, frame)]

    def _go_on(self, call: FunctionCall, frame: bytes) -> list[ToolCallDelta]:
        """Take in pieces of the open call's arguments; give them once they are whole.

        Source: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming-fc
        """
        arguments = self._open if self._open is not None else {}
        for piece in call.partialArgs or ():
            try:
                _put(arguments, str(piece["jsonPath"]), piece)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise ProtocolError(
                    "a piece of arguments belongs nowhere", dialect="gemini_generate", frame=frame
                ) from error
        if call.willContinue:
            return []
        self._open = None
        return [
            ToolCallDelta(index=self.count - 1, arguments=msgspec.json.encode(arguments).decode())
        ]


def _made_id(response_id: str, index: int, name: str, arguments: str) -> str:
    """An id where the wire has none: the same for the same answer, another in another."""
    seed = f"{response_id}|{index}|{name}|{arguments}".encode()
    return f"call_{hashlib.sha256(seed).hexdigest()[:16]}"


def _put(arguments: dict[str, Any], path: str, piece: dict[str, Any]) -> None:
    """Set or lengthen the value at a path such as `$.items[0].name`."""
    steps = _steps(path)
    holder: Any = arguments
    for step, following in pairwise(steps):
        holder = _child(holder, step, [] if isinstance(following, int) else {})
    name = next((name for name in _VALUES if name in piece), "nullValue")
    value = None if name == "nullValue" else piece[name]
    old = _child(holder, steps[-1], None)
    if isinstance(old, str) and isinstance(value, str):
        value = old + value
    holder[steps[-1]] = value


def _child(holder: Any, step: str | int, default: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(step, int):
        if step > len(holder):
            raise IndexError(step)
        if step == len(holder):
            holder.append(default)
        return holder[step]
    return holder.setdefault(step, default)


def _steps(path: str) -> list[str | int]:
    if not path.startswith("$"):
        raise ValueError(path)
    steps: list[str | int] = []
    end = 1
    while end < len(path):
        match = _STEP.match(path, end)
        if match is None:
            raise ValueError(path)
        end = match.end()
        if match[2] is not None:
            steps.append(int(match[2]))
        else:
            quoted = match[3] if match[3] is not None else match[4]
            steps.append(match[1] or re.sub(r"\\(.)", r"\1", quoted))
    if not steps:
        raise ValueError(path)
    return steps
