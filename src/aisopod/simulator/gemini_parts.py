"""An answer as Google gives it: https://ai.google.dev/api/generate-content#v1beta.Part.

A scripted signature stands on the part after the thinking that carries it, as the service has it;
`ToolCall.fields["thoughtSignature"]` stands on its call. One that is no base64 is encoded.
An `OpaquePart` is a part as it stands, unless its kind names a field of the answer, such as
`promptFeedback`, or of the candidate, such as `groundingMetadata`.
"""

import base64
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from aisopod.simulator import gemini_rules as rules
from aisopod.simulator.gemini_signatures import signature_of
from aisopod.simulator.script import Asked, Content, Reply, pieces_of
from aisopod.simulator.wire import Fields, arguments_of, as_base64
from aisopod.types import (
    ImagePart,
    OpaquePart,
    TextPart,
    ThinkingPart,
    TokenUsage,
    ToolCall,
    sniff_media_type,
)

__all__ = ["Piece", "answered", "response", "so_far"]

_REASONS = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "PROHIBITED_CONTENT",
    "pause": "OTHER",
}
_TOP = frozenset({"promptFeedback", "modelStatus"})
_CANDIDATE = frozenset(
    {"citationMetadata", "groundingMetadata", "safetyRatings", "urlContextMetadata"}
)


class Piece(NamedTuple):
    """A part of the answer, and whether it is thinking and whether a reader sees it."""

    part: Fields
    thought: bool = False
    content: bool = True


def answered(reply: Reply, asked: Asked, *, whole: bool) -> Iterator[Piece]:
    """The parts, text cut as the stream gives it unless it is to be whole."""
    signature: str | None = None
    unsigned = rules.wants_signatures(asked.model)
    for item in reply.items:
        match item:
            case ThinkingPart(text=text, signature=given):
                signature = given or signature
                if asked.thinking and text:
                    for piece in [text] if whole else pieces_of(text, reply.chunk_chars):
                        yield Piece({"text": piece, "thought": True}, thought=True)
            case TextPart(text=text):
                yield from _text(text, signature, reply.chunk_chars, whole=whole)
                signature = None
            case ToolCall():
                own = (item.fields or {}).get("thoughtSignature") or signature
                # Of calls that come together only the first is signed.
                called = _call(item)
                made = _signature_of(called) if unsigned else None
                unsigned, signature = False, None
                yield Piece(_signed(called, own or made))
            case _:
                part = _raw(item)
                if part is not None:
                    yield Piece(_signed(part, signature))
                    signature = None
    if signature is not None:
        yield Piece(_signed({"text": ""}, signature), content=False)


def _text(text: str, signature: str | None, chunk_chars: int, *, whole: bool) -> Iterator[Piece]:
    if whole:
        yield Piece(_signed({"text": text}, signature))
        return
    for piece in pieces_of(text, chunk_chars):
        yield Piece({"text": piece})
    if signature is not None:
        # The signature of a text that was streamed comes behind it, on a part without text.
        yield Piece(_signed({"text": ""}, signature), content=False)


def _signed(part: Fields, signature: str | None) -> Fields:
    return part if signature is None else {**part, "thoughtSignature": as_base64(signature)}


def _signature_of(called: Fields) -> str:
    function = called["functionCall"]
    return signature_of({**function, "args": msgspec.json.decode(function["args"])})


def _call(call: ToolCall) -> Fields:
    function = {"id": call.id, "name": call.name, "args": arguments_of(call)}
    others = {name: value for name, value in (call.fields or {}).items() if name != "id"}
    others.pop("thoughtSignature", None)
    return {"functionCall": function, **others}


def _raw(item: Content) -> Fields | None:
    match item:
        case ImagePart(data=bytes() as data, media_type=given):
            kind = given or sniff_media_type(data) or "image/png"
            return {"inlineData": {"mimeType": kind, "data": base64.b64encode(data).decode()}}
        case ImagePart(url=str() as url, media_type=given):
            return {"fileData": {"mimeType": given or "image/png", "fileUri": url}}
        case OpaquePart(data=dict() as data, kind=kind) if kind not in _TOP | _CANDIDATE:
            return data
        case _:
            return None


def _beside(reply: Reply, names: frozenset[str]) -> Fields:
    """What the script puts beside the parts."""
    parts = [item for item in reply.items if isinstance(item, OpaquePart)]
    found: Fields = {part.kind: part.data for part in parts if part.kind in names}
    texts = [item for item in reply.items if isinstance(item, TextPart)]
    sources = [citation for text in texts for citation in text.citations or ()]
    if sources and "citationMetadata" in names:
        found.setdefault("citationMetadata", {"citationSources": sources})
    return found


def response(
    reply: Reply, asked: Asked, number: int, parts: list[Fields], usage: TokenUsage, *, last: bool
) -> Fields:
    """The whole answer, or one chunk of it with its parts and the counts up to there."""
    top = _beside(reply, _TOP) if last else {}
    candidate: Fields = {"index": 0}
    if parts:
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if last:
        reason = _REASONS.get(reply.reason, reply.reason)
        candidate |= {"finishReason": reason, **_beside(reply, _CANDIDATE)}
    # A prompt that was blocked has no candidate at all.
    blocked = "promptFeedback" in top and not parts
    return {
        **({} if blocked else {"candidates": [candidate]}),
        **top,
        "usageMetadata": _usage(usage),
        "modelVersion": asked.model,
        "responseId": f"sim-{number}",
    }


def so_far(usage: TokenUsage, pieces: list[Piece], index: int) -> TokenUsage:
    """The counts when as many pieces were sent: what a kind has used grows with its pieces."""
    kinds = [piece.thought for piece in pieces]
    thought, said = kinds[: index + 1].count(True), kinds[: index + 1].count(False)
    # Thinking that is not shown is over before the first piece.
    all_thought = kinds.count(True)
    reasoning = usage.reasoning_tokens
    if all_thought:
        reasoning = reasoning * thought // all_thought
    text = (usage.output_tokens - usage.reasoning_tokens) * said // max(1, kinds.count(False))
    return TokenUsage(
        input_tokens=usage.input_tokens,
        output_tokens=reasoning + text,
        cache_read_tokens=usage.cache_read_tokens,
        reasoning_tokens=reasoning,
        input_audio_tokens=usage.input_audio_tokens,
        cache_read_audio_tokens=usage.cache_read_audio_tokens,
    )


def _usage(usage: TokenUsage) -> Fields:
    """The wire's counts keep thinking apart from what was said, and leave out what is 0."""
    counts: Fields = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": usage.output_tokens - usage.reasoning_tokens,
        "totalTokenCount": usage.total_tokens,
        "cachedContentTokenCount": usage.cache_read_tokens,
        "thoughtsTokenCount": usage.reasoning_tokens,
    }
    written = usage.input_tokens - usage.input_audio_tokens
    details = [{"modality": "TEXT", "tokenCount": written}]
    if usage.input_audio_tokens:
        details.append({"modality": "AUDIO", "tokenCount": usage.input_audio_tokens})
    told: Fields = {name: count for name, count in counts.items() if count}
    if usage.output_audio_tokens:
        spoken = {"modality": "AUDIO", "tokenCount": usage.output_audio_tokens}
        told["candidatesTokensDetails"] = [spoken]
    if usage.cache_read_audio_tokens:
        cached = {"modality": "AUDIO", "tokenCount": usage.cache_read_audio_tokens}
        told["cacheTokensDetails"] = [cached]
    return {**told, "promptTokensDetails": details}
