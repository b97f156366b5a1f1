"""Converse: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html.

A block scripted as an `OpaquePart` stands whole in a plain answer, and is one delta of a stream.
"""

import base64
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import msgspec

from aisopod.simulator import bedrock_rules as rules
from aisopod.simulator.anthropic_binding import binding_of, signature_of
from aisopod.simulator.responder import usage_of
from aisopod.simulator.script import Asked, Content, Reply, pieces_of
from aisopod.simulator.wire import Fields, arguments_of, as_base64, words
from aisopod.types import (
    ImagePart,
    OpaquePart,
    TextPart,
    ThinkingPart,
    ToolCall,
    sniff_media_type,
)

__all__ = ["Converse"]

_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
    "refusal": "content_filtered",
}
_Sign = Callable[[str], str]

_STOP = "/stop_sequence"
_METRICS = {"latencyMs": 5}


class Event(NamedTuple):
    """An event of the stream, and whether a reader sees content in it."""

    kind: str
    payload: Fields
    content: bool = False


class _Block(NamedTuple):
    """A block of the answer: whole, as it starts in a stream if it does, and what follows."""

    whole: Fields
    start: Fields | None
    deltas: list[Fields]


class Converse:
    """Its requests and answers; it knows its signatures again."""

    def __init__(self) -> None:
        self._issued: dict[str, set[str]] = {}

    def read(self, body: Fields, model: str, *, stream: bool) -> Asked:
        """What is asked, by the documented rules."""
        rules.check(body, model, self._issued)
        messages, config = body["messages"], body.get("inferenceConfig") or {}
        choice = (body.get("toolConfig") or {}).get("toolChoice") or {}
        forced = choice["tool"]["name"] if "tool" in choice else None
        return Asked(
            model=model,
            stream=stream,
            prompt=_last_text(messages),
            tool_result=_last_result(messages[-1]["content"]),
            tools=_tools(body),
            forced_tool="" if "any" in choice else forced,
            schema=_schema(body),
            thinking=rules.thinks(body.get("additionalModelRequestFields") or {}),
            max_tokens=config.get("maxTokens"),
            stop=config.get("stopSequences") or [],
            words=_size(body),
            tell_stop=_STOP in (body.get("additionalModelResponseFieldPaths") or ()),
            form="converse",
            binding=binding_of(rules.family(model), rules.head_of(body), messages),
        )

    def count(self, body: Fields, model: str) -> int:
        """The tokens of a request."""
        rules.check_count(body, model, self._issued)
        return _size(body)

    def plain(self, reply: Reply, asked: Asked) -> bytes:
        """The answer."""
        content = [block.whole for block in self._blocks(reply, asked)]
        return msgspec.json.encode(
            {
                "output": {"message": {"role": "assistant", "content": content}},
                **_ending(reply, asked),
                "usage": _usage(reply, asked),
                "metrics": _METRICS,
            }
        )

    def events(self, reply: Reply, asked: Asked) -> Iterator[Event]:
        """The events in order; the counts come behind the end of the message."""
        yield Event("messageStart", {"role": "assistant"})
        for index, block in enumerate(self._blocks(reply, asked)):
            place: Fields = {"contentBlockIndex": index}
            if block.start is not None:
                yield Event("contentBlockStart", {**place, "start": block.start})
            for delta in block.deltas:
                shown = "signature" not in delta.get("reasoningContent", {})
                yield Event("contentBlockDelta", {**place, "delta": delta}, shown)
            yield Event("contentBlockStop", place)
        yield Event("messageStop", _ending(reply, asked))
        yield Event("metadata", {"usage": _usage(reply, asked), "metrics": _METRICS})

    def _blocks(self, reply: Reply, asked: Asked) -> list[_Block]:
        signs = rules.is_claude(asked.model)
        sign = partial(signature_of, binding=asked.binding) if signs else None
        found = (_block(item, reply.chunk_chars, sign) for item in reply.items)
        blocks = [block for block in found if block is not None]
        for block in blocks:
            told = block.whole.get("reasoningContent", {}).get("reasoningText", {})
            if "signature" in told:
                self._issued.setdefault(told["signature"], set()).add(told["text"])
        return blocks


def _block(item: Content, chunk_chars: int, sign: _Sign | None) -> _Block | None:
    match item:
        case TextPart(text=text, citations=citations):
            deltas: list[Fields] = [{"text": piece} for piece in pieces_of(text, chunk_chars)]
            deltas += [{"citation": citation} for citation in citations or ()]
            told = {"content": [{"text": text}], "citations": citations}
            return _Block({"citationsContent": told} if citations else {"text": text}, None, deltas)
        case ThinkingPart(redacted=str() as redacted):
            hidden = {"reasoningContent": {"redactedContent": as_base64(redacted)}}
            return _Block(hidden, None, [hidden])
        case ThinkingPart():
            return _thinking(item, chunk_chars, sign)
        case ToolCall(id=identity, name=name, arguments=text):
            use = {"toolUseId": identity, "name": name}
            # The input of a call without arguments never comes.
            pieces = [] if text in {"", "{}"} else pieces_of(text, chunk_chars or 12)
            deltas = [{"toolUse": {"input": piece}} for piece in pieces]
            whole = {"toolUse": {**use, "input": arguments_of(item)}}
            return _Block(whole, {"toolUse": use}, deltas)
        case ImagePart(data=bytes() as data, media_type=given):
            kind = (given or sniff_media_type(data) or "image/png").removeprefix("image/")
            source = {"source": {"bytes": base64.b64encode(data).decode()}}
            image = {"image": {"format": kind, **source}}
            return _Block(image, {"image": {"format": kind}}, [{"image": source}])
        case OpaquePart(data=dict() as data):
            return _Block(data, None, [data])
        case _:
            return None


def _thinking(item: ThinkingPart, chunk_chars: int, sign: _Sign | None) -> _Block:
    """Models of other makers than Anthropic do not sign."""
    signature = item.signature or (sign(item.text) if sign else None)
    told = {"text": item.text}
    deltas: list[Fields] = [{"text": piece} for piece in pieces_of(item.text, chunk_chars)]
    if signature is not None:
        told["signature"] = signature
        deltas.append({"signature": signature})
    whole = {"reasoningContent": {"reasoningText": told}}
    return _Block(whole, None, [{"reasoningContent": delta} for delta in deltas])


def _ending(reply: Reply, asked: Asked) -> Fields:
    reason = _REASONS.get(reply.reason, reply.reason)
    if reason == "end_turn" and reply.stop_sequence is not None:
        reason = "stop_sequence"
    ending: Fields = {"stopReason": reason}
    if asked.tell_stop:
        # A field of the model's own answer, which the request names by its path.
        ending["additionalModelResponseFields"] = {"stop_sequence": reply.stop_sequence}
    return ending


def _usage(reply: Reply, asked: Asked) -> Fields:
    """The wire's counts leave cached tokens out of the input, but not out of the total."""
    usage = usage_of(reply, asked)
    read, written = usage.cache_read_tokens, usage.cache_write_tokens
    counts: Fields = {
        "inputTokens": usage.input_tokens - read - written,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
    }
    if read or written:
        counts |= {"cacheReadInputTokens": read, "cacheWriteInputTokens": written}
    if usage.cache_write_1h_tokens:
        counts["cacheDetails"] = [{"ttl": "1h", "inputTokens": usage.cache_write_1h_tokens}]
    return counts


def _tools(body: Fields) -> dict[str, Fields]:
    tools = (body.get("toolConfig") or {}).get("tools") or []
    specs = [tool["toolSpec"] for tool in tools if "toolSpec" in tool]
    return {spec["name"]: spec["inputSchema"]["json"] for spec in specs}


def _schema(body: Fields) -> Fields | None:
    form = (body.get("outputConfig") or {}).get("textFormat")
    if form is None:
        return None
    schema: Fields = msgspec.json.decode(form["structure"]["jsonSchema"]["schema"])
    return schema


def _last_text(messages: list[Fields]) -> str:
    for message in reversed(messages):
        if message["role"] == "user":
            texts = [block["text"] for block in message["content"] if "text" in block]
            if texts:
                return str(texts[-1])
    return ""


def _last_result(content: list[Fields]) -> str | None:
    for block in reversed(content):
        if "toolResult" in block:
            return " ".join(_told(inner) for inner in block["toolResult"]["content"])
    return None


def _told(block: Fields) -> str:
    if "json" in block:
        return msgspec.json.encode(block["json"]).decode()
    return str(block.get("text", ""))


def _size(body: Fields) -> int:
    content = [message["content"] for message in body.get("messages") or []]
    return words([body.get("system"), content, body.get("toolConfig")])
