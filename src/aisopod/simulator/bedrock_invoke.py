"""Anthropic's own wire inside of Bedrock's.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
"""

import base64
from collections.abc import Iterator

import msgspec
from multidict import CIMultiDict

from aisopod.simulator import bedrock_rules as rules
from aisopod.simulator.anthropic import AnthropicWire
from aisopod.simulator.responder import usage_of
from aisopod.simulator.script import Asked, Reply
from aisopod.simulator.wire import Call, Fields, Refusal

__all__ = ["Invoke"]

_VERSION = "bedrock-2023-05-31"


class Invoke:
    """What the service does about the body that it passes on, and about what comes back."""

    def __init__(self) -> None:
        self._wire = AnthropicWire()

    def read(self, call: Call, model: str, *, stream: bool) -> Asked:
        """What is asked of an Anthropic model.

        Raises:
            Refusal: it is none, or its own rules do not allow it.
        """
        asked = self._wire.read(_unwrapped(call, model, {"stream": stream}))
        return msgspec.structs.replace(asked, form="invoke")

    def count(self, call: Call, model: str, body: str) -> int:
        """The tokens of an encoded body."""
        try:
            inner = msgspec.json.decode(base64.b64decode(body, validate=True))
        except ValueError as error:
            raise Refusal(400, f"Malformed input request: {error}") from error
        asked = self._wire.read(_unwrapped(call._replace(body=inner), model, {}))
        return asked.words

    def plain(self, reply: Reply, asked: Asked, number: int) -> bytes:
        """The message."""
        return self._wire.plain(reply, asked, number)

    def chunks(self, reply: Reply, asked: Asked, number: int) -> Iterator[tuple[Fields, bool]]:
        """Each event without its name, in base64; pings stay behind."""
        usage = usage_of(reply, asked)
        cached = usage.cache_read_tokens + usage.cache_write_tokens
        for frame in self._wire.frames(reply, asked, number):
            data = frame.data.partition(b"\ndata: ")[2].strip()
            event = msgspec.json.decode(data)
            if event["type"] == "ping":
                continue
            if event["type"] == "message_stop":
                event["amazon-bedrock-invocationMetrics"] = {
                    "inputTokenCount": usage.input_tokens - cached,
                    "outputTokenCount": usage.output_tokens,
                    "invocationLatency": 5,
                    "firstByteLatency": 1,
                }
                data = msgspec.json.encode(event)
            yield {"bytes": base64.b64encode(data).decode()}, frame.content


def _unwrapped(call: Call, model: str, fields: Fields) -> Call:
    """The call as Anthropic's own address would get it."""
    body = dict(call.body)
    if not rules.is_claude(model) and not rules.is_opaque(model):
        raise Refusal(400, "Malformed input request: this model is not simulated here.")
    if body.pop("anthropic_version", None) != _VERSION:
        raise Refusal(400, f"anthropic_version: Input should be '{_VERSION}'")
    for name in ("model", "stream"):
        if name in body:
            raise Refusal(400, f"{name}: Extra inputs are not permitted")
    headers = CIMultiDict(call.headers)
    headers["anthropic-beta"] = ",".join(body.pop("anthropic_beta", ()))
    headers["anthropic-version"] = "2023-06-01"
    return call._replace(body={**body, "model": rules.family(model), **fields}, headers=headers)
