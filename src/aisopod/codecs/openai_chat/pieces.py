"""What is gathered over the chunks of one response: tool calls, and blocks that go back whole."""

import base64
from typing import Any

from aisopod.codecs.openai_chat.schema import CallPiece, Custom, Delta, Function
from aisopod.types import OpaquePart, Part, ToolCallDelta

__all__ = ["CallTracker", "Keeper", "reasoning_text"]

_JOINED = ("text", "summary", "data")
_KEPT = ("extra_content", "thought_signature")


class _Call:
    """One call under way."""

    __slots__ = ("arguments", "id", "name", "position")

    def __init__(self, position: int, id_: str) -> None:
        self.position = position
        self.id = id_
        self.name = ""
        self.arguments = False


class CallTracker:
    """Tells which pieces belong to one call, over the habits of many servers.

    OpenAI: the first piece has index, id and name, later ones only the index. Others leave the
    index out or at 0, repeat id and name, send `""` for later ids, or whole calls at once.
    """

    __slots__ = ("_by_index", "_calls", "_provider")

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._by_index: dict[int, _Call] = {}
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def read(self, pieces: list[CallPiece], response_id: str) -> list[ToolCallDelta] | None:
        """The deltas of these pieces; None when they say nothing."""
        deltas = [
            delta for piece in pieces if (delta := self._read(piece, response_id)) is not None
        ]
        return deltas or None

    def _read(self, piece: CallPiece, response_id: str) -> ToolCallDelta | None:
        custom = piece.custom if piece.function is None or piece.type == "custom" else None
        name, text = _texts(custom or piece.function)
        call = self._find(piece, name, text)
        first = call is None
        if call is None:
            if not (name or text or piece.id):
                return None  # an empty placeholder, as Snowflake sends
            call = self._begin(piece, response_id)
        new_name = name if name and not call.name else None
        call.name = call.name or name
        call.arguments = call.arguments or bool(text)
        fields = _call_fields(piece, custom=first and custom is not None)
        if not (first or new_name or text or fields):
            return None
        return ToolCallDelta(
            index=call.position,
            id=call.id if first else None,
            name=new_name,
            arguments=text,
            provider=self._provider if fields else None,
            fields=fields,
        )

    def _find(self, piece: CallPiece, name: str, text: str) -> _Call | None:
        """The call that a piece goes on with; None when it begins one."""
        if piece.index is None:
            if piece.id:
                known = [call for call in self._calls if call.id == piece.id]
                return known[0] if known else (None if name else self._last())
            return None if name else self._last()
        call = self._by_index.get(piece.index)
        if call is None or not name:
            return call
        if piece.id and piece.id != call.id:
            return None  # another call under the same index
        # A whole second call under the same index, without an id to tell it by.
        return None if not piece.id and call.arguments and text.startswith("{") else call

    def _last(self) -> _Call | None:
        return self._calls[-1] if self._calls else None

    def _begin(self, piece: CallPiece, response_id: str) -> _Call:
        position = len(self._calls)
        id_ = piece.id or made_id(response_id, position)
        if any(call.id == id_ for call in self._calls):
            id_ = f"{id_}_{position}"  # an answer could not tell them apart
        call = _Call(position, id_)
        self._calls.append(call)
        if piece.index is not None:
            self._by_index[piece.index] = call
        return call


def made_id(response_id: str, position: int) -> str:
    """An id for a call that the wire gave none, the same for stream and plain response."""
    tail = "".join(char for char in response_id if char.isascii() and char.isalnum())[-24:]
    return f"call_{tail}_{position}" if tail else f"call_{position}"


def _texts(body: Function | Custom | None) -> tuple[str, str]:
    if body is None:
        return "", ""
    text = body.arguments if isinstance(body, Function) else body.input
    return body.name or "", text or ""


def _call_fields(piece: CallPiece, *, custom: bool) -> dict[str, Any] | None:
    fields = {name: value for name in _KEPT if (value := getattr(piece, name)) is not None}
    if custom:
        fields["type"] = "custom"
    return fields or None


class Keeper:
    """Keeps the blocks that the provider wants back, whole, until the response ends."""

    __slots__ = ("_annotations", "_audio", "_details", "_executed", "_fields", "_provider")

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._details: list[Any] = []
        self._annotations: list[Any] = []
        self._executed: list[Any] = []
        self._audio: dict[str, Any] = {}
        self._fields: dict[str, Any] = {}

    def add(self, delta: Delta) -> None:
        """Take in what a chunk adds."""
        for detail in delta.reasoning_details or ():
            self._add_detail(detail)
        if delta.annotations:
            self._annotations.extend(delta.annotations)
        if delta.executed_tools:
            self._add_executed(delta.executed_tools)
        if delta.audio:
            self._add_audio(delta.audio)
        for name in _KEPT:
            value = getattr(delta, name)
            if value is not None:
                self._fields[name] = value

    def take(self, message: Delta) -> None:
        """Take in a whole message, where there is nothing to join."""
        self._details = list(message.reasoning_details or ())
        self._annotations = list(message.annotations or ())
        self._executed = list(message.executed_tools or ())
        self._audio = {}
        self._add_audio(message.audio or {})
        self._fields = {
            name: value for name in _KEPT if (value := getattr(message, name)) is not None
        }

    @property
    def executed_tools(self) -> list[Any]:
        """Groq's tools that ran on its side, as far as they came."""
        return list(self._executed)

    def parts(self) -> list[Part] | None:
        """The kept blocks, once; None when there are none."""
        blocks: dict[str, Any] = {}
        if self._details:
            blocks["reasoning_details"] = self._details
        if self._annotations:
            blocks["annotations"] = self._annotations
        if self._audio.get("id"):
            blocks["audio"] = self._whole_audio()
        blocks.update(self._fields)
        self._details, self._annotations, self._audio, self._fields = [], [], {}, {}
        return [
            OpaquePart(provider=self._provider, kind=kind, data=data)
            for kind, data in blocks.items()
        ] or None

    def _add_detail(self, piece: Any) -> None:  # noqa: ANN401 - any JSON value
        """Join a piece to the detail it continues.

        https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks
        """
        if not isinstance(piece, dict):
            self._details.append(piece)
            return
        known = next((old for old in reversed(self._details) if _continues(old, piece)), None)
        if known is None:
            self._details.append(dict(piece))
            return
        for key, value in piece.items():
            if key in _JOINED and isinstance(value, str):
                known[key] = (known.get(key) or "") + value
            elif value not in (None, "") or key not in known:
                known[key] = value

    def _add_executed(self, pieces: list[Any]) -> None:
        """A later piece of the same index says all that the earlier one did, and more."""
        for piece in pieces:
            index = piece.get("index") if isinstance(piece, dict) else None
            at = next(
                (
                    position
                    for position, old in enumerate(self._executed)
                    if index is not None and old.get("index") == index
                ),
                None,
            )
            if at is None:
                self._executed.append(piece)
            else:
                self._executed[at] = {**self._executed[at], **piece}

    def _add_audio(self, piece: dict[str, Any]) -> None:
        for key, value in piece.items():
            if key == "data" and isinstance(value, str):
                self._audio.setdefault("data", []).append(value)
            elif key == "transcript" and isinstance(value, str):
                self._audio["transcript"] = self._audio.get("transcript", "") + value
            elif value is not None and key not in {"data", "transcript"}:
                self._audio[key] = value

    def _whole_audio(self) -> dict[str, Any]:
        """The audio with its data in one; each piece was padded on its own."""
        pieces = self._audio.get("data")
        if not pieces:
            return self._audio
        if len(pieces) == 1:
            return {**self._audio, "data": pieces[0]}
        try:
            data = base64.b64encode(b"".join(base64.b64decode(piece) for piece in pieces)).decode()
        except ValueError:
            data = "".join(pieces)
        return {**self._audio, "data": data}


def _continues(old: Any, piece: dict[str, Any]) -> bool:  # noqa: ANN401 - any JSON value
    """Whether a piece belongs to a detail: same type, and nothing that tells them apart."""
    if not isinstance(old, dict) or old.get("type") != piece.get("type"):
        return False
    return all(
        old.get(key) is None or piece.get(key) is None or old[key] == piece[key]
        for key in ("index", "id")
    )


def reasoning_text(delta: Delta) -> str:
    """The reasoning that a chunk shows, once, under whichever name it came."""
    first, second = delta.reasoning, delta.reasoning_content
    if first and second and first != second:
        return first + second
    if first or second:
        return first or second or ""
    # Snowflake shows it only here; OpenRouter repeats it in `reasoning`.
    pieces = [
        piece.get("text") or piece.get("summary")
        for piece in delta.reasoning_details or ()
        if isinstance(piece, dict)
    ]
    return "".join(piece for piece in pieces if isinstance(piece, str))
