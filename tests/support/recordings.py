"""Reads the recorded exchanges, where they are; they are never part of the project."""

import base64
import os
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from aisopod.types import ChatCompletionChunk, Message, MessageDelta, ResponseInfo

FOLDER = Path(
    os.environ.get(
        "AISOPOD_RECORDINGS",
        Path(__file__).resolve().parents[2].parent / "shared" / "recordings",
    )
)


class Recording(msgspec.Struct, frozen=True):
    """One real exchange. `expect` is what the vendor's SDK made of the same bytes."""

    source: str
    fidelity: str
    provider: str
    api: str
    stream: bool
    features: list[str]
    request: dict[str, Any]
    response: dict[str, Any]
    expect: dict[str, Any] | None = None
    name: str = ""

    @property
    def body(self) -> bytes:
        return base64.b64decode(self.response["body_b64"])

    @property
    def status(self) -> int:
        status: int = self.response["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): str(value) for name, value in self.response["headers"].items()}


@cache
def load_all() -> tuple[Recording, ...]:
    """Every recording, or none where the folder is absent."""
    decoder = msgspec.json.Decoder(Recording)
    return tuple(
        msgspec.structs.replace(
            decoder.decode(path.read_bytes()), name=f"{path.parent.name}/{path.stem}"
        )
        for path in sorted(FOLDER.glob("*/*.json"))
    )


def load(
    provider: str, *apis: str, stream: bool | None = None, wire: bool = False
) -> list[Recording]:
    """The recordings of a provider and its calls."""
    return [
        recording
        for recording in load_all()
        if recording.provider == provider
        and recording.api in apis
        and (stream is None or recording.stream == stream)
        and (not wire or recording.fidelity == "wire")
    ]


def opening(provider: str) -> ChatCompletionChunk:
    """The chunk with which the engine begins every answer."""
    info = ResponseInfo(provider=provider)
    return ChatCompletionChunk(id="", model="", delta=MessageDelta(), info=info)


def results_of(message: Message) -> list[Message]:
    """A result for each of the message's calls: without them no wire takes it back."""
    return [
        Message(role="tool", tool_call_id=call.id, name=call.name, content="done")
        for call in message.tool_calls
    ]
