"""The wire's objects, in its own names: https://ai.google.dev/api/generate-content#response-body.

The wire is proto3's JSON: whatever has its default value may be missing.
"""

from typing import Any

import msgspec

__all__ = [
    "Blob",
    "Candidate",
    "Content",
    "DetailedUsage",
    "FunctionCall",
    "Modality",
    "Part",
    "Piece",
    "Response",
    "Usage",
]


class FunctionCall(msgspec.Struct, gc=False):
    """A call; whole, or with `willContinue` and `partialArgs` a piece of one."""

    name: str | None = None
    id: str | None = None
    args: msgspec.Raw = msgspec.Raw()
    willContinue: bool = False  # noqa: N815
    partialArgs: list[dict[str, Any]] | None = None  # noqa: N815


class Blob(msgspec.Struct, gc=False):
    """Bytes, in base64."""

    mimeType: str = ""  # noqa: N815
    data: str = ""


class Part(msgspec.Struct, gc=False):
    """A piece of the answer; what is none of these is read from the frame once more."""

    text: str | None = None
    thought: bool = False
    thoughtSignature: str | None = None  # noqa: N815
    functionCall: FunctionCall | None = None  # noqa: N815
    inlineData: Blob | None = None  # noqa: N815


class Content(msgspec.Struct, gc=False):
    """The next parts of the answer."""

    parts: list[Part] | None = None


class Candidate(msgspec.Struct, gc=False):
    """One choice of the answer."""

    content: Content | None = None
    finishReason: str | None = None  # noqa: N815
    index: int = 0


class Modality(msgspec.Struct, gc=False):
    """Tokens of one kind of content."""

    modality: str = ""
    tokenCount: int = 0  # noqa: N815


class Usage(msgspec.Struct, gc=False):
    """Token counts so far: each replaces the one before. Zeros may be left out."""

    promptTokenCount: int | None = None  # noqa: N815
    cachedContentTokenCount: int = 0  # noqa: N815
    candidatesTokenCount: int | None = None  # noqa: N815
    thoughtsTokenCount: int = 0  # noqa: N815
    toolUsePromptTokenCount: int = 0  # noqa: N815
    totalTokenCount: int | None = None  # noqa: N815


class DetailedUsage(Usage):
    """The same, with counts by kind of content; not read of every piece of text."""

    promptTokensDetails: list[Modality] | None = None  # noqa: N815
    toolUsePromptTokensDetails: list[Modality] | None = None  # noqa: N815
    candidatesTokensDetails: list[Modality] | None = None  # noqa: N815
    cacheTokensDetails: list[Modality] | None = None  # noqa: N815


class Response(msgspec.Struct, gc=False):
    """One event of a stream, or a plain answer."""

    candidates: list[Candidate] | None = None
    usageMetadata: DetailedUsage | None = None  # noqa: N815
    modelVersion: str = ""  # noqa: N815
    responseId: str = ""  # noqa: N815
    promptFeedback: Any = None  # noqa: N815
    error: Any = None


class TextPart(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A piece of text or of a thought, and nothing else."""

    text: str
    thought: bool = False


class TextContent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The next pieces."""

    parts: list[TextPart]
    role: str = ""


class TextCandidate(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A candidate that goes on."""

    content: TextContent
    index: int = 0


class Piece(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The common event: text in the middle of an answer. Whatever says more does not fit."""

    candidates: list[TextCandidate]
    usageMetadata: Usage | None = None  # noqa: N815
    modelVersion: str = ""  # noqa: N815
    responseId: str = ""  # noqa: N815
    createTime: str = ""  # noqa: N815
